//! What there is to say about one policy.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Inspected;
use super::fills::{Filled, filled};
use crate::cluster::{KnownPolicy, PolicyState};
use crate::rbac::Grant;
use crate::report::beyond::{Beyond, beyond};

/// One policy.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyReport {
    /// Its name.
    pub name: String,
    /// Where it was read: `file:line`.
    pub source: Option<String>,
    /// What the API server says against the object, sorted; empty if it accepts it.
    pub invalid: Vec<String>,
    /// Why the plug-in silently passes over the policy.
    pub dropped: Option<String>,
    /// What it fills in.
    pub fills: Vec<Filled>,
    /// What it allows beyond the levels of Pod Security Admission.
    pub beyond: Beyond,
    /// Who may use it, and through what.
    pub usable_by: Vec<UsableBy>,
    /// How many of the given pods it admits.
    pub admits: usize,
}

/// Somebody who may use a policy.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UsableBy {
    /// `ServiceAccount NAMESPACE/NAME`, `User NAME` or `Group NAME`.
    pub subject: String,
    /// The namespace of the grant; none is every namespace.
    pub namespace: Option<String>,
    /// The role and the binding.
    pub through: [String; 2],
    /// The role in which the rule was written, if the bound role aggregates it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aggregated_from: Option<String>,
    /// The rule names no policies: it grants every policy, and those that come later.
    pub every_policy: bool,
    /// The API server creates this role and binding for itself.
    pub built_in: bool,
}

/// The reports on all policies, by name.
pub(super) fn reports(inspected: &Inspected<'_>) -> Vec<PolicyReport> {
    let numbers: BTreeMap<&str, usize> = inspected.accepted().map(|(number, known)| (known.name(), number)).collect();
    let report = |known| PolicyReport::new(inspected, known, &numbers);
    inspected.cluster.policies().iter().map(report).collect()
}

impl PolicyReport {
    fn new(inspected: &Inspected<'_>, known: &KnownPolicy, numbers: &BTreeMap<&str, usize>) -> Self {
        let plugin = inspected.cluster.plugin();
        let position = plugin.policies().iter().position(|policy| policy.name() == known.name());
        let ready = position.and_then(|position| Some((position, plugin.policies().get(position)?)));
        let (invalid, dropped) = state(&known.state);
        Self {
            name: known.name().to_owned(),
            source: inspected.source(known),
            invalid,
            dropped,
            fills: ready.map(|(_, policy)| filled(policy.fills())).unwrap_or_default(),
            beyond: position.map(|position| beyond(plugin, position, &known.policy)).unwrap_or_default(),
            usable_by: numbers.get(known.name()).map(|number| usable_by(inspected, *number)).unwrap_or_default(),
            admits: inspected.pods.admitted.get(known.name()).copied().unwrap_or_default(),
        }
    }
}

fn state(state: &PolicyState) -> (Vec<String>, Option<String>) {
    match state {
        PolicyState::Used => (Vec::new(), None),
        PolicyState::Dropped(why) => (Vec::new(), Some(why.to_string())),
        PolicyState::Invalid(errors) => {
            let mut messages: Vec<String> = errors.iter().map(ToString::to_string).collect();
            messages.sort();
            (messages, None)
        }
    }
}

fn usable_by(inspected: &Inspected<'_>, policy: usize) -> Vec<UsableBy> {
    let grants = inspected.cluster.rbac().grants().iter();
    grants.filter(|grant| grant.policies.contains(policy)).map(UsableBy::new).collect()
}

impl UsableBy {
    fn new(grant: &Grant) -> Self {
        Self {
            subject: grant.subject.to_string(),
            namespace: grant.namespace.clone(),
            through: [grant.role.to_string(), grant.binding.to_string()],
            aggregated_from: grant.aggregated_from.as_ref().map(ToString::to_string),
            every_policy: grant.every_policy,
            built_in: grant.binding.source.is_none(),
        }
    }
}
