//! JSON text as values: duplicate keys are noticed, whole floats become integers, oversized values are refused.

use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::scalar::float_value;
use super::yaml::LONGEST_SCALAR;

/// A JSON value; the last of duplicate keys won.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) value: Value,
    /// Some object in it has a key twice.
    pub(super) has_duplicates: bool,
}

/// The first value in `text`, and the byte at which it ends. What follows it is left alone.
pub(super) fn load(text: &str) -> Result<(Loaded, usize), serde_json::Error> {
    let mut stream = serde_json::Deserializer::from_str(text).into_iter();
    match stream.next() {
        Some(loaded) => Ok((loaded?, stream.byte_offset())),
        None => Ok((Loaded { value: Value::Null, has_duplicates: false }, text.len())),
    }
}

/// A list object that is not read yet: its kind, and its elements as byte ranges.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct List {
    pub(super) kind: String,
    pub(super) items: Vec<Range<usize>>,
}

/// The list that `text` consists of; `None` when it is something else or no sound JSON.
pub(super) fn list(text: &str) -> Option<List> {
    let mut list = List { kind: String::new(), items: Vec::new() };
    let mut at = after(text, 0, '{')?;
    loop {
        let key_start = skip_blanks(text, at);
        let key_end = value_end(text, key_start)?;
        let value_start = skip_blanks(text, after(text, key_end, ':')?);
        let value_end = match text.get(key_start..key_end)? {
            "\"items\"" => elements(text, after(text, value_start, '[')?, &mut list.items)?,
            _ => value_end(text, value_start)?,
        };
        if text.get(key_start..key_end)? == "\"kind\"" {
            list.kind = serde_json::from_str(text.get(value_start..value_end)?).ok()?;
        }
        match after(text, value_end, ',') {
            Some(next) => at = next,
            None => {
                let end = after(text, value_end, '}')?;
                return (skip_blanks(text, end) == text.len() && list.kind.ends_with("List")).then_some(list);
            }
        }
    }
}

/// Appends the elements of the list whose first element stands at `at`; returns the byte after its bracket.
fn elements(text: &str, mut at: usize, found: &mut Vec<Range<usize>>) -> Option<usize> {
    found.clear();
    if let Some(end) = after(text, at, ']') {
        return Some(end);
    }
    loop {
        let start = skip_blanks(text, at);
        let end = value_end(text, start)?;
        found.push(start..end);
        match after(text, end, ',') {
            Some(next) => at = next,
            None => return after(text, end, ']'),
        }
    }
}

fn value_end(text: &str, start: usize) -> Option<usize> {
    let mut stream = serde_json::Deserializer::from_str(text.get(start..)?).into_iter::<IgnoredAny>();
    stream.next()?.ok()?;
    Some(start + stream.byte_offset())
}

fn skip_blanks(text: &str, at: usize) -> usize {
    let blanks = text.bytes().skip(at).take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).count();
    at + blanks
}

/// The byte after `expected`, if that stands next.
fn after(text: &str, at: usize, expected: char) -> Option<usize> {
    let at = skip_blanks(text, at);
    text.get(at..)?.starts_with(expected).then(|| at + expected.len_utf8())
}

impl From<Value> for Loaded {
    fn from(value: Value) -> Self {
        Self { value, has_duplicates: false }
    }
}

impl<'de> Deserialize<'de> for Loaded {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Values)
    }
}

struct Values;

impl<'de> Visitor<'de> for Values {
    type Value = Loaded;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Loaded, E> {
        Ok(Value::Bool(value).into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Loaded, E> {
        Ok(Value::from(value).into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Loaded, E> {
        Ok(Value::from(value).into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Loaded, E> {
        Ok(float_value(value).into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Loaded, E> {
        if value.len() > LONGEST_SCALAR {
            let megabytes = value.len() >> 20;
            let message = format_args!("a single value of {megabytes} MiB; the API server takes 3 MiB at most");
            return Err(E::custom(message));
        }
        Ok(Value::String(value.to_owned()).into())
    }

    fn visit_unit<E>(self) -> Result<Loaded, E> {
        Ok(Value::Null.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Loaded, A::Error> {
        let (mut items, mut has_duplicates) = (Vec::new(), false);
        while let Some(item) = access.next_element::<Loaded>()? {
            items.push(item.value);
            has_duplicates |= item.has_duplicates;
        }
        Ok(Loaded { value: Value::Array(items), has_duplicates })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Loaded, A::Error> {
        let (mut fields, mut has_duplicates) = (Map::new(), false);
        while let Some((key, field)) = access.next_entry::<String, Loaded>()? {
            has_duplicates |= field.has_duplicates | fields.insert(key, field.value).is_some();
        }
        Ok(Loaded { value: Value::Object(fields), has_duplicates })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn whole_floats_are_integers_and_duplicates_are_noticed() {
        let text = r#" {"a": 1.0, "b": {"c": 1, "c": 2.5}} {"next": 1}"#;
        let (loaded, end) = load(text).unwrap();
        assert_eq!(loaded.value, json!({"a": 1, "b": {"c": 2.5}}));
        assert!(loaded.has_duplicates);
        assert_eq!(&text[end..], " {\"next\": 1}");
        assert!(!load(r#"{"a": {"b": 1}, "c": {"b": 1}}"#).unwrap().0.has_duplicates);
    }

    #[test]
    fn deep_or_broken_text_is_an_error() {
        for text in
            ["[".repeat(20_000), "{\"a\":".repeat(20_000), "{\"a\": \"\u{1}\"}".to_owned(), "{\"a\": tru".to_owned()]
        {
            assert!(load(&text).is_err());
        }
    }

    #[test]
    fn lists_are_cut_without_reading_them() {
        let text = r#" {"metadata": {"items": [0]}, "items": [ {"a": [1, 2]}, 3 ,"x"], "kind": "PodList"} "#;
        let found = list(text).unwrap();
        let parts: Vec<&str> = found.items.into_iter().map(|range| &text[range]).collect();
        assert_eq!((found.kind.as_str(), parts), ("PodList", vec![r#"{"a": [1, 2]}"#, "3", r#""x""#]));
        assert!(list(r#"{"items": [], "kind": "List"}"#).unwrap().items.is_empty());
    }

    #[test]
    fn what_is_no_list_is_not_cut() {
        let broken = [
            r#"{"items": {}, "kind": "List"}"#,
            r#"{"kind": "List", "items": [1"#,
            r#"{"kind": "List", "items": [1 2]}"#,
        ];
        let other = ["", "{}", "[1]", r#"{"items": [1], "kind": "Pod"}"#, r#"{"items": [1], "kind": "List"} {}"#];
        for text in broken.into_iter().chain(other) {
            assert_eq!(list(text), None, "{text}");
        }
    }
}
