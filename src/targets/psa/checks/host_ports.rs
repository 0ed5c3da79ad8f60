//! `hostPorts` (baseline, v1.0): ports of the host are refused.
//!
//! Fields: `containers[*].ports[*].hostPort` must be absent or 0. A server fills it in for pods of the host's network.

use super::text::{plural, push_containers, push_list};
use super::{Check, Revision};
use crate::targets::psa::level::Level;
use crate::targets::psa::pod::{ContainerFacts, PodFacts};

pub(super) const CHECK: Check = Check {
    id: "hostPorts",
    level: Level::Baseline,
    overrides: None,
    reason: |_| "hostPort",
    revisions: &[Revision { since: 0, violated: |pod| pod.containers.iter().any(bad), detail }],
};

fn bad(container: &ContainerFacts<'_>) -> bool {
    !container.host_ports.is_empty()
}

fn detail(pod: &PodFacts<'_>, out: &mut String) {
    // Upstream sorts the ports as texts: `443, 80, 9`.
    let mut ports: Vec<String> = pod.containers.iter().flat_map(|c| &c.host_ports).map(i64::to_string).collect();
    ports.sort_unstable();
    ports.dedup();
    let containers = pod.containers.iter().filter(|container| bad(container)).count();
    push_containers(out, pod, bad);
    out.push_str(plural(containers, " uses ", " use "));
    out.push_str(plural(ports.len(), "hostPort ", "hostPorts "));
    push_list(out, ports.iter().map(String::as_str));
}

#[cfg(test)]
mod tests {
    use super::super::fixture::expect;
    use super::*;
    use serde_json::json;

    #[test]
    fn ports_sort_as_text() {
        let edits = [
            ("/spec/containers/0/ports", json!([{"hostPort": 9}, {"hostPort": 80}, {"hostPort": 443}])),
            ("/spec/initContainers/0/ports", json!([{"hostPort": 80}])),
        ];
        expect(&CHECK, 0, &edits, "hostPort (containers \"i\", \"c\" use hostPorts 443, 80, 9)");
        expect(&CHECK, 0, &edits[1..], "hostPort (container \"i\" uses hostPort 80)");
    }

    #[test]
    fn zero_is_as_good_as_absent() {
        let ports = json!([{"containerPort": 80, "hostPort": 0}, {"containerPort": 81}]);
        expect(&CHECK, 0, &[("/spec/containers/0/ports", ports)], "");
    }
}
