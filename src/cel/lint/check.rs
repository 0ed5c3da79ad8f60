//! Infers the type of every node and collects what does not fit.
//!
//! Source: cel-go `checker/checker.go`, with macros typed as what they expand to.

use super::declarations;
use super::unify::{Substitution, most_general};
use super::{Env, Role};
use crate::cel::ast::{Call, Element, Entry, Field, Kind, Macro, MacroKind, Node};
use crate::cel::library::Overload;
use crate::cel::types::Type;
use crate::cel::value::Value;
use std::sync::Arc;

/// What was found: byte offset, message, and the version that would accept it.
pub(super) type Found = Vec<(usize, String, Option<u32>)>;

pub(super) struct Checker<'a> {
    pub env: &'a Env,
    role: Role,
    types: Substitution,
    locals: Vec<(Arc<str>, Type)>,
    found: Found,
    /// The elements of list and map literals with their types, for the check of literals.
    pub(super) literals: Vec<Vec<(usize, Type)>>,
}

impl<'a> Checker<'a> {
    pub fn new(env: &'a Env, role: Role) -> Self {
        Self { env, role, types: Substitution::default(), locals: Vec::new(), found: Vec::new(), literals: Vec::new() }
    }

    /// The settled result and everything found, in the order of the text.
    pub fn finish(mut self, result: Type) -> (Type, Found) {
        self.found.sort();
        self.found.dedup();
        (self.types.settle(&result), self.found)
    }

    pub(super) fn report(&mut self, at: usize, message: impl Into<String>) -> Type {
        self.found.push((at, message.into(), None));
        Type::Error
    }

    /// Reports what a later version, the one after `introduced`, accepts.
    fn report_newer(&mut self, at: usize, message: String, introduced: u32) -> Type {
        self.found.push((at, message, Some(introduced + 1)));
        Type::Error
    }

    pub(super) fn settle(&self, t: &Type) -> Type {
        self.types.settle(t)
    }

    fn undeclared(&mut self, at: usize, name: &str) -> Type {
        self.report(at, format!("undeclared reference to '{name}' (in container '')"))
    }

    fn mismatch(&mut self, at: usize, expected: &Type, found: &Type) -> Type {
        let (expected, found) = (self.types.settle(expected), self.types.settle(found));
        self.report(at, format!("expected type '{expected}' but found '{found}'"))
    }

    /// Whether something introduced in a minor version is accepted in new policies.
    fn offers(&self, introduced: u32) -> bool {
        introduced == 0 || introduced < self.env.version
    }

    pub fn check(&mut self, node: &Node) -> Type {
        let t = self.type_of(node);
        self.types.resolve(&t)
    }

    fn type_of(&mut self, node: &Node) -> Type {
        match &node.kind {
            Kind::Literal(value) => literal_type(value),
            Kind::Ident(name) => self.ident(name, node.at),
            Kind::Select { operand, field, optional } => {
                if *optional {
                    self.require_optionals(node.at);
                }
                self.select(operand, field, *optional, node.at)
            }
            Kind::Has { operand, field } => {
                self.select(operand, field, false, node.at);
                Type::Bool
            }
            Kind::Index { operand, index, optional } => self.index(operand, index, *optional, node.at),
            Kind::Not(operand) => {
                let t = self.check(operand);
                self.resolve_overload(node.at, "!_", false, &[(vec![Type::Bool], Type::Bool)], &[t])
            }
            Kind::And(terms) | Kind::Or(terms) => {
                for term in terms {
                    self.require_bool(term);
                }
                Type::Bool
            }
            Kind::Conditional(parts) => self.conditional(parts, node.at),
            Kind::Call(call) => self.call(call, node.at),
            Kind::List(elements) => self.list(elements),
            Kind::Map(entries) => self.map(entries),
            Kind::Struct { type_name, fields } => self.structure(type_name, fields, node.at),
            Kind::Macro(m) => self.expand(m),
        }
    }

    fn require_bool(&mut self, node: &Node) {
        let t = self.check(node);
        if !self.types.agree(&t, &Type::Bool) {
            self.mismatch(node.at, &Type::Bool, &t);
        }
    }

    fn require_optionals(&mut self, at: usize) {
        if !self.offers(28) {
            self.report_newer(at, "unsupported syntax '?'".into(), 28);
        }
    }

