//! `evaluate --with`: other engines decide, in their own words.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]

mod support;

use serde_json::{Value, json};
use support::program::{ndjson, run, run_with};

const ATTACKER: &str = "system:serviceaccount:psp-example:malicious-user";
const EXAMPLE: [&str; 4] = ["evaluate", "golden/example/manifests", "--pods", "golden/example/samples"];

/// A namespace that enforces baseline and warns of restricted, and a Deployment in it.
const LABELLED: &str = "\
apiVersion: v1
kind: Namespace
metadata:
  name: web
  labels: {pod-security.kubernetes.io/enforce: baseline, pod-security.kubernetes.io/warn: restricted}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop, namespace: web}
spec: {template: {spec: {hostPID: true, containers: [{name: c, image: i}]}}}
";

/// A policy that warns of host PIDs, and a pod.
const WARNING: &str = "\
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: no-host}
spec:
  matchConstraints: {resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [pods]}]}
  validations: [{expression: '!object.spec.?hostPID.orValue(false)', message: not here}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: no-host-binding}
spec: {policyName: no-host, validationActions: [Warn, Audit]}
---
apiVersion: v1
kind: Pod
metadata: {name: p}
spec: {hostPID: true, containers: [{name: c, image: i}]}
";

/// Writes a text to a file of its own and gives the path.
fn file(name: &str, text: &str) -> String {
    let path = std::env::temp_dir().join(format!("psp-migrate-with-{}-{name}.yaml", std::process::id()));
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn decisions(arguments: &[&str]) -> Vec<Value> {
    let run = run(&[arguments, &["--format", "ndjson"]].concat());
    assert_eq!(run.code, 0, "{}", run.stderr);
    ndjson(&run.stdout)
}

#[test]
fn native_policies_decide_in_their_own_words() {
    for target in ["vap", "gatekeeper"] {
        let found = decisions(&[&EXAMPLE[..], &["--as", ATTACKER, "--with", target]].concat());
        assert_eq!([&found[0]["verdict"], &found[1]["verdict"]], ["denied", "admitted"], "{target}");
        let message = found[0]["message"].as_str().unwrap();
        assert!(message.contains("psp-protect-docker"), "{target}: {message}");
    }
}

#[test]
fn what_native_policies_fill_in_is_a_patch() {
    let found = decisions(&[&EXAMPLE[..], &["--as", ATTACKER, "--with", "vap", "--with-pod"]].concat());
    let escalation = json!({"op": "add", "path": "/spec/containers/0/securityContext", "value": {"allowPrivilegeEscalation": false}});
    assert!(found[1]["patch"].as_array().unwrap().contains(&escalation), "{}", found[1]["patch"]);
    assert_eq!(found[1]["pod"]["metadata"]["annotations"]["kubernetes.io/psp"], "psp-protect-docker");
}

#[test]
fn the_documents_of_a_folder_decide() {
    let folder = std::env::temp_dir().join(format!("psp-migrate-with-folder-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let against = |folder: &str| run(&[&EXAMPLE[..], &["--with", "vap", "--against", folder]].concat());
    assert_eq!(against("nowhere").code, 2);
    std::fs::write(folder.join("policy.yaml"), WARNING).unwrap();
    let run = against(folder.to_str().unwrap());
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(run.stdout.matches("admitted").count(), 2, "{}", run.stdout);
    assert!(run.stderr.contains("decided by the documents in"), "{}", run.stderr);
}

#[test]
fn policies_among_the_input_come_before_what_would_be_written() {
    let path = file("warning", WARNING);
    let found = decisions(&["evaluate", &path, "--with", "vap"]);
    assert_eq!(found[0]["verdict"], "admitted");
    let warning = "Validation failed for ValidatingAdmissionPolicy 'no-host' with binding 'no-host-binding': not here";
    assert_eq!(found[0]["warnings"], json!([warning]));
    let audited = r#"[{"message":"not here","policy":"no-host","binding":"no-host-binding","expressionIndex":0,"validationActions":["Warn","Audit"]}]"#;
    assert_eq!(found[0]["auditAnnotations"]["validation.policy.admission.k8s.io/validation_failure"], audited);
    std::fs::remove_file(path).unwrap();
}

#[test]
fn namespace_labels_refuse_pods_and_warn_about_workloads() {
    let run = run_with(&["evaluate", "-", "--with", "psa", "--format", "ndjson"], LABELLED);
    let found = ndjson(&run.stdout);
    assert_eq!([&found[0]["kind"], &found[0]["name"], &found[0]["verdict"]], ["Deployment", "shop", "admitted"]);
    let warning = found[0]["warnings"][0].as_str().unwrap();
    assert!(
        warning.starts_with("would violate PodSecurity \"restricted:latest\": host namespaces (hostPID=true), allow")
    );
    assert_eq!([&found[1]["kind"], &found[1]["workload"], &found[1]["verdict"]], ["Pod", "Deployment/shop", "denied"]);
    let message =
        "pods \"shop-\" is forbidden: violates PodSecurity \"baseline:latest\": host namespaces (hostPID=true)";
    assert_eq!(found[1]["message"], message);
    assert_eq!(found[1]["auditAnnotations"]["pod-security.kubernetes.io/enforce-policy"], "baseline:latest");
}

#[test]
fn one_level_stands_for_every_namespace() {
    let found = decisions(&[&EXAMPLE[..], &["--level", "baseline", "--level-version", "v1.30"]].concat());
    assert_eq!([&found[0]["verdict"], &found[1]["verdict"]], ["denied", "admitted"]);
    let message = found[0]["message"].as_str().unwrap();
    assert!(message.contains("violates PodSecurity \"baseline:v1.30\": hostPath volumes"), "{message}");
    assert_eq!(run(&[&EXAMPLE[..], &["--level", "strict"]].concat()).code, 2);
}

#[test]
fn what_cannot_be_evaluated_is_no_answer() {
    let path = file("broken", &WARNING.replace("!object.spec.?hostPID.orValue(false)", "object.spec.hostPID"));
    let run = run(&["evaluate", &path, "--with", "vap", "--format", "ndjson"]);
    let found = ndjson(&run.stdout).remove(0);
    std::fs::remove_file(path).unwrap();
    assert_eq!((run.code, &found["verdict"]), (2, &json!("unknown")));
    assert!(found["unsupported"][0]["why"].as_str().unwrap().contains("must evaluate to bool"), "{found}");
}

#[test]
fn an_unknown_engine_is_named() {
    let run = run(&[&EXAMPLE[..], &["--with", "opa"]].concat());
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("there is no target `opa`: choose from `vap`"), "{}", run.stderr);
}
