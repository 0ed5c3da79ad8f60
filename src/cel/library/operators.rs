//! The operators and `size`, `contains`, `startsWith`, `endsWith`, `dyn`, `type`.

use super::{Declaration, Library, Outcome, declare};
use crate::cel::error::EvalError;
use crate::cel::eval::Runtime;
use crate::cel::time::Span;
use crate::cel::value::{Key, Value};
use std::cmp::Ordering;

pub(crate) static STANDARD: Library = Library { introduced: 0, functions: &FUNCTIONS };

/// Numbers of different types compare since 1.28.
pub(crate) static CROSS_TYPE: Library = Library { introduced: 28, functions: &CROSS_TYPE_FUNCTIONS };

const MIXED: &[&str] = &[
    "(int, double) -> bool",
    "(int, uint) -> bool",
    "(uint, double) -> bool",
    "(uint, int) -> bool",
    "(double, int) -> bool",
    "(double, uint) -> bool",
];

static CROSS_TYPE_FUNCTIONS: [Declaration; 4] = [
    declare("_<_", MIXED, less),
    declare("_<=_", MIXED, less_or_equal),
    declare("_>_", MIXED, greater),
    declare("_>=_", MIXED, greater_or_equal),
];

const ORDERED: &[&str] = &[
    "(bool, bool) -> bool",
    "(int, int) -> bool",
    "(uint, uint) -> bool",
    "(double, double) -> bool",
    "(string, string) -> bool",
    "(bytes, bytes) -> bool",
    "(timestamp, timestamp) -> bool",
    "(duration, duration) -> bool",
];

static FUNCTIONS: [Declaration; 20] = [
    declare("_==_", &["(A, A) -> bool"], equal),
    declare("_!=_", &["(A, A) -> bool"], unequal),
    declare("_<_", ORDERED, less),
    declare("_<=_", ORDERED, less_or_equal),
    declare("_>_", ORDERED, greater),
    declare("_>=_", ORDERED, greater_or_equal),
    declare(
        "_+_",
        &[
            "(bytes, bytes) -> bytes",
            "(double, double) -> double",
            "(duration, duration) -> duration",
            "(duration, timestamp) -> timestamp",
            "(timestamp, duration) -> timestamp",
            "(int, int) -> int",
            "(list(A), list(A)) -> list(A)",
            "(string, string) -> string",
            "(uint, uint) -> uint",
        ],
        add,
    ),
    declare(
        "_-_",
        &[
            "(double, double) -> double",
            "(duration, duration) -> duration",
            "(int, int) -> int",
            "(timestamp, duration) -> timestamp",
            "(timestamp, timestamp) -> duration",
            "(uint, uint) -> uint",
        ],
        subtract,
    ),
    declare("_*_", &["(double, double) -> double", "(int, int) -> int", "(uint, uint) -> uint"], multiply),
    declare("_/_", &["(double, double) -> double", "(int, int) -> int", "(uint, uint) -> uint"], divide),
    declare("_%_", &["(int, int) -> int", "(uint, uint) -> uint"], modulo),
    declare("-_", &["(double) -> double", "(int) -> int"], negate),
    declare("@in", &["(A, list(A)) -> bool", "(A, map(A, B)) -> bool"], contained),
    declare(
        "size",
        &[
            "(bytes) -> int",
            "bytes.() -> int",
            "(list(A)) -> int",
            "list(A).() -> int",
            "(map(A, B)) -> int",
            "map(A, B).() -> int",
            "(string) -> int",
            "string.() -> int",
        ],
        size,
    ),
    declare("contains", &["string.(string) -> bool"], contains),
    declare("startsWith", &["string.(string) -> bool"], starts_with),
    declare("endsWith", &["string.(string) -> bool"], ends_with),
    declare("dyn", &["(A) -> dyn"], same),
    declare("type", &["(A) -> type"], type_of),
    declare("matches", &["string.(string) -> bool", "(string, string) -> bool"], super::regex::matches),
];

fn mismatch() -> EvalError {
    EvalError::no_such_overload()
}

fn equal(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    same_value(args).map(Value::Bool)
}

fn unequal(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    same_value(args).map(|same| Value::Bool(!same))
}

/// Authorizer values have no equality, not even with themselves. A list or map of the object compared with something
/// else is an error since 1.37 and merely unequal before, so it has no answer here.
fn same_value(args: &[Value]) -> Result<bool, EvalError> {
    match args {
        [Value::Opaque(a), Value::Opaque(b)] => a.equals(b.as_ref()).ok_or_else(mismatch),
        [Value::List(_), Value::List(_)] | [Value::Map(_), Value::Map(_)] | [_, Value::Null] => {
            Ok(args.first() == args.get(1))
        }
        [a @ (Value::List(_) | Value::Map(_)), b] => {
            let (a, b) = (a.type_name(), b.type_name());
            Err(EvalError::unknown(format!("a {a} compared with a {b}: an error since 1.37, false before"), 0))
        }
        [a, b] => Ok(a == b),
        _ => Err(mismatch()),
    }
}

/// Numbers that do not compare (NaN) are an error in cel-go.
fn ordered(args: &[Value], holds: fn(Ordering) -> bool) -> Outcome {
    match args {
        [a, b] => match a.compare(b) {
            Some(order) => Ok(Value::Bool(holds(order))),
            None => Err(EvalError::runtime("NaN values cannot be ordered")),
        },
        _ => Err(mismatch()),
    }
}

fn less(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    ordered(args, Ordering::is_lt)
}

fn less_or_equal(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    ordered(args, Ordering::is_le)
}

