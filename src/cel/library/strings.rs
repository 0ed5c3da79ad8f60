//! cel-go's string extension, version 2. Positions count characters, not bytes.

use super::format_string::format;
use super::{Declaration, Library, Outcome, declare};
use crate::cel::error::EvalError;
use crate::cel::eval::Runtime;
use crate::cel::value::Value;

pub(crate) static STANDARD: Library = Library { introduced: 0, functions: &FUNCTIONS };
/// Version 2 of the extension came with 1.29.
pub(crate) static FORMATTING: Library = Library { introduced: 29, functions: &NEWER };

static FUNCTIONS: [Declaration; 10] = [
    declare("charAt", &["string.(int) -> string"], char_at),
    declare("indexOf", &["string.(string) -> int", "string.(string, int) -> int"], index_of),
    declare("lastIndexOf", &["string.(string) -> int", "string.(string, int) -> int"], last_index_of),
    declare("lowerAscii", &["string.() -> string"], lower_ascii),
    declare("upperAscii", &["string.() -> string"], upper_ascii),
    declare("replace", &["string.(string, string) -> string", "string.(string, string, int) -> string"], replace),
    declare("split", &["string.(string) -> list(string)", "string.(string, int) -> list(string)"], split),
    declare("substring", &["string.(int) -> string", "string.(int, int) -> string"], substring),
    declare("trim", &["string.() -> string"], trim),
    declare("join", &["list(string).() -> string", "list(string).(string) -> string"], join),
];

static NEWER: [Declaration; 2] = [
    declare("format", &["string.(list(dyn)) -> string"], format),
    declare("strings.quote", &["(string) -> string"], quote),
];

fn mismatch() -> EvalError {
    EvalError::no_such_overload()
}

fn out_of_range(index: i64) -> EvalError {
    EvalError::Runtime(format!("index out of range: {index}"))
}

fn length(text: &str) -> i64 {
    i64::try_from(text.chars().count()).unwrap_or(i64::MAX)
}

/// The characters from `start` to before `end`.
fn characters(text: &str, start: i64, end: i64) -> String {
    let (start, end) = (usize::try_from(start).unwrap_or(0), usize::try_from(end).unwrap_or(0));
    text.chars().skip(start).take(end.saturating_sub(start)).collect()
}

fn char_at(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    let [Value::String(s), Value::Int(at)] = args else {
        return Err(mismatch());
    };
    match *at >= 0 && *at <= length(s) {
        true => Ok(Value::string(characters(s, *at, at + 1))),
        false => Err(out_of_range(*at)),
    }
}

fn index_of(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    let (text, part, from) = match args {
        [Value::String(text), Value::String(part)] => (text, part, 0),
        [Value::String(text), Value::String(part), Value::Int(from)] => (text, part, *from),
        _ => return Err(mismatch()),
    };
    if from < 0 {
        return Err(out_of_range(from));
    }
    let size = length(text);
    if part.is_empty() {
        return Ok(Value::Int(from.min(size)));
    }
    let skipped = characters(text, 0, from);
    let rest = text.get(skipped.len()..).unwrap_or_default();
    Ok(Value::Int(rest.find(&**part).map_or(-1, |at| from + length(rest.get(..at).unwrap_or_default()))))
}

fn last_index_of(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    let (text, part, last) = match args {
        [Value::String(text), Value::String(part)] => (text, part, None),
        [Value::String(text), Value::String(part), Value::Int(last)] => (text, part, Some(*last)),
        _ => return Err(mismatch()),
    };
    let size = length(text);
    match last {
        Some(last) if last < 0 => Err(out_of_range(last)),
        _ if part.is_empty() => Ok(Value::Int(last.unwrap_or(size).min(size))),
        Some(last) if last >= size => Ok(Value::Int(-1)),
        _ => Ok(Value::Int(last_found(text, part, last.unwrap_or(size)))),
    }
}

/// The last place, at most `last`, where `part` starts.
fn last_found(text: &str, part: &str, last: i64) -> i64 {
    let head = characters(text, 0, last.saturating_add(length(part)));
    head.rfind(part).map_or(-1, |at| length(head.get(..at).unwrap_or_default()))
}