    fn ident(&mut self, name: &Arc<str>, at: usize) -> Type {
        let local = self.locals.iter().rev().find(|(local, _)| local == name).map(|(_, t)| t.clone());
        match local.or_else(|| declarations::name(self.env, self.role, name)) {
            Some(t) => t,
            None => self.undeclared(at, name),
        }
    }

    fn select(&mut self, operand: &Node, field: &str, optional: bool, at: usize) -> Type {
        let operand = self.check(operand);
        let (target, wrapped) = match operand {
            Type::Optional(inner) => ((*inner).clone(), true),
            other => (other, optional),
        };
        let selected = match &target {
            Type::Map(_, value) => (**value).clone(),
            Type::Object(name) => match declarations::field(self.env, name, field) {
                Some(t) => t,
                None => self.report(at, format!("undefined field '{field}'")),
            },
            Type::Var(_) => {
                self.types.agree(&Type::Dyn, &target);
                Type::Dyn
            }
            Type::Dyn | Type::Error => Type::Dyn,
            other => {
                let message = format!("type '{}' does not support field selection", self.types.settle(other));
                self.report(at, message);
                Type::Dyn
            }
        };
        if wrapped { Type::optional(selected) } else { selected }
    }

    fn index(&mut self, operand: &Node, index: &Node, optional: bool, at: usize) -> Type {
        let args = [self.check(operand), self.check(index)];
        if optional {
            self.require_optionals(at);
        }
        let (a, b) = (Type::Param("A".into()), Type::Param("B".into()));
        let list = Type::list(a.clone());
        let map = Type::map(a.clone(), b.clone());
        let mut overloads = vec![
            (vec![Type::optional(list.clone()), Type::Int], Type::optional(a.clone())),
            (vec![Type::optional(map.clone()), a.clone()], Type::optional(b.clone())),
        ];
        let wrap = |t: Type| if optional { Type::optional(t) } else { t };
        overloads.insert(0, (vec![list, Type::Int], wrap(a.clone())));
        overloads.insert(1, (vec![map, a], wrap(b)));
        let name = if optional { "_[?_]" } else { "_[_]" };
        self.resolve_overload(at, name, false, &overloads, &args)
    }

    fn conditional(&mut self, [condition, yes, no]: &[Node; 3], at: usize) -> Type {
        let args = [self.check(condition), self.check(yes), self.check(no)];
        let a = Type::Param("A".into());
        self.resolve_overload(at, "_?_:_", false, &[(vec![Type::Bool, a.clone(), a.clone()], a)], &args)
    }

    fn call(&mut self, call: &Call, at: usize) -> Type {
        let args: Vec<Type> = call.args.iter().map(|arg| self.check(arg)).collect();
        let Some(function) = call.function else {
            return self.undeclared(at, &call.name);
        };
        let root = call.name.split('.').next().unwrap_or_default();
        if root == "jsonpatch" && !self.role.is_mutation() {
            return self.undeclared(at, root);
        }
        let offered: Vec<&Overload> = function.overloads.iter().filter(|o| self.offers(o.introduced)).collect();
        if offered.is_empty() {
            let introduced = function.overloads.iter().map(|o| o.introduced).min().unwrap_or_default();
            let message = format!("undeclared reference to '{root}' (in container '')");
            return self.report_newer(at, message, introduced);
        }
        let fitting_style = offered.iter().filter(|overload| overload.signature.member == call.member);
        let overloads: Vec<_> = fitting_style
            .map(|overload| (overload.signature.params.clone(), overload.signature.result.clone()))
            .collect();
        self.resolve_overload(at, &call.name, call.member, &overloads, &args)
    }

