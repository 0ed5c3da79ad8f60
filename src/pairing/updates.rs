//! Updates of the pods that requests create: nothing is filled into them any more, and some of them nobody looks at.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rayon::prelude::*;
use serde_json::{Value, json};

use crate::admission::{Operation, Verdict};
use crate::cluster::{Cluster, Outcome};
use crate::input::Creator;
use crate::pod_view::PodView;
use crate::requests::PodRequest;

/// A label that no policy speaks of.
const LABEL: &str = "psp-migrate.example/changed";

/// For each pod that is created: a change of its labels, once as the policies left the pod and once as it came, as if
/// somebody else had been let in with it. And for each requester in each namespace, of a pod that would be denied, two updates
/// of nothing but what garbage collection writes and removes.
pub(super) fn of(cluster: &Cluster, requests: &[PodRequest]) -> Vec<PodRequest> {
    // Requests of several requesters for one pod follow each other.
    let by_pod: Vec<&[PodRequest]> = requests.chunk_by(|one, next| Arc::ptr_eq(&one.pod, &next.pod)).collect();
    let mut found: Vec<Vec<Created>> = by_pod.par_iter().map(|requests| created(cluster, requests)).collect();
    let mut tidied = Tidied::default();
    by_pod.iter().zip(&mut found).for_each(|(requests, created)| tidied.note(requests, created));
    by_pod.into_iter().zip(found).flat_map(|(requests, created)| all(requests, &created)).collect()
}

/// A pod that a request creates.
pub(super) struct Created {
    /// The request's position.
    at: usize,
    /// Of the pod as the policies left it, if that is not how it came, and of the pod as it came.
    changes: Vec<Change>,
    is_denied: bool,
    /// Whether garbage collection touches it.
    is_tidied: bool,
}

/// The requesters for whom garbage collection has touched a pod: namespace, user and groups.
#[derive(Default)]
pub(super) struct Tidied(BTreeSet<(String, String, Vec<String>)>);

impl Tidied {
    /// Whether garbage collection has touched a pod of somebody where the request is made.
    pub(super) fn has(&self, request: &PodRequest, requester: &Creator) -> bool {
        let Creator { user, groups } = requester.clone();
        self.0.contains(&(request.namespace.clone(), user, groups))
    }

    /// Has garbage collection touch the first denied pod of each requester.
    pub(super) fn note(&mut self, requests: &[PodRequest], created: &mut [Created]) {
        for created in created.iter_mut().filter(|created| created.is_denied) {
            let Some(request) = requests.get(created.at) else { continue };
            let Creator { user, groups } = request.requester.clone();
            created.is_tidied = self.0.insert((request.namespace.clone(), user, groups));
        }
    }
}

/// The updates of pods that requests for one pod create.
pub(super) fn all(requests: &[PodRequest], created: &[Created]) -> Vec<PodRequest> {
    let mut updates = Vec::new();
    for Created { at, changes, is_tidied, .. } in created {
        let Some(request) = requests.get(*at) else { continue };
        if let Some(stored) = changes.last().filter(|_| *is_tidied) {
            let held = Arc::new(held(&stored.old));
            updates.extend([update(request, &stored.old, &held), update(request, &held, &stored.old)]);
        }
        updates.extend(changes.iter().map(|change| update(request, &change.old, &change.new)));
    }
    updates
}

/// A change of a pod's labels. Many requests share one.
#[derive(Clone)]
struct Change {
    old: Arc<Value>,
    new: Arc<Value>,
}

impl Change {
    fn of(pod: Value) -> Self {
        Self { new: Arc::new(labelled(&pod)), old: Arc::new(pod) }
    }
}

/// What requests for one pod create.
pub(super) fn created(cluster: &Cluster, requests: &[PodRequest]) -> Vec<Created> {
    let creates = |(_, request): &(usize, &PodRequest)| {
        request.operation == Operation::Create && request.subresource.is_empty() && request.ignored.is_none()
    };
    let Some(pod) = requests.first().map(|request| &request.pod) else { return Vec::new() };
    let Ok(view) = PodView::read(pod, cluster.plugin().release()) else { return Vec::new() };
    let stored = Change::of(written(pod, &view, &cluster.plugin().stored(&view)));
    let mut admitted: BTreeMap<usize, Option<Change>> = BTreeMap::new();
    let create = |(at, request): (usize, &PodRequest)| {
        let outcome = cluster.decide(&request.as_request(), &view);
        let filled = match &outcome {
            Outcome::Decided(Verdict::Admitted { by, pod: filled, .. }) => {
                let filled = admitted.entry(*by).or_insert_with(|| {
                    let pod = written(pod, &view, filled);
                    (pod != *stored.old).then(|| Change::of(pod))
                });
                filled.clone()
            }
            _ => None,
        };
        let is_denied = matches!(outcome, Outcome::Decided(Verdict::Denied { .. }));
        Created { at, changes: filled.into_iter().chain([stored.clone()]).collect(), is_denied, is_tidied: false }
    };
    requests.iter().enumerate().filter(creates).map(create).collect()
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

fn update(request: &PodRequest, old: &Arc<Value>, new: &Arc<Value>) -> PodRequest {
    PodRequest { operation: Operation::Update, old_pod: Some(Arc::clone(old)), pod: Arc::clone(new), ..request.clone() }
}

/// The pod with one more label.
fn labelled(pod: &Value) -> Value {
    let mut pod = pod.clone();
    set(&mut pod, "labels", json!({LABEL: "true"}));
    pod
}

/// Sets or joins what is under a key of the metadata.
fn set(pod: &mut Value, key: &str, value: Value) {
    let Some(metadata) = pod.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    match (metadata.get_mut(key), value) {
        (Some(Value::Object(old)), Value::Object(new)) => old.extend(new),
        (_, value) => drop(metadata.insert(key.to_owned(), value)),
    }
}
