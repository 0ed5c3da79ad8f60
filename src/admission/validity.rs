//! The rules of API validation that a fill can run into: the plug-in can turn a valid pod into one that the API server
//! then refuses (`pkg/apis/core/validation/validation.go`). Everything else of API validation is not looked at.
//!
//! * `allowPrivilegeEscalation: false` beside `privileged: true`, or beside an added `CAP_SYS_ADMIN`;
//! * user and group ids beyond 2147483647;
//! * seccomp fields and annotations that disagree.

use crate::field_error::FieldError;
use crate::pod_view::{Container, PodView, Seccomp};

/// What the API server says against the pod. Where it prints a Go struct, the struct's contents are left out.
pub(crate) fn errors(pod: &PodView<'_>) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let context = "spec.securityContext";
    check_id(pod.fs_group, || format!("{context}.fsGroup"), &mut errors);
    for (index, group) in pod.supplemental_groups.iter().flat_map(|groups| groups.iter()).enumerate() {
        check_id(Some(*group), || format!("{context}.supplementalGroups[{index}]"), &mut errors);
    }
    check_seccomp(&pod.seccomp, || context.to_owned(), &mut errors);
    for container in &pod.containers {
        check_container(container, &mut errors);
    }
    errors
}

fn check_container(container: &Container<'_>, errors: &mut Vec<FieldError>) {
    let context = || format!("{container}.securityContext");
    check_id(container.run_as_user, || format!("{}.runAsUser", context()), errors);
    check_id(container.run_as_group, || format!("{}.runAsGroup", context()), errors);
    if container.allow_privilege_escalation == Some(false) {
        let mut refuse = |what: &str| {
            let detail = format!("cannot set `allowPrivilegeEscalation` to false and {what}");
            errors.push(FieldError::invalid(context(), "core.SecurityContext{…}", detail));
        };
        if container.privileged == Some(true) {
            refuse("`privileged` to true");
        }
        let added = container.capabilities.iter().flat_map(|capabilities| &capabilities.add);
        added.filter(|name| **name == "CAP_SYS_ADMIN").for_each(|_| refuse("`capabilities.Add` CAP_SYS_ADMIN"));
    }
    check_seccomp(&container.seccomp, context, errors);
}

fn check_id(id: Option<i64>, field: impl FnOnce() -> String, errors: &mut Vec<FieldError>) {
    if let Some(id) = id.filter(|id| !(0..=i64::from(i32::MAX)).contains(id)) {
        errors.push(FieldError::invalid(field(), id, "must be between 0 and 2147483647, inclusive"));
    }
}

fn check_seccomp(seccomp: &Seccomp<'_>, context: impl FnOnce() -> String, errors: &mut Vec<FieldError>) {
    let (Some(field), Some(annotation)) = (seccomp.field.as_deref(), seccomp.annotation.as_deref()) else {
        return;
    };
    let is_localhost = |profile: &str| profile.starts_with("localhost/");
    let annotation = if annotation == "docker/default" { "runtime/default" } else { annotation };
    if field == annotation || field.is_empty() {
        return;
    }
    let key = if is_localhost(field) && is_localhost(annotation) { "localhostProfile" } else { "type" };
    let what = if key == "type" { "type" } else { "profile" };
    let field = format!("{}.seccompProfile.{key}", context());
    errors.push(FieldError::forbidden(field, format!("seccomp {what} in annotation and field must match")));
}
