//! Expressions of native policies with a part taken away.

use serde_json::Value;

/// The expressions on which decisions rest: the document's index, the pointer, and the text.
pub fn expressions(documents: &[Value]) -> Vec<(usize, String, String)> {
    let mut found = Vec::new();
    for (index, document) in documents.iter().enumerate() {
        let lists = [
            ("variables", "expression"),
            ("matchConditions", "expression"),
            ("validations", "expression"),
            ("mutations", "jsonPatch/expression"),
        ];
        for (list, field) in lists {
            let items = document["spec"][list].as_array().map_or(0, Vec::len);
            for item in 0..items {
                let pointer = format!("/spec/{list}/{item}/{field}");
                let text = document.pointer(&pointer).and_then(Value::as_str);
                found.extend(text.map(|text| (index, pointer.clone(), text.to_owned())));
            }
        }
    }
    found
}

/// Every part that `&&`, `||` or the comma of a list sets apart, with the expression that lacks it.
pub fn without_a_part(expression: &str) -> Vec<(String, String)> {
    let tokens = tokens(expression);
    let mut found = Vec::new();
    for (position, token) in tokens.iter().enumerate() {
        if !matches!(token.text, "&&" | "||" | ",") {
            continue;
        }
        let ends = |other: &&Token<'_>| {
            other.depth < token.depth
                || other.depth == token.depth && !matches!(other.text, "(" | "[" | "{" | ")" | "]" | "}")
        };
        let before = tokens[..position].iter().rev().find(ends);
        let after = tokens[position + 1..].iter().find(ends);
        let start = before.map_or(0, |before| before.at + before.text.len());
        let end = after.map_or(expression.len(), |after| after.at);
        // An argument is not a part: only elements of list literals are.
        let in_list = before.is_some_and(|before| opens_list(expression, before, token));
        if token.text == "," && !in_list && before.is_none_or(|before| before.text != ",") {
            continue;
        }
        let own_end = token.at + token.text.len();
        let halves = [(start, own_end), (token.at, end)];
        for (from, to) in halves {
            let part = expression[from..to].trim().to_owned();
            found.push((part, format!("{}{}", &expression[..from], &expression[to..])));
        }
    }
    found
}

fn opens_list(expression: &str, before: &Token<'_>, token: &Token<'_>) -> bool {
    let prefix = &expression[..before.at];
    before.text == "["
        && before.depth < token.depth
        && !prefix.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ')')
}

struct Token<'a> {
    at: usize,
    text: &'a str,
    /// How many brackets are open where it stands; a bracket stands outside of itself.
    depth: usize,
}

/// Brackets, `&&`, `||`, commas and the marks of a choice, outside of string literals.
fn tokens(expression: &str) -> Vec<Token<'_>> {
    let (mut found, mut depth, mut at) = (Vec::new(), 0, 0);
    while at < expression.len() {
        let rest = &expression[at..];
        let first = rest.chars().next().unwrap();
        if first == '\'' || first == '"' {
            at += literal(rest, first);
            continue;
        }
        let text = ["&&", "||", " ? ", " : ", ",", "(", "[", "{", ")", "]", "}"]
            .into_iter()
            .find(|mark| rest.starts_with(mark));
        match text {
            Some(mark @ ("(" | "[" | "{")) => {
                found.push(Token { at, text: mark, depth });
                depth += 1;
            }
            Some(mark @ (")" | "]" | "}")) => {
                depth -= 1;
                found.push(Token { at, text: mark, depth });
            }
            Some(mark) => found.push(Token { at, text: mark, depth }),
            None => {}
        }
        at += text.map_or(first.len_utf8(), str::len);
    }
    found
}

/// The length of the string literal that a text begins with.
fn literal(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if !escaped && c == quote {
            return at + 1;
        }
        escaped = c == '\\' && !escaped;
    }
    text.len()
}

#[test]
fn parts_are_taken_away_at_every_depth() {
    let found: Vec<String> =
        without_a_part("a && (b || c in ['x', 'y, z'])").into_iter().map(|(_, mutant)| mutant).collect();
    let expected = [
        " (b || c in ['x', 'y, z'])",
        "a ",
        "a && ( c in ['x', 'y, z'])",
        "a && (b )",
        "a && (b || c in [ 'y, z'])",
        "a && (b || c in ['x'])",
    ];
    assert_eq!(found, expected);
}