fn greater(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    ordered(args, Ordering::is_gt)
}

fn greater_or_equal(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    ordered(args, Ordering::is_ge)
}

fn integer(value: Option<i64>) -> Outcome {
    value.map(Value::Int).ok_or_else(|| EvalError::runtime("integer overflow"))
}

fn unsigned(value: Option<u64>) -> Outcome {
    value.map(Value::Uint).ok_or_else(|| EvalError::runtime("unsigned integer overflow"))
}

fn span(nanos: Option<i64>) -> Outcome {
    match nanos {
        Some(nanos) => Ok(Value::Duration(Span { nanos })),
        None => Err(EvalError::runtime("duration overflow")),
    }
}

fn instant(value: Option<crate::cel::time::Timestamp>) -> Outcome {
    value.map(Value::Timestamp).ok_or_else(|| EvalError::runtime("timestamp overflow"))
}

fn add(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    match args {
        [Value::Int(a), Value::Int(b)] => integer(a.checked_add(*b)),
        [Value::Uint(a), Value::Uint(b)] => unsigned(a.checked_add(*b)),
        [Value::Double(a), Value::Double(b)] => Ok(Value::Double(a + b)),
        [Value::String(a), Value::String(b)] => Ok(Value::string(format!("{a}{b}"))),
        [Value::Bytes(a), Value::Bytes(b)] => Ok(Value::Bytes(a.iter().chain(b.iter()).copied().collect())),
        [Value::List(a), Value::List(b)] => Ok(Value::list(a.iter().chain(b.iter()).cloned())),
        [Value::Duration(a), Value::Duration(b)] => span(a.nanos.checked_add(b.nanos)),
        [Value::Timestamp(t), Value::Duration(d)] | [Value::Duration(d), Value::Timestamp(t)] => {
            instant(t.checked_add(*d))
        }
        _ => Err(mismatch()),
    }
}

fn subtract(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    match args {
        [Value::Int(a), Value::Int(b)] => integer(a.checked_sub(*b)),
        [Value::Uint(a), Value::Uint(b)] => unsigned(a.checked_sub(*b)),
        [Value::Double(a), Value::Double(b)] => Ok(Value::Double(a - b)),
        [Value::Duration(a), Value::Duration(b)] => span(a.nanos.checked_sub(b.nanos)),
        [Value::Timestamp(t), Value::Duration(d)] => {
            instant(d.nanos.checked_neg().and_then(|nanos| t.checked_add(Span { nanos })))
        }
        [Value::Timestamp(a), Value::Timestamp(b)] => span(a.since(*b).map(|d| d.nanos)),
        _ => Err(mismatch()),
    }
}

fn multiply(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    match args {
        [Value::Int(a), Value::Int(b)] => integer(a.checked_mul(*b)),
        [Value::Uint(a), Value::Uint(b)] => unsigned(a.checked_mul(*b)),
        [Value::Double(a), Value::Double(b)] => Ok(Value::Double(a * b)),
        _ => Err(mismatch()),
    }
}

fn divide(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    match args {
        [Value::Int(_), Value::Int(0)] | [Value::Uint(_), Value::Uint(0)] => {
            Err(EvalError::runtime("division by zero"))
        }
        [Value::Int(a), Value::Int(b)] => integer(a.checked_div(*b)),
        [Value::Uint(a), Value::Uint(b)] => unsigned(a.checked_div(*b)),
        [Value::Double(a), Value::Double(b)] => Ok(Value::Double(a / b)),
        _ => Err(mismatch()),
    }
}

fn modulo(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    match args {
        [Value::Int(_), Value::Int(0)] | [Value::Uint(_), Value::Uint(0)] => Err(EvalError::runtime("modulus by zero")),
        [Value::Int(a), Value::Int(b)] => integer(a.checked_rem(*b)),
        [Value::Uint(a), Value::Uint(b)] => unsigned(a.checked_rem(*b)),
        _ => Err(mismatch()),
    }
}

fn negate(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    match args {
        [Value::Int(a)] => integer(a.checked_neg()),
        [Value::Double(a)] => Ok(Value::Double(-a)),
        _ => Err(mismatch()),
    }
}

fn contained(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    match args {
        [element, Value::List(items)] => Ok(Value::Bool(items.contains(element))),
        [Value::String(key), Value::Map(map)] => Ok(Value::Bool(map.get_str(key).is_some())),
        [key, Value::Map(map)] => Ok(Value::Bool(Key::from_value(key).is_some_and(|key| map.get(&key).is_some()))),
        _ => Err(mismatch()),
    }
}

fn size(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    let size = match args {
        [Value::String(s)] => s.chars().count(),
        [Value::Bytes(b)] => b.len(),
        [Value::List(items)] => items.len(),
        [Value::Map(map)] => map.entries().len(),
        _ => return Err(mismatch()),
    };
    Ok(Value::Int(i64::try_from(size).unwrap_or(i64::MAX)))
}

fn texts(args: &[Value], holds: fn(&str, &str) -> bool) -> Outcome {
    match args {
        [Value::String(a), Value::String(b)] => Ok(Value::Bool(holds(a, b))),
        _ => Err(mismatch()),
    }
}

fn contains(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    texts(args, |a, b| a.contains(b))
}

fn starts_with(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    texts(args, |a, b| a.starts_with(b))
}

fn ends_with(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    texts(args, |a, b| a.ends_with(b))
}

fn same(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    args.first().cloned().ok_or_else(mismatch)
}

fn type_of(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    let value = args.first().ok_or_else(mismatch)?;
    Ok(Value::Type(value.type_name().into()))
}
