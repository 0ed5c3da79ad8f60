//! What shows only beside the other policies, the wiring and the pods.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Warning, listed, object};
use crate::cluster::{KnownPolicy, PolicyState};
use crate::report::inspection::Inspected;

pub(super) fn warnings(inspected: &Inspected<'_>) -> Vec<Warning> {
    [invalid(inspected), dropped(inspected), for_nobody(inspected), unused(inspected), alike(inspected)].concat()
}

fn warning(inspected: &Inspected<'_>, known: &KnownPolicy, code: &'static str, message: String) -> Warning {
    Warning { code, message, object: object(known.name()), source: inspected.source(known) }
}

fn invalid(inspected: &Inspected<'_>) -> Vec<Warning> {
    let refused = inspected.cluster.policies().iter().filter_map(|known| match &known.state {
        PolicyState::Invalid(errors) => Some((known, errors)),
        _ => None,
    });
    let said = refused.map(|(known, errors)| {
        let first = errors.iter().map(ToString::to_string).min().unwrap_or_default();
        let more = match errors.len() {
            0 | 1 => String::new(),
            count => format!(" (and {} more)", count - 1),
        };
        let message = format!("the API server refuses the object, so it takes no part: {first}{more}");
        warning(inspected, known, "policy-invalid", message)
    });
    said.collect()
}

fn dropped(inspected: &Inspected<'_>) -> Vec<Warning> {
    let passed_over = inspected.cluster.policies().iter().filter_map(|known| match &known.state {
        PolicyState::Dropped(why) => Some((known, why)),
        _ => None,
    });
    let said = passed_over.map(|(known, why)| {
        let message = format!("the plug-in silently passes over it, as if it did not exist: {why}");
        warning(inspected, known, "policy-dropped", message)
    });
    said.collect()
}

fn in_force<'a>(inspected: &'a Inspected<'a>) -> impl Iterator<Item = (usize, &'a KnownPolicy)> {
    inspected.accepted().filter(|(_, known)| known.state == PolicyState::Used)
}

fn for_nobody(inspected: &Inspected<'_>) -> Vec<Warning> {
    let ungranted = in_force(inspected).filter(|(number, _)| inspected.written_grants(*number).next().is_none());
    let text = "no binding that was read lets anybody use it: only pods that somebody of `system:masters` creates by hand are \
                admitted by it";
    ungranted.map(|(_, known)| warning(inspected, known, "policy-for-nobody", text.to_owned())).collect()
}

fn unused(inspected: &Inspected<'_>) -> Vec<Warning> {
    if inspected.pods.decided == 0 {
        return Vec::new();
    }
    let granted = in_force(inspected).filter(|(number, _)| inspected.written_grants(*number).next().is_some());
    let idle = granted.filter(|(_, known)| !inspected.pods.admitted.contains_key(known.name()));
    let text = "none of the pods and workloads that were read is admitted by it";
    idle.map(|(_, known)| warning(inspected, known, "policy-unused", text.to_owned())).collect()
}

/// Policies that say the same; each names those before it.
fn alike(inspected: &Inspected<'_>) -> Vec<Warning> {
    let mut by_content: BTreeMap<String, Vec<&KnownPolicy>> = BTreeMap::new();
    for (_, known) in in_force(inspected) {
        by_content.entry(content(known).to_string()).or_default().push(known);
    }
    let mut said = Vec::new();
    for same in by_content.values() {
        for (index, known) in same.iter().enumerate().skip(1) {
            let earlier = listed(same.iter().take(index).map(|known| known.name()));
            let message =
                format!("it says the same as {earlier}: whoever may use both gets the one whose name comes first");
            said.push(warning(inspected, known, "policy-alike", message));
        }
    }
    said.sort();
    said
}

/// Everything of a policy that decides.
fn content(known: &KnownPolicy) -> Value {
    let annotations = &known.policy.metadata.annotations;
    let profiles = annotations.iter().filter(|(key, _)| {
        let (domain, name) = key.split_once('/').unwrap_or_default();
        let known = ["seccomp.security.alpha.kubernetes.io", "apparmor.security.beta.kubernetes.io"];
        known.contains(&domain) && matches!(name, "allowedProfileNames" | "defaultProfileName")
    });
    let profiles: BTreeMap<&String, &String> = profiles.collect();
    let mut spec = known.policy.spec.clone();
    spec.allow_privilege_escalation = Some(spec.allows_privilege_escalation());
    json!([profiles, spec])
}
