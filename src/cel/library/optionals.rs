//! Optional values: `optional.of`, `orValue`, `or`, `value`, `hasValue`.

use super::{Declaration, Library, Outcome, declare};
use crate::cel::error::EvalError;
use crate::cel::eval::Runtime;
use crate::cel::value::Value;

pub(crate) static OPTIONALS: Library = Library { introduced: 28, functions: &FUNCTIONS };

static FUNCTIONS: [Declaration; 8] = [
    declare("optional.of", &["(A) -> optional(A)"], of),
    declare("optional.ofNonZeroValue", &["(A) -> optional(A)"], of_non_zero),
    declare("optional.none", &["() -> optional(A)"], none),
    declare("optional.unwrap", &["(list(optional(A))) -> list(A)"], unwrap_present),
    declare("hasValue", &["optional(A).() -> bool"], has_value),
    declare("value", &["optional(A).() -> A"], value),
    declare("orValue", &["optional(A).(A) -> A"], or_value),
    declare("or", &["optional(A).(optional(A)) -> optional(A)"], or),
];

fn mismatch() -> EvalError {
    EvalError::no_such_overload()
}

fn of(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    args.first().cloned().map(Value::some).ok_or_else(mismatch)
}

fn of_non_zero(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    match args {
        [value] if value.is_zero() => Ok(Value::Optional(None)),
        [value] => Ok(Value::some(value.clone())),
        _ => Err(mismatch()),
    }
}

fn none(_: &mut Runtime<'_>, _: &[Value]) -> Outcome {
    Ok(Value::Optional(None))
}

fn unwrap_present(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    let [Value::List(items)] = args else {
        return Err(mismatch());
    };
    let mut present = Vec::new();
    for item in items.iter() {
        let Value::Optional(inner) = item else {
            return Err(EvalError::Runtime(format!("value {} is not optional", item.type_name())));
        };
        present.extend(inner.as_deref().cloned());
    }
    Ok(Value::list(present))
}

fn has_value(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    match args {
        [Value::Optional(inner)] => Ok(Value::Bool(inner.is_some())),
        _ => Err(mismatch()),
    }
}

fn value(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    match args {
        [Value::Optional(Some(inner))] => Ok((**inner).clone()),
        [Value::Optional(None)] => Err(EvalError::runtime("optional.none() dereference")),
        _ => Err(mismatch()),
    }
}

fn or_value(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    match args {
        [Value::Optional(Some(inner)), _] => Ok((**inner).clone()),
        [Value::Optional(None), fallback] => Ok(fallback.clone()),
        _ => Err(mismatch()),
    }
}

fn or(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    match args {
        [Value::Optional(None), other] => Ok(other.clone()),
        [present, _] => Ok(present.clone()),
        _ => Err(mismatch()),
    }
}
