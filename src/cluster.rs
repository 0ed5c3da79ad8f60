//! The policies and the wiring of one cluster, ready to decide about requests.

use std::fmt;

use serde_json::Value;

use crate::admission::{AdmissionPolicy, Operation, Plugin, Verdict};
use crate::controls::Unusable;
use crate::field_error::FieldError;
use crate::pod_view::PodView;
use crate::psp::{PodSecurityPolicy, validation};
use crate::rbac::{GrantAtom, PolicySet, Rbac, RbacOptions};
use crate::release::Release;
use crate::schema;

/// A cluster with the PodSecurityPolicy plug-in on.
pub struct Cluster {
    policies: Vec<KnownPolicy>,
    /// For each policy of the plug-in its position among the names that `rbac` knows.
    positions: Vec<usize>,
    plugin: Plugin,
    rbac: Rbac,
}

/// A policy object and what becomes of it.
#[derive(Debug, Clone)]
pub struct KnownPolicy {
    /// The policy as the registry stores it.
    pub policy: PodSecurityPolicy,
    /// Its position among the objects that the cluster was built from.
    pub position: usize,
    /// Whether it takes part.
    pub state: PolicyState,
}

/// Whether a policy takes part in decisions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicyState {
    /// It does.
    Used,
    /// The API server refuses the object, with these messages.
    Invalid(Vec<FieldError>),
    /// The API server stores the object, and the plug-in silently passes over it.
    Dropped(Unusable),
}

/// A request for a pod, as admission sees it.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The request's namespace, which counts and not the pod's.
    pub namespace: &'a str,
    /// Who asks.
    pub user: &'a str,
    /// The groups of who asks.
    pub groups: &'a [String],
    /// The subresource; empty for the pod itself.
    pub subresource: &'a str,
    /// The pod after API defaulting and after the plug-ins that come before.
    pub pod: &'a Value,
    /// What is asked.
    pub operation: Operation,
    /// The stored pod that an UPDATE changes, if it is known. Unknown, nothing is exempt as garbage collection.
    pub old_pod: Option<&'a Value>,
}

/// What happens to a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome<'a> {
    /// The plug-in does not look at it.
    Ignored(Ignored),
    /// The plug-in decides.
    Decided(Verdict<'a>),
}

/// Why the plug-in does not look at a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ignored {
    /// It is not for a pod: workloads are never looked at, only the pods that they create.
    OtherResource,
    /// It neither creates nor updates.
    OtherOperation,
    /// The plug-in is not on.
    PluginOff,
    /// It is for a subresource.
    Subresource,
    /// It changes nothing, or nothing but owner references, finalizers and managed fields.
    GarbageCollection,
}

impl fmt::Display for Ignored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OtherResource => "the request is not for a pod, and PodSecurityPolicy looks at nothing else",
            Self::OtherOperation => "PodSecurityPolicy looks at CREATE and UPDATE only",
            Self::PluginOff => "the PodSecurityPolicy plug-in is off, and policies without it have no effect",
            Self::Subresource => "PodSecurityPolicy never looks at subresources",
            Self::GarbageCollection => {
                "the update changes nothing but owner references, finalizers or managed fields, and PodSecurityPolicy lets it pass"
            }
        })
    }
}

