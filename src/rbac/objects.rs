//! Roles and bindings as they are read: the four kinds of `rbac.authorization.k8s.io` in v1, v1beta1 and v1alpha1.
//!
//! The versions have one shape, except for the subjects of v1alpha1 ([`alpha_subject`]). Read and defaulted as the API
//! server does it; a role or role binding without a namespace belongs to `default`, where `kubectl apply` puts it, and a
//! namespace on a cluster-scoped object is dropped.

use k8s_openapi::api::rbac::v1::{PolicyRule, RoleRef, Subject};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::sync::Arc;

/// The API group of roles and bindings.
pub(crate) const GROUP: &str = "rbac.authorization.k8s.io";

/// The four kinds of RBAC objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RbacKind {
    /// Permissions within one namespace.
    Role,
    /// Permissions that a binding of either kind can give.
    ClusterRole,
    /// Gives a role to subjects within one namespace.
    RoleBinding,
    /// Gives a cluster role to subjects everywhere.
    ClusterRoleBinding,
}

impl RbacKind {
    /// The kind as manifests spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Role => "Role",
            Self::ClusterRole => "ClusterRole",
            Self::RoleBinding => "RoleBinding",
            Self::ClusterRoleBinding => "ClusterRoleBinding",
        }
    }

    pub(crate) fn is_namespaced(self) -> bool {
        matches!(self, Self::Role | Self::RoleBinding)
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Role, Self::ClusterRole, Self::RoleBinding, Self::ClusterRoleBinding]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }
}

/// Which role or binding; prints as `Kind/name` or `Kind/namespace/name`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectRef {
    /// The kind.
    pub kind: RbacKind,
    /// The namespace; `None` for the cluster-scoped kinds.
    pub namespace: Option<String>,
    /// The name, or the `generateName` prefix of an object that has no name yet.
    pub name: String,
    /// The position in the list that the object came from; `None` for what every API server creates for itself.
    pub source: Option<usize>,
}

impl ObjectRef {
    /// Whether both mean the same object, wherever they were read.
    pub(crate) fn same_object(&self, other: &Self) -> bool {
        (self.kind, &self.namespace, &self.name) == (other.kind, &other.namespace, &other.name)
    }
}

impl Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/", self.kind.as_str())?;
        if let Some(namespace) = &self.namespace {
            write!(f, "{namespace}/")?;
        }
        f.write_str(&self.name)
    }
}

/// A Role or ClusterRole.
#[derive(Debug, Clone)]
pub(crate) struct Role {
    pub(crate) id: Arc<ObjectRef>,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) rules: Vec<PolicyRule>,
    /// The selectors of an aggregation rule; `None` without such a rule.
    pub(crate) selectors: Option<Vec<LabelSelector>>,
}

/// A RoleBinding or ClusterRoleBinding.
#[derive(Debug, Clone)]
pub(crate) struct Binding {
    pub(crate) id: Arc<ObjectRef>,
    pub(crate) labels: BTreeMap<String, String>,
    /// The API server will complete the name, so that no other object can be the same one.
    pub(crate) name_is_generated: bool,
    pub(crate) role_ref: RoleRef,
    pub(crate) subjects: Vec<Subject>,
}

/// One of the two.
#[derive(Debug, Clone)]
pub(crate) enum Object {
    Role(Role),
    Binding(Binding),
}

/// Why an object that says it is RBAC cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unreadable(#[from] serde_json::Error);

/// The kind and API version, if the object is RBAC at all.
fn rbac_kind(value: &Value) -> Option<(RbacKind, &str)> {
    let (group, version) = value.get("apiVersion")?.as_str()?.split_once('/')?;
    let known = group == GROUP && matches!(version, "v1" | "v1beta1" | "v1alpha1");
    let kind = RbacKind::parse(value.get("kind")?.as_str()?)?;
    known.then_some((kind, version))
}

