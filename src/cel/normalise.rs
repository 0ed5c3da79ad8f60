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
    normalised(object.clone(), pointers)
}

/// The same of an object that nobody else needs.
pub fn normalised(mut object: Json, pointers: Pointers<'_>) -> Json {
    if let Json::Object(fields) = &mut object {
        trim(fields, &mut String::new(), pointers);
    }
    object
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

/// Takes the empty fields away.
fn trim(fields: &mut Map<String, Json>, path: &mut String, pointers: Pointers<'_>) {
    fields.retain(|name, value| {
        let outer = path.len();
        if outer > 0 {
            path.push('.');
        }
        path.push_str(name);
        let is_kept = trim_field(name, value, path, pointers);
        path.truncate(outer);
        is_kept
    });
}

/// Takes the empty fields of a field's value away; whether the field itself is kept.
fn trim_field(name: &str, value: &mut Json, path: &mut String, pointers: Pointers<'_>) -> bool {
    match value {
        Json::Null => false,
        Json::Bool(false) => pointers(path),
        Json::Number(n) if n.as_f64() == Some(0.0) => pointers(path) || is_int_or_string(name),
        Json::String(text) if text.is_empty() => pointers(path) || is_type_of_host_path(path),
        Json::Array(items) if items.is_empty() => false,
        Json::Object(fields) if TEXT_MAPS.contains(&name) => !fields.is_empty(),
        Json::Array(items) => {
            items.iter_mut().filter_map(Json::as_object_mut).for_each(|item| trim(item, path, pointers));
            true
        }
        Json::Object(fields) => {
            trim(fields, path, pointers);
            true
        }
        _ => true,
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
