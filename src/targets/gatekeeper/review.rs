//! The admission request as a template reads it: `input.review`.
//!
//! The API server writes pods without nulls, empty lists and the like; what it does not write, no webhook can see.

use serde_json::{Value, json};

use crate::cel::normalise::{normalise, pod_pointers};
use crate::targets::AdmissionRequest;

/// A pod as the API server writes it.
pub(super) fn as_written(pod: &Value) -> Value {
    normalise(pod, &pod_pointers)
}

/// The whole review, with `pod`, as it is written, as the object.
pub(super) fn review(request: &AdmissionRequest<'_>, pod: &Value) -> Value {
    let kind = json!({"group": "", "version": "v1", "kind": "Pod"});
    let resource = json!({"group": "", "version": "v1", "resource": "pods"});
    let mut review = json!({
        "uid": "",
        "kind": kind,
        "resource": resource,
        "requestKind": kind,
        "requestResource": resource,
        "operation": request.operation.name(),
        "userInfo": {"username": request.user, "groups": request.groups},
        "object": pod,
        "oldObject": request.old_object.map(as_written),
        "options": null,
    });
    let optional = [("subResource", request.subresource), ("namespace", request.namespace), ("name", request.name)];
    if let Some(map) = review.as_object_mut() {
        let given = optional.into_iter().filter(|(_, text)| !text.is_empty());
        map.extend(given.map(|(key, text)| (key.to_owned(), json!(text))));
    }
    review
}
