//! `capabilities_restricted` (restricted, v1.22): every container drops `ALL` and adds at most `NET_BIND_SERVICE`.
//!
//! Fields: `containers[*].securityContext.capabilities`; `drop` must hold the exact word `ALL`, so absence is refused.
//! From v1.25 pods of Windows (`spec.os.name`) are left out.

use super::text::{push_containers, push_quoted, set};
use super::{Check, Revision};
use crate::targets::psa::level::Level;
use crate::targets::psa::pod::{ContainerFacts, PodFacts, strings};

pub(super) const CHECK: Check = Check {
    id: "capabilities_restricted",
    level: Level::Restricted,
    overrides: Some("capabilities_baseline"),
    reason: |_| "unrestricted capabilities",
    revisions: &[
        Revision { since: 22, violated, detail },
        Revision { since: 25, violated: |pod| !pod.windows && violated(pod), detail },
    ],
};

fn keeps_some(container: &ContainerFacts<'_>) -> bool {
    !strings(container.drop).any(|capability| capability == "ALL")
}

fn forbidden<'a>(container: &ContainerFacts<'a>) -> impl Iterator<Item = &'a str> + use<'a> {
    strings(container.add).filter(|capability| *capability != "NET_BIND_SERVICE")
}

fn adds_some(container: &ContainerFacts<'_>) -> bool {
    forbidden(container).next().is_some()
}

fn violated(pod: &PodFacts<'_>) -> bool {
    pod.containers.iter().any(|container| keeps_some(container) || adds_some(container))
}

fn detail(pod: &PodFacts<'_>, out: &mut String) {
    let keeping = pod.containers.iter().any(keeps_some);
    let adding = pod.containers.iter().any(adds_some);
    if keeping {
        push_containers(out, pod, keeps_some);
        out.push_str(" must set securityContext.capabilities.drop=[\"ALL\"]");
    }
    if keeping && adding {
        out.push_str("; ");
    }
    if adding {
        push_containers(out, pod, adds_some);
        out.push_str(" must not include ");
        push_quoted(out, set(pod.containers.iter().flat_map(forbidden)));
        out.push_str(" in securityContext.capabilities.add");
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::expect;
    use super::*;
    use serde_json::json;

    const CAPABILITIES: &str = "/spec/containers/0/securityContext/capabilities";
    const KEEPS: &str =
        "unrestricted capabilities (container \"c\" must set securityContext.capabilities.drop=[\"ALL\"])";

    #[test]
    fn all_must_be_dropped_by_that_word() {
        for capabilities in [json!(null), json!({}), json!({"drop": ["all", "CAP_ALL", "CHOWN"]})] {
            expect(&CHECK, 22, &[(CAPABILITIES, capabilities)], KEEPS);
        }
    }

    #[test]
    fn only_net_bind_service_may_be_added() {
        let add = |list| json!({"drop": ["CHOWN", "ALL"], "add": list});
        expect(&CHECK, 22, &[(CAPABILITIES, add(json!(["NET_BIND_SERVICE"])))], "");
        let text = "unrestricted capabilities (containers \"i\", \"e\" must set \
                    securityContext.capabilities.drop=[\"ALL\"]; container \"c\" must not include \"CHOWN\", \
                    \"SYS_ADMIN\" in securityContext.capabilities.add)";
        let edits = [
            ("/spec/initContainers/0/securityContext", json!(null)),
            ("/spec/ephemeralContainers/0/securityContext/capabilities/drop", json!([])),
            (CAPABILITIES, add(json!(["SYS_ADMIN", "NET_BIND_SERVICE", "CHOWN"]))),
        ];
        expect(&CHECK, 37, &edits, text);
    }

    #[test]
    fn windows_is_left_out_from_25() {
        let windows = [(CAPABILITIES, json!(null)), ("/spec/os", json!({"name": "windows"}))];
        expect(&CHECK, 24, &windows, KEEPS);
        expect(&CHECK, 25, &windows, "");
        expect(&CHECK, 25, &[(CAPABILITIES, json!(null)), ("/spec/os", json!({"name": "linux"}))], KEEPS);
    }
}
