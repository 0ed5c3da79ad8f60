//! CEL values, cheap to clone, and their conversion from and to JSON.
//!
//! JSON integers become CEL ints, other numbers doubles, objects maps with string keys. Equality and order follow cel-go:
//! numbers compare across types, values of different kinds are merely unequal.

use super::time::{Span, Timestamp};
use serde_json::Value as Json;
use std::any::Any;
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// A CEL value.
#[derive(Debug, Clone)]
pub enum Value {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// A signed integer.
    Int(i64),
    /// An unsigned integer, `1u`.
    Uint(u64),
    /// A floating point number.
    Double(f64),
    /// Text.
    String(Arc<str>),
    /// Bytes, `b'…'`.
    Bytes(Arc<[u8]>),
    /// A list.
    List(Arc<[Value]>),
    /// A map.
    Map(Arc<Map>),
    /// An optional value, present or not.
    Optional(Option<Arc<Value>>),
    /// A point in time.
    Timestamp(Timestamp),
    /// A span of time.
    Duration(Span),
    /// A type, by name.
    Type(Arc<str>),
    /// `Name{field: value}`
    Struct(Arc<Struct>),
    /// A value that only the functions of its library understand.
    Opaque(Arc<dyn Opaque>),
}

/// What a library's own value can do.
pub trait Opaque: fmt::Debug + Send + Sync {
    /// The name that `type()` and messages show.
    fn type_name(&self) -> &'static str;
    /// Whether `==` holds; `None` where cel-go has no such overload.
    fn equals(&self, other: &dyn Opaque) -> Option<bool>;
    /// For the library to find its value again.
    fn as_any(&self) -> &dyn Any;
}

/// A struct literal's value.
#[derive(Debug, Clone)]
pub struct Struct {
    /// E.g. `Object.spec`.
    pub type_name: Arc<str>,
    /// In the order written.
    pub fields: Vec<(Arc<str>, Value)>,
}

/// A map key: bool, int, uint or string.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// A boolean key.
    Bool(bool),
    /// A numeric key that fits; numeric types share keys, as in cel-go.
    Int(i64),
    /// A numeric key above [`i64::MAX`].
    Uint(u64),
    /// A text key.
    String(Arc<str>),
}

/// A map, sorted by key.
#[derive(Debug, Clone, Default)]
pub struct Map {
    entries: Vec<(Key, Value)>,
}

impl Map {
    /// A map of these entries; the last one of equal keys wins.
    pub fn new(mut entries: Vec<(Key, Value)>) -> Self {
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        entries.reverse();
        entries.dedup_by(|a, b| a.0 == b.0);
        entries.reverse();
        Self { entries }
    }

    /// The value at a text key.
    pub fn get_str(&self, key: &str) -> Option<&Value> {
        let order = |entry: &(Key, Value)| match &entry.0 {
            Key::String(text) => (**text).cmp(key),
            _ => Ordering::Less,
        };
        let at = self.entries.binary_search_by(order).ok()?;
        self.entries.get(at).map(|(_, value)| value)
    }

    /// The value at a key.
    pub fn get(&self, key: &Key) -> Option<&Value> {
        let at = self.entries.binary_search_by(|(other, _)| other.cmp(key)).ok()?;
        self.entries.get(at).map(|(_, value)| value)
    }

    /// All entries, sorted by key.
    pub fn entries(&self) -> &[(Key, Value)] {
        &self.entries
    }
}

impl Key {
    /// The key that a value denotes, if it can be one.
    pub fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Bool(b) => Some(Self::Bool(*b)),
            Value::Int(i) => Some(Self::Int(*i)),
            Value::Uint(u) => Some(i64::try_from(*u).map_or(Self::Uint(*u), Self::Int)),
            Value::Double(d) if d.fract() == 0.0 && d.abs() < 9e18 => Some(Self::Int(*d as i64)),
            Value::String(s) => Some(Self::String(s.clone())),
            _ => None,
        }
    }

    /// The key as a value.
    pub fn to_value(&self) -> Value {
        match self {
            Self::Bool(b) => Value::Bool(*b),
            Self::Int(i) => Value::Int(*i),
            Self::Uint(u) => Value::Uint(*u),
            Self::String(s) => Value::String(s.clone()),
        }
    }
}

