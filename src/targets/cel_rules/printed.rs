//! Expressions of type `bool`, constants folded.

use crate::cel::print::Expr;

/// A condition.
pub(super) enum Printed {
    /// It does not depend on the pod.
    Constant(bool),
    /// It does.
    Expr(Expr),
}

impl Printed {
    pub(super) fn all(parts: impl IntoIterator<Item = Printed>) -> Self {
        Self::join(parts, true, Expr::and)
    }

    pub(super) fn any(parts: impl IntoIterator<Item = Printed>) -> Self {
        Self::join(parts, false, Expr::or)
    }

    /// Parts that equal `neutral` have no say, and one that is its opposite settles the matter.
    fn join(parts: impl IntoIterator<Item = Printed>, neutral: bool, join: fn(Vec<Expr>) -> Expr) -> Self {
        let mut kept = Vec::new();
        for part in parts {
            match part {
                Self::Constant(value) if value == neutral => {}
                Self::Constant(value) => return Self::Constant(value),
                Self::Expr(expr) => kept.push(expr),
            }
        }
        if kept.is_empty() { Self::Constant(neutral) } else { Self::Expr(join(kept)) }
    }

    pub(super) fn negated(self) -> Self {
        match self {
            Self::Constant(value) => Self::Constant(!value),
            Self::Expr(expr) => Self::Expr(expr.negated()),
        }
    }
}

impl From<Printed> for Expr {
    fn from(printed: Printed) -> Self {
        match printed {
            Printed::Constant(value) => Self::bool(value),
            Printed::Expr(expr) => expr,
        }
    }
}
