//! Policies as a whole: bindings, parameters, actions, budgets, reinvocation.

use super::{AdmissionOutcome, Policies, Request, Surroundings, Verdict};
use crate::cel::authorizer::{Attributes, Authorize, Decision, DenyAll, Identity};
use crate::cel::cost;
use serde_json::{Value as Json, json};

fn pod() -> Json {
    json!({"metadata": {"name": "p", "labels": {"app": "x"}}, "spec": {"containers": [{"name": "a", "image": "x"}]}})
}

fn rules() -> Json {
    json!({"resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}]})
}

/// A policy with the given fields beside its match constraints.
fn policy(kind: &str, name: &str, fields: Json) -> Json {
    let mut spec = json!({"matchConstraints": rules()});
    for (field, value) in fields.as_object().unwrap() {
        spec[field] = value.clone();
    }
    json!({"kind": format!("{kind}AdmissionPolicy"), "metadata": {"name": name}, "spec": spec})
}

fn binding(kind: &str, policy: &str, fields: Json) -> Json {
    let mut spec = json!({"policyName": policy});
    for (field, value) in fields.as_object().unwrap() {
        spec[field] = value.clone();
    }
    json!({"kind": format!("{kind}AdmissionPolicyBinding"), "metadata": {"name": format!("{policy}-b")}, "spec": spec})
}

fn surroundings<'a>(authorize: &'a dyn Authorize, params: &'a [Json]) -> Surroundings<'a> {
    Surroundings { authorize, namespace_object: None, params, redefault: &|pod| Ok(pod.into()) }
}

fn validate_with(documents: &[Json], authorize: &dyn Authorize, params: &[Json]) -> AdmissionOutcome {
    let request = Request::create_pod("ns", Identity::default(), pod());
    Policies::read(documents, 37).validate(&request, &surroundings(authorize, params))
}

fn validate(policy_fields: Json, binding_fields: Json) -> AdmissionOutcome {
    let documents = [policy("Validating", "v", policy_fields), binding("Validating", "v", binding_fields)];
    validate_with(&documents, &DenyAll, &[])
}

fn mutate(documents: &[Json]) -> AdmissionOutcome {
    let request = Request::create_pod("ns", Identity::default(), pod());
    Policies::read(documents, 37).mutate(&request, &surroundings(&DenyAll, &[]))
}

const FALSE: &str = "object.metadata.name == 'q'";

#[test]
fn denials_speak_as_the_server() {
    let fields = json!({"validations": [
        {"expression": FALSE, "messageExpression": "'no ' + object.metadata.name", "reason": "Forbidden"},
        {"expression": FALSE, "message": "second"},
    ]});
    let outcome = validate(fields, json!({"validationActions": ["Deny", "Audit"]}));
    let errors: Vec<_> = outcome.denials.iter().map(|d| (d.error.as_str(), d.reason.as_str())).collect();
    let denied = "pods \"p\" is forbidden: ValidatingAdmissionPolicy 'v' with binding 'v-b' denied request:";
    assert_eq!(
        errors,
        [(format!("{denied} no p").as_str(), "Forbidden"), (format!("{denied} second").as_str(), "Invalid"),]
    );
    let audited = json!([
        {"message": "no p", "policy": "v", "binding": "v-b", "expressionIndex": 0, "validationActions": ["Deny", "Audit"]},
        {"message": "second", "policy": "v", "binding": "v-b", "expressionIndex": 1, "validationActions": ["Deny", "Audit"]},
    ]);
    assert_eq!(json!(outcome.audited), audited);
    assert!(matches!(outcome.verdict(), Verdict::Denied(first) if first.message == "no p"));
}

#[test]
fn warnings_do_not_deny() {
    let outcome = validate(json!({"validations": [{"expression": FALSE}]}), json!({"validationActions": ["Warn"]}));
    let warning =
        format!("Validation failed for ValidatingAdmissionPolicy 'v' with binding 'v-b': failed expression: {FALSE}");
    assert_eq!(outcome.warnings, [warning]);
    assert_eq!(outcome.verdict(), Verdict::Allowed);
}

#[test]
fn errors_follow_the_failure_policy() {
    let fails = |failure_policy: &str, field: &str| {
        let broken = json!([{"name": "c", "expression": "object.nope == 1"}]);
        let mut fields = json!({"failurePolicy": failure_policy, "validations": [{"expression": "true"}]});
        fields[field] = broken;
        validate(fields, json!({"validationActions": ["Deny"]})).denials.len()
    };
    assert_eq!((fails("Fail", "validations"), fails("Ignore", "validations")), (1, 0));
    assert_eq!((fails("Fail", "matchConditions"), fails("Ignore", "matchConditions")), (1, 0));
    let skipping = json!({
        "matchConditions": [
            {"name": "a", "expression": "object.nope == 1"},
            {"name": "b", "expression": FALSE},
        ],
        "validations": [{"expression": FALSE}],
    });
    assert_eq!(validate(skipping, json!({"validationActions": ["Deny"]})).verdict(), Verdict::Allowed);
}

#[test]
fn a_policy_needs_a_binding_that_matches() {
    let denying = || policy("Validating", "v", json!({"validations": [{"expression": FALSE}]}));
    assert_eq!(validate_with(&[denying()], &DenyAll, &[]).verdict(), Verdict::Allowed);
    let elsewhere = json!({"validationActions": ["Deny"], "matchResources": {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "other"}},
    }});
    let bound = [denying(), binding("Validating", "v", elsewhere)];
    assert_eq!(validate_with(&bound, &DenyAll, &[]).verdict(), Verdict::Allowed);
}

