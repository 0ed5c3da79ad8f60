//! Shows an object as the API server shows it to CEL: typed values written without what is empty.
//!
//! A field that is not a pointer is absent when it holds its zero value (`hostNetwork: false`, `nodeName: ""`), a pointer
//! is present whatever it holds (`privileged: false`), empty lists and text maps are absent, empty structs stay, nulls are
//! dropped. Which fields are pointers is the [`Pointers`] closure's business. Quantities keep the spelling they came in.

use serde_json::{Map, Value as Json};

/// Whether the field at a path of names (indexes and map keys left out, e.g. `spec.containers.securityContext.privileged`)
/// is a pointer, or is written even when it is zero.
pub type Pointers<'a> = &'a dyn Fn(&str) -> bool;

/// The object without its empty fields. Maps from text to text keep their empty values.
pub fn normalise(object: &Json, pointers: Pointers<'_>) -> Json {
    let mut path = String::new();
    match object {
        Json::Object(fields) => Json::Object(fields_of(fields, &mut path, pointers)),
        other => other.clone(),
    }
}

/// Pod fields, as [`normalise`] wants them: the table of pointers, with pod templates treated as pods.
pub fn pod_pointers(path: &str) -> bool {
    let name = path.rsplit('.').next().unwrap_or(path);
    let within = |prefix: &str| path.starts_with(prefix);
    POINTERS.contains(&name) && !within("metadata") || ALWAYS_WRITTEN.contains(&path)
}

/// Names of fields that are pointers wherever they occur in a Pod.
const POINTERS: [&str; 44] = [
    "activeDeadlineSeconds",
    "allowPrivilegeEscalation",
    "automountServiceAccountToken",
    "blockOwnerDeletion",
    "controller",
    "defaultMode",
    "deletionGracePeriodSeconds",
    "enableServiceLinks",
    "expirationSeconds",
    "fsGroup",
    "fsGroupChangePolicy",
    "gmsaCredentialSpec",
    "gmsaCredentialSpecName",
    "hostnameOverride",
    "hostProcess",
    "hostUsers",
    "localhostProfile",
    "matchLabelKeys",
    "mode",
    "mountPropagation",
    "nodeAffinityPolicy",
    "nodeTaintsPolicy",
    "optional",
    "partition",
    "preemptionPolicy",
    "priority",
    "privileged",
    "procMount",
    "readOnlyRootFilesystem",
    "recursiveReadOnly",
    "restartPolicy",
    "restartPolicyRules",
    "runAsGroup",
    "runAsNonRoot",
    "runAsUser",
    "runAsUserName",
    "runtimeClassName",
    "setHostnameAsFQDN",
    "shareProcessNamespace",
    "stopSignal",
    "supplementalGroupsPolicy",
    "terminationGracePeriodSeconds",
    "tolerationSeconds",
    "storageClassName",
];

/// Fields without `omitempty`: zero values are written.
const ALWAYS_WRITTEN: [&str; 12] = [
    "spec.containers.name",
    "spec.initContainers.name",
    "spec.ephemeralContainers.name",
    "spec.containers.ports.containerPort",
    "spec.initContainers.ports.containerPort",
    "spec.containers.volumeMounts.name",
    "spec.containers.volumeMounts.mountPath",
    "spec.initContainers.volumeMounts.name",
    "spec.initContainers.volumeMounts.mountPath",
    "spec.securityContext.sysctls.name",
    "spec.securityContext.sysctls.value",
    "spec.volumes.hostPath.path",
];

/// Text maps: their values are no fields.
const TEXT_MAPS: [&str; 8] =
    ["labels", "annotations", "nodeSelector", "matchLabels", "limits", "requests", "data", "overhead"];

fn fields_of(fields: &Map<String, Json>, path: &mut String, pointers: Pointers<'_>) -> Map<String, Json> {
    let mut kept = Map::new();
    for (name, value) in fields {
        let outer = path.len();
        if outer > 0 {
            path.push('.');
        }
        path.push_str(name);
        if let Some(value) = field(name, value, path, pointers) {
            kept.insert(name.clone(), value);
        }
        path.truncate(outer);
    }
    kept
}