    /// The result of all overloads that fit: theirs if they share one, else `dyn`.
    fn resolve_overload(
        &mut self,
        at: usize,
        name: &str,
        member: bool,
        overloads: &[(Vec<Type>, Type)],
        args: &[Type],
    ) -> Type {
        let mut result: Option<Type> = None;
        for (params, declared) in overloads.iter().filter(|(params, _)| params.len() == args.len()) {
            let mut types: Vec<&Type> = params.iter().collect();
            types.push(declared);
            let mut types = self.types.instantiate(&types);
            let Some(declared) = types.pop() else { continue };
            let pairs: Vec<(&Type, &Type)> = args.iter().zip(&types).collect();
            if !self.types.agree_all(&pairs) {
                continue;
            }
            let fitting = self.types.resolve(&declared);
            result = Some(match result {
                Some(earlier) if earlier != Type::Dyn && earlier != fitting => Type::Dyn,
                Some(earlier) => earlier,
                None => fitting,
            });
        }
        result.unwrap_or_else(|| self.no_overload(at, name, member, args))
    }

    fn no_overload(&mut self, at: usize, name: &str, member: bool, args: &[Type]) -> Type {
        let shown: Vec<String> = args.iter().map(|t| self.types.settle(t).to_string()).collect();
        let signature = match shown.split_first() {
            Some((receiver, rest)) if member => format!("{receiver}.({})", rest.join(", ")),
            _ => format!("({})", shown.join(", ")),
        };
        self.report(at, format!("found no matching overload for '{name}' applied to '{signature}'"))
    }

    fn list(&mut self, elements: &[Element]) -> Type {
        let mut joined: Option<Type> = None;
        let mut kinds = Vec::with_capacity(elements.len());
        for element in elements {
            let t = self.check(&element.value);
            let t = if element.optional { self.unwrap_optional(element.value.at, t) } else { t };
            kinds.push((element.value.at, t.clone()));
            joined = Some(self.join(element.value.at, joined, t));
        }
        self.literals.push(kinds);
        let element = joined.unwrap_or_else(|| self.types.fresh());
        Type::list(element)
    }

    fn map(&mut self, entries: &[Entry]) -> Type {
        let (mut keys, mut values) = (Vec::new(), Vec::new());
        let (mut key, mut value): (Option<Type>, Option<Type>) = (None, None);
        for entry in entries {
            let k = self.check(&entry.key);
            keys.push((entry.key.at, k.clone()));
            key = Some(self.join(entry.key.at, key, k));
            let v = self.check(&entry.value);
            let v = if entry.optional { self.unwrap_optional(entry.value.at, v) } else { v };
            values.push((entry.value.at, v.clone()));
            value = Some(self.join(entry.value.at, value, v));
        }
        self.literals.extend([keys, values]);
        let key = key.unwrap_or_else(|| self.types.fresh());
        let value = value.unwrap_or_else(|| self.types.fresh());
        Type::map(key, value)
    }

    fn unwrap_optional(&mut self, at: usize, t: Type) -> Type {
        match t {
            Type::Optional(inner) => (*inner).clone(),
            Type::Dyn => Type::Dyn,
            other => self.mismatch(at, &Type::optional(other.clone()), &other),
        }
    }

    fn join(&mut self, at: usize, earlier: Option<Type>, t: Type) -> Type {
        match earlier {
            None => t,
            Some(earlier) if self.types.agree(&earlier, &t) => most_general(earlier, t),
            Some(_) if self.env.version > super::literals::INTRODUCED => Type::Dyn,
            Some(earlier) => self.mismatch(at, &earlier, &t),
        }
    }

    fn structure(&mut self, type_name: &Arc<str>, fields: &[Field], at: usize) -> Type {
        if !declarations::is_struct(self.role, type_name) {
            return self.undeclared(at, type_name);
        }
        for field in fields {
            let t = self.check(&field.value);
            let t = if field.optional { self.unwrap_optional(field.value.at, t) } else { t };
            match declarations::field(self.env, type_name, &field.name) {
                None => {
                    self.report(field.at, format!("undefined field '{}'", field.name));
                }
                Some(declared) if !self.types.agree(&declared, &t) => {
                    let (name, t) = (&field.name, self.types.settle(&t));
                    let message = format!("expected type of field '{name}' is '{declared}' but provided type is '{t}'");
                    self.report(field.at, message);
                }
                Some(_) => {}
            }
        }
        Type::Object(type_name.clone())
    }