impl Cluster {
    /// A cluster with these PodSecurityPolicy objects, and with roles and bindings of every version among `rbac_objects`.
    /// Of two policies of one name the last counts.
    ///
    /// # Errors
    /// The position of the first policy object that cannot be decoded, and why.
    pub fn new<'v>(
        policies: impl IntoIterator<Item = &'v Value>,
        rbac_objects: impl IntoIterator<Item = &'v Value>,
        release: Release,
        options: RbacOptions,
    ) -> Result<Self, (usize, serde_json::Error)> {
        let (policies, used) = read_policies(policies, &release)?;
        let is_valid = |known: &&KnownPolicy| !matches!(known.state, PolicyState::Invalid(_));
        let names: Vec<&str> = policies.iter().filter(is_valid).map(KnownPolicy::name).collect();
        let position = |policy: &AdmissionPolicy| names.iter().position(|name| *name == policy.name());
        let plugin = Plugin::new(release, used);
        let positions = plugin.policies().iter().filter_map(position).collect();
        let rbac = Rbac::build(rbac_objects, &names, options);
        Ok(Self { positions, plugin, rbac, policies })
    }

    /// Leaves API validation of filled pods aside.
    #[must_use]
    pub fn without_pod_validation(self) -> Self {
        Self { plugin: self.plugin.without_pod_validation(), ..self }
    }

    /// Every policy object, by name.
    pub fn policies(&self) -> &[KnownPolicy] {
        &self.policies
    }

    /// The plug-in.
    pub fn plugin(&self) -> &Plugin {
        &self.plugin
    }

    /// The wiring. It knows every policy that the API server accepts, dropped ones included.
    pub fn rbac(&self) -> &Rbac {
        &self.rbac
    }

    /// What the pod's service account or the requester may use, in the plug-in's order.
    pub fn usable(&self, request: &Request<'_>, pod: &PodView<'_>) -> PolicySet {
        let account = Some(pod.service_account_name);
        self.rbac.usable_by_request(request.namespace, account, request.user, request.groups)
    }

    /// Whether the plug-in looks at a request at all.
    pub fn ignores(&self, request: &Request<'_>) -> Option<Ignored> {
        if !request.subresource.is_empty() {
            return Some(Ignored::Subresource);
        }
        let old = request.old_pod?;
        schema::only_garbage_collection_fields_changed(old, request.pod).then_some(Ignored::GarbageCollection)
    }

    /// Decides about a request. `pod` is the view of its pod.
    pub fn decide<'a>(&'a self, request: &Request<'_>, pod: &PodView<'a>) -> Outcome<'a> {
        if let Some(why) = self.ignores(request) {
            return Outcome::Ignored(why);
        }
        Outcome::Decided(self.decide_usable(request, pod, &self.usable(request, pod)))
    }

    /// Decides about a request that is not ignored, given what is usable.
    pub fn decide_usable<'a>(&'a self, request: &Request<'_>, pod: &PodView<'a>, usable: &PolicySet) -> Verdict<'a> {
        self.plugin.decide(request.operation, pod, |policy| self.may_use(policy, usable))
    }

    /// Who may use a policy of the plug-in, and where.
    pub fn grants_of(&self, policy: usize) -> Vec<GrantAtom> {
        self.positions.get(policy).map(|position| self.rbac.policy_grants(*position)).unwrap_or_default()
    }

    /// A policy's `spec` and annotations as plain data, with API defaults.
    pub fn parameters_of(&self, name: &str) -> Value {
        let known = self.policies.iter().find(|known| known.name() == name);
        known.map(|known| known.policy.parameters()).unwrap_or_default()
    }

    /// Whether a policy of the plug-in is among the usable ones.
    pub fn may_use(&self, policy: usize, usable: &PolicySet) -> bool {
        self.positions.get(policy).is_some_and(|position| usable.contains(*position))
    }
}

impl KnownPolicy {
    /// The policy's name.
    pub fn name(&self) -> &str {
        &self.policy.metadata.name
    }
}

type Policies = (Vec<KnownPolicy>, Vec<AdmissionPolicy>);

fn read_policies<'v>(
    manifests: impl IntoIterator<Item = &'v Value>,
    release: &Release,
) -> Result<Policies, (usize, serde_json::Error)> {
    let mut known = Vec::new();
    for (position, manifest) in manifests.into_iter().enumerate() {
        let policy = PodSecurityPolicy::from_value(manifest).map_err(|error| (position, error))?.stored(release);
        known.push(KnownPolicy { policy, position, state: PolicyState::Used });
    }
    known.sort_by(|a, b| (a.name(), b.position).cmp(&(b.name(), a.position)));
    known.dedup_by(|later, kept| later.name() == kept.name());
    let mut used = Vec::new();
    for policy in &mut known {
        let errors = validation::validate(&policy.policy, release);
        if !errors.is_empty() {
            policy.state = PolicyState::Invalid(errors);
            continue;
        }
        match AdmissionPolicy::new(&policy.policy, release) {
            Ok(ready) => used.push(ready),
            Err(why) => policy.state = PolicyState::Dropped(why),
        }
    }
    Ok((known, used))
}
