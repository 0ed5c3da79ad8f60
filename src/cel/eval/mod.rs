//! Evaluates a tree, as cel-go does: strict calls, lenient `&&` and `||`, optionals that chain, costs that cancel.

mod chain;
mod macros;
mod select;

use super::ast::{Call, Element, Entry, Field, Kind, Node};
use super::cost;
use super::error::EvalError;
use super::library::{Function, Outcome};
use super::limits;
use super::scope::Scope;
use super::value::{Key, Struct, Value};
use chain::Chained;
use std::sync::Arc;

/// One expression being evaluated.
pub(crate) struct Runtime<'a> {
    pub scope: &'a Scope<'a>,
    /// The variables of the macros around the current node, innermost last.
    locals: Vec<(Arc<str>, Value)>,
    meter: cost::Meter,
    depth: usize,
}

/// How many levels may be open at once, those of the variables an expression uses included.
const MAX_OPEN: usize = 2 * limits::MAX_DEPTH;

impl<'a> Runtime<'a> {
    pub(crate) fn new(scope: &'a Scope<'a>, depth: usize) -> Self {
        Self { scope, locals: Vec::new(), meter: cost::Meter::default(), depth }
    }

    /// What the evaluation has cost.
    pub(crate) fn meter(&self) -> cost::Meter {
        self.meter
    }

    /// How many levels are open.
    pub(crate) fn depth(&self) -> usize {
        self.depth
    }

    /// Adds to the cost.
    pub(crate) fn charge(&mut self, units: u64) -> Result<(), EvalError> {
        self.meter.add(units)
    }

    /// Adds the cost of an authorizer check.
    pub(crate) fn charge_check(&mut self) -> Result<(), EvalError> {
        self.meter.add_check()
    }

    /// The value of a node.
    pub(crate) fn eval(&mut self, node: &Node) -> Outcome {
        self.nested(node.at, |runtime| runtime.eval_kind(node))
    }

    /// Evaluates one level further down.
    fn nested<T>(
        &mut self,
        at: usize,
        evaluate: impl FnOnce(&mut Self) -> Result<T, EvalError>,
    ) -> Result<T, EvalError> {
        if self.depth >= MAX_OPEN {
            return Err(EvalError::unknown("variables that nest so deeply", at));
        }
        self.depth += 1;
        let outcome = evaluate(self);
        self.depth -= 1;
        outcome
    }

    fn eval_kind(&mut self, node: &Node) -> Outcome {
        match &node.kind {
            Kind::Literal(value) => Ok(value.clone()),
            Kind::Ident(name) => self.ident(name, node.at),
            Kind::Select { operand, field, optional } => self.select(operand, field, *optional).map(Chained::wrapped),
            Kind::Has { operand, field } => self.has(operand, field),
            Kind::Index { operand, index, optional } => self.index(operand, index, *optional),
            Kind::Not(operand) => match self.eval(operand)? {
                Value::Bool(b) => Ok(Value::Bool(!b)),
                _ => Err(EvalError::no_such_overload()),
            },
            Kind::And(terms) => self.logical(terms, false),
            Kind::Or(terms) => self.logical(terms, true),
            Kind::Conditional(parts) => self.conditional(parts),
            Kind::Call(call) => self.call(call, node.at),
            Kind::List(elements) => self.list(elements),
            Kind::Map(entries) => self.map(entries),
            Kind::Struct { type_name, fields } => self.structure(type_name, fields, node.at),
            Kind::Macro(m) => self.expand(m, node.at),
        }
    }

    fn ident(&mut self, name: &str, at: usize) -> Outcome {
        self.charge(cost::NODE)?;
        if let Some((_, value)) = self.locals.iter().rev().find(|(local, _)| **local == *name) {
            return Ok(value.clone());
        }
        match self.scope.resolve(name) {
            Some(value) => Ok(value.clone()),
            None if name.starts_with("authorizer") => {
                // Declared where the expression was checked, not bound where it runs: messages and audit annotations.
                Err(EvalError::Runtime(format!("no such attribute(s): {name}")))
            }
            None if is_type_name(name) => Ok(Value::Type(name.into())),
            None => Err(EvalError::unknown(format!("the name `{name}`"), at)),
        }
    }

    fn is_local(&self, name: &str) -> bool {
        self.locals.iter().any(|(local, _)| **local == *name)
    }

    /// `&&` is decided by a false term, `||` by a true one, whatever goes wrong in the others.
    fn logical(&mut self, terms: &[Node], deciding: bool) -> Outcome {
        let mut failure: Option<EvalError> = None;
        for term in terms {
            let error = match self.eval(term) {
                Ok(Value::Bool(b)) if b == deciding => return Ok(Value::Bool(deciding)),
                Ok(Value::Bool(_)) => continue,
                Ok(_) => EvalError::no_such_overload(),
                Err(EvalError::CostLimit) => return Err(EvalError::CostLimit),
                Err(error) => error,
            };
            failure = Some(match failure {
                Some(earlier) => earlier.or_graver(error),
                None => error,
            });
        }
        failure.map_or(Ok(Value::Bool(!deciding)), Err)
    }

