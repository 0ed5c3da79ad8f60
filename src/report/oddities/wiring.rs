//! What is odd about roles and bindings, and grants that reach further than they seem to.

use std::collections::BTreeSet;

use super::Warning;
use crate::rbac::{Grant, ObjectRef, Problem, Subject};
use crate::report::inspection::Inspected;

pub(super) fn warnings(inspected: &Inspected<'_>) -> Vec<Warning> {
    let mut problems: Vec<&Problem> = inspected.cluster.rbac().problems().iter().collect();
    problems.sort_by_key(|problem| problem.code);
    let warning = |problem: &Problem| at(inspected, &problem.object, problem.code.as_str(), problem.message.clone());
    let refused = inspected.cluster.rbac().invalid_objects().iter().map(|invalid| {
        let messages = invalid.messages.join("; ");
        at(
            inspected,
            &invalid.object,
            "rbac-invalid",
            format!("the API server refuses the object, so it takes no part: {messages}"),
        )
    });
    let odd = problems.into_iter().map(warning);
    refused.chain(odd).chain(of_grants(inspected, unauthenticated)).chain(of_grants(inspected, every_policy)).collect()
}

fn at(inspected: &Inspected<'_>, object: &ObjectRef, code: &'static str, message: String) -> Warning {
    let read = object.source.and_then(|position| inspected.rbac_objects.get(position));
    Warning { code, message, object: object.to_string(), source: read.map(|object| object.source.to_string()) }
}

/// A code, a message, and the object that it is about.
type Finding<'g> = (&'static str, String, &'g ObjectRef);

fn of_grants(inspected: &Inspected<'_>, find: fn(&Grant) -> Option<Finding<'_>>) -> BTreeSet<Warning> {
    let written = inspected.cluster.rbac().grants().iter().filter(|grant| grant.binding.source.is_some());
    written.filter_map(find).map(|(code, message, object)| at(inspected, object, code, message)).collect()
}

fn unauthenticated(grant: &Grant) -> Option<Finding<'_>> {
    let anonymous = match &grant.subject {
        Subject::Group(name) => name == "system:unauthenticated",
        Subject::User(name) => name == "system:anonymous",
    };
    let message = format!(
        "`{}` is anybody who does not log in: requests without credentials may use what `{}` grants",
        grant.subject, grant.role
    );
    anonymous.then(|| ("grant-to-unauthenticated", message, grant.binding.as_ref()))
}

fn every_policy(grant: &Grant) -> Option<Finding<'_>> {
    let role = grant.aggregated_from.as_deref().unwrap_or(&grant.role);
    let message = "its rule names no policies, so it grants every policy, the most privileged and future ones included";
    let written = grant.every_policy && role.source.is_some();
    written.then(|| ("grant-of-every-policy", message.to_owned(), role))
}
