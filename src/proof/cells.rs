//! Cuts the pod into facets, and each facet's units into the values that matter.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::assembly::{Assembly, Place};
use super::facet::{Facet, Values, capabilities_unit};
use crate::pod_view::{VOLUME_SOURCES, smallest_source};
use crate::schema::{FindingKind, check, object_type};
use crate::symbolic::{Constant, Reads, Side, Unit, Unproven, with};

/// The facets that two sides look at together.
///
/// # Errors
/// A facet has more cells than can be looked at.
pub(super) fn facets(sides: &[&dyn Side], target_minor: u8, place: &Place) -> Result<Vec<Facet>, Unproven> {
    let reads: Vec<&Reads> = sides
        .iter()
        .flat_map(|side| {
            let statements = side.statements().iter().map(|statement| &statement.reads);
            statements.chain(side.steps().iter().flat_map(|step| &step.pieces))
        })
        .collect();
    let values = values(sides, &reads);
    let groups = groups(&reads).into_iter();
    groups
        .map(|units| {
            let rule = units.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            Facet::new(units, &values, target_minor, place).map_err(|why| Unproven::new(rule, why))
        })
        .collect()
}

/// The units, those that anything reads together in one group.
fn groups(reads: &[&Reads]) -> Vec<Vec<Unit>> {
    let mut groups: Vec<BTreeSet<Unit>> = Vec::new();
    for read in reads {
        let mut units = read.units.clone();
        if units.contains(&Unit::Mount) {
            units.insert(Unit::Volume);
        }
        if units.is_empty() {
            continue;
        }
        let (touched, apart): (Vec<_>, Vec<_>) = groups.into_iter().partition(|group| !group.is_disjoint(&units));
        units.extend(touched.into_iter().flatten());
        groups = apart;
        groups.push(units);
    }
    groups.sort();
    groups.into_iter().map(|group| group.into_iter().collect()).collect()
}

fn values(sides: &[&dyn Side], reads: &[&Reads]) -> Values {
    let mut values = Values::new();
    for unit in reads.iter().flat_map(|read| &read.units) {
        values
            .entry(unit.clone())
            .or_insert_with(|| if *unit == Unit::Volume { Vec::new() } else { vec![Value::Null] });
    }
    for axis in sides.iter().flat_map(|side| side.axes()) {
        values.entry(Unit::from(axis.at)).or_default().extend(axis.values);
    }
    if let Some(volumes) = values.get_mut(&Unit::Volume) {
        volumes.extend(VOLUME_SOURCES.iter().map(|(key, _)| json!({*key: smallest_source(key)})));
    }
    if values.contains_key(&Unit::Volume) {
        values.entry(Unit::Mount).or_default().extend([Value::Null, true.into(), false.into()]);
    }
    if let Some(lists) = values.get_mut(&capabilities_unit()) {
        *lists = capability_lists(lists);
    }
    let constants: BTreeMap<String, &Constant> =
        reads.iter().flat_map(|read| &read.constants).map(|constant| (format!("{constant:?}"), constant)).collect();
    // A mount is read-only, or it is not, or it does not say: nothing else of it is ever read.
    for constant in constants.into_values().filter(|constant| constant.unit != Unit::Mount) {
        add_constant(constant, values.entry(constant.unit.clone()).or_default());
    }
    for (unit, values) in &mut values {
        if values.iter().all(Value::is_null) {
            values.extend(anything());
        }
        let mut seen = BTreeSet::new();
        values.retain(|value| seen.insert(value.to_string()) && has_right_type(unit, value));
    }
    values
}

/// Lists of capabilities compare names for equality: each name that lists of several mention, names with a meaning of
/// their own, and one stranger; lists that are no sets stay as they are.
fn capability_lists(lists: &[Value]) -> Vec<Value> {
    let of = |key: &'static str| lists.iter().filter_map(move |value| value.get(key)?.as_array());
    let several = of("add").chain(of("drop")).filter(|list| list.len() > 1).flatten().filter_map(Value::as_str);
    let mut names: BTreeSet<&str> = several.chain(["ALL", "CAP_SYS_ADMIN"]).collect();
    names.insert("OTHER");
    let kept = lists.iter().filter(|value| {
        let list = |key: &str| value.get(key).and_then(Value::as_array);
        let single = |key: &str| list(key).is_none_or(|list| list.len() == 1);
        let both_absent = list("add").is_none() && list("drop").is_none();
        both_absent || !(single("add") && single("drop"))
    });
    kept.cloned().chain(names.into_iter().map(|name| json!({"add": [name]}))).collect()
}