impl Value {
    /// A text value.
    pub fn string(text: impl Into<Arc<str>>) -> Self {
        Self::String(text.into())
    }

    /// A list of values.
    pub fn list(values: impl IntoIterator<Item = Value>) -> Self {
        Self::List(values.into_iter().collect())
    }

    /// A map of values.
    pub fn map(entries: Vec<(Key, Value)>) -> Self {
        Self::Map(Arc::new(Map::new(entries)))
    }

    /// A present optional.
    pub fn some(value: Value) -> Self {
        Self::Optional(Some(Arc::new(value)))
    }

    /// The CEL value of a JSON value.
    pub fn from_json(json: &Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(b) => Self::Bool(*b),
            Json::Number(n) => match n.as_i64() {
                Some(i) => Self::Int(i),
                None => Self::Double(n.as_f64().unwrap_or_default()),
            },
            Json::String(s) => Self::string(s.as_str()),
            Json::Array(items) => Self::list(items.iter().map(Self::from_json)),
            Json::Object(fields) => {
                let entry =
                    |(name, value): (&String, &Json)| (Key::String(name.as_str().into()), Self::from_json(value));
                Self::map(fields.iter().map(entry).collect())
            }
        }
    }

    /// The JSON of a value, for patches and apply configurations.
    ///
    /// # Errors
    ///
    /// Says which type has no JSON: types, optionals, and values of libraries.
    pub fn to_json(&self) -> Result<Json, String> {
        Ok(match self {
            Self::Null => Json::Null,
            Self::Bool(b) => (*b).into(),
            Self::Int(i) => (*i).into(),
            Self::Uint(u) => (*u).into(),
            Self::Double(d) => double_json(*d)?,
            Self::String(s) => (**s).into(),
            Self::Bytes(bytes) => super::library::base64(bytes).into(),
            Self::List(items) => Json::Array(items.iter().map(Self::to_json).collect::<Result<_, _>>()?),
            Self::Map(map) => {
                let entry = |(key, value): &(Key, Value)| Ok((key_text(key)?, value.to_json()?));
                Json::Object(map.entries.iter().map(entry).collect::<Result<_, String>>()?)
            }
            Self::Struct(s) => {
                let field = |(name, value): &(Arc<str>, Value)| Ok((name.to_string(), value.to_json()?));
                Json::Object(s.fields.iter().map(field).collect::<Result<_, String>>()?)
            }
            Self::Timestamp(t) => t.to_string().into(),
            Self::Duration(d) => d.to_string().into(),
            Self::Optional(_) | Self::Type(_) | Self::Opaque(_) => {
                return Err(format!("a value of type `{}` has no JSON form", self.type_name()));
            }
        })
    }

    /// The name of the value's type, as `type()` shows it.
    pub fn type_name(&self) -> &str {
        match self {
            Self::Null => "null_type",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Uint(_) => "uint",
            Self::Double(_) => "double",
            Self::String(_) => "string",
            Self::Bytes(_) => "bytes",
            Self::List(_) => "list",
            Self::Map(_) => "map",
            Self::Optional(_) => "optional_type",
            Self::Timestamp(_) => "google.protobuf.Timestamp",
            Self::Duration(_) => "google.protobuf.Duration",
            Self::Type(_) => "type",
            Self::Struct(s) => &s.type_name,
            Self::Opaque(o) => o.type_name(),
        }
    }

    /// Whether the value is its type's zero, as `optional.ofNonZeroValue` asks.
    pub fn is_zero(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Bool(b) => !b,
            Self::Int(i) => *i == 0,
            Self::Uint(u) => *u == 0,
            Self::Double(d) => *d == 0.0,
            Self::String(s) => s.is_empty(),
            Self::Bytes(b) => b.is_empty(),
            Self::List(items) => items.is_empty(),
            Self::Map(map) => map.entries.is_empty(),
            Self::Struct(s) => s.fields.is_empty(),
            Self::Optional(inner) => inner.is_none(),
            Self::Duration(d) => d.nanos == 0,
            Self::Timestamp(_) | Self::Type(_) | Self::Opaque(_) => false,
        }
    }

    /// `<`, `==` or `>` between values that CEL orders; `None` where there is no such overload.
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => Some(a.cmp(b)),
            (Self::String(a), Self::String(b)) => Some(a.cmp(b)),
            (Self::Bytes(a), Self::Bytes(b)) => Some(a.cmp(b)),
            (Self::Timestamp(a), Self::Timestamp(b)) => Some(a.cmp(b)),
            (Self::Duration(a), Self::Duration(b)) => Some(a.cmp(b)),
            _ => compare_numbers(self, other),
        }
    }
}

