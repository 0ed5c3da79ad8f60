use serde_json::{Value, json};

use super::{Kyverno, KyvernoClusterPolicy, KyvernoPolicies};
use crate::admission::Operation;
use crate::cluster::Cluster;
use crate::plan::{Enforcement, Options, Plan};
use crate::targets::testing::{EVERYBODY, cluster, documents, grant, pod, policy};
use crate::targets::{AdmissionRequest, Context, Decider, Emission, Target, TargetVerdict};

fn emit(cluster: &Cluster, options: Options) -> Emission {
    Kyverno.emit(&Plan::new(cluster, options))
}

fn decide(documents: &[Value], pod: &Value, old: Option<&Value>, subresource: &str) -> TargetVerdict {
    let nobody = cluster(&[], &[]);
    let context = Context { namespaces: &[], rbac: nobody.rbac(), target_minor: 37 };
    KyvernoPolicies::read(documents, &context).decide(&AdmissionRequest {
        namespace: "default",
        name: "p",
        user: "alice",
        groups: &[EVERYBODY.to_owned()],
        operation: if old.is_some() { Operation::Update } else { Operation::Create },
        subresource,
        object: pod,
        old_object: old,
    })
}

fn create(documents: &[Value], pod: &Value) -> TargetVerdict {
    decide(documents, pod, None, "")
}

fn annotation(verdict: &TargetVerdict) -> &Value {
    &verdict.pod["metadata"]["annotations"]["kubernetes.io/psp"]
}

fn fills(id: i64) -> Value {
    json!({"runAsUser": {"rule": "MustRunAs", "ranges": [{"min": id, "max": id + 4}]}})
}

/// A policy of Kyverno's with these fields in its spec.
fn kyverno(kind: &str, spec: Value) -> Value {
    let rule = json!({"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]});
    let mut document = json!({
        "apiVersion": "policies.kyverno.io/v1", "kind": kind, "metadata": {"name": "x"},
        "spec": {"matchConstraints": {"resourceRules": [rule]}},
    });
    for (key, value) in spec.as_object().unwrap() {
        document["spec"][key] = value.clone();
    }
    document
}

fn adds(label: &str, value: &str) -> Value {
    let patch = format!("[JSONPatch{{op: 'add', path: '/metadata/labels', value: {{'{label}': {value}}}}}]");
    kyverno("MutatingPolicy", json!({"mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": patch}}]}))
}

#[test]
fn the_first_policy_that_admits_untouched_is_chosen_before_one_that_fills() {
    let cluster = cluster(&[policy("a", fills(5)), policy("b", json!({}))], &grant(&["a", "b"], EVERYBODY, "policy"));
    let documents = documents(&emit(&cluster, Options::default()));
    assert_eq!(annotation(&create(&documents, &pod(json!({})))), "b");
    assert_eq!(annotation(&create(&documents, &pod(json!({"securityContext": {"runAsUser": 6}})))), "a");
}

#[test]
fn what_is_filled_in_is_chosen_before_anything_changes() {
    // The first policy would admit what the second fills in.
    let profiles = "seccomp.security.alpha.kubernetes.io/allowedProfileNames";
    let default = "seccomp.security.alpha.kubernetes.io/defaultProfileName";
    let (mut a, mut b) = (policy("a", fills(5)), policy("b", json!({})));
    a["metadata"]["annotations"] = json!({profiles: "runtime/default"});
    b["metadata"]["annotations"] = json!({profiles: "runtime/default", default: "runtime/default"});
    let cluster = cluster(&[a, b], &grant(&["a", "b"], EVERYBODY, "policy"));
    let verdict = create(&documents(&emit(&cluster, Options::default())), &pod(json!({})));
    assert_eq!((verdict.allowed, annotation(&verdict)), (true, &json!("b")), "{:?}", verdict.messages);
    assert_eq!(verdict.pod["spec"]["containers"][0]["securityContext"]["runAsUser"], Value::Null);
    assert_eq!(verdict.pod["spec"]["securityContext"]["seccompProfile"], json!({"type": "RuntimeDefault"}));
}

#[test]
fn a_denial_names_the_policy_and_the_field() {
    let cluster = cluster(&[policy("only", json!({}))], &grant(&["only"], EVERYBODY, "policy"));
    let verdict = create(&documents(&emit(&cluster, Options::default())), &pod(json!({"hostPID": true})));
    let expected = "Policy pod-security-policy failed: PodSecurityPolicy: unable to admit pod: \
        [only: spec.hostNetwork, hostPID, hostIPC: not allowed to be used;]";
    assert_eq!((verdict.allowed, verdict.messages), (false, vec![expected.to_owned()]));
}

