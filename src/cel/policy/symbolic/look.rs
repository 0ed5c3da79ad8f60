//! Looks through an expression: what it reads of the pod, with what it compares it, and of what shape it is.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;

use super::shape::{Over, Shape};
use super::value::{Abs, Seen, is_capability_list};
use crate::cel::Variables;
use crate::cel::ast::{Call, Kind, Macro, MacroKind, Node};
use crate::symbolic::{Named, Unit};

/// Functions of which the result depends on nothing but comparisons with constants, or on lists put together.
const UNDERSTOOD: [&str; 37] = [
    "_==_",
    "_!=_",
    "_<_",
    "_<=_",
    "_>_",
    "_>=_",
    "@in",
    "_+_",
    "-_",
    "startsWith",
    "endsWith",
    "contains",
    "orValue",
    "hasValue",
    "or",
    "value",
    "size",
    "distinct",
    "sort",
    "substring",
    "split",
    "string",
    "int",
    "lists.range",
    "optional.of",
    "optional.ofNonZeroValue",
    "optional.none",
    "dyn",
    "group",
    "resource",
    "subresource",
    "namespace",
    "name",
    "check",
    "allowed",
    "serviceAccount",
    "sets.contains",
];

/// Variables of the macros around an expression.
type Locals = Vec<(Arc<str>, Abs)>;

/// What a quantifier around an expression ranges over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Around {
    Nothing,
    Containers,
    Volumes,
}

/// Looks through the expressions of one policy.
pub(super) struct Look<'a> {
    pub variables: &'a Variables,
    /// Variables whose values are known.
    pub pinned: &'a BTreeMap<String, Json>,
    known: BTreeMap<String, Seen>,
    locals: Locals,
    around: Around,
    items: Vec<Vec<String>>,
}

impl<'a> Look<'a> {
    pub fn new(variables: &'a Variables, pinned: &'a BTreeMap<String, Json>) -> Self {
        let (known, locals, items) = (BTreeMap::new(), Locals::new(), Vec::new());
        Self { variables, pinned, known, locals, around: Around::Nothing, items }
    }

    /// With a variable of a macro around the expression.
    pub fn with_local(mut self, local: (Arc<str>, Abs)) -> Self {
        self.locals.push(local);
        self
    }

    /// An expression whose value counts.
    pub fn at_value(&mut self, node: &Node) -> Seen {
        let mut seen = self.at(node);
        let abs = seen.abs.clone();
        seen.consume(&abs);
        seen
    }

    /// The name of the variable that a node stands for.
    pub fn variable(node: &Node) -> Option<&Arc<str>> {
        match &node.kind {
            Kind::Select { operand, field, .. } if matches!(&operand.kind, Kind::Ident(name) if **name == *"variables") => {
                Some(field)
            }
            _ => None,
        }
    }

    pub fn at(&mut self, node: &Node) -> Seen {
        match &node.kind {
            Kind::Literal(value) => match value.to_json() {
                Ok(json) => Seen::of(Abs::literal(json)),
                Err(_) => Seen::default(),
            },
            Kind::Ident(name) => self.ident(name),
            Kind::Select { operand, field, .. } => self.select(node, operand, field),
            Kind::Has { operand, field } => self.has(operand, field),
            Kind::Index { operand, index, .. } => self.index(operand, index),
            Kind::Not(operand) => {
                let mut seen = self.at_value(operand);
                seen.over = seen.over.each(Shape::not);
                seen.abs = Abs::default();
                seen
            }
            Kind::And(terms) => self.logical(terms, Shape::and),
            Kind::Or(terms) => self.logical(terms, Shape::or),
            Kind::Conditional(parts) => self.conditional(parts),
            Kind::Call(call) => self.call(call),
            Kind::List(elements) => self.list(elements.iter().map(|element| &element.value)),
            Kind::Map(entries) => self.parts(entries.iter().flat_map(|entry| [&entry.key, &entry.value])),
            Kind::Struct { fields, .. } => self.parts(fields.iter().map(|field| &field.value)),
            Kind::Macro(m) => self.macro_(m),
        }
    }

