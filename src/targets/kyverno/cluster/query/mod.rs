//! JMESPath as Kyverno speaks it: the tree of an expression.
//!
//! Kyverno's dialect differs from the specification in that a key which a map lacks is an error, which most surroundings
//! swallow: see [`super::query::eval`].

mod eval;
mod functions;
mod inspect;
mod lexer;
mod parse;

#[cfg(test)]
mod tests;

use serde_json::Value as Json;

pub(super) use eval::{NotFound, Place, Problem, is_falsy};
pub(super) use parse::parse;

/// An expression.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Query {
    /// `@`
    Current,
    /// `name`
    Field(String),
    /// `[0]`
    Index(i64),
    /// A literal; its numbers are floats.
    Literal(Json),
    /// `a.b`, `a[0]`
    Then(Box<Query>, Box<Query>),
    /// `a | b`
    Pipe(Box<Query>, Box<Query>),
    /// `a || b`
    Or(Box<Query>, Box<Query>),
    /// `a && b`
    And(Box<Query>, Box<Query>),
    /// `!a`
    Not(Box<Query>),
    /// `a == b`
    Compare(Comparison, Box<Query>, Box<Query>),
    /// `a[*].b`
    Project(Box<Query>, Box<Query>),
    /// `a[?c].b`: list, condition, right side.
    Filter(Box<Query>, Box<Query>, Box<Query>),
    /// `a[]`
    Flatten(Box<Query>),
    /// `[a, b]`
    List(Vec<Query>),
    /// `f(a, b)`
    Call(String, Vec<Query>),
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Comparison {
    /// `==`
    Equal,
    /// `!=`
    Unequal,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
}
