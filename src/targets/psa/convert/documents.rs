//! The labels as documents and as lines for a shell.

use serde_json::{Map, Value, json};

use super::advice::{Advice, NamespaceAdvice, name};
use super::listed;
use crate::shell::{one_line, quoted};
use crate::stored::as_manifest;
use crate::targets::psa::{Admission, LevelVersion};
use crate::targets::{Emitted, EmittedText};

/// A document for every namespace, and the cluster's default.
pub(super) fn documents(advice: &Advice, namespaces: &[Value]) -> Vec<Emitted> {
    let valid = advice.namespaces.iter().filter(|advice| is_label(&advice.namespace));
    let labelled = valid.map(|advice| {
        let given = namespaces.iter().rfind(|namespace| name(namespace) == Some(advice.namespace.as_str()));
        match given {
            Some(namespace) => {
                Emitted { file: format!("namespace-{}.yaml", advice.namespace), document: manifest(namespace, advice) }
            }
            None => Emitted { file: format!("patch-{}.yaml", advice.namespace), document: patch(advice) },
        }
    });
    let default = Admission { defaults: advice.elsewhere.labels, ..Admission::default() };
    let configuration =
        Emitted { file: "admission-configuration.yaml".to_owned(), document: default.admission_configuration() };
    labelled.chain([configuration]).collect()
}

/// The namespace as it was given, with the labels.
fn manifest(namespace: &Value, advice: &NamespaceAdvice) -> Value {
    let mut manifest = as_manifest(namespace);
    if let Some(object) = manifest.as_object_mut() {
        let metadata = object.entry("metadata").or_insert_with(|| json!({}));
        if let Some(metadata) = metadata.as_object_mut() {
            let old = metadata.get("labels").and_then(Value::as_object).cloned().unwrap_or_default();
            metadata.insert("labels".to_owned(), Value::Object(old.into_iter().chain(labels(advice)).collect()));
        }
    }
    manifest
}

/// The labels alone: a merge patch, and a manifest besides.
fn patch(advice: &NamespaceAdvice) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": advice.namespace, "labels": labels(advice)}})
}

fn labels(advice: &NamespaceAdvice) -> Map<String, Value> {
    advice.labels.labels().into_iter().map(|(key, value)| (key.to_owned(), value.into())).collect()
}

/// The labels as lines of a POSIX shell, each namespace with its reasons.
pub(super) fn script(advice: &Advice) -> EmittedText {
    let mut text = HEAD.to_owned();
    for advice in advice.namespaces.iter().filter(|advice| is_label(&advice.namespace)) {
        text.push('\n');
        comments(advice).into_iter().for_each(|line| text.extend(["# ", &one_line(&line), "\n"]));
        text.push_str(&command(advice));
    }
    EmittedText { file: "label.sh".to_owned(), text }
}

const HEAD: &str = "\
#!/bin/sh
# Sets the Pod Security labels. First try it with: sh label.sh --dry-run=server
# That names the running pods that violate the new levels, and changes nothing.
set -eu
";

fn comments(advice: &NamespaceAdvice) -> Vec<String> {
    let level = |mode: LevelVersion| format!("`{}`", mode.level);
    let mut lines = vec![
        format!("{}: enforce {}: {}", advice.namespace, level(advice.labels.enforce), advice.reasons.enforce),
        format!("  warn {}: {}", level(advice.labels.warn), advice.reasons.warn),
        format!("  audit {}: {}", level(advice.labels.audit), advice.reasons.audit),
    ];
    if !advice.given.denied.is_empty() {
        let denied: Vec<&str> = advice.given.denied.iter().map(String::as_str).collect();
        lines.push(format!("  left aside, because no policy admits them: {}", listed(&denied)));
    }
    lines
}

fn command(advice: &NamespaceAdvice) -> String {
    let labels = advice.labels.labels().map(|(key, value)| quoted(&format!("{key}={value}")));
    format!("kubectl label \"$@\" --overwrite namespace {} {}\n", quoted(&advice.namespace), labels.join(" "))
}

/// Whether a namespace can have this name.
pub(super) fn is_label(name: &str) -> bool {
    let is_edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    name.len() <= 63
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        && is_edge(name.chars().next())
        && is_edge(name.chars().next_back())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_a_namespace_can_have_pass() {
        assert!(is_label("team-a1"));
        for name in ["", "-a", "a-", "A", "a.b", "a;reboot", "a/../b", &"a".repeat(64)] {
            assert!(!is_label(name), "{name}");
        }
    }
}
