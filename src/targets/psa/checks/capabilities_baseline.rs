//! `capabilities_baseline` (baseline, v1.0): only the container runtimes' default capabilities may be added.
//!
//! Fields: every item of `containers[*].securityContext.capabilities.add` must be on the list, case-sensitively and
//! without `CAP_`. What is dropped does not matter.

use super::text::{push_containers, push_quoted, set};
use super::{Check, Revision};
use crate::targets::psa::level::Level;
use crate::targets::psa::pod::{ContainerFacts, PodFacts, strings};

pub(super) const CHECK: Check = Check {
    id: "capabilities_baseline",
    level: Level::Baseline,
    overrides: None,
    reason: |_| "non-default capabilities",
    revisions: &[Revision { since: 0, violated: |pod| pod.containers.iter().any(bad), detail }],
};

/// The container runtimes' default capabilities.
pub(in crate::targets::psa) const DEFAULTS: [&str; 13] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

fn forbidden<'a>(container: &ContainerFacts<'a>) -> impl Iterator<Item = &'a str> + use<'a> {
    strings(container.add).filter(|capability| !DEFAULTS.contains(capability))
}

fn bad(container: &ContainerFacts<'_>) -> bool {
    forbidden(container).next().is_some()
}

fn detail(pod: &PodFacts<'_>, out: &mut String) {
    push_containers(out, pod, bad);
    out.push_str(" must not include ");
    push_quoted(out, set(pod.containers.iter().flat_map(forbidden)));
    out.push_str(" in securityContext.capabilities.add");
}

#[cfg(test)]
mod tests {
    use super::super::fixture::expect;
    use super::*;
    use serde_json::json;

    const ADD: &str = "/spec/containers/0/securityContext/capabilities/add";

    #[test]
    fn the_default_capabilities_pass() {
        expect(&CHECK, 0, &[(ADD, json!(DEFAULTS))], "");
        expect(&CHECK, 0, &[(ADD, json!([]))], "");
    }

    #[test]
    fn names_are_compared_exactly_and_listed_sorted_once() {
        let text = "non-default capabilities (containers \"i\", \"c\" must not include \"ALL\", \"CAP_CHOWN\", \"chown\" in \
                    securityContext.capabilities.add)";
        let init = ("/spec/initContainers/0/securityContext/capabilities/add", json!(["ALL"]));
        expect(&CHECK, 0, &[(ADD, json!(["chown", "KILL", "CAP_CHOWN", "ALL"])), init], text);
    }
}
