//! `windowsHostProcess` (baseline, v1.0): Windows pods may not run as processes of the host.
//!
//! Fields: `securityContext.windowsOptions.hostProcess` of pod and containers must be absent or false.

use super::text::push_setters;
use super::{Check, Revision};
use crate::targets::psa::level::Level;
use crate::targets::psa::pod::{ContainerFacts, PodFacts};

pub(super) const CHECK: Check = Check {
    id: "windowsHostProcess",
    level: Level::Baseline,
    overrides: None,
    reason: |_| "hostProcess",
    revisions: &[Revision {
        since: 0,
        violated: |pod| pod.security.host_process || pod.containers.iter().any(bad),
        detail,
    }],
};

fn bad(container: &ContainerFacts<'_>) -> bool {
    container.security.host_process
}

fn detail(pod: &PodFacts<'_>, out: &mut String) {
    push_setters(out, pod, pod.security.host_process, bad);
    out.push_str(" must not set securityContext.windowsOptions.hostProcess=true");
}

#[cfg(test)]
mod tests {
    use super::super::fixture::expect;
    use super::*;
    use serde_json::json;

    #[test]
    fn pod_and_containers_count() {
        let edits = [
            ("/spec/securityContext/windowsOptions", json!({"hostProcess": true})),
            ("/spec/containers/0/securityContext/windowsOptions", json!({"hostProcess": true})),
        ];
        let text = "hostProcess (pod and container \"c\" must not set securityContext.windowsOptions.hostProcess=true)";
        expect(&CHECK, 0, &edits, text);
        let text = "hostProcess (pod must not set securityContext.windowsOptions.hostProcess=true)";
        expect(&CHECK, 37, &edits[..1], text);
    }

    #[test]
    fn false_and_empty_pass() {
        expect(&CHECK, 0, &[("/spec/securityContext/windowsOptions", json!({}))], "");
        expect(&CHECK, 0, &[("/spec/securityContext/windowsOptions", json!({"hostProcess": false}))], "");
    }
}
