//! cel-go's set functions over lists.

use super::{Declaration, Library, Outcome, declare};
use crate::cel::error::EvalError;
use crate::cel::eval::Runtime;
use crate::cel::value::Value;

pub(crate) static SETS: Library = Library { introduced: 29, functions: &FUNCTIONS };

static FUNCTIONS: [Declaration; 3] = [
    declare("sets.contains", &["(list(A), list(A)) -> bool"], contains),
    declare("sets.equivalent", &["(list(A), list(A)) -> bool"], equivalent),
    declare("sets.intersects", &["(list(A), list(A)) -> bool"], intersects),
];

fn both(args: &[Value]) -> Result<(&[Value], &[Value]), EvalError> {
    match args {
        [Value::List(a), Value::List(b)] => Ok((a, b)),
        _ => Err(EvalError::no_such_overload()),
    }
}

fn covers(all: &[Value], some: &[Value]) -> bool {
    some.iter().all(|item| all.contains(item))
}

fn contains(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    let (a, b) = both(args)?;
    Ok(Value::Bool(covers(a, b)))
}

fn equivalent(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    let (a, b) = both(args)?;
    Ok(Value::Bool(covers(a, b) && covers(b, a)))
}

fn intersects(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    let (a, b) = both(args)?;
    Ok(Value::Bool(a.iter().any(|item| b.contains(item))))
}