#[test]
fn without_policies_every_pod_is_denied() {
    let verdict = create(&documents(&emit(&cluster(&[], &[]), Options::default())), &pod(json!({})));
    assert!(!verdict.allowed && verdict.messages[0].ends_with("no providers available to validate pod request"));
}

#[test]
fn a_forged_claim_goes() {
    let cluster = cluster(&[policy("only", json!({}))], &[]);
    let mut forged = pod(json!({}));
    forged["metadata"]["annotations"] = json!({"kubernetes.io/psp": "only"});
    let verdict = create(&documents(&emit(&cluster, Options::default())), &forged);
    assert_eq!((verdict.allowed, annotation(&verdict)), (false, &Value::Null));
}

#[test]
fn updates_are_judged_unless_they_are_garbage_collection() {
    let cluster = cluster(&[policy("only", json!({}))], &grant(&["only"], EVERYBODY, "policy"));
    let documents = documents(&emit(&cluster, Options::default()));
    let old = pod(json!({"hostPID": true}));
    let update = |key: &str, value: Value| {
        let mut new = old.clone();
        new["metadata"][key] = value;
        decide(&documents, &new, Some(&old), "").allowed
    };
    assert!(update("finalizers", json!(["example.com/x"])));
    assert!(!update("labels", json!({"a": "b"})));
}

#[test]
fn ephemeral_containers_are_judged_where_they_are_covered() {
    let cluster = cluster(&[policy("only", json!({}))], &grant(&["only"], EVERYBODY, "policy"));
    let container = json!([{"name": "e", "image": "i", "securityContext": {"privileged": true}}]);
    let (old, new) = (pod(json!({})), pod(json!({"ephemeralContainers": container})));
    for covered in [false, true] {
        let options = Options { cover_ephemeral_containers: covered, ..Options::default() };
        let documents = documents(&emit(&cluster, options));
        assert_eq!(decide(&documents, &new, Some(&old), "ephemeralcontainers").allowed, !covered);
    }
}

#[test]
fn versions_and_modes_change_the_api_version_and_the_actions() {
    let cluster = cluster(&[policy("only", json!({}))], &[]);
    let options = Options { kyverno_minor: 16, enforcement: Enforcement::Audit, ..Options::default() };
    let emission = emit(&cluster, options);
    for document in documents(&emission) {
        assert_eq!(document["apiVersion"], "policies.kyverno.io/v1beta1");
    }
    let verdict = create(&documents(&emission), &pod(json!({})));
    assert!(verdict.allowed && verdict.warnings.len() == 1, "{verdict:?}");
    let old = emit(&cluster, Options { kyverno_minor: 15, ..Options::default() });
    assert!(old.gaps.iter().any(|gap| gap.code == "kyverno-too-old"));
}

#[test]
fn an_error_denies_whatever_the_failure_policy_says() {
    let fails = json!({"failurePolicy": "Ignore", "validationActions": ["Deny"],
        "validations": [{"expression": "object.spec.nope == 1"}]});
    let verdict = create(&[kyverno("ValidatingPolicy", fails)], &pod(json!({})));
    assert_eq!(verdict.messages, ["Policy x error: no such key: nope"]);
}

#[test]
fn an_error_in_a_match_condition_obeys_the_failure_policy() {
    for (policy, allowed) in [("Ignore", true), ("Fail", false)] {
        let spec = json!({"failurePolicy": policy, "validationActions": ["Deny"],
            "matchConditions": [{"name": "x", "expression": "object.spec.nope == 1"}], "validations": [{"expression": "true"}]});
        assert_eq!(create(&[kyverno("ValidatingPolicy", spec)], &pod(json!({}))).allowed, allowed);
    }
}

#[test]
fn what_cannot_be_evaluated_is_named() {
    let spec = json!({"validationActions": ["Deny"], "validations": [
        {"expression": "http.Get('http://x').ok"}, {"expression": "authorizer.path('/').check('get').allowed()"},
        {"expression": "variables.x == 1"}]});
    let verdict = create(&[kyverno("ValidatingPolicy", spec)], &pod(json!({})));
    let mut paths: Vec<&str> = verdict.unsupported.iter().map(|it| it.path.as_str()).collect();
    paths.dedup();
    assert_eq!(paths, [0, 1, 2].map(|index| format!("spec.validations[{index}].expression")));
    let spec = json!({"images": [], "mutations": []});
    assert_eq!(create(&[kyverno("MutatingPolicy", spec)], &pod(json!({}))).unsupported[0].path, "spec.images");
}

