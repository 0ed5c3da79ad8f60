//! Field errors as the API server prints them.
//!
//! Source: `k8s.io/apimachinery/pkg/util/validation/field/errors.go` (`Error.Error`, `ErrorBody`) and Go's
//! `strconv.Quote` for quoted strings.

use std::borrow::Cow;
use std::fmt::{self, Display, Write};
use std::str::Chars;

use serde_json::Value;

/// One complaint about one field: `PATH: TYPE: VALUE: DETAIL`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldError {
    /// The path as upstream spells it, e.g. `spec.containers[0].securityContext.privileged`.
    pub field: String,
    /// What kind of complaint it is.
    pub kind: ErrorKind,
    /// The offending value, already in Go's spelling; printed only by the kinds that show a value.
    pub value: String,
    /// What is wrong with it; may be empty.
    pub detail: Cow<'static, str>,
}

/// The kinds of complaints that PodSecurityPolicy and its validation make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ErrorKind {
    /// `Invalid value: VALUE`
    Invalid,
    /// `Required value`
    Required,
    /// `Forbidden`
    Forbidden,
    /// `Unsupported value: VALUE`
    NotSupported,
    /// `Duplicate value: VALUE`
    Duplicate,
    /// `Too long`
    TooLong,
}

impl ErrorKind {
    fn text(self) -> &'static str {
        match self {
            Self::Invalid => "Invalid value",
            Self::Required => "Required value",
            Self::Forbidden => "Forbidden",
            Self::NotSupported => "Unsupported value",
            Self::Duplicate => "Duplicate value",
            Self::TooLong => "Too long",
        }
    }

    fn shows_value(self) -> bool {
        matches!(self, Self::Invalid | Self::NotSupported | Self::Duplicate)
    }
}

impl FieldError {
    /// `Invalid value`; `value` prints as Go would print it (see [`go_quote`] for strings).
    pub fn invalid(field: impl Into<String>, value: impl Display, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(field, ErrorKind::Invalid, value, detail)
    }

    /// `Required value`.
    pub fn required(field: impl Into<String>, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(field, ErrorKind::Required, "", detail)
    }

    /// `Forbidden`.
    pub fn forbidden(field: impl Into<String>, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(field, ErrorKind::Forbidden, "", detail)
    }

    /// `Unsupported value`, listing what is supported.
    pub fn not_supported(field: impl Into<String>, value: &str, supported: &[&str]) -> Self {
        let list: Vec<String> = supported.iter().map(|s| go_quote(s)).collect();
        let detail = format!("supported values: {}", list.join(", "));
        Self::new(field, ErrorKind::NotSupported, go_quote(value), detail)
    }

    /// `Duplicate value`.
    pub fn duplicate(field: impl Into<String>, value: impl Display) -> Self {
        Self::new(field, ErrorKind::Duplicate, value, "")
    }

    /// `Too long`, with a limit in bytes.
    pub fn too_long(field: impl Into<String>, max_bytes: usize) -> Self {
        Self::new(field, ErrorKind::TooLong, "", format!("must have at most {max_bytes} bytes"))
    }

    /// The offending value as JSON: a string without Go's quotes, a number, a boolean, or Go's own spelling of anything else.
    pub fn json_value(&self) -> Value {
        match self.value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
            Some(quoted) => Value::String(go_unescape(quoted)),
            None => serde_json::from_str(&self.value)
                .ok()
                .filter(|value: &Value| value.is_boolean() || value.is_number())
                .unwrap_or_else(|| Value::String(self.value.clone())),
        }
    }

    fn new(
        field: impl Into<String>,
        kind: ErrorKind,
        value: impl Display,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { field: field.into(), kind, value: value.to_string(), detail: detail.into() }
    }
}

impl Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.kind.shows_value().then_some(self.value.as_str());
        let detail = Some(&*self.detail).filter(|detail| !detail.is_empty());
        f.write_str(&self.field)?;
        for part in [Some(self.kind.text()), value, detail].into_iter().flatten() {
            f.write_str(": ")?;
            f.write_str(part)?;
        }
        Ok(())
    }
}

/// Quotes as Go's `%q` does: Rust's `{:?}` differs for control and non-printable characters.
pub fn go_quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\') {
        out.push_str(text);
    } else {
        text.chars().for_each(|c| push_go_char(&mut out, c));
    }
    out.push('"');
    out
}

