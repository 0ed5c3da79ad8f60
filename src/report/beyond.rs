//! What a policy allows beyond the levels of Pod Security Admission, found by trying.
//!
//! Pods that each do one thing that some level refuses are put to the policy alone. What the policy makes of those that
//! it admits is put to the levels, at the newest version of the standards; their reasons are the answer. A policy's own
//! constants (prefixes, ports, names) are what the pods try, and no field of a policy is ever taken at its word.

mod probes;

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use crate::admission::{Operation, Plugin, Verdict};
use crate::pod_view::PodView;
use crate::psp::PodSecurityPolicy;
use crate::targets::psa::{Level, PsaPod, Version, evaluate};
use probes::{Change, bases, probes};

/// The reasons for which each level refuses pods that a policy admits, sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Beyond {
    /// What `baseline` says.
    pub baseline: BTreeSet<&'static str>,
    /// What `restricted` says, about these pods and about others.
    pub restricted: BTreeSet<&'static str>,
}

/// What a policy allows that no PodSecurityPolicy can see, and so none can forbid: hosts in probes and lifecycle hooks.
pub const UNSEEN: [&str; 1] = ["probe or lifecycle host"];

/// What the policy at `position` of the plug-in allows beyond the levels. Nothing for a policy that admits no pod.
pub fn beyond(plugin: &Plugin, position: usize, policy: &PodSecurityPolicy) -> Beyond {
    let admits = |change: &Change| admitted(plugin, position, change.pod());
    let mut beyond = Beyond::default();
    let Some(base) = bases(policy).into_iter().find(|base| admits(base).is_some()) else {
        return beyond;
    };
    for probe in probes(policy) {
        if let Some(pod) = admits(&base.with(&probe)) {
            beyond.add(&pod);
        }
    }
    beyond
}

impl Beyond {
    fn add(&mut self, pod: &Value) {
        let pod = PsaPod::read(pod);
        for (level, reasons) in [(Level::Baseline, &mut self.baseline), (Level::Restricted, &mut self.restricted)] {
            reasons.extend(evaluate(level, Version::Latest, &pod).results().map(|result| result.reason));
        }
    }
}

/// The pod as the policy alone leaves it, if the policy admits it and the API server accepts the result.
fn admitted(plugin: &Plugin, position: usize, pod: Value) -> Option<Value> {
    let view = PodView::read(&pod, plugin.release()).ok()?;
    let Verdict::Admitted { pod: result, .. } = plugin.decide(Operation::Create, &view, |policy| policy == position)
    else {
        return None;
    };
    let mut written = pod.clone();
    result.write_into(&view, &mut written);
    Some(written)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::admission::AdmissionPolicy;
    use crate::controls::testing::policy;
    use crate::release::Release;

    fn of(spec: Value) -> (Vec<&'static str>, Vec<&'static str>) {
        let policy = policy(spec);
        let release = Release::default();
        let plugin = Plugin::new(release, vec![AdmissionPolicy::new(&policy, &release).unwrap()]);
        let Beyond { baseline, restricted } = beyond(&plugin, 0, &policy);
        let seen = |reasons: BTreeSet<&'static str>| reasons.into_iter().filter(|reason| !UNSEEN.contains(reason));
        (seen(baseline).collect(), seen(restricted).collect())
    }

    fn hardened() -> Value {
        json!({"allowPrivilegeEscalation": false, "requiredDropCapabilities": ["ALL"],
            "runAsUser": {"rule": "MustRunAsNonRoot"}, "seLinux": {"rule": "MustRunAs", "seLinuxOptions": {"level": "s0"}},
            "volumes": ["configMap", "secret"], "annotations": {
                "seccomp.security.alpha.kubernetes.io/allowedProfileNames": "runtime/default",
                "seccomp.security.alpha.kubernetes.io/defaultProfileName": "runtime/default",
                "apparmor.security.beta.kubernetes.io/allowedProfileNames": "runtime/default",
                "apparmor.security.beta.kubernetes.io/defaultProfileName": "runtime/default"}})
    }

    fn with(key: &str, value: Value) -> Value {
        let mut spec = hardened();
        spec[key] = value;
        spec
    }

    #[test]
    fn a_hardened_policy_goes_beyond_nothing_but_what_no_policy_sees() {
        assert_eq!(of(hardened()), (vec![], vec![]));
        let release = Release::default();
        let policy = policy(hardened());
        let plugin = Plugin::new(release, vec![AdmissionPolicy::new(&policy, &release).unwrap()]);
        assert_eq!(beyond(&plugin, 0, &policy).baseline, BTreeSet::from(UNSEEN));
    }

    #[test]
    fn each_thing_that_is_allowed_is_found() {
        let one = |key, value, in_baseline: &[&str], in_restricted: &[&str]| {
            let (baseline, restricted) = of(with(key, value));
            assert_eq!((&baseline[..], &restricted[..]), (in_baseline, in_restricted), "{key}");
        };
        let both = |key, value, reason| one(key, value, &[reason], &[reason]);
        both("hostPID", json!(true), "host namespaces");
        both("hostPorts", json!([{"min": 7000, "max": 7001}]), "hostPort");
        both("allowedUnsafeSysctls", json!(["net.core.*"]), "forbidden sysctls");
        both("seLinux", json!({"rule": "RunAsAny"}), "seLinuxOptions");
        let ptrace = json!(["SYS_PTRACE"]);
        one("allowedCapabilities", ptrace, &["non-default capabilities"], &["unrestricted capabilities"]);
        one("volumes", json!(["hostPath"]), &["hostPath volumes"], &["restricted volume types"]);
    }

    #[test]
    fn a_host_path_is_tried_below_the_allowed_prefix() {
        let mut spec = with("volumes", json!(["hostPath"]));
        spec["allowedHostPaths"] = json!([{"pathPrefix": "/srv", "readOnly": true}]);
        // Restricted asks about volume types in place of baseline's question about hostPath.
        assert_eq!(of(spec), (vec!["hostPath volumes"], vec!["restricted volume types"]));
    }

    #[test]
    fn privileged_containers_count_only_where_the_api_server_accepts_them() {
        assert!(!of(with("privileged", json!(true))).0.contains(&"privileged"));
        let mut spec = with("privileged", json!(true));
        spec["allowPrivilegeEscalation"] = json!(true);
        assert!(of(spec).0.contains(&"privileged"));
    }

    #[test]
    fn what_a_policy_fills_in_counts_for_the_levels() {
        let (_, restricted) = of(with("runAsUser", json!({"rule": "RunAsAny"})));
        assert_eq!(restricted, ["runAsNonRoot != true", "runAsUser=0"]);
    }

    #[test]
    fn a_policy_that_admits_no_silent_pod_is_tried_with_what_it_demands() {
        let spec = json!({"privileged": true, "annotations": {
            "seccomp.security.alpha.kubernetes.io/allowedProfileNames": "runtime/default",
            "apparmor.security.beta.kubernetes.io/allowedProfileNames": "localhost/x"}});
        assert!(of(spec).0.contains(&"privileged"));
    }
}