/// Exact comparison across int, uint and double.
fn compare_numbers(a: &Value, b: &Value) -> Option<Ordering> {
    let integer = |value: &Value| match value {
        Value::Int(i) => Some(i128::from(*i)),
        Value::Uint(u) => Some(i128::from(*u)),
        _ => None,
    };
    match (a, b) {
        (Value::Double(x), Value::Double(y)) => x.partial_cmp(y),
        (Value::Double(x), _) => integer(b).and_then(|y| compare_double(*x, y)),
        (_, Value::Double(y)) => integer(a).and_then(|x| compare_double(*y, x)).map(Ordering::reverse),
        _ => Some(integer(a)?.cmp(&integer(b)?)),
    }
}

fn compare_double(x: f64, y: i128) -> Option<Ordering> {
    if x.is_nan() {
        return None;
    }
    let whole = x.floor() as i128;
    let fraction = if x.is_finite() && x.fract() != 0.0 { Ordering::Greater } else { Ordering::Equal };
    Some(whole.cmp(&y).then(fraction))
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::List(a), Self::List(b)) => a == b,
            (Self::Map(a), Self::Map(b)) => a.entries == b.entries,
            (Self::Optional(a), Self::Optional(b)) => a == b,
            (Self::Type(a), Self::Type(b)) => a == b,
            (Self::Struct(a), Self::Struct(b)) => a.type_name == b.type_name && same_fields(&a.fields, &b.fields),
            (Self::Opaque(a), Self::Opaque(b)) => a.equals(b.as_ref()).unwrap_or(false),
            _ => self.compare(other) == Some(Ordering::Equal),
        }
    }
}

fn same_fields(a: &[(Arc<str>, Value)], b: &[(Arc<str>, Value)]) -> bool {
    a.len() == b.len() && a.iter().all(|field| b.contains(field))
}

fn key_text(key: &Key) -> Result<String, String> {
    match key {
        Key::String(text) => Ok(text.to_string()),
        Key::Bool(b) => Ok(b.to_string()),
        Key::Int(i) => Ok(i.to_string()),
        Key::Uint(u) => Ok(u.to_string()),
    }
}

/// Whole doubles print as integers, as Go's JSON does.
fn double_json(d: f64) -> Result<Json, String> {
    if d.fract() == 0.0 && d.abs() < 1e15 {
        return Ok(Json::from(d as i64));
    }
    serde_json::Number::from_f64(d).map(Json::Number).ok_or_else(|| format!("the number {d} has no JSON form"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn json_survives_the_round_trip() {
        let pod = json!({"spec": {"n": 1, "f": 1.5, "b": false, "s": "x", "l": [1, "a", null], "m": {}}});
        assert_eq!(Value::from_json(&pod).to_json().unwrap(), pod);
    }

    #[test]
    fn numbers_compare_across_types() {
        assert_eq!(Value::Int(1), Value::Double(1.0));
        assert_eq!(Value::Int(1), Value::Uint(1));
        assert_eq!(Value::Double(1.5).compare(&Value::Int(1)), Some(Ordering::Greater));
        assert_eq!(Value::Int(i64::MAX).compare(&Value::Double(9_223_372_036_854_775_807.0)), Some(Ordering::Less));
        assert_eq!(Value::Double(f64::NAN).compare(&Value::Int(1)), None);
        assert_ne!(Value::Int(1), Value::string("1"));
        assert_ne!(Value::Null, Value::Bool(false));
    }

    #[test]
    fn the_last_of_equal_keys_wins() {
        let key = || Key::String("k".into());
        let map = Map::new(vec![(key(), Value::Int(1)), (key(), Value::Int(2))]);
        assert_eq!(map.entries(), [(key(), Value::Int(2))]);
        assert_eq!(map.get_str("k"), Some(&Value::Int(2)));
        assert_eq!(map.get_str("j"), None);
    }
}
