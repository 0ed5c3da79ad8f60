//! The inventory of a cluster's policies: what each says, who may use it, what is odd; for programs (one JSON object with
//! stable keys) and for people.

mod fills;
mod policy;
mod subjects;
mod text;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use crate::cluster::{Cluster, KnownPolicy, PolicyState};
use crate::input::Sourced;
use crate::rbac::Grant;
use crate::report::oddities::{self, Warning};

pub use fills::Filled;
pub use policy::{PolicyReport, UsableBy};
pub use subjects::{SubjectReport, Who};

/// What an inspection looks at.
pub struct Inspected<'a> {
    /// The cluster.
    pub cluster: &'a Cluster,
    /// The policy objects that it was built from, in that order.
    pub policies: &'a [Sourced<Value>],
    /// The roles and bindings that it was built from, in that order.
    pub rbac_objects: &'a [&'a Sourced<Value>],
    /// Namespace and name of every service account that occurs anywhere but in grants.
    pub accounts: BTreeSet<(String, String)>,
    /// What became of the pods and workloads that were given.
    pub pods: Tally,
}

/// Pods, and how many of them each policy admits, by the policy's name.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// How many pods the plug-in decided about.
    pub decided: usize,
    /// How many of them each policy admits.
    pub admitted: BTreeMap<String, usize>,
}

/// The inventory with the keys that `inspect --format json` prints. None of them ever changes its meaning.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Inspection {
    /// Every policy, by name.
    pub policies: Vec<PolicyReport>,
    /// What the API server says of objects that it refuses, by `Kind/name` or `Kind/namespace/name`, sorted.
    pub invalid_objects: BTreeMap<String, Vec<String>>,
    /// Who may use what.
    pub subjects: Vec<SubjectReport>,
    /// What is odd, by kind.
    pub warnings: Vec<Warning>,
    /// How many pods and workloads were tried, to see which policies they use.
    pub pods: usize,
}

impl Inspection {
    /// Looks at everything.
    pub fn of(inspected: &Inspected<'_>) -> Self {
        let policies = policy::reports(inspected);
        Self {
            invalid_objects: invalid_objects(inspected.cluster, &policies),
            subjects: subjects::reports(inspected.cluster.rbac(), &inspected.accounts),
            warnings: oddities::warnings(inspected),
            pods: inspected.pods.decided,
            policies,
        }
    }
}

impl Inspected<'_> {
    /// Where a policy was read.
    pub(crate) fn source(&self, policy: &KnownPolicy) -> Option<String> {
        self.policies.get(policy.position).map(|object| object.source.to_string())
    }

    /// The policies that the API server accepts, each with the number by which the wiring knows it.
    pub(crate) fn accepted(&self) -> impl Iterator<Item = (usize, &KnownPolicy)> {
        let accepted = |known: &&KnownPolicy| !matches!(known.state, PolicyState::Invalid(_));
        self.cluster.policies().iter().filter(accepted).enumerate()
    }

    /// What grants a policy, given its number. `cluster-admin` of the API server itself is left out.
    pub(crate) fn written_grants(&self, policy: usize) -> impl Iterator<Item = &Grant> {
        let grants = self.cluster.rbac().grants().iter();
        grants.filter(move |grant| grant.binding.source.is_some() && grant.policies.contains(policy))
    }
}

fn invalid_objects(cluster: &Cluster, policies: &[PolicyReport]) -> BTreeMap<String, Vec<String>> {
    let wiring = cluster.rbac().invalid_objects().iter();
    let wiring = wiring.map(|invalid| (invalid.object.to_string(), invalid.messages.clone()));
    let refused = policies.iter().filter(|policy| !policy.invalid.is_empty());
    let refused = refused.map(|policy| (format!("PodSecurityPolicy/{}", policy.name), policy.invalid.clone()));
    wiring.chain(refused).collect()
}
