use serde_json::{Value, json};

use super::{NativePolicies, Vap};
use crate::admission::Operation;
use crate::cluster::Cluster;
use crate::plan::{Enforcement, Options, Plan, RbacMode};
use crate::targets::testing::{EVERYBODY, cluster, documents, grant, pod, policy};
use crate::targets::{AdmissionRequest, Context, Decider, Emission, Target, TargetVerdict};

fn emit(cluster: &Cluster, options: Options) -> Emission {
    Vap.emit(&Plan::new(cluster, options))
}

fn decide(
    cluster: &Cluster,
    documents: &[Value],
    minor: u8,
    pod: &Value,
    old: Option<&Value>,
    subresource: &str,
) -> TargetVerdict {
    let context = Context { namespaces: &[], rbac: cluster.rbac(), target_minor: minor };
    let policies = NativePolicies::read(documents, &context);
    assert_eq!(policies.unsupported(), []);
    policies.decide(&AdmissionRequest {
        namespace: "default",
        name: "p",
        user: "alice",
        groups: &["system:authenticated".to_owned()],
        operation: if old.is_some() { Operation::Update } else { Operation::Create },
        subresource,
        object: pod,
        old_object: old,
    })
}

fn create(cluster: &Cluster, documents: &[Value], pod: &Value) -> TargetVerdict {
    decide(cluster, documents, 37, pod, None, "")
}

fn annotation(verdict: &TargetVerdict) -> &Value {
    &verdict.pod["metadata"]["annotations"]["kubernetes.io/psp"]
}

#[test]
fn the_first_policy_that_admits_untouched_is_chosen_before_one_that_fills() {
    let fills = json!({"runAsUser": {"rule": "MustRunAs", "ranges": [{"min": 5, "max": 9}]}});
    let cluster = cluster(&[policy("a", fills), policy("b", json!({}))], &grant(&["a", "b"], EVERYBODY, "policy"));
    let documents = documents(&emit(&cluster, Options::default()));
    assert_eq!(annotation(&create(&cluster, &documents, &pod(json!({})))), "b");
    let chosen = create(&cluster, &documents, &pod(json!({"securityContext": {"runAsUser": 6}})));
    assert_eq!((chosen.allowed, annotation(&chosen)), (true, &json!("a")));
}

#[test]
fn without_policies_every_pod_is_denied() {
    let cluster = cluster(&[], &[]);
    let emission = emit(&cluster, Options::default());
    let verdict = create(&cluster, &documents(&emission), &pod(json!({})));
    assert!(!verdict.allowed);
    assert!(
        verdict.messages[0].ends_with("PodSecurityPolicy: no providers available to validate pod request"),
        "{verdict:?}"
    );
}

#[test]
fn a_denial_names_the_policy_and_the_field() {
    let cluster = cluster(&[policy("only", json!({}))], &grant(&["only"], EVERYBODY, "policy"));
    let documents = documents(&emit(&cluster, Options::default()));
    let verdict = create(&cluster, &documents, &pod(json!({"hostPID": true})));
    assert!(
        verdict.messages[0]
            .ends_with("unable to admit pod: [only: spec.hostNetwork, hostPID, hostIPC: not allowed to be used;]")
    );
}

#[test]
fn hostile_names_stay_names() {
    let hostile = "x') || true || ('{{$(";
    let cluster = cluster(&[policy("only", json!({}))], &grant(&["only"], hostile, "policy"));
    for mode in [RbacMode::Live, RbacMode::Frozen] {
        let documents = documents(&emit(&cluster, Options { rbac: Some(mode), ..Options::default() }));
        assert!(!create(&cluster, &documents, &pod(json!({}))).allowed, "{mode:?}");
    }
}

#[test]
fn the_group_extensions_is_asked_for_where_a_rule_names_it() {
    let wiring = grant(&["only"], EVERYBODY, "extensions");
    let cluster = cluster(&[policy("only", json!({}))], &wiring);
    let documents = documents(&emit(&cluster, Options { rbac: Some(RbacMode::Live), ..Options::default() }));
    assert!(create(&cluster, &documents, &pod(json!({}))).allowed);
    let deaf: Vec<Value> = documents
        .iter()
        .map(|it| serde_json::from_str(&it.to_string().replace("'extensions'", "'apps'")).unwrap())
        .collect();
    let verdict = create(&cluster, &deaf, &pod(json!({})));
    assert!(!verdict.unsupported.is_empty(), "another group is not answered: {verdict:?}");
}

