//! Values as they are written into somebody else's text.

use serde_json::Value;

use crate::yaml::to_yaml;

/// Words that YAML 1.1 does not take for text.
const NO_TEXT: [&str; 11] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"];

/// The value in brackets, on one line.
pub(super) fn flow(value: &Value, is_json: bool) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| flow(item, is_json)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(fields) => {
            let pair = |(key, value): (&String, &Value)| {
                format!("{}: {}", flow(&Value::from(key.as_str()), is_json), flow(value, is_json))
            };
            let pairs: Vec<String> = fields.iter().map(pair).collect();
            format!("{{{}}}", pairs.join(", "))
        }
        Value::String(text) if !is_json && is_plain(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Text that means itself without quotes, inside brackets and out.
fn is_plain(text: &str) -> bool {
    let harmless = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '/' | '.' | '-');
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic());
    starts && text.chars().all(harmless) && !NO_TEXT.contains(&text.to_ascii_lowercase().as_str())
}

/// JSON over several lines, as deep as `indent`.
pub(super) fn pretty(value: &Value, indent: &str, unit: &str, newline: &str) -> String {
    let inner = format!("{indent}{unit}");
    let lines = |open: char, parts: Vec<String>, close: char| {
        let parts = parts.join(&format!(",{newline}{inner}"));
        format!("{open}{newline}{inner}{parts}{newline}{indent}{close}")
    };
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            let pair = |(key, value): (&String, &Value)| {
                format!("{}: {}", Value::from(key.as_str()), pretty(value, &inner, unit, newline))
            };
            lines('{', fields.iter().map(pair).collect(), '}')
        }
        Value::Array(items) if !items.is_empty() => {
            lines('[', items.iter().map(|item| pretty(item, &inner, unit, newline)).collect(), ']')
        }
        other => other.to_string(),
    }
}

/// A key and its value as lines of a block.
pub(super) fn block_lines(key: &str, value: &Value, indent: &str) -> Option<String> {
    let text = to_yaml(&serde_json::json!({ key: value })).ok()?;
    Some(text.lines().map(|line| format!("{indent}{line}\n")).collect())
}
