//! Merges an apply configuration into a Pod as structured-merge-diff does: fields over fields, list elements by key,
//! atomic parts refused.
//!
//! Only Pods: the lists of other kinds are unknown here and cannot be merged.

use super::super::value::Value;
use crate::cel::EvalError;
use serde_json::{Map, Value as Json};

/// How elements of a list belong together.
enum ListKind {
    /// By these fields.
    Keyed(&'static [&'static str]),
    /// Scalars, each once.
    Set,
    /// Only as a whole.
    Atomic,
}

/// Lists of a pod that are not atomic. A container is the same wherever it stands.
const LISTS: [(&str, ListKind); 19] = [
    ("metadata.finalizers", ListKind::Set),
    ("metadata.ownerReferences", ListKind::Keyed(&["uid"])),
    ("spec.containers", ListKind::Keyed(&["name"])),
    ("spec.initContainers", ListKind::Keyed(&["name"])),
    ("spec.ephemeralContainers", ListKind::Keyed(&["name"])),
    ("spec.volumes", ListKind::Keyed(&["name"])),
    ("spec.imagePullSecrets", ListKind::Keyed(&["name"])),
    ("spec.hostAliases", ListKind::Keyed(&["ip"])),
    ("spec.topologySpreadConstraints", ListKind::Keyed(&["topologyKey", "whenUnsatisfiable"])),
    ("spec.resourceClaims", ListKind::Keyed(&["name"])),
    ("spec.schedulingGates", ListKind::Keyed(&["name"])),
    ("container.env", ListKind::Keyed(&["name"])),
    ("container.ports", ListKind::Keyed(&["containerPort", "protocol"])),
    ("container.volumeMounts", ListKind::Keyed(&["mountPath"])),
    ("container.volumeDevices", ListKind::Keyed(&["devicePath"])),
    ("container.resources.claims", ListKind::Keyed(&["name"])),
    ("container.command", ListKind::Atomic),
    ("container.args", ListKind::Atomic),
    ("spec.tolerations", ListKind::Atomic),
];

/// Maps and structs that are atomic, by the end of their path.
const ATOMIC: [&str; 12] = [
    "spec.nodeSelector",
    "spec.imagePullSecrets[]",
    "labelSelector",
    "namespaceSelector",
    "nodeSelectorTerms[]",
    "requiredDuringSchedulingIgnoredDuringExecution",
    "secretKeyRef",
    "configMapKeyRef",
    "fieldRef",
    "resourceFieldRef",
    "secretRef",
    "nodePublishSecretRef",
];

/// Why a configuration cannot be applied.
#[derive(Debug, PartialEq)]
pub(super) enum MergeError {
    /// The API server's words.
    Refused(String),
    /// What this merge does not know.
    Unknown(String),
}

/// The object with the configuration merged into it.
pub(super) fn apply(kind: &str, object: &Json, configuration: &Json) -> Result<Json, MergeError> {
    if kind != "Pod" {
        return Err(MergeError::Unknown(format!("an apply configuration for a `{kind}`")));
    }
    let mut atomics = Vec::new();
    find_atomics(configuration, &mut Path::default(), &mut atomics);
    if !atomics.is_empty() {
        let places = atomics.join(", ");
        let message = format!("may not mutate atomic arrays, maps or structs: {places}");
        return Err(MergeError::Refused(format!("error applying patch: invalid ApplyConfiguration: {message}")));
    }
    let mut merged = object.clone();
    merge(&mut merged, configuration, &mut Path::default());
    Ok(merged)
}

/// A place in a pod: for people, and as the tables spell it.
#[derive(Default, Clone)]
struct Path {
    shown: String,
    table: String,
}

impl Path {
    fn field(&self, name: &str) -> Self {
        let table = if self.table.is_empty() { name.to_owned() } else { format!("{}.{name}", self.table) };
        Self { shown: format!("{}.{name}", self.shown), table }
    }

    fn element(&self, index: usize) -> Self {
        let table = match self.table.as_str() {
            "spec.containers" | "spec.initContainers" | "spec.ephemeralContainers" => "container".to_owned(),
            other => format!("{other}[]"),
        };
        Self { shown: format!("{}[{index}]", self.shown), table }
    }

    fn list_kind(&self) -> &'static ListKind {
        LISTS.iter().find(|(path, _)| *path == self.table).map_or(&ListKind::Atomic, |(_, kind)| kind)
    }

    fn is_atomic(&self) -> bool {
        ATOMIC.iter().any(|end| self.table.ends_with(end))
    }
}

fn find_atomics(value: &Json, path: &mut Path, found: &mut Vec<String>) {
    match value {
        Json::Object(fields) => {
            if path.is_atomic() {
                found.push(path.shown.clone());
            }
            for (name, value) in fields {
                find_atomics(value, &mut path.field(name), found);
            }
        }
        Json::Array(items) => {
            if matches!(path.list_kind(), ListKind::Atomic) {
                found.push(path.shown.clone());
            }
            for (index, item) in items.iter().enumerate() {
                find_atomics(item, &mut path.element(index), found);
            }
        }
        _ => {}
    }
}

