//! Literals: strings and bytes with their prefixes, quotes and escapes; numbers.

use super::lexer::TokenKind;
use crate::cel::value::Value;

/// How many bytes the string or bytes literal at the start of a text takes: `None` if there is none, `Some(None)` if it
/// does not end.
pub(super) fn quoted_length(text: &str) -> Option<Option<usize>> {
    let prefix = prefix_length(text)?;
    let raw = text.get(..prefix)?.contains(['r', 'R']);
    let body = text.get(prefix..)?;
    let quote = quote_of(body)?;
    let mut at = prefix + quote.len();
    loop {
        let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) else {
            return Some(None);
        };
        if rest.starts_with(quote) {
            return Some(Some(at + quote.len()));
        }
        if quote.len() == 1 && rest.starts_with(['\n', '\r']) {
            return Some(None);
        }
        let escaped = !raw && rest.starts_with('\\');
        at += rest.chars().take(if escaped { 2 } else { 1 }).map(char::len_utf8).sum::<usize>();
    }
}

/// The length of `r`, `b`, `rb`, … before a quote.
fn prefix_length(text: &str) -> Option<usize> {
    let length = text.bytes().take(3).position(|byte| byte == b'\'' || byte == b'"')?;
    let prefix = text.get(..length)?.to_ascii_lowercase();
    matches!(prefix.as_str(), "" | "r" | "b" | "rb" | "br").then_some(length)
}

fn quote_of(body: &str) -> Option<&str> {
    let first = body.get(..1)?;
    match body.get(..3) {
        Some(three) if three == first.repeat(3) => Some(three),
        _ => Some(first),
    }
}

/// The value of a whole string or bytes literal.
pub(super) fn read_quoted(text: &str) -> Result<Value, String> {
    let prefix = prefix_length(text).unwrap_or(0);
    let (prefix, body) = text.split_at(prefix);
    let (raw, bytes) = (prefix.contains(['r', 'R']), prefix.contains(['b', 'B']));
    let quote = quote_of(body).unwrap_or_default().len();
    let inner = body.get(quote..body.len().saturating_sub(quote)).unwrap_or_default();
    let mut content = Content { bytes, out: Vec::with_capacity(inner.len()) };
    if raw {
        content.out.extend_from_slice(inner.as_bytes());
    } else {
        content.unescape(inner)?;
    }
    if bytes {
        return Ok(Value::Bytes(content.out.into()));
    }
    String::from_utf8(content.out).map(Value::string).map_err(|_| "invalid unicode code point".to_owned())
}

struct Content {
    /// Numeric escapes are octets in bytes, code points in strings.
    bytes: bool,
    out: Vec<u8>,
}

impl Content {
    fn unescape(&mut self, text: &str) -> Result<(), String> {
        let mut rest = text;
        while let Some((plain, escape)) = rest.split_once('\\') {
            self.out.extend_from_slice(plain.as_bytes());
            let used = self.escape(escape).ok_or_else(|| "unable to unescape string".to_owned())?;
            rest = escape.get(used..).unwrap_or_default();
        }
        self.out.extend_from_slice(rest.as_bytes());
        Ok(())
    }

    /// Adds what an escape denotes; gives how much text it took.
    fn escape(&mut self, text: &str) -> Option<usize> {
        let c = text.chars().next()?;
        let plain = match c {
            'a' => 7,
            'b' => 8,
            'f' => 12,
            'n' => b'\n',
            'r' => b'\r',
            't' => b'\t',
            'v' => 11,
            '\\' | '\'' | '"' | '`' | '?' => c as u8,
            'x' | 'X' => return self.numeric(text, 1, 2, 16),
            'u' if !self.bytes => return self.numeric(text, 1, 4, 16),
            'U' if !self.bytes => return self.numeric(text, 1, 8, 16),
            '0'..='3' => return self.numeric(text, 0, 3, 8),
            _ => return None,
        };
        self.out.push(plain);
        Some(1)
    }