/// The text that [`go_quote`] quoted, given without its quotes.
fn go_unescape(quoted: &str) -> String {
    let mut out = String::with_capacity(quoted.len());
    let mut rest = quoted.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' => out.extend(unescaped(&mut rest)),
            _ => out.push(c),
        }
    }
    out
}

fn unescaped(rest: &mut Chars<'_>) -> Option<char> {
    match rest.next()? {
        'x' => take_code(rest, 2),
        'u' => take_code(rest, 4),
        'U' => take_code(rest, 8),
        'a' => Some('\u{7}'),
        'b' => Some('\u{8}'),
        'f' => Some('\u{c}'),
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        'v' => Some('\u{b}'),
        plain => Some(plain),
    }
}

fn take_code(rest: &mut Chars<'_>, digits: usize) -> Option<char> {
    let hex: String = rest.take(digits).collect();
    u32::from_str_radix(&hex, 16).ok().and_then(char::from_u32)
}

fn push_go_char(out: &mut String, c: char) {
    let short = match c {
        '"' => "\\\"",
        '\\' => "\\\\",
        '\u{7}' => "\\a",
        '\u{8}' => "\\b",
        '\u{c}' => "\\f",
        '\n' => "\\n",
        '\r' => "\\r",
        '\t' => "\\t",
        '\u{b}' => "\\v",
        _ => return push_go_other(out, c),
    };
    out.push_str(short);
}

fn push_go_other(out: &mut String, c: char) {
    let code = u32::from(c);
    // Writing to a `String` cannot fail.
    let _ = match code {
        0..=0x1f | 0x7f => write!(out, "\\x{code:02x}"),
        _ if is_printable(c) => out.write_char(c),
        0..=0xffff => write!(out, "\\u{code:04x}"),
        _ => write!(out, "\\U{code:08x}"),
    };
}

/// Go's `strconv.IsPrint`: letters, marks, numbers, punctuation, symbols and the ASCII space. Rust's own escaping keeps
/// the same set, except that it also escapes combining marks and treats other spaces as printable.
fn is_printable(c: char) -> bool {
    if c == ' ' || c.is_ascii_graphic() {
        return true;
    }
    if c.is_whitespace() || c.is_control() {
        return false;
    }
    let escaped = c.escape_debug().len() > 1;
    !escaped || is_combining(c)
}

/// A combining mark: Rust escapes it although it is printable, because it would join the quote before it.
fn is_combining(c: char) -> bool {
    // `escape_debug` on a `str` escapes such a mark only where it comes first.
    let behind_a_letter = ['a', c].iter().collect::<String>();
    behind_a_letter.escape_debug().count() == 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_as_go_does() {
        assert_eq!(go_quote("/b\"\\\n\té\u{200b}\u{a0}"), r#""/b\"\\\n\té\u200b\u00a0""#);
        assert_eq!(go_quote("\0\u{7f}"), r#""\x00\x7f""#);
        assert_eq!(go_quote("a\u{301}"), "\"a\u{301}\"");
        assert_eq!(go_quote("\u{301}"), "\"\u{301}\"");
        assert_eq!(go_quote("\u{e000}\u{10ffff}"), r#""\ue000\U0010ffff""#);
    }

    #[test]
    fn a_quoted_value_comes_back() {
        for text in ["", "a", "\"\\\n\u{7}\u{200b}\u{10ffff}\0é", "\\n"] {
            assert_eq!(FieldError::invalid("f", go_quote(text), "").json_value(), text);
        }
        assert_eq!(FieldError::invalid("f", true, "").json_value(), true);
        assert_eq!(FieldError::invalid("f", 7, "").json_value(), 7);
        assert_eq!(FieldError::invalid("f", "[]int64{7}", "").json_value(), "[]int64{7}");
    }

    #[test]
    fn prints_value_and_detail_where_upstream_does() {
        assert_eq!(FieldError::invalid("a.b", 7, "bad").to_string(), "a.b: Invalid value: 7: bad");
        assert_eq!(FieldError::invalid("a.b", go_quote("q"), "").to_string(), "a.b: Invalid value: \"q\"");
        assert_eq!(FieldError::required("a", "").to_string(), "a: Required value");
        assert_eq!(FieldError::forbidden("a", "no").to_string(), "a: Forbidden: no");
        assert_eq!(
            FieldError::not_supported("r", "", &["A", "B"]).to_string(),
            "r: Unsupported value: \"\": supported values: \"A\", \"B\""
        );
    }
}