/// Adds values around a constant of some text, unless values have it already.
fn add_constant(constant: &Constant, values: &mut Vec<Value>) {
    let known = values.iter().any(|value| holds_at(value, &constant.within, &constant.value));
    let retold = || constant.value.as_str().map(retold).unwrap_or_default().into_iter().map(Value::from).collect();
    // What the sides' own axes have around a constant is enough, but for what they do not take apart.
    let around: Vec<Value> = if known { retold() } else { around(&constant.value) };
    if around.is_empty() {
        return;
    }
    if constant.unit == capabilities_unit() {
        let known = |value: &Value| holds_at(value, &["add".to_owned(), "[]".to_owned()], &constant.value);
        if constant.value.is_string() && !values.iter().any(known) {
            values.push(json!({"add": [constant.value]}));
        }
        return;
    }
    let mut bases: Vec<Value> = vec![Value::Null];
    if !constant.within.is_empty() {
        bases.extend(values.iter().filter(|value| value.is_object()).take(MOST_BASES).cloned());
    }
    for value in around {
        values.extend(bases.iter().map(|base| with(base, &constant.within, value.clone())));
    }
}

/// How many values of a unit get a constant of some text written into them.
const MOST_BASES: usize = 8;

fn holds_at(value: &Value, within: &[String], leaf: &Value) -> bool {
    match within.split_first() {
        None => value == leaf,
        Some((step, rest)) if step == "[]" => {
            value.as_array().into_iter().flatten().any(|item| holds_at(item, rest, leaf))
        }
        Some((step, rest)) => value.get(step).is_some_and(|value| holds_at(value, rest, leaf)),
    }
}

/// The value and its neighbours.
fn around(value: &Value) -> Vec<Value> {
    if let Some(number) = value.as_i64() {
        return [number.checked_sub(1), Some(number), number.checked_add(1)]
            .into_iter()
            .flatten()
            .map(Value::from)
            .collect();
    }
    match value {
        Value::Bool(_) => vec![true.into(), false.into()],
        Value::String(text) => {
            let mut shorter = text.clone();
            shorter.pop();
            let forms = [text.clone(), format!("{text}x"), format!("{text}/x"), shorter, "other".to_owned()];
            forms.into_iter().chain(retold(text)).map(Value::from).collect()
        }
        other => vec![other.clone()],
    }
}

/// A text in parts, such as an SELinux level, told otherwise: with another beginning as long as its own, in the opposite
/// order, with a part more, less or twice.
fn retold(text: &str) -> Vec<String> {
    let Some((head, rest)) = text.split_once(':') else { return Vec::new() };
    let parts: Vec<&str> = rest.split(',').collect();
    let reversed: Vec<&str> = parts.iter().rev().copied().collect();
    let (fewer, last) = (parts.get(1..).unwrap_or_default(), parts.last().copied().unwrap_or_default());
    let lists = [reversed.join(","), format!("{rest},x"), fewer.join(","), format!("{rest},{last}")];
    let other = "x".repeat(head.len());
    lists.into_iter().map(|list| format!("{head}:{list}")).chain([format!("{other}:{rest}"), rest.to_owned()]).collect()
}

/// Something of each type, for units of which only the presence counts.
fn anything() -> [Value; 6] {
    [json!(true), json!(false), json!(1), json!("other"), json!({}), json!([])]
}

fn has_right_type(unit: &Unit, value: &Value) -> bool {
    let mut assembly = Assembly::default();
    match unit {
        Unit::Pod(_) => assembly.pod.push((unit.clone(), value.clone())),
        Unit::Container(_) | Unit::ContainerAnnotation(_) => {
            let [regular, _] = &mut assembly.containers;
            regular.push(vec![(unit.clone(), value.clone())]);
        }
        Unit::Volume | Unit::Mount => return true,
    }
    let pod = assembly.pod(&Place { namespace: "default".to_owned(), account: String::new() });
    let Some(of) = object_type("v1", "Pod") else { return true };
    !check(of, &pod).iter().any(|finding| matches!(finding.kind, FindingKind::WrongType { .. }))
}
