//! The small closed algebra between policies and engines: what must hold of a submitted pod, and what is filled in.
//!
//! A [`Constraint`] speaks of the pod *as submitted*, after API defaulting: it holds exactly when filling the pod and
//! then admitting it succeeds. Tests compare with constants only, so every constraint cuts a field into finitely many
//! cells. There is deliberately no variant that holds a function: it would make everything expressible and nothing
//! provable.

mod boundary;
mod edit;
mod fill;
mod holds;
mod words;

pub use boundary::{Axis, Place, edge_ids, edge_names};
pub use edit::{Edit, boundary_pods, combinations};
pub use fill::{Fill, Setting};
pub(crate) use holds::same_level;

use crate::pod_view::Field;
use crate::psp::IdRange;

/// What must be true of a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Constraint {
    /// True of every pod.
    Always,
    /// True of no pod, for the given reason.
    Never(&'static str),
    /// All of them are true.
    All(Vec<Constraint>),
    /// At least one is true.
    Any(Vec<Constraint>),
    /// True of every item.
    Each(Items, Box<Constraint>),
    /// A field passes a test.
    Field(Field, Test),
}

/// The lists a constraint can range over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Items {
    /// Init, regular and ephemeral containers.
    Containers,
    /// `spec.volumes`
    Volumes,
    /// Names in `spec.securityContext.sysctls`
    Sysctls,
    /// `spec.securityContext.supplementalGroups`
    SupplementalGroups,
    /// `securityContext.capabilities.add` of the container at hand
    AddedCapabilities,
    /// Host ports greater than 0 of the container at hand
    HostPorts,
}

/// A comparison with constants. An absent value passes [`Test::Absent`] and negations only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// The value is not set.
    Absent,
    /// The list is set and empty.
    Empty,
    /// The boolean has this value.
    Is(bool),
    /// The string is one of these.
    OneOf(Vec<String>),
    /// The number lies in one of these ranges, ends included.
    InRanges(Vec<IdRange>),
    /// The string matches one of these.
    Matches(Vec<Pattern>),
    /// The path lies under one of these prefixes.
    Under(Vec<PathPrefix>),
    /// The SELinux level is this one, its categories in any order.
    SameLevel(String),
    /// The test fails.
    Not(Box<Test>),
}

/// A name, or a prefix followed by `*`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pattern {
    /// The name itself.
    Exact(String),
    /// Every name that starts so; segments have no meaning.
    Prefix(String),
}

impl Pattern {
    /// Reads a sysctl pattern: one trailing `*` makes a prefix.
    pub fn parse(text: &str) -> Self {
        match text.strip_suffix('*') {
            Some(prefix) => Self::Prefix(prefix.to_owned()),
            None => Self::Exact(text.to_owned()),
        }
    }

    /// Whether `name` matches.
    pub fn matches(&self, name: &str) -> bool {
        match self {
            Self::Exact(exact) => name == exact,
            Self::Prefix(prefix) => name.starts_with(prefix.as_str()),
        }
    }
}

/// A path prefix, without its one trailing slash.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PathPrefix(String);

impl PathPrefix {
    /// Takes one trailing slash off, as upstream does; nothing else is cleaned.
    pub fn new(prefix: &str) -> Self {
        Self(prefix.strip_suffix('/').unwrap_or(prefix).to_owned())
    }

    /// The prefix without its trailing slash.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `path`, without its own one trailing slash, is the prefix or continues it with a slash. `//`, `.` and `..`
    /// are plain bytes.
    pub fn contains(&self, path: &str) -> bool {
        let path = path.strip_suffix('/').unwrap_or(path);
        path.strip_prefix(self.0.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl Constraint {
    /// All of them, without needless nesting.
    pub fn all(parts: impl IntoIterator<Item = Constraint>) -> Self {
        let mut kept: Vec<_> = parts.into_iter().filter(|part| *part != Self::Always).collect();
        match kept.pop() {
            None => Self::Always,
            Some(last) if kept.is_empty() => last,
            Some(last) => {
                kept.push(last);
                Self::All(kept)
            }
        }
    }

    /// Any of them, without needless nesting.
    pub fn any(parts: impl IntoIterator<Item = Constraint>) -> Self {
        let mut kept: Vec<_> = parts.into_iter().collect();
        match kept.pop() {
            None => Self::Never("no choice is left"),
            Some(last) if kept.is_empty() => last,
            Some(last) => {
                kept.push(last);
                Self::Any(kept)
            }
        }
    }

    /// True of every item of a list.
    pub fn each(items: Items, constraint: Constraint) -> Self {
        match constraint {
            Self::Always => Self::Always,
            other => Self::Each(items, Box::new(other)),
        }
    }

    /// The field passes the test. Where it is absent `absent_passes` decides: a policy that fills a value in is held to
    /// that value itself.
    pub fn defaulted(field: Field, test: Test, absent_passes: bool) -> Self {
        if absent_passes { Self::absent_or(field, test) } else { Self::Field(field, test) }
    }

    /// The field is absent or passes the test.
    pub fn absent_or(field: Field, test: Test) -> Self {
        Self::Any(vec![Self::Field(field, Test::Absent), Self::Field(field, test)])
    }
}

impl Test {
    /// The opposite.
    #[expect(clippy::should_implement_trait, reason = "a constructor beside the others, not an operator")]
    pub fn not(test: Test) -> Self {
        Self::Not(Box::new(test))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_at_a_slash() {
        let check = |prefix, path| PathPrefix::new(prefix).contains(path);
        for path in ["/foo", "/foo/", "/foo//", "/foo/x"] {
            assert!(check("/foo", path), "{path}");
        }
        for path in ["/food", "//foo", "foo", "/"] {
            assert!(!check("/foo", path), "{path}");
        }
        assert!(check("/", "/x") && check("/", "") && !check("/", "x"));
        assert!(check("/foo//", "/foo//x") && check("/foo//", "/foo//") && !check("/foo//", "/foo/x"));
    }

    #[test]
    fn only_the_last_star_is_a_wildcard() {
        assert!(Pattern::parse("net.core.so*").matches("net.core.somaxconn"));
        assert!(Pattern::parse("*").matches(""));
        assert!(!Pattern::parse("a**").matches("ab"));
        assert!(!Pattern::parse("a*b").matches("axb"));
    }
}
