//! Sets of names that are joined: within a filter nothing but the item at hand can be reached, so what relates containers to
//! annotations, or volumes to mounts, is said of the sets of their names.

use super::look::{Here, Look, whole};
use crate::symbolic::{Abs, Constant, How, Seen, Shape, Unit};
use crate::targets::kyverno::cluster::query::{Comparison, Query};

/// Whether the names on the one side are all, or none of them, among those on the other side, if that is what a comparison
/// of lengths says; both are for-alls over the elements whose names they are.
pub(super) fn joined(look: &mut Look, left: &Query, right: &Query, here: &Here) -> Option<Seen> {
    let Query::Project(both, rest) = distinct(length(left)?)? else { return None };
    let (Query::Flatten(both), Query::Current) = (both.as_ref(), rest.as_ref()) else { return None };
    let Query::List(both) = both.as_ref() else { return None };
    let [one, other] = both.as_slice() else { return None };
    let all_within = length(right).is_some_and(|right| right == other);
    if !all_within && !are_disjoint(right, one, other) {
        return None;
    }
    let (elements, condition) = named_elements(one)?;
    let elements = look.at(elements, here);
    if !elements.abs.is_elements() {
        return None;
    }
    let mut seen = Look::default().judged(condition, &Here::At(elements.abs.item()));
    seen.takes(&elements);
    let mut over = seen.over.each(Shape::not);
    over.elements = over.elements.quantified(true);
    over.items = over.items.under(true);
    over.names = over.names.under(true);
    let of_volumes = elements.abs.paths().iter().all(|path| path.last().is_some_and(|last| last == "volumes"));
    if let Some((prefix, condition)) = annotated(other) {
        if of_volumes {
            return None;
        }
        let unit = Unit::ContainerAnnotation(prefix);
        let mut values = Vec::new();
        condition.iter().for_each(|condition| condition.literals(&mut values));
        let constant = |value| Constant { unit: unit.clone(), within: Vec::new(), value: whole(&value), how: How::Any };
        seen.reads.constants.extend(values.into_iter().map(constant));
        seen.reads.units.insert(unit);
    } else {
        // That some mount is so is no for-all over the mounts.
        let mounts = mounted(look, other, here).filter(|_| of_volumes && !all_within)?;
        seen.takes(&mounts);
        seen.reads.units.insert(Unit::Mount);
        over.items = over.items.and(Shape::All);
    }
    seen.over = over;
    seen.abs = Abs::default();
    Some(seen)
}

fn length(query: &Query) -> Option<&Query> {
    match query {
        Query::Call(name, arguments) if name == "length" => arguments.first(),
        _ => None,
    }
}

/// `keys(object_from_lists(list, list))`: the list's distinct texts.
fn distinct(query: &Query) -> Option<&Query> {
    let of = |query: &'_ Query, wanted: &str| matches!(query, Query::Call(name, _) if name == wanted);
    let Query::Call(_, keys) = query else { return None };
    let [object] = keys.as_slice() else { return None };
    let Query::Call(_, lists) = object else { return None };
    match lists.as_slice() {
        [one, other] if one == other && of(query, "keys") && of(object, "object_from_lists") => Some(one),
        _ => None,
    }
}

/// `sum([length(distinct one), length(other)])`
fn are_disjoint(sum: &Query, one: &Query, other: &Query) -> bool {
    let Query::Call(name, arguments) = sum else { return false };
    let [Query::List(lengths)] = arguments.as_slice() else { return false };
    let [first, second] = lengths.as_slice() else { return false };
    name == "sum" && length(first).and_then(distinct) == Some(one) && length(second) == Some(other)
}

/// `list | [?condition].name`
fn named_elements(query: &Query) -> Option<(&Query, &Query)> {
    let Query::Pipe(list, filter) = query else { return None };
    let Query::Filter(current, condition, name) = filter.as_ref() else { return None };
    let is_name = matches!(name.as_ref(), Query::Field(name) if name == "name");
    (**current == Query::Current && is_name).then_some((list.as_ref(), condition.as_ref()))
}

