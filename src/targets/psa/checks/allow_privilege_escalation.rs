//! `allowPrivilegeEscalation` (restricted, v1.8): every container must rule out gaining privileges.
//!
//! Fields: `containers[*].securityContext.allowPrivilegeEscalation` must be false; absent is refused, and there is no
//! field of the pod to inherit. From v1.25 pods of Windows (`spec.os.name`) are left out.

use super::text::push_containers;
use super::{Check, Revision};
use crate::targets::psa::level::Level;
use crate::targets::psa::pod::{ContainerFacts, PodFacts};

pub(super) const CHECK: Check = Check {
    id: "allowPrivilegeEscalation",
    level: Level::Restricted,
    overrides: None,
    reason: |_| "allowPrivilegeEscalation != false",
    revisions: &[
        Revision { since: 8, violated, detail },
        Revision { since: 25, violated: |pod| !pod.windows && violated(pod), detail },
    ],
};

fn bad(container: &ContainerFacts<'_>) -> bool {
    container.allow_privilege_escalation != Some(false)
}

fn violated(pod: &PodFacts<'_>) -> bool {
    pod.containers.iter().any(bad)
}

fn detail(pod: &PodFacts<'_>, out: &mut String) {
    push_containers(out, pod, bad);
    out.push_str(" must set securityContext.allowPrivilegeEscalation=false");
}

#[cfg(test)]
mod tests {
    use super::super::fixture::expect;
    use super::*;
    use serde_json::json;

    const FIELD: &str = "/spec/containers/0/securityContext/allowPrivilegeEscalation";
    const ONE: &str = "allowPrivilegeEscalation != false (container \"c\" must set \
                       securityContext.allowPrivilegeEscalation=false)";

    #[test]
    fn true_and_absent_are_refused() {
        expect(&CHECK, 8, &[(FIELD, json!(true))], ONE);
        expect(&CHECK, 8, &[(FIELD, json!(null))], ONE);
        expect(&CHECK, 7, &[(FIELD, json!(true))], "");
        let edits = [("/spec/initContainers/0/securityContext", json!(null)), (FIELD, json!(true))];
        let text = "allowPrivilegeEscalation != false (containers \"i\", \"c\" must set \
                    securityContext.allowPrivilegeEscalation=false)";
        expect(&CHECK, 37, &edits, text);
    }

    #[test]
    fn windows_is_left_out_from_25() {
        let windows = [(FIELD, json!(true)), ("/spec/os/name", json!("windows"))];
        expect(&CHECK, 24, &windows, ONE);
        expect(&CHECK, 25, &windows, "");
    }
}
