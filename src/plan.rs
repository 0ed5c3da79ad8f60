//! What is to be emitted, for whom: the policies of a cluster as rules of the algebra, and who may use each.
//!
//! A plan is all that a target sees of the cluster. It speaks of rules and fills, never of PodSecurityPolicy fields.

use serde_json::Value;

use crate::cluster::Cluster;
use crate::constraint::{Axis, Constraint, Fill};
use crate::rbac::{GrantAtom, Rbac};
use crate::release::Release;
use crate::requests::{Manifests, PodRequest};

/// What a target translates.
pub struct Plan<'a> {
    /// The policies that take part, in the order in which the plug-in tries them.
    pub policies: Vec<PlannedPolicy<'a>>,
    /// The wiring, for classes of subjects.
    pub rbac: &'a Rbac,
    /// The release whose plug-in is translated.
    pub release: Release,
    /// How to emit.
    pub options: Options,
    /// What the plan was made of: it decides about pods as the old server did.
    pub cluster: &'a Cluster,
    /// The cluster's namespaces, as far as they were given.
    pub namespaces: &'a [Value],
    /// The pods that were given, those of workloads included.
    pub requests: &'a [PodRequest],
    /// The pods and workloads as they were written, for targets that change them.
    pub manifests: Option<&'a Manifests>,
}

/// What one control of one policy demands, for targets that look for pods that two sides tell apart.
pub struct Demand {
    /// The control, e.g. `runAsUser`.
    pub control: &'static str,
    /// What it fills in.
    pub fills: Vec<Fill>,
    /// The values that matter to it.
    pub axes: Vec<Axis>,
}

/// One policy.
pub struct PlannedPolicy<'a> {
    /// The policy's name.
    pub name: &'a str,
    /// What must hold of the submitted pod; one rule per control that is not free, in the plug-in's order.
    pub rules: Vec<Rule>,
    /// What is filled in where the pod is silent.
    pub fills: &'a [Fill],
    /// Who may use the policy, and where.
    pub grants: Vec<GrantAtom>,
    /// The policy's own settings as plain data, for targets that take parameters instead of rules.
    pub parameters: Value,
}

/// One rule of a policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// The control that the rule stands for, e.g. `runAsUser`.
    pub control: &'static str,
    /// What must hold.
    pub constraint: Constraint,
}

/// How to emit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The minor version of the server that gets the policies, 30 to 37.
    pub target_minor: u8,
    /// Whether grants are asked for at admission or resolved now; `None`: whatever fits.
    pub rbac: Option<RbacMode>,
    /// Also judge updates of `pods/ephemeralcontainers`, which the plug-in never looked at.
    pub cover_ephemeral_containers: bool,
    /// Write the annotation that names the admitting policy, as the plug-in did.
    pub annotate: bool,
    /// Write the parameter-free form for admission control from files.
    pub static_manifests: bool,
    /// Deny at once, namespace by namespace, or only warn and audit.
    pub enforcement: Enforcement,
    /// The minor version of Kyverno that gets the policies, 11 to 20.
    pub kyverno_minor: u8,
}

/// When grants are resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RbacMode {
    /// At admission, by the server's own authorizer.
    Live,
    /// At conversion time.
    Frozen,
}

/// What a violation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Enforcement {
    /// It is refused.
    Deny,
    /// It is let through with a warning and an entry in the audit log.
    Audit,
    /// It is refused in namespaces with the label [`ENFORCE_LABEL`], and let through with a warning everywhere else.
    Staged,
}

/// The label, with its value, with which a namespace asks for refusals under [`Enforcement::Staged`].
pub const ENFORCE_LABEL: (&str, &str) = ("psp-migrate/enforce", "true");

impl Default for Options {
    fn default() -> Self {
        Self {
            target_minor: 37,
            rbac: None,
            cover_ephemeral_containers: false,
            annotate: true,
            static_manifests: false,
            enforcement: Enforcement::Deny,
            kyverno_minor: 19,
        }
    }
}

impl<'a> Plan<'a> {
    /// The plan for a cluster.
    pub fn new(cluster: &'a Cluster, options: Options) -> Self {
        let policies = cluster.plugin().policies().iter().enumerate().map(|(index, policy)| {
            let rule = |(control, requirement): &(
                &'static crate::controls::Control,
                Box<dyn crate::controls::Requirement>,
            )| { Rule { control: control.name, constraint: requirement.constraint() } };
            PlannedPolicy {
                name: policy.name(),
                rules: policy
                    .requirements()
                    .iter()
                    .map(rule)
                    .filter(|rule| rule.constraint != Constraint::Always)
                    .collect(),
                fills: policy.fills(),
                grants: cluster.grants_of(index),
                parameters: cluster.parameters_of(policy.name()),
            }
        });
        Self {
            policies: policies.collect(),
            rbac: cluster.rbac(),
            release: *cluster.plugin().release(),
            options,
            cluster,
            namespaces: &[],
            requests: &[],
            manifests: None,
        }
    }

    /// The plan with the namespaces and pods of the cluster, for targets that advise about them.
    #[must_use]
    pub fn with_input(self, namespaces: &'a [Value], requests: &'a [PodRequest]) -> Self {
        Self { namespaces, requests, ..self }
    }

    /// The plan with the manifests of the pods, for targets that change them.
    #[must_use]
    pub fn with_manifests(self, manifests: &'a Manifests) -> Self {
        Self { manifests: Some(manifests), ..self }
    }

    /// What a policy demands, control by control, in the plug-in's order; rules that are free but fill in included.
    pub fn demands(&self, policy: usize) -> Vec<Demand> {
        let policy = self.cluster.plugin().policies().get(policy);
        let demands = policy.into_iter().flat_map(|policy| policy.requirements());
        let demand =
            |(control, requirement): &(&'static crate::controls::Control, Box<dyn crate::controls::Requirement>)| {
                Demand { control: control.name, fills: requirement.fills(), axes: requirement.boundary() }
            };
        demands.map(demand).collect()
    }
}
