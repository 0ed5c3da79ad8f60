//! Tokens of JMESPath.

use serde_json::Value as Json;

/// A token.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// An identifier, quoted or not.
    Name(String),
    /// A raw string or a JSON literal.
    Literal(Json),
    /// A number within brackets.
    Number(i64),
    /// Anything else, e.g. `[?`.
    Sign(&'static str),
}

/// Longer signs first.
const SIGNS: [&str; 23] = [
    "[?", "[]", "||", "&&", "==", "!=", "<=", ">=", "[", "]", "(", ")", ",", ".", "|", "!", "<", ">", "@", "*", "{",
    "}", ":",
];

/// The tokens of a text.
///
/// # Errors
/// What is no token.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '`' => json_literal(rest)?,
            '\'' => raw_string(rest)?,
            '"' => quoted_name(rest)?,
            '-' | '0'..='9' => number(rest)?,
            'a'..='z' | 'A'..='Z' | '_' => {
                let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
                (Token::Name(rest.get(..length).unwrap_or_default().to_owned()), length)
            }
            _ => match SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
                Some(sign) => (Token::Sign(sign), sign.len()),
                None => return Err(format!("`{first}` is not understood here")),
            },
        };
        found.push(token);
        rest = rest.get(length..).unwrap_or_default().trim_start();
    }
    Ok(found)
}

/// The text up to the closing character, which a backslash escapes; and how long all of it is.
fn enclosed(text: &str, close: char) -> Result<(&str, usize), String> {
    let mut escaped = false;
    for (index, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == close => return Ok((text.get(1..index).unwrap_or_default(), index + close.len_utf8())),
            _ => {}
        }
    }
    Err(format!("`{close}` is missing"))
}

fn json_literal(text: &str) -> Result<(Token, usize), String> {
    let (inner, length) = enclosed(text, '`')?;
    let inner = inner.replace("\\`", "`");
    let value: Json = serde_json::from_str(&inner).map_err(|error| format!("`{inner}` is no JSON: {error}"))?;
    Ok((Token::Literal(with_floats(value)), length))
}

/// Numbers of literals are floats, unlike the whole numbers of an object.
fn with_floats(value: Json) -> Json {
    match value {
        Json::Number(number) => number.as_f64().map_or(Json::Null, Json::from),
        Json::Array(items) => items.into_iter().map(with_floats).collect(),
        Json::Object(fields) => fields.into_iter().map(|(key, value)| (key, with_floats(value))).collect(),
        other => other,
    }
}

fn raw_string(text: &str) -> Result<(Token, usize), String> {
    let (inner, length) = enclosed(text, '\'')?;
    Ok((Token::Literal(Json::String(inner.replace("\\'", "'"))), length))
}

fn quoted_name(text: &str) -> Result<(Token, usize), String> {
    let (inner, length) = enclosed(text, '"')?;
    let name: String = serde_json::from_str(&format!("\"{inner}\"")).map_err(|error| error.to_string())?;
    Ok((Token::Name(name), length))
}

fn number(text: &str) -> Result<(Token, usize), String> {
    let digits = text.char_indices().skip(1).find(|(_, c)| !c.is_ascii_digit());
    let length = digits.map_or(text.len(), |(index, _)| index);
    let number = text.get(..length).unwrap_or_default().parse().map_err(|_| "a number is missing".to_owned())?;
    Ok((Token::Number(number), length))
}
