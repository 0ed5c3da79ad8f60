//! The values of a unit that the constants of texts tell apart.
//!
//! A constant stands at a place within its unit. What is compared there falls into finitely many cells: the constant, what
//! begins or ends with it or holds it, its neighbours, and everything else. Each cell of each place goes together with each
//! of every other place, since a rule may ask about several.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::facet::capabilities_unit;
use crate::symbolic::{Constant, How, Unit, is_head, with};

/// More values of one unit than these are not looked at.
const MOST_VALUES: usize = 4_000;

/// More texts that are looked for within one text than these are not put together.
const MOST_WITHIN: usize = 4;

/// Adds the values that constants of one unit tell apart, beside those that the sides' own axes have.
///
/// # Errors
/// There are too many of them to look at.
pub(super) fn add_constants(unit: &Unit, constants: &[&Constant], values: &mut Vec<Value>) -> Result<(), String> {
    if *unit == capabilities_unit() {
        constants.iter().for_each(|constant| add_name(constant, values));
        return Ok(());
    }
    let mut places: BTreeMap<&[String], Vec<&Constant>> = BTreeMap::new();
    for constant in constants {
        places.entry(&constant.within).or_default().push(constant);
    }
    let mut seen: BTreeSet<String> = values.iter().map(Value::to_string).collect();
    for (within, constants) in places {
        let mut leaves = joined(&constants).ok_or_else(|| too_many(unit))?;
        leaves.extend(headed(&constants));
        leaves.extend(constants.iter().flat_map(|constant| {
            let known = values.iter().any(|value| holds_at(value, within, &constant.value));
            // What the sides' own axes have around a constant is enough, but for what is taken apart.
            if known { in_parts(constant) } else { around(constant) }
        }));
        let given = values.iter().filter(|value| is_base(unit, value, within)).cloned();
        let bases: Vec<Value> = [Value::Null].into_iter().chain(given).collect();
        for leaf in leaves {
            let added = bases.iter().map(|base| with(base, within, leaf.clone()));
            values.extend(added.filter(|value| seen.insert(value.to_string())));
        }
        if values.len() > MOST_VALUES {
            return Err(too_many(unit));
        }
    }
    Ok(())
}

fn too_many(unit: &Unit) -> String {
    format!("`{unit}` is compared with too many constants together")
}

/// Whether something more can be written into a value. A volume has one source, and so has each part of a projected one.
fn is_base(unit: &Unit, value: &Value, within: &[String]) -> bool {
    let within: Vec<&str> = within.iter().map(String::as_str).collect();
    match within.as_slice() {
        [] => false,
        ["projected", "sources", "[]", source, ..] if *unit == Unit::Volume => {
            value.pointer("/projected/sources/0").is_some_and(|first| first.get(source).is_some())
        }
        [source, ..] if *unit == Unit::Volume => value.get(source).is_some(),
        _ => value.is_object() || value.is_array(),
    }
}

/// Names of capabilities are compared one by one.
fn add_name(constant: &Constant, values: &mut Vec<Value>) {
    let known = |value: &Value| holds_at(value, &["add".to_owned(), "[]".to_owned()], &constant.value);
    if constant.value.is_string() && !values.iter().any(known) {
        values.push(json!({"add": [constant.value]}));
    }
}

/// Texts with one of each beginning, any of what is looked for within them, and one of each end; `None` if there are too
/// many. Where nothing but beginnings is asked for, the constants and their neighbours are enough.
fn joined(constants: &[&Constant]) -> Option<Vec<Value>> {
    let of = |wanted: How| {
        let texts = constants.iter().filter(move |constant| constant.how == wanted);
        let texts: BTreeSet<&str> = texts.filter_map(|constant| constant.value.as_str()).collect();
        texts
    };
    let (beginnings, ends, within) = (of(How::Beginning), of(How::End), of(How::Within));
    if ends.is_empty() && within.is_empty() {
        return Some(Vec::new());
    }
    if within.len() > MOST_WITHIN {
        return None;
    }
    let mut middles = vec![String::new()];
    for text in within {
        let more: Vec<String> = middles.iter().map(|middle| format!("{middle}x{text}")).collect();
        middles.extend(more);
    }
    let mut texts = Vec::new();
    for beginning in beginnings.into_iter().chain([""]) {
        for end in ends.iter().copied().chain([""]) {
            let both = middles
                .iter()
                .flat_map(|middle| [format!("{beginning}{middle}{end}"), format!("{beginning}{middle}x{end}")]);
            texts.extend(both.map(Value::from));
        }
    }
    (texts.len() <= MOST_VALUES).then_some(texts)
}

/// What is compared part by part, after each head that is asked for.
fn headed(constants: &[&Constant]) -> Vec<Value> {
    let of = |wanted: How| {
        let those = constants.iter().filter(move |constant| constant.how == wanted);
        those.filter_map(|constant| constant.value.as_str())
    };
    let mut texts = Vec::new();
    for parts in of(How::Parts).filter_map(|text| text.split_once(':')).map(|(_, parts)| parts) {
        // Too short for a head, where one is cut off.
        texts.push(String::new());
        for head in of(How::Beginning).filter(|head| is_head(head)) {
            let text = format!("{head}{parts}");
            texts.extend(retold(&text).into_iter().chain([text]));
        }
    }
    texts.into_iter().map(Value::from).collect()
}

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
fn around(constant: &Constant) -> Vec<Value> {
    let value = &constant.value;
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
            let forms = match constant.how {
                How::Equal => vec![text.clone(), stranger(text)],
                _ => vec![text.clone(), format!("{text}x"), format!("{text}/x"), shorter, stranger(text)],
            };
            forms.into_iter().map(Value::from).chain(in_parts(constant)).collect()
        }
        other => vec![other.clone()],
    }
}

/// A text that none of the constants is, if it is made for each of them.
fn stranger(text: &str) -> String {
    const OTHER: &str = "other";
    if text.starts_with(OTHER) { format!("{text}x") } else { OTHER.to_owned() }
}

/// The forms of a text that is compared part by part.
fn in_parts(constant: &Constant) -> Vec<Value> {
    match (&constant.value, constant.how) {
        (Value::String(text), How::Parts | How::Any) => retold(text).into_iter().map(Value::from).collect(),
        _ => Vec::new(),
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
