//! The admission request as a template reads it: `input.review`.
//!
//! The API server writes pods without nulls, empty lists and the like; what it does not write, no webhook can see.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::admission::Operation;
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

/// What a template that reads no other keys than `words` can tell apart of a review. Pods with the same outline are decided
/// alike. An UPDATE is compared with the stored pod as a whole, so nothing is left out of it.
pub(super) fn outline(request: &AdmissionRequest<'_>, pod: &Value, words: &BTreeSet<String>) -> Value {
    if request.operation != Operation::Create {
        return review(request, pod);
    }
    let is_read = |key: &str| {
        let (prefix, _) = key.rsplit_once('/').unwrap_or_default();
        words.contains(key) || (!prefix.is_empty() && words.contains(key.get(..=prefix.len()).unwrap_or_default()))
    };
    let mut object = parts(pod, &is_read);
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.shift_remove("name");
    }
    json!({
        "operation": request.operation.name(),
        "subResource": request.subresource,
        "namespace": request.namespace,
        "userInfo": {"username": request.user, "groups": request.groups},
        "object": object,
    })
}

/// Of a value only the keys for which `is_read` answers true.
fn parts(value: &Value, is_read: &impl Fn(&str) -> bool) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.iter().filter(|(key, _)| is_read(key));
            Value::Object(kept.map(|(key, value)| (key.clone(), parts(value, is_read))).collect())
        }
        Value::Array(items) => items.iter().map(|item| parts(item, is_read)).collect(),
        other => other.clone(),
    }
}
