//! What the standards say about one pod.
//!
//! A pod is read once; reading finds every rule of every version that it violates. After that a decision is a lookup. Text
//! is made only when asked for, and once per rule. Source of the texts: `k8s.io/pod-security-admission/policy/checks.go`
//! (`AggregateCheckResults`).

use std::sync::OnceLock;

use serde_json::Value;

use super::level::{Level, LevelVersion, Version};
use super::pod::PodFacts;
use super::registry::{REGISTRY, Rules, members};

/// A pod, or a pod template, as the checks see it. Borrows from the JSON that it was read from.
#[derive(Debug)]
pub struct PsaPod<'a> {
    facts: PodFacts<'a>,
    violated: Rules,
    /// `reason (detail)` of each rule by number, made when first asked for: versions share most of their rules.
    texts: Vec<OnceLock<String>>,
}

impl<'a> PsaPod<'a> {
    /// Reads any object that has a pod's `metadata` and `spec`, as the API server hands it to admission: defaulted, valid.
    /// What has the wrong JSON type counts as absent.
    pub fn read(object: &'a Value) -> Self {
        let facts = PodFacts::read(object);
        let violated = REGISTRY.violated(&facts);
        let texts = (0..Rules::BITS - violated.leading_zeros()).map(|_| OnceLock::new()).collect();
        Self { facts, violated, texts }
    }

    /// Whether the pod violates a rule, by its number.
    pub(super) fn violates(&self, rule: usize) -> bool {
        self.violated & (1 << rule) != 0
    }

    fn text(&self, rule: usize) -> &str {
        let text = self.texts.get(rule).map(|text| text.get_or_init(|| self.render(rule)));
        text.map(String::as_str).unwrap_or_default()
    }

    fn render(&self, rule: usize) -> String {
        let mut out = String::new();
        if let Some((check, revision)) = REGISTRY.rule(rule) {
            out.push_str((check.reason)(&self.facts));
            let before = out.len();
            out.push_str(" (");
            let opened = out.len();
            (revision.detail)(&self.facts, &mut out);
            if out.len() > opened {
                out.push(')');
            } else {
                out.truncate(before);
            }
        }
        out
    }
}

/// What one level says about one pod at one version.
#[derive(Debug, Clone, Copy)]
pub struct Evaluation<'p> {
    pod: &'p PsaPod<'p>,
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
    Evaluation { pod, violated: pod.violated & rules }
}

impl Evaluation<'_> {
    /// Whether the pod violates no check.
    pub fn is_allowed(&self) -> bool {
        self.violated == 0
    }

    /// The violated checks, in the order in which upstream reports them.
    pub fn results(&self) -> impl Iterator<Item = CheckResult> {
        let pod = &self.pod.facts;
        let rules = members(self.violated).filter_map(|rule| REGISTRY.rule(rule));
        rules.map(|(check, revision)| {
            let mut detail = String::new();
            (revision.detail)(pod, &mut detail);
            CheckResult { id: check.id, reason: (check.reason)(pod), detail }
        })
    }

    /// The reasons, joined by commas: what namespace warnings print.
    pub fn reasons(&self) -> String {
        let rules = members(self.violated).filter_map(|rule| REGISTRY.rule(rule));
        let reasons: Vec<_> = rules.map(|(check, _)| (check.reason)(&self.pod.facts)).collect();
        reasons.join(", ")
    }

    /// The reasons with their details: what denials, warnings and audit annotations print.
    pub fn detail(&self) -> String {
        let mut out = String::new();
        self.push_detail(&mut out);
        out
    }

    /// Appends [`Self::detail`].
    pub fn push_detail(&self, out: &mut String) {
        let length = members(self.violated).map(|rule| self.pod.text(rule).len() + ", ".len()).sum();
        out.reserve(length);
        let start = out.len();
        for rule in members(self.violated) {
            out.push_str(if out.len() == start { "" } else { ", " });
            out.push_str(self.pod.text(rule));
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
        let whole = evaluation.results().map(|result| format!("{} ({})", result.reason, result.detail));
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
    fn an_empty_detail_has_no_brackets() {
        let pod = json!({"spec": {"hostIPC": true, "securityContext": {"sysctls": [{"name": ""}]}}});
        let text = "host namespaces (hostIPC=true), forbidden sysctls";
        assert_eq!(detail(Level::Baseline, Version::Latest, &pod), text);
    }

    #[test]
    fn a_pod_without_containers_passes() {
        assert_eq!(detail(Level::Restricted, Version::Latest, &json!({})), "");
    }
}
