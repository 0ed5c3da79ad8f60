//! Replays what a real 1.37 API server made of expressions: `golden/cel`, written by `golden/cel/record.py`.

use super::authorizer::{Attributes, Authorize, Decision, Identity};
use super::lint::{Env, Role, infer};
use super::normalise::{normalise, pod_pointers};
use super::policy::{AdmissionOutcome, Policies, Request, Surroundings, Verdict};
use super::{Object, Type};
use serde_json::{Value as Json, json};
use std::path::PathBuf;

pub(crate) fn golden(name: &str) -> String {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "golden", "cel", name].iter().collect();
    std::fs::read_to_string(path).unwrap()
}

pub(crate) fn cases() -> Vec<Json> {
    golden("recorded.ndjson").lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub(crate) fn role(case: &Json) -> Role {
    match case["role"].as_str().unwrap() {
        "Validation" => Role::Validation,
        "MatchCondition" => Role::MatchCondition,
        "MessageExpression" => Role::MessageExpression,
        "AuditAnnotation" => Role::AuditAnnotation,
        "Variable" => Role::Variable,
        "MutationJsonPatch" => Role::MutationJsonPatch,
        "MutationApply" => Role::MutationApply,
        other => panic!("{other}"),
    }
}

/// A variable is declared while it is compiled only in the sense of its predecessors: there are none here.
fn env() -> Env {
    Env { variables: Vec::<(String, Type)>::new(), ..Env::default() }
}

#[test]
fn lint_agrees_with_the_server() {
    let cases = cases();
    let mut wrong = Vec::new();
    for case in &cases {
        let expression = case["expression"].as_str().unwrap();
        let findings = infer(expression, role(case), &env()).1;
        let refused = case["refused"].as_str();
        let authorizer_without_one = role(case) == Role::AuditAnnotation && expression.contains("authorizer");
        let agrees = authorizer_without_one && !findings.is_empty()
            || match (refused, findings.first()) {
                (None, None) => true,
                (Some(server), Some(ours)) => server.contains(&ours.message) || ours.message.contains("yntax error"),
                _ => false,
            };
        if !agrees {
            wrong.push(format!("{expression}\n   server: {refused:?}\n   ours:   {findings:?}"));
        }
    }
    eprintln!("{} expressions", cases.len());
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// The recorded server's administrator may do everything, nobody else anything.
#[derive(Debug)]
struct Administrator;

impl Authorize for Administrator {
    fn authorize(&self, identity: &Identity, _: &Attributes) -> Decision {
        Decision { allowed: identity.groups.iter().any(|group| group == "system:masters"), ..Decision::default() }
    }
}

/// The policy that `record.py` made of a case, and its binding.
fn documents(case: &Json) -> [Json; 2] {
    let expression = &case["expression"];
    let rules = json!({"resourceRules": [
        {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]},
    ]});
    let mut spec = json!({"matchConstraints": rules, "failurePolicy": "Fail"});
    let mut set = |name: &str, value: Json| {
        spec[name] = value;
    };
    let role = case["role"].as_str().unwrap();
    match role {
        "Validation" => set("validations", json!([{"expression": expression}])),
        "MatchCondition" => {
            set("matchConditions", json!([{"name": "c", "expression": expression}]));
            set("validations", json!([{"expression": "false"}]));
        }
        "MessageExpression" => {
            let message = json!([{"expression": "false", "messageExpression": expression, "message": "plain message"}]);
            set("validations", message);
        }
        "AuditAnnotation" => {
            set("auditAnnotations", json!([{"key": "k", "valueExpression": expression}]));
            set("validations", json!([{"expression": "true"}]));
        }
        "Variable" => {
            set("variables", json!([{"name": "x", "expression": expression}]));
            set("validations", json!([{"expression": "variables.x == variables.x"}]));
        }
        "MutationJsonPatch" => {
            set("mutations", json!([{"patchType": "JSONPatch", "jsonPatch": {"expression": expression}}]));
        }
        _ => {
            let apply = json!([{"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}}]);
            set("mutations", apply);
        }
    }
    let kind = if role.starts_with("Mutation") { "MutatingAdmissionPolicy" } else { "ValidatingAdmissionPolicy" };
    let binding = json!({"kind": format!("{kind}Binding"), "metadata": {"name": "x"}, "spec": {
        "policyName": "x", "validationActions": ["Deny"],
        "matchResources": {"objectSelector": {"matchExpressions": [{"key": "case", "operator": "Exists"}]}},
    }});
    [json!({"kind": kind, "metadata": {"name": "x"}, "spec": spec}), binding]
}

fn admit(policies: &Policies, pod: &Json, mutate: bool) -> AdmissionOutcome {
    let identity =
        Identity { user: "admin".into(), groups: vec!["system:masters".into(), "system:authenticated".into()] };
    let mut request = Request::create_pod("default", identity, pod.clone());
    request.dry_run = true;
    request.options = json!({"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1", "dryRun": ["All"]});
    request.user_details.insert("uid".into(), "admin".into());
    let namespace = json!({"metadata": {"name": "default"}, "status": {"phase": "Active"}});
    let surroundings = Surroundings {
        authorize: &Administrator,
        namespace_object: Some(&namespace),
        params: &[],
        redefault: &redefault,
    };
    if mutate { policies.mutate(&request, &surroundings) } else { policies.validate(&request, &surroundings) }
}

/// The pods as admission saw them: with the label that tied them to the case.
fn pods() -> Vec<(String, Json)> {
    let stored: Json = serde_json::from_str(&golden("stored.json")).unwrap();
    let mut pods = Vec::new();
    for (name, pod) in stored.as_object().unwrap() {
        let mut pod = pod.clone();
        pod["metadata"]["labels"]["case"] = json!("case");
        pod["metadata"]["creationTimestamp"] = json!("2026-01-01T00:00:00Z");
        pod["metadata"]["managedFields"] = json!([{}]);
        pods.push((name.clone(), pod));
    }
    pods
}

#[test]
fn validations_agree_with_the_server() {
    let (mut wrong, mut undecided) = (Vec::new(), Vec::new());
    let mut compared = 0;
    for case in cases().iter().filter(|case| case["pods"].is_object()) {
        if case["role"].as_str().unwrap().starts_with("Mutation") {
            continue;
        }
        let policies = Policies::read(&documents(case), 37);
        for (name, pod) in pods() {
            let recorded = case["pods"][&name].as_str().unwrap();
            let outcome = admit(&policies, &pod, false);
            let ours = match outcome.verdict() {
                Verdict::Allowed => "",
                Verdict::Denied(denial) => &denial.message,
                Verdict::Unknown(unknown) => {
                    undecided.push(format!("{} for {name}: {}", case["expression"], unknown.what));
                    continue;
                }
            };
            compared += 1;
            if ours != recorded {
                wrong.push(format!("{} for {name}\n   server: {recorded}\n   ours:   {ours}", case["expression"]));
            }
        }
    }
    eprintln!("{compared} decisions, {} undecided", undecided.len());
    assert!(wrong.is_empty(), "{} of {compared} differ:\n{}", wrong.len(), wrong.join("\n"));
    // What differs between versions, a map as a map key, and a pattern that is no pattern.
    assert_eq!((compared, undecided.len()), (549, 12), "{undecided:#?}");
}

/// What only the object's schema can tell, which is the business of `redefault`: these answers are not compared.
fn is_of_the_schema(recorded: &str) -> bool {
    let prefixes = ["Internal error occurred", "Pod \"", "error applying patch: failed to convert patch object"];
    prefixes.iter().any(|prefix| recorded.starts_with(prefix))
}

/// As much of the API server's defaulting as the recorded mutations need.
fn redefault(pod: Json) -> Result<Object, String> {
    let mut pod = normalise(&pod, &pod_pointers);
    let host_network = pod.pointer("/spec/hostNetwork") == Some(&json!(true));
    for container in pod["spec"]["containers"].as_array_mut().unwrap() {
        let defaults = json!({
            "resources": {}, "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
            "imagePullPolicy": "Always",
        });
        for (name, value) in defaults.as_object().unwrap() {
            let fields = container.as_object_mut().unwrap();
            fields.entry(name).or_insert_with(|| value.clone());
        }
        for port in container.get_mut("ports").and_then(Json::as_array_mut).into_iter().flatten() {
            let number = port["containerPort"].clone();
            let fields = port.as_object_mut().unwrap();
            fields.entry("protocol").or_insert_with(|| json!("TCP"));
            if host_network {
                fields.entry("hostPort").or_insert(number);
            }
        }
    }
    Ok(pod.into())
}

#[test]
fn mutations_agree_with_the_server() {
    let mut wrong = Vec::new();
    let mut compared = 0;
    for case in cases().iter().filter(|case| case["pods"].is_object()) {
        if !case["role"].as_str().unwrap().starts_with("Mutation") {
            continue;
        }
        let policies = Policies::read(&documents(case), 37);
        for (name, mut pod) in pods() {
            let recorded = &case["pods"][&name];
            if recorded.as_str().is_some_and(is_of_the_schema) {
                continue;
            }
            for field in ["/metadata/creationTimestamp", "/metadata/managedFields", "/status"] {
                let (parent, name) = field.rsplit_once('/').unwrap();
                pod.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name);
            }
            let outcome = admit(&policies, &pod, true);
            let ours = match outcome.verdict() {
                Verdict::Denied(denial) => json!(denial.message),
                Verdict::Unknown(unknown) => json!(format!("UNKNOWN {}", unknown.what)),
                Verdict::Allowed => changes(&pod, outcome.object.as_deref().unwrap_or(&pod)),
            };
            compared += 1;
            let patch_error = |answer: &Json| answer.as_str().is_some_and(|text| text.starts_with("JSON Patch: "));
            if ours != *recorded && !(patch_error(&ours) && patch_error(recorded)) {
                wrong.push(format!("{} for {name}\n   server: {recorded}\n   ours:   {ours}", case["expression"]));
            }
        }
    }
    eprintln!("{compared} mutations");
    assert!(wrong.is_empty(), "{} of {compared} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(compared, 91);
}

/// The top-level fields that differ, as `record.py` writes them.
fn changes(before: &Json, after: &Json) -> Json {
    let mut changed = json!({});
    for field in ["metadata", "spec"] {
        if before[field] != after[field] {
            changed[field] = after[field].clone();
        }
    }
    if let Some(labels) = changed.pointer_mut("/metadata/labels").and_then(Json::as_object_mut) {
        labels.remove("case");
    }
    changed
}
