//! Changes of documents as data.

use serde_json::Value;

/// The documents with a text replaced wherever it stands in those of a kind.
pub fn replaced(documents: &[Value], kind: &str, from: &str, to: &str) -> Vec<Value> {
    let mut changed = documents.to_vec();
    changed.iter_mut().filter(|document| document["kind"] == kind).for_each(|document| replace(document, from, to));
    assert!(changed != documents, "no {kind} holds `{from}`");
    changed
}

fn replace(value: &mut Value, from: &str, to: &str) {
    match value {
        Value::String(text) => *text = text.replace(from, to),
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, from, to)),
        Value::Object(map) => map.values_mut().for_each(|value| replace(value, from, to)),
        _ => {}
    }
}

/// The documents with the value at a JSON pointer of every document of a kind set, or removed where it is set to `null`.
pub fn set(documents: &[Value], kind: &str, pointer: &str, value: &Value) -> Vec<Value> {
    let mut changed = documents.to_vec();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let key = key.replace("~1", "/");
    for document in changed.iter_mut().filter(|document| document["kind"] == kind) {
        match document.pointer_mut(parent) {
            Some(Value::Object(map)) if value.is_null() => drop(map.shift_remove(&key)),
            Some(Value::Object(map)) => drop(map.insert(key.clone(), value.clone())),
            Some(Value::Array(items)) if value.is_null() => drop(items.remove(key.parse().unwrap())),
            Some(Value::Array(items)) => items[key.parse::<usize>().unwrap()] = value.clone(),
            _ => {}
        }
    }
    assert!(changed != documents, "no {kind} has `{pointer}` otherwise");
    changed
}

/// The documents without those of a kind.
pub fn without(documents: &[Value], kind: &str) -> Vec<Value> {
    let kept: Vec<Value> = documents.iter().filter(|document| document["kind"] != kind).cloned().collect();
    assert!(kept.len() < documents.len(), "there is no {kind}");
    kept
}

/// The parts of an expression between this operator, as far as it stands outside parentheses and texts.
pub fn split<'t>(expression: &'t str, operator: &str) -> Vec<&'t str> {
    let (mut depth, mut quote, mut start, mut parts) = (0_i32, None, 0, Vec::new());
    let bytes = expression.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match (quote, bytes[at]) {
            (Some(_), b'\\') => at += 1,
            (Some(open), byte) if byte == open => quote = None,
            (None, byte @ (b'\'' | b'"')) => quote = Some(byte),
            (None, b'(' | b'[' | b'{') => depth += 1,
            (None, b')' | b']' | b'}') => depth -= 1,
            (None, _) if depth == 0 && expression[at..].starts_with(operator) => {
                parts.push(&expression[start..at]);
                start = at + operator.len();
            }
            _ => {}
        }
        at += 1;
    }
    parts.push(&expression[start..]);
    parts
}

#[test]
fn an_expression_is_split_outside_parentheses_and_texts() {
    assert_eq!(split("a && (b && c) && ' && ' == d", " && "), ["a", "(b && c)", "' && ' == d"]);
    assert_eq!(split("a", " && "), ["a"]);
}
