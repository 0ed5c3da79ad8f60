//! `hostNamespaces` (baseline, v1.0): the host's network, process and IPC namespaces may not be shared.
//!
//! Fields: `hostNetwork`, `hostPID` and `hostIPC` must be absent or false.

use super::text::push_list;
use super::{Check, Revision};
use crate::targets::psa::level::Level;
use crate::targets::psa::pod::PodFacts;

pub(super) const CHECK: Check = Check {
    id: "hostNamespaces",
    level: Level::Baseline,
    overrides: None,
    reason: |_| "host namespaces",
    revisions: &[Revision { since: 0, violated: |pod| pod.host_network || pod.host_pid || pod.host_ipc, detail }],
};

fn detail(pod: &PodFacts<'_>, out: &mut String) {
    let shared =
        [(pod.host_network, "hostNetwork=true"), (pod.host_pid, "hostPID=true"), (pod.host_ipc, "hostIPC=true")];
    push_list(out, shared.into_iter().filter(|(set, _)| *set).map(|(_, text)| text));
}

#[cfg(test)]
mod tests {
    use super::super::fixture::expect;
    use super::*;
    use serde_json::json;

    #[test]
    fn each_namespace_is_named_in_a_fixed_order() {
        let edits =
            [("/spec/hostIPC", json!(true)), ("/spec/hostPID", json!(true)), ("/spec/hostNetwork", json!(true))];
        let text = "host namespaces (hostNetwork=true, hostPID=true, hostIPC=true)";
        expect(&CHECK, 0, &edits, text);
        expect(&CHECK, 0, &edits[..1], "host namespaces (hostIPC=true)");
        expect(&CHECK, 0, &edits[1..2], "host namespaces (hostPID=true)");
    }

    #[test]
    fn false_is_as_good_as_absent() {
        expect(&CHECK, 0, &[("/spec/hostNetwork", json!(false))], "");
    }
}