fn many(count: usize) -> Cluster {
    let name = |index: usize| format!("p{index:02}");
    let range = |id: usize| json!({"runAsUser": {"rule": "MustRunAs", "ranges": [{"min": id, "max": id}]}});
    let policies: Vec<Value> = (1..=count).map(|id| policy(&name(id), range(id))).collect();
    let names: Vec<String> = (1..=count).map(name).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    cluster(&policies, &grant(&names, EVERYBODY, "policy"))
}

#[test]
fn beyond_the_budget_grants_are_frozen_unless_asked_live() {
    for (count, mode, word) in [
        (14, None, "28 of the 28"),
        (15, None, "frozen as they were at conversion time because 15"),
        (15, Some(RbacMode::Live), "more than the 14"),
    ] {
        let notes = emit(&many(count), Options { rbac: mode, ..Options::default() }).notes;
        assert!(notes[0].contains(word), "{notes:?}");
    }
}

#[test]
fn more_policies_than_can_be_asked_for_at_once_are_all_tried() {
    let cluster = many(33);
    for mode in [RbacMode::Live, RbacMode::Frozen] {
        let documents = documents(&emit(&cluster, Options { rbac: Some(mode), ..Options::default() }));
        let silent = create(&cluster, &documents, &pod(json!({})));
        assert_eq!((silent.allowed, annotation(&silent)), (true, &json!("p01")), "{mode:?} {:?}", silent.messages);
        for id in [1, 14, 15, 33] {
            let verdict = create(&cluster, &documents, &pod(json!({"securityContext": {"runAsUser": id}})));
            assert_eq!(
                (verdict.allowed, annotation(&verdict)),
                (true, &json!(format!("p{id:02}"))),
                "{mode:?} {:?}",
                verdict.messages
            );
        }
        assert!(!create(&cluster, &documents, &pod(json!({"securityContext": {"runAsUser": 34}}))).allowed);
    }
}

#[test]
fn a_claimed_policy_is_verified() {
    let cluster = many(15);
    let documents = documents(&emit(&cluster, Options { rbac: Some(RbacMode::Live), ..Options::default() }));
    let mut forged = pod(json!({"securityContext": {"runAsUser": 99}}));
    forged["metadata"]["annotations"] = json!({"kubernetes.io/psp": "p03"});
    assert!(!create(&cluster, &documents, &forged).allowed);
}

#[test]
fn the_annotation_is_left_out_where_it_is_not_wanted() {
    let fills = json!({"readOnlyRootFilesystem": true});
    let cluster = cluster(&[policy("only", fills)], &grant(&["only"], EVERYBODY, "policy"));
    let documents = documents(&emit(&cluster, Options { annotate: false, ..Options::default() }));
    let verdict = create(&cluster, &documents, &pod(json!({})));
    assert!(verdict.allowed, "{:?}", verdict.messages);
    assert_eq!(verdict.pod["spec"]["containers"][0]["securityContext"], json!({"readOnlyRootFilesystem": true}));
    assert_eq!(*annotation(&verdict), Value::Null);
}

#[test]
fn before_1_36_silence_is_admitted_and_the_loss_is_a_gap() {
    let fills = json!({"runAsUser": {"rule": "MustRunAs", "ranges": [{"min": 5, "max": 9}]}});
    let cluster = cluster(&[policy("only", fills)], &grant(&["only"], EVERYBODY, "policy"));
    let emission = emit(&cluster, Options { target_minor: 35, ..Options::default() });
    let documents = documents(&emission);
    assert!(documents.iter().all(|document| !document["kind"].as_str().unwrap().starts_with("Mutating")));
    assert!(emission.gaps.iter().any(|gap| gap.code == "fills-lost" && gap.witness.is_some()));
    assert!(decide(&cluster, &documents, 35, &pod(json!({})), None, "").allowed);
    assert!(!decide(&cluster, &documents, 35, &pod(json!({"securityContext": {"runAsUser": 4}})), None, "").allowed);
}

