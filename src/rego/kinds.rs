//! Which types a value may have: of parts of a pod the API's own, of constants theirs.

use std::sync::LazyLock;

use regorus::Value;

use super::value::CONTAINER_KEY;
use crate::schema::{JsonType, StructId, json_types, object_type};

/// A set of types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Kinds(u8);

impl Kinds {
    pub const NONE: Self = Self(0);
    pub const NULL: Self = Self(1);
    pub const BOOL: Self = Self(2);
    pub const NUMBER: Self = Self(4);
    pub const TEXT: Self = Self(8);
    pub const LIST: Self = Self(16);
    pub const SET: Self = Self(32);
    pub const OBJECT: Self = Self(64);
    pub const COLLECTION: Self = Self(112);
    pub const ANY: Self = Self(127);

    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether it is nothing else.
    pub const fn is_within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    pub fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::NULL,
            Value::Bool(_) => Self::BOOL,
            Value::Number(_) => Self::NUMBER,
            Value::String(_) => Self::TEXT,
            Value::Array(_) => Self::LIST,
            Value::Set(_) => Self::SET,
            Value::Object(_) => Self::OBJECT,
            Value::Undefined => Self::NONE,
        }
    }

    /// Those of what stands at a path of a pod; none if nothing can stand there.
    pub fn at(path: &[String]) -> Self {
        static POD: LazyLock<Option<StructId>> = LazyLock::new(|| object_type("v1", "Pod"));
        match path.first().map(String::as_str) {
            Some("@who") => return Self::ANY,
            Some(_) if path.iter().any(|step| step == CONTAINER_KEY) => return Self::TEXT,
            _ => {}
        }
        let Some(pod) = *POD else { return Self::ANY };
        let types = json_types(pod, path).unwrap_or_default().iter();
        types.fold(Self::NONE, |kinds, of| {
            kinds.or(match of {
                JsonType::Bool => Self::BOOL,
                JsonType::Number => Self::NUMBER,
                JsonType::Text => Self::TEXT,
                JsonType::List => Self::LIST,
                JsonType::Object => Self::OBJECT,
            })
        })
    }
}
