//! The Kustomize component that applies the patches: `components: [FOLDER]` in any kustomization puts them on whatever of
//! the patched objects it holds.

use serde_json::{Map, Value, json};

use super::patch::Patch;
use super::{Survey, identity};

pub(super) const API_VERSION: &str = "kustomize.config.k8s.io/v1alpha1";

/// The component. JSON Patches stand in it as text, strategic merges in files of their own.
pub(super) fn component(survey: &Survey<'_>) -> Value {
    let entries = survey.relying.iter().filter_map(|relying| {
        let (file, patch) = relying.patch.as_ref()?;
        let target = target(&relying.reliance.object.value);
        Some(match patch {
            Patch::Strategic(_) => json!({"path": file, "target": target}),
            Patch::Json(operations) => json!({"patch": operations.to_string(), "target": target}),
        })
    });
    json!({"apiVersion": API_VERSION, "kind": "Component", "patches": entries.collect::<Vec<_>>()})
}

/// What selects the object. Kustomize takes names for regular expressions.
pub(super) fn target(object: &Value) -> Value {
    let (kind, namespace, name) = identity(object);
    let api_version = object.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let mut target = Map::new();
    let parts = [("group", group), ("version", version), ("kind", kind)].map(|(key, text)| (key, text.to_owned()));
    let names = [("name", name), ("namespace", namespace)].map(|(key, text)| (key, literally(text)));
    for (key, text) in parts.into_iter().chain(names).filter(|(_, text)| !text.is_empty()) {
        target.insert(key.to_owned(), json!(text));
    }
    Value::Object(target)
}

/// A regular expression for the name and nothing else.
fn literally(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if name.chars().all(is_plain) { name.to_owned() } else { regex::escape(name) }
}
