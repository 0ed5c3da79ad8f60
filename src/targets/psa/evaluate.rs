//! What the standards say about one pod.
//!
//! A pod is read once; reading finds every rule of every version that it violates. After that a decision is a lookup, and
//! text is made only when asked for. Source of the texts: `k8s.io/pod-security-admission/policy/checks.go`
//! (`AggregateCheckResults`).

use serde_json::Value;

use super::level::{Level, LevelVersion, Version};
use super::pod::PodFacts;
use super::registry::{REGISTRY, Rules};

/// A pod, or a pod template, as the checks see it. Borrows from the JSON that it was read from.
#[derive(Debug)]
pub struct PsaPod<'a> {
    facts: PodFacts<'a>,
    violated: Rules,
}

impl<'a> PsaPod<'a> {
    /// Reads any object that has a pod's `metadata` and `spec`, as the API server hands it to admission: defaulted, valid.
    /// What has the wrong JSON type counts as absent.
    pub fn read(object: &'a Value) -> Self {
        let facts = PodFacts::read(object);
        let violated = REGISTRY.violated(&facts);
        Self { facts, violated }
    }
}

/// What one level says about one pod at one version.
#[derive(Debug, Clone, Copy)]
pub struct Evaluation<'p> {
    pod: &'p PodFacts<'p>,
    violated: Rules,
}

/// A violated check, with upstream's texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckResult {
    /// Upstream's name of the check.
    pub id: &'static str,
    /// In short, what is wrong.
    pub reason: &'static str,
    /// What exactly is wrong, with the names of containers or volumes and the offending values.
    pub detail: String,
}

/// Evaluates a pod. No text is made and nothing allocated; `latest` and versions newer than
/// [`newest_minor`](super::newest_minor) mean that one.
pub fn evaluate<'p>(level: Level, version: Version, pod: &'p PsaPod<'_>) -> Evaluation<'p> {
    let rules = REGISTRY.rules(LevelVersion { level, version });
    Evaluation {
        pod: &pod.facts,
        violated: pod.violated & rules,
    }
}

impl Evaluation<'_> {
    /// Whether the pod violates no check.
    pub fn is_allowed(&self) -> bool {
        self.violated == 0
    }

    /// The violated checks, in the order in which upstream reports them.
    pub fn results(&self) -> impl Iterator<Item = CheckResult> {
        REGISTRY.members(self.violated).map(|(check, revision)| {
            let mut detail = String::new();
            (revision.detail)(self.pod, &mut detail);
            CheckResult {
                id: check.id,
                reason: (check.reason)(self.pod),
                detail,
            }
        })
    }

    /// The reasons, joined by commas: what namespace warnings print.
    pub fn reasons(&self) -> String {
        let mut out = String::new();
        for (check, _) in REGISTRY.members(self.violated) {
            out.push_str(if out.is_empty() { "" } else { ", " });
            out.push_str((check.reason)(self.pod));
        }
        out
    }

    /// The reasons with their details: what denials, warnings and audit annotations print.
    pub fn detail(&self) -> String {
        let mut out = String::new();
        self.push_detail(&mut out);
        out
    }

    /// Appends [`Self::detail`], for those who print many.
    pub fn push_detail(&self, out: &mut String) {
        let start = out.len();
        for (check, revision) in REGISTRY.members(self.violated) {
            out.push_str(if out.len() == start { "" } else { ", " });
            out.push_str((check.reason)(self.pod));
            out.push_str(" (");
            (revision.detail)(self.pod, out);
            out.push(')');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn detail(level: Level, version: Version, pod: &Value) -> String {
        evaluate(level, version, &PsaPod::read(pod)).detail()
    }

    #[test]
    fn the_full_example_prints_as_upstream_does() {
        let a = json!({"name": "a", "securityContext": {
            "capabilities": {"drop": ["all"], "add": ["SYS_ADMIN", "CHOWN", "NET_BIND_SERVICE"]},
        }});
        let pod = json!({"spec": {
            "hostNetwork": true, "containers": [a, {"name": "b"}], "ephemeralContainers": [{"name": "dbg"}],
        }});
        assert_eq!(
            detail(Level::Restricted, Version::Latest, &pod),
            "host namespaces (hostNetwork=true), allowPrivilegeEscalation != false (containers \"a\", \"b\", \"dbg\" must set \
             securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (containers \"a\", \"b\", \"dbg\" \
             must set securityContext.capabilities.drop=[\"ALL\"]; container \"a\" must not include \"CHOWN\", \
             \"SYS_ADMIN\" in securityContext.capabilities.add), runAsNonRoot != true (pod or containers \"a\", \"b\", \
             \"dbg\" must set securityContext.runAsNonRoot=true), seccompProfile (pod or containers \"a\", \"b\", \"dbg\" \
             must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\")"
        );
    }

    #[test]
    fn reasons_and_results_agree_with_the_detail() {
        let pod =
            json!({"spec": {"hostPID": true, "containers": [{"name": "c", "securityContext": {"privileged": true}}]}});
        let pod = PsaPod::read(&pod);
        let evaluation = evaluate(Level::Baseline, Version::Minor(30), &pod);
        assert_eq!(evaluation.reasons(), "host namespaces, privileged");
        let ids: Vec<_> = evaluation.results().map(|result| result.id).collect();
        assert_eq!(ids, ["hostNamespaces", "privileged"]);
        let whole = evaluation
            .results()
            .map(|result| format!("{} ({})", result.reason, result.detail));
        assert_eq!(evaluation.detail(), whole.collect::<Vec<_>>().join(", "));
    }

    /// Upstream leaves the overridden baseline checks out even where the restricted ones skip.
    #[test]
    fn restricted_is_not_stricter_for_pods_that_the_api_server_refuses() {
        let a = json!({"name": "a", "securityContext": {
            "capabilities": {"add": ["SYS_ADMIN"]}, "seccompProfile": {"type": "Unconfined"},
        }});
        let pod =
            json!({"spec": {"os": {"name": "windows"}, "securityContext": {"runAsNonRoot": true}, "containers": [a]}});
        assert_eq!(detail(Level::Restricted, Version::Latest, &pod), "");
        assert_eq!(
            detail(Level::Baseline, Version::Latest, &pod),
            "non-default capabilities (container \"a\" must not include \"SYS_ADMIN\" in securityContext.capabilities.add), \
             seccompProfile (container \"a\" must not set securityContext.seccompProfile.type to \"Unconfined\")"
        );
    }

    #[test]
    fn a_pod_without_containers_passes() {
        assert_eq!(detail(Level::Restricted, Version::Latest, &json!({})), "");
    }
}
