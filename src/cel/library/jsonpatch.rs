//! `jsonpatch.escapeKey`: a key as one segment of a JSON pointer.

use super::{Library, Outcome, declare};
use crate::cel::error::EvalError;
use crate::cel::eval::Runtime;
use crate::cel::value::Value;

/// Offered to mutating policies only; their own version gate is that of the policy kind.
pub(crate) static JSON_PATCH: Library =
    Library { introduced: 0, functions: &[declare("jsonpatch.escapeKey", &["(string) -> string"], escape_key)] };

fn escape_key(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    let [Value::String(key)] = args else {
        return Err(EvalError::no_such_overload());
    };
    Ok(Value::string(key.replace('~', "~0").replace('/', "~1")))
}
