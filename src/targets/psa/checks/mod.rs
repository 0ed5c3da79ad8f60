//! The 19 checks of the Pod Security Standards, a file each.
//!
//! A check restricts one family of fields. Its revisions say from which version of the standards which rule holds; the
//! newest revision that is not newer than the version asked for counts. Source: `k8s.io/pod-security-admission/policy`,
//! one `check_<id>.go` per file here; texts are the same to the letter.
//!
//! Every rule about containers holds for init, regular and ephemeral containers alike.

mod allow_privilege_escalation;
mod app_armor_profile;
pub(super) mod capabilities_baseline;
mod capabilities_restricted;
mod host_namespaces;
mod host_path_volumes;
mod host_ports;
mod host_probes_and_host_lifecycle;
mod privileged;
mod proc_mount;
mod proc_mount_restricted;
mod restricted_volumes;
mod run_as_non_root;
mod run_as_user;
mod se_linux_options;
mod seccomp_profile_baseline;
mod seccomp_profile_restricted;
pub(super) mod sysctls;
mod text;
mod windows_host_process;

use super::level::Level;
use super::pod::PodFacts;

/// Every check, in the order in which violations are reported: by level, then by id.
pub(crate) static CHECKS: [&Check; 19] = [
    &app_armor_profile::CHECK,
    &capabilities_baseline::CHECK,
    &host_namespaces::CHECK,
    &host_path_volumes::CHECK,
    &host_ports::CHECK,
    &host_probes_and_host_lifecycle::CHECK,
    &privileged::CHECK,
    &proc_mount::CHECK,
    &se_linux_options::CHECK,
    &seccomp_profile_baseline::CHECK,
    &sysctls::CHECK,
    &windows_host_process::CHECK,
    &allow_privilege_escalation::CHECK,
    &capabilities_restricted::CHECK,
    &proc_mount_restricted::CHECK,
    &restricted_volumes::CHECK,
    &run_as_non_root::CHECK,
    &run_as_user::CHECK,
    &seccomp_profile_restricted::CHECK,
];

/// One check: a family of fields and what the standards say about it over time.
#[derive(Debug)]
pub(crate) struct Check {
    /// Upstream's name of the check.
    pub id: &'static str,
    /// The laxest level that runs it: baseline checks run at restricted too.
    pub level: Level,
    /// The baseline check that is left out where this one runs.
    pub overrides: Option<&'static str>,
    /// In short, what is wrong with a pod that violates it.
    pub reason: fn(&PodFacts<'_>) -> &'static str,
    /// The rules, oldest first.
    pub revisions: &'static [Revision],
}

/// The rule of a check from one version on.
#[derive(Debug)]
pub(crate) struct Revision {
    /// The minor version from which the rule holds.
    pub since: u64,
    /// Whether a pod violates the rule.
    pub violated: fn(&PodFacts<'_>) -> bool,
    /// Appends what exactly is wrong with a pod that violates the rule.
    pub detail: fn(&PodFacts<'_>, &mut String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_stand_in_the_order_of_reports() {
        let order: Vec<_> = CHECKS.iter().map(|check| (check.level, check.id)).collect();
        assert!(order.is_sorted_by(|a, b| a < b), "{order:?}");
    }

    #[test]
    fn revisions_stand_in_the_order_of_versions() {
        for check in CHECKS {
            assert!(!check.revisions.is_empty(), "{}", check.id);
            assert!(check.revisions.is_sorted_by(|a, b| a.since < b.since), "{}", check.id);
        }
    }

    #[test]
    fn only_restricted_checks_override_and_only_baseline_ones() {
        for check in CHECKS {
            let Some(id) = check.overrides else { continue };
            assert_eq!(check.level, Level::Restricted);
            let overridden = CHECKS.iter().find(|other| other.id == id).expect(id);
            assert_eq!(overridden.level, Level::Baseline);
        }
    }
}

/// A pod that every check admits at every version, and what one edit does to it.
#[cfg(test)]
mod fixture {
    use super::{CHECKS, Check};
    use crate::targets::psa::pod::PodFacts;
    use serde_json::{Value, json};

    /// A pod with one container of each kind (`i`, `c`, `e`) that passes every level and version.
    pub(super) fn pod() -> Value {
        let container = |name: &str| {
            json!({"name": name, "securityContext": {
                "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]},
            }})
        };
        json!({"metadata": {"name": "p"}, "spec": {
            "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
            "initContainers": [container("i")], "containers": [container("c")], "ephemeralContainers": [container("e")],
        }})
    }

    /// The fixture with each value set at its JSON pointer; objects on the way are made, null removes.
    pub(super) fn edited(edits: &[(&str, Value)]) -> Value {
        let mut pod = pod();
        for (pointer, value) in edits {
            let place = pointer.split('/').skip(1).fold(&mut pod, |at, key| match key.parse::<usize>() {
                Ok(index) => &mut at[index],
                Err(_) => &mut at[key.replace("~1", "/")],
            });
            *place = value.clone();
        }
        pod
    }

    /// `reason (detail)` of a check at a minor version, or nothing when it admits or does not exist yet.
    pub(super) fn verdict(check: &Check, minor: u64, pod: &Value) -> String {
        let facts = PodFacts::read(pod);
        let revision = check.revisions.iter().rfind(|revision| revision.since <= minor);
        let Some(revision) = revision.filter(|revision| (revision.violated)(&facts)) else {
            return String::new();
        };
        let mut text = format!("{} (", (check.reason)(&facts));
        (revision.detail)(&facts, &mut text);
        text + ")"
    }

    /// Asserts what a check says about the fixture after some edits.
    pub(super) fn expect(check: &Check, minor: u64, edits: &[(&str, Value)], text: &str) {
        assert_eq!(verdict(check, minor, &edited(edits)), text, "v1.{minor} {edits:?}");
    }

    #[test]
    fn the_fixture_passes_every_check_at_every_version() {
        for check in CHECKS {
            for revision in check.revisions {
                expect(check, revision.since, &[], "");
            }
        }
    }
}
