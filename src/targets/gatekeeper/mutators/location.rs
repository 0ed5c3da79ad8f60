//! Locations of mutators: `spec.containers[name: *].securityContext.privileged`.
//!
//! Names are joined by dots; a name with other characters than letters, digits, `-` and `_` is quoted; `[key: value]` after
//! a name makes it a list whose elements are told apart by a key, and `*` stands for every element.

/// One step of a location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// A key of an object.
    Key(String),
    /// An element of the list at hand: those whose `key` has the value, all without a value.
    Element {
        /// The key that tells elements apart.
        key: String,
        /// Its value.
        value: Option<String>,
    },
}

/// Reads a location.
///
/// # Errors
/// What is wrong with it.
pub(super) fn parse(text: &str) -> Result<Vec<Step>, String> {
    let mut rest = text.trim();
    let mut steps = Vec::new();
    loop {
        let (name, after) = name(rest)?;
        steps.push(Step::Key(name));
        rest = after.trim_start();
        if let Some(inside) = rest.strip_prefix('[') {
            let (step, after) = element(inside)?;
            steps.push(step);
            rest = after.trim_start();
        }
        match rest.strip_prefix('.') {
            Some(after) => rest = after.trim_start(),
            None if rest.is_empty() => return Ok(steps),
            None => return Err(format!("`{rest}` cannot follow here")),
        }
    }
}

fn element(inside: &str) -> Result<(Step, &str), String> {
    let (key, rest) = name(inside.trim_start())?;
    let rest = rest.trim_start().strip_prefix(':').ok_or("a key of a list is written `[key: value]`")?.trim_start();
    let (value, rest) = match rest.strip_prefix('*') {
        Some(rest) => (None, rest),
        None => name(rest).map(|(value, rest)| (Some(value), rest))?,
    };
    let rest = rest.trim_start().strip_prefix(']').ok_or("`]` is missing")?;
    Ok((Step::Element { key, value }, rest))
}

/// A quoted or plain name at the start, and what follows.
fn name(text: &str) -> Result<(String, &str), String> {
    if let Some(quote @ ('"' | '\'')) = text.chars().next() {
        let inside = text.get(1..).unwrap_or_default();
        let (name, rest) = inside.split_once(quote).ok_or("a quote is not closed")?;
        return Ok((name.to_owned(), rest));
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let end = text.find(|c| !is_plain(c)).unwrap_or(text.len());
    match text.split_at_checked(end) {
        Some((name, rest)) if !name.is_empty() => Ok((name.to_owned(), rest)),
        _ => Err("a name is missing".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lists_and_quotes() {
        let key = |name: &str| Step::Key(name.to_owned());
        let all = Step::Element { key: "name".to_owned(), value: None };
        assert_eq!(
            parse("spec.containers[name: *].securityContext"),
            Ok(vec![key("spec"), key("containers"), all, key("securityContext")])
        );
        assert_eq!(
            parse("metadata.annotations.\"a.b/c\""),
            Ok(vec![key("metadata"), key("annotations"), key("a.b/c")])
        );
        let star = Step::Element { key: "name".to_owned(), value: Some("*".to_owned()) };
        assert_eq!(parse("l[ name : '*' ]"), Ok(vec![key("l"), star]));
    }

    #[test]
    fn what_is_no_location_is_refused() {
        for text in ["", "a.", "a..b", "[name: x]", "a[*]", "a[b]", "a[b: c", "a \"b", "a.\"b"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
