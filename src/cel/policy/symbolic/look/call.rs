//! Calls of functions and operators.

use serde_json::Value as Json;

use super::Look;
use crate::cel::ast::{Call, Kind, Node};
use crate::symbolic::{Abs, How, Named, Over, Seen, Shape, Unit};

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

/// Those of them that compare their arguments, and how. Whatever else is made of the pod's values is told of by
/// [`Abs::made`].
fn comparison(name: &str) -> Option<How> {
    match name {
        "_==_" | "_!=_" | "sets.contains" => Some(How::Equal),
        "startsWith" => Some(How::Beginning),
        "endsWith" => Some(How::End),
        "contains" => Some(How::Within),
        "_<_" | "_<=_" | "_>_" | "_>=_" => Some(How::Any),
        _ => None,
    }
}

/// Whether a function is among those.
pub(in super::super) fn is_understood(name: &str) -> bool {
    UNDERSTOOD.contains(&name)
}

impl Look<'_> {
    pub(super) fn call(&mut self, call: &Call) -> Seen {
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
            ("optional.none", _) => {}
            ("@in", [item, list]) => self.contained(item, list, &mut all),
            ("_==_" | "_!=_", [one, other]) if is_bool_of(call, &args) => {
                let first_is_literal = call.args.first().is_some_and(|node| matches!(node.kind, Kind::Literal(_)));
                let (tested, literal) = if first_is_literal { (other, one) } else { (one, other) };
                let negated = (name == "_==_") != (literal.abs.literals == [Json::Bool(true)]);
                all.consume(&tested.abs);
                all.compare(How::Equal, &tested.abs, &literal.abs.literals);
                all.over = if negated { tested.over.each(Shape::not) } else { tested.over };
            }
            ("_==_" | "_!=_", [one, other]) if are_names(&one.abs) && are_names(&other.abs) => {}
            _ => {
                match comparison(name) {
                    Some(how) => self.compared(how, &args, &mut all),
                    None => all.abs = Abs::made_by(name, args.iter().map(|arg| &arg.abs)),
                }
                // How many items a list has, or that it is like another, is said of no item.
                let is_list = |node: &Node| matches!(node.kind, Kind::List(_));
                if args.iter().any(|arg| !arg.abs.at.is_empty()) && (name == "size" || call.args.iter().any(is_list)) {
                    all.over.items = Shape::Mixed;
                }
            }
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
            all.compare(How::Equal, &list.abs.item(), &item.abs.literals);
            // A name at hand is judged by itself; a given one is one of many.
            let at_hand = item.abs.is_name() || item.abs.at.is_empty() && item.abs.literals.len() != 1;
            all.over.names = all.over.names.and(if at_hand { Shape::Free } else { Shape::Single });
            return;
        }
        all.consume(&item.abs);
        if list.abs.is_object() {
            return match item.abs.literals.as_slice() {
                [Json::String(key)] if !item.abs.is_of_pod() => all.consume(&list.abs.step(key)),
                _ => all.fail("it looks at the keys of a map"),
            };
        }
        all.consume(&list.abs);
        all.compare_values(How::Equal, &item.abs, &list.abs.item());
        if !list.abs.at.is_empty() {
            all.over.items = all.over.items.and(Shape::Some);
        }
    }

    fn compared(&self, how: How, args: &[Seen], all: &mut Seen) {
        for arg in args {
            all.consume(&arg.abs);
            if arg.abs.is_names() {
                all.over.names = Shape::Mixed;
            }
        }
        if let [one, other] = args {
            all.compare_values(how, &one.abs, &other.abs);
            if [one, other].iter().any(|arg| arg.abs.is_list()) {
                all.compare_values(how, &one.abs.item(), &other.abs.item());
            }
        }
    }
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
    let is_list = [one, other].iter().any(|arg| arg.abs.is_list() || arg.abs.is_elements() || arg.abs.is_names());
    if is_list {
        return Abs { pointer: None, ..one.abs.clone().or(other.abs.clone()) };
    }
    match (one.abs.literals.as_slice(), other.abs.literals.as_slice()) {
        ([Json::String(prefix)], []) if one.abs.at.is_empty() && other.abs.made.is_none() => {
            let prefixed = other.abs.at.iter().map(|(path, _)| (path.clone(), prefix.clone()));
            Abs { at: prefixed.collect(), ..Abs::default() }
        }
        ([Json::String(head)], [Json::String(tail)]) if !one.abs.is_of_pod() && !other.abs.is_of_pod() => {
            Abs::literal(format!("{head}{tail}").into())
        }
        _ => Abs::made_by("+", [&one.abs, &other.abs]),
    }
}
