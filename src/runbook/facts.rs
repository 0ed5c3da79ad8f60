//! What the runbook knows about the cluster and the translation.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::staging::{Applied, applied};
use crate::plan::{ENFORCE_LABEL, Enforcement, Plan};
use crate::removal::{PERMISSIVE, Removal};
use crate::targets::Emission;
use crate::targets::workloads::Reliances;

/// The facts, as the templates name them.
#[derive(Debug, Clone, Serialize)]
pub struct Facts {
    /// The target's name.
    pub target: String,
    /// The old server's version, e.g. `1.24`.
    pub from: String,
    /// The new server's version, e.g. `1.37`.
    pub to: String,
    policies: usize,
    used: usize,
    grants: usize,
    namespaces: Vec<NamespaceFacts>,
    namespace_names: Vec<String>,
    relying: usize,
    manifests: usize,
    not_admitted: usize,
    gaps: usize,
    notes: Vec<String>,
    paths: Vec<String>,
    keeps_grants: bool,
    permissive: &'static str,
    documents: Vec<Applied>,
    labels: Vec<LabelFacts>,
    is_native: bool,
    writes_patches: bool,
    is_staged: bool,
    written_to_refuse: bool,
    label: &'static str,
    is_bundle: bool,
    fills_in: bool,
    removal: RemovalFacts,
}

/// A namespace, and how many pods and workloads of the input are in it.
#[derive(Debug, Clone, Serialize)]
struct NamespaceFacts {
    name: String,
    manifests: usize,
}

/// A namespace's Pod Security level.
#[derive(Debug, Clone, Serialize)]
struct LabelFacts {
    name: String,
    enforce: String,
    version: String,
}

/// The removal in numbers and files.
#[derive(Debug, Clone, Serialize)]
struct RemovalFacts {
    policies: usize,
    bindings: usize,
    roles: usize,
    cut: Vec<String>,
    left: Vec<Left>,
    releases: Vec<ReleaseFacts>,
}

#[derive(Debug, Clone, Serialize)]
struct Left {
    role: String,
    why: &'static str,
}

#[derive(Debug, Clone, Serialize)]
struct ReleaseFacts {
    name: String,
    namespace: Option<String>,
    chart: Option<String>,
    policies: String,
    values: Vec<&'static str>,
}

/// What stands around a translation.
pub struct Around<'a> {
    /// The plan.
    pub plan: &'a Plan<'a>,
    /// The target's name.
    pub target: &'a str,
    /// What it emitted.
    pub emission: &'a Emission,
    /// What it emits to observe first.
    pub observing: &'a Emission,
    /// What it emits to enforce namespace by namespace.
    pub staged: &'a Emission,
    /// What removing PodSecurityPolicy means.
    pub removal: &'a Removal,
    /// How many manifests rely on fills.
    pub reliances: Reliances,
    /// What was read.
    pub paths: Vec<String>,
    /// Whether the documents stand in one file.
    pub is_bundle: bool,
    /// Whether the target fills pods in.
    pub fills_in: bool,
}

impl Facts {
    /// The facts about a translation.
    pub fn of(around: &Around<'_>) -> Self {
        let Around { plan, target, emission, observing, staged, removal, reliances, .. } = around;
        let documents = if around.is_bundle { Vec::new() } else { applied(emission, observing, staged) };
        let namespaces = namespaces(plan);
        Self {
            target: (*target).to_owned(),
            from: format!("1.{}", plan.release.minor),
            to: format!("1.{}", plan.options.target_minor),
            policies: plan.cluster.policies().len(),
            used: plan.policies.len(),
            grants: plan.policies.iter().map(|policy| policy.grants.len()).sum(),
            namespace_names: namespaces.iter().map(|namespace| namespace.name.clone()).collect(),
            namespaces,
            relying: reliances.relying,
            manifests: reliances.all,
            not_admitted: reliances.not_admitted,
            gaps: emission.gaps.len(),
            notes: emission.notes.clone(),
            paths: around.paths.clone(),
            keeps_grants: asks_for_grants(emission),
            permissive: PERMISSIVE,
            is_staged: plan.options.enforcement == Enforcement::Staged || documents.iter().any(Applied::is_staged),
            written_to_refuse: plan.options.enforcement == Enforcement::Deny,
            label: ENFORCE_LABEL.0,
            documents,
            labels: labels(emission),
            is_native: *target == "vap",
            writes_patches: *target == "workloads",
            is_bundle: around.is_bundle,
            fills_in: around.fills_in,
            removal: RemovalFacts::of(removal),
        }
    }

    /// Whether Helm releases hold policies.
    pub(super) fn has_releases(&self) -> bool {
        !self.removal.releases.is_empty()
    }
}

/// Whether the documents ask the roles and bindings who may use what, at admission: then those must stay.
pub fn asks_for_grants(emission: &Emission) -> bool {
    let asks = |value: &Value| {
        let text = value.to_string();
        text.contains("authorizer") || text.contains("subjectaccessreviews")
    };
    emission.documents.iter().any(|emitted| asks(&emitted.document))
}

/// The levels that the emitted namespaces enforce.
fn labels(emission: &Emission) -> Vec<LabelFacts> {
    let label = |document: &Value| {
        let text = |key| document.pointer("/metadata/labels")?.get(key)?.as_str().map(str::to_owned);
        Some(LabelFacts {
            name: document.pointer("/metadata/name")?.as_str()?.to_owned(),
            enforce: text("pod-security.kubernetes.io/enforce")?,
            version: text("pod-security.kubernetes.io/enforce-version")?,
        })
    };
    emission.documents.iter().filter_map(|emitted| label(&emitted.document)).collect()
}

/// The namespaces that are known, those with the fewest manifests first and the system's last.
fn namespaces(plan: &Plan<'_>) -> Vec<NamespaceFacts> {
    let given = plan.namespaces.iter().filter_map(|namespace| namespace.pointer("/metadata/name")?.as_str());
    let mentioned = plan.rbac.mentioned().namespaces;
    let mut counts: BTreeMap<&str, usize> = given.chain(mentioned).map(|name| (name, 0)).collect();
    for request in plan.requests {
        *counts.entry(request.namespace.as_str()).or_default() += 1;
    }
    let possible = counts.into_iter().filter(|(name, _)| crate::rbac::dns_label(name).is_empty());
    let mut found: Vec<NamespaceFacts> =
        possible.map(|(name, manifests)| NamespaceFacts { name: name.to_owned(), manifests }).collect();
    let is_system = |name: &str| name.starts_with("kube-");
    found.sort_by(|a, b| (is_system(&a.name), a.manifests, &a.name).cmp(&(is_system(&b.name), b.manifests, &b.name)));
    found
}

impl RemovalFacts {
    fn of(removal: &Removal) -> Self {
        let name = |document: &Value| {
            let text = |pointer| document.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            let parts = [text("/kind"), text("/metadata/namespace"), text("/metadata/name")];
            parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/")
        };
        let releases = removal.releases.iter().map(|release| ReleaseFacts {
            name: release.name.clone(),
            namespace: release.namespace.clone(),
            chart: release.chart.clone(),
            policies: release.policies.iter().map(|policy| policy.name.as_str()).collect::<Vec<_>>().join(", "),
            values: release.values.clone(),
        });
        Self {
            policies: removal.policies.len(),
            bindings: removal.bindings.len(),
            roles: removal.roles.len(),
            cut: removal.cut.iter().map(name).collect(),
            left: removal.left.iter().map(|(role, why)| Left { role: role.to_string(), why }).collect(),
            releases: releases.collect(),
        }
    }
}
