//! The functions of JMESPath and of Kyverno that are understood here.
//!
//! Source: `github.com/kyverno/go-jmespath`, `functions.go`, and Kyverno's `pkg/engine/jmespath`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::eval::{Found, Problem};

type Outcome<'v> = Result<Found<'v>, Problem>;

/// What a function gives.
///
/// # Errors
/// An argument of a type that it does not take, or a function that is not known here.
pub(super) fn call<'v>(name: &str, arguments: Vec<Found<'v>>) -> Outcome<'v> {
    let values: Vec<&Json> = arguments.iter().map(AsRef::as_ref).collect();
    let found = match (name, values.as_slice()) {
        ("contains", [Json::Array(items), wanted]) => items.iter().any(|item| item == *wanted).into(),
        ("contains", [Json::String(text), Json::String(part)]) => text.contains(part.as_str()).into(),
        ("contains", [Json::String(_), _]) => false.into(),
        ("keys", [Json::Object(fields)]) => fields.keys().map(|key| Json::from(key.as_str())).collect(),
        ("length", [Json::Array(items)]) => length(items.len()),
        ("length", [Json::Object(fields)]) => length(fields.len()),
        ("length", [Json::String(text)]) => length(text.chars().count()),
        ("starts_with", [Json::String(text), Json::String(prefix)]) => text.starts_with(prefix.as_str()).into(),
        ("to_number", [value]) => to_number(value),
        ("to_string", [Json::String(text)]) => text.as_str().into(),
        ("to_string", [value]) => text_of(value).into(),
        ("join", [Json::String(between), Json::Array(items)]) => {
            texts(items).map(|texts| texts.join(between).into()).ok_or_else(|| wrong(name))?
        }
        ("split", [Json::String(text), Json::String(at)]) => text.split(at.as_str()).map(Json::from).collect(),
        ("sort", [Json::Array(items)]) => sorted(items).ok_or_else(|| wrong(name))?,
        ("sum", [Json::Array(items)]) => {
            let numbers: Option<Vec<f64>> = items.iter().map(Json::as_f64).collect();
            numbers.map(|numbers| Json::from(numbers.iter().sum::<f64>())).ok_or_else(|| wrong(name))?
        }
        ("trim_prefix", [Json::String(text), Json::String(prefix)]) => {
            text.strip_prefix(prefix.as_str()).unwrap_or(text).into()
        }
        ("lookup", [Json::Object(fields), Json::String(key)]) => fields.get(key).cloned().unwrap_or_default(),
        ("items", [Json::Object(fields), Json::String(key), Json::String(value)]) => items(fields, key, value),
        ("object_from_lists", [Json::Array(keys), Json::Array(values)]) => {
            object(keys, values).ok_or_else(|| wrong(name))?
        }
        ("contains" | "keys" | "length" | "starts_with" | "split" | "trim_prefix" | "lookup" | "items", _) => {
            return Err(wrong(name));
        }
        _ => return Err(Problem::Unknown(format!("the function `{name}`"))),
    };
    Ok(Cow::Owned(found))
}

fn wrong(name: &str) -> Problem {
    Problem::Error(format!("invalid type for an argument of `{name}`"))
}

fn length(count: usize) -> Json {
    u32::try_from(count).map_or(Json::Null, |count| f64::from(count).into())
}

/// Whole numbers of an object are no numbers to it, floats and the texts of numbers are.
fn to_number(value: &Json) -> Json {
    match value {
        Json::Number(number) if number.is_f64() => value.clone(),
        Json::String(text) => text.parse::<f64>().map_or(Json::Null, Json::from),
        _ => Json::Null,
    }
}

/// A float without a fraction, which Go writes without one.
fn whole(number: &serde_json::Number) -> Option<i64> {
    let float = number.as_f64().filter(|float| number.is_f64() && float.fract() == 0.0)?;
    format!("{float:.0}").parse().ok()
}

/// JSON as Go writes it: keys sorted.
fn text_of(value: &Json) -> String {
    fn ordered(value: &Json) -> Json {
        match value {
            Json::Object(fields) => {
                let fields: BTreeMap<&String, Json> = fields.iter().map(|(key, value)| (key, ordered(value))).collect();
                fields.into_iter().map(|(key, value)| (key.clone(), value)).collect::<Map<_, _>>().into()
            }
            Json::Array(items) => items.iter().map(ordered).collect(),
            Json::Number(number) => whole(number).map_or_else(|| value.clone(), Json::from),
            other => other.clone(),
        }
    }
    ordered(value).to_string()
}

fn texts(items: &[Json]) -> Option<Vec<&str>> {
    items.iter().map(Json::as_str).collect()
}

fn sorted(items: &[Json]) -> Option<Json> {
    let mut texts = texts(items)?;
    texts.sort_unstable();
    Some(texts.into_iter().map(Json::from).collect())
}

fn items(fields: &Map<String, Json>, key: &str, value: &str) -> Json {
    let mut sorted: Vec<(&String, &Json)> = fields.iter().collect();
    sorted.sort_by_key(|(key, _)| *key);
    let item = |(name, held): (&String, &Json)| {
        let pair = [(key.to_owned(), Json::from(name.as_str())), (value.to_owned(), held.clone())];
        Json::Object(pair.into_iter().collect())
    };
    sorted.into_iter().map(item).collect()
}

fn object(keys: &[Json], values: &[Json]) -> Option<Json> {
    if keys.len() != values.len() {
        return None;
    }
    let pairs = texts(keys)?.into_iter().zip(values).map(|(key, value)| (key.to_owned(), value.clone()));
    Some(Json::Object(pairs.collect()))
}