    fn ident(&self, name: &str) -> Seen {
        if let Some((_, abs)) = self.locals.iter().rev().find(|(local, _)| **local == *name) {
            return Seen::of(abs.clone());
        }
        if name == "object" { Seen::of(Abs::path(Vec::new())) } else { Seen::default() }
    }

    fn select(&mut self, node: &Node, operand: &Node, field: &str) -> Seen {
        if let Some(name) = Self::variable(node) {
            return self.of_variable(name);
        }
        if matches!(&operand.kind, Kind::Ident(name) if **name == *"request") {
            return match field {
                "name" => Seen::of(Abs::path(vec!["metadata".into(), "name".into()])),
                "dryRun" | "options" | "object" | "oldObject" => Seen::flawed(format!("it reads `request.{field}`")),
                _ => Seen::default(),
            };
        }
        let mut seen = self.at(operand);
        seen.abs = seen.abs.step(field);
        seen
    }

    fn of_variable(&mut self, name: &str) -> Seen {
        if let Some(value) = self.pinned.get(name) {
            return Seen::of(Abs::literal(value.clone()));
        }
        if let Some(known) = self.known.get(name) {
            return self.inside(known.clone());
        }
        // What is being looked at refers to nothing; the server would have refused a circle.
        self.known.insert(name.to_owned(), Seen::default());
        let Some((_, program)) = self.variables.iter().filter(|(known, _)| *known == name).last() else {
            return Seen::flawed(format!("there is no variable `{name}`"));
        };
        let outer = (std::mem::take(&mut self.locals), self.around, std::mem::take(&mut self.items));
        self.around = Around::Nothing;
        let seen = self.at(program.node());
        (self.locals, self.around, self.items) = outer;
        self.known.insert(name.to_owned(), seen.clone());
        self.inside(seen)
    }

    /// A variable's value inside a quantifier: what it says of all elements is not said of the one at hand.
    fn inside(&self, mut seen: Seen) -> Seen {
        if self.around != Around::Nothing || !self.items.is_empty() {
            seen.over = seen.over.each(Shape::within);
        }
        seen
    }

    fn has(&mut self, operand: &Node, field: &str) -> Seen {
        let mut seen = self.at(operand);
        let abs = std::mem::take(&mut seen.abs).step(field);
        self.presence(&abs, &mut seen);
        seen
    }

    /// Whether something is there.
    fn presence(&self, abs: &Abs, seen: &mut Seen) {
        seen.consume(abs);
        if abs.at.iter().any(|(path, _)| is_capability_list(path)) {
            seen.over.names = seen.over.names.and(Shape::Some);
        } else if abs.at.iter().any(|(path, _)| path.last().is_some_and(|last| last == "capabilities")) {
            seen.over.names = Shape::Mixed;
        }
    }

    fn index(&mut self, operand: &Node, index: &Node) -> Seen {
        let mut seen = self.at(operand);
        let key = self.at(index);
        let abs = std::mem::take(&mut seen.abs);
        if !key.abs.index_of.is_empty() {
            seen.takes(&key);
            let lists = abs.paths();
            seen.abs = match &abs.pointer {
                Some((of, _)) if *of == key.abs.index_of => Abs { pointer: abs.pointer.clone(), ..Abs::default() },
                None if lists == key.abs.index_of => abs.step("[]"),
                _ => return Seen::flawed("an index into one list is used for another"),
            };
            return seen;
        }
        seen.takes(&key);
        match (key.abs.literals.as_slice(), &index.kind) {
            ([Json::String(text)], _) => seen.abs = abs.step(text),
            ([Json::Number(_)], _) => seen.fail("it picks elements by their position"),
            (_, Kind::Call(call)) if *call.name == *"_+_" => {
                let prefix = call.args.first().map(|first| self.at(first).abs.literals);
                let name = call.args.get(1).map(|second| self.at(second).abs);
                let is_name = name.is_some_and(|abs| abs.paths().iter().any(|path| Unit::named(path) == Named::Name));
                match (prefix.as_deref(), is_name) {
                    (Some([Json::String(prefix)]), true) => {
                        // The concatenation reads the name in order to find the annotation, and for nothing else.
                        seen.flaw = None;
                        seen.reads.units.insert(Unit::ContainerAnnotation(prefix.clone()));
                        seen.abs = Abs::default();
                    }
                    _ => seen.fail("it looks up a key that is not a literal"),
                }
            }
            _ => {
                seen.consume(&key.abs);
                if !abs.at.is_empty() {
                    seen.fail("it looks up a key that is not a literal");
                }
            }
        }
        seen
    }

