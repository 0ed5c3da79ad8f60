//! `runAsUser` (restricted, v1.23): nobody may ask for user 0.
//!
//! Fields: `securityContext.runAsUser` of pod and containers must be absent or not 0. A pod-level 0 is refused even if
//! every container overrides it. From v1.35 a pod in a user namespace (`hostUsers: false`) is left out.

use super::text::push_setters;
use super::{Check, Revision};
use crate::targets::psa::level::Level;
use crate::targets::psa::pod::{ContainerFacts, PodFacts};

pub(super) const CHECK: Check = Check {
    id: "runAsUser",
    level: Level::Restricted,
    overrides: None,
    reason: |_| "runAsUser=0",
    revisions: &[
        Revision { since: 23, violated, detail },
        Revision { since: 35, violated: |pod| !pod.user_namespace && violated(pod), detail },
    ],
};

fn bad(container: &ContainerFacts<'_>) -> bool {
    container.security.runs_as_user_zero
}

fn violated(pod: &PodFacts<'_>) -> bool {
    pod.security.runs_as_user_zero || pod.containers.iter().any(bad)
}

fn detail(pod: &PodFacts<'_>, out: &mut String) {
    push_setters(out, pod, pod.security.runs_as_user_zero, bad);
    out.push_str(" must not set runAsUser=0");
}

#[cfg(test)]
mod tests {
    use super::super::fixture::expect;
    use super::*;
    use serde_json::json;

    const POD: &str = "/spec/securityContext/runAsUser";
    const CONTAINER: &str = "/spec/containers/0/securityContext/runAsUser";

    #[test]
    fn the_pod_counts_even_when_overridden() {
        let edits = [(POD, json!(0)), (CONTAINER, json!(1))];
        expect(&CHECK, 23, &edits, "runAsUser=0 (pod must not set runAsUser=0)");
        expect(&CHECK, 22, &edits, "");
        expect(&CHECK, 23, &edits[1..], "");
    }

    #[test]
    fn pod_and_containers_are_named() {
        let edits = [(POD, json!(0)), (CONTAINER, json!(0))];
        expect(&CHECK, 34, &edits, "runAsUser=0 (pod and container \"c\" must not set runAsUser=0)");
        expect(&CHECK, 34, &edits[1..], "runAsUser=0 (container \"c\" must not set runAsUser=0)");
    }

    #[test]
    fn user_namespaces_lift_it_from_35() {
        let edits = [(POD, json!(0)), ("/spec/hostUsers", json!(false))];
        expect(&CHECK, 34, &edits, "runAsUser=0 (pod must not set runAsUser=0)");
        expect(&CHECK, 35, &edits, "");
    }
}
