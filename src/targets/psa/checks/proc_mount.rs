//! `procMount` (baseline, v1.0): the masks over `/proc` stay on.
//!
//! Fields: `containers[*].securityContext.procMount` must be absent or `Default`; empty is refused. From v1.35 a pod in
//! a user namespace (`hostUsers: false`) may set anything.

use super::text::{push_containers, push_quoted, set};
use super::{Check, Revision};
use crate::targets::psa::level::Level;
use crate::targets::psa::pod::{ContainerFacts, PodFacts};

pub(super) const CHECK: Check = Check {
    id: "procMount",
    level: Level::Baseline,
    overrides: None,
    reason: |_| "procMount",
    revisions: &[
        Revision { since: 0, violated, detail },
        Revision { since: 35, violated: |pod| !pod.user_namespace && violated(pod), detail },
    ],
};

fn forbidden<'a>(container: &ContainerFacts<'a>) -> Option<&'a str> {
    container.proc_mount.filter(|kind| *kind != "Default")
}

/// The rule without its exception, which the restricted level keeps.
pub(super) fn violated(pod: &PodFacts<'_>) -> bool {
    pod.containers.iter().any(|container| forbidden(container).is_some())
}

pub(super) fn detail(pod: &PodFacts<'_>, out: &mut String) {
    push_containers(out, pod, |container| forbidden(container).is_some());
    out.push_str(" must not set securityContext.procMount to ");
    push_quoted(out, set(pod.containers.iter().filter_map(forbidden)));
}

#[cfg(test)]
mod tests {
    use super::super::fixture::expect;
    use super::*;
    use serde_json::json;

    const PROC_MOUNT: &str = "/spec/containers/0/securityContext/procMount";

    #[test]
    fn anything_but_default_is_refused() {
        let edits =
            [(PROC_MOUNT, json!("Unmasked")), ("/spec/ephemeralContainers/0/securityContext/procMount", json!(""))];
        let text = "procMount (containers \"c\", \"e\" must not set securityContext.procMount to \"\", \"Unmasked\")";
        expect(&CHECK, 0, &edits, text);
        expect(&CHECK, 0, &[(PROC_MOUNT, json!("Default"))], "");
    }

    #[test]
    fn user_namespaces_lift_it_from_35() {
        let edits = [(PROC_MOUNT, json!("Unmasked")), ("/spec/hostUsers", json!(false))];
        let text = "procMount (container \"c\" must not set securityContext.procMount to \"Unmasked\")";
        expect(&CHECK, 34, &edits, text);
        expect(&CHECK, 35, &edits, "");
        expect(&CHECK, 35, &[(PROC_MOUNT, json!("Unmasked")), ("/spec/hostUsers", json!(true))], text);
    }
}