#[test]
fn parameters_come_by_name_or_selector() {
    let with = |reference: Json, params: &[Json]| {
        let fields = json!({
            "paramKind": {"apiVersion": "v1", "kind": "ConfigMap"},
            "validations": [{"expression": "params != null && params.data.name == object.metadata.name"}],
        });
        let bound = json!({"validationActions": ["Deny"], "paramRef": reference});
        let documents = [policy("Validating", "v", fields), binding("Validating", "v", bound)];
        let outcome = validate_with(&documents, &DenyAll, params);
        outcome.denials.into_iter().map(|denial| denial.message).collect::<Vec<_>>()
    };
    let config = |name: &str, value: &str| {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"name": value},
            "metadata": {"name": name, "namespace": "ns", "labels": {"on": "yes"}}})
    };
    let both = [config("a", "p"), config("b", "q")];
    assert!(with(json!({"name": "a"}), &both).is_empty());
    assert_eq!(with(json!({"name": "b"}), &both).len(), 1);
    assert_eq!(with(json!({"selector": {"matchLabels": {"on": "yes"}}}), &both).len(), 1);
    assert!(with(json!({"name": "c", "parameterNotFoundAction": "Allow"}), &both).is_empty());
    assert_eq!(
        with(json!({"name": "c", "parameterNotFoundAction": "Deny"}), &both),
        ["failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction"]
    );
}

#[test]
fn audit_annotations_join_and_their_errors_deny() {
    let annotated = |expression: &str| {
        let fields = json!({"validations": [{"expression": "true"}],
            "auditAnnotations": [{"key": "k", "valueExpression": expression}]});
        validate(fields, json!({"validationActions": ["Audit"]}))
    };
    let outcome = annotated("' ' + string(object.metadata.name)");
    assert_eq!((outcome.audit_annotations[0].key.as_str(), outcome.audit_annotations[0].value.as_str()), ("v/k", "p"));
    assert_eq!(annotated("string(object.nope)").denials.len(), 1);
    assert!(annotated("''").audit_annotations.is_empty());
}

#[test]
fn what_the_server_refuses_is_not_evaluated() {
    let outcome =
        validate(json!({"validations": [{"expression": "object.x"}]}), json!({"validationActions": ["Deny"]}));
    let Verdict::Unknown(unknown) = outcome.verdict() else { panic!("{outcome:?}") };
    assert_eq!(
        unknown.what,
        "the API server refuses spec.validations[0].expression: must evaluate to bool but got dyn"
    );
}

/// Counts what it is asked, and allows nothing.
#[derive(Debug, Default)]
struct Counting(std::sync::atomic::AtomicUsize);

impl Authorize for Counting {
    fn authorize(&self, _: &Identity, _: &Attributes) -> Decision {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Decision::default()
    }
}

/// `policies` policies with `checks` checks each, two to a variable.
fn checking(policies: usize, checks: usize) -> Json {
    let check = |p: usize, c: usize| {
        format!("authorizer.group('policy').resource('podsecuritypolicies').name('p{p}').check('use{c}').allowed()")
    };
    let mut variables = Vec::new();
    let mut terms = Vec::new();
    for p in 0..policies {
        for first in (0..checks).step_by(2) {
            let pair: Vec<String> = (first..checks.min(first + 2)).map(|c| check(p, c)).collect();
            variables.push(json!({"name": format!("v{p}_{first}"), "expression": pair.join(" || ")}));
            terms.push(format!("variables.v{p}_{first}"));
        }
    }
    json!({"variables": variables, "validations": [{"expression": terms.join(" || "), "message": "nobody"}]})
}

#[test]
fn the_budget_is_the_servers() {
    let message = |policies: usize, checks: usize| {
        let authorizer = Counting::default();
        let bound = binding("Validating", "v", json!({"validationActions": ["Deny"]}));
        let documents = [policy("Validating", "v", checking(policies, checks)), bound];
        let outcome = validate_with(&documents, &authorizer, &[]);
        let made = authorizer.0.load(std::sync::atomic::Ordering::Relaxed);
        let read = Policies::read(&documents, 37);
        let excess = cost::excesses(read.programs(), std::iter::empty()).len();
        (outcome.denials[0].message.clone(), made, excess)
    };
    assert_eq!(message(7, 4), ("nobody".into(), 28, 0));
    assert_eq!(message(14, 2), ("nobody".into(), 28, 0));
    assert_eq!(message(8, 4), (cost::OUT_OF_BUDGET.into(), 32, 1));
    assert_eq!(message(15, 2), (cost::OUT_OF_BUDGET.into(), 30, 1));
    let three = "[1, 2, 3].all(x, !authorizer.path('/').check('get').allowed())";
    let documents = [
        policy("Validating", "v", json!({"validations": [{"expression": three}]})),
        binding("Validating", "v", json!({"validationActions": ["Deny"]})),
    ];
    let outcome = validate_with(&documents, &Counting::default(), &[]);
    assert!(outcome.denials[0].message.ends_with("resulted in error: operation cancelled: actual cost limit exceeded"));
}

