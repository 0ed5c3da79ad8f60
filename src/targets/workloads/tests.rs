//! Small clusters, one question each.

use serde_json::json;

use super::*;
use crate::compare::Agreement;
use crate::input::Source;
use crate::rbac::RbacOptions;
use crate::release::Release;
use crate::requests::RequestReader;

const SECCOMP: &str = "seccomp.security.alpha.kubernetes.io";

/// What a policy says beyond the least, and its annotations.
fn policy(name: &str, spec: Value, annotations: Value) -> Value {
    let any = json!({"rule": "RunAsAny"});
    let mut policy = json!({"apiVersion": "policy/v1beta1", "kind": "PodSecurityPolicy",
        "metadata": {"name": name, "annotations": annotations},
        "spec": {"seLinux": any, "runAsUser": any, "fsGroup": any, "supplementalGroups": any, "volumes": ["*"]}});
    let fields = spec.as_object().unwrap().iter();
    fields.for_each(|(key, value)| policy["spec"][key] = value.clone());
    policy
}

fn cluster(policies: &[Value], release: Release) -> Cluster {
    let (group, api) = ("rbac.authorization.k8s.io", "rbac.authorization.k8s.io/v1");
    let rule = json!({"apiGroups": ["policy"], "resources": ["podsecuritypolicies"], "verbs": ["use"]});
    let wiring = [
        json!({"apiVersion": api, "kind": "ClusterRole", "metadata": {"name": "r"}, "rules": [rule]}),
        json!({"apiVersion": api, "kind": "ClusterRoleBinding", "metadata": {"name": "r"},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "r"},
            "subjects": [{"kind": "Group", "apiGroup": group, "name": "system:serviceaccounts"}]}),
    ];
    Cluster::new(policies, &wiring, release, RbacOptions::default()).unwrap()
}

fn manifests(objects: &[Value]) -> Manifests {
    let source = |line| Source { file: "f".into(), line, column: 0 };
    let sourced = objects.iter().zip(1..).map(|(value, line)| Sourced { value: value.clone(), source: source(line) });
    Manifests::new(RequestReader::new("default", None, 24), sourced.collect())
}

fn workload(api_version: &str, kind: &str, name: &str) -> Value {
    json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": "n"},
        "spec": {"template": {"spec": {"containers": [{"name": "c", "image": "i"}]}}}})
}

fn emit(policies: &[Value], objects: &[Value]) -> Emission {
    let (cluster, manifests) = (cluster(policies, Release::default()), manifests(objects));
    Workloads.emit(&Plan::new(&cluster, Options::default()).with_manifests(&manifests))
}

fn no_escalation() -> Value {
    policy("p", json!({"allowPrivilegeEscalation": false}), json!({}))
}

fn file<'e>(emission: &'e Emission, name: &str) -> &'e str {
    &emission.texts.iter().find(|text| text.file == name).unwrap().text
}

#[test]
fn versions_that_kustomize_does_not_know_get_operations_that_test_the_name_first() {
    let emission = emit(&[no_escalation()], &[workload("extensions/v1beta1", "Deployment", "web.x")]);
    let entry = &emission.documents.last().unwrap().document["patches"][0];
    assert_eq!(entry["target"]["name"], r"web\.x");
    let operations: Value = serde_json::from_str(entry["patch"].as_str().unwrap()).unwrap();
    let expected = json!([
        {"op": "test", "path": "/spec/template/spec/containers/0/name", "value": "c"},
        {"op": "add", "path": "/spec/template/spec/containers/0/securityContext", "value": {"allowPrivilegeEscalation": false}},
    ]);
    assert_eq!(operations, expected);
    assert!(file(&emission, "patch.sh").contains("kubectl patch \"$@\" --namespace=n deployment web.x --type=json"));
}

#[test]
fn what_a_controller_made_is_patched_at_its_source() {
    let mut made = workload("apps/v1", "ReplicaSet", "web-1");
    made["metadata"]["ownerReferences"] = json!([{"controller": true, "kind": "Deployment", "name": "web"}]);
    let both = emit(&[no_escalation()], &[workload("apps/v1", "Deployment", "web"), made.clone()]);
    assert_eq!(both.rewrites.len(), 1);
    assert!(both.notes[0].contains("1 more"), "{:?}", both.notes);
    assert_eq!(emit(&[no_escalation()], &[made]).rewrites.len(), 1, "its source is not in the input");
}

