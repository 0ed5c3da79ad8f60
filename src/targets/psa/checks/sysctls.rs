//! `sysctls` (baseline, v1.0): only sysctls that are isolated from the node and from other pods.
//!
//! Fields: every `securityContext.sysctls[*].name` of the pod must be on the list, which grows over the versions. Names
//! are compared as they are; values do not matter.

use serde_json::Value;

use super::text::push_list;
use super::{Check, Revision};
use crate::targets::psa::level::Level;
use crate::targets::psa::pod::string_at;

pub(super) const CHECK: Check = Check {
    id: "sysctls",
    level: Level::Baseline,
    overrides: None,
    reason: |_| "forbidden sysctls",
    revisions: &[revision::<0>(), revision::<27>(), revision::<29>(), revision::<32>(), revision::<37>()],
};

const fn revision<const SINCE: u64>() -> Revision {
    Revision {
        since: SINCE,
        violated: |pod| forbidden(pod.sysctls, SINCE).next().is_some(),
        detail: |pod, out| push_list(out, forbidden(pod.sysctls, SINCE)),
    }
}

/// The sysctls that are safe, each with the minor version in which it was declared to be.
pub(in crate::targets::psa) const SAFE: [(&str, u64); 14] = [
    ("kernel.shm_rmid_forced", 0),
    ("net.ipv4.ip_local_port_range", 0),
    ("net.ipv4.tcp_syncookies", 0),
    ("net.ipv4.ping_group_range", 0),
    ("net.ipv4.ip_unprivileged_port_start", 0),
    ("net.ipv4.ip_local_reserved_ports", 27),
    ("net.ipv4.tcp_keepalive_time", 29),
    ("net.ipv4.tcp_fin_timeout", 29),
    ("net.ipv4.tcp_keepalive_intvl", 29),
    ("net.ipv4.tcp_keepalive_probes", 29),
    ("net.ipv4.tcp_rmem", 32),
    ("net.ipv4.tcp_wmem", 32),
    ("net.ipv4.tcp_slow_start_after_idle", 37),
    ("net.ipv4.tcp_notsent_lowat", 37),
];

/// The names that are not safe yet, in the pod's order, repeated ones too.
fn forbidden(sysctls: &[Value], minor: u64) -> impl Iterator<Item = &str> {
    let names = sysctls.iter().map(|sysctl| string_at(sysctl, "name"));
    let is_safe = move |name: &str| SAFE.iter().any(|(safe, since)| *safe == name && *since <= minor);
    names.filter(move |name| !is_safe(name))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::expect;
    use super::*;
    use serde_json::json;

    const SYSCTLS: &str = "/spec/securityContext/sysctls";

    #[test]
    fn names_keep_their_order_and_repeat() {
        let sysctls =
            json!([{"name": "z.b"}, {"name": "net.ipv4.tcp_keepalive_time"}, {"name": "a.a"}, {"name": "z.b"}]);
        let text = "forbidden sysctls (z.b, net.ipv4.tcp_keepalive_time, a.a, z.b)";
        expect(&CHECK, 28, &[(SYSCTLS, sysctls.clone())], text);
        expect(&CHECK, 29, &[(SYSCTLS, sysctls)], "forbidden sysctls (z.b, a.a, z.b)");
    }

    #[test]
    fn each_list_starts_in_its_version() {
        let first = [
            (0, "kernel.shm_rmid_forced"),
            (0, "net.ipv4.ip_local_port_range"),
            (0, "net.ipv4.tcp_syncookies"),
            (0, "net.ipv4.ping_group_range"),
            (0, "net.ipv4.ip_unprivileged_port_start"),
            (27, "net.ipv4.ip_local_reserved_ports"),
            (29, "net.ipv4.tcp_keepalive_time"),
            (29, "net.ipv4.tcp_fin_timeout"),
            (29, "net.ipv4.tcp_keepalive_intvl"),
            (29, "net.ipv4.tcp_keepalive_probes"),
            (32, "net.ipv4.tcp_rmem"),
            (32, "net.ipv4.tcp_wmem"),
            (37, "net.ipv4.tcp_slow_start_after_idle"),
            (37, "net.ipv4.tcp_notsent_lowat"),
        ];
        for (minor, name) in first {
            let edits = [(SYSCTLS, json!([{"name": name, "value": "1"}]))];
            expect(&CHECK, minor, &edits, "");
            if let Some(before) = minor.checked_sub(1) {
                expect(&CHECK, before, &edits, &format!("forbidden sysctls ({name})"));
            }
        }
    }

    #[test]
    fn names_are_compared_exactly() {
        for name in ["", "kernel/shm_rmid_forced", "kernel.shm_rmid_forced ", "net.*"] {
            expect(&CHECK, 37, &[(SYSCTLS, json!([{"name": name}]))], &format!("forbidden sysctls ({name})"));
        }
    }
}
