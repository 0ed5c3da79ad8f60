//! The roles and bindings that every API server creates for itself, as far as they decide who may use a policy.
//!
//! Source: Kubernetes 1.24, `plugin/pkg/auth/authorizer/rbac/bootstrappolicy`. `cluster-admin` may do everything and is
//! bound to `system:masters`; `admin`, `edit` and `view` aggregate whatever carries their labels. The rules of the
//! `system:aggregate-to-*` roles stand for longer lists in which policies do not occur either.

use super::objects::RbacKind;
use serde_json::{Value, json};

/// The objects, in the form that a manifest would have.
pub(crate) fn objects() -> Vec<Value> {
    let star = ["*"];
    let everything = json!([{"apiGroups": star, "resources": star, "verbs": star},
        {"nonResourceURLs": star, "verbs": star}]);
    let mut objects = vec![
        json!({"kind": "ClusterRole", "metadata": {"name": "cluster-admin"}, "rules": everything}),
        json!({"kind": "ClusterRoleBinding", "metadata": {"name": "cluster-admin"},
            "roleRef": {"kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "Group", "name": "system:masters"}]}),
    ];
    for (name, part_of) in [("admin", None), ("edit", Some("admin")), ("view", Some("edit"))] {
        let selector = json!([{"matchLabels": {(aggregate_to(name)): "true"}}]);
        let rules = json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}]);
        objects.push(json!({"kind": "ClusterRole", "metadata": {"name": name, "labels": labels(part_of)},
            "aggregationRule": {"clusterRoleSelectors": selector}}));
        objects.push(json!({"kind": "ClusterRole", "rules": rules,
            "metadata": {"name": format!("system:aggregate-to-{name}"), "labels": labels(Some(name))}}));
    }
    objects.into_iter().map(finish).collect()
}

fn labels(part_of: Option<&str>) -> Value {
    let mut labels = json!({"kubernetes.io/bootstrapping": "rbac-defaults"});
    if let (Some(role), Some(labels)) = (part_of, labels.as_object_mut()) {
        labels.insert(aggregate_to(role), json!("true"));
    }
    labels
}

fn aggregate_to(role: &str) -> String {
    format!("rbac.authorization.k8s.io/aggregate-to-{role}")
}

fn finish(mut object: Value) -> Value {
    if let Some(fields) = object.as_object_mut() {
        fields.insert("apiVersion".to_owned(), json!("rbac.authorization.k8s.io/v1"));
    }
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.entry("labels").or_insert_with(|| labels(None));
    }
    object
}

/// Whether a role of this name comes with the API server; what is not in [`objects`] grants no policy.
pub(crate) fn is_built_in(kind: RbacKind, name: &str) -> bool {
    let namespaced = kind == RbacKind::Role && name == "extension-apiserver-authentication-reader";
    let cluster = matches!(name, "cluster-admin" | "admin" | "edit" | "view");
    name.starts_with("system:") || namespaced || (kind == RbacKind::ClusterRole && cluster)
}
