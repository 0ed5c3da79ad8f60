//! Rules of ClusterPolicies as stages of a proof: their conditions in JMESPath split into for-all statements, their patches
//! into steps.
//!
//! Everything is read off the text of the rules, as it is evaluated. What is not seen to be a for-all, or to act on each
//! part of the pod by itself, makes the answer unproven, with the rule and its path.

mod calls;
mod conditions;
mod judged;
mod look;
mod names;
mod parts;
mod patch;
mod rules;

pub(in super::super) use judged::Judged;
pub(in super::super) use rules::Rules;

use super::read::{ClusterPolicy, Rule};
use crate::cel::policy::{Request, Surroundings};
use crate::symbolic::{Subject, Unproven};

/// Whose requests are looked at, and what stands around them.
#[derive(Clone, Copy)]
pub(in super::super) struct Asker<'a> {
    /// A subject's request for the smallest pod.
    pub request_of: fn(&Subject) -> Request,
    /// One of the class.
    pub subject: &'a Subject,
}

/// Where a rule stands.
fn place(policy: &ClusterPolicy, rule: &Rule, path: &str) -> String {
    format!("{}/{} rule `{}` {path}", policy.kind, policy.name, rule.name)
}

/// Whether the class's requests are a rule's; an error where that depends on the pod itself, or on patterns of names.
fn is_about(
    (policy, rule): (&ClusterPolicy, &Rule),
    request: &Request,
    surroundings: &Surroundings<'_>,
) -> Result<bool, Unproven> {
    for (path, blocks) in [("match", &rule.matches), ("exclude", &rule.excludes)] {
        if let Some(why) = blocks.what_is_not_of_the_requester() {
            return Err(Unproven::new(place(policy, rule, path), why));
        }
        if blocks.asks_namespace() && surroundings.namespace_object.is_none() {
            let why = "a namespace that is not among the input may have any labels, and they decide";
            return Err(Unproven::new(place(policy, rule, path), why));
        }
    }
    Ok(rule.matches_request(request, &request.namespace_object(surroundings)))
}
