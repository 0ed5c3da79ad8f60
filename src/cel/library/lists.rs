//! List functions: Kubernetes' own (`sum`, `min`, `isSorted`, …) and cel-go's extension (`sort`, `flatten`, …).

use super::{Declaration, Library, Outcome, declare};
use crate::cel::cost;
use crate::cel::error::EvalError;
use crate::cel::eval::Runtime;
use crate::cel::time::Span;
use crate::cel::value::Value;
use std::cmp::Ordering;

pub(crate) static KUBERNETES: Library = Library { introduced: 0, functions: &FUNCTIONS };
pub(crate) static INCLUDES: Library =
    Library { introduced: 37, functions: &[declare("includes", &["dyn.(dyn) -> bool"], includes)] };
pub(crate) static EXTENDED: Library = Library { introduced: 34, functions: &EXTENSION };

static FUNCTIONS: [Declaration; 6] = [
    declare(
        "isSorted",
        &[
            "list(int).() -> bool",
            "list(uint).() -> bool",
            "list(double).() -> bool",
            "list(bool).() -> bool",
            "list(duration).() -> bool",
            "list(timestamp).() -> bool",
            "list(string).() -> bool",
            "list(bytes).() -> bool",
        ],
        is_sorted,
    ),
    declare(
        "sum",
        &["list(int).() -> int", "list(uint).() -> uint", "list(double).() -> double", "list(duration).() -> duration"],
        sum,
    ),
    declare("max", EXTREME, max),
    declare("min", EXTREME, min),
    declare("indexOf", &["list(A).(A) -> int"], index_of),
    declare("lastIndexOf", &["list(A).(A) -> int"], last_index_of),
];

const EXTREME: &[&str] = &[
    "list(int).() -> int",
    "list(uint).() -> uint",
    "list(double).() -> double",
    "list(bool).() -> bool",
    "list(duration).() -> duration",
    "list(timestamp).() -> timestamp",
    "list(string).() -> string",
    "list(bytes).() -> bytes",
];

static EXTENSION: [Declaration; 6] = [
    declare("lists.range", &["(int) -> list(int)"], range),
    declare(
        "sort",
        &[
            "list(int).() -> list(int)",
            "list(uint).() -> list(uint)",
            "list(double).() -> list(double)",
            "list(bool).() -> list(bool)",
            "list(duration).() -> list(duration)",
            "list(timestamp).() -> list(timestamp)",
            "list(string).() -> list(string)",
            "list(bytes).() -> list(bytes)",
        ],
        sort,
    ),
    declare("distinct", &["list(A).() -> list(A)"], distinct),
    declare("flatten", &["list(list(A)).() -> list(A)", "list(dyn).(int) -> list(dyn)"], flatten),
    declare("slice", &["list(A).(int, int) -> list(A)"], slice),
    declare("reverse", &["list(A).() -> list(A)"], reverse),
];

fn items(args: &[Value]) -> Result<&[Value], EvalError> {
    match args.first() {
        Some(Value::List(items)) => Ok(items),
        _ => Err(EvalError::no_such_overload()),
    }
}

fn order(a: &Value, b: &Value) -> Result<Ordering, EvalError> {
    a.compare(b).ok_or_else(EvalError::no_such_overload)
}

fn is_sorted(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    let items = items(args)?;
    for (a, b) in items.iter().zip(items.iter().skip(1)) {
        if order(a, b)?.is_gt() {
            return Ok(Value::Bool(false));
        }
    }
    Ok(Value::Bool(true))
}

/// The sum of an empty list is an int, since its elements do not say otherwise.
fn sum(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    let items = items(args)?;
    let mut total = match items.first() {
        Some(Value::Uint(_)) => Value::Uint(0),
        Some(Value::Double(_)) => Value::Double(0.0),
        Some(Value::Duration(_)) => Value::Duration(Span { nanos: 0 }),
        _ => Value::Int(0),
    };
    for item in items {
        total = match (&total, item) {
            (Value::Int(a), Value::Int(b)) => Value::Int(a.checked_add(*b).ok_or_else(overflow)?),
            (Value::Uint(a), Value::Uint(b)) => Value::Uint(a.checked_add(*b).ok_or_else(overflow)?),
            (Value::Double(a), Value::Double(b)) => Value::Double(a + b),
            (Value::Duration(a), Value::Duration(b)) => {
                Value::Duration(Span { nanos: a.nanos.checked_add(b.nanos).ok_or_else(overflow)? })
            }
            _ => return Err(EvalError::no_such_overload()),
        };
    }
    Ok(total)
}