#[test]
fn an_outcome_that_depends_on_the_order_of_policies_is_no_answer() {
    let (one, two) = (adds("a", "'1'"), adds("b", "'2'"));
    assert_eq!(create(std::slice::from_ref(&one), &pod(json!({}))).unsupported, []);
    assert_eq!(create(&[one.clone(), one.clone()], &pod(json!({}))).unsupported, []);
    assert!(create(&[one, two], &pod(json!({}))).unsupported[0].why.contains("order"));
}

#[test]
fn a_variable_keeps_its_first_value_while_the_object_changes() {
    let patch = |expression: &str| json!({"patchType": "JSONPatch", "jsonPatch": {"expression": expression}});
    let spec = json!({
        "matchConditions": [{"name": "pin", "expression": "variables.labelled == false"}],
        "variables": [{"name": "labelled", "expression": "has(object.metadata.labels)"}],
        "mutations": [
            patch("[JSONPatch{op: 'add', path: '/metadata/labels', value: {'a': 'b'}}]"),
            patch("[JSONPatch{op: 'add', path: '/metadata/labels/now', value: string(has(object.metadata.labels))}, \
                JSONPatch{op: 'add', path: '/metadata/labels/before', value: string(variables.labelled)}]"),
        ],
    });
    let verdict = create(&[kyverno("MutatingPolicy", spec)], &pod(json!({})));
    assert_eq!(verdict.pod["metadata"]["labels"], json!({"a": "b", "now": "true", "before": "false"}), "{verdict:?}");
}

#[test]
fn a_mutation_without_a_parent_fails() {
    let patch = "[JSONPatch{op: 'add', path: '/metadata/labels/a', value: 'b'}]";
    let mutations = json!([{"patchType": "JSONPatch", "jsonPatch": {"expression": patch}}]);
    for (policy, allowed) in [("Ignore", true), ("Fail", false)] {
        let spec = json!({"failurePolicy": policy, "mutations": mutations});
        assert_eq!(create(&[kyverno("MutatingPolicy", spec)], &pod(json!({}))).allowed, allowed);
    }
}

#[test]
fn a_policy_of_a_namespace_counts_there_only() {
    let mut document = kyverno(
        "NamespacedValidatingPolicy",
        json!({"validationActions": ["Deny"], "validations": [{"expression": "false"}]}),
    );
    for (namespace, allowed) in [("default", false), ("other", true)] {
        document["metadata"]["namespace"] = json!(namespace);
        assert_eq!(create(std::slice::from_ref(&document), &pod(json!({}))).allowed, allowed);
    }
}

/// A ClusterPolicy with one rule about pods.
fn cluster_policy(rule: Value) -> Value {
    let mut full = json!({"name": "r", "match": {"any": [{"resources": {"kinds": ["Pod"]}}]}});
    for (key, value) in rule.as_object().unwrap() {
        full[key] = value.clone();
    }
    json!({"apiVersion": "kyverno.io/v1", "kind": "ClusterPolicy", "metadata": {"name": "x"}, "spec": {"rules": [full]}})
}

fn denying(expression: &str) -> Value {
    cluster_policy(
        json!({"validate": {"failureAction": "Enforce", "message": "no", "cel": {"expressions": [{"expression": expression}]}}}),
    )
}

