//! How what one side admits relates to what another side admits: the outcome of every comparison.

use std::fmt;

/// How a second side relates to a first one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Relation {
    /// Both admit the same.
    Equal,
    /// The second denies some of what the first admits, and admits nothing that the first denies.
    Stricter,
    /// The second admits some of what the first denies, and denies nothing that the first admits.
    Looser,
    /// Each admits something that the other denies.
    Incomparable,
    /// Nothing is claimed: something could not be evaluated, or nothing was compared.
    Unproven,
}

impl Relation {
    /// The word for it, as all reports have it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::Stricter => "stricter",
            Self::Looser => "looser",
            Self::Incomparable => "incomparable",
            Self::Unproven => "unproven",
        }
    }
}

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
