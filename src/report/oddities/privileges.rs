//! Privileged containers, host ports, procMount, sysctls.

use super::{Looked, Oddity};
use crate::psp::HostPortRange;

pub(super) const ODDITIES: &[Oddity] = &[
    Oddity { code: "privileged-refused", find: privileged_refused },
    Oddity { code: "privileged-must-ask-for-escalation", find: privileged_must_ask },
    Oddity { code: "host-network-without-ports", find: host_network_without_ports },
    Oddity { code: "host-ports-void", find: host_ports_void },
    Oddity { code: "proc-mount-types-cleared", find: proc_mount_types_cleared },
];

fn privileged_refused(looked: &Looked<'_>) -> Option<String> {
    let spec = &looked.policy.spec;
    let text = "`privileged: true` with `allowPrivilegeEscalation: false` admits no privileged container: the policy fills \
                in `allowPrivilegeEscalation: false`, and the API server refuses that beside `privileged: true`";
    (spec.privileged && !spec.allows_privilege_escalation()).then(|| text.to_owned())
}

fn privileged_must_ask(looked: &Looked<'_>) -> Option<String> {
    let spec = &looked.policy.spec;
    let text = "privileged containers must say `allowPrivilegeEscalation: true` themselves: the policy fills in `false`, and \
                the API server refuses that beside `privileged: true`";
    let fills_false = spec.default_allow_privilege_escalation == Some(false);
    (spec.privileged && spec.allows_privilege_escalation() && fills_false).then(|| text.to_owned())
}

fn host_network_without_ports(looked: &Looked<'_>) -> Option<String> {
    let spec = &looked.policy.spec;
    let text = "`hostNetwork` is allowed and no host port is: every pod in the host's network that declares a port is refused, \
                because its ports become host ports";
    (spec.host_network && !spec.host_ports.iter().any(is_possible)).then(|| text.to_owned())
}

fn is_possible(range: &HostPortRange) -> bool {
    range.min <= range.max && range.max > 0
}

fn host_ports_void(looked: &Looked<'_>) -> Option<String> {
    let void = looked.policy.spec.host_ports.iter().find(|range| !is_possible(range))?;
    let HostPortRange { min, max } = void;
    let why = if min > max { "it ends before it begins" } else { "0 means no host port" };
    Some(format!("the host ports from {min} to {max} allow no port: {why}"))
}

fn proc_mount_types_cleared(looked: &Looked<'_>) -> Option<String> {
    let written = looked.manifest.pointer("/spec/allowedProcMountTypes")?.as_array()?;
    let cleared = looked.policy.spec.allowed_proc_mount_types.is_empty();
    let text = "`allowedProcMountTypes` has no effect: the API server drops it unless the feature gate `ProcMountType` is on, \
                so that only `Default` passes";
    (cleared && !written.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::codes;
    use super::*;

    fn found(spec: Value) -> Vec<&'static str> {
        codes(ODDITIES, spec)
    }

    #[test]
    fn privileged_and_escalation_must_agree() {
        assert!(found(json!({"privileged": true})).is_empty());
        assert_eq!(found(json!({"privileged": true, "allowPrivilegeEscalation": false})), ["privileged-refused"]);
        let spec = json!({"privileged": true, "defaultAllowPrivilegeEscalation": false});
        assert_eq!(found(spec), ["privileged-must-ask-for-escalation"]);
        assert!(found(json!({"allowPrivilegeEscalation": false})).is_empty());
    }

    #[test]
    fn the_host_network_needs_ports() {
        assert_eq!(found(json!({"hostNetwork": true})), ["host-network-without-ports"]);
        assert!(found(json!({"hostNetwork": true, "hostPorts": [{"min": 1, "max": 2}]})).is_empty());
    }

    #[test]
    fn port_ranges_that_hold_no_port_are_void() {
        assert_eq!(found(json!({"hostPorts": [{"min": 0, "max": 0}]})), ["host-ports-void"]);
        assert_eq!(found(json!({"hostPorts": [{"min": 5, "max": 4}]})), ["host-ports-void"]);
        assert!(found(json!({"hostPorts": [{"min": 0, "max": 65535}]})).is_empty());
    }

    #[test]
    fn proc_mount_types_are_cleared_without_their_gate() {
        assert_eq!(found(json!({"allowedProcMountTypes": ["Unmasked"]})), ["proc-mount-types-cleared"]);
        assert!(found(json!({"allowedProcMountTypes": []})).is_empty());
    }
}
