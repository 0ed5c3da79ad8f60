//! `'…'.format([…])`: cel-go's clauses `%s %d %f %b %x %X %o`, in its English locale.

use super::Outcome;
use super::conversions::plain_text;
use crate::cel::error::EvalError;
use crate::cel::eval::Runtime;
use crate::cel::value::{Key, Value};
use crate::field_error::go_quote;

/// Digits after the point unless the clause says otherwise.
const PRECISION: usize = 6;
/// More digits than this are not attempted.
const MAX_PRECISION: usize = 1_000;

pub(super) fn format(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    let [Value::String(template), Value::List(values)] = args else {
        return Err(EvalError::no_such_overload());
    };
    let mut out = String::with_capacity(template.len());
    let mut rest: &str = template;
    let mut used = 0;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        if let Some(tail) = after.strip_prefix('%') {
            out.push('%');
            rest = tail;
            continue;
        }
        let value = values.get(used).ok_or_else(|| EvalError::Runtime(format!("index {used} out of range")))?;
        let (clause, tail) = read_clause(after)?;
        out.push_str(&clause.apply(value)?);
        used += 1;
        rest = tail;
    }
    out.push_str(rest);
    Ok(Value::string(out))
}

struct Clause {
    verb: char,
    precision: usize,
}

fn read_clause(text: &str) -> Result<(Clause, &str), EvalError> {
    let (precision, rest) = match text.strip_prefix('.') {
        None => (PRECISION, text),
        Some(digits) => {
            let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
            let (number, rest) = digits.split_at(end);
            let unreadable = || EvalError::runtime("could not parse formatting clause: error while parsing precision");
            (number.parse().map_err(|_| unreadable())?, rest)
        }
    };
    if precision > MAX_PRECISION {
        return Err(EvalError::unknown(format!("`format` with {precision} digits"), 0));
    }
    let verb = rest.chars().next().ok_or_else(|| EvalError::runtime("unexpected end of string"))?;
    Ok((Clause { verb, precision }, rest.get(verb.len_utf8()..).unwrap_or_default()))
}

impl Clause {
    fn apply(&self, value: &Value) -> Result<String, EvalError> {
        match (self.verb, value) {
            ('s', value) => shown(value),
            ('d', Value::Int(i)) => Ok(i.to_string()),
            ('d', Value::Uint(u)) => Ok(u.to_string()),
            ('f', Value::Double(d)) if d.is_finite() => Ok(grouped(&format!("{d:.*}", self.precision))),
            ('b', Value::Bool(b)) => Ok(u8::from(*b).to_string()),
            ('b' | 'x' | 'X' | 'o', Value::Int(i)) => {
                let sign = if *i < 0 { "-" } else { "" };
                Ok(format!("{sign}{}", self.radix(i.unsigned_abs())))
            }
            ('b' | 'x' | 'X' | 'o', Value::Uint(u)) => Ok(self.radix(*u)),
            ('x' | 'X', Value::String(s)) => Ok(self.hex(s.as_bytes())),
            ('x' | 'X', Value::Bytes(b)) => Ok(self.hex(b)),
            ('e', _) | ('f', Value::Double(_) | Value::String(_)) => {
                Err(EvalError::unknown(format!("the clause `%{}` of `format`", self.verb), 0))
            }
            ('d' | 'f' | 'b' | 'x' | 'X' | 'o', value) => Err(self.unfit(value)),
            _ => Err(EvalError::Runtime(format!(
                "could not parse formatting clause: unrecognized formatting clause \"{}\"",
                self.verb
            ))),
        }
    }

    fn radix(&self, n: u64) -> String {
        match self.verb {
            'b' => format!("{n:b}"),
            'o' => format!("{n:o}"),
            'X' => format!("{n:X}"),
            _ => format!("{n:x}"),
        }
    }

    fn hex(&self, bytes: &[u8]) -> String {
        let digits = bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        if self.verb == 'X' { digits.to_uppercase() } else { digits }
    }

    fn unfit(&self, value: &Value) -> EvalError {
        let wants = match self.verb {
            'd' => "decimal clause can only be used on integers",
            'f' => "fixed-point clause can only be used on doubles",
            'b' => "only integers and bools can be formatted as binary",
            'o' => "octal clause can only be used on integers",
            _ => "only integers, byte buffers, and strings can be formatted as hex",
        };
        EvalError::Runtime(format!("error during formatting: {wants}, was given {}", value.type_name()))
    }
}

/// English groups of three digits before the point.
fn grouped(number: &str) -> String {
    let (whole, fraction) = number.split_once('.').map_or((number, None), |(w, f)| (w, Some(f)));
    let digits = whole.trim_start_matches('-');
    let mut out = String::from(if digits.len() < whole.len() { "-" } else { "" });
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if let Some(fraction) = fraction {
        out.push('.');
        out.push_str(fraction);
    }
    out
}

/// What `%s` shows.
fn shown(value: &Value) -> Result<String, EvalError> {
    match value {
        Value::Null => Ok("null".into()),
        Value::Type(name) => Ok(name.to_string()),
        Value::Bytes(bytes) => Ok(String::from_utf8_lossy(bytes).into_owned()),
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(nested).collect::<Result<_, _>>()?;
            Ok(format!("[{}]", items.join(", ")))
        }
        Value::Map(map) => {
            let entry = |(key, value): &(Key, Value)| Ok(format!("{}:{}", nested(&key.to_value())?, nested(value)?));
            let mut entries: Vec<String> = map.entries().iter().map(entry).collect::<Result<_, EvalError>>()?;
            entries.sort();
            Ok(format!("{{{}}}", entries.join(", ")))
        }
        value => plain_text(value).ok_or_else(|| {
            EvalError::Runtime(format!(
                "error during formatting: string clause can only be used on strings, bools, bytes, ints, doubles, maps, \
                 lists, types, durations, and timestamps, was given {}",
                value.type_name()
            ))
        }),
    }
}

/// A value inside a list or map, as a CEL literal.
fn nested(value: &Value) -> Result<String, EvalError> {
    match value {
        Value::String(s) => Ok(go_quote(s)),
        Value::Bytes(bytes) => Ok(format!("b{}", go_quote(&String::from_utf8_lossy(bytes)))),
        Value::Double(d) if d.is_finite() => Ok(format!("{d:.PRECISION$}")),
        Value::Timestamp(t) => Ok(format!("timestamp({})", go_quote(&t.to_string()))),
        Value::Duration(d) => Ok(format!("duration({})", go_quote(&d.to_string()))),
        value => shown(value),
    }
}
