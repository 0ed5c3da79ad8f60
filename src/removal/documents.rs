//! The files of a removal: documents to apply and documents to delete, each kind in a file of its own.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{ObjectName, PERMISSIVE, Removal};

/// The folder's name.
const FOLDER: &str = "remove";
const RBAC: &str = "rbac.authorization.k8s.io/v1";

/// Documents by file: what admits everything meanwhile, what to apply, and what to delete.
pub fn files(removal: &Removal) -> BTreeMap<String, Vec<Value>> {
    let named = |objects: &[ObjectName]| objects.iter().map(ObjectName::document).collect::<Vec<_>>();
    let files = [
        ("permissive.yaml", permissive()),
        ("bindings.yaml", named(&removal.bindings)),
        ("roles.yaml", named(&removal.roles)),
        ("roles-without-policies.yaml", removal.cut.clone()),
        ("policies.yaml", named(&removal.policies)),
    ];
    let filled = files.into_iter().filter(|(_, documents)| !documents.is_empty());
    filled.map(|(name, documents)| (format!("{FOLDER}/{name}"), documents)).collect()
}

/// A policy that admits every pod as it is, and a role to use it. Without bindings it does nothing.
///
/// It names every seccomp and AppArmor profile: a policy without these annotations refuses pods that set one.
pub fn permissive() -> Vec<Value> {
    let any = json!({"rule": "RunAsAny"});
    let policy = json!({
        "apiVersion": "policy/v1beta1",
        "kind": "PodSecurityPolicy",
        "metadata": {"name": PERMISSIVE, "annotations": {
            "seccomp.security.alpha.kubernetes.io/allowedProfileNames": "*",
        }},
        "spec": {
            "privileged": true, "allowPrivilegeEscalation": true, "allowedCapabilities": ["*"], "volumes": ["*"],
            "hostNetwork": true, "hostPorts": [{"min": 0, "max": 65535}], "hostIPC": true, "hostPID": true,
            "runAsUser": any, "seLinux": any, "supplementalGroups": any, "fsGroup": any,
            "allowedUnsafeSysctls": ["*"], "allowedProcMountTypes": ["Default", "Unmasked"],
        },
    });
    let role = json!({
        "apiVersion": RBAC,
        "kind": "ClusterRole",
        "metadata": {"name": PERMISSIVE},
        "rules": [{"apiGroups": ["policy"], "resources": ["podsecuritypolicies"], "resourceNames": [PERMISSIVE], "verbs": ["use"]}],
    });
    vec![policy, role]
}

impl ObjectName {
    /// As much of the object as it takes to delete it.
    fn document(&self) -> Value {
        let mut metadata = json!({"name": self.name});
        if let (Some(metadata), Some(namespace)) = (metadata.as_object_mut(), &self.namespace) {
            metadata.insert("namespace".to_owned(), json!(namespace));
        }
        json!({"apiVersion": self.api_version, "kind": self.kind, "metadata": metadata})
    }
}