fn lower_ascii(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    let [Value::String(s)] = args else {
        return Err(mismatch());
    };
    Ok(Value::string(s.to_ascii_lowercase()))
}

fn upper_ascii(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    let [Value::String(s)] = args else {
        return Err(mismatch());
    };
    Ok(Value::string(s.to_ascii_uppercase()))
}

fn replace(runtime: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    let (text, old, new, count) = match args {
        [Value::String(text), Value::String(old), Value::String(new)] => (text, old, new, usize::MAX),
        [Value::String(text), Value::String(old), Value::String(new), Value::Int(n)] => {
            (text, old, new, usize::try_from(*n).unwrap_or(usize::MAX))
        }
        _ => return Err(mismatch()),
    };
    let places = text.matches(&**old).take(count).count();
    charge_text(runtime, text.len(), places, new.len())?;
    Ok(Value::string(text.replacen(&**old, new, count)))
}

/// Pays for a result before it is made: some text, and a number of further pieces.
fn charge_text(runtime: &mut Runtime<'_>, base: usize, pieces: usize, length: usize) -> Result<(), EvalError> {
    let total = pieces.saturating_mul(length).saturating_add(base);
    runtime.charge(u64::try_from(total / 10).unwrap_or(u64::MAX))
}

fn split(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    let (text, separator, limit) = match args {
        [Value::String(text), Value::String(separator)] => (text, separator, -1),
        [Value::String(text), Value::String(separator), Value::Int(limit)] => (text, separator, *limit),
        _ => return Err(mismatch()),
    };
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    if limit == 0 {
        return Ok(Value::list([]));
    }
    if separator.is_empty() {
        return Ok(Value::list(each_character(text, limit).into_iter().map(Value::string)));
    }
    Ok(Value::list(text.splitn(limit, &**separator).map(Value::string)))
}

/// Go splits at an empty separator into characters, the last part keeping the rest.
fn each_character(text: &str, limit: usize) -> Vec<String> {
    let mut parts: Vec<String> = text.chars().take(limit).map(String::from).collect();
    let rest: String = text.chars().skip(limit).collect();
    if let Some(last) = parts.last_mut() {
        last.push_str(&rest);
    }
    parts
}

fn substring(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    let (text, start, end) = match args {
        [Value::String(text), Value::Int(start)] => (text, *start, length(text)),
        [Value::String(text), Value::Int(start), Value::Int(end)] => (text, *start, *end),
        _ => return Err(mismatch()),
    };
    let size = length(text);
    if start > end && args.len() == 3 {
        return Err(EvalError::Runtime(format!("invalid substring range. start: {start}, end: {end}")));
    }
    if start < 0 || start > size {
        return Err(out_of_range(start));
    }
    if end < 0 || end > size {
        return Err(out_of_range(end));
    }
    Ok(Value::string(characters(text, start, end)))
}

fn trim(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    let [Value::String(s)] = args else {
        return Err(mismatch());
    };
    Ok(Value::string(s.trim()))
}

fn join(runtime: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    let (items, separator) = match args {
        [Value::List(items)] => (items, ""),
        [Value::List(items), Value::String(separator)] => (items, &**separator),
        _ => return Err(mismatch()),
    };
    let mut parts: Vec<&str> = Vec::with_capacity(items.len());
    for item in items.iter() {
        let Value::String(part) = item else {
            return Err(EvalError::Runtime("join: invalid input: no such overload".into()));
        };
        parts.push(part);
    }
    charge_text(runtime, parts.iter().map(|part| part.len()).sum(), parts.len(), separator.len())?;
    Ok(Value::string(parts.join(separator)))
}

fn quote(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    let [Value::String(text)] = args else {
        return Err(mismatch());
    };
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{b}' => quoted.push_str("\\v"),
            '\\' => quoted.push_str("\\\\"),
            '"' => quoted.push_str("\\\""),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    Ok(Value::string(quoted))
}