    fn conditional(&mut self, [condition, yes, no]: &[Node; 3]) -> Outcome {
        match self.eval(condition)? {
            Value::Bool(true) => self.eval(yes),
            Value::Bool(false) => self.eval(no),
            _ => Err(EvalError::no_such_overload()),
        }
    }

    fn call(&mut self, call: &Call, at: usize) -> Outcome {
        let Some(function) = call.function else {
            return Err(EvalError::unknown(format!("the function `{}`", call.name), at));
        };
        // Most calls have few arguments, which need no list of their own.
        match call.args.as_slice() {
            [optional] if call.member && &*call.name == "hasValue" => self.has_value(call, function, optional, at),
            [optional, fallback] if call.member && &*call.name == "orValue" => {
                self.or_value(call, function, [optional, fallback], at)
            }
            [one] => {
                let args = [self.eval(one)?];
                self.apply(call, function, &args, at)
            }
            [one, other] => {
                let args = [self.eval(one)?, self.eval(other)?];
                self.apply(call, function, &args, at)
            }
            several => {
                let args = several.iter().map(|arg| self.eval(arg)).collect::<Result<Vec<_>, _>>()?;
                self.apply(call, function, &args, at)
            }
        }
    }

    fn apply(&mut self, call: &Call, function: &Function, args: &[Value], at: usize) -> Outcome {
        self.charge(cost::NODE + cost::of_arguments(&call.name, args))?;
        function.call(&call.name, call.member, self, args).map_err(|error| match error {
            EvalError::CannotEvaluate { what, expression, .. } => EvalError::CannotEvaluate { what, at, expression },
            other => other,
        })
    }

    fn list(&mut self, elements: &[Element]) -> Outcome {
        self.charge(cost::LIST)?;
        let mut values = Vec::with_capacity(elements.len());
        for element in elements {
            let value = self.eval(&element.value)?;
            values.extend(if element.optional { present(value)? } else { Some(value) });
        }
        Ok(Value::list(values))
    }

    fn map(&mut self, entries: &[Entry]) -> Outcome {
        self.charge(cost::MAP)?;
        let mut pairs = Vec::with_capacity(entries.len());
        for entry in entries {
            let key = self.eval(&entry.key)?;
            let unusable = || EvalError::unknown(format!("a map key of type {}", key.type_name()), entry.key.at);
            let key = Key::from_value(&key).ok_or_else(unusable)?;
            let value = self.eval(&entry.value)?;
            let value = if entry.optional { present(value)? } else { Some(value) };
            pairs.extend(value.map(|value| (key, value)));
        }
        Ok(Value::map(pairs))
    }

    fn structure(&mut self, type_name: &Arc<str>, fields: &[Field], at: usize) -> Outcome {
        self.charge(cost::STRUCT)?;
        if !is_patch_type(type_name) {
            return Err(EvalError::unknown(format!("the type `{type_name}`"), at));
        }
        let mut values = Vec::with_capacity(fields.len());
        for field in fields {
            let value = self.eval(&field.value)?;
            let value = if field.optional { present(value)? } else { Some(value) };
            values.extend(value.map(|value| (field.name.clone(), value)));
        }
        Ok(Value::Struct(Arc::new(Struct { type_name: type_name.clone(), fields: values })))
    }
}

/// The value of `[?x]`, `{?k: x}`, `T{?f: x}`.
fn present(value: Value) -> Result<Option<Value>, EvalError> {
    match value {
        Value::Optional(inner) => Ok(inner.map(|value| (*value).clone())),
        other => Err(EvalError::Runtime(format!(
            "cannot initialize optional entry from non-optional value {}",
            other.type_name()
        ))),
    }
}

/// Whether struct literals of this type exist: `JSONPatch`, `Object`, `Object.spec.…`.
pub(crate) fn is_patch_type(name: &str) -> bool {
    name == "JSONPatch" || name == "Object" || name.starts_with("Object.")
}

/// Whether a bare name denotes a type.
pub(crate) fn is_type_name(name: &str) -> bool {
    const NAMES: [&str; 14] = [
        "bool",
        "int",
        "uint",
        "double",
        "string",
        "bytes",
        "list",
        "map",
        "null_type",
        "type",
        "optional_type",
        "google.protobuf.Timestamp",
        "google.protobuf.Duration",
        "net.IP",
    ];
    NAMES.contains(&name)
}