    fn numeric(&mut self, text: &str, skip: usize, digits: usize, radix: u32) -> Option<usize> {
        let number = text.get(skip..skip + digits).filter(|d| d.chars().all(|c| c.is_digit(radix)))?;
        let code = u32::from_str_radix(number, radix).ok()?;
        if self.bytes {
            self.out.push(u8::try_from(code).ok()?);
        } else {
            self.out.extend_from_slice(char::from_u32(code)?.encode_utf8(&mut [0; 4]).as_bytes());
        }
        Some(skip + digits)
    }
}

/// How many bytes the number at the start of a text takes.
pub(super) fn number_length(text: &str) -> usize {
    let digits = |from: usize, hex: bool| {
        let rest = text.get(from..).unwrap_or_default();
        from + rest
            .find(|c: char| !(if hex { c.is_ascii_hexdigit() } else { c.is_ascii_digit() }))
            .unwrap_or(rest.len())
    };
    let at = |offset: usize| text.as_bytes().get(offset).copied().unwrap_or(0);
    let unsigned = |end: usize| end + usize::from(matches!(at(end), b'u' | b'U'));
    if text.starts_with("0x") && at(2).is_ascii_hexdigit() {
        return unsigned(digits(2, true));
    }
    let whole = digits(0, false);
    let fraction = if at(whole) == b'.' && at(whole + 1).is_ascii_digit() { digits(whole + 1, false) } else { whole };
    let sign = usize::from(matches!(at(fraction + 1), b'+' | b'-'));
    if matches!(at(fraction), b'e' | b'E') && at(fraction + 1 + sign).is_ascii_digit() {
        return digits(fraction + 1 + sign, false);
    }
    if fraction == whole { unsigned(whole) } else { fraction }
}

/// The value of a whole number literal.
pub(super) fn read_number(text: &str) -> Option<TokenKind<'static>> {
    let (digits, unsigned) = match text.strip_suffix(['u', 'U']) {
        Some(digits) => (digits, true),
        None => (text, false),
    };
    let whole = match digits.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().ok(),
        None => return digits.parse().ok().map(|d| TokenKind::Literal(Value::Double(d))),
    };
    match (whole?, unsigned) {
        (n, true) => Some(TokenKind::Literal(Value::Uint(n))),
        (n, false) if n == i64::MIN.unsigned_abs() => Some(TokenKind::Minimum),
        (n, false) => i64::try_from(n).ok().map(|i| TokenKind::Literal(Value::Int(i))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(literal: &str) -> String {
        assert_eq!(quoted_length(literal), Some(Some(literal.len())), "{literal}");
        match read_quoted(literal) {
            Ok(Value::String(s)) => s.to_string(),
            other => panic!("{literal}: {other:?}"),
        }
    }

    #[test]
    fn strings_unescape() {
        assert_eq!(text(r#"'a\n\'\x41\u00e9\U0001F600\101\\'"#), "a\n'A\u{e9}\u{1F600}A\\");
        assert_eq!(text(r"r'\n'"), "\\n");
        assert_eq!(text("'''a'b\n'''"), "a'b\n");
        assert_eq!(text("\"\""), "");
        assert!(matches!(read_quoted(r"b'\xff'"), Ok(Value::Bytes(b)) if *b == [255]));
        for bad in [r"'\q'", r"'\x4'", r"'\ud800'", r"'\U00110000'", r"b'\u0041'"] {
            assert!(read_quoted(bad).is_err(), "{bad}");
        }
        assert_eq!(quoted_length("'a\n'"), Some(None));
        assert_eq!(quoted_length("'a\\'"), Some(None));
        assert_eq!(quoted_length("abc'"), None);
    }

    #[test]
    fn numbers_read() {
        let read = |text: &str| (number_length(text), read_number(text.get(..number_length(text)).unwrap()));
        assert_eq!(read("12.foo"), (2, Some(TokenKind::Literal(Value::Int(12)))));
        assert_eq!(read("1.5e-3+"), (6, Some(TokenKind::Literal(Value::Double(0.0015)))));
        assert_eq!(read("0x1Fu"), (5, Some(TokenKind::Literal(Value::Uint(31)))));
        assert_eq!(read(".5"), (2, Some(TokenKind::Literal(Value::Double(0.5)))));
        assert_eq!(read("9223372036854775808").1, Some(TokenKind::Minimum));
        assert_eq!(read("9223372036854775809").1, None);
    }
}
