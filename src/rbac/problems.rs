//! What is odd about the wiring: nothing here changes an answer, everything here surprises somebody.

use super::objects::ObjectRef;
use std::sync::Arc;

/// The kinds of oddities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProblemCode {
    /// An RBAC object that cannot be read; it takes no part.
    Unreadable,
    /// Two different objects of one name; the later one counts.
    Duplicate,
    /// A binding to a role that does not exist.
    MissingRole,
    /// A subject that no user and no group can ever be.
    SubjectMatchesNobody,
    /// A binding of policies to nobody at all.
    NoSubjects,
    /// A grant that every workload controller has, and so everybody who may create a workload.
    OpenThroughControllers,
    /// A rule for policies in an API group that has none.
    WrongGroup,
    /// A rule for policies without the verb `use`.
    WrongVerb,
    /// A rule for something that only looks like `podsecuritypolicies`.
    MisspeltResource,
    /// A resource name with a `*`, which is no wildcard.
    WildcardName,
    /// A resource name that no policy has.
    UnknownPolicy,
    /// Rules written into a role that aggregates others; the controller replaces them.
    RulesReplaced,
    /// Roles that aggregate each other without ever coming to rest.
    AggregationUnsettled,
}

impl ProblemCode {
    /// A stable name for machines.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable => "rbac-unreadable",
            Self::Duplicate => "rbac-duplicate",
            Self::MissingRole => "rbac-missing-role",
            Self::SubjectMatchesNobody => "rbac-subject-matches-nobody",
            Self::NoSubjects => "rbac-no-subjects",
            Self::OpenThroughControllers => "rbac-open-through-controllers",
            Self::WrongGroup => "rbac-wrong-group",
            Self::WrongVerb => "rbac-wrong-verb",
            Self::MisspeltResource => "rbac-misspelt-resource",
            Self::WildcardName => "rbac-wildcard-name",
            Self::UnknownPolicy => "rbac-unknown-policy",
            Self::RulesReplaced => "rbac-rules-replaced",
            Self::AggregationUnsettled => "rbac-aggregation-unsettled",
        }
    }
}

/// One oddity of one object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The object that it is about.
    pub object: Arc<ObjectRef>,
    /// What kind of oddity.
    pub code: ProblemCode,
    /// The whole sentence, without the object's name.
    pub message: String,
}

impl Problem {
    pub(crate) fn new(object: &Arc<ObjectRef>, code: ProblemCode, message: impl Into<String>) -> Self {
        Self { object: Arc::clone(object), code, message: message.into() }
    }
}
