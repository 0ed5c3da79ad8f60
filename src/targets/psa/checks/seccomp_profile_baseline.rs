//! `seccompProfile_baseline` (baseline): seccomp may not be switched off.
//!
//! Before v1.19 only annotations count: `seccomp.security.alpha.kubernetes.io/pod`, and
//! `container.seccomp.security.alpha.kubernetes.io/NAME` for containers that exist, must be absent, `runtime/default`,
//! `docker/default` or start with `localhost/`; empty is refused. From v1.19 only fields count:
//! `securityContext.seccompProfile.type` of pod and containers must be absent, `RuntimeDefault` or `Localhost`; a profile
//! without a type is refused.

use super::text::{plural, push_list, push_quoted, push_setters, set};
use super::{Check, Revision};
use crate::field_error::go_quote;
use crate::targets::psa::level::Level;
use crate::targets::psa::pod::{PodFacts, SecurityFacts};

pub(super) const CHECK: Check = Check {
    id: "seccompProfile_baseline",
    level: Level::Baseline,
    overrides: None,
    reason: |_| "seccompProfile",
    revisions: &[
        Revision { since: 0, violated: |pod| !bad_annotations(pod).is_empty(), detail: annotations_detail },
        Revision { since: 19, violated: some_bad_type, detail: types_detail },
    ],
};

const POD_ANNOTATION: &str = "seccomp.security.alpha.kubernetes.io/pod";
const CONTAINER_ANNOTATION_PREFIX: &str = "container.seccomp.security.alpha.kubernetes.io/";

/// `key="value"` of each forbidden annotation.
fn bad_annotations(pod: &PodFacts<'_>) -> Vec<String> {
    if pod.annotations.is_none() {
        return Vec::new();
    }
    let containers = pod.containers.iter().map(|c| format!("{CONTAINER_ANNOTATION_PREFIX}{}", c.name));
    let keys = std::iter::once(POD_ANNOTATION.to_string()).chain(containers);
    let values = keys.filter_map(|key| Some((pod.annotation(&key)?, key)));
    let bad = values.filter(|(value, _)| !is_allowed_annotation(value));
    bad.map(|(value, key)| format!("{key}={}", go_quote(value))).collect()
}

fn is_allowed_annotation(value: &str) -> bool {
    matches!(value, "runtime/default" | "docker/default") || value.starts_with("localhost/")
}

fn annotations_detail(pod: &PodFacts<'_>, out: &mut String) {
    let bad = bad_annotations(pod);
    let bad = set(bad.iter().map(String::as_str));
    out.push_str(plural(bad.len(), "forbidden annotation ", "forbidden annotations "));
    push_list(out, bad);
}

fn bad_type<'a>(security: &SecurityFacts<'a>) -> Option<&'a str> {
    security.seccomp.filter(|kind| !matches!(*kind, "RuntimeDefault" | "Localhost"))
}

fn bad_types<'a>(pod: &PodFacts<'a>) -> impl Iterator<Item = &'a str> {
    let containers = pod.containers.iter().filter_map(|container| bad_type(&container.security));
    bad_type(&pod.security).into_iter().chain(containers)
}

/// The rule of v1.19, which the restricted level contains.
pub(super) fn some_bad_type(pod: &PodFacts<'_>) -> bool {
    bad_types(pod).next().is_some()
}

pub(super) fn types_detail(pod: &PodFacts<'_>, out: &mut String) {
    push_setters(out, pod, bad_type(&pod.security).is_some(), |container| bad_type(&container.security).is_some());
    out.push_str(" must not set securityContext.seccompProfile.type to ");
    push_quoted(out, set(bad_types(pod)));
}

#[cfg(test)]
mod tests {
    use super::super::fixture::expect;
    use super::*;
    use serde_json::json;

    const POD: &str = "/spec/securityContext/seccompProfile";
    const CONTAINER: &str = "/spec/containers/0/securityContext/seccompProfile";

    #[test]
    fn annotations_count_for_existing_containers_before_19() {
        let edits = [
            ("/metadata/annotations/seccomp.security.alpha.kubernetes.io~1pod", json!("unconfined")),
            ("/metadata/annotations/container.seccomp.security.alpha.kubernetes.io~1c", json!("")),
            ("/metadata/annotations/container.seccomp.security.alpha.kubernetes.io~1i", json!("docker/default")),
            ("/metadata/annotations/container.seccomp.security.alpha.kubernetes.io~1ghost", json!("unconfined")),
        ];
        let text = "seccompProfile (forbidden annotations container.seccomp.security.alpha.kubernetes.io/c=\"\", \
                    seccomp.security.alpha.kubernetes.io/pod=\"unconfined\")";
        expect(&CHECK, 18, &edits, text);
        expect(&CHECK, 19, &edits, "");
        let text = "seccompProfile (forbidden annotation seccomp.security.alpha.kubernetes.io/pod=\"unconfined\")";
        expect(&CHECK, 0, &edits[..1], text);
    }

    #[test]
    fn allowed_annotations_pass() {
        for value in ["runtime/default", "docker/default", "localhost/x"] {
            let key = "/metadata/annotations/seccomp.security.alpha.kubernetes.io~1pod";
            expect(&CHECK, 18, &[(key, json!(value))], "");
        }
    }

    #[test]
    fn fields_count_from_19() {
        let edits = [(POD, json!({"type": "Unconfined"})), (CONTAINER, json!({}))];
        let text = "seccompProfile (pod and container \"c\" must not set securityContext.seccompProfile.type to \"\", \
                    \"Unconfined\")";
        expect(&CHECK, 19, &edits, text);
        expect(&CHECK, 18, &edits, "");
        expect(&CHECK, 19, &[(POD, json!(null)), (CONTAINER, json!({"type": "Localhost"}))], "");
    }
}
