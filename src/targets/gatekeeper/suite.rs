//! A test suite for `gator verify`: requests with their users, and what the emitted documents must answer.

use serde_json::{Value, json};

use super::review::review;
use crate::targets::{AdmissionRequest, Emission, Emitted};

/// One request and the answer that is expected. Gator runs no mutators: the pod is the one that they leave behind.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// The request.
    pub request: AdmissionRequest<'a>,
    /// Whether the constraint lets it pass.
    pub allowed: bool,
}

/// The suite and one file for each case, to stand beside the emitted documents. Empty if no constraint was emitted.
pub fn suite(emission: &Emission, cases: &[Case<'_>]) -> Vec<Emitted> {
    let file_of = |kind_group: &str| {
        let mut documents = emission.documents.iter();
        let is_of = |emitted: &&Emitted| {
            super::text_at(&emitted.document, "/apiVersion").is_some_and(|v| v.starts_with(kind_group))
        };
        documents.find(is_of).map(|emitted| emitted.file.as_str())
    };
    let (Some(template), Some(constraint)) = (file_of("templates."), file_of("constraints.")) else {
        return Vec::new();
    };
    let files: Vec<Emitted> = cases.iter().enumerate().map(|(index, case)| admission_review(index, case)).collect();
    let listed = files.iter().zip(cases).map(|(file, case)| {
        let violations = if case.allowed { "no" } else { "yes" };
        json!({"name": case_name(case), "object": file.file, "assertions": [{"violations": violations}]})
    });
    let test = json!({
        "name": "pod-security-policies",
        "template": template,
        "constraint": constraint,
        "cases": listed.collect::<Vec<_>>(),
    });
    let document = json!({
        "apiVersion": "test.gatekeeper.sh/v1alpha1",
        "kind": "Suite",
        "metadata": {"name": "pod-security-policies"},
        "tests": [test],
    });
    [Emitted { file: "psp-suite.yaml".to_owned(), document }].into_iter().chain(files).collect()
}

fn case_name(case: &Case<'_>) -> String {
    let AdmissionRequest { operation, namespace, name, user, .. } = case.request;
    format!("{} {namespace}/{name} by {user}", operation.name())
}

fn admission_review(index: usize, case: &Case<'_>) -> Emitted {
    let mut request = review(&case.request, case.request.object);
    if let Some(map) = request.as_object_mut() {
        map.retain(|_, value: &mut Value| !value.is_null());
        map.insert("uid".to_owned(), json!(format!("{index:08}-0000-0000-0000-000000000000")));
    }
    let document = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request});
    Emitted { file: format!("psp-suite-case-{index:04}.yaml"), document }
}
