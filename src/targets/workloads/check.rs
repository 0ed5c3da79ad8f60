//! Reads patches and whole manifests back, puts them on the given manifests, and has PodSecurityPolicy decide again.

use serde_json::{Value, json};

use super::component::API_VERSION;
use super::patch::apply_json;
use super::reliance::{is_filled_in, settles};
use super::{identity, label, strategic};
use crate::cluster::Cluster;
use crate::compare::{Agreement, Comparison};
use crate::input::Sourced;
use crate::report::decision::{Decision, Word};
use crate::requests::{Manifests, PodRequest, pod_path};
use crate::targets::{Checked, TargetVerdict, Unsupported};

/// One outcome for each given manifest and each document that is about it, and one for a manifest that no document is
/// about.
pub(super) fn check(cluster: &Cluster, manifests: &Manifests, documents: &[Value]) -> Vec<Checked> {
    let edits: Vec<Edit<'_>> = documents.iter().flat_map(edits).collect();
    let mut checked = Vec::new();
    for object in manifests.objects() {
        let Some(request) = manifests.request(&object.value, &object.source) else { continue };
        let Ok(psp) = Decision::of(cluster, &request) else { continue };
        let own: Vec<_> = edits.iter().filter(|edit| edit.is_about(object)).collect();
        let mut results: Vec<Result<Value, String>> = own.iter().filter_map(|edit| edit.whole()).collect();
        let patches: Vec<_> = own.iter().filter(|edit| edit.whole().is_none()).collect();
        if !patches.is_empty() || results.is_empty() {
            let patched = patches.iter().try_fold(object.value.clone(), |value, edit| edit.apply(&value));
            results.push(patched);
        }
        for patched in results {
            let comparison = compare(cluster, manifests, &request, &psp, patched, &label(&object.value));
            checked.push(Checked { request: request.clone(), comparison });
        }
    }
    checked
}

/// Something that changes one object.
enum Edit<'d> {
    /// The manifest itself, changed.
    Whole(&'d Value),
    Strategic(&'d Value),
    Json {
        target: &'d Value,
        operations: Result<Value, String>,
    },
}

/// The edits in a document.
fn edits(document: &Value) -> Vec<Edit<'_>> {
    if document.get("apiVersion").is_some_and(|version| version == API_VERSION) {
        let entries = document.get("patches").and_then(Value::as_array).into_iter().flatten();
        return entries.filter_map(inline_patch).collect();
    }
    match pod_path(document) {
        None => Vec::new(),
        Some(_) if has_image(document) => vec![Edit::Whole(document)],
        Some(_) => vec![Edit::Strategic(document)],
    }
}

/// A patch that stands in the component as text.
fn inline_patch(entry: &Value) -> Option<Edit<'_>> {
    let operations = serde_json::from_str(entry.get("patch")?.as_str()?).map_err(|error| error.to_string());
    Some(Edit::Json { target: entry.get("target")?, operations })
}

/// Only a manifest says what its containers run; a patch that did would not be one of fills.
fn has_image(document: &Value) -> bool {
    let pod = pod_path(document).and_then(|path| document.pointer(path));
    let containers = pod.and_then(|pod| pod.pointer("/spec/containers")).and_then(Value::as_array);
    containers.into_iter().flatten().any(|container| container.get("image").is_some())
}

impl Edit<'_> {
    fn is_about(&self, object: &Sourced<Value>) -> bool {
        let (kind, namespace, name) = identity(&object.value);
        match self {
            Self::Whole(document) | Self::Strategic(document) => {
                let same = identity(document) == (kind, namespace, name);
                let version = |value: &Value| value.get("apiVersion").cloned();
                same && !name.is_empty() && version(document) == version(&object.value)
            }
            Self::Json { target, .. } => super::component::target(&object.value) == **target,
        }
    }

    fn whole(&self) -> Option<Result<Value, String>> {
        match self {
            Self::Whole(document) => Some(Ok((*document).clone())),
            _ => None,
        }
    }

    fn apply(&self, object: &Value) -> Result<Value, String> {
        match self {
            Self::Whole(document) => Ok((*document).clone()),
            Self::Strategic(patch) => strategic::apply(object, patch),
            Self::Json { operations, .. } => apply_json(object, operations.as_ref().map_err(Clone::clone)?),
        }
    }
}

fn compare(
    cluster: &Cluster,
    manifests: &Manifests,
    request: &PodRequest,
    psp: &Decision,
    patched: Result<Value, String>,
    label: &str,
) -> Comparison {
    let outcome = patched.and_then(|patched| {
        let after = manifests.request(&patched, &request.source).ok_or("it has no pod any more")?;
        let decision = Decision::of(cluster, &after).map_err(|error| error.to_string())?;
        Ok((patched, after, decision))
    });
    let (agreement, target) = match outcome {
        Ok((patched, after, decision)) => {
            let admitted = |decision: &Decision| matches!(decision.verdict, Word::Admitted | Word::Ignored);
            let agreement = match (admitted(psp), admitted(&decision)) {
                (true, false) => Agreement::Stricter,
                (false, true) => Agreement::Looser,
                (true, true) if !settles(cluster, manifests, request, &patched) => Agreement::FilledDifferently,
                _ => Agreement::Agree,
            };
            let mut messages: Vec<String> = decision.message.iter().cloned().collect();
            if admitted(&decision) && is_filled_in(cluster, &after) {
                messages.push("a policy still has to fill this in".to_owned());
            }
            let allowed = admitted(&decision);
            (agreement, TargetVerdict { allowed, messages, pod: after.pod.clone(), ..TargetVerdict::default() })
        }
        Err(why) => {
            let unsupported = Unsupported { document: label.to_owned(), path: String::new(), why };
            let verdict =
                TargetVerdict { unsupported: vec![unsupported], pod: json!({}).into(), ..TargetVerdict::default() };
            (Agreement::NotEvaluated, verdict)
        }
    };
    Comparison { agreement, psp: psp.clone(), target, seen_otherwise: Vec::new() }
}
