//! Texts with variables: `{{ expression }}` within them stands for its value.
//!
//! Source: `pkg/engine/variables/vars.go`. A text that is one variable keeps the value's type. What a variable gives within a
//! longer text is looked at again for variables, unless it is written `{{-`.

use serde_json::{Map, Value as Json};

use super::query::{NotFound, Place, Problem, Query, parse};

/// A text, its variables parsed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq)]
enum Part {
    Text(String),
    Variable { query: Query, shallow: bool },
}

/// What variables stand for: those of an element of a loop, and those of the request.
#[derive(Debug, Clone, Default)]
pub(super) struct Variables {
    /// `element`, `elementIndex`
    pub element: Map<String, Json>,
    /// `request` and others.
    pub request: Map<String, Json>,
}

impl Variables {
    pub(super) fn value(&self, query: &Query) -> Result<Json, Problem> {
        Ok(query.value(Place::Root(&self.element, &self.request))?.into_owned())
    }
}

impl Template {
    /// Reads a text.
    ///
    /// # Errors
    /// What in it is not understood here.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        for escape in ["\\{{", "$("] {
            if text.contains(escape) {
                return Err(format!("`{escape}` is not understood here"));
            }
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let end = closing(after).ok_or_else(|| "`}}` is missing".to_owned())?;
            let inner = after.get(..end).unwrap_or_default();
            let (inner, shallow) = match inner.strip_prefix('-') {
                Some(inner) => (inner, true),
                None => (inner, false),
            };
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            parts.push(Part::Variable { query: parse(inner.trim())?, shallow });
            rest = after.get(end + 2..).unwrap_or_default();
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self(parts))
    }

    /// The expression, if the text is nothing but one variable.
    pub(super) fn lone(&self) -> Option<&Query> {
        match self.0.as_slice() {
            [Part::Variable { query, .. }] => Some(query),
            _ => None,
        }
    }

    /// The expressions in it.
    pub(super) fn queries(&self) -> impl Iterator<Item = &Query> {
        self.0.iter().filter_map(|part| match part {
            Part::Variable { query, .. } => Some(query),
            Part::Text(_) => None,
        })
    }

    /// The text with a token and a number of three digits in place of each variable, and the variables; `None` if the token
    /// stands in the text already.
    pub(super) fn with_tokens(&self, token: &str) -> Option<(String, Vec<&Query>)> {
        let mut text = String::new();
        let mut queries = Vec::new();
        for part in &self.0 {
            match part {
                Part::Text(plain) if plain.contains(token) => return None,
                Part::Text(plain) => text.push_str(plain),
                Part::Variable { query, .. } => {
                    text.push_str(&format!("{token}{:03}", queries.len()));
                    queries.push(query);
                }
            }
        }
        (queries.len() < 1000).then_some((text, queries))
    }

    /// What the text stands for.
    ///
    /// # Errors
    /// A variable without a value, or one whose value would be taken for more variables.
    pub(super) fn value(&self, variables: &Variables) -> Result<Json, Problem> {
        if let [Part::Variable { query, .. }] = self.0.as_slice() {
            return variables.value(query);
        }
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Variable { query, shallow } => text.push_str(&written(variables.value(query)?, *shallow)?),
            }
        }
        Ok(text.into())
    }
}

/// The value within a longer text.
fn written(value: Json, shallow: bool) -> Result<String, Problem> {
    let text = match value {
        Json::String(text) => text,
        _ if shallow => return Err(Problem::Unknown("Kyverno breaks down over a `{{-` that gives no text".to_owned())),
        other => other.to_string(),
    };
    if !shallow && text.contains("{{") {
        return Err(Problem::Unknown("what a variable gives holds variables".to_owned()));
    }
    Ok(text)
}

/// Where the `}}` of a variable stands: braces within come in pairs and do not nest.
fn closing(text: &str) -> Option<usize> {
    let mut open = false;
    let mut chars = text.char_indices().peekable();
    while let Some((index, c)) = chars.next() {
        match c {
            '{' if open => return None,
            '{' => open = true,
            '}' if open => open = false,
            '}' => return (chars.peek().map(|(_, next)| *next) == Some('}')).then_some(index),
            _ => {}
        }
    }
    None
}

/// Kyverno's words, or what is not known here.
pub(super) fn told(problem: &Problem) -> String {
    match problem {
        Problem::NotFound(NotFound(key)) => format!("Unknown key \"{key}\" in path"),
        Problem::Error(error) => error.clone(),
        Problem::Unknown(what) => format!("{what} cannot be evaluated here"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn value(text: &str) -> Result<Json, Problem> {
        let root = json!({"request": {"n": 5, "s": "it", "evil": "{{request.n}}"}});
        let variables = Variables { element: Map::new(), request: root.as_object().unwrap().clone() };
        Template::read(text).map_err(Problem::Unknown)?.value(&variables)
    }

    #[test]
    fn a_lone_variable_keeps_its_type() {
        assert_eq!(value("{{ request.n }}"), Ok(json!(5)));
        assert_eq!(value("{{ request.none || `{}` }}"), Ok(json!({})));
        assert_eq!(value("is {{request.n}} and {{ request.s }}"), Ok(json!("is 5 and it")));
    }

    #[test]
    fn text_of_the_request_is_not_evaluated_unless_kyverno_would() {
        assert_eq!(value("- {{- request.evil }}"), Ok(json!("- {{request.n}}")));
        assert!(matches!(value("- {{ request.evil }}"), Err(Problem::Unknown(_))));
        assert!(matches!(value("- {{- request.n }}"), Err(Problem::Unknown(_))));
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for text in ["{{ a", "\\{{ a }}", "$(a)", "{{ a.{b: {c: d}} }}"] {
            assert!(matches!(value(text), Err(Problem::Unknown(_))), "{text}");
        }
    }
}
