//! An object that many evaluations look at, with what is worked out about it once.

use super::memo::Memo;
use super::value::{Key, Value};
use serde_json::Value as Json;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

/// An object as admission sees it (see [`super::normalise`]), cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Object(Arc<Known>);

#[derive(Debug, Default)]
struct Known {
    json: Arc<Json>,
    value: OnceLock<Value>,
    memo: Arc<Memo>,
}

impl Object {
    /// An object of which all is known that is known of the `spec` of another one, if the two have the same.
    pub fn beside(json: Json, others: &[Self]) -> Self {
        let spec = json.get(SPEC);
        let same = others.iter().find(|other| spec.is_some() && other.get(SPEC) == spec);
        let memo = same.map(|other| Memo::with_spec(other.memo().of_spec().clone())).unwrap_or_default();
        Self(Arc::new(Known { json: Arc::new(json), value: OnceLock::new(), memo: Arc::new(memo) }))
    }

    /// Whether all that is known of the `spec` of one of them is known of the other's.
    pub fn shares_spec(&self, other: &Self) -> bool {
        Arc::ptr_eq(self.memo().of_spec(), other.memo().of_spec())
    }

    /// The object as JSON.
    pub fn json(&self) -> &Arc<Json> {
        &self.0.json
    }

    /// The object as expressions see it.
    pub fn value(&self) -> Value {
        let field = |(name, value): (&String, &Json)| {
            let value = match name.as_str() {
                SPEC => self.memo().of_spec().value.get_or_init(|| Value::from_json(value)).clone(),
                _ => Value::from_json(value),
            };
            (Key::String(name.as_str().into()), value)
        };
        let value = || match &**self.json() {
            Json::Object(fields) => Value::map(fields.iter().map(field).collect()),
            other => Value::from_json(other),
        };
        self.0.value.get_or_init(value).clone()
    }

    /// The object as JSON of its own.
    pub fn into_json(self) -> Json {
        let json = self.json().clone();
        drop(self);
        Arc::unwrap_or_clone(json)
    }

    /// What variables were found to be for it.
    pub(super) fn memo(&self) -> &Arc<Memo> {
        &self.0.memo
    }
}

/// The field of which expressions read most.
pub(super) const SPEC: &str = "spec";

impl From<Json> for Object {
    fn from(json: Json) -> Self {
        Self(Arc::new(Known { json: Arc::new(json), ..Known::default() }))
    }
}

impl Deref for Object {
    type Target = Json;

    fn deref(&self) -> &Json {
        &self.0.json
    }
}

impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.json == other.0.json
    }
}
