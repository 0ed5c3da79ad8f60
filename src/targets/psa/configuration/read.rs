//! Strict access to the fields of an object.

use serde_json::{Map, Value};

use super::ConfigurationError;

/// An object's fields, and where it is in the document.
pub(super) struct Fields<'a> {
    fields: Option<&'a Map<String, Value>>,
    path: String,
}

/// What stands for a field that is not there.
pub(super) fn absent() -> &'static Value {
    &Value::Null
}

impl<'a> Fields<'a> {
    /// The fields of an object; null has none.
    pub(super) fn of(value: &'a Value, path: &str) -> Result<Self, ConfigurationError> {
        let path = path.to_string();
        match value {
            Value::Object(fields) => Ok(Self { fields: Some(fields), path }),
            Value::Null => Ok(Self { fields: None, path }),
            _ => Err(ConfigurationError::WrongType {
                field: if path.is_empty() { "document".to_string() } else { path },
                expected: "an object",
            }),
        }
    }

    /// A field that is there and not null.
    pub(super) fn get(&self, key: &str) -> Option<&'a Value> {
        self.fields?.get(key).filter(|value| !value.is_null())
    }

    /// Where a field of this object is.
    pub(super) fn path(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_string() } else { format!("{}.{key}", self.path) }
    }

    /// Refuses fields of other names.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), ConfigurationError> {
        let mut names = self.fields.into_iter().flat_map(Map::keys);
        match names.find(|name| !known.contains(&name.as_str())) {
            Some(unknown) => Err(ConfigurationError::UnknownField(self.path(unknown))),
            None => Ok(()),
        }
    }

    /// A text, empty when absent.
    pub(super) fn string(&self, key: &str) -> Result<&'a str, ConfigurationError> {
        self.get(key).map_or(Ok(""), |value| string(value, || self.path(key)))
    }

    /// A list of texts, empty when absent.
    pub(super) fn strings(&self, key: &str) -> Result<Vec<&'a str>, ConfigurationError> {
        let items = self.items(key)?.iter().enumerate();
        items.map(|(index, item)| string(item, || format!("{}[{index}]", self.path(key)))).collect()
    }

    /// A list of objects, empty when absent.
    pub(super) fn objects(&self, key: &str) -> Result<Vec<Fields<'a>>, ConfigurationError> {
        let items = self.items(key)?.iter().enumerate();
        items.map(|(index, item)| Fields::of(item, &format!("{}[{index}]", self.path(key)))).collect()
    }

    fn items(&self, key: &str) -> Result<&'a [Value], ConfigurationError> {
        match self.get(key) {
            None => Ok(&[]),
            Some(Value::Array(items)) => Ok(items),
            Some(_) => Err(ConfigurationError::WrongType { field: self.path(key), expected: "a list" }),
        }
    }
}

fn string(value: &Value, path: impl Fn() -> String) -> Result<&str, ConfigurationError> {
    match value {
        Value::String(text) => Ok(text),
        Value::Null => Ok(""),
        _ => Err(ConfigurationError::WrongType { field: path(), expected: "a string" }),
    }
}
