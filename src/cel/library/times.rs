//! Parts of timestamps and durations. Zones other than fixed offsets cannot be evaluated.

use super::{Declaration, Library, Outcome, declare};
use crate::cel::error::EvalError;
use crate::cel::eval::Runtime;
use crate::cel::time::{Civil, Span, offset_of_zone};
use crate::cel::value::Value;

pub(crate) static STANDARD: Library = Library { introduced: 0, functions: &FUNCTIONS };

const DATE: &[&str] = &["timestamp.() -> int", "timestamp.(string) -> int"];
const BOTH: &[&str] = &["timestamp.() -> int", "timestamp.(string) -> int", "duration.() -> int"];

static FUNCTIONS: [Declaration; 10] = [
    declare("getFullYear", DATE, |_, args| date(args, |c| c.year)),
    declare("getMonth", DATE, |_, args| date(args, |c| c.month - 1)),
    declare("getDate", DATE, |_, args| date(args, |c| c.day)),
    declare("getDayOfMonth", DATE, |_, args| date(args, |c| c.day - 1)),
    declare("getDayOfWeek", DATE, |_, args| date(args, |c| c.weekday)),
    declare("getDayOfYear", DATE, |_, args| date(args, |c| c.day_of_year)),
    declare("getHours", BOTH, |_, args| clock(args, |c| c.hour, 3_600_000_000_000)),
    declare("getMinutes", BOTH, |_, args| clock(args, |c| c.minute, 60_000_000_000)),
    declare("getSeconds", BOTH, |_, args| clock(args, |c| c.second, 1_000_000_000)),
    declare("getMilliseconds", BOTH, milliseconds),
];

fn date(args: &[Value], part: fn(Civil) -> i64) -> Outcome {
    let (Some(Value::Timestamp(t)), zone) = (args.first(), args.get(1)) else {
        return Err(EvalError::no_such_overload());
    };
    let offset = match zone {
        Some(Value::String(name)) => {
            offset_of_zone(name).ok_or_else(|| EvalError::unknown(format!("the time zone `{name}`"), 0))?
        }
        _ => 0,
    };
    Ok(Value::Int(part(t.civil(offset))))
}

fn clock(args: &[Value], part: fn(Civil) -> i64, unit: i64) -> Outcome {
    match args {
        [Value::Duration(Span { nanos })] => Ok(Value::Int(nanos / unit)),
        _ => date(args, part),
    }
}

fn milliseconds(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    match args {
        [Value::Duration(d)] => Ok(Value::Int(d.nanos / 1_000_000)),
        [Value::Timestamp(t), ..] => Ok(Value::Int(t.nanos / 1_000_000)),
        _ => Err(EvalError::no_such_overload()),
    }
}
