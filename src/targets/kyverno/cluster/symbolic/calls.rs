//! Calls of functions, as far as they are understood for all pods.

use serde_json::Value as Json;

use super::look::{Here, Look, consumed, presence};
use crate::symbolic::{Abs, How, Named, Reads, Seen, Shape, Unit};
use crate::targets::kyverno::cluster::query::Query;

impl Look {
    /// What a function gives.
    pub(super) fn call(&mut self, name: &str, arguments: &[Query], here: &Here) -> Seen {
        if let ("contains", [Query::Call(keys, map), key]) = (name, arguments)
            && keys == "keys"
            && let [map] = map.as_slice()
        {
            return self.key(map, key, here, true);
        }
        if let ("lookup", [map, key]) = (name, arguments) {
            return self.key(map, key, here, false);
        }
        match (name, arguments) {
            // Of a number that is the number itself.
            ("to_number", [Query::Call(inner, value)]) if inner == "to_string" => {
                let Some(value) = value.first() else { return Seen::default() };
                let value = self.at(value, here);
                let abs = Abs { as_number: true, ..value.abs.clone() };
                return Seen { over: value.over.each(Shape::within), abs, ..value };
            }
            ("join", _) => {
                if let Some(seen) = self.prefixed(arguments, here) {
                    return seen;
                }
            }
            ("keys", [Query::Call(inner, lists)]) if inner == "object_from_lists" => {
                if let Some(seen) = self.distinct(lists, here) {
                    return seen;
                }
            }
            _ => {}
        }
        let args: Vec<Seen> = arguments.iter().map(|argument| self.at(argument, here)).collect();
        match (name, args.as_slice()) {
            ("contains", [list, item]) => contained(list, item),
            ("starts_with", _) => self.compared(How::Beginning, &args),
            ("ends_with", _) => self.compared(How::End, &args),
            ("to_number" | "to_string" | "trim_prefix" | "split" | "join", _) => made(name, &args),
            ("sort", [list]) if list.abs.is_names() => list.clone(),
            ("sort" | "length" | "sum" | "keys" | "items" | "object_from_lists", _) => {
                let mut all = made(name, &args);
                if args.iter().any(|arg| !arg.abs.at.is_empty()) {
                    all.over.items = Shape::Mixed;
                }
                all
            }
            _ if args.iter().all(|arg| arg.abs.at.is_empty() && arg.reads == Reads::default()) => made(name, &args),
            _ => Seen::flawed(format!("`{name}` is not understood for all pods")),
        }
    }

    /// The distinct names in a list of names.
    fn distinct(&mut self, lists: &[Query], here: &Here) -> Option<Seen> {
        let [list, same] = lists else { return None };
        let mut seen = self.at(list, here);
        if list != same || !seen.abs.is_names() {
            return None;
        }
        seen.over.names = Shape::Mixed;
        Some(seen)
    }

    /// A text with another before it.
    fn prefixed(&mut self, arguments: &[Query], here: &Here) -> Option<Seen> {
        let (prefix, value) = prefixed("join", arguments)?;
        let mut seen = self.at(value, here);
        if seen.abs.at.iter().any(|(_, before)| !before.is_empty()) || !seen.abs.literals.is_empty() {
            return None;
        }
        seen.abs.at.iter_mut().for_each(|(_, before)| prefix.clone_into(before));
        Some(seen)
    }

    /// What a map has under a key, or whether it has anything there.
    fn key(&mut self, map: &Query, key: &Query, here: &Here, only_presence: bool) -> Seen {
        let mut seen = self.at(map, here);
        let map = std::mem::take(&mut seen.abs);
        if let Some(prefix) = self.named_annotation(key, here) {
            seen.reads.units.insert(Unit::ContainerAnnotation(prefix));
            return seen;
        }
        let key = self.at_value(key, here);
        seen.takes(&key);
        match key.abs.literals.as_slice() {
            [Json::String(text)] if key.abs.at.is_empty() => {
                let value = map.step(text);
                if only_presence {
                    presence(&value, &mut seen);
                } else {
                    seen.abs = value;
                }
            }
            _ => match map.literals.as_slice() {
                [Json::Object(fields)] if map.at.is_empty() => {
                    let keys = fields.keys().map(|key| Json::from(key.as_str())).collect();
                    seen.compare_values(How::Equal, &key.abs, &Abs { literals: keys, ..Abs::default() });
                    let values = fields.values().filter(|_| !only_presence).cloned();
                    values.for_each(|value| seen.abs = std::mem::take(&mut seen.abs).or(Abs::literal(value)));
                }
                _ => seen.fail("it looks up a key that is not a literal"),
            },
        }
        seen
    }

    /// The prefix of a key that is a prefix and the name of a container.
    fn named_annotation(&mut self, key: &Query, here: &Here) -> Option<String> {
        let Query::Call(join, arguments) = key else { return None };
        let (prefix, name) = prefixed(join, arguments)?;
        let name = self.at(name, here).abs.paths();
        let is_name = !name.is_empty() && name.iter().all(|path| Unit::named(path) == Named::Name);
        is_name.then(|| prefix.to_owned())
    }
}

/// `join('', [prefix, value])`
fn prefixed<'q>(name: &str, arguments: &'q [Query]) -> Option<(&'q str, &'q Query)> {
    let [Query::Literal(Json::String(between)), Query::List(parts)] = arguments else { return None };
    let [Query::Literal(Json::String(prefix)), value] = parts.as_slice() else { return None };
    (name == "join" && between.is_empty()).then_some((prefix, value))
}

/// What a function makes of values.
fn made(name: &str, args: &[Seen]) -> Seen {
    let mut all = consumed(args);
    all.abs = Abs::made_by(name, args.iter().map(|arg| &arg.abs));
    all
}

/// `contains(list, item)`
fn contained(list: &Seen, item: &Seen) -> Seen {
    let mut all = Seen::default();
    for arg in [list, item] {
        all.takes(arg);
        all.over = all.over.join(arg.over.each(Shape::within), Shape::and);
    }
    if list.abs.is_names() {
        all.consume(&list.abs);
        all.compare(How::Equal, &list.abs.item(), &item.abs.literals);
        // A name at hand is judged by itself; a given one is one of many.
        let at_hand = item.abs.is_name() || item.abs.at.is_empty() && item.abs.literals.len() != 1;
        all.over.names = all.over.names.and(if at_hand { Shape::Free } else { Shape::Single });
        return all;
    }
    all.consume(&item.abs);
    all.consume(&list.abs);
    all.compare_values(How::Equal, &item.abs, &list.abs.item());
    // What is looked into may be a text.
    all.compare(How::Within, &list.abs, &item.abs.literals);
    if !list.abs.at.is_empty() {
        all.over.items = all.over.items.and(Shape::Some);
    }
    all
}
