//! `seLinuxOptions` (baseline, v1.0): only the container types of SELinux, no user, no role.
//!
//! Fields: of `securityContext.seLinuxOptions` of pod and containers, `type` must be absent, empty or on the list, `user`
//! and `role` absent or empty; `level` is free. v1.31 adds one type.

use super::text::{plural, push_quoted, push_setters, set};
use super::{Check, Revision};
use crate::targets::psa::level::Level;
use crate::targets::psa::pod::{PodFacts, SecurityFacts};

pub(super) const CHECK: Check = Check {
    id: "seLinuxOptions",
    level: Level::Baseline,
    overrides: None,
    reason: |_| "seLinuxOptions",
    revisions: &[
        Revision { since: 0, violated: |pod| violated(pod, &TYPES), detail: |pod, out| detail(pod, &TYPES, out) },
        Revision {
            since: 31,
            violated: |pod| violated(pod, &TYPES_31),
            detail: |pod, out| detail(pod, &TYPES_31, out),
        },
    ],
};

const TYPES: [&str; 4] = ["", "container_t", "container_init_t", "container_kvm_t"];
const TYPES_31: [&str; 5] = ["", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"];

fn bad(security: &SecurityFacts<'_>, types: &[&str]) -> bool {
    let named = !security.se_linux_user.is_empty() || !security.se_linux_role.is_empty();
    named || !types.contains(&security.se_linux_type)
}

fn everyone<'p, 'a>(pod: &'p PodFacts<'a>) -> impl Iterator<Item = &'p SecurityFacts<'a>> {
    std::iter::once(&pod.security).chain(pod.containers.iter().map(|container| &container.security))
}

fn violated(pod: &PodFacts<'_>, types: &[&str]) -> bool {
    everyone(pod).any(|security| bad(security, types))
}

fn detail(pod: &PodFacts<'_>, types: &[&str], out: &mut String) {
    push_setters(out, pod, bad(&pod.security, types), |container| bad(&container.security, types));
    out.push_str(" set forbidden securityContext.seLinuxOptions: ");
    let kinds = everyone(pod).map(|security| security.se_linux_type);
    let forbidden = set(kinds.filter(|kind| !types.contains(kind)));
    let mut separator = "";
    if !forbidden.is_empty() {
        out.push_str(plural(forbidden.len(), "type ", "types "));
        push_quoted(out, forbidden);
        separator = "; ";
    }
    if everyone(pod).any(|security| !security.se_linux_user.is_empty()) {
        out.push_str(separator);
        out.push_str("user may not be set");
        separator = "; ";
    }
    if everyone(pod).any(|security| !security.se_linux_role.is_empty()) {
        out.push_str(separator);
        out.push_str("role may not be set");
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::expect;
    use super::*;
    use serde_json::json;

    const POD: &str = "/spec/securityContext/seLinuxOptions";
    const CONTAINER: &str = "/spec/containers/0/securityContext/seLinuxOptions";

    #[test]
    fn what_is_wrong_is_collected_over_pod_and_containers() {
        let edits = [(POD, json!({"type": "spc_t", "user": "u"})), (CONTAINER, json!({"type": "bad", "role": "r"}))];
        let text = "seLinuxOptions (pod and container \"c\" set forbidden securityContext.seLinuxOptions: types \"bad\", \
                    \"spc_t\"; user may not be set; role may not be set)";
        expect(&CHECK, 0, &edits, text);
        let role = [(CONTAINER, json!({"role": "r"}))];
        let text = "seLinuxOptions (container \"c\" set forbidden securityContext.seLinuxOptions: role may not be set)";
        expect(&CHECK, 37, &role, text);
    }

    #[test]
    fn level_is_free_and_empty_passes() {
        expect(&CHECK, 0, &[(POD, json!({})), (CONTAINER, json!({"level": "s0:c1", "type": ""}))], "");
        for kind in TYPES {
            expect(&CHECK, 0, &[(POD, json!({"type": kind}))], "");
        }
    }

    #[test]
    fn container_engine_passes_from_31() {
        let edits = [(POD, json!({"type": "container_engine_t"}))];
        let text = "seLinuxOptions (pod set forbidden securityContext.seLinuxOptions: type \"container_engine_t\")";
        expect(&CHECK, 30, &edits, text);
        expect(&CHECK, 31, &edits, "");
    }
}
