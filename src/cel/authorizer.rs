//! Who asks for what: the question that the CEL `authorizer` puts, answered by whoever implements [`Authorize`].

use std::fmt::Debug;

/// A user as an authorizer sees it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Identity {
    /// E.g. `alice`, `system:serviceaccount:team-a:web`.
    pub user: String,
    /// All groups, `system:authenticated` included where it applies.
    pub groups: Vec<String>,
}

impl Identity {
    /// A service account with its two groups; `system:authenticated` is not among them, as in Kubernetes.
    pub fn service_account(namespace: &str, name: &str) -> Self {
        Self {
            user: format!("system:serviceaccount:{namespace}:{name}"),
            groups: vec!["system:serviceaccounts".into(), format!("system:serviceaccounts:{namespace}")],
        }
    }
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attributes {
    /// A request for an API resource.
    Resource {
        /// E.g. `use`.
        verb: String,
        /// E.g. `policy`; empty for the core group.
        group: String,
        /// E.g. `podsecuritypolicies`.
        resource: String,
        /// E.g. `status`; empty for none.
        subresource: String,
        /// Empty for cluster-scoped requests.
        namespace: String,
        /// Empty for any name.
        name: String,
    },
    /// A request for a path that is no resource.
    Path {
        /// E.g. `get`.
        verb: String,
        /// E.g. `/healthz`.
        path: String,
    },
}

/// An authorizer's answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decision {
    /// Whether it is allowed.
    pub allowed: bool,
    /// Why, as `reason()` shows it; may be empty.
    pub reason: String,
    /// What went wrong while deciding, as `error()` shows it.
    pub error: Option<String>,
}

/// Whoever can answer.
pub trait Authorize: Debug + Sync {
    /// The answer for an identity.
    fn authorize(&self, identity: &Identity, attributes: &Attributes) -> Decision;

    /// A question that was put and that nobody could answer, if there was one.
    fn unanswered(&self) -> Option<String> {
        None
    }
}

/// Denies everything.
#[derive(Debug, Clone, Copy, Default)]
pub struct DenyAll;

impl Authorize for DenyAll {
    fn authorize(&self, _: &Identity, _: &Attributes) -> Decision {
        Decision::default()
    }
}
