//! A rule about what a function makes of a pod's values is refuted or called unproven, never equal: `golden/derived`.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test that cannot go on has failed")]

use std::path::{Path, PathBuf};

use psp_migrate::cluster::Cluster;
use psp_migrate::compare::{Agreement, Terms, compare};
use psp_migrate::input::{Inventory, default_pod};
use psp_migrate::proof::{against_policies, request};
use psp_migrate::rbac::RbacOptions;
use psp_migrate::release::Release;
use psp_migrate::targets::{Context, Target, vap::Vap};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Debug, Deserialize)]
struct Rule {
    expression: String,
    spec: Value,
    relation: String,
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/derived").join(name)
}

fn documents(expression: &str) -> [Value; 2] {
    let rules = json!([{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}]);
    let of = |kind: &str, spec: Value| json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": {"name": "derived"}, "spec": spec});
    [
        of(
            "ValidatingAdmissionPolicy",
            json!({"failurePolicy": "Fail", "matchConstraints": {"resourceRules": rules},
                "validations": [{"expression": expression}]}),
        ),
        of("ValidatingAdmissionPolicyBinding", json!({"policyName": "derived", "validationActions": ["Deny"]})),
    ]
}

fn pod(spec: &Value) -> Value {
    let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "default"},
        "spec": {"containers": [{"name": "c", "image": "i"}]}});
    let given = spec.as_object().unwrap().clone();
    pod["spec"].as_object_mut().unwrap().extend(given);
    default_pod(&mut pod);
    pod
}

#[test]
fn no_rule_about_what_is_made_of_a_pod_is_called_equal() {
    let inventory = Inventory::read(&[file("cluster.yaml")]);
    let policies: Vec<Value> = inventory.policies.iter().map(|it| it.value.clone()).collect();
    let groups = [&inventory.cluster_roles, &inventory.cluster_role_bindings];
    let rbac: Vec<Value> = groups.into_iter().flatten().map(|it| it.value.clone()).collect();
    let cluster = Cluster::new(&policies, &rbac, Release::default(), RbacOptions::default()).unwrap();
    let rules: Vec<Rule> = serde_yaml::from_str(&std::fs::read_to_string(file("rules.yaml")).unwrap()).unwrap();
    let terms = Terms { target_minor: 37, compares_pods: false, compares_annotation: false };
    let mut wrong = Vec::new();
    for Rule { expression, spec, relation } in &rules {
        let context = Context { namespaces: &[], rbac: cluster.rbac(), target_minor: 37 };
        let documents = documents(expression);
        let decider = Vap.read(&documents, &context);
        let proofs = against_policies(&cluster, decider.as_ref(), &[], terms);
        let relations: Vec<String> = proofs.iter().map(|it| it.proof.relation.to_string()).collect();
        let mut subject = proofs[0].class.subject.clone();
        (subject.namespace, subject.user) = ("default".to_owned(), "jane".to_owned());
        let denied = compare(&cluster, decider.as_ref(), &request(&subject, pod(spec)), terms).unwrap();
        if denied.agreement != Agreement::Stricter || relations != [relation.clone()] {
            wrong.push(format!("{expression}: {relations:?}, its pod: {:?}", denied.agreement));
        }
    }
    assert!(wrong.is_empty() && rules.len() > 30, "{} of {}:\n{}", wrong.len(), rules.len(), wrong.join("\n"));
}
