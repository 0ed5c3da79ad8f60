//! What a pod or workload relies on: the values that PodSecurityPolicy fills in, written where the manifest has its pod.
//!
//! The policy is the one that the plug-in chooses for the pod's real creator. Every result is decided about again before
//! anybody gets to see it.

use std::borrow::Cow;

use serde_json::Value;

use crate::admission::Verdict;
use crate::admission::seccomp_field_for;
use crate::cluster::{Cluster, Outcome};
use crate::input::Sourced;
use crate::modern::in_todays_terms;
use crate::pod_view::{PodView, Seccomp};
use crate::report::decision::{Decision, Word};
use crate::requests::{Manifests, PodRequest, pod_path};

/// A manifest that PodSecurityPolicy would admit only after filling it in.
pub(super) struct Reliance<'a> {
    /// The manifest as it was written.
    pub(super) object: &'a Sourced<Value>,
    /// The request for its pod.
    pub(super) request: PodRequest,
    /// The policy whose fills it relies on.
    pub(super) policy: String,
    /// The manifest with the values written into it.
    pub(super) patched: Value,
    /// How the seccomp profile is written, if one is.
    pub(super) seccomp: SeccompForm,
}

/// How a default seccomp profile is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SeccompForm {
    /// As the field, which every server since 1.19 knows; a server up to 1.26 derives the annotation from it by itself.
    Field,
    /// As field and annotation: another policy would fill the pod in as long as the annotation is missing.
    Both,
    /// As the annotation: the old server has no field, or the profile has no spelling as one.
    Annotation,
}

/// What becomes of a manifest.
pub(super) enum Finding<'a> {
    /// It is admitted as it is.
    Untouched,
    /// It relies on what a policy fills in.
    Relies(Box<Reliance<'a>>),
    /// Its pod is not admitted, or cannot be read.
    NotAdmitted(String),
    /// It relies on what a policy fills in, and none of the forms stands up to being decided about again.
    NotProvable {
        /// The policy whose fills it relies on.
        policy: String,
    },
}

/// What a manifest relies on.
pub(super) fn finding<'a>(cluster: &Cluster, manifests: &Manifests, object: &'a Sourced<Value>) -> Finding<'a> {
    let Some(request) = manifests.request(&object.value, &object.source) else {
        return Finding::NotAdmitted("it has no pod".to_owned());
    };
    let view = match PodView::read(&request.pod, cluster.plugin().release()) {
        Ok(view) => view,
        Err(error) => return Finding::NotAdmitted(error.to_string()),
    };
    let Some(by) = admitting_policy(cluster, &request, &view) else {
        let decision = Decision::of(cluster, &request).ok();
        let message = decision.and_then(|decision| decision.message);
        return Finding::NotAdmitted(message.unwrap_or_else(|| "no policy admits its pod".to_owned()));
    };
    let Some(filled) = cluster.plugin().filled(by, &view).filter(|filled| relies(&view, filled)) else {
        return Finding::Untouched;
    };
    let policy = cluster.plugin().policies().get(by).map(|policy| policy.name().to_owned()).unwrap_or_default();
    let forms = [SeccompForm::Field, SeccompForm::Both, SeccompForm::Annotation];
    let candidates = forms.into_iter().filter_map(|form| Some((form, form.of(cluster, &view, &filled)?)));
    for (seccomp, filled) in candidates {
        let mut patched = object.value.clone();
        if let Some(pod) = pod_path(&object.value).and_then(|path| patched.pointer_mut(path)) {
            filled.write_into(&view, pod);
        }
        if settles(cluster, manifests, &request, &patched) {
            let reliance = Reliance { object, request: request.clone(), policy, patched, seccomp };
            return Finding::Relies(Box::new(reliance));
        }
    }
    Finding::NotProvable { policy }
}

fn admitting_policy(cluster: &Cluster, request: &PodRequest, view: &PodView<'_>) -> Option<usize> {
    match cluster.decide(&request.as_request(), view) {
        Outcome::Decided(Verdict::Admitted { by, .. }) => Some(by),
        _ => None,
    }
}

/// Whether a policy fills in more than the annotation that repeats the pod's own seccomp field: the server writes that
/// one by itself.
fn relies(pod: &PodView<'_>, filled: &PodView<'_>) -> bool {
    let repeats = pod.seccomp.field.is_some() && filled.seccomp.annotation == pod.seccomp.field;
    let seccomp = if repeats { pod.seccomp.clone() } else { filled.seccomp.clone() };
    *pod != PodView { seccomp, ..filled.clone() }
}

impl SeccompForm {
    /// The filled pod with its seccomp profile in this form; `None` where the form cannot hold it.
    fn of<'a>(self, cluster: &Cluster, pod: &PodView<'a>, filled: &PodView<'a>) -> Option<PodView<'a>> {
        let profile = filled.seccomp.annotation.clone().filter(|_| filled.seccomp != pod.seccomp);
        let Some(profile) = profile else {
            // Nothing is filled in here, and one form is enough.
            return (self == Self::Field).then(|| filled.clone());
        };
        let field = seccomp_field_for(&profile).map(|field| Cow::Owned(field.into_owned()));
        let field = field.filter(|_| cluster.plugin().release().has_seccomp_fields());
        let annotation = || filled.seccomp.annotation.clone();
        let seccomp = match self {
            Self::Field => Seccomp { field: Some(field?), annotation: pod.seccomp.annotation.clone() },
            Self::Both => Seccomp { field: Some(field?), annotation: annotation() },
            Self::Annotation => Seccomp { field: pod.seccomp.field.clone(), annotation: annotation() },
        };
        Some(PodView { seccomp, ..filled.clone() })
    }
}

/// Whether the patched manifest is admitted without being filled in, and ends as the very pod that the old one ended as.
pub(super) fn settles(cluster: &Cluster, manifests: &Manifests, before: &PodRequest, patched: &Value) -> bool {
    let Some(after) = manifests.request(patched, &before.source) else { return false };
    let (Ok(was), Ok(now)) = (Decision::of(cluster, before), Decision::of(cluster, &after)) else { return false };
    let is_same = || match (&was.pod, &now.pod) {
        (Some(was), Some(now)) => in_todays_terms(was, false) == in_todays_terms(now, false),
        _ => false,
    };
    now.verdict == Word::Admitted && !is_filled_in(cluster, &after) && is_same()
}

/// Whether some policy is needed that fills the pod in.
pub(super) fn is_filled_in(cluster: &Cluster, request: &PodRequest) -> bool {
    let Ok(view) = PodView::read(&request.pod, cluster.plugin().release()) else { return false };
    let by = admitting_policy(cluster, request, &view);
    let filled = by.and_then(|by| cluster.plugin().filled(by, &view));
    filled.is_some_and(|filled| relies(&view, &filled))
}
