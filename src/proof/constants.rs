//! The values of a unit that the constants of texts tell apart.
//!
//! A constant stands at a place within its unit. What is compared there falls into finitely many cells: the constant, what
//! begins or ends with it or holds it, its neighbours, and everything else. Each cell of each place goes together with each
//! of every other place, since a rule may ask about several.
//!
//! What goes on after a constant goes on with a letter that no constant holds. So a rule that leaves out the constants, and
//! any texts around them that it names, leaves that one in.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::cells::has_right_type;
use super::facet::capabilities_unit;
use super::present::{found_at, other, present};
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
    let mut places: BTreeMap<&[String], Vec<&Constant>> = BTreeMap::new();
    for constant in constants {
        places.entry(&constant.within).or_default().push(constant);
    }
    let mut seen: BTreeSet<String> = values.iter().map(Value::to_string).collect();
    for (within, constants) in places {
        let fresh = fresh(&constants).ok_or_else(|| too_many(unit))?;
        let mut leaves = joined(&constants, fresh).ok_or_else(|| too_many(unit))?;
        leaves.extend(headed(&constants, fresh));
        let compared = constants.iter().filter(|constant| constant.how != How::There);
        let is_in_axes = |constant: &Constant| {
            is_se_linux(unit) && values.iter().any(|value| holds_at(value, within, &constant.value))
        };
        leaves.extend(compared.flat_map(|constant| match is_in_axes(constant) {
            true => in_parts(constant, fresh),
            false => around(constant, fresh),
        }));
        leaves.extend(reordered(&constants).ok_or_else(|| too_many(unit))?);
        if !leaves.iter().any(|leaf| has_right_type(unit, &with(&Value::Null, within, leaf.clone()))) {
            leaves.extend(present(unit, within, values));
        }
        if !(is_se_linux(unit) && has_stranger(&constants, within, values)) {
            leaves.extend(stranger(&constants, other(unit), fresh));
        }
        if *unit == capabilities_unit() {
            leaves.iter().for_each(|name| add_name(name, values));
            continue;
        }
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
fn add_name(name: &Value, values: &mut Vec<Value>) {
    let known = |value: &Value| holds_at(value, &["add".to_owned(), "[]".to_owned()], name);
    if name.as_str().is_some_and(|name| !name.is_empty()) && !values.iter().any(known) {
        values.push(json!({"add": [name]}));
    }
}

/// A letter that no constant holds.
fn fresh(constants: &[&Constant]) -> Option<char> {
    let texts: Vec<&str> = constants.iter().filter_map(|constant| constant.value.as_str()).collect();
    "xqzjkvwyubfghdlmnpcrstoaie0123456789".chars().find(|letter| !texts.iter().any(|text| text.contains(*letter)))
}

/// Texts with one of each beginning, any of what is looked for within them, and one of each end; `None` if there are too
/// many. Where nothing but beginnings is asked for, the constants and their neighbours are enough.
fn joined(constants: &[&Constant], fresh: char) -> Option<Vec<Value>> {
    let of = |wanted: How| {
        let texts = constants.iter().filter(move |constant| constant.how == wanted);
        let texts: BTreeSet<&str> = texts.filter_map(|constant| constant.value.as_str()).collect();
        texts
    };
    let (beginnings, ends, within) = (of(How::Beginning), of(How::End), of(How::Within));
    // A text that is taken apart has forms with a colon and without.
    let is_in_parts = || constants.iter().any(|constant| constant.how == How::Parts) && beginnings.is_empty();
    if ends.is_empty() && (within.is_empty() || within.iter().eq([&":"]) && is_in_parts()) {
        return Some(Vec::new());
    }
    if within.len() > MOST_WITHIN {
        return None;
    }
    let mut middles = vec![String::new()];
    for text in within {
        let more: Vec<String> = middles.iter().map(|middle| format!("{middle}{fresh}{text}")).collect();
        middles.extend(more);
    }
    let mut texts = Vec::new();
    for beginning in beginnings.into_iter().chain([""]) {
        for end in ends.iter().copied().chain([""]) {
            let both = middles
                .iter()
                .flat_map(|middle| [format!("{beginning}{middle}{end}"), format!("{beginning}{middle}{fresh}{end}")]);
            texts.extend(both.map(Value::from));
        }
    }
    (texts.len() <= MOST_VALUES).then_some(texts)
}

/// What is compared part by part, after each head that is asked for.
fn headed(constants: &[&Constant], fresh: char) -> Vec<Value> {
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
            texts.extend(retold(&text, fresh).into_iter().chain([text]));
        }
    }
    texts.into_iter().map(Value::from).collect()
}

