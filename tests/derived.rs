//! A rule about what a function makes of a pod's values is refuted or called unproven, never equal: `golden/derived`.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test that cannot go on has failed")]

use std::path::{Path, PathBuf};

use psp_migrate::cluster::Cluster;
use psp_migrate::compare::{Agreement, Terms, compare};
use psp_migrate::input::{Inventory, default_pod};
use psp_migrate::proof::{against_policies, request};
use psp_migrate::rbac::RbacOptions;
use psp_migrate::relation::Relation;
use psp_migrate::release::Release;
use psp_migrate::targets::kyverno::KyvernoClusterPolicy;
use psp_migrate::targets::{Context, Target, gatekeeper::Gatekeeper, vap::Vap};
use rayon::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};

/// An expression in CEL, or the body of a violation in Rego; a pod that it denies; how it relates to the policies.
#[derive(Debug, Deserialize)]
struct Rule {
    rule: String,
    pod: Value,
    relation: String,
}

/// The documents that a rule stands in.
struct Case {
    name: String,
    target: &'static dyn Target,
    documents: Vec<Value>,
    pod: Value,
    relation: String,
}

impl Case {
    fn of_cel(rule: Rule) -> Self {
        let Rule { rule: expression, pod: given, relation } = rule;
        let rules =
            json!([{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}]);
        let of = |kind: &str, spec: Value| json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": {"name": "derived"}, "spec": spec});
        let policy = of(
            "ValidatingAdmissionPolicy",
            json!({"failurePolicy": "Fail", "matchConstraints": {"resourceRules": rules},
                "validations": [{"expression": expression}]}),
        );
        let binding =
            of("ValidatingAdmissionPolicyBinding", json!({"policyName": "derived", "validationActions": ["Deny"]}));
        Self { name: expression, target: &Vap, documents: vec![policy, binding], pod: pod(&given), relation }
    }

    fn of_rego(functions: &str, rule: Rule) -> Self {
        let Rule { rule: statements, pod: given, relation } = rule;
        let lines: Vec<String> = statements.lines().map(|line| format!("\t{line}\n")).collect();
        let rego = format!("{functions}\nviolation[{{\"msg\": \"no\"}}] {{\n{}}}\n", lines.concat());
        let names = json!({"names": {"kind": "Derived"}});
        let template = json!({"apiVersion": "templates.gatekeeper.sh/v1", "kind": "ConstraintTemplate",
            "metadata": {"name": "derived"}, "spec": {"crd": {"spec": names},
                "targets": [{"target": "admission.k8s.gatekeeper.sh", "rego": rego}]}});
        let constraint = json!({"apiVersion": "constraints.gatekeeper.sh/v1beta1", "kind": "Derived",
            "metadata": {"name": "derived"}, "spec": {"match": {"kinds": [{"apiGroups": [""], "kinds": ["Pod"]}]}}});
        Self {
            name: statements,
            target: &Gatekeeper,
            documents: vec![template, constraint],
            pod: pod(&given),
            relation,
        }
    }

    fn of_kyverno(rule: Rule) -> Self {
        let Rule { rule: condition, pod: given, relation } = rule;
        let resources = json!({"any": [{"resources": {"kinds": ["Pod"], "operations": ["CREATE"]}}]});
        let all: Value = serde_json::from_str(&condition).unwrap();
        let denies = json!({"cel": {"expressions": [{"expression": "false", "message": "no"}]}});
        let policy = json!({"apiVersion": "kyverno.io/v1", "kind": "ClusterPolicy",
            "metadata": {"name": "derived", "annotations": {"pod-policies.kyverno.io/autogen-controllers": "none"}},
            "spec": {"validationFailureAction": "Enforce", "background": false, "failurePolicy": "Fail", "rules": [
                {"name": "derived", "match": resources, "preconditions": {"all": [all]}, "validate": denies}]}});
        Self { name: condition, target: &KyvernoClusterPolicy, documents: vec![policy], pod: pod(&given), relation }
    }

    /// What is wrong with what is found of the documents.
    fn wrong(self, cluster: &Cluster) -> Option<String> {
        let terms = Terms { target_minor: 37, compares_pods: false, compares_annotation: false };
        let context = Context { namespaces: &[], rbac: cluster.rbac(), target_minor: 37 };
        let decider = self.target.read(&self.documents, &context);
        let proofs = against_policies(cluster, decider.as_ref(), &[], terms);
        let jane = proofs.iter().find(|it| it.proof.relation != Relation::Equal).unwrap_or(&proofs[0]);
        let relation = jane.proof.relation.to_string();
        let mut subject = jane.class.subject.clone();
        (subject.namespace, subject.user) = ("default".to_owned(), "jane".to_owned());
        subject.groups = vec!["system:authenticated".to_owned()];
        subject.account = self.pod["spec"]["serviceAccountName"].as_str().unwrap_or("default").to_owned();
        let denied = compare(cluster, decider.as_ref(), &request(&subject, self.pod), terms).unwrap();
        let is_right = denied.agreement == Agreement::Stricter && relation == self.relation;
        let reasons: Vec<String> = jane.proof.reasons.iter().map(ToString::to_string).collect();
        (!is_right)
            .then(|| format!("{}: {relation} ({}), its pod: {:?}\n", self.name, reasons.join("; "), denied.agreement))
    }
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/derived").join(name)
}

fn text(name: &str) -> String {
    std::fs::read_to_string(file(name)).unwrap()
}

/// The smallest pod with what is given.
fn pod(given: &Value) -> Value {
    let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "default"},
        "spec": {"containers": [{"name": "c", "image": "i"}]}});
    for (field, value) in given.as_object().unwrap() {
        let part = if matches!(field.as_str(), "labels" | "annotations") { "metadata" } else { "spec" };
        pod[part][field] = value.clone();
    }
    default_pod(&mut pod);
    pod
}

/// None of the cases is called equal to the policies of `cluster.yaml`: each relates to them as it says.
fn none_is_called_equal(file_name: &str, case: impl Fn(Rule) -> Case, at_least: usize) {
    let rules: Vec<Rule> = serde_yaml::from_str(&text(file_name)).unwrap();
    let cases: Vec<Case> = rules.into_iter().map(case).collect();
    let inventory = Inventory::read(&[file("cluster.yaml")]);
    let policies: Vec<Value> = inventory.policies.iter().map(|it| it.value.clone()).collect();
    let groups = [&inventory.cluster_roles, &inventory.cluster_role_bindings];
    let rbac: Vec<Value> = groups.into_iter().flatten().map(|it| it.value.clone()).collect();
    let cluster = Cluster::new(&policies, &rbac, Release::default(), RbacOptions::default()).unwrap();
    let count = cases.len();
    assert!(cases.iter().all(|case| case.relation != "equal"));
    let wrong: Vec<String> = cases.into_par_iter().filter_map(|case| case.wrong(&cluster)).collect();
    assert!(wrong.is_empty() && count >= at_least, "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn no_rule_about_what_is_made_of_a_pod_is_called_equal() {
    none_is_called_equal("rules.yaml", Case::of_cel, 70);
}

#[test]
fn no_violation_by_what_is_made_of_a_pod_is_called_equal() {
    let functions = text("functions.rego");
    none_is_called_equal("rego.yaml", |rule| Case::of_rego(&functions, rule), 200);
}

#[test]
fn no_condition_about_what_is_made_of_a_pod_is_called_equal() {
    none_is_called_equal("kyverno.yaml", Case::of_kyverno, 90);
}
