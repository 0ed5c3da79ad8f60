//! A request and its pod as the server hands them to policies.

use serde_json::{Map, Value};

use super::pods::Pods;
use crate::cel::authorizer::Identity;
use crate::cel::normalise::{normalise, pod_pointers};
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
    normalise(&pod, &pod_pointers)
}

/// Annotations with AppArmor profiles are carried over into fields.
pub(in crate::targets) fn prepare_for_create(pod: &mut Value) {
    let annotations = pod.pointer("/metadata/annotations").and_then(Value::as_object);
    for (name, value) in modern::app_armor_annotations(annotations.unwrap_or(&Map::new())) {
        modern::set_app_armor(pod, &name, &value);
    }
}
