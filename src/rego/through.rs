//! Constants seen through functions: with what a part of the pod is compared where something made of it is.
//!
//! `trim_suffix(path, "/") == "/srv"` says that `path` is `/srv` or `/srv/`. Such texts can be told of a text put before a
//! value, of one cut off at its end, and of where in it a text stands. Of other functions only some values are tried, and
//! since there may be others, that no difference is found among them proves nothing.

use regorus::Value;
use regorus::unstable::BoolOp;

use super::builtins::Builtins;
use super::fact::Fact;
use super::kinds::Kinds;
use super::value::{Abs, Made, Place};
use crate::symbolic::How;

impl Fact {
    /// A value is compared with a constant: so is what it is made of.
    pub fn compared(&mut self, how: How, value: &Abs, constant: &Value) {
        for place in &value.at {
            for leaf in leaves(constant) {
                self.compared_at(how, place, leaf, &value.affixes);
            }
        }
        for field in value.fields.iter().flat_map(|fields| fields.values()) {
            self.compared(how, field, constant);
        }
        if value.made != Kinds::NONE {
            self.doubts("it compares what is made of several parts of the pod");
        }
    }

    /// A value is compared with a constant by an operator.
    pub fn compared_by(&mut self, op: &BoolOp, value: &Abs, constant: &Value) {
        if let Some(text) = stands_within(op, value, constant) {
            return value.at.iter().for_each(|place| self.compares(&place.path, How::Within, text.as_str().into()));
        }
        let how = match (op, constant) {
            (BoolOp::Eq | BoolOp::Ne, _) => How::Equal,
            (_, Value::String(_)) => {
                self.doubts("it asks which of two texts comes first");
                How::Any
            }
            _ => How::Any,
        };
        self.compared(how, value, constant);
    }

    fn compared_at(&mut self, how: How, place: &Place, leaf: &Value, affixes: &[String]) {
        let Value::String(text) = leaf else {
            if place.worked_out.as_ref().is_some_and(|made| made.kinds.has(Kinds::of(leaf))) {
                self.doubts(unknown(place));
            }
            return serde_json::to_value(leaf).into_iter().for_each(|value| self.compares(&place.path, how, value));
        };
        let told = match &place.worked_out {
            None => after(&place.prefix, how, text),
            Some(Made { without_end: Some(end), .. }) => with_end(end, how, text),
            Some(_) => None,
        };
        let told = told.unwrap_or_else(|| {
            if place.worked_out.as_ref().is_none_or(|made| made.kinds.has(Kinds::TEXT)) {
                self.doubts(unknown(place));
            }
            tries(text, affixes).into_iter().map(|text| (how, text)).collect()
        });
        for (how, text) in told {
            self.compares(&place.path, how, text.into());
        }
    }

    /// Every beginning of a constant (`startswith`), or every end, may be what stands there.
    pub fn compared_with_ends_of(&mut self, name: &str, text: &str, value: &Abs) {
        for end in text.char_indices().map(|(at, _)| at).chain([text.len()]) {
            let part = if name == "startswith" { text.get(..end) } else { text.get(end..) };
            self.compared(How::Equal, value, &Value::from(part.unwrap_or_default()));
        }
    }
}

fn unknown(place: &Place) -> String {
    format!("for which values `{}` gives what it is compared with is not known", place.said())
}

/// The text of which a comparison asks whether it stands within what stands at a value's places: `indexof(_, text) >= 0`.
fn stands_within(op: &BoolOp, value: &Abs, constant: &Value) -> Option<String> {
    let number = constant.as_i64().ok()?;
    let asks =
        matches!((op, number), (BoolOp::Ge | BoolOp::Lt, 0) | (BoolOp::Gt | BoolOp::Le | BoolOp::Eq | BoolOp::Ne, -1));
    let text = |place: &Place| {
        let call = place.worked_out.as_ref()?.call.strip_prefix("indexof(_, ")?.strip_suffix(')')?.to_owned();
        serde_json::from_str::<String>(&call).ok()
    };
    let texts: Option<Vec<String>> = value.at.iter().map(text).collect();
    let texts = texts
        .filter(|texts| asks && value.made == Kinds::NONE && texts.windows(2).all(|pair| pair.first() == pair.last()));
    texts?.into_iter().next()
}