    fn expand(&mut self, m: &Macro) -> Type {
        if !self.offers(introduced(m)) {
            let message = format!("undeclared reference to '{}' (in container '')", m.variable);
            self.report_newer(m.range.at, message, introduced(m));
        }
        let range = self.check(&m.range);
        if matches!(m.kind, MacroKind::OptMap | MacroKind::OptFlatMap) {
            return self.optional_map(m, &range);
        }
        let Some((first, second)) = self.bound_types(m, &range) else {
            return Type::Error;
        };
        let key = first.clone();
        let depth = self.locals.len();
        self.locals.push((m.variable.clone(), first));
        self.locals.extend(m.second.clone().zip(second));
        let result = self.body(m, key, &range);
        self.locals.truncate(depth);
        result
    }

    /// The types of a macro's variables.
    fn bound_types(&mut self, m: &Macro, range: &Type) -> Option<(Type, Option<Type>)> {
        let two = m.second.is_some();
        match range {
            Type::List(element) if two => Some((Type::Int, Some((**element).clone()))),
            Type::List(element) => Some(((**element).clone(), None)),
            Type::Map(key, value) => Some(((**key).clone(), two.then(|| (**value).clone()))),
            Type::Dyn | Type::Error | Type::Var(_) => {
                self.types.agree(&Type::Dyn, range);
                Some((Type::Dyn, two.then_some(Type::Dyn)))
            }
            other => {
                let shown = self.types.settle(other);
                let message = format!(
                    "expression of type '{shown}' cannot be range of a comprehension (must be list, map, or dynamic)"
                );
                self.report(m.range.at, message);
                None
            }
        }
    }

    fn body(&mut self, m: &Macro, key: Type, range: &Type) -> Type {
        if let Some(filter) = &m.filter {
            self.guard(filter);
        }
        match m.kind {
            MacroKind::All | MacroKind::Exists => {
                self.require_bool(&m.body);
                Type::Bool
            }
            MacroKind::ExistsOne => {
                self.guard(&m.body);
                Type::Bool
            }
            MacroKind::Filter => {
                self.guard(&m.body);
                Type::list(key)
            }
            MacroKind::TransformMap => Type::map(key, self.check(&m.body)),
            MacroKind::TransformMapEntry => match self.check(&m.body) {
                entry @ (Type::Map(..) | Type::Dyn | Type::Error) => entry,
                other => {
                    self.no_overload(m.body.at, "cel.@mapInsert", false, &[Type::map(Type::Dyn, Type::Dyn), other])
                }
            },
            MacroKind::SortBy => {
                self.check(&m.body);
                range.clone()
            }
            _ => Type::list(self.check(&m.body)),
        }
    }

    /// The condition of a filter is that of a conditional.
    fn guard(&mut self, condition: &Node) {
        let t = self.check(condition);
        if !self.types.agree(&t, &Type::Bool) {
            let message = format!("expected type 'bool' but found '{}'", self.types.settle(&t));
            self.report(condition.at, message);
        }
    }

    fn optional_map(&mut self, m: &Macro, range: &Type) -> Type {
        let inner = match range {
            Type::Optional(inner) => (**inner).clone(),
            Type::Dyn | Type::Error | Type::Var(_) => Type::Dyn,
            other => return self.no_overload(m.range.at, "hasValue", true, std::slice::from_ref(other)),
        };
        self.locals.push((m.variable.clone(), inner));
        let body = self.check(&m.body);
        self.locals.pop();
        match (m.kind, body) {
            (MacroKind::OptMap, body) => Type::optional(body),
            (_, body @ (Type::Optional(_) | Type::Dyn | Type::Error)) => body,
            (_, other) => {
                let any = Type::optional(Type::Dyn);
                self.no_overload(m.body.at, "_?_:_", false, &[Type::Bool, other, any])
            }
        }
    }
}

/// The base environment that first had the macro.
fn introduced(m: &Macro) -> u32 {
    match m.kind {
        MacroKind::OptMap | MacroKind::OptFlatMap => 28,
        MacroKind::SortBy => 34,
        _ if m.second.is_some() => 32,
        _ => 0,
    }
}

fn literal_type(value: &Value) -> Type {
    match value {
        Value::Null => Type::Null,
        Value::Bool(_) => Type::Bool,
        Value::Int(_) => Type::Int,
        Value::Uint(_) => Type::Uint,
        Value::Double(_) => Type::Double,
        Value::String(_) => Type::String,
        Value::Bytes(_) => Type::Bytes,
        _ => Type::Dyn,
    }
}
