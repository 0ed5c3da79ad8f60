//! What can go wrong with an expression: it does not compile, its evaluation fails as CEL defines, or it uses something
//! that this evaluator does not know.

use thiserror::Error;

/// An expression that is not CEL.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{line}:{column}: {message}")]
pub struct CelError {
    /// What is wrong with it.
    pub message: String,
    /// 1-based.
    pub line: usize,
    /// 1-based, in characters.
    pub column: usize,
}

impl CelError {
    pub(crate) fn at(source: &str, offset: usize, message: impl Into<String>) -> Self {
        let (line, column) = position(source, offset);
        Self { message: message.into(), line, column }
    }
}

/// 1-based line and column (in characters) of a byte offset.
pub(crate) fn position(source: &str, offset: usize) -> (usize, usize) {
    let before: String = source.char_indices().take_while(|(at, _)| *at < offset).map(|(_, c)| c).collect();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
    (line, column)
}

/// Why an evaluation gave no value.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum EvalError {
    /// The expression failed as CEL defines; the API server would fail in the same way and act on `failurePolicy`.
    #[error("{0}")]
    Runtime(String),
    /// A cost limit is exceeded; nothing absorbs this, not even `||`.
    #[error("operation cancelled: actual cost limit exceeded")]
    CostLimit,
    /// The expression uses something that this evaluator does not know, so no answer can be given.
    #[error("cannot evaluate {what} (character {at} of `{expression}`)")]
    CannotEvaluate {
        /// The function, macro or feature.
        what: String,
        /// Byte offset into the expression.
        at: usize,
        /// The expression; empty until the program is known.
        expression: String,
    },
}

impl EvalError {
    pub(crate) fn runtime(message: impl Into<String>) -> Self {
        Self::Runtime(message.into())
    }

    pub(crate) fn no_such_overload() -> Self {
        Self::Runtime("no such overload".into())
    }

    pub(crate) fn unknown(what: impl Into<String>, at: usize) -> Self {
        Self::CannotEvaluate { what: what.into(), at, expression: String::new() }
    }

    /// The same error, knowing the text it arose in.
    pub(crate) fn within(self, source: &str) -> Self {
        match self {
            Self::CannotEvaluate { what, at, expression } if expression.is_empty() => {
                Self::CannotEvaluate { what, at, expression: source.to_owned() }
            }
            other => other,
        }
    }

    /// The one that matters more when two parts of `&&` or `||` both fail.
    pub(crate) fn or_graver(self, other: Self) -> Self {
        match (&self, &other) {
            (Self::Runtime(_), Self::CannotEvaluate { .. }) => other,
            _ => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_and_characters_from_one() {
        assert_eq!(position("ab\ncé+d", 3), (2, 1));
        assert_eq!(position("ab\ncé+d", 6), (2, 3));
        assert_eq!(position("", 0), (1, 1));
    }
}