/// The names after a prefix, of the annotations whose value meets conditions:
/// `items(annotations, 'k', 'v') | [?starts_with(k, prefix) && …].trim_prefix(k, prefix)`
fn annotated(query: &Query) -> Option<(String, Vec<&Query>)> {
    let Query::Pipe(items, filter) = query else { return None };
    let Query::Filter(current, condition, name) = filter.as_ref() else { return None };
    let (Query::Call(items, of), Query::Call(trim, trimmed)) = (items.as_ref(), name.as_ref()) else { return None };
    let [annotations, Query::Literal(key), Query::Literal(value)] = of.as_slice() else { return None };
    let [Query::Field(trimmed_key), Query::Literal(prefix)] = trimmed.as_slice() else { return None };
    let mut conditions = conjuncts(condition);
    let starts = (!conditions.is_empty()).then(|| conditions.remove(0))?;
    let begins = matches!(starts, Query::Call(name, args) if name == "starts_with"
        && args.as_slice() == [Query::Field(trimmed_key.clone()), Query::Literal(prefix.clone())]);
    let only_value = conditions.iter().all(|condition| condition.only_reads(value.as_str().unwrap_or_default()));
    let only_compares = conditions.iter().all(|condition| compares(condition));
    let is_so = items == "items"
        && trim == "trim_prefix"
        && **current == Query::Current
        && begins
        && only_value
        && only_compares;
    let key_is_key = key.as_str() == Some(trimmed_key) && key != value;
    (is_so && key_is_key && annotations.is_annotations()).then(|| Some((prefix.as_str()?.to_owned(), conditions)))?
}

/// Whether a condition compares the value with literals, and does nothing else with it.
fn compares(condition: &Query) -> bool {
    let is_literal = |query: &Query| match query {
        Query::List(items) => items.iter().all(|item| matches!(item, Query::Literal(_))),
        query => matches!(query, Query::Literal(_)),
    };
    let is_value = |query: &Query| match query {
        Query::Or(value, default) => matches!(value.as_ref(), Query::Field(_)) && is_literal(default),
        query => matches!(query, Query::Field(_)),
    };
    let is_compared = |one: &Query, other: &Query| is_value(one) && is_literal(other);
    match condition {
        Query::Not(inner) => compares(inner),
        Query::And(left, right) | Query::Or(left, right) => compares(left) && compares(right),
        Query::Compare(Comparison::Equal | Comparison::Unequal, left, right) => {
            is_compared(left, right) || is_compared(right, left)
        }
        Query::Call(name, arguments) => match (name.as_str(), arguments.as_slice()) {
            ("contains", [list, value]) => is_compared(value, list),
            ("starts_with", [value, text]) => is_compared(value, text),
            _ => false,
        },
        query => matches!(query, Query::Literal(_)) || is_value(query),
    }
}

fn conjuncts(query: &Query) -> Vec<&Query> {
    match query {
        Query::And(left, right) => conjuncts(left).into_iter().chain(conjuncts(right)).collect(),
        other => vec![other],
    }
}

/// The distinct names of the volumes that containers mount, of the mounts that meet a condition:
/// `containers | [*].volumeMounts[] | [?condition].name`
fn mounted(look: &mut Look, query: &Query, here: &Here) -> Option<Seen> {
    let (mounts, condition) = named_elements(distinct(query)?)?;
    let Query::Pipe(containers, mounts) = mounts else { return None };
    let Query::Project(flat, rest) = mounts.as_ref() else { return None };
    let (Query::Flatten(lists), Query::Current) = (flat.as_ref(), rest.as_ref()) else { return None };
    let Query::Project(each, list) = lists.as_ref() else { return None };
    let is_mounts = **each == Query::Current && **list == Query::Field("volumeMounts".to_owned());
    let containers = look.at(containers, here);
    if !is_mounts || !containers.abs.is_elements() {
        return None;
    }
    let item = containers.abs.item().step("volumeMounts").item();
    let mut seen = Look::default().judged(condition, &Here::At(item));
    seen.takes(&containers);
    Some(seen)
}
