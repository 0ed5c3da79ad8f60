//! Kyverno's policies as a side of a proof: those that mutate, the server's own preparation and validation, those that
//! validate.

use serde_json::json;

use super::cluster::{Asker, ClusterPolicy, Judged, Rules};
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
    let of_namespaces = kyverno.mutating().iter().chain(kyverno.validating()).any(|policy| policy.namespace.is_some());
    let are_everywhere = !of_namespaces && !kyverno.cluster().iter().any(ClusterPolicy::is_limited);
    let mut stages = Stages::new(as_stored).everywhere(are_everywhere);
    stages.push(mutating);
    push_rules(kyverno, subject, &mut stages)?;
    stages.push(Server::new(kyverno.validates_pods()));
    stages.push(validating);
    push_judged(kyverno, subject, &mut stages)?;
    Ok(stages)
}

/// The ClusterPolicies that can say anything in the subject's namespace.
fn cluster_policies<'a>(
    kyverno: &'a KyvernoPolicies<'a>,
    subject: &Subject,
) -> Result<Vec<&'a ClusterPolicy>, Unproven> {
    let here = kyverno.cluster().iter().filter(|policy| policy.is_about(&subject.namespace));
    let understood = |policy: &'a ClusterPolicy| match policy.unsupported.first() {
        Some(unsupported) => Err(unproven(unsupported)),
        None => Ok(policy),
    };
    here.map(understood).collect()
}

/// Rules that mutate. There is no order among policies.
fn push_rules<'a>(
    kyverno: &'a KyvernoPolicies<'a>,
    subject: &Subject,
    stages: &mut Stages<'a>,
) -> Result<(), Unproven> {
    let mut names = Vec::new();
    for policy in cluster_policies(kyverno, subject)?.into_iter().filter(|policy| policy.mutates()) {
        let asker = Asker { request_of: request, subject };
        let rules = Rules::new(policy, asker, kyverno.surroundings(&subject.namespace))?;
        names.extend((!rules.is_empty()).then_some(policy.name.as_str()));
        stages.push(rules);
    }
    one_at_most("ClusterPolicy", &names)
}

/// Rules that validate.
fn push_judged<'a>(
    kyverno: &'a KyvernoPolicies<'a>,
    subject: &Subject,
    stages: &mut Stages<'a>,
) -> Result<(), Unproven> {
    for policy in cluster_policies(kyverno, subject)? {
        for (rule, policies) in policy.validating_rules() {
            let asker = Asker { request_of: request, subject };
            let surroundings = kyverno.surroundings(&subject.namespace);
            stages.push(Judged::new((policy, rule), policies, asker, surroundings)?);
        }
    }
    Ok(())
}

/// A subject's request for the smallest pod. Kyverno shows an empty object where there is none.
pub(super) fn request(subject: &Subject) -> Request {
    Request { old_object: json!({}).into(), ..smallest_request(subject) }
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
