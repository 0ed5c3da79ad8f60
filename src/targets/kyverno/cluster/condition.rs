//! Conditions in JMESPath: literals that no layer takes for anything else, and what is said of lists and sets of names.
//!
//! Literals are JSON in which everything but letters, digits and a few signs is escaped, so that no text means anything to
//! Kyverno.

/// A condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Condition {
    /// It does not depend on the pod.
    Constant(bool),
    /// It does: an expression within parentheses, or one that binds as tightly.
    Of(String),
}

impl Condition {
    pub(super) fn of(text: impl Into<String>) -> Self {
        Self::Of(text.into())
    }

    pub(super) fn all(parts: impl IntoIterator<Item = Self>) -> Self {
        Self::join(parts, true, " && ")
    }

    pub(super) fn any(parts: impl IntoIterator<Item = Self>) -> Self {
        Self::join(parts, false, " || ")
    }

    pub(super) fn join(parts: impl IntoIterator<Item = Self>, neutral: bool, operator: &str) -> Self {
        let mut kept = Vec::new();
        for part in parts {
            match part {
                Self::Constant(value) if value == neutral => {}
                Self::Constant(value) => return Self::Constant(value),
                Self::Of(text) => kept.push(text),
            }
        }
        match kept.len() {
            0 => Self::Constant(neutral),
            1 => Self::Of(kept.concat()),
            _ => Self::Of(format!("({})", kept.join(operator))),
        }
    }

    pub(super) fn negated(self) -> Self {
        match self {
            Self::Constant(value) => Self::Constant(!value),
            Self::Of(text) => Self::Of(format!("!{text}")),
        }
    }

    /// The text; a constant as one.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Constant(value) => format!("`{value}`"),
            Self::Of(text) => text.clone(),
        }
    }
}

/// A string as a literal.
pub(super) fn text(text: &str) -> String {
    format!("`\"{}\"`", escaped(text))
}

/// A list of strings as a literal.
pub(super) fn texts<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    let texts: Vec<String> = texts.into_iter().map(|text| format!("\"{}\"", escaped(text))).collect();
    format!("`[{}]`", texts.join(","))
}

/// The inside of a JSON string that no layer takes for anything else. What takes two escapes in JSON stays as it is: Kyverno
/// reads patches as YAML too, which knows no such pairs.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let is_plain = c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':' | ' ');
        if is_plain || c.len_utf16() == 2 {
            out.push(c);
        } else {
            out.push_str(&format!("\\u{:04x}", u32::from(c)));
        }
    }
    out
}

/// The map has the key.
pub(super) fn has(map: &str, key: &str) -> Condition {
    Condition::of(format!("contains(keys({map}), {})", text(key)))
}

/// The text is one of these.
pub(super) fn one_of<'t>(value: &str, set: impl IntoIterator<Item = &'t str>) -> Condition {
    let set: Vec<&str> = set.into_iter().collect();
    match set.as_slice() {
        [] => Condition::Constant(false),
        _ => Condition::of(format!("contains({}, {value})", texts(set))),
    }
}

/// The condition holds of every item.
pub(super) fn every(list: &str, condition: Condition) -> Condition {
    match condition {
        Condition::Constant(true) => Condition::Constant(true),
        condition => Condition::of(format!("!({list} | [?{}])", condition.negated().text())),
    }
}

/// The distinct texts of a list.
pub(super) fn distinct(list: &str) -> String {
    format!("keys(object_from_lists({list}, {list}))")
}

/// No text is in both lists; the other holds every text once.
pub(super) fn disjoint(one: &str, other: &str) -> Condition {
    let both = distinct(&format!("[{one}, {other}][]"));
    Condition::of(format!("(length({both}) == sum([length({}), length({other})]))", distinct(one)))
}

/// Every text of the one list is in the other, which holds every text once.
pub(super) fn within(one: &str, other: &str) -> Condition {
    Condition::of(format!("(length({}) == length({other}))", distinct(&format!("[{one}, {other}][]"))))
}
