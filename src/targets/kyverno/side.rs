//! Kyverno's policies as a side of a proof: those that mutate, the server's own preparation and validation, those that
//! validate.

use serde_json::json;

use super::decide::KyvernoPolicies;
use super::read::CelPolicy;
use crate::cel::policy::{Dialect, Policy, Request, SymbolicPolicies};
use crate::symbolic::{Stages, Subject, Unproven};
use crate::targets::Unsupported;
use crate::targets::cel_policies::server::{Server, smallest_request};
use crate::targets::cel_policies::stored::as_stored;

/// The policies, for one class of subjects.
pub(super) fn side<'a>(kyverno: &'a KyvernoPolicies<'a>, subject: &Subject) -> Result<Stages<'a>, Unproven> {
    let policies = || {
        let surroundings = kyverno.surroundings(&subject.namespace);
        SymbolicPolicies::new(Dialect::KYVERNO, subject, request, surroundings)
    };
    let mutating = policies().with_mutating(concerned(kyverno.mutating(), subject)?)?;
    one_at_most("MutatingPolicy", &mutating.selected())?;
    let validating = policies().with_validating(concerned(kyverno.validating(), subject)?)?;
    let server = Server::new(kyverno.validates_pods());
    let mut stages = Stages::new(as_stored);
    stages.push(mutating);
    stages.push(server);
    stages.push(validating);
    Ok(stages)
}

/// A subject's request for the smallest pod. Kyverno shows an empty object where there is none.
pub(super) fn request(subject: &Subject) -> Request {
    Request { old_object: json!({}), ..smallest_request(subject) }
}

/// The policies that can say anything in the subject's namespace.
fn concerned<'a>(policies: &'a [CelPolicy], subject: &Subject) -> Result<Vec<&'a Policy>, Unproven> {
    let here = |policy: &&CelPolicy| policy.namespace.as_ref().is_none_or(|namespace| *namespace == subject.namespace);
    let understood = |policy: &'a CelPolicy| match policy.unsupported.first() {
        Some(unsupported) => Err(unproven(unsupported)),
        None => Ok(&policy.policy),
    };
    policies.iter().filter(here).map(understood).collect()
}

/// What cannot be evaluated of a document is not proved either.
pub(super) fn unproven(Unsupported { document, path, why }: &Unsupported) -> Unproven {
    Unproven::new(format!("{document} {path}"), why.clone())
}

/// There is no order among policies that mutate.
pub(super) fn one_at_most(kind: &str, names: &[&str]) -> Result<(), Unproven> {
    match names {
        [] | [_] => Ok(()),
        _ => {
            let why = format!("the outcome may depend on the order of `{}`, and there is none", names.join("`, `"));
            Err(Unproven::new(kind, why))
        }
    }
}