    fn logical(&mut self, terms: &[Node], with: fn(Shape, Shape) -> Shape) -> Seen {
        let mut all = Seen::default();
        for (at, term) in terms.iter().enumerate() {
            let seen = self.at_value(term);
            all.takes(&seen);
            all.over = if at == 0 { seen.over } else { all.over.join(seen.over, with) };
        }
        all
    }

    fn conditional(&mut self, [condition, yes, no]: &[Node; 3]) -> Seen {
        let condition = self.at_value(condition);
        let (yes, no) = (self.at(yes), self.at(no));
        let mut all = Seen { abs: yes.abs.clone().or(no.abs.clone()), ..Seen::default() };
        [&condition, &yes, &no].into_iter().for_each(|part| all.takes(part));
        all.over = yes
            .over
            .join(no.over, Shape::either)
            .join(condition.over, |branches, condition| if condition == Shape::Free { branches } else { Shape::Mixed });
        all
    }

    fn list<'n>(&mut self, elements: impl Iterator<Item = &'n Node>) -> Seen {
        let mut all = Seen::default();
        for element in elements {
            let seen = self.at(element);
            all.takes(&seen);
            all.consume(&seen.abs);
            all.over = all.over.join(seen.over, |one, other| one.within().and(other.within()));
            all.abs.elements.extend(seen.abs.literals);
        }
        all
    }

    fn parts<'n>(&mut self, parts: impl Iterator<Item = &'n Node>) -> Seen {
        let mut all = self.list(parts);
        all.abs = Abs::default();
        all
    }

    fn call(&mut self, call: &Call) -> Seen {
        let name: &str = &call.name;
        let args: Vec<Seen> = call.args.iter().map(|arg| self.at(arg)).collect();
        let mut all = Seen::default();
        args.iter().for_each(|arg| all.takes(arg));
        if !UNDERSTOOD.contains(&name) && args.iter().any(|arg| !arg.abs.at.is_empty() || !arg.reads.units.is_empty()) {
            all.fail(format!("`{name}` is not understood for all pods"));
        }
        let within = args.iter().map(|arg| arg.over.each(Shape::within));
        all.over = within.fold(Over::default(), |one, other| one.join(other, Shape::and));
        match (name, args.as_slice()) {
            ("orValue", [value, otherwise]) => {
                all.abs = value.abs.clone().or(otherwise.abs.clone());
                all.over = value.over.join(otherwise.over, Shape::either);
                all.compare(&value.abs, &otherwise.abs.literals);
            }
            ("or", [one, other]) => {
                all.consume(&one.abs);
                all.abs = one.abs.clone().or(other.abs.clone());
                all.over = one.over.join(other.over, Shape::either);
            }
            ("value" | "optional.of" | "dyn" | "distinct" | "sort", [value, ..]) => {
                all.abs = value.abs.clone();
                all.over = value.over;
            }
            ("optional.ofNonZeroValue", [value]) => {
                all.consume(&value.abs);
                all.abs = value.abs.clone();
            }
            ("hasValue", [value]) => {
                let over = std::mem::take(&mut all.over);
                self.presence(&value.abs, &mut all);
                all.over = over.join(all.over, Shape::and);
            }
            ("size", [list]) if list.abs.is_elements() => all.abs.index_of = list.abs.paths(),
            ("lists.range", [size]) => all.abs.index_of.clone_from(&size.abs.index_of),
            ("string", [index]) if !index.abs.index_of.is_empty() => all.abs = index.abs.clone(),
            ("_+_", [one, other]) => all.abs = sum(one, other),
            ("@in", [item, list]) => self.contained(item, list, &mut all),
            ("_==_" | "_!=_", [one, other]) if is_bool_of(call, &args) => {
                let first_is_literal = call.args.first().is_some_and(|node| matches!(node.kind, Kind::Literal(_)));
                let (tested, literal) = if first_is_literal { (other, one) } else { (one, other) };
                let negated = (name == "_==_") != (literal.abs.literals == [Json::Bool(true)]);
                all.consume(&tested.abs);
                all.compare(&tested.abs, &literal.abs.literals);
                all.over = if negated { tested.over.each(Shape::not) } else { tested.over };
            }
            ("_==_" | "_!=_", [one, other]) if are_names(&one.abs) && are_names(&other.abs) => {}
            _ => self.compared(&args, &mut all),
        }
        if name == "_+_" {
            self.consume_sum(&args, &mut all);
        }
        all
    }

    /// Texts that are put together are read; lists are only passed on.
    fn consume_sum(&self, args: &[Seen], all: &mut Seen) {
        for arg in args {
            let is_list = arg.abs.is_elements() || arg.abs.is_names() || arg.abs.pointer.is_some();
            let passed_on = !all.abs.at.is_empty() || all.abs.pointer.is_some();
            if !is_list && !passed_on {
                all.consume(&arg.abs);
            }
        }
    }

    /// `x in list`
    fn contained(&self, item: &Seen, list: &Seen, all: &mut Seen) {
        if list.abs.is_names() {
            all.reads.units.extend(list.abs.at.iter().filter_map(|(path, _)| match Unit::named(path) {
                Named::Unit(unit, _) => Some(unit),
                _ => None,
            }));
            all.compare(&list.abs.item(), &item.abs.literals);
            // A name at hand is judged by itself; a given one is one of many.
            let at_hand = item.abs.is_name() || item.abs.at.is_empty() && item.abs.literals.len() != 1;
            all.over.names = all.over.names.and(if at_hand { Shape::Free } else { Shape::Single });
            return;
        }
        all.consume(&item.abs);
        all.consume(&list.abs);
        all.compare(&item.abs, &list.abs.elements);
        all.compare(&list.abs.item(), &item.abs.literals);
        if !list.abs.at.is_empty() {
            all.over.items = all.over.items.and(Shape::Some);
        }
    }

    fn compared(&self, args: &[Seen], all: &mut Seen) {
        for (at, arg) in args.iter().enumerate() {
            all.consume(&arg.abs);
            if arg.abs.is_names() {
                all.over.names = Shape::Mixed;
            }
            for (other, literals) in args.iter().enumerate() {
                if at != other {
                    all.compare(&arg.abs, &literals.abs.literals);
                }
            }
        }
    }

    fn macro_(&mut self, m: &Macro) -> Seen {
        let range = self.at(&m.range);
        let mut all = Seen::default();
        all.takes(&range);
        if m.second.is_some() {
            let mut whole = range.clone();
            whole.consume(&range.abs);
            all.takes(&whole);
            if !all.reads.units.is_empty() || all.flaw.is_some() {
                all.fail("a macro with two variables is not understood for all pods");
            }
        }
        match m.kind {
            MacroKind::OptMap | MacroKind::OptFlatMap => self.optional(m, &range, &mut all),
            MacroKind::All => self.quantifier(m, &range, true, &mut all),
            MacroKind::Exists => self.quantifier(m, &range, false, &mut all),
            MacroKind::Map | MacroKind::Filter => self.made(m, &range, &mut all),
            _ => {
                let body = self.body(m, range.abs.item());
                all.takes(&body);
                all.consume(&range.abs);
                if !all.reads.units.is_empty() || all.flaw.is_some() {
                    all.fail("a macro of this kind is not understood for all pods");
                }
            }
        }
        all
    }

    fn body(&mut self, m: &Macro, local: Abs) -> Seen {
        self.locals.push((m.variable.clone(), local));
        let body = self.at(&m.body);
        self.locals.pop();
        body
    }

    fn optional(&mut self, m: &Macro, range: &Seen, all: &mut Seen) {
        self.presence(&range.abs, all);
        let body = self.body(m, range.abs.clone());
        all.takes(&body);
        all.abs = body.abs;
        all.over = body.over.join(range.over.join(all.over, Shape::and), |body, range| {
            if range == Shape::Free { body } else { Shape::Mixed }
        });
    }

    fn quantifier(&mut self, m: &Macro, range: &Seen, all_of: bool, all: &mut Seen) {
        let list = &range.abs;
        let outer = self.around;
        if list.is_elements() {
            let volumes = list.at.iter().any(|(path, _)| path.last().is_some_and(|last| last == "volumes"));
            self.around = if volumes { Around::Volumes } else { Around::Containers };
        }
        let is_item_list = !list.at.is_empty() && !list.is_elements() && !list.is_names();
        if is_item_list {
            self.items.extend(list.paths());
        }
        let mut body = self.body(m, list.item());
        let judged = body.abs.clone();
        body.consume(&judged);
        let mut over = body.over;
        if list.is_elements() {
            let related = outer != Around::Nothing && !only_mounts(outer, self.around, &body);
            over.elements = if related { Shape::Mixed } else { over.elements.quantified(all_of) };
            over.items = over.items.under(all_of);
            over.names = over.names.under(all_of);
        } else if list.is_names() {
            over.names = if body.over.names == Shape::Free { Shape::Free.quantified(all_of) } else { Shape::Mixed };
            all.consume(list);
        } else if is_item_list {
            over = over.each(|shape| shape.under(all_of));
            over.items = body.over.items.quantified(all_of);
            self.items.truncate(self.items.len().saturating_sub(list.at.len()));
            let is_nested = list.paths().iter().all(|path| self.items.iter().all(|outer| path.starts_with(outer)));
            let of_pod = list.paths().iter().any(|path| matches!(Unit::named(path), Named::Unit(Unit::Pod(_), _)));
            if !is_nested || of_pod && outer != Around::Nothing {
                over.items = Shape::Mixed;
            }
            if !is_mounts(list) {
                body.consume(list);
            } else if self.asks_of_volume(m, list.item(), all_of) {
                body.reads.units.insert(Unit::Mount);
            } else {
                body.fail("it looks at mounts, but not at those of one volume only");
            }
        } else {
            over = over.each(|shape| shape.under(all_of));
            // A given list of names: each is judged by itself.
            if body.over.names == Shape::Free && !list.elements.is_empty() && reads_names(&body) {
                over.names = Shape::Free.quantified(all_of);
            }
        }
        self.around = outer;
        all.takes(&body);
        all.over =
            over.join(range.over.each(Shape::within), |one, other| if other == Shape::Free { one } else { other });
        all.abs = Abs::default();
    }

    /// Whether a quantifier over mounts asks for those of the volume at hand and for no other.
    fn asks_of_volume(&mut self, m: &Macro, item: Abs, all_of: bool) -> bool {
        let (terms, relation) = match (&m.body.kind, all_of) {
            (Kind::And(terms), false) => (terms.as_slice(), "_==_"),
            (Kind::Or(terms), true) => (terms.as_slice(), "_!=_"),
            (_, false) => (std::slice::from_ref(&m.body), "_==_"),
            (_, true) => (std::slice::from_ref(&m.body), "_!=_"),
        };
        self.locals.push((m.variable.clone(), item));
        let asks = terms.iter().any(|term| match &term.kind {
            Kind::Call(call) if *call.name == *relation => {
                let compared: Vec<Abs> = call.args.iter().map(|arg| self.at(arg).abs).collect();
                let names = |of: &[&str]| compared.iter().any(|abs| abs.is_name_in(of));
                names(&["volumeMounts", "[]", "name"]) && names(&["spec", "volumes", "[]", "name"])
            }
            _ => false,
        });
        self.locals.pop();
        asks
    }

    /// Lists made of lists.
    fn made(&mut self, m: &Macro, range: &Seen, all: &mut Seen) {
        let item = if range.abs.index_of.is_empty() {
            range.abs.item()
        } else {
            Abs { index_of: range.abs.index_of.clone(), ..Abs::default() }
        };
        self.locals.push((m.variable.clone(), item));
        let filter = m.filter.as_ref().map(|filter| self.at_value(filter));
        let body = self.at(&m.body);
        self.locals.pop();
        all.takes(&body);
        filter.iter().for_each(|filter| all.takes(filter));
        let judged = filter.iter().map(|filter| filter.over).chain([body.over]);
        all.over = judged.fold(range.over, |one, other| one.join(other, |a, b| a.within().and(b.within())));
        match m.kind {
            MacroKind::Filter => {
                all.abs = range.abs.clone();
                all.consume_judged(&body.abs);
            }
            _ => {
                all.abs.pointer.clone_from(&body.abs.pointer);
                if all.abs.pointer.is_none() {
                    all.consume(&body.abs);
                    all.consume_judged(&range.abs);
                }
            }
        }
    }
}

