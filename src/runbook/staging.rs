//! How a document comes into force by degrees: observed first, then enforced where a namespace asks for it, then everywhere.
//!
//! A stage is a merge patch that `kubectl patch --local` puts on the file before it is applied, so that no second copy of a
//! policy lies around.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::plan::ENFORCE_LABEL;
use crate::targets::{Emission, Emitted};

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

/// The documents to apply, in their order; beside them what is emitted to observe, and to enforce by degrees.
pub(super) fn applied(emission: &Emission, observing: &Emission, staged: &Emission) -> Vec<Applied> {
    let is_applied = |emitted: &&Emitted| {
        let version = emitted.document.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
        !NOT_APPLIED.iter().any(|group| version.starts_with(group))
    };
    let document = |emitted: &Emitted| {
        let other = observing.documents.iter().find(|other| other.file == emitted.file);
        let observing = other.and_then(|other| merge_patch(&emitted.document, &other.document));
        // Only what observing changes denies anything, and needs a stage.
        let staged = observing.as_ref().and_then(|_| labelled(&emitted.document, staged));
        Applied {
            file: emitted.file.clone(),
            object: object(&emitted.document),
            observing: observing.map(|patch| patch.to_string()),
            staged: staged.and_then(|staged| merge_patch(&emitted.document, staged)).map(|patch| patch.to_string()),
            staged_object: staged.map(object),
        }
    };
    emission.documents.iter().filter(is_applied).map(document).collect()
}

/// The document of the same kind that is in force in labelled namespaces only.
fn labelled<'e>(document: &Value, staged: &'e Emission) -> Option<&'e Value> {
    let is_labelled =
        |other: &&Value| other.get("kind") == document.get("kind") && other.to_string().contains(ENFORCE_LABEL.0);
    staged.documents.iter().map(|emitted| &emitted.document).find(is_labelled)
}

/// `kind.group/name`
fn object(document: &Value) -> String {
    let text = |pointer| document.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let group = text("/apiVersion").split_once('/').map(|(group, _)| format!(".{group}")).unwrap_or_default();
    format!("{}{group}/{}", text("/kind").to_ascii_lowercase(), text("/metadata/name"))
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

#[cfg(test)]
mod tests {
    use serde_json::json;

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
        let binding = |name: &str, spec: Value| {
            json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
                "metadata": {"name": name}, "spec": spec})
        };
        let emission = |document: Value| Emission {
            documents: vec![Emitted { file: "b.yaml".to_owned(), document }],
            ..Emission::default()
        };
        let deny = emission(binding("b", json!({"validationActions": ["Deny"]})));
        let selector = json!({"namespaceSelector": {"matchLabels": {ENFORCE_LABEL.0: "true"}}});
        let staged = emission(binding("b-deny", json!({"validationActions": ["Deny"], "matchResources": selector})));
        let found = applied(&deny, &emission(binding("b", json!({"validationActions": ["Warn"]}))), &staged);
        assert_eq!(found[0].observing.as_deref(), Some(r#"{"spec":{"validationActions":["Warn"]}}"#));
        let expected = "validatingadmissionpolicybinding.admissionregistration.k8s.io/b-deny";
        assert_eq!(found[0].staged_object.as_deref(), Some(expected));
        let same = applied(&deny, &deny, &staged);
        assert!(!same[0].is_staged() && same[0].observing.is_none());
    }
}
