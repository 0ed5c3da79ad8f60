//! Constraints in plain English, for reports.

use std::fmt;

use super::Constraint;

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}
