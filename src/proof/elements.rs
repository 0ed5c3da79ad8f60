//! The rows and elements of a facet: every combination of the values that matter.

use serde_json::{Value, json};

use super::assembly::{Edit, Volume};
use super::facet::{Element, MOST_BITS, Row, Values, capabilities_unit};
use crate::symbolic::Unit;

/// The elements in the order of how much they say.
fn sorted(mut elements: Vec<Element>) -> Vec<Element> {
    elements.sort_by_cached_key(|element| element.edits.iter().map(|(_, value)| weight(value)).sum::<usize>());
    elements
}

fn weight(value: &Value) -> usize {
    if value.is_null() { 0 } else { value.to_string().len() + 10 }
}

/// Every combination of the values of the units.
fn product(units: &[Unit], values: &Values, keep: impl Fn(&Unit, &Value) -> bool) -> Result<Vec<Vec<Edit>>, String> {
    let mut all: Vec<Vec<Edit>> = vec![Vec::new()];
    for unit in units {
        let of_unit: Vec<&Value> = values.get(unit).into_iter().flatten().filter(|value| keep(unit, value)).collect();
        if all.len() * of_unit.len() > MOST_BITS {
            return Err(format!("`{unit}` takes too many values together with what depends on it"));
        }
        let combined = all.iter().flat_map(|edits| {
            of_unit.iter().map(|value| edits.iter().cloned().chain([(unit.clone(), (*value).clone())]).collect())
        });
        all = combined.collect();
    }
    Ok(all)
}

fn is_single(value: &Value) -> bool {
    value.as_array().is_some_and(|items| items.len() == 1)
}

pub(super) fn rows(units: &[Unit], values: &Values) -> Result<Vec<Row>, String> {
    let has_items = |unit: &Unit| values.get(unit).is_some_and(|values| values.iter().any(is_single));
    // A list with items is one value here; the items are elements.
    let items = json!({"items": "elements"});
    let mut with_items = values.clone();
    for unit in units.iter().filter(|unit| has_items(unit)) {
        let values = with_items.entry(unit.clone()).or_default();
        values.retain(|value| !is_single(value));
        values.push(items.clone());
    }
    let mut rows: Vec<Row> = product(units, &with_items, |_, _| true)?
        .into_iter()
        .map(|edits| {
            let (lists, edits): (Vec<Edit>, Vec<Edit>) = edits.into_iter().partition(|(_, value)| *value == items);
            Row { edits, lists: lists.into_iter().map(|(unit, _)| unit).collect() }
        })
        .collect();
    rows.sort_by_cached_key(|row| {
        row.edits.iter().map(|(_, value)| weight(value)).sum::<usize>() + 10 * row.lists.len()
    });
    Ok(rows)
}

pub(super) fn items(unit: &Unit, values: &Values) -> Option<Vec<Element>> {
    let singles = values.get(unit)?.iter().filter(|value| is_single(value)).filter_map(|value| value.get(0));
    let elements = singles.map(|item| element(vec![(unit.clone(), item.clone())], None));
    Some(elements.collect::<Vec<_>>()).filter(|elements| !elements.is_empty())
}

fn element(edits: Vec<Edit>, volume: Option<Volume>) -> Element {
    Element { edits, volume, names: Vec::new(), first: 0 }
}

pub(super) fn containers(units: &[Unit], values: &Values) -> Result<Vec<Element>, String> {
    let slotted = capabilities_unit();
    let plain: Vec<Unit> = units.iter().filter(|unit| **unit != slotted).cloned().collect();
    let combinations = product(&plain, values, |_, _| true)?;
    if !units.contains(&slotted) {
        return Ok(sorted(combinations.into_iter().map(|edits| element(edits, None)).collect()));
    }
    let lists = values.get(&slotted).map(Vec::as_slice).unwrap_or_default();
    let names = names(lists);
    let mut elements = Vec::new();
    for edits in combinations {
        // Lists in odd orders and spellings, as they are.
        for odd in lists.iter().filter(|lists| is_odd(lists)) {
            let with_odd = edits.iter().cloned().chain([(slotted.clone(), odd.clone())]).collect();
            elements.push(element(with_odd, None));
        }
        elements.push(Element { names: names.clone(), ..element(edits, None) });
    }
    Ok(sorted(elements))
}

/// Names that stand in lists of several, which policies mention, and the names that a list holds alone; one stranger.
fn names(lists: &[Value]) -> Vec<String> {
    let of = |key: &'static str| lists.iter().filter_map(move |value| value.get(key)?.as_array());
    let all: Vec<&Vec<Value>> = of("add").chain(of("drop")).collect();
    let mut names: Vec<String> = all.into_iter().flatten().filter_map(|name| Some(name.as_str()?.to_owned())).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Neither a set of names in order, nor absent.
fn is_odd(value: &Value) -> bool {
    let list = |key: &str| value.get(key).and_then(Value::as_array).map(Vec::as_slice);
    let sorted = |list: &[Value]| list.windows(2).all(|pair| matches!(pair, [a, b] if a.as_str() < b.as_str()));
    let odd = |key: &str| list(key).is_some_and(|list| list.is_empty() || !sorted(list));
    value.is_object() && (odd("add") || odd("drop") || list("add").is_none() && list("drop").is_none())
}

pub(super) fn volumes(values: &Values, mounted: bool) -> Vec<Element> {
    let sources = values.get(&Unit::Volume).map(Vec::as_slice).unwrap_or_default();
    let given = values.get(&Unit::Mount).map(Vec::as_slice).unwrap_or_default();
    let given = given.iter().filter(|value| !value.is_string());
    let modes: Vec<Value> = if mounted { given.cloned().collect() } else { Vec::new() };
    let mut elements = Vec::new();
    for source in sources.iter().filter(|source| source.is_object()) {
        let mounts = modes.iter().flat_map(|mode| [Some((0, mode.clone())), Some((1, mode.clone()))]);
        let volumes = [None].into_iter().chain(mounts).map(|mount| Volume { source: source.clone(), mount });
        // The source counts as an edit for the order only.
        elements.extend(volumes.map(|volume| element(vec![(Unit::Volume, source.clone())], Some(volume))));
    }
    sorted(elements)
}
