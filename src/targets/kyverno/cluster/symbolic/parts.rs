//! Texts that are taken apart: a list of parts in any order, after a head, as SELinux levels are compared.

use serde_json::Value as Json;

use super::look::{Here, Look};
use crate::symbolic::{Seen, is_head};
use crate::targets::kyverno::cluster::query::Query;

/// `sort(split(trim_prefix(v, 's0:'), ',')) == ['c1', 'c2']`, where the parts are in order: that is one constant, after the head
/// or without it, told in any order.
pub(super) fn taken_apart(look: &mut Look, sorted: &Query, parts: &Query, here: &Here) -> Option<Seen> {
    let [split] = call(sorted, "sort")? else { return None };
    let [rest, separator] = call(split, "split")? else { return None };
    let [of, head] = call(rest, "trim_prefix")? else { return None };
    let head = text(head).filter(|head| is_head(head) && text(separator) == Some(","))?;
    let parts = texts(parts).filter(|parts| parts.is_sorted() && parts.iter().all(|part| !part.contains(',')))?;
    let mut seen = look.at_value(of, here);
    let values = std::mem::take(&mut seen.abs);
    seen.compare_parts(&values, head, &parts);
    Some(seen)
}

fn call<'q>(query: &'q Query, wanted: &str) -> Option<&'q [Query]> {
    match query {
        Query::Call(name, arguments) if name == wanted => Some(arguments),
        _ => None,
    }
}

fn text(query: &Query) -> Option<&str> {
    match query {
        Query::Literal(value) => value.as_str(),
        _ => None,
    }
}

fn texts(query: &Query) -> Option<Vec<&str>> {
    match query {
        Query::Literal(Json::Array(items)) => items.iter().map(Json::as_str).collect(),
        Query::List(items) => items.iter().map(text).collect(),
        _ => None,
    }
}
