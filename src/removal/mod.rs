//! Removing PodSecurityPolicy: which objects serve nothing else, which must be cut down, and which Helm releases would bring
//! them back.
//!
//! Nothing here may run while the plug-in does: a pod that no policy admits is refused, and without policies that is every
//! pod. The order is therefore a matter of the runbook; the files only say what goes.

mod documents;
mod releases;
mod roles;

use std::collections::BTreeSet;

use serde_json::Value;

pub use documents::{files, permissive};
pub use releases::HelmRelease;

use crate::input::{Inventory, Sourced};

/// The name of the policy that admits everything, and of its role and bindings.
pub const PERMISSIVE: &str = "psp-migrate-permissive";

/// What goes, what is cut down, and what stays although it speaks of policies.
#[derive(Debug, Clone, Default)]
pub struct Removal {
    /// Every PodSecurityPolicy.
    pub policies: Vec<ObjectName>,
    /// Roles that grant nothing but policies.
    pub roles: Vec<ObjectName>,
    /// Bindings of such roles.
    pub bindings: Vec<ObjectName>,
    /// Roles that grant more: as they read without their policies.
    pub cut: Vec<Value>,
    /// Roles that speak of policies and stay as they are, and why.
    pub left: Vec<(ObjectName, &'static str)>,
    /// Helm releases that hold policies.
    pub releases: Vec<HelmRelease>,
}

/// Which object: kind, namespace and name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectName {
    /// The API version, as served by the last release with the plug-in.
    pub api_version: &'static str,
    /// The kind.
    pub kind: String,
    /// The namespace; `None` for cluster-scoped kinds.
    pub namespace: Option<String>,
    /// The name.
    pub name: String,
}

impl Removal {
    /// What removing PodSecurityPolicy means for these objects.
    pub fn of(inventory: &Inventory) -> Self {
        let mut removal = Self {
            policies: inventory.policies.iter().map(|policy| ObjectName::of(&policy.value)).collect(),
            releases: releases::releases(inventory),
            ..Self::default()
        };
        for role in inventory.cluster_roles.iter().chain(&inventory.roles) {
            removal.take_role(role);
        }
        let gone: BTreeSet<&ObjectName> = removal.roles.iter().collect();
        let bindings = inventory.cluster_role_bindings.iter().chain(&inventory.role_bindings);
        let bound = bindings.filter(|binding| gone.contains(&bound_role(&binding.value)));
        removal.bindings = bound.map(|binding| ObjectName::of(&binding.value)).collect();
        removal
    }

    fn take_role(&mut self, role: &Sourced<Value>) {
        let name = ObjectName::of(&role.value);
        match roles::fate(&role.value) {
            roles::Fate::Untouched => {}
            roles::Fate::Goes => self.roles.push(name),
            roles::Fate::Cut(role) => self.cut.push(role),
            roles::Fate::Stays(why) => self.left.push((name, why)),
        }
    }

    /// The same for a target that goes on asking the roles and bindings who may use what: only the policies go.
    #[must_use]
    pub fn keeping_grants(self) -> Self {
        Self { roles: Vec::new(), bindings: Vec::new(), cut: Vec::new(), left: Vec::new(), ..self }
    }
}

impl ObjectName {
    fn of(object: &Value) -> Self {
        let text = |pointer| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        Self::new(text("/kind"), text("/metadata/namespace"), text("/metadata/name"))
    }

    fn new(kind: &str, namespace: &str, name: &str) -> Self {
        let is_namespaced = matches!(kind, "Role" | "RoleBinding");
        let namespace = if namespace.is_empty() { "default" } else { namespace };
        Self {
            api_version: match kind {
                "PodSecurityPolicy" => "policy/v1beta1",
                _ => "rbac.authorization.k8s.io/v1",
            },
            kind: kind.to_owned(),
            namespace: is_namespaced.then(|| namespace.to_owned()),
            name: name.to_owned(),
        }
    }
}

/// `Kind/namespace/name`.
impl std::fmt::Display for ObjectName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{}/{namespace}/{}", self.kind, self.name),
            None => write!(f, "{}/{}", self.kind, self.name),
        }
    }
}

/// The role that a binding gives.
fn bound_role(binding: &Value) -> ObjectName {
    let text = |pointer| binding.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    ObjectName::new(text("/roleRef/kind"), text("/metadata/namespace"), text("/roleRef/name"))
}