impl Seen {
    /// The value counts where it is no list of containers.
    fn consume_judged(&mut self, abs: &Abs) {
        if !abs.is_elements() && abs.index_of.is_empty() {
            self.consume(abs);
        }
    }
}

/// Whether it is a container's list of mounts.
fn is_mounts(list: &Abs) -> bool {
    let is_mounts =
        |path: &Vec<String>| matches!(Unit::named(path), Named::Unit(Unit::Mount, within) if within.is_empty());
    list.paths().iter().all(is_mounts)
}

fn are_names(abs: &Abs) -> bool {
    !abs.at.is_empty() && abs.at.iter().all(|(path, _)| Unit::named(path) == Named::Name)
}

/// A truth compared with a literal.
fn is_bool_of(call: &Call, args: &[Seen]) -> bool {
    let literal = |arg: &Seen| matches!(arg.abs.literals.as_slice(), [Json::Bool(_)]) && arg.abs.at.is_empty();
    let bare = |at: usize| call.args.get(at).is_some_and(|node| matches!(node.kind, Kind::Literal(_)));
    args.iter().enumerate().any(|(at, arg)| bare(at) && literal(arg))
}

/// Whether a quantifier over containers inside one over volumes looks at nothing of a container but its mounts.
fn only_mounts(outer: Around, inner: Around, body: &Seen) -> bool {
    let of_container = body.reads.units.iter().any(Unit::is_of_container);
    outer == Around::Volumes && inner == Around::Containers && !of_container
}