#[test]
fn updates_are_judged_unless_they_are_garbage_collection() {
    let cluster = cluster(&[policy("only", json!({}))], &grant(&["only"], EVERYBODY, "policy"));
    let documents = documents(&emit(&cluster, Options::default()));
    let old = pod(json!({"hostPID": true}));
    let update = |key: &str, value: Value| {
        let mut new = old.clone();
        new["metadata"][key] = value;
        decide(&cluster, &documents, 37, &new, Some(&old), "").allowed
    };
    assert!(update("finalizers", json!(["example.com/x"])));
    assert!(!update("labels", json!({"a": "b"})));
}

#[test]
fn ephemeral_containers_are_judged_where_they_are_covered() {
    let cluster = cluster(&[policy("only", json!({}))], &grant(&["only"], EVERYBODY, "policy"));
    let old = pod(json!({}));
    let new =
        pod(json!({"ephemeralContainers": [{"name": "e", "image": "i", "securityContext": {"privileged": true}}]}));
    for covered in [false, true] {
        let options = Options { cover_ephemeral_containers: covered, ..Options::default() };
        let documents = documents(&emit(&cluster, options));
        assert_eq!(decide(&cluster, &documents, 37, &new, Some(&old), "ephemeralcontainers").allowed, !covered);
    }
}

#[test]
fn policies_from_files_have_a_folder_for_each_kind() {
    let cluster = cluster(&[policy("only", json!({"readOnlyRootFilesystem": true}))], &[]);
    let emission = emit(&cluster, Options { static_manifests: true, ..Options::default() });
    let files: Vec<&str> = emission.documents.iter().map(|emitted| emitted.file.as_str()).collect();
    let expected = [
        "mutating/psp-mutating-policy.yaml",
        "mutating/psp-mutating-policy-binding.yaml",
        "validating/psp-validating-policy.yaml",
        "validating/psp-validating-policy-binding.yaml",
        "admission-configuration.yaml",
    ];
    assert_eq!(files, expected);
    let documents = documents(&emission);
    let (configuration, policies) = documents.split_last().unwrap();
    assert!(policies.iter().all(|it| it["metadata"]["name"].as_str().unwrap().ends_with(".static.k8s.io")));
    let folders: Vec<&Value> = configuration["plugins"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["configuration"]["staticManifestsDir"])
        .collect();
    assert_eq!(folders, ["/etc/kubernetes/psp-migrate/validating", "/etc/kubernetes/psp-migrate/mutating"]);
}

#[test]
fn audit_only_warns_and_tells_the_audit_log() {
    let cluster = cluster(&[policy("only", json!({}))], &[]);
    let emission = emit(&cluster, Options { enforcement: Enforcement::Audit, ..Options::default() });
    let verdict = create(&cluster, &documents(&emission), &pod(json!({})));
    assert!(verdict.allowed && verdict.warnings.len() == 1 && verdict.audit.len() == 1, "{verdict:?}");
}

#[test]
fn staged_refuses_where_the_namespace_asks_for_it() {
    let cluster = cluster(&[policy("only", json!({}))], &[]);
    let documents = documents(&emit(&cluster, Options { enforcement: Enforcement::Staged, ..Options::default() }));
    let decide = |labels: Value| {
        let known = if labels.is_null() { "other" } else { "default" };
        let namespaces = [json!({"metadata": {"name": known, "labels": labels}})];
        let context = Context { namespaces: &namespaces, rbac: cluster.rbac(), target_minor: 37 };
        let pod = pod(json!({}));
        let request = AdmissionRequest {
            namespace: "default",
            name: "p",
            user: "alice",
            groups: &[],
            operation: Operation::Create,
            subresource: "",
            object: &pod,
            old_object: None,
        };
        let verdict = NativePolicies::read(&documents, &context).decide(&request);
        (verdict.allowed, verdict.warnings.len(), verdict.unsupported.len())
    };
    assert_eq!(decide(json!({})), (true, 1, 0));
    assert_eq!(decide(json!({"psp-migrate/enforce": "false"})), (true, 1, 0));
    assert_eq!(decide(json!({"psp-migrate/enforce": "true"})), (false, 1, 0));
    assert_eq!(decide(json!(null)).2, 1, "nobody knows the labels of a namespace that was not given");
}

