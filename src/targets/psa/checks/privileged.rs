//! `privileged` (baseline, v1.0): privileged containers are refused.
//!
//! Fields: `containers[*].securityContext.privileged` must be absent or false.

use super::text::push_containers;
use super::{Check, Revision};
use crate::targets::psa::level::Level;
use crate::targets::psa::pod::{ContainerFacts, PodFacts};

pub(super) const CHECK: Check = Check {
    id: "privileged",
    level: Level::Baseline,
    overrides: None,
    reason: |_| "privileged",
    revisions: &[Revision { since: 0, violated: |pod| pod.containers.iter().any(bad), detail }],
};

fn bad(container: &ContainerFacts<'_>) -> bool {
    container.privileged
}

fn detail(pod: &PodFacts<'_>, out: &mut String) {
    push_containers(out, pod, bad);
    out.push_str(" must not set securityContext.privileged=true");
}

#[cfg(test)]
mod tests {
    use super::super::fixture::expect;
    use super::*;
    use serde_json::json;

    #[test]
    fn every_kind_of_container_counts() {
        let yes = json!(true);
        let edits = ["initContainers", "containers", "ephemeralContainers"]
            .map(|list| format!("/spec/{list}/0/securityContext/privileged"));
        let edits: Vec<_> = edits.iter().map(|at| (at.as_str(), yes.clone())).collect();
        let text = "privileged (containers \"i\", \"c\", \"e\" must not set securityContext.privileged=true)";
        expect(&CHECK, 0, &edits, text);
    }

    #[test]
    fn false_is_as_good_as_absent() {
        expect(&CHECK, 37, &[("/spec/containers/0/securityContext/privileged", json!(false))], "");
    }
}
