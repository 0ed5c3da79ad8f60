//! `hostProbesAndHostLifecycle` (baseline, v1.34): probes and lifecycle handlers may not name a host.
//!
//! Fields: `host` of `httpGet` and `tcpSocket` in `livenessProbe`, `readinessProbe`, `startupProbe`,
//! `lifecycle.postStart`, `lifecycle.preStop` must be absent or empty; not even a loopback address passes.

use super::text::{plural, push_quoted, set};
use super::{Check, Revision};
use crate::targets::psa::level::Level;
use crate::targets::psa::pod::PodFacts;

pub(super) const CHECK: Check = Check {
    id: "hostProbesAndHostLifecycle",
    level: Level::Baseline,
    overrides: None,
    reason: |_| "probe or lifecycle host",
    revisions: &[Revision {
        since: 34,
        violated: |pod| pod.containers.iter().any(|container| !container.hosts.is_empty()),
        detail,
    }],
};

/// This is the only check whose container names are sorted and listed once.
fn detail(pod: &PodFacts<'_>, out: &mut String) {
    let bad = || pod.containers.iter().filter(|container| !container.hosts.is_empty());
    let containers = set(bad().map(|container| container.name));
    let hosts = set(bad().flat_map(|container| container.hosts.iter().copied()));
    out.push_str(plural(containers.len(), "container ", "containers "));
    let uses = plural(containers.len(), " uses ", " use ");
    push_quoted(out, containers);
    out.push_str(uses);
    out.push_str(plural(hosts.len(), "probe or lifecycle host ", "probe or lifecycle hosts "));
    push_quoted(out, hosts);
}

#[cfg(test)]
mod tests {
    use super::super::fixture::expect;
    use super::*;
    use serde_json::json;

    #[test]
    fn names_and_hosts_are_sorted_sets() {
        let edits = [
            ("/spec/initContainers/0/lifecycle/preStop/tcpSocket/host", json!("b.com")),
            ("/spec/containers/0/livenessProbe/httpGet/host", json!("b.com")),
            ("/spec/containers/0/startupProbe/tcpSocket/host", json!("127.0.0.1")),
        ];
        let text =
            "probe or lifecycle host (containers \"c\", \"i\" use probe or lifecycle hosts \"127.0.0.1\", \"b.com\")";
        expect(&CHECK, 34, &edits, text);
        expect(&CHECK, 33, &edits, "");
        let text = "probe or lifecycle host (container \"i\" uses probe or lifecycle host \"b.com\")";
        expect(&CHECK, 37, &edits[..1], text);
    }

    #[test]
    fn every_probe_and_handler_counts() {
        for place in ["livenessProbe", "readinessProbe", "startupProbe", "lifecycle/postStart", "lifecycle/preStop"] {
            for action in ["httpGet", "tcpSocket"] {
                let at = format!("/spec/ephemeralContainers/0/{place}/{action}/host");
                let text = "probe or lifecycle host (container \"e\" uses probe or lifecycle host \"h\")";
                expect(&CHECK, 34, &[(&at, json!("h"))], text);
                expect(&CHECK, 34, &[(&at, json!(""))], "");
            }
        }
    }

    #[test]
    fn header_and_grpc_do_not_matter() {
        let probe = json!({"httpGet": {"httpHeaders": [{"name": "Host", "value": "x"}]}, "grpc": {"host": "x"}});
        expect(&CHECK, 34, &[("/spec/containers/0/livenessProbe", probe)], "");
    }
}
