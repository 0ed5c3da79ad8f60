//! Cuts the pod into facets, and each facet's units into the values that matter.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::assembly::{Assembly, Place, Volume};
use super::cases::{cases, groups, telling};
use super::constants::add_constants;
use super::facet::{Facet, Values, capabilities_unit};
use super::present::{present, smallest_list};
use crate::modern::differences;
use crate::pod_view::{VOLUME_SOURCES, smallest_source};
use crate::schema::{FindingKind, check, object_type};
use crate::symbolic::{Constant, Reads, Side, Unit, Unproven, with};
use crate::validity::is_valid;

/// The facets that two sides look at together, for each case.
///
/// # Errors
/// A facet has more cells than can be looked at.
pub(super) fn facets(sides: &[&dyn Side], target_minor: u8, place: &Place) -> Result<Vec<Vec<Facet>>, Unproven> {
    let statements: Vec<&Reads> = sides.iter().flat_map(|side| side.statements()).map(|it| &it.reads).collect();
    let pieces: Vec<&Reads> = sides.iter().flat_map(|side| side.steps()).flat_map(|step| &step.pieces).collect();
    let reads = [statements.as_slice(), &pieces].concat();
    let values = values(sides, &reads)?;
    takes_something(&values, target_minor, place)?;
    let telling = telling(&statements, &pieces, &values);
    let groups = groups(&reads, &telling);
    let facet = |units: &Vec<Unit>, values: &Values| {
        let rule = || units.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        Facet::new(units.clone(), values, target_minor, place).map_err(|why| Unproven::new(rule(), why))
    };
    let cases = cases(&telling, &values);
    let mut all: Vec<Vec<Facet>> = Vec::new();
    for (case, values) in cases.iter().enumerate() {
        let of_case = groups.iter().enumerate().map(|(at, units)| {
            let is_as = |other: &Values| {
                telling.iter().all(|unit| !units.contains(unit) || other.get(unit) == values.get(unit))
            };
            let first = cases.iter().position(is_as).unwrap_or(case);
            let known = all.get(first).and_then(|facets| facets.get(at));
            known.map_or_else(|| Ok(Facet { case, ..facet(units, values)? }), |known| Ok(known.clone()))
        });
        all.push(of_case.collect::<Result<_, _>>()?);
    }
    Ok(all)
}

fn values(sides: &[&dyn Side], reads: &[&Reads]) -> Result<Values, Unproven> {
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
    for (unit, values) in &mut values {
        values.extend(smallest_list(unit).filter(|_| values.iter().all(Value::is_null)));
        keep_distinct(values);
    }
    for (unit, constants) in of_units(reads) {
        let refused = |why: String| Unproven::new(unit.to_string(), why);
        looks_into_no_map(unit, &constants).map_err(refused)?;
        add_constants(unit, &constants, values.entry(unit.clone()).or_default()).map_err(refused)?;
    }
    for (unit, values) in &mut values {
        if !matches!(unit, Unit::Volume | Unit::Mount) {
            let present = present(unit, &[], values);
            values.extend(present);
        }
        keep_distinct(values);
        values.retain(|value| has_right_type(unit, value));
    }
    Ok(values)
}

/// Why keys of maps are not proved: no values are made up for them.
const KEYS: &str = "it looks at the keys of a map";

/// Of each unit there must be a value that the API server takes, or else nobody has looked at pods that have it. Pods that
/// the old server and the new one do not see alike are left out.
fn takes_something(values: &Values, target_minor: u8, place: &Place) -> Result<(), Unproven> {
    for (unit, values) in values.iter().filter(|(unit, _)| !matches!(unit, Unit::Volume | Unit::Mount)) {
        if matches!(unit, Unit::Pod(path) | Unit::Container(path) if path.iter().any(|step| step == "[]")) {
            return Err(Unproven::new(unit.to_string(), KEYS));
        }
        let mut pods = values.iter().filter(|value| !value.is_null()).map(|value| alone(unit, value).pod(place));
        if !pods.any(|pod| is_valid(&pod, target_minor) || !differences(&pod, target_minor).is_empty()) {
            return Err(Unproven::new(unit.to_string(), "no value is known that the API server takes"));
        }
    }
    Ok(())
}

/// An assembly of one value.
fn alone(unit: &Unit, value: &Value) -> Assembly {
    let mut assembly = Assembly::default();
    match unit {
        Unit::Pod(_) => assembly.pod.push((unit.clone(), value.clone())),
        Unit::Container(_) | Unit::ContainerAnnotation(_) => {
            let [regular, _] = &mut assembly.containers;
            regular.push(vec![(unit.clone(), value.clone())]);
        }
        Unit::Volume => assembly.volumes.push(Volume { source: value.clone(), mount: None }),
        Unit::Mount => {}
    }
    assembly
}

fn keep_distinct(values: &mut Vec<Value>) {
    let mut seen = BTreeSet::new();
    values.retain(|value| seen.insert(value.to_string()));
}

/// The constants of each unit, each once.
fn of_units<'a>(reads: &[&'a Reads]) -> BTreeMap<&'a Unit, Vec<&'a Constant>> {
    let constants: BTreeMap<String, &Constant> =
        reads.iter().flat_map(|read| &read.constants).map(|constant| (format!("{constant:?}"), constant)).collect();
    let mut of_units: BTreeMap<&Unit, Vec<&Constant>> = BTreeMap::new();
    // A mount is read-only, or it is not, or it does not say: nothing else of it is ever read.
    for constant in constants.into_values().filter(|constant| constant.unit != Unit::Mount) {
        of_units.entry(&constant.unit).or_default().push(constant);
    }
    of_units
}

/// What is taken for the items of a list must not be the keys of a map.
fn looks_into_no_map(unit: &Unit, constants: &[&Constant]) -> Result<(), String> {
    for constant in constants {
        let Some(item) = constant.within.iter().position(|step| step == "[]") else { continue };
        let list = constant.within.get(..item).unwrap_or_default();
        if !has_right_type(unit, &with(&Value::Null, list, json!([]))) {
            return Err(KEYS.to_owned());
        }
    }
    Ok(())
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

/// Whether a value has the type that a unit has.
pub(super) fn has_right_type(unit: &Unit, value: &Value) -> bool {
    !findings(unit, value).any(|kind| matches!(kind, FindingKind::WrongType { .. }))
}

/// Whether there is nothing in a value that the API does not know.
pub(super) fn is_known(unit: &Unit, value: &Value) -> bool {
    findings(unit, value).next().is_none()
}

fn findings(unit: &Unit, value: &Value) -> impl Iterator<Item = FindingKind> {
    let pod = alone(unit, value).pod(&Place { namespace: "default".to_owned(), account: String::new() });
    let findings = object_type("v1", "Pod").map(|of| check(of, &pod)).unwrap_or_default();
    findings.into_iter().map(|finding| finding.kind)
}
