//! How a document comes into force by degrees: observed first, then enforced where a namespace asks for it, then everywhere.
//!
//! A stage is a merge patch that `kubectl patch --local` puts on the file before it is applied, so that no second copy of a
//! policy lies around.

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::targets::{Emission, Emitted};

/// The label of namespaces in which a staged document is in force.
pub(super) const LABEL: &str = "psp-migrate/enforce";
/// What the name of a staged document ends in.
const SUFFIX: &str = "-staged";

/// A document that is applied.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Applied {
    file: String,
    /// The kind and name as `kubectl` takes them.
    object: String,
    /// The merge patch that makes it observe only; absent where it is the same.
    observing: Option<String>,
    /// The merge patch that restricts it to labelled namespaces, and the name that it has then; absent where the kind
    /// cannot be restricted.
    staged: Option<String>,
    staged_object: Option<String>,
}

impl Applied {
    pub(super) fn is_staged(&self) -> bool {
        self.staged.is_some()
    }
}

/// Documents that no API server takes.
const NOT_APPLIED: [&str; 5] = [
    "apiserver.config.k8s.io/",
    "pod-security.admission.config.k8s.io/",
    "test.gatekeeper.sh/",
    "cli.kyverno.io/",
    "kustomize.config.k8s.io/",
];

/// The documents to apply, in their order.
pub(super) fn applied(emission: &Emission, observing: &Emission) -> Vec<Applied> {
    let is_applied = |emitted: &&Emitted| {
        let version = emitted.document.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
        !NOT_APPLIED.iter().any(|group| version.starts_with(group))
    };
    let document = |emitted: &Emitted| {
        let other = observing.documents.iter().find(|other| other.file == emitted.file);
        let observing = other.and_then(|other| merge_patch(&emitted.document, &other.document));
        // Only what observing changes denies anything, and needs a stage.
        let staged = observing.as_ref().and_then(|_| staged(&emitted.document));
        Applied {
            file: emitted.file.clone(),
            object: object(&emitted.document, ""),
            observing: observing.map(|patch| patch.to_string()),
            staged_object: staged.as_ref().map(|_| object(&emitted.document, SUFFIX)),
            staged: staged.map(|patch| patch.to_string()),
        }
    };
    emission.documents.iter().filter(is_applied).map(document).collect()
}

/// `kind.group/name`, with something after the name.
fn object(document: &Value, suffix: &str) -> String {
    let text = |pointer| document.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let group = text("/apiVersion").split_once('/').map(|(group, _)| format!(".{group}")).unwrap_or_default();
    format!("{}{group}/{}{suffix}", text("/kind").to_ascii_lowercase(), text("/metadata/name"))
}

/// The merge patch (RFC 7396) that makes `from` into `to`; `None` if they are equal.
fn merge_patch(from: &Value, to: &Value) -> Option<Value> {
    let (Some(was), Some(now)) = (from.as_object(), to.as_object()) else {
        return (from != to).then(|| to.clone());
    };
    let mut patch = Map::new();
    for (key, now) in now {
        let change = match was.get(key) {
            Some(was) => merge_patch(was, now),
            None => Some(now.clone()),
        };
        patch.extend(change.map(|change| (key.clone(), change)));
    }
    patch.extend(was.keys().filter(|key| !now.contains_key(*key)).map(|key| (key.clone(), Value::Null)));
    (!patch.is_empty()).then_some(Value::Object(patch))
}

/// The merge patch that gives a document another name and restricts it to labelled namespaces.
fn staged(document: &Value) -> Option<Value> {
    let selector = json!({"namespaceSelector": {"matchLabels": {LABEL: "true"}}});
    let text = |key| document.get(key).and_then(Value::as_str).unwrap_or_default();
    let spec = match (text("apiVersion").split('/').next().unwrap_or_default(), text("kind")) {
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding") => json!({"matchResources": selector}),
        ("constraints.gatekeeper.sh", _) => json!({"match": selector}),
        ("policies.kyverno.io", "ValidatingPolicy") => json!({"matchConstraints": selector}),
        ("kyverno.io", "ClusterPolicy") => json!({"rules": selected_rules(document)}),
        _ => return None,
    };
    let name = document.pointer("/metadata/name")?.as_str()?;
    Some(json!({"metadata": {"name": format!("{name}{SUFFIX}")}, "spec": spec}))
}

/// The rules of a ClusterPolicy, each restricted to labelled namespaces.
fn selected_rules(document: &Value) -> Vec<Value> {
    let mut rules = document.pointer("/spec/rules").and_then(Value::as_array).cloned().unwrap_or_default();
    for rule in &mut rules {
        let blocks = rule.pointer_mut("/match/any").and_then(Value::as_array_mut).into_iter().flatten();
        for resources in blocks.filter_map(|block| block.get_mut("resources")?.as_object_mut()) {
            resources.insert("namespaceSelector".to_owned(), json!({"matchLabels": {LABEL: "true"}}));
        }
    }
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(from: Value, to: Value, patch: Option<Value>) {
        assert_eq!(merge_patch(&from, &to), patch);
        let mut patched = from;
        json_patch::merge(&mut patched, &patch.unwrap_or_else(|| json!({})));
        assert_eq!(patched, to);
    }

    #[test]
    fn a_merge_patch_makes_one_document_into_the_other() {
        check(
            json!({"a": 1, "b": {"c": [1], "d": 2}}),
            json!({"a": 1, "b": {"c": [2]}}),
            Some(json!({"b": {"c": [2], "d": null}})),
        );
        check(json!({"a": 1}), json!({"a": 1}), None);
    }

    #[test]
    fn only_what_denies_is_staged() {
        let binding = |actions: Value| {
            json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": "b"}, "spec": {"policyName": "p", "validationActions": actions}})
        };
        let emission = |document: Value| Emission {
            documents: vec![Emitted { file: "b.yaml".to_owned(), document }],
            ..Emission::default()
        };
        let found = applied(&emission(binding(json!(["Deny"]))), &emission(binding(json!(["Warn"]))));
        assert_eq!(found[0].observing.as_deref(), Some(r#"{"spec":{"validationActions":["Warn"]}}"#));
        assert_eq!(
            found[0].staged_object.as_deref(),
            Some("validatingadmissionpolicybinding.admissionregistration.k8s.io/b-staged")
        );
        let same = applied(&emission(binding(json!(["Deny"]))), &emission(binding(json!(["Deny"]))));
        assert!(!same[0].is_staged() && same[0].observing.is_none());
    }
}
