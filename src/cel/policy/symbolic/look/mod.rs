//! Looks through an expression: what it reads of the pod, with what it compares it, and of what shape it is.

mod call;
mod macros;
mod parts;

pub(super) use call::is_understood;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;

use crate::cel::Variables;
use crate::cel::ast::{Entry, Kind, Node};
use crate::symbolic::{Abs, Around, How, Named, Seen, Shape, Unit, is_capability_list};

/// Variables of the macros around an expression.
type Locals = Vec<(Arc<str>, Abs)>;

/// What variables look at.
pub(super) type Known = BTreeMap<String, Seen>;

/// Looks through the expressions of one policy.
pub(super) struct Look<'a> {
    pub variables: &'a Variables,
    /// Variables whose values are known.
    pub pinned: &'a BTreeMap<String, Json>,
    known: Known,
    locals: Locals,
    around: Around,
}

impl<'a> Look<'a> {
    /// `known` is what was found out about variables before.
    pub fn new(variables: &'a Variables, pinned: &'a BTreeMap<String, Json>, known: Known) -> Self {
        Self { variables, pinned, known, locals: Locals::new(), around: Around::default() }
    }

    /// What is known about variables now.
    pub fn known(self) -> Known {
        self.known
    }

    /// Puts a variable of a macro around what is looked at next.
    pub fn add_local(&mut self, local: (Arc<str>, Abs)) {
        self.locals.push(local);
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
            Kind::Map(entries) => self.map(entries),
            Kind::Struct { fields, .. } => self.object("an object", fields.iter().map(|field| &field.value)),
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
        let Some((_, program)) = self.variables.iter().filter(|(known, _)| *known == name).last() else {
            return Seen::flawed(format!("there is no variable `{name}`"));
        };
        // What is being looked at refers to nothing; the server would have refused a circle.
        self.known.insert(name.to_owned(), Seen::default());
        let outer = (std::mem::take(&mut self.locals), std::mem::take(&mut self.around));
        let seen = self.at(program.node());
        (self.locals, self.around) = outer;
        self.known.insert(name.to_owned(), seen.clone());
        self.inside(seen)
    }

    /// A variable's value inside a quantifier: what it says of all elements is not said of the one at hand.
    fn inside(&self, mut seen: Seen) -> Seen {
        if !self.around.is_nothing() {
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
                seen.compare_values(How::Equal, &key.abs, &abs.item());
                seen.abs.made.clone_from(&abs.made);
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
            all.abs = all.abs.or(seen.abs.listed());
        }
        all
    }

    /// What an object or a map gives under a key is not followed.
    fn object<'n>(&mut self, name: &str, parts: impl Iterator<Item = &'n Node>) -> Seen {
        let mut all = self.list(parts);
        all.abs = Abs::made_by(name, [&all.abs]);
        all
    }

    /// A map stands for its keys where it is looked into.
    fn map(&mut self, entries: &[Entry]) -> Seen {
        let mut all = self.object("a map", entries.iter().flat_map(|entry| [&entry.key, &entry.value]));
        all.abs.elements = self.list(entries.iter().map(|entry| &entry.key)).abs.elements;
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cel::Program;

    #[test]
    fn a_variable_that_is_not_there_is_a_flaw_however_often_it_is_named() {
        let (variables, pinned) = (Variables::default(), BTreeMap::new());
        let mut look = Look::new(&variables, &pinned, Known::new());
        let program = Program::compile("variables.nope").unwrap();
        for _ in 0..2 {
            assert!(look.at(program.node()).flaw.is_some());
        }
    }
}
