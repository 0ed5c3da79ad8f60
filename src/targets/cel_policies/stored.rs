//! A request and its pod as the server hands them to policies.

use serde_json::{Map, Value, json};

use super::pods::Pods;
use crate::cel::authorizer::Identity;
use crate::cel::normalise::{normalised, pod_pointers};
use crate::cel::policy::Request;
use crate::input::default_pod;
use crate::modern;
use crate::targets::AdmissionRequest;

/// The request as the policies see it.
pub(in crate::targets) fn cel_request<'a>(request: &AdmissionRequest<'a>, pods: &Pods<'a>) -> Request {
    Request {
        operation: request.operation.name().to_owned(),
        version: "v1".to_owned(),
        kind: "Pod".to_owned(),
        resource: "pods".to_owned(),
        subresource: request.subresource.to_owned(),
        name: request.name.to_owned(),
        namespace: request.namespace.to_owned(),
        identity: Identity { user: request.user.to_owned(), groups: request.groups.to_vec() },
        object: pods.submitted(request.object),
        old_object: request.old_object.map(|pod| pods.submitted(pod)).unwrap_or_default(),
        ..Request::default()
    }
}

/// The pod with its defaults, as the server shows it.
pub(in crate::targets) fn as_stored(mut pod: Value) -> Value {
    default_pod(&mut pod);
    if let Some(spec) = pod.get_mut("spec").and_then(Value::as_object_mut) {
        let is_empty = |value: Option<&Value>| value.and_then(Value::as_str).is_none_or(str::is_empty);
        if is_empty(spec.get("serviceAccountName")) && !is_empty(spec.get("serviceAccount")) {
            let alias = spec.get("serviceAccount").cloned().unwrap_or_default();
            spec.insert("serviceAccountName".to_owned(), alias);
        }
    }
    normalised(pod, &pod_pointers)
}

/// As [`as_stored`], given what becomes of the pod's `spec`, which the rest of the pod has no part in.
pub(super) fn as_stored_with_spec(pod: &Value, stored_spec: &Value) -> Value {
    let around = |(key, value): (&String, &Value)| {
        let value = if key == SPEC { json!({}) } else { value.clone() };
        (key.clone(), value)
    };
    let mut stored = as_stored(pod.as_object().into_iter().flatten().map(around).collect());
    if let Some(spec) = stored.get_mut(SPEC) {
        spec.clone_from(stored_spec);
    }
    stored
}

const SPEC: &str = "spec";

/// Annotations with AppArmor profiles are carried over into fields.
pub(in crate::targets) fn prepare_for_create(pod: &mut Value) {
    let annotations = pod.pointer("/metadata/annotations").and_then(Value::as_object);
    for (name, value) in modern::app_armor_annotations(annotations.unwrap_or(&Map::new())) {
        modern::set_app_armor(pod, &name, &value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spec_is_stored_whatever_stands_around_it() {
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "labels": {}, "annotations": {"a": "b"}}, "status": {},
            "spec": {"serviceAccount": "web", "hostNetwork": true, "hostPID": false, "volumes": [{"name": "v"}],
                "containers": [{"name": "c", "image": "i:1", "ports": [{"containerPort": 1}],
                    "resources": {"limits": {"cpu": "1"}}}]},
        });
        let other = json!({"spec": pod["spec"], "metadata": {"name": "q"}});
        let spec = as_stored(other)["spec"].clone();
        assert_eq!(as_stored_with_spec(&pod, &spec).to_string(), as_stored(pod).to_string());
    }

    #[test]
    fn what_is_stored_stays() {
        let pod = json!({"metadata": {"name": "p"}, "spec": {"serviceAccount": "web", "hostIPC": false, "securityContext": null,
            "containers": [{"name": "c", "image": "", "ports": [{"containerPort": 0}], "resources": {"limits": {}}}]}});
        let stored = as_stored(pod);
        assert_eq!(as_stored(stored.clone()), stored);
    }
}
