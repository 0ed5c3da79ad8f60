//! Files for `kyverno test`: for each requester a folder with its pods, and what the policies must make of them.
//!
//! Kyverno's command line knows requests to create pods only: its updates change nothing. It does not run the API server's
//! part, so pods that the server would refuse or complete are expected to pass as far as Kyverno is concerned.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::cluster::PASSED;
use crate::admission::Operation;
use crate::cel::policy::text;
use crate::pod_view::APP_ARMOR_ANNOTATION;
use crate::targets::cel_policies::stored::as_stored;
use crate::targets::{Emission, EmittedText, TestCase};
use crate::yaml::to_yaml;

/// How results name a document, or one of its rules.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// Whether it denies; otherwise it changes pods.
    pub denies: bool,
    /// What a result holds besides the policy's name.
    pub fields: Map<String, Value>,
    /// The rule whose changes it is about; none for all changes of the policy.
    pub rule: Option<String>,
}

/// The rows of a document.
pub(super) type Rows = fn(&Value) -> Vec<Row>;

/// The files; empty if no request can be tested.
pub(super) fn test_files(emission: &Emission, cases: &[TestCase<'_>], rows: Rows) -> Vec<EmittedText> {
    let mut by_requester: BTreeMap<(&str, &[String]), Vec<&TestCase<'_>>> = BTreeMap::new();
    for case in cases.iter().filter(|case| is_testable(case)) {
        by_requester.entry((case.request.user, case.request.groups)).or_default().push(case);
    }
    let folders = by_requester.into_iter().enumerate();
    folders.flat_map(|(index, (requester, cases))| folder(index + 1, requester, &cases, emission, rows)).collect()
}

/// Whether Kyverno's command line can decide about it.
fn is_testable(case: &TestCase<'_>) -> bool {
    let ours = case.verdict.messages.iter().any(|message| is_kyvernos(message));
    case.request.operation == Operation::Create
        && case.request.subresource.is_empty()
        && case.verdict.unsupported.is_empty()
        && (case.verdict.allowed || ours)
}

/// Whether Kyverno says so, or the API server.
fn is_kyvernos(message: &str) -> bool {
    message.starts_with("Policy ") || message.starts_with("resource Pod/")
}

fn folder(
    number: usize,
    (user, groups): (&str, &[String]),
    cases: &[&TestCase<'_>],
    emission: &Emission,
    rows: Rows,
) -> Vec<EmittedText> {
    let names: Vec<String> = (1..=cases.len()).map(|index| format!("pod-{index:05}")).collect();
    let pods: Vec<Value> = cases.iter().zip(&names).map(|(case, name)| submitted(case, name)).collect();
    let changed: Vec<Option<Value>> = cases.iter().zip(&pods).map(|(case, pod)| changed(case, pod)).collect();
    let mut files: Vec<&str> = emission.documents.iter().map(|emitted| emitted.file.as_str()).collect();
    files.dedup();
    let test = json!({
        "apiVersion": "cli.kyverno.io/v1alpha1",
        "kind": "Test",
        "metadata": {"name": format!("requester-{number:03}")},
        "policies": files.iter().map(|file| format!("../../{file}")).collect::<Vec<_>>(),
        "resources": ["resources.yaml"],
        "userinfo": "userinfo.yaml",
        "variables": "values.yaml",
        "results": results(emission, cases, &names, &changed, rows),
    });
    let userinfo = json!({
        "apiVersion": "cli.kyverno.io/v1alpha1",
        "kind": "UserInfo",
        "userInfo": {"username": user, "groups": groups},
    });
    let values = json!({
        "apiVersion": "cli.kyverno.io/v1alpha1",
        "kind": "Values",
        "globalValues": {"request.operation": "CREATE"},
    });
    let patched: Vec<Value> = changed.into_iter().flatten().collect();
    let file = |name: &str, documents: &[Value]| EmittedText {
        file: format!("tests/{number:03}/{name}"),
        text: stream(documents),
    };
    let mut files = vec![
        file("kyverno-test.yaml", &[test]),
        file("resources.yaml", &pods),
        file("userinfo.yaml", &[userinfo]),
        file("values.yaml", &[values]),
    ];
    files.extend((!patched.is_empty()).then(|| file("patched.yaml", &patched)));
    files
}

/// The pod that is put to the policies, under a name of its own.
fn submitted(case: &TestCase<'_>, name: &str) -> Value {
    let mut pod = as_stored(case.request.object.clone());
    identify(&mut pod, case, name);
    pod
}

fn identify(pod: &mut Value, case: &TestCase<'_>, name: &str) {
    if let Some(pod) = pod.as_object_mut() {
        pod.insert("apiVersion".to_owned(), json!("v1"));
        pod.insert("kind".to_owned(), json!("Pod"));
    }
    if let Some(metadata) = pod.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("generateName");
        metadata.insert("name".to_owned(), json!(name));
        metadata.insert("namespace".to_owned(), json!(case.request.namespace));
    }
}

/// The pod that mutations leave, where they change anything. The API server completes pods with AppArmor annotations, so
/// what Kyverno alone leaves of them is not known.
fn changed(case: &TestCase<'_>, submitted: &Value) -> Option<Value> {
    let mut pod = Value::clone(&case.verdict.pod);
    identify(&mut pod, case, text(submitted, "/metadata/name"));
    let annotations = pod.pointer("/metadata/annotations").and_then(Value::as_object);
    let completed = annotations.into_iter().flatten().any(|(key, _)| key.starts_with(APP_ARMOR_ANNOTATION));
    (pod != *submitted && !completed).then_some(pod)
}

fn results(
    emission: &Emission,
    cases: &[&TestCase<'_>],
    names: &[String],
    changed: &[Option<Value>],
    rows: Rows,
) -> Vec<Value> {
    let shown = |index: usize| Some(format!("{}/{}", cases.get(index)?.request.namespace, names.get(index)?));
    let listed = |wanted: &dyn Fn(usize) -> bool| -> Vec<String> {
        (0..cases.len()).filter(|index| wanted(*index)).filter_map(shown).collect()
    };
    let fails = |index: usize| {
        cases.get(index).is_some_and(|case| {
            let audited = case.verdict.audit.iter().map(|(_, message)| message);
            let all = case.verdict.messages.iter().chain(&case.verdict.warnings).chain(audited);
            all.into_iter().any(|message| is_kyvernos(message))
        })
    };
    let is_changed = |index: usize| changed.get(index).is_some_and(Option::is_some);
    let mut results = Vec::new();
    for document in emission.documents.iter().map(|emitted| &emitted.document) {
        // The command line knows no labels of namespaces here, so what asks for some does not apply.
        if document.to_string().contains("namespaceSelector") {
            continue;
        }
        let policy = text(document, "/metadata/name");
        for Row { denies, mut fields, rule } in rows(document) {
            fields.insert("policy".to_owned(), json!(policy));
            fields.insert("kind".to_owned(), json!("Pod"));
            if denies {
                results.extend(result(&fields, "pass", listed(&|index| !fails(index))));
                results.extend(result(&fields, "fail", listed(&fails)));
            } else {
                fields.insert("patchedResources".to_owned(), json!("patched.yaml"));
                let rule = rule.map(|rule| (format!("{policy}/{rule}"), PASSED.to_owned()));
                let by_rule = |case: &TestCase<'_>| rule.as_ref().is_none_or(|rule| case.verdict.audit.contains(rule));
                let wanted = |index: usize| is_changed(index) && cases.get(index).is_some_and(|case| by_rule(case));
                results.extend(result(&fields, "pass", listed(&wanted)));
            }
        }
    }
    results
}

fn result(fields: &Map<String, Value>, result: &str, resources: Vec<String>) -> Option<Value> {
    let mut row = fields.clone();
    row.insert("result".to_owned(), json!(result));
    row.insert("resources".to_owned(), json!(resources));
    (!resources.is_empty()).then(|| row.into())
}

fn stream(documents: &[Value]) -> String {
    let texts: Vec<String> = documents.iter().filter_map(|document| to_yaml(document).ok()).collect();
    texts.join("---\n")
}