#[test]
fn every_version_gets_what_it_can_compile() {
    let spec = json!({
        "defaultAddCapabilities": ["KILL"], "requiredDropCapabilities": ["ALL"], "readOnlyRootFilesystem": true,
        "allowedHostPaths": [{"pathPrefix": "/var/", "readOnly": true}], "volumes": ["hostPath", "secret"],
        "seLinux": {"rule": "MustRunAs", "seLinuxOptions": {"level": "s0:c2,c1,c1", "user": "u"}},
        "forbiddenSysctls": ["net.*"], "allowedUnsafeSysctls": ["kernel.msg*"], "hostPorts": [{"min": 80, "max": 90}],
        "supplementalGroups": {"rule": "MustRunAs", "ranges": [{"min": 1, "max": 2}]},
        "runAsUser": {"rule": "MustRunAsNonRoot"}, "runtimeClass": {"allowedRuntimeClassNames": ["a"], "defaultRuntimeClassName": "a"},
    });
    let cluster = cluster(&[policy("full", spec)], &grant(&["full"], "g", "policy"));
    for minor in 30..=37 {
        for mode in [RbacMode::Live, RbacMode::Frozen] {
            let emission = emit(&cluster, Options { target_minor: minor, rbac: Some(mode), ..Options::default() });
            let context = Context { namespaces: &[], rbac: cluster.rbac(), target_minor: minor };
            assert_eq!(NativePolicies::read(&documents(&emission), &context).unsupported(), [], "1.{minor}");
        }
    }
}

/// A policy with one validation, and variables.
fn validating(variables: Value, expression: &str) -> [Value; 2] {
    let api = "admissionregistration.k8s.io/v1";
    let rule = json!({"apiGroups": [""], "apiVersions": ["v1"], "operations": ["*"], "resources": ["pods"]});
    let validations = json!([{"expression": expression, "messageExpression": "'not ' + object.metadata.name"}]);
    [
        json!({"apiVersion": api, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": "v"}, "spec": {
            "matchConstraints": {"resourceRules": [rule]}, "variables": variables, "validations": validations}}),
        json!({"apiVersion": api, "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": "v"}, "spec": {
            "policyName": "v", "validationActions": ["Deny"]}}),
    ]
}

#[test]
fn what_a_rule_reads_tells_requests_apart_that_are_decided_together() {
    let cluster = cluster(&[policy("a", json!({}))], &grant(&["a"], "dev", "policy"));
    let context = Context { namespaces: &[], rbac: cluster.rbac(), target_minor: 37 };
    let mut labelled = pod(json!({}));
    labelled["metadata"]["labels"] = json!({"x": "y"});
    let pods = [pod(json!({})), labelled, pod(json!({"hostPID": true}))];
    let groups = [vec!["dev".to_owned()], vec!["ops".to_owned()], vec!["ops".to_owned()]];
    let requests: Vec<AdmissionRequest<'_>> = pods
        .iter()
        .flat_map(|object| {
            ["alice", "bob", "carol"].into_iter().zip(&groups).map(move |(user, groups)| AdmissionRequest {
                namespace: "default",
                name: "p",
                user,
                groups,
                operation: Operation::Create,
                subresource: "",
                object,
                old_object: None,
            })
        })
        .collect();
    let who = json!([{"name": "who", "expression": "request.userInfo"}, {"name": "pid", "expression": "object.spec.?hostPID.orValue(false)"}]);
    for (expression, passing) in [
        ("request.userInfo.username == 'carol'", 3),
        ("request.userInfo.groups.exists(g, g == 'dev')", 3),
        ("variables.who.username == 'bob' && !variables.pid", 2),
        ("authorizer.group('policy').resource('podsecuritypolicies').name('a').check('use').allowed()", 3),
        ("object.metadata.?labels.?x.orValue('') != 'y'", 6),
        ("object.spec.?hostPID.orValue(false) == true", 3),
        ("!variables.pid && has(object.metadata.labels)", 3),
    ] {
        let policies = NativePolicies::read(&validating(who.clone(), expression), &context);
        assert_eq!(policies.unsupported(), [], "{expression}");
        let together = policies.decide_all(&requests);
        let alone: Vec<TargetVerdict> = requests.iter().map(|request| policies.decide(request)).collect();
        assert_eq!(together, alone, "{expression}");
        assert_eq!(together.iter().filter(|verdict| verdict.allowed).count(), passing, "{expression}");
    }
}