fn json_patch(expression: &str) -> Json {
    json!({"patchType": "JSONPatch", "jsonPatch": {"expression": expression}})
}

#[test]
fn mutations_see_what_the_earlier_ones_did() {
    let mutations = json!([
        json_patch("[JSONPatch{op: 'add', path: '/metadata/labels/one', value: 'x'}]"),
        json_patch(
            "has(object.metadata.labels.one) ? [JSONPatch{op: 'add', path: '/metadata/labels/two', value: 'y'}] : []"
        ),
        json_patch(
            "[JSONPatch{op: 'test', path: '/metadata/name', value: 'q'}, JSONPatch{op: 'remove', path: '/spec'}]"
        ),
    ]);
    let documents = [
        policy("Mutating", "m", json!({"reinvocationPolicy": "Never", "mutations": mutations})),
        binding("Mutating", "m", json!({})),
    ];
    let outcome = mutate(&documents);
    assert_eq!(outcome.object.unwrap()["metadata"]["labels"], json!({"app": "x", "one": "x", "two": "y"}));
}

#[test]
fn reinvocation_runs_once_more_after_a_change() {
    let grow =
        "[JSONPatch{op: 'add', path: '/metadata/labels/n', value: object.metadata.?labels.?n.orValue('') + 'x'}]";
    let grown = |reinvocation: &str| {
        let documents = [
            policy("Mutating", "m", json!({"reinvocationPolicy": reinvocation, "mutations": [json_patch(grow)]})),
            binding("Mutating", "m", json!({})),
        ];
        mutate(&documents).object.unwrap()["metadata"]["labels"]["n"].clone()
    };
    assert_eq!((grown("Never"), grown("IfNeeded")), (json!("x"), json!("xx")));
}

#[test]
fn a_failed_mutation_denies_and_the_next_still_runs() {
    let run = |failure_policy: &str| {
        let mutations = json!([
            json_patch("[JSONPatch{op: 'remove', path: '/spec/volumes/0'}]"),
            json_patch("[JSONPatch{op: 'add', path: '/metadata/labels/z', value: 'z'}]"),
        ]);
        let fields = json!({"failurePolicy": failure_policy, "reinvocationPolicy": "Never", "mutations": mutations});
        let outcome = mutate(&[policy("Mutating", "m", fields), binding("Mutating", "m", json!({}))]);
        (outcome.denials.len(), outcome.object.is_some())
    };
    assert_eq!((run("Fail"), run("Ignore")), ((1, true), (0, true)));
}

#[test]
fn one_mutating_policy_can_choose_by_the_authorizer() {
    #[derive(Debug)]
    struct MayUseB;
    impl Authorize for MayUseB {
        fn authorize(&self, _: &Identity, attributes: &Attributes) -> Decision {
            let allowed =
                matches!(attributes, Attributes::Resource { name, namespace, .. } if name == "b" && namespace == "ns");
            Decision { allowed, ..Decision::default() }
        }
    }
    let fields = json!({
        "reinvocationPolicy": "IfNeeded",
        "variables": [
            {"name": "user", "expression": "authorizer.group('policy').resource('podsecuritypolicies').namespace(request.namespace)"},
            {"name": "use_a", "expression": "variables.user.name('a').check('use').allowed()"},
            {"name": "use_b", "expression": "variables.user.name('b').check('use').allowed()"},
            {"name": "choice", "expression": "variables.use_a ? 'a' : variables.use_b ? 'b' : ''"},
        ],
        "mutations": [
            json_patch("(has(object.metadata.annotations) ? [] : [JSONPatch{op: 'add', path: '/metadata/annotations', value: {'x': 'y'}}]) \
                + (variables.choice == '' ? [] : [JSONPatch{op: 'add', path: '/metadata/annotations/' + jsonpatch.escapeKey('kubernetes.io/psp'), value: variables.choice}])"),
            json_patch("variables.choice == 'b' ? lists.range(size(object.spec.containers)).map(i, !has(object.spec.containers[i].securityContext), \
                JSONPatch{op: 'add', path: '/spec/containers/' + string(i) + '/securityContext', value: Object.spec.containers.securityContext{}}) : []"),
        ],
    });
    let documents = [policy("Mutating", "m", fields), binding("Mutating", "m", json!({}))];
    let policies = Policies::read(&documents, 37);
    assert_eq!(policies.refusals().count(), 0);
    let request = Request::create_pod("ns", Identity::default(), pod());
    let object = policies.mutate(&request, &surroundings(&MayUseB, &[])).object.unwrap();
    assert_eq!(object["metadata"]["annotations"], json!({"x": "y", "kubernetes.io/psp": "b"}));
    assert_eq!(object["spec"]["containers"][0]["securityContext"], json!({}));
}
