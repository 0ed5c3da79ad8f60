//! What tests of several targets share: policies, grants and pods.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]

use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::input::default_pod;
use crate::rbac::RbacOptions;
use crate::release::Release;
use crate::targets::Emission;

/// A policy that everybody may use; `spec` is laid over what every policy must say.
pub(super) fn policy(name: &str, spec: Value) -> Value {
    let any = json!({"rule": "RunAsAny"});
    let mut full =
        json!({"seLinux": any, "runAsUser": any, "supplementalGroups": any, "fsGroup": any, "volumes": ["*"]});
    for (key, value) in spec.as_object().unwrap() {
        full[key] = value.clone();
    }
    json!({"apiVersion": "policy/v1beta1", "kind": "PodSecurityPolicy", "metadata": {"name": name}, "spec": full})
}

pub(super) fn grant(policies: &[&str], group: &str, api_group: &str) -> [Value; 2] {
    let api = "rbac.authorization.k8s.io/v1";
    let rule = json!({"apiGroups": [api_group], "resources": ["podsecuritypolicies"], "verbs": ["use"], "resourceNames": policies});
    [
        json!({"apiVersion": api, "kind": "ClusterRole", "metadata": {"name": group}, "rules": [rule]}),
        json!({"apiVersion": api, "kind": "ClusterRoleBinding", "metadata": {"name": group},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": group},
            "subjects": [{"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": group}]}),
    ]
}

pub(super) fn cluster(policies: &[Value], wiring: &[Value]) -> Cluster {
    let options = RbacOptions { aggregate: true, bootstrap: false };
    Cluster::new(policies, wiring, Release::default(), options).unwrap()
}

pub(super) fn documents(emission: &Emission) -> Vec<Value> {
    emission.documents.iter().map(|emitted| emitted.document.clone()).collect()
}

/// The pod's containers and what else `spec` says.
pub(super) fn pod(spec: Value) -> Value {
    let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
    for (key, value) in spec.as_object().unwrap() {
        pod["spec"][key] = value.clone();
    }
    default_pod(&mut pod);
    pod
}

pub(super) const EVERYBODY: &str = "system:authenticated";