#[test]
fn seccomp_profiles_are_written_as_fields() {
    let annotations = json!({format!("{SECCOMP}/defaultProfileName"): "docker/default", format!("{SECCOMP}/allowedProfileNames"): "*"});
    let policy = policy("p", json!({}), annotations);
    let after = |release: Release| {
        let (cluster, manifests) =
            (cluster(std::slice::from_ref(&policy), release), manifests(&[workload("apps/v1", "Deployment", "w")]));
        let emission = Workloads.emit(&Plan::new(&cluster, Options::default()).with_manifests(&manifests));
        emission.rewrites[0].after["spec"]["template"].clone()
    };
    let template = after(Release::default());
    assert_eq!(template["spec"]["securityContext"], json!({"seccompProfile": {"type": "RuntimeDefault"}}));
    assert_eq!(template.get("metadata"), None);
    let old = after("1.18".parse().unwrap());
    assert_eq!(
        old["metadata"]["annotations"],
        json!({format!("{SECCOMP}/pod"): "docker/default"}),
        "1.18 has no field"
    );
    assert_eq!(old["spec"].get("securityContext"), None);
}

#[test]
fn where_another_policy_would_step_in_the_annotation_is_written_too() {
    // `a` admits a pod with a profile, and drops capabilities; only `b` admits one without, and sets a profile.
    let all = json!({format!("{SECCOMP}/allowedProfileNames"): "runtime/default"});
    let a = policy("a", json!({"requiredDropCapabilities": ["ALL"]}), all);
    let default = json!({format!("{SECCOMP}/defaultProfileName"): "runtime/default", format!("{SECCOMP}/allowedProfileNames"): "*"});
    let b = policy("b", json!({}), default);
    let emission = emit(&[a, b], &[workload("apps/v1", "Deployment", "w")]);
    let template = &emission.rewrites[0].after["spec"]["template"];
    assert_eq!(template["metadata"]["annotations"], json!({format!("{SECCOMP}/pod"): "runtime/default"}));
    assert_eq!(template["spec"]["securityContext"], json!({"seccompProfile": {"type": "RuntimeDefault"}}));
    assert!(emission.notes.iter().any(|note| note.contains("another policy would fill")), "{:?}", emission.notes);
}

#[test]
fn an_object_without_a_name_is_a_gap() {
    let mut job = workload("batch/v1", "Job", "x");
    job["metadata"] = json!({"generateName": "x-", "namespace": "n"});
    let emission = emit(&[no_escalation()], &[job]);
    assert_eq!((emission.gaps[0].code, emission.rewrites.len()), ("no-name", 1));
}

#[test]
fn hostile_names_stay_names() {
    let evil = "a'$(touch pwned);`touch pwned`\n../../x";
    let mut object = workload("extensions/v1beta1", "Deployment", evil);
    object["metadata"]["namespace"] = json!(evil);
    let emission = emit(&[no_escalation()], &[object, workload("apps/v1", "Deployment", evil)]);
    assert!(
        emission.documents.iter().all(|it| !it.file.contains("..") || !it.file.contains("/x")),
        "{:?}",
        emission.documents
    );
    let folder = std::env::temp_dir().join(format!("psp-migrate-hostile-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let script = format!("kubectl() {{ :; }}\n{}", file(&emission, "patch.sh"));
    let status =
        std::process::Command::new("sh").args(["-c", &script, "patch.sh"]).current_dir(&folder).status().unwrap();
    let made = std::fs::read_dir(&folder).unwrap().count();
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(status.success());
    assert_eq!(made, 0);
    assert!(!file(&emission, "reliance.md").contains("\n../"));
}

#[test]
fn whole_manifests_are_held_against_the_given_ones() {
    let (cluster, manifests) =
        (cluster(&[no_escalation()], Release::default()), manifests(&[workload("apps/v1", "Deployment", "w")]));
    let plan = Plan::new(&cluster, Options::default()).with_manifests(&manifests);
    let agreement = |documents: &[Value]| {
        Workloads
            .check(documents, &plan)
            .unwrap()
            .iter()
            .map(|checked| checked.comparison.agreement)
            .collect::<Vec<_>>()
    };
    let patched = Workloads.emit(&plan).rewrites[0].after.clone();
    let (mut open, mut broken) = (patched.clone(), patched.clone());
    open["spec"]["template"]["spec"]["containers"][0]["securityContext"] = json!({"allowPrivilegeEscalation": true});
    broken["spec"]["template"]["spec"]["containers"][0]["securityContext"] =
        json!({"readOnlyRootFilesystem": true, "allowPrivilegeEscalation": false});
    assert_eq!(agreement(&[patched]), [Agreement::Agree]);
    assert_eq!(agreement(&[open]), [Agreement::Stricter]);
    assert_eq!(agreement(&[broken]), [Agreement::FilledDifferently], "more than what was filled in");
    assert_eq!(agreement(&[]), [Agreement::FilledDifferently]);
    let directive = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "w", "namespace": "n"}, "spec": {"$patch": "replace"}});
    assert_eq!(agreement(&[directive]), [Agreement::NotEvaluated]);
}
