//! Conditions on pods, in terms of statements.

use std::collections::BTreeSet;

use super::{At, Node, Oracle, Unproven};

/// A condition on pods, in terms of statements.
#[derive(Debug, Clone)]
pub(crate) enum Truth {
    Constant(bool),
    Statement(usize),
    Not(Box<Truth>),
    All(Vec<Truth>),
    Any(Vec<Truth>),
}

impl Truth {
    pub fn not(self) -> Self {
        match self {
            Self::Constant(truth) => Self::Constant(!truth),
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }

    pub fn all(parts: impl IntoIterator<Item = Truth>) -> Self {
        let mut kept = Vec::new();
        for part in parts {
            match part {
                Self::Constant(true) => {}
                Self::Constant(false) => return Self::Constant(false),
                other => kept.push(other),
            }
        }
        if kept.is_empty() { Self::Constant(true) } else { Self::All(kept) }
    }

    pub fn any(parts: impl IntoIterator<Item = Truth>) -> Self {
        let mut kept = Vec::new();
        for part in parts {
            match part {
                Self::Constant(false) => {}
                Self::Constant(true) => return Self::Constant(true),
                other => kept.push(other),
            }
        }
        if kept.is_empty() { Self::Constant(false) } else { Self::Any(kept) }
    }

    /// Adds the statements that it is made of.
    pub fn statements(&self, into: &mut BTreeSet<usize>) {
        match self {
            Self::Constant(_) => {}
            Self::Statement(statement) => drop(into.insert(*statement)),
            Self::Not(inner) => inner.statements(into),
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.statements(into)),
        }
    }

    /// The formula at a state.
    pub fn at(&self, at: At, oracle: &mut dyn Oracle) -> Result<Node, Unproven> {
        Ok(match self {
            Self::Constant(truth) => oracle.constant(*truth),
            Self::Statement(statement) => oracle.ask(at, *statement)?,
            Self::Not(inner) => {
                let inner = inner.at(at, oracle)?;
                oracle.not(inner)
            }
            Self::All(parts) => {
                let parts: Result<Vec<Node>, Unproven> = parts.iter().map(|part| part.at(at, oracle)).collect();
                oracle.all(&parts?)
            }
            Self::Any(parts) => {
                let parts: Result<Vec<Node>, Unproven> = parts.iter().map(|part| part.at(at, oracle)).collect();
                oracle.any(&parts?)
            }
        })
    }
}
