//! `runAsNonRoot` (restricted, v1.0): every container must promise not to run as root.
//!
//! Fields: `securityContext.runAsNonRoot` of containers must be true, or absent under a pod-level true. A pod-level
//! false is refused even if every container says true. `runAsUser` does not stand in for it. From v1.35 a pod in a user
//! namespace (`hostUsers: false`) is left out.

use super::text::{push_containers, push_setters};
use super::{Check, Revision};
use crate::targets::psa::level::Level;
use crate::targets::psa::pod::{ContainerFacts, PodFacts, SecurityFacts};

pub(super) const CHECK: Check = Check {
    id: "runAsNonRoot",
    level: Level::Restricted,
    overrides: None,
    reason: |_| "runAsNonRoot != true",
    revisions: &[
        Revision { since: 0, violated, detail },
        Revision { since: 35, violated: |pod| !pod.user_namespace && violated(pod), detail },
    ],
};

fn refuses(security: &SecurityFacts<'_>) -> bool {
    security.run_as_non_root == Some(false)
}

fn is_silent(container: &ContainerFacts<'_>) -> bool {
    container.security.run_as_non_root.is_none()
}

fn some_refuse(pod: &PodFacts<'_>) -> bool {
    refuses(&pod.security) || pod.containers.iter().any(|container| refuses(&container.security))
}

fn violated(pod: &PodFacts<'_>) -> bool {
    let covered = pod.security.run_as_non_root == Some(true);
    some_refuse(pod) || (!covered && pod.containers.iter().any(is_silent))
}

/// Upstream names the silent containers only when nobody says false.
fn detail(pod: &PodFacts<'_>, out: &mut String) {
    if some_refuse(pod) {
        push_setters(out, pod, refuses(&pod.security), |container| refuses(&container.security));
        out.push_str(" must not set securityContext.runAsNonRoot=false");
    } else {
        out.push_str("pod or ");
        push_containers(out, pod, is_silent);
        out.push_str(" must set securityContext.runAsNonRoot=true");
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::expect;
    use super::*;
    use serde_json::json;

    const POD: &str = "/spec/securityContext/runAsNonRoot";
    const CONTAINER: &str = "/spec/containers/0/securityContext/runAsNonRoot";

    #[test]
    fn silent_containers_need_the_pod() {
        let text = "runAsNonRoot != true (pod or containers \"i\", \"e\" must set securityContext.runAsNonRoot=true)";
        expect(&CHECK, 0, &[(POD, json!(null)), (CONTAINER, json!(true))], text);
    }

    #[test]
    fn a_false_hides_the_silent_ones() {
        let text = "runAsNonRoot != true (container \"c\" must not set securityContext.runAsNonRoot=false)";
        expect(&CHECK, 0, &[(POD, json!(null)), (CONTAINER, json!(false))], text);
        let text = "runAsNonRoot != true (pod and container \"c\" must not set securityContext.runAsNonRoot=false)";
        expect(&CHECK, 34, &[(POD, json!(false)), (CONTAINER, json!(false))], text);
        let text = "runAsNonRoot != true (pod must not set securityContext.runAsNonRoot=false)";
        expect(&CHECK, 34, &[(POD, json!(false)), (CONTAINER, json!(true))], text);
    }

    #[test]
    fn a_user_id_is_no_promise() {
        let text =
            "runAsNonRoot != true (pod or containers \"i\", \"c\", \"e\" must set securityContext.runAsNonRoot=true)";
        expect(&CHECK, 0, &[(POD, json!(null)), ("/spec/securityContext/runAsUser", json!(1000))], text);
    }

    #[test]
    fn user_namespaces_lift_it_from_35() {
        let edits = [(POD, json!(false)), ("/spec/hostUsers", json!(false))];
        expect(&CHECK, 34, &edits, "runAsNonRoot != true (pod must not set securityContext.runAsNonRoot=false)");
        expect(&CHECK, 35, &edits, "");
    }
}
