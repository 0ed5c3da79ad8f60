//! `seccompProfile_restricted` (restricted, v1.19): every container must have a seccomp profile.
//!
//! Fields: `securityContext.seccompProfile.type` of pod and containers as at baseline; and every container must have a
//! profile of its own or stand under a valid one of the pod. From v1.25 pods of Windows (`spec.os.name`) are left out.

use super::seccomp_profile_baseline::{some_bad_type, types_detail};
use super::text::push_containers;
use super::{Check, Revision};
use crate::targets::psa::level::Level;
use crate::targets::psa::pod::{ContainerFacts, PodFacts};

pub(super) const CHECK: Check = Check {
    id: "seccompProfile_restricted",
    level: Level::Restricted,
    overrides: Some("seccompProfile_baseline"),
    reason: |_| "seccompProfile",
    revisions: &[
        Revision { since: 19, violated, detail },
        Revision { since: 25, violated: |pod| !pod.windows && violated(pod), detail },
    ],
};

fn is_silent(container: &ContainerFacts<'_>) -> bool {
    container.security.seccomp.is_none()
}

/// An invalid profile of the pod covers nobody, but then the invalid profile is what is reported.
fn violated(pod: &PodFacts<'_>) -> bool {
    some_bad_type(pod) || (pod.security.seccomp.is_none() && pod.containers.iter().any(is_silent))
}

/// Upstream names the silent containers only when nobody asks for a forbidden profile.
fn detail(pod: &PodFacts<'_>, out: &mut String) {
    if some_bad_type(pod) {
        types_detail(pod, out);
    } else {
        out.push_str("pod or ");
        push_containers(out, pod, is_silent);
        out.push_str(" must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\"");
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::expect;
    use super::*;
    use serde_json::json;

    const POD: &str = "/spec/securityContext/seccompProfile";
    const CONTAINER: &str = "/spec/containers/0/securityContext/seccompProfile";

    #[test]
    fn silent_containers_need_the_pod() {
        let edits = [(POD, json!(null)), (CONTAINER, json!({"type": "Localhost"}))];
        let text = "seccompProfile (pod or containers \"i\", \"e\" must set securityContext.seccompProfile.type to \
                    \"RuntimeDefault\" or \"Localhost\")";
        expect(&CHECK, 19, &edits, text);
        expect(&CHECK, 18, &edits, "");
    }

    #[test]
    fn a_forbidden_profile_hides_the_silent_ones() {
        let edits = [(POD, json!(null)), (CONTAINER, json!({"type": "Unconfined"}))];
        let text =
            "seccompProfile (container \"c\" must not set securityContext.seccompProfile.type to \"Unconfined\")";
        expect(&CHECK, 19, &edits, text);
    }

    #[test]
    fn windows_is_left_out_from_25() {
        let edits = [(POD, json!({"type": "Unconfined"})), ("/spec/os/name", json!("windows"))];
        let text = "seccompProfile (pod must not set securityContext.seccompProfile.type to \"Unconfined\")";
        expect(&CHECK, 24, &edits, text);
        expect(&CHECK, 25, &edits, "");
    }
}