fn field(name: &str, value: &Json, path: &mut String, pointers: Pointers<'_>) -> Option<Json> {
    match value {
        Json::Null => None,
        Json::Bool(false) => pointers(path).then_some(Json::Bool(false)),
        Json::Number(n) if n.as_f64() == Some(0.0) => (pointers(path) || is_int_or_string(name)).then(|| value.clone()),
        Json::String(text) if text.is_empty() => (pointers(path) || is_type_of_host_path(path)).then(|| value.clone()),
        Json::Array(items) if items.is_empty() => None,
        Json::Object(fields) if TEXT_MAPS.contains(&name) => (!fields.is_empty()).then(|| value.clone()),
        Json::Array(items) => Some(Json::Array(items.iter().map(|item| element(item, path, pointers)).collect())),
        Json::Object(fields) => Some(Json::Object(fields_of(fields, path, pointers))),
        other => Some(other.clone()),
    }
}

fn element(value: &Json, path: &mut String, pointers: Pointers<'_>) -> Json {
    match value {
        Json::Object(fields) => Json::Object(fields_of(fields, path, pointers)),
        other => other.clone(),
    }
}

/// Ports of probes are written even when zero.
fn is_int_or_string(name: &str) -> bool {
    name == "port"
}

fn is_type_of_host_path(path: &str) -> bool {
    path.ends_with("hostPath.type")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cel::recorded::golden;

    /// What the server added to a pod is not normalisation: only fields that the submitted pod has are compared.
    fn covered(submitted: &Json, stored: &Json, path: &str, wrong: &mut Vec<String>) {
        match (submitted, stored) {
            (Json::Object(a), Json::Object(b)) => {
                for (name, value) in a {
                    match b.get(name) {
                        Some(stored) => covered(value, stored, &format!("{path}.{name}"), wrong),
                        None => wrong.push(format!("{path}.{name} is absent on the server")),
                    }
                }
            }
            (Json::Array(a), Json::Array(b)) => {
                for (index, (a, b)) in a.iter().zip(b).enumerate() {
                    covered(a, b, &format!("{path}[{index}]"), wrong);
                }
            }
            (a, b) if a == b || path.contains(".resources.") => {}
            (a, b) => wrong.push(format!("{path}: {a} became {b}")),
        }
    }

    /// Whatever the raw pod has and the server shows must be kept.
    fn lost(raw: &Json, normal: &Json, stored: &Json, path: &str, wrong: &mut Vec<String>) {
        if let (Json::Object(raw), Json::Object(normal), Json::Object(stored)) = (raw, normal, stored) {
            for (name, value) in raw {
                match (normal.get(name), stored.get(name)) {
                    (Some(n), Some(s)) => lost(value, n, s, &format!("{path}.{name}"), wrong),
                    (None, Some(s)) if value == s => wrong.push(format!("{path}.{name} was dropped")),
                    _ => {}
                }
            }
        }
        if let (Json::Array(raw), Json::Array(normal), Json::Array(stored)) = (raw, normal, stored) {
            for (index, ((r, n), s)) in raw.iter().zip(normal).zip(stored).enumerate() {
                lost(r, n, s, &format!("{path}[{index}]"), wrong);
            }
        }
    }

    #[test]
    fn pods_look_as_on_the_server() {
        let submitted: Json = serde_json::from_str(&golden("pods.json")).unwrap();
        let stored: Json = serde_json::from_str(&golden("stored.json")).unwrap();
        let mut wrong = Vec::new();
        for (name, pod) in submitted.as_object().unwrap() {
            let normal = normalise(pod, &pod_pointers);
            covered(&normal, &stored[name], name, &mut wrong);
            lost(pod, &normal, &stored[name], name, &mut wrong);
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    #[test]
    fn what_is_normal_stays() {
        let stored: Json = serde_json::from_str(&golden("stored.json")).unwrap();
        for pod in stored.as_object().unwrap().values() {
            assert_eq!(normalise(pod, &pod_pointers), *pod);
        }
    }
}