/// Each text that is compared part by part, its parts in an order that no constant has; `None` where every order that is
/// tried is a constant's.
fn reordered(constants: &[&Constant]) -> Option<Vec<Value>> {
    let texts: BTreeSet<&str> = constants.iter().filter_map(|constant| constant.value.as_str()).collect();
    let in_parts = constants.iter().filter(|constant| constant.how == How::Parts);
    let in_parts = in_parts.filter_map(|constant| constant.value.as_str()?.split_once(':'));
    // Two parts have two orders, and both are looked at.
    let several = in_parts.filter(|(_, parts)| parts.split(',').collect::<BTreeSet<_>>().len() > 2);
    let other = |(head, parts): (&str, &str)| {
        let mut turned = turns(parts).into_iter().map(|parts| format!("{head}:{parts}"));
        turned.find(|text| !texts.contains(text.as_str())).map(Value::from)
    };
    several.map(other).collect()
}

/// The parts of a text, beginning with each of them in turn, and the same from the last to the first.
fn turns(parts: &str) -> Vec<String> {
    let forward: Vec<&str> = parts.split(',').collect();
    let backward: Vec<&str> = forward.iter().rev().copied().collect();
    let turned = |list: &[&str], by: usize| {
        let (first, rest) = list.split_at(by);
        [rest, first].concat().join(",")
    };
    (0..forward.len()).flat_map(|by| [turned(&forward, by), turned(&backward, by)]).collect()
}

fn holds_at(value: &Value, within: &[String], leaf: &Value) -> bool {
    found_at(value, within).contains(&leaf)
}

/// The value and its neighbours.
fn around(constant: &Constant, fresh: char) -> Vec<Value> {
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
                How::Equal => vec![text.clone()],
                _ => vec![text.clone(), format!("{text}{fresh}"), format!("{text}/{fresh}"), shorter],
            };
            forms.into_iter().map(Value::from).chain(in_parts(constant, fresh)).collect()
        }
        other => vec![other.clone()],
    }
}

/// Whether the unit is the four texts of an SELinux context. Four strangers more, beside those of the axes, would go together
/// in more ways than can be looked at.
fn is_se_linux(unit: &Unit) -> bool {
    matches!(unit, Unit::Pod(path) | Unit::Container(path) if path.last().is_some_and(|last| last == "seLinuxOptions"))
}

/// Whether the axes have a text that has nothing to do with any of the constants. A policy's own part is no such text: the
/// axes have one that goes on after it.
fn has_stranger(constants: &[&Constant], within: &[String], values: &[Value]) -> bool {
    let texts = values.iter().flat_map(|value| found_at(value, within)).filter_map(Value::as_str);
    let texts: Vec<&str> = texts.collect();
    let is_last = |text: &str| !texts.iter().any(|other| *other != text && other.starts_with(text));
    let is_unknown = |text: &str| {
        let constants =
            constants.iter().filter_map(|constant| constant.value.as_str().map(|value| (constant.how, value)));
        constants.into_iter().all(|(how, value)| match how {
            How::Equal | How::Parts => value != text,
            _ => value.is_empty() || !text.contains(value),
        })
    };
    texts.iter().any(|text| is_last(text) && is_unknown(text))
}

/// A text that has nothing to do with any of the constants, if one of them is a text.
fn stranger(constants: &[&Constant], other: &str, fresh: char) -> Option<Value> {
    let mut texts = constants.iter().filter_map(|constant| constant.value.as_str()).peekable();
    texts.peek()?;
    let is_known = texts.any(|text| !text.is_empty() && other.contains(text));
    Some(if is_known { other.replace("other", &fresh.to_string()) } else { other.to_owned() }.into())
}

/// The forms of a text that is compared part by part.
fn in_parts(constant: &Constant, fresh: char) -> Vec<Value> {
    match (&constant.value, constant.how) {
        (Value::String(text), How::Parts | How::Any) => retold(text, fresh).into_iter().map(Value::from).collect(),
        _ => Vec::new(),
    }
}

/// A text in parts, such as an SELinux level, told otherwise: with another beginning as long as its own, in the opposite
/// order, with a part more, less or twice.
fn retold(text: &str, fresh: char) -> Vec<String> {
    let Some((head, rest)) = text.split_once(':') else { return Vec::new() };
    let parts: Vec<&str> = rest.split(',').collect();
    let reversed: Vec<&str> = parts.iter().rev().copied().collect();
    let (fewer, last) = (parts.get(1..).unwrap_or_default(), parts.last().copied().unwrap_or_default());
    let lists = [reversed.join(","), format!("{rest},{fresh}"), fewer.join(","), format!("{rest},{last}")];
    let other = fresh.to_string().repeat(head.len());
    lists.into_iter().map(|list| format!("{head}:{list}")).chain([format!("{other}:{rest}"), rest.to_owned()]).collect()
}