fn reads_names(body: &Seen) -> bool {
    body.reads.units.contains(&Unit::Container(vec!["securityContext".into(), "capabilities".into()]))
}

/// Lists put together, or texts.
fn sum(one: &Seen, other: &Seen) -> Abs {
    if let ([Json::String(text)], false) = (one.abs.literals.as_slice(), other.abs.index_of.is_empty()) {
        let lists = other.abs.index_of.clone();
        let points = lists.iter().all(|list| format!("/{}/", list.join("/")) == *text);
        return if points { Abs { pointer: Some((lists, String::new())), ..Abs::default() } } else { Abs::default() };
    }
    match (&one.abs.pointer, &other.abs.pointer) {
        (Some((lists, _)), Some((more, _))) => {
            let lists = lists.iter().chain(more).cloned().collect();
            return Abs { pointer: Some((lists, String::new())), ..Abs::default() };
        }
        (Some((lists, before)), None) => {
            let rest = other.abs.literals.first().and_then(Json::as_str).unwrap_or_default();
            return Abs { pointer: Some((lists.clone(), format!("{before}{rest}"))), ..Abs::default() };
        }
        _ => {}
    }
    if let ([Json::String(prefix)], false) = (one.abs.literals.as_slice(), other.abs.at.is_empty()) {
        let prefixed = other.abs.at.iter().map(|(path, _)| (path.clone(), prefix.clone()));
        return Abs { at: prefixed.collect(), ..Abs::default() };
    }
    Abs { pointer: None, ..one.abs.clone().or(other.abs.clone()) }
}