/// Who an RBAC object is, as far as that can be told even of an unreadable one; `None` for objects of other kinds.
pub(crate) fn identify(value: &Value, source: Option<usize>) -> Option<ObjectRef> {
    let (kind, _) = rbac_kind(value)?;
    let text = |key: &str| {
        let text = value.get("metadata")?.get(key)?.as_str()?;
        (!text.is_empty()).then(|| text.to_owned())
    };
    let namespace = || text("namespace").unwrap_or_else(|| "default".to_owned());
    Some(ObjectRef {
        kind,
        namespace: kind.is_namespaced().then(namespace),
        name: text("name").or_else(|| text("generateName")).unwrap_or_default(),
        source,
    })
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Body {
    metadata: Option<Metadata>,
    rules: Option<Vec<PolicyRule>>,
    aggregation_rule: Option<Aggregation>,
    role_ref: Option<RoleRef>,
    subjects: Option<Vec<Value>>,
}

#[derive(Deserialize, Default)]
struct Metadata {
    // Only read so that a name or namespace that is no string is refused, as the API server refuses it.
    #[serde(rename = "namespace")]
    _namespace: Option<String>,
    name: Option<String>,
    labels: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Aggregation {
    cluster_role_selectors: Option<Vec<LabelSelector>>,
}

/// Reads one object; `Ok(None)` for objects of other kinds.
pub(crate) fn read(value: &Value, source: Option<usize>) -> Result<Option<Object>, Unreadable> {
    let (Some(id), Some((kind, version))) = (identify(value, source), rbac_kind(value)) else {
        return Ok(None);
    };
    let body = Body::deserialize(value)?;
    let metadata = body.metadata.unwrap_or_default();
    let id = Arc::new(id);
    let labels = metadata.labels.unwrap_or_default();
    if matches!(kind, RbacKind::RoleBinding | RbacKind::ClusterRoleBinding) {
        return Ok(Some(Object::Binding(Binding {
            name_is_generated: metadata.name.unwrap_or_default().is_empty() && !id.name.is_empty(),
            id,
            labels,
            role_ref: defaulted_role_ref(body.role_ref.unwrap_or_default()),
            subjects: subjects(body.subjects.unwrap_or_default(), version)?,
        })));
    }
    let aggregation = body.aggregation_rule.filter(|_| kind == RbacKind::ClusterRole);
    Ok(Some(Object::Role(Role {
        id,
        labels,
        rules: body.rules.unwrap_or_default(),
        selectors: aggregation.map(|rule| rule.cluster_role_selectors.unwrap_or_default()),
    })))
}

fn defaulted_role_ref(mut role_ref: RoleRef) -> RoleRef {
    let group = role_ref.api_group.filter(|group| !group.is_empty());
    role_ref.api_group = Some(group.unwrap_or_else(|| GROUP.to_owned()));
    role_ref
}

fn subjects(values: Vec<Value>, version: &str) -> Result<Vec<Subject>, Unreadable> {
    let read = |value: Value| match version {
        "v1alpha1" => alpha_subject(value),
        _ => Ok(defaulted_subject(serde_json::from_value(value)?)),
    };
    values.into_iter().map(read).collect()
}

/// Users and groups belong to the RBAC API group unless they say otherwise.
fn defaulted_subject(mut subject: Subject) -> Subject {
    let group = subject.api_group.take().filter(|group| !group.is_empty());
    subject.api_group = match subject.kind.as_str() {
        "User" | "Group" => Some(group.unwrap_or_else(|| GROUP.to_owned())),
        _ => group,
    };
    subject
}

/// A v1alpha1 subject names an API version instead of a group, which counts only for unknown kinds; the user `*` means
/// everybody who is authenticated.
fn alpha_subject(value: Value) -> Result<Subject, Unreadable> {
    let version = value.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
    let group = version.split_once('/').map(|(group, _)| group.to_owned());
    let mut subject: Subject = serde_json::from_value(value)?;
    let known = matches!(subject.kind.as_str(), "User" | "Group" | "ServiceAccount");
    subject.api_group = if known { None } else { group };
    if subject.kind == "User" && subject.name == "*" {
        "Group".clone_into(&mut subject.kind);
        "system:authenticated".clone_into(&mut subject.name);
    }
    Ok(defaulted_subject(subject))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check_subject(version: &str, subject: Value, expected: &str) {
        let binding = json!({"apiVersion": format!("{GROUP}/{version}"), "kind": "RoleBinding",
            "metadata": {"name": "b", "creationTimestamp": null}, "roleRef": {"kind": "Role", "name": "r"},
            "subjects": [subject]});
        let Object::Binding(binding) = read(&binding, None).unwrap().unwrap() else { panic!("not a binding") };
        let subject = &binding.subjects[0];
        let group = subject.api_group.as_deref().unwrap_or_default();
        assert_eq!(format!("{} {} {group}", subject.kind, subject.name), expected);
        assert_eq!(binding.role_ref.api_group.as_deref(), Some(GROUP));
        assert_eq!(binding.id.to_string(), "RoleBinding/default/b");
    }

    #[test]
    fn subjects_get_the_group_of_their_kind() {
        let group = "rbac.authorization.k8s.io";
        check_subject("v1", json!({"kind": "User", "name": "*"}), &format!("User * {group}"));
        check_subject("v1beta1", json!({"kind": "Group", "name": "g", "apiGroup": "x"}), "Group g x");
        check_subject("v1", json!({"kind": "ServiceAccount", "name": "a", "namespace": null}), "ServiceAccount a ");
    }

    #[test]
    fn alpha_subjects_name_a_version_and_star_is_everybody() {
        let group = "rbac.authorization.k8s.io";
        let star = json!({"kind": "User", "name": "*"});
        check_subject("v1alpha1", star, &format!("Group system:authenticated {group}"));
        let user = json!({"kind": "User", "name": "u", "apiVersion": "other/v3"});
        check_subject("v1alpha1", user, &format!("User u {group}"));
        let odd = json!({"kind": "Robot", "name": "r", "apiVersion": "other/v3"});
        check_subject("v1alpha1", odd, "Robot r other");
    }

    #[test]
    fn other_objects_are_none_of_its_business_and_bad_ones_are_errors() {
        assert!(read(&json!({"apiVersion": "authorization.openshift.io/v1", "kind": "Role"}), None).unwrap().is_none());
        let bad = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "rules": {"verbs": "use"}});
        assert!(read(&bad, None).is_err());
        let odd_name = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": 5}});
        assert!(read(&odd_name, None).is_err());
    }
}