#[test]
fn cluster_policies_choose_and_fill_as_the_others_do() {
    let profiles = "seccomp.security.alpha.kubernetes.io/allowedProfileNames";
    let default = "seccomp.security.alpha.kubernetes.io/defaultProfileName";
    let (mut a, mut b) = (policy("a", fills(5)), policy("b", json!({})));
    a["metadata"]["annotations"] = json!({profiles: "runtime/default"});
    b["metadata"]["annotations"] = json!({profiles: "runtime/default", default: "runtime/default"});
    let cluster = cluster(&[a, b], &grant(&["a", "b"], EVERYBODY, "policy"));
    let emission = KyvernoClusterPolicy.emit(&Plan::new(&cluster, Options::default()));
    let verdict = create(&documents(&emission), &pod(json!({})));
    assert_eq!((verdict.allowed, annotation(&verdict)), (true, &json!("b")), "{:?}", verdict.messages);
    assert_eq!(verdict.pod["spec"]["containers"][0]["securityContext"]["runAsUser"], Value::Null);
    assert_eq!(verdict.pod["spec"]["securityContext"]["seccompProfile"], json!({"type": "RuntimeDefault"}));
    let silent = Options { annotate: false, ..Options::default() };
    let verdict = create(&documents(&KyvernoClusterPolicy.emit(&Plan::new(&cluster, silent))), &pod(json!({})));
    assert_eq!((verdict.allowed, annotation(&verdict)), (true, &Value::Null));
}

#[test]
fn cluster_policies_warn_of_the_version_that_runs_none() {
    let cluster = cluster(&[policy("only", json!({}))], &[]);
    let emit =
        |minor| KyvernoClusterPolicy.emit(&Plan::new(&cluster, Options { kyverno_minor: minor, ..Options::default() }));
    assert!(emit(19).notes[0].contains("1.20 does not execute") && emit(19).gaps.is_empty());
    assert!(emit(20).gaps.iter().any(|gap| gap.code == "clusterpolicy-not-executed"));
}

#[test]
fn cluster_policies_leave_ephemeral_containers_out_unless_they_are_covered() {
    let cluster = cluster(&[policy("only", json!({}))], &grant(&["only"], EVERYBODY, "policy"));
    let container = json!([{"name": "e", "image": "i", "securityContext": {"privileged": true}}]);
    let (old, new) = (pod(json!({})), pod(json!({"ephemeralContainers": container})));
    for covered in [false, true] {
        let options = Options { cover_ephemeral_containers: covered, ..Options::default() };
        let documents = documents(&KyvernoClusterPolicy.emit(&Plan::new(&cluster, options)));
        assert_eq!(decide(&documents, &new, Some(&old), "ephemeralcontainers").allowed, !covered);
    }
}

#[test]
fn an_enforced_rule_blocks_and_an_audited_one_does_not() {
    let mut document = denying("false");
    let verdict = create(std::slice::from_ref(&document), &pod(json!({})));
    let expected = "resource Pod/default/p was blocked due to the following policies \n\nx:\n  r: no";
    assert_eq!((verdict.allowed, verdict.messages), (false, vec![expected.to_owned()]));
    document["spec"]["rules"][0]["validate"]["failureAction"] = json!("Audit");
    assert!(create(std::slice::from_ref(&document), &pod(json!({}))).allowed);
    document["spec"]["rules"][0]["validate"].as_object_mut().unwrap().remove("failureAction");
    assert!(create(std::slice::from_ref(&document), &pod(json!({}))).allowed, "Audit is the default");
    document["spec"]["validationFailureAction"] = json!("enforce");
    assert!(!create(&[document], &pod(json!({}))).allowed);
}

#[test]
fn a_rule_matches_by_kind_subject_and_exclusion() {
    let mut document = denying("false");
    let allowed = |document: &Value| create(std::slice::from_ref(document), &pod(json!({}))).allowed;
    document["spec"]["rules"][0]["match"] = json!({"any": [{"resources": {"kinds": ["Deployment"]}}]});
    assert!(allowed(&document));
    for (name, expected) in [("ali*", false), ("bob", true)] {
        let subject = json!({"kind": "User", "name": name});
        document["spec"]["rules"][0]["match"] =
            json!({"all": [{"resources": {"kinds": ["Pod"]}, "subjects": [subject]}]});
        assert_eq!(allowed(&document), expected);
    }
    document["spec"]["rules"][0]["match"] = json!({"resources": {"kinds": ["Pod"]}});
    assert!(!allowed(&document));
    document["spec"]["rules"][0]["exclude"] = json!({"any": [{"resources": {"namespaces": ["def*"]}}]});
    assert!(allowed(&document));
}

