//! Static types, their spelling as cel-go prints them, and the notation that function signatures are written in.

use super::value::Value;
use std::fmt;
use std::sync::Arc;

/// A static type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Type {
    /// Known only when the expression runs.
    Dyn,
    /// The type of what did not check; agrees with everything.
    Error,
    /// `null_type`
    Null,
    /// `bool`
    Bool,
    /// `int`
    Int,
    /// `uint`
    Uint,
    /// `double`
    Double,
    /// `string`
    String,
    /// `bytes`
    Bytes,
    /// `timestamp`
    Timestamp,
    /// `duration`
    Duration,
    /// `type(T)`
    Meta(Arc<Type>),
    /// `list(T)`
    List(Arc<Type>),
    /// `map(K, V)`
    Map(Arc<Type>, Arc<Type>),
    /// `optional_type(T)`
    Optional(Arc<Type>),
    /// A named type, e.g. `kubernetes.Quantity`.
    Object(Arc<str>),
    /// A type parameter of a signature.
    Param(Arc<str>),
    /// An inference variable.
    Var(usize),
}

impl Type {
    /// `list(element)`
    pub fn list(element: Self) -> Self {
        Self::List(Arc::new(element))
    }

    /// `map(key, value)`
    pub fn map(key: Self, value: Self) -> Self {
        Self::Map(Arc::new(key), Arc::new(value))
    }

    /// `optional_type(inner)`
    pub fn optional(inner: Self) -> Self {
        Self::Optional(Arc::new(inner))
    }

    /// A named type.
    pub fn object(name: &str) -> Self {
        Self::Object(name.into())
    }

    /// Whether a value could be of this type, looking no deeper than its kind (as overloads are chosen at run time).
    pub(crate) fn admits(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Dyn | Self::Error | Self::Param(_) | Self::Var(_), _) => true,
            (Self::Null, Value::Null)
            | (Self::Bool, Value::Bool(_))
            | (Self::Int, Value::Int(_))
            | (Self::Uint, Value::Uint(_))
            | (Self::Double, Value::Double(_))
            | (Self::String, Value::String(_))
            | (Self::Bytes, Value::Bytes(_))
            | (Self::Timestamp, Value::Timestamp(_))
            | (Self::Duration, Value::Duration(_))
            | (Self::Meta(_), Value::Type(_))
            | (Self::List(_), Value::List(_))
            | (Self::Map(..), Value::Map(_))
            | (Self::Optional(_), Value::Optional(_)) => true,
            (Self::Object(name), value) => **name == *value.type_name(),
            _ => false,
        }
    }

    /// The type that a notation such as `list(string)`, `optional(T)` or `kubernetes.Quantity` denotes: one upper-case
    /// letter is a parameter, a dotted name an object type.
    pub(crate) fn read(notation: &str) -> Option<Self> {
        let notation = notation.trim();
        if let Some((head, inner)) = notation.strip_suffix(')').and_then(|n| n.split_once('(')) {
            return Self::read_applied(head, inner);
        }
        Some(match notation {
            "dyn" => Self::Dyn,
            "null" => Self::Null,
            "bool" => Self::Bool,
            "int" => Self::Int,
            "uint" => Self::Uint,
            "double" => Self::Double,
            "string" => Self::String,
            "bytes" => Self::Bytes,
            "timestamp" => Self::Timestamp,
            "duration" => Self::Duration,
            "type" => Self::Meta(Arc::new(Self::Dyn)),
            name if name.contains('.') => Self::object(name),
            name if name.len() == 1 && name.chars().all(char::is_uppercase) => Self::Param(name.into()),
            _ => return None,
        })
    }

    fn read_applied(head: &str, inner: &str) -> Option<Self> {
        match head {
            "list" => Some(Self::list(Self::read(inner)?)),
            "optional" => Some(Self::optional(Self::read(inner)?)),
            "map" => {
                let (key, value) = inner.split_once(',')?;
                Some(Self::map(Self::read(key)?, Self::read(value)?))
            }
            _ => None,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dyn => f.write_str("dyn"),
            Self::Error => f.write_str("!error!"),
            Self::Null => f.write_str("null"),
            Self::Bool => f.write_str("bool"),
            Self::Int => f.write_str("int"),
            Self::Uint => f.write_str("uint"),
            Self::Double => f.write_str("double"),
            Self::String => f.write_str("string"),
            Self::Bytes => f.write_str("bytes"),
            Self::Timestamp => f.write_str("timestamp"),
            Self::Duration => f.write_str("duration"),
            Self::Meta(inner) => write!(f, "type({inner})"),
            Self::List(element) => write!(f, "list({element})"),
            Self::Map(key, value) => write!(f, "map({key}, {value})"),
            Self::Optional(inner) => write!(f, "optional_type({inner})"),
            Self::Object(name) | Self::Param(name) => f.write_str(name),
            Self::Var(id) => write!(f, "_var{id}"),
        }
    }
}

/// One way to call a function: `(int, int) -> int`, or with a receiver `string.(int) -> string`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Signature {
    pub member: bool,
    /// The receiver, if any, then the arguments.
    pub params: Vec<Type>,
    pub result: Type,
}

impl Signature {
    /// The signature that a notation denotes.
    pub(crate) fn read(notation: &str) -> Option<Self> {
        let (call, result) = notation.rsplit_once("->")?;
        let call = call.trim().strip_suffix(')')?;
        let (receiver, args) = match call.split_once(".(") {
            Some((receiver, args)) => (Some(Type::read(receiver)?), args),
            None => (None, call.strip_prefix('(')?),
        };
        let member = receiver.is_some();
        let mut params: Vec<Type> = receiver.into_iter().collect();
        for arg in split_arguments(args) {
            params.push(Type::read(arg)?);
        }
        Some(Self { member, params, result: Type::read(result)? })
    }
}

/// Splits at commas outside parentheses.
fn split_arguments(args: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    let split = args.split(|c: char| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    });
    split.map(str::trim).filter(|arg| !arg.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_read_as_they_print() {
        let s = Signature::read("list(A).(map(string, list(int)), A) -> optional(A)").unwrap();
        assert!(s.member);
        let shown: Vec<String> = s.params.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["list(A)", "map(string, list(int))", "A"]);
        assert_eq!(s.result.to_string(), "optional_type(A)");
        assert_eq!(Signature::read("() -> kubernetes.Quantity").unwrap().params, []);
        assert_eq!(Signature::read("(strin) -> int"), None);
    }
}
