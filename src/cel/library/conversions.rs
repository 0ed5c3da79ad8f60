//! Conversions: `int`, `uint`, `double`, `string`, `bytes`, `bool`, `timestamp`, `duration`.

use super::{Declaration, Library, Outcome, declare};
use crate::cel::error::EvalError;
use crate::cel::eval::Runtime;
use crate::cel::time::{Span, Timestamp};
use crate::cel::value::Value;

pub(crate) static STANDARD: Library = Library { introduced: 0, functions: &FUNCTIONS };

static FUNCTIONS: [Declaration; 8] = [
    declare(
        "int",
        &[
            "(int) -> int",
            "(double) -> int",
            "(duration) -> int",
            "(string) -> int",
            "(timestamp) -> int",
            "(uint) -> int",
        ],
        to_int,
    ),
    declare("uint", &["(uint) -> uint", "(double) -> uint", "(int) -> uint", "(string) -> uint"], to_uint),
    declare("double", &["(double) -> double", "(int) -> double", "(string) -> double", "(uint) -> double"], to_double),
    declare(
        "string",
        &[
            "(string) -> string",
            "(bool) -> string",
            "(bytes) -> string",
            "(double) -> string",
            "(duration) -> string",
            "(int) -> string",
            "(timestamp) -> string",
            "(uint) -> string",
        ],
        to_string,
    ),
    declare("bytes", &["(bytes) -> bytes", "(string) -> bytes"], to_bytes),
    declare("bool", &["(bool) -> bool", "(string) -> bool"], to_bool),
    declare("timestamp", &["(timestamp) -> timestamp", "(string) -> timestamp", "(int) -> timestamp"], to_timestamp),
    declare("duration", &["(duration) -> duration", "(string) -> duration", "(int) -> duration"], to_duration),
];

fn conversion(from: &str, to: &str) -> EvalError {
    EvalError::Runtime(format!("type conversion error from '{from}' to '{to}'"))
}

fn overflow() -> EvalError {
    EvalError::runtime("integer overflow")
}

fn to_int(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    match args {
        [Value::Int(i)] => Ok(Value::Int(*i)),
        [Value::Uint(u)] => i64::try_from(*u).map(Value::Int).map_err(|_| overflow()),
        [Value::Double(d)] if d.abs() < 9.223_372_036_854_775e18 => Ok(Value::Int(*d as i64)),
        [Value::Double(_)] => Err(overflow()),
        [Value::String(s)] => s.parse().map(Value::Int).map_err(|_| conversion("string", "int")),
        [Value::Timestamp(t)] => Ok(Value::Int(t.seconds)),
        [Value::Duration(d)] => Ok(Value::Int(d.nanos)),
        _ => Err(EvalError::no_such_overload()),
    }
}

fn to_uint(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    let out_of_range = || EvalError::runtime("unsigned integer overflow");
    match args {
        [Value::Uint(u)] => Ok(Value::Uint(*u)),
        [Value::Int(i)] => u64::try_from(*i).map(Value::Uint).map_err(|_| out_of_range()),
        [Value::Double(d)] if (0.0..1.844_674_407_370_955e19).contains(d) => Ok(Value::Uint(*d as u64)),
        [Value::Double(_)] => Err(out_of_range()),
        [Value::String(s)] => s.parse().map(Value::Uint).map_err(|_| conversion("string", "uint")),
        _ => Err(EvalError::no_such_overload()),
    }
}

fn to_double(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    match args {
        [Value::Double(d)] => Ok(Value::Double(*d)),
        [Value::Int(i)] => Ok(Value::Double(*i as f64)),
        [Value::Uint(u)] => Ok(Value::Double(*u as f64)),
        [Value::String(s)] => s.parse().map(Value::Double).map_err(|_| conversion("string", "double")),
        _ => Err(EvalError::no_such_overload()),
    }
}

fn to_string(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    match args {
        [Value::Bytes(b)] => match std::str::from_utf8(b) {
            Ok(text) => Ok(Value::string(text)),
            Err(_) => Err(EvalError::runtime("invalid UTF-8 in bytes, cannot convert to string")),
        },
        [value] => plain_text(value).map(Value::string).ok_or_else(EvalError::no_such_overload),
        _ => Err(EvalError::no_such_overload()),
    }
}

/// The text of a scalar, as `string()` gives it.
pub(super) fn plain_text(value: &Value) -> Option<String> {
    Some(match value {
        Value::String(s) => s.to_string(),
        Value::Bool(b) => b.to_string(),
        Value::Int(i) => i.to_string(),
        Value::Uint(u) => u.to_string(),
        Value::Double(d) => double_text(*d),
        Value::Timestamp(t) => t.to_string(),
        Value::Duration(d) => d.to_string(),
        _ => return None,
    })
}

/// Go's shortest `%g`: exponents below -4 and from 21 on.
pub(super) fn double_text(d: f64) -> String {
    if d.is_nan() {
        return "NaN".into();
    }
    if d.is_infinite() {
        return if d > 0.0 { "+Inf".into() } else { "-Inf".into() };
    }
    let magnitude = d.abs();
    if magnitude != 0.0 && !(1e-4..1e21).contains(&magnitude) {
        let text = format!("{d:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
        return format!("{mantissa}e{sign}{digits:0>2}");
    }
    d.to_string()
}

fn to_bytes(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    match args {
        [Value::Bytes(b)] => Ok(Value::Bytes(b.clone())),
        [Value::String(s)] => Ok(Value::Bytes(s.as_bytes().into())),
        _ => Err(EvalError::no_such_overload()),
    }
}

fn to_bool(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    match args {
        [Value::Bool(b)] => Ok(Value::Bool(*b)),
        [Value::String(s)] => match &**s {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(Value::Bool(true)),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(Value::Bool(false)),
            _ => Err(conversion("string", "bool")),
        },
        _ => Err(EvalError::no_such_overload()),
    }
}

fn to_timestamp(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    match args {
        [Value::Timestamp(t)] => Ok(Value::Timestamp(*t)),
        [Value::Int(seconds)] => Timestamp { seconds: *seconds, nanos: 0 }
            .checked_add(Span { nanos: 0 })
            .map(Value::Timestamp)
            .ok_or_else(|| EvalError::runtime("timestamp overflow")),
        [Value::String(s)] => {
            Timestamp::parse(s).map(Value::Timestamp).ok_or_else(|| conversion("string", "google.protobuf.Timestamp"))
        }
        _ => Err(EvalError::no_such_overload()),
    }
}

fn to_duration(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    match args {
        [Value::Duration(d)] => Ok(Value::Duration(*d)),
        [Value::Int(nanos)] => Ok(Value::Duration(Span { nanos: *nanos })),
        [Value::String(s)] => {
            Span::parse(s).map(Value::Duration).ok_or_else(|| conversion("string", "google.protobuf.Duration"))
        }
        _ => Err(EvalError::no_such_overload()),
    }
}