#[test]
fn what_rules_of_others_say_is_named_where_it_cannot_be_evaluated() {
    let cases = [
        (json!({"validate": {"pattern": {}}}), "spec.rules[0].validate.pattern"),
        (json!({"validate": {"deny": {}}}), "spec.rules[0].validate.deny"),
        (json!({"validate": {"podSecurity": {"level": "baseline"}}}), "spec.rules[0].validate.podSecurity"),
        (json!({"context": [{"name": "c", "apiCall": {}}], "validate": {"cel": {}}}), "spec.rules[0].context"),
        (json!({"verifyImages": []}), "spec.rules[0].verifyImages"),
        (json!({"mutate": {"patchStrategicMerge": {}}}), "spec.rules[0].mutate"),
        (
            json!({"mutate": {"patchesJson6902": r#"[{"op": "add", "path": "/x", "value": "\ud83d\ude00"}]"#}}),
            "spec.rules[0].mutate.patchesJson6902",
        ),
        (
            json!({"match": {"any": [{"clusterRoles": ["x"]}]}, "validate": {"cel": {}}}),
            "spec.rules[0].match.clusterRoles",
        ),
        (
            json!({"preconditions": {"all": [{"key": "{{ a }}", "operator": "AnyIn", "value": []}]}, "validate": {"cel": {}}}),
            "spec.rules[0].preconditions.all[0]",
        ),
        (
            json!({"validate": {"cel": {"expressions": [{"expression": "object.spec.x"}]}}}),
            "spec.rules[0].validate.cel.expressions[0].expression",
        ),
        (
            json!({"validate": {"cel": {"expressions": [{"expression": "authorizer.path('/').check('get').allowed()"}]}}}),
            "spec.rules[0].validate.cel",
        ),
    ];
    for (rule, path) in cases {
        let verdict = create(&[cluster_policy(rule)], &pod(json!({})));
        let paths: Vec<&str> = verdict.unsupported.iter().map(|it| it.path.as_str()).collect();
        assert_eq!(paths, [path]);
    }
    let overridden = json!({"apiVersion": "kyverno.io/v1", "kind": "ClusterPolicy", "metadata": {"name": "x"},
        "spec": {"validationFailureActionOverrides": [], "rules": []}});
    assert_eq!(create(&[overridden], &pod(json!({}))).unsupported[0].path, "spec.validationFailureActionOverrides");
}

#[test]
fn loops_patch_each_element_and_make_what_is_missing_above() {
    let rule = |list: &str| {
        cluster_policy(json!({"mutate": {"foreach": [{
            "list": list,
            "preconditions": {"any": [{"key": "{{ element.name }}", "operator": "Equals", "value": "c"}]},
            "patchesJson6902": "- op: add\n  path: /spec/containers/{{elementIndex}}/securityContext/procMount\n  value: Default",
        }]}}))
    };
    let verdict = create(&[rule("request.object.spec.containers")], &pod(json!({})));
    assert_eq!(verdict.pod["spec"]["containers"][0]["securityContext"], json!({"procMount": "Default"}), "{verdict:?}");
    let verdict = create(&[rule("request.object.spec.nothing")], &pod(json!({})));
    assert_eq!(verdict.messages, ["mutation policy x error: r: Unknown key \"nothing\" in path"]);
}

#[test]
fn a_condition_that_may_fail_is_no_answer() {
    let condition = json!({"all": [{"key": "{{ request.object.metadata.nope }}", "operator": "Equals", "value": "a"}]});
    let rule = json!({"preconditions": condition, "mutate": {"patchesJson6902": "[]"}});
    assert!(create(&[cluster_policy(rule)], &pod(json!({}))).unsupported[0].why.contains("`nope`"));
}

#[test]
fn stages_deny_where_a_namespace_asks_for_it() {
    let cluster = cluster(&[policy("only", json!({}))], &[]);
    let options = Options { enforcement: Enforcement::Staged, ..Options::default() };
    for target in [&Kyverno as &dyn Target, &KyvernoClusterPolicy] {
        let documents = documents(&target.emit(&Plan::new(&cluster, options.clone())));
        for (label, allowed) in [("true", false), ("false", true)] {
            let namespace = json!({"metadata": {"name": "default", "labels": {"psp-migrate/enforce": label}}});
            let namespaces = [namespace];
            let context = Context { namespaces: &namespaces, rbac: cluster.rbac(), target_minor: 37 };
            let verdict = target.read(&documents, &context).decide(&AdmissionRequest {
                namespace: "default",
                name: "p",
                user: "alice",
                groups: &[],
                operation: Operation::Create,
                subresource: "",
                object: &pod(json!({})),
                old_object: None,
            });
            assert_eq!((verdict.allowed, verdict.warnings.len()), (allowed, 1), "{} {verdict:?}", target.name());
        }
    }
}
