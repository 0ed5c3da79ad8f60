//! What the API server does to a pod between the two phases of a CREATE (`pkg/registry/core/pod/strategy.go`,
//! `PrepareForCreate`): fields behind a disabled gate are reset, seccomp fields and annotations are brought in step.

use std::borrow::Cow;

use crate::pod_view::{PodView, Seccomp};
use crate::release::Release;

/// Prepares a created pod and tells whether that changed it.
pub(super) fn for_create(pod: &mut PodView<'_>, release: &Release) -> bool {
    let mut changed = false;
    if !release.proc_mount_type {
        changed |= reset_proc_mounts(pod);
    }
    if release.has_seccomp_fields() {
        changed |= sync_seccomp(&mut pod.seccomp);
        for container in &mut pod.containers {
            changed |= sync_seccomp(&mut container.seccomp);
        }
    }
    changed
}

fn reset_proc_mounts(pod: &mut PodView<'_>) -> bool {
    let mut changed = false;
    for container in &mut pod.containers {
        if container.proc_mount.is_some_and(|kind| kind != "Default") {
            container.proc_mount = Some("Default");
            changed = true;
        }
    }
    changed
}

/// A field without its annotation writes the annotation, and the other way round; where both keys are there, or neither,
/// nothing happens. What has no counterpart is not carried over.
fn sync_seccomp(seccomp: &mut Seccomp<'_>) -> bool {
    match (&seccomp.field, &seccomp.annotation) {
        (Some(field), None) if !field.is_empty() => seccomp.annotation = Some(field.clone()),
        (None, Some(annotation)) => match seccomp_field_for(annotation) {
            Some(field) => seccomp.field = Some(field),
            None => return false,
        },
        _ => return false,
    }
    true
}

/// The field's spelling of an annotation, if it stands for a field value.
pub(crate) fn seccomp_field_for<'a>(annotation: &str) -> Option<Cow<'a, str>> {
    match annotation {
        "unconfined" => Some(Cow::Borrowed("unconfined")),
        "runtime/default" | "docker/default" => Some(Cow::Borrowed("runtime/default")),
        _ => {
            let file = annotation.strip_prefix("localhost/")?;
            (!file.is_empty()).then(|| Cow::Owned(annotation.to_owned()))
        }
    }
}