/// What a value is compared with where `prefix` followed by it is compared with a text.
fn after(prefix: &str, how: How, text: &str) -> Option<Vec<(How, String)>> {
    if prefix.is_empty() {
        return Some(vec![(how, text.to_owned())]);
    }
    // The text may begin within the prefix.
    let rests = text.char_indices().map(|(at, _)| at).chain([text.len()]).skip(1);
    let rests = rests.filter(|at| text.get(..*at).is_some_and(|start| prefix.ends_with(start)));
    let rests = rests.filter_map(|at| text.get(at..)).map(str::to_owned);
    match how {
        How::Equal | How::Beginning => {
            Some(text.strip_prefix(prefix).map(|rest| (how, rest.to_owned())).into_iter().collect())
        }
        How::End => Some(rests.map(|rest| (How::Equal, rest)).chain([(How::End, text.to_owned())]).collect()),
        How::Within => Some(rests.map(|rest| (How::Beginning, rest)).chain([(How::Within, text.to_owned())]).collect()),
        How::Parts | How::Any | How::There => None,
    }
}

/// What a value is compared with where the value without an end is compared with a text.
fn with_end(end: &str, how: How, text: &str) -> Option<Vec<(How, String)>> {
    let (short, long) = (text.to_owned(), format!("{text}{end}"));
    match how {
        How::Equal => Some(vec![(How::Equal, short), (How::Equal, long)]),
        // Cutting off one character leaves what begins with the text, if it is longer.
        How::Beginning if end.chars().count() == 1 => {
            Some(vec![(How::Beginning, short.clone()), (How::Equal, short), (How::Equal, long)])
        }
        How::End => Some(vec![(How::End, short), (How::End, long), (How::End, end.to_owned())]),
        _ => None,
    }
}

/// Values that may give a text.
fn tries(text: &str, affixes: &[String]) -> Vec<String> {
    let mut texts = vec![text.to_owned(), text.to_uppercase(), text.to_lowercase()];
    for affix in affixes.iter().filter(|affix| !affix.is_empty()) {
        texts.extend([format!("{affix}{text}"), format!("{text}{affix}"), format!("{affix}{text}{affix}")]);
        texts.extend(text.strip_prefix(affix.as_str()).map(str::to_owned));
        texts.extend(text.strip_suffix(affix.as_str()).map(str::to_owned));
    }
    texts.dedup();
    texts
}

/// A constant, with all that it holds.
pub(super) fn leaves(constant: &Value) -> Vec<&Value> {
    let items: Vec<&Value> = match constant {
        Value::Array(items) => items.iter().collect(),
        Value::Set(items) => items.iter().collect(),
        Value::Object(fields) => fields.values().collect(),
        _ => Vec::new(),
    };
    [constant].into_iter().chain(items.into_iter().flat_map(leaves)).collect()
}

/// A level of SELinux, of which a list of two items holds the text before the colon and the parts after it, sorted.
pub(super) fn level_of(list: &[&Abs], constant: &Value) -> Option<String> {
    const HEAD: &str = r#"substring(_, 0, indexof(_, ":"))"#;
    const PARTS: &str = r#"sort(split(substring(_, plus(indexof(_, ":"), 1), -1), ","))"#;
    let calls = |abs: &Abs, wanted: &str| {
        let is_wanted = |place: &Place| place.worked_out.as_ref().is_some_and(|made| made.call == wanted);
        !abs.at.is_empty() && abs.at.iter().all(is_wanted)
    };
    let [head, parts] = list else { return None };
    if !calls(head, HEAD) || !calls(parts, PARTS) || head.at.len() != parts.at.len() {
        return None;
    }
    let members = Builtins::members(constant);
    let [(_, Value::String(head)), (_, parts)] = members.as_slice() else { return None };
    let parts: Option<Vec<String>> = Builtins::members(parts).into_iter().map(|(_, part)| part_of(&part)).collect();
    (!head.contains(':')).then(|| parts.map(|parts| format!("{head}:{}", parts.join(","))))?
}

fn part_of(part: &Value) -> Option<String> {
    let text = part.as_string().ok()?;
    (!text.contains(',')).then(|| text.to_string())
}
