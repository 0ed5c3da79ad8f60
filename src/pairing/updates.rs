//! Updates of the pods that requests create: nothing is filled into them any more, and some of them nobody looks at.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::admission::{Operation, Verdict};
use crate::cluster::{Cluster, Outcome};
use crate::pod_view::PodView;
use crate::requests::PodRequest;

/// A label that no policy speaks of.
const LABEL: &str = "psp-migrate.example/changed";

/// For each pod that is created: a change of its labels, once as the policies left the pod and once as it came, as if
/// somebody else had been let in with it. And for each requester in each namespace, of a pod that would be denied, two updates
/// of nothing but what garbage collection writes and removes.
pub(super) fn of(cluster: &Cluster, requests: &[PodRequest]) -> Vec<PodRequest> {
    let mut updates = Vec::new();
    let mut tidied = BTreeSet::new();
    for request in requests {
        if request.operation != Operation::Create || !request.subresource.is_empty() || request.ignored.is_some() {
            continue;
        }
        let Ok(view) = PodView::read(&request.pod, cluster.plugin().release()) else { continue };
        let stored = written(&request.pod, &view, &cluster.plugin().stored(&view));
        let admitted = match cluster.decide(&request.as_request(), &view) {
            Outcome::Decided(Verdict::Admitted { pod, .. }) => Some(written(&request.pod, &view, &pod)),
            Outcome::Decided(Verdict::Denied { .. }) => {
                let requester = (&request.namespace, &request.requester.user, &request.requester.groups);
                if tidied.insert(requester) {
                    let held = held(&stored);
                    updates.extend([
                        PodRequest { pod: held.clone(), ..update(request, &stored, |_| {}) },
                        PodRequest { pod: stored.clone(), ..update(request, &held, |_| {}) },
                    ]);
                }
                None
            }
            _ => None,
        };
        let pods = admitted.into_iter().chain([stored]);
        updates.extend(pods.map(|pod| update(request, &pod, |pod| set(pod, "labels", json!({LABEL: "true"})))));
    }
    updates
}

/// The pod with all that garbage collection writes.
fn held(pod: &Value) -> Value {
    let owner = json!({"apiVersion": "v1", "kind": "Node", "name": "node", "uid": "0"});
    let mut pod = pod.clone();
    set(&mut pod, "finalizers", json!([LABEL]));
    set(&mut pod, "ownerReferences", json!([owner]));
    set(&mut pod, "managedFields", json!([{"manager": "m", "operation": "Update", "apiVersion": "v1"}]));
    pod
}

/// The manifest with what `after` says other than `before`.
fn written(pod: &Value, before: &PodView<'_>, after: &PodView<'_>) -> Value {
    let mut pod = pod.clone();
    after.write_into(before, &mut pod);
    pod
}

fn update(request: &PodRequest, old: &Value, change: impl Fn(&mut Value)) -> PodRequest {
    let mut pod = old.clone();
    change(&mut pod);
    PodRequest { operation: Operation::Update, old_pod: Some(old.clone()), pod, ..request.clone() }
}

/// Sets or joins what is under a key of the metadata.
fn set(pod: &mut Value, key: &str, value: Value) {
    let Some(metadata) = pod.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    match (metadata.get_mut(key), value) {
        (Some(Value::Object(old)), Value::Object(new)) => old.extend(new),
        (_, value) => drop(metadata.insert(key.to_owned(), value)),
    }
}