fn overflow() -> EvalError {
    EvalError::runtime("integer overflow")
}

fn extreme(name: &str, args: &[Value], better: Ordering) -> Outcome {
    let mut best: Option<&Value> = None;
    for item in items(args)? {
        match best {
            Some(found) if order(item, found)? != better => {}
            _ => best = Some(item),
        }
    }
    best.cloned().ok_or_else(|| EvalError::Runtime(format!("{name} called on empty list")))
}

fn max(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    extreme("max", args, Ordering::Greater)
}

fn min(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    extreme("min", args, Ordering::Less)
}

fn place(found: Option<usize>) -> Value {
    Value::Int(found.and_then(|at| i64::try_from(at).ok()).unwrap_or(-1))
}

fn index_of(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    let [Value::List(items), wanted] = args else {
        return Err(EvalError::no_such_overload());
    };
    Ok(place(items.iter().position(|item| item == wanted)))
}

fn last_index_of(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    let [Value::List(items), wanted] = args else {
        return Err(EvalError::no_such_overload());
    };
    Ok(place(items.iter().rposition(|item| item == wanted)))
}

fn includes(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    match args {
        [Value::List(items), wanted] => Ok(Value::Bool(items.contains(wanted))),
        [value, wanted] => Ok(Value::Bool(value == wanted)),
        _ => Err(EvalError::no_such_overload()),
    }
}

fn range(runtime: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    let [Value::Int(n)] = args else {
        return Err(EvalError::no_such_overload());
    };
    runtime.charge(cost::NODE.saturating_mul(u64::try_from(*n).unwrap_or(0)))?;
    Ok(Value::list((0..*n).map(Value::Int)))
}

fn sort(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    let mut sorted = items(args)?.to_vec();
    if let Some(first) = sorted.first() {
        for item in &sorted {
            order(first, item)?;
        }
    }
    sorted.sort_by(|a, b| a.compare(b).unwrap_or(Ordering::Equal));
    Ok(Value::list(sorted))
}

fn distinct(runtime: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    let items = items(args)?;
    let mut kept: Vec<Value> = Vec::new();
    for item in items {
        runtime.charge(kept.len() as u64)?;
        if !kept.contains(item) {
            kept.push(item.clone());
        }
    }
    Ok(Value::list(kept))
}

fn flatten(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    let depth = match args.get(1) {
        Some(Value::Int(depth)) if *depth < 0 => {
            return Err(EvalError::runtime("level must be non-negative"));
        }
        Some(Value::Int(depth)) => *depth,
        _ => 1,
    };
    let mut flat = items(args)?.to_vec();
    for _ in 0..depth {
        if !flat.iter().any(|item| matches!(item, Value::List(_))) {
            break;
        }
        flat = flat.into_iter().flat_map(unwrapped).collect();
    }
    Ok(Value::list(flat))
}

fn unwrapped(item: Value) -> Vec<Value> {
    match item {
        Value::List(inner) => inner.to_vec(),
        other => vec![other],
    }
}

fn slice(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    let [Value::List(items), Value::Int(start), Value::Int(end)] = args else {
        return Err(EvalError::no_such_overload());
    };
    if *start < 0 || *end < 0 {
        return Err(EvalError::Runtime(format!("cannot slice({start}, {end}), negative indexes not supported")));
    }
    if start > end {
        return Err(EvalError::Runtime(format!(
            "cannot slice({start}, {end}), start index must be less than or equal to end index"
        )));
    }
    let bounds = usize::try_from(*start).ok().zip(usize::try_from(*end).ok());
    match bounds.and_then(|(start, end)| items.get(start..end)) {
        Some(part) => Ok(Value::list(part.iter().cloned())),
        None => Err(EvalError::Runtime(format!("cannot slice({start}, {end}), list is length {}", items.len()))),
    }
}

fn reverse(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    Ok(Value::list(items(args)?.iter().rev().cloned()))
}
