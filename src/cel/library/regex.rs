//! Regular expressions in Go's dialect (RE2), run by the `regex` crate: `matches`, `find`, `findAll`.
//!
//! The two dialects differ in small things, which [`translate`] removes: `\d`, `\w`, `\s` and `\b` are ASCII in Go, and
//! inside brackets `[`, `&&`, `--` and `~~` are plain characters. What still does not compile cannot be evaluated.

use super::{Declaration, Library, Outcome, declare};
use crate::cel::error::EvalError;
use crate::cel::eval::Runtime;
use crate::cel::value::Value;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) static KUBERNETES: Library = Library { introduced: 0, functions: &FUNCTIONS };

static FUNCTIONS: [Declaration; 2] = [
    declare("find", &["string.(string) -> string"], find),
    declare("findAll", &["string.(string) -> list(string)", "string.(string, int) -> list(string)"], find_all),
];

/// How many patterns a thread keeps compiled.
const KEPT: usize = 512;

thread_local! {
    static COMPILED: RefCell<BTreeMap<Arc<str>, Option<::regex::Regex>>> = const { RefCell::new(BTreeMap::new()) };
}

/// A pattern in Go's dialect, compiled once per thread.
fn compiled(pattern: &Arc<str>) -> Result<::regex::Regex, EvalError> {
    let known = COMPILED.with_borrow(|kept| kept.get(pattern).cloned());
    let regex = known.unwrap_or_else(|| {
        let regex = ::regex::Regex::new(&translate(pattern)).ok();
        COMPILED.with_borrow_mut(|kept| {
            if kept.len() >= KEPT {
                kept.clear();
            }
            kept.insert(pattern.clone(), regex.clone());
        });
        regex
    });
    regex.ok_or_else(|| EvalError::unknown(format!("the regular expression `{pattern}`"), 0))
}

/// Whether this evaluator can run a pattern.
pub(crate) fn is_supported(pattern: &str) -> bool {
    compiled(&Arc::from(pattern)).is_ok()
}

pub(super) fn matches(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    let [Value::String(text), Value::String(pattern)] = args else {
        return Err(EvalError::no_such_overload());
    };
    Ok(Value::Bool(compiled(pattern)?.is_match(text)))
}

fn find(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    let [Value::String(text), Value::String(pattern)] = args else {
        return Err(EvalError::no_such_overload());
    };
    Ok(Value::string(compiled(pattern)?.find(text).map_or("", |found| found.as_str())))
}

fn find_all(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    let (text, pattern, limit) = match args {
        [Value::String(text), Value::String(pattern)] => (text, pattern, -1),
        [Value::String(text), Value::String(pattern), Value::Int(limit)] => (text, pattern, *limit),
        _ => return Err(EvalError::no_such_overload()),
    };
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let regex = compiled(pattern)?;
    Ok(Value::list(regex.find_iter(text).take(limit).map(|found| Value::string(found.as_str()))))
}

/// The same pattern in the dialect of the `regex` crate.
fn translate(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut in_class = false;
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('Q') => push_quoted(&mut chars, &mut out),
                Some(escaped) => out.push_str(&escape(escaped, in_class)),
                None => out.push('\\'),
            },
            '[' if !in_class => {
                in_class = true;
                out.push('[');
                push_class_start(&mut chars, &mut out);
            }
            '[' if chars.peek() == Some(&':') => out.push('['),
            ':' if in_class => push_colon(&mut chars, &mut out),
            ']' => {
                in_class = false;
                out.push(']');
            }
            '[' | '&' | '~' if in_class => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// `^`, and a `]` that stands first and is therefore plain.
fn push_class_start(chars: &mut Chars<'_>, out: &mut String) {
    if chars.next_if_eq(&'^').is_some() {
        out.push('^');
    }
    if chars.next_if_eq(&']').is_some() {
        out.push_str("\\]");
    }
}

/// The `:]` that ends a named class does not end the brackets around it.
fn push_colon(chars: &mut Chars<'_>, out: &mut String) {
    out.push(':');
    let named = out.rfind("[:").is_some_and(|at| {
        out.get(at + 2..out.len() - 1)
            .is_some_and(|name| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphabetic() || c == '^'))
    });
    if named && chars.next_if_eq(&']').is_some() {
        out.push(']');
    }
}

fn push_quoted(chars: &mut Chars<'_>, out: &mut String) {
    let mut literal = String::new();
    for c in chars.by_ref() {
        literal.push(c);
        if literal.ends_with("\\E") {
            literal.truncate(literal.len() - 2);
            break;
        }
    }
    out.push_str(&::regex::escape(&literal));
}

fn escape(c: char, in_class: bool) -> String {
    let class = match c {
        'd' => "0-9",
        'w' => "0-9A-Za-z_",
        's' => "\\t\\n\\x0C\\r ",
        'D' => return "[^0-9]".into(),
        'W' => return "[^0-9A-Za-z_]".into(),
        'S' => return "[^\\t\\n\\x0C\\r ]".into(),
        'b' if !in_class => return "(?-u:\\b)".into(),
        'B' if !in_class => return "(?-u:\\B)".into(),
        c => return format!("\\{c}"),
    };
    if in_class { class.to_owned() } else { format!("[{class}]") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_match(pattern: &str, text: &str) -> bool {
        compiled(&Arc::from(pattern)).unwrap().is_match(text)
    }

    #[test]
    fn classes_are_ascii() {
        assert!(is_match("^\\d+$", "123") && !is_match("^\\d+$", "١٢٣"));
        assert!(!is_match("^[\\w-]+$", "é") && is_match("^[\\w-]+$", "a-b_1"));
        assert!(is_match("^[^\\s]+$", "a") && is_match("\\S\\b", "a"));
    }

    #[test]
    fn brackets_hold_plain_characters() {
        assert!(is_match("^[[&&~~]+$", "[&~") && is_match("^[]a]+$", "]a"));
        assert!(is_match("^[[:alpha:]]+$", "abc") && !is_match("^[[:alpha:]]+$", "1"));
        assert!(is_match("^[a:b]+$", "a:b") && is_match("^[[:digit:].]+$", "1.2"));
    }

    #[test]
    fn quoted_text_is_literal() {
        assert!(is_match("^\\Qa.b\\E.$", "a.bc") && !is_match("^\\Qa.b\\E$", "axb"));
    }

    #[test]
    fn a_pattern_that_does_not_compile_is_not_guessed() {
        assert!(matches!(compiled(&Arc::from("(")), Err(EvalError::CannotEvaluate { .. })));
    }
}
