//! What stands in an expression.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::{Comparison, Query};

/// Functions that look for a text within another.
const WITHIN: [&str; 4] = ["starts_with", "ends_with", "contains", "trim_prefix"];

impl Query {
    /// Calls `visit` on the expression and all within it.
    fn walk<'q>(&'q self, visit: &mut dyn FnMut(&'q Self)) {
        visit(self);
        match self {
            Self::Current | Self::Field(_) | Self::Index(_) | Self::Literal(_) => {}
            Self::Not(inner) | Self::Flatten(inner) => inner.walk(visit),
            Self::Then(left, right)
            | Self::Pipe(left, right)
            | Self::Or(left, right)
            | Self::And(left, right)
            | Self::Compare(_, left, right)
            | Self::Project(left, right) => [left, right].into_iter().for_each(|part| part.walk(visit)),
            Self::Filter(list, condition, right) => {
                [list, condition, right].into_iter().for_each(|part| part.walk(visit));
            }
            Self::List(parts) | Self::Call(_, parts) => parts.iter().for_each(|part| part.walk(visit)),
        }
    }

    /// Whether its value is always true or false.
    pub(in super::super) fn is_truth(&self) -> bool {
        match self {
            Self::Not(_)
            | Self::Compare(Comparison::Equal | Comparison::Unequal, ..)
            | Self::Literal(Json::Bool(_)) => true,
            Self::And(left, right) | Self::Or(left, right) => left.is_truth() && right.is_truth(),
            Self::Call(name, _) => name == "contains" || name == "starts_with",
            _ => false,
        }
    }

    /// The literals in it; those of lists one by one.
    pub(in super::super) fn literals(&self, into: &mut Vec<Json>) {
        self.walk(&mut |query| match query {
            Self::Literal(Json::Array(items)) => into.extend(items.iter().cloned()),
            Self::Literal(value) => into.push(value.clone()),
            _ => {}
        });
    }

    /// The texts in it; of those that are looked for within others, some others.
    pub(in super::super) fn texts(&self, into: &mut BTreeSet<String>) {
        let mut literals = Vec::new();
        self.literals(&mut literals);
        into.extend(literals.iter().filter_map(Json::as_str).filter(|text| !text.is_empty()).map(str::to_owned));
        self.walk(&mut |query| match query {
            Self::Call(name, arguments) if WITHIN.contains(&name.as_str()) => {
                for argument in arguments {
                    if let Self::Literal(Json::String(part)) = argument {
                        into.extend([format!("{part}x"), format!("x{part}"), format!("x{part}x")]);
                    }
                }
            }
            _ => {}
        });
    }

    /// Whether it looks at who asks, or where.
    pub(in super::super) fn asks_who(&self) -> bool {
        let who = ["userInfo", "namespace", "serviceAccountName", "serviceAccount"];
        let mut asks = false;
        self.walk(&mut |query| asks |= matches!(query, Self::Field(name) if who.contains(&name.as_str())));
        asks
    }

    /// A function in it, or an operator, that may tell any two names apart.
    pub(in super::super) fn tells_names_apart(&self) -> Option<String> {
        let mut found = None;
        self.walk(&mut |query| match query {
            Self::Call(name, _) if !["keys", "starts_with", "ends_with", "contains"].contains(&name.as_str()) => {
                found = Some(name.clone())
            }
            Self::Compare(how, ..) if !matches!(how, Comparison::Equal | Comparison::Unequal) => {
                found = Some("<".to_owned());
            }
            Self::Index(_) => found = Some("[0]".to_owned()),
            _ => {}
        });
        found
    }

    /// Whether it looks at nothing but the request's namespace.
    pub(in super::super) fn is_of_namespace_alone(&self) -> bool {
        match self {
            Self::Literal(_) => true,
            Self::Not(inner) => inner.is_of_namespace_alone(),
            Self::And(left, right) | Self::Or(left, right) | Self::Compare(_, left, right) => {
                left.is_of_namespace_alone() && right.is_of_namespace_alone()
            }
            Self::List(parts) | Self::Call(_, parts) => parts.iter().all(Self::is_of_namespace_alone),
            other => other.path().is_some_and(|path| path == ["request", "namespace"]),
        }
    }

    /// Whether the only name in it is this one, and the value at hand is not looked at otherwise.
    pub(in super::super) fn only_reads(&self, wanted: &str) -> bool {
        let mut only = true;
        self.walk(&mut |query| match query {
            Self::Field(name) => only &= name == wanted,
            Self::Current | Self::Filter(..) | Self::Project(..) => only = false,
            _ => {}
        });
        only
    }

    /// Whether it stands for the pod's annotations, or for no annotations where there are none.
    pub(in super::super) fn is_annotations(&self) -> bool {
        match self {
            Self::Or(annotations, none) => {
                **none == Self::Literal(Json::Object(serde_json::Map::new())) && annotations.is_annotations()
            }
            other => other.path().is_some_and(|path| path == ["request", "object", "metadata", "annotations"]),
        }
    }

    /// The names of `a.b.c`.
    fn path(&self) -> Option<Vec<&str>> {
        match self {
            Self::Field(name) => Some(vec![name]),
            Self::Then(left, right) => {
                let mut path = left.path()?;
                path.extend(right.path()?);
                Some(path)
            }
            _ => None,
        }
    }
}
