//! Pods to try on a real server: manifests with the decision that is expected of them, and the same as AdmissionReviews.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};

use super::folder::{Changes, Folder};
use crate::cluster::Cluster;
use crate::input::without_defaults;
use crate::report::decision::{Decision, Word};
use crate::requests::PodRequest;
use crate::yaml::to_yaml;

/// The annotation of a written pod that says what PodSecurityPolicy decides: `admitted` or `denied`; `unknown` where it cannot be told.
const EXPECTED: &str = "psp-migrate.io/expected-decision";
/// The annotation that says who asks; absent for anybody whom no binding names.
const REQUESTER: &str = "psp-migrate.io/requester";

/// Writes each set of requests: `SET.yaml` holds the pods, `SET.reviews.ndjson` the reviews.
///
/// # Errors
/// Files in the way that psp-migrate did not write; whatever the file system refuses.
pub(super) fn write(
    folder: &Path,
    force: bool,
    cluster: &Cluster,
    sets: &[(String, Vec<PodRequest>)],
) -> Result<Changes> {
    let mut files = BTreeMap::new();
    for (set, requests) in sets {
        let (mut pods, mut reviews) = (Vec::new(), String::new());
        for (index, request) in requests.iter().enumerate() {
            let pod = pod(&format!("{set}-{index:04}"), request, &Decision::of(cluster, request)?);
            reviews.push_str(&format!("{}\n", review(request, &pod)));
            pods.push(to_yaml(&pod)?);
        }
        files.insert(format!("{set}.yaml"), pods.join("---\n"));
        files.insert(format!("{set}.reviews.ndjson"), reviews);
    }
    Folder { root: folder, files }.write(force)
}

/// The pod as somebody would write it, under a name of its own.
fn pod(name: &str, request: &PodRequest, decision: &Decision) -> Value {
    let expected = match decision.verdict {
        Word::Admitted | Word::Ignored => "admitted",
        Word::Denied | Word::Invalid => "denied",
        Word::Unknown => "unknown",
    };
    let mut pod = without_defaults(&request.pod);
    let Some(fields) = pod.as_object_mut() else { return pod };
    fields.insert("apiVersion".to_owned(), json!("v1"));
    fields.insert("kind".to_owned(), json!("Pod"));
    let metadata = fields.entry("metadata").or_insert_with(|| json!({}));
    if let Some(metadata) = metadata.as_object_mut() {
        metadata.insert("name".to_owned(), json!(name));
        metadata.insert("namespace".to_owned(), json!(request.namespace));
        let annotations = metadata.entry("annotations").or_insert_with(|| json!({}));
        if let Some(annotations) = annotations.as_object_mut() {
            annotations.insert(EXPECTED.to_owned(), json!(expected));
            if !request.requester.user.is_empty() {
                annotations.insert(REQUESTER.to_owned(), json!(request.requester.user));
            }
        }
    }
    pod
}

fn review(request: &PodRequest, pod: &Value) -> Value {
    let name = pod.pointer("/metadata/name").cloned().unwrap_or_default();
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": name, "name": name, "namespace": request.namespace, "operation": request.operation.name(),
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "userInfo": {"username": request.requester.user, "groups": request.requester.groups},
        "object": pod,
    }})
}
