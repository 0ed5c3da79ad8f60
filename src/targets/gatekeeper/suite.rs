//! Files for `gator verify`: a suite of requests with their users, and what the emitted constraint answers to each.
//!
//! Gator runs neither mutators nor API validation, so a case holds the pod that the mutators leave behind, and expects what
//! the constraint alone says of it, word for word.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::review::review;
use super::text_at;
use crate::targets::{AdmissionRequest, Emission, EmittedText, TestCase};
use crate::yaml::to_yaml;

/// The folder of the files, beside the documents.
const FOLDER: &str = "tests";

/// The suite and one file for each case; equal cases are written once. Empty if no constraint was emitted.
pub(super) fn files(emission: &Emission, cases: &[TestCase<'_>]) -> Vec<EmittedText> {
    let file_of = |group: &str| {
        let is_of = |version: &str| version.starts_with(group);
        let mut emitted = emission.documents.iter();
        let found = emitted.find(|emitted| text_at(&emitted.document, "/apiVersion").is_some_and(is_of))?;
        Some((format!("../{}", found.file), text_at(&found.document, "/metadata/name")?))
    };
    let (Some((template, _)), Some((constraint, constraint_name))) = (file_of("templates."), file_of("constraints."))
    else {
        return Vec::new();
    };
    let (mut listed, mut files, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
    for case in cases {
        let review = admission_review(case);
        if !seen.insert(review.to_string()) {
            continue;
        }
        let file = format!("case-{:04}.yaml", files.len() + 1);
        listed.push(
            json!({"name": name(&case.request), "object": file, "assertions": assertions(case, constraint_name)}),
        );
        files.extend(text(&file, &review));
    }
    let name = "pod-security-policies";
    let test = json!({"name": name, "template": template, "constraint": constraint, "cases": listed});
    let suite = json!({
        "apiVersion": "test.gatekeeper.sh/v1alpha1",
        "kind": "Suite",
        "metadata": {"name": name},
        "tests": [test],
    });
    text("suite.yaml", &suite).into_iter().chain(files).collect()
}

fn text(file: &str, document: &Value) -> Option<EmittedText> {
    Some(EmittedText { file: format!("{FOLDER}/{file}"), text: to_yaml(document).ok()? })
}

fn name(request: &AdmissionRequest<'_>) -> String {
    let AdmissionRequest { operation, namespace, name, user, .. } = request;
    let user = if user.is_empty() { "somebody" } else { user };
    format!("{} {namespace}/{name} by {user}", operation.name())
}

/// What gator must find: the very message of the constraint, or no violation.
fn assertions(case: &TestCase<'_>, constraint: &str) -> Value {
    let lines = case.verdict.messages.iter().chain(&case.verdict.warnings);
    let mut own = lines.filter_map(|line| line.strip_prefix(&format!("[{constraint}] ")));
    match own.next() {
        Some(message) => json!([{"violations": 1, "message": exactly(message)}]),
        None => json!([{"violations": "no"}]),
    }
}

/// A regular expression of Go for this text and no other.
fn exactly(text: &str) -> String {
    let mut pattern = "^".to_owned();
    for c in text.chars() {
        if c.is_ascii_punctuation() {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('$');
    pattern
}

fn admission_review(case: &TestCase<'_>) -> Value {
    let mut request = review(&case.request, &case.verdict.pod);
    if let Some(map) = request.as_object_mut() {
        map.retain(|_, value: &mut Value| !value.is_null());
    }
    // Gator takes no object that does not say what it is.
    for field in ["object", "oldObject"] {
        if let Some(pod) = request.get_mut(field).and_then(Value::as_object_mut) {
            pod.insert("apiVersion".to_owned(), json!("v1"));
            pod.insert("kind".to_owned(), json!("Pod"));
        }
    }
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_expected_literally() {
        assert_eq!(exactly("a: b (c) [d]."), "^a\\: b \\(c\\) \\[d\\]\\.$");
    }
}
