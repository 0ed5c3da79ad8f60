//! An object that many evaluations look at, with what is worked out about it once.

use super::memo::Memo;
use super::value::Value;
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
    /// The object as JSON.
    pub fn json(&self) -> &Arc<Json> {
        &self.0.json
    }

    /// The object as expressions see it.
    pub fn value(&self) -> Value {
        self.0.value.get_or_init(|| Value::from_json(&self.0.json)).clone()
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
