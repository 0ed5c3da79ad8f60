//! Calls of functions, as far as they are understood for all pods.

use serde_json::Value as Json;

use super::look::{Here, Look, presence};
use crate::symbolic::{Named, Reads, Seen, Shape, Unit};
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
        let args: Vec<Seen> = arguments.iter().map(|argument| self.at(argument, here)).collect();
        match (name, args.as_slice()) {
            ("to_number" | "to_string", [value]) => Seen { over: value.over.each(Shape::within), ..value.clone() },
            ("contains", [list, item]) => contained(list, item, self.compared(&[])),
            ("starts_with" | "ends_with" | "trim_prefix" | "split" | "join", _) => self.compared(&args),
            ("sort" | "length" | "sum" | "keys" | "items" | "object_from_lists", _) => {
                let mut all = self.compared(&args);
                if args.iter().any(|arg| !arg.abs.at.is_empty()) {
                    all.over.items = Shape::Mixed;
                }
                all
            }
            _ if args.iter().all(|arg| arg.abs.at.is_empty() && arg.reads == Reads::default()) => self.compared(&args),
            _ => Seen::flawed(format!("`{name}` is not understood for all pods")),
        }
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
            _ if map.at.is_empty() => {}
            _ => seen.fail("it looks up a key that is not a literal"),
        }
        seen
    }

    /// The prefix of a key that is a prefix and the name of a container.
    fn named_annotation(&mut self, key: &Query, here: &Here) -> Option<String> {
        let Query::Call(join, arguments) = key else { return None };
        let [Query::Literal(Json::String(between)), Query::List(parts)] = arguments.as_slice() else { return None };
        let [Query::Literal(Json::String(prefix)), name] = parts.as_slice() else { return None };
        let name = self.at(name, here).abs.paths();
        let is_name = !name.is_empty() && name.iter().all(|path| Unit::named(path) == Named::Name);
        (join == "join" && between.is_empty() && is_name).then(|| prefix.clone())
    }
}

/// `contains(list, item)`
fn contained(list: &Seen, item: &Seen, mut all: Seen) -> Seen {
    for arg in [list, item] {
        all.takes(arg);
        all.over = all.over.join(arg.over.each(Shape::within), Shape::and);
    }
    if list.abs.is_names() {
        all.consume(&list.abs);
        all.compare(&list.abs.item(), &item.abs.literals);
        // A name at hand is judged by itself; a given one is one of many.
        let at_hand = item.abs.is_name() || item.abs.at.is_empty() && item.abs.literals.len() != 1;
        all.over.names = all.over.names.and(if at_hand { Shape::Free } else { Shape::Single });
        return all;
    }
    all.consume(&item.abs);
    all.consume(&list.abs);
    all.compare(&item.abs, &list.abs.elements);
    all.compare(&list.abs.item(), &item.abs.literals);
    all.compare(&list.abs, &item.abs.literals);
    if !list.abs.at.is_empty() {
        all.over.items = all.over.items.and(Shape::Some);
    }
    all
}