fn merge(target: &mut Json, configuration: &Json, path: &mut Path) {
    match (target, configuration) {
        (Json::Object(target), Json::Object(fields)) => merge_fields(target, fields, path),
        (Json::Array(target), Json::Array(items)) => merge_items(target, items, path),
        (target, value) => *target = value.clone(),
    }
}

fn merge_fields(target: &mut Map<String, Json>, fields: &Map<String, Json>, path: &Path) {
    for (name, value) in fields {
        match target.get_mut(name) {
            Some(existing) => merge(existing, value, &mut path.field(name)),
            None => {
                target.insert(name.clone(), value.clone());
            }
        }
    }
}

fn merge_items(target: &mut Vec<Json>, items: &[Json], path: &Path) {
    for (index, item) in items.iter().enumerate() {
        let same = |other: &&mut Json| match path.list_kind() {
            ListKind::Keyed(keys) => keys.iter().all(|key| key_of(other, key) == key_of(item, key)),
            ListKind::Set | ListKind::Atomic => *other == item,
        };
        match target.iter_mut().find(same) {
            Some(existing) => merge(existing, item, &mut path.element(index)),
            None => target.push(item.clone()),
        }
    }
}

/// A key field; a port's protocol is `TCP` where it is not said.
fn key_of(item: &Json, key: &str) -> Json {
    match item.get(key) {
        Some(value) => value.clone(),
        None if key == "protocol" => "TCP".into(),
        None => Json::Null,
    }
}

/// Checks that nested struct literals are named after the fields they stand in: `Object.spec` at `spec`.
///
/// # Errors
///
/// All that are not, as the API server says it.
pub(super) fn check_type_names(value: &Value) -> Result<(), String> {
    let Value::Struct(root) = value else { return Ok(()) };
    let mut wrong = Vec::new();
    wrong_names(value, &root.type_name, &mut wrong);
    if wrong.is_empty() { Ok(()) } else { Err(format!("type mismatch: {}", wrong.join("\n"))) }
}

fn wrong_names(value: &Value, expected: &str, wrong: &mut Vec<String>) {
    match value {
        Value::Struct(s) => {
            if *s.type_name != *expected {
                wrong.push(format!(
                    "unexpected type name \"{}\", expected \"{expected}\", which matches field name path from root Object type",
                    s.type_name
                ));
            }
            for (name, field) in &s.fields {
                wrong_names(field, &format!("{expected}.{name}"), wrong);
            }
        }
        Value::List(items) => items.iter().for_each(|item| wrong_names(item, expected, wrong)),
        Value::Map(map) => map.entries().iter().for_each(|(_, item)| wrong_names(item, expected, wrong)),
        _ => {}
    }
}

impl From<MergeError> for EvalError {
    fn from(error: MergeError) -> Self {
        match error {
            MergeError::Refused(message) => Self::Runtime(message),
            MergeError::Unknown(what) => Self::unknown(what, 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn elements_merge_by_key_and_new_ones_follow() {
        let pod = json!({"spec": {"containers": [{"name": "a", "image": "x", "ports": [{"containerPort": 80, "protocol": "TCP"}]}]}});
        let configuration = json!({"spec": {"hostPID": true, "containers": [
            {"name": "b", "image": "y"},
            {"name": "a", "ports": [{"containerPort": 80, "name": "web"}]},
        ]}});
        assert_eq!(
            apply("Pod", &pod, &configuration),
            Ok(json!({"spec": {"containers": [
                {"name": "a", "image": "x", "ports": [{"containerPort": 80, "protocol": "TCP", "name": "web"}]},
                {"name": "b", "image": "y"},
            ], "hostPID": true}}))
        );
    }

    #[test]
    fn atomic_parts_are_refused() {
        let refused = |configuration: Json| match apply("Pod", &json!({}), &configuration) {
            Err(MergeError::Refused(message)) => message.rsplit(": ").next().unwrap_or_default().to_owned(),
            other => panic!("{other:?}"),
        };
        assert_eq!(refused(json!({"spec": {"nodeSelector": {"a": "b"}}})), ".spec.nodeSelector");
        let capabilities =
            json!({"spec": {"containers": [{"name": "a", "securityContext": {"capabilities": {"add": ["X"]}}}]}});
        assert_eq!(refused(capabilities), ".spec.containers[0].securityContext.capabilities.add");
        assert_eq!(refused(json!({"spec": {"imagePullSecrets": [{"name": "a"}]}})), ".spec.imagePullSecrets[0]");
        assert!(matches!(apply("Service", &json!({}), &json!({})), Err(MergeError::Unknown(_))));
    }
}
