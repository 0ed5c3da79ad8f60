//! The two documents.

use serde_json::{Value, json};

use super::condition::{Condition, escaped, has, text};
use super::fills::fill_rules;
use super::grants::may_use;
use super::inherited::all_set;
use super::print::{self, ANNOTATIONS};
use crate::cel::print::Expr;
use crate::constraint::Fill;
use crate::plan::{ENFORCE_LABEL, Enforcement, Plan, PlannedPolicy};
use crate::pod_view::{Field, POD_SECCOMP_ANNOTATION, PSP_ANNOTATION};
use crate::targets::cel_policies::gaps::empty_groups;
use crate::targets::cel_policies::rules::{Variables, add_rules};
use crate::targets::cel_policies::{CHANGES_THE_POD, POINTER, fills_something, frozen, message};
use crate::targets::cel_rules::{self, Names};
use crate::targets::kyverno::notes::{NOT_FOR_LONG, cluster_policy_notes};
use crate::targets::{Emission, Emitted, Gap};

/// What the documents are called.
const VALIDATING: &str = "pod-security-policy";
const MUTATING: &str = "pod-security-policy-defaults";

/// The first minor version of Kyverno that does not execute ClusterPolicies.
const UNTIL: u8 = 20;

/// The translation of a plan.
pub(in super::super) fn emission(plan: &Plan<'_>) -> Emission {
    let mut documents = Vec::new();
    let mut gaps: Vec<Gap> = plan.policies.iter().filter_map(empty_groups).collect();
    if !plan.policies.is_empty() && (plan.options.annotate || plan.policies.iter().any(fills_something)) {
        match mutating(plan) {
            Ok(document) => documents.push(("psp-kyverno-mutating-clusterpolicy.yaml", document)),
            Err(policy) => gaps.push(unsayable(policy)),
        }
    }
    documents.extend(validating(plan));
    gaps.extend((plan.options.kyverno_minor >= UNTIL).then(not_executed));
    let emitted = |(file, document): (&str, Value)| Emitted { file: file.to_owned(), document };
    Emission {
        documents: documents.into_iter().map(emitted).collect(),
        gaps,
        notes: cluster_policy_notes(plan),
        warnings: vec![NOT_FOR_LONG.to_owned()],
        ..Emission::default()
    }
}

fn not_executed() -> Gap {
    Gap {
        code: "clusterpolicy-not-executed",
        policy: None,
        control: None,
        message:
            "Kyverno 1.20 keeps ClusterPolicies and executes none: every pod is let through; use the target `kyverno`"
                .to_owned(),
        witness: None,
    }
}

/// A policy that refuses, or warns.
fn document(name: &str, refuses: bool, rules: Vec<Value>) -> Value {
    json!({
        "apiVersion": "kyverno.io/v1",
        "kind": "ClusterPolicy",
        "metadata": {
            "name": name,
            "annotations": {
                "pod-policies.kyverno.io/autogen-controllers": "none",
                "policies.kyverno.io/description":
                    "Kyverno 1.20 does not execute ClusterPolicies any more, and then lets every pod through.",
            },
        },
        "spec": {
            "validationFailureAction": action(refuses),
            "background": false,
            "emitWarning": !refuses,
            "failurePolicy": "Fail",
            "rules": rules,
        },
    })
}

fn action(refuses: bool) -> &'static str {
    if refuses { "Enforce" } else { "Audit" }
}

/// The policies that deny or warn, with their files: where stages are asked for, one that warns everywhere, and one that
/// denies where a namespace asks for it.
fn validating(plan: &Plan<'_>) -> Vec<(&'static str, Value)> {
    let all = json!({"any": [{"resources": {"kinds": ["Pod"], "operations": ["CREATE", "UPDATE"]}}]});
    let policy = |name: &str, refuses, matches| document(name, refuses, vec![admit(plan, refuses, matches)]);
    match plan.options.enforcement {
        Enforcement::Deny => vec![("psp-kyverno-validating-clusterpolicy.yaml", policy(VALIDATING, true, all))],
        Enforcement::Audit => vec![("psp-kyverno-validating-clusterpolicy.yaml", policy(VALIDATING, false, all))],
        Enforcement::Staged => {
            let (label, value) = ENFORCE_LABEL;
            let mut staged = all.clone();
            if let Some(resources) = staged.pointer_mut("/any/0/resources").and_then(Value::as_object_mut) {
                resources.insert("namespaceSelector".to_owned(), json!({"matchLabels": {label: value}}));
            }
            let name = |more: &str| format!("{VALIDATING}-{more}");
            vec![
                ("psp-kyverno-validating-clusterpolicy-warn.yaml", policy(&name("warn"), false, all)),
                ("psp-kyverno-validating-clusterpolicy-deny.yaml", policy(&name("deny"), true, staged)),
            ]
        }
    }
}

/// Some policy that may be used admits the pod and has nothing left to fill in. A rule for pods also gets their ephemeral
/// containers, unless it leaves them out.
fn admit(plan: &Plan<'_>, refuses: bool, matches: Value) -> Value {
    let (names, mut variables) = (Names::default(), Variables::default());
    variables.add("containers", cel_rules::containers(&names));
    let policies = add_rules(plan, true, &names, &mut variables);
    let admitted = Expr::or(policies.iter().map(|policy| {
        let may_use = frozen::may_use(&policy.policy.grants);
        let may_use = variables.add(&format!("use_{}", policy.slug), may_use);
        Expr::and([policy.admits_untouched(), may_use])
    }));
    let expression = if policies.is_empty() {
        json!({"expression": "false", "message": message::NO_POLICIES})
    } else {
        let told = message::expression(&policies).to_string();
        json!({"expression": admitted.to_string(), "message": message::PLAIN, "messageExpression": told})
    };
    let mut rule = json!({
        "name": "admit",
        "match": matches,
        "exclude": {"any": [{"resources": {"kinds": ["Pod/ephemeralcontainers"]}}]},
        "celPreconditions": [{"name": "changes-the-pod", "expression": CHANGES_THE_POD}],
        "validate": {
            "failureAction": action(refuses),
            "allowExistingViolations": false,
            "cel": {"variables": variables.to_json(), "expressions": [expression]},
        },
    });
    if plan.options.cover_ephemeral_containers
        && let Some(rule) = rule.as_object_mut()
    {
        rule.remove("exclude");
    }
    rule
}

/// The choice and the fills, rule by rule; or the policy that cannot be said.
fn mutating<'p>(plan: &'p Plan<'_>) -> Result<Value, &'p str> {
    let mut rules = vec![unmark("forget-claims")];
    let (mut untouched, mut filled, mut fills) = (Vec::new(), Vec::new(), Vec::new());
    let copies = plan.policies.iter().any(|policy| policy.fills.contains(&Fill::CopySeccompToAnnotation));
    let not_copied = match copies {
        true => print::seccomp_is_copied(POD_SECCOMP_ANNOTATION).negated(),
        false => Condition::Constant(true),
    };
    for (index, policy) in plan.policies.iter().enumerate() {
        let conditions = admits(policy).ok_or(policy.name)?;
        let settled = settled(policy).ok_or(policy.name)?;
        let name = |kind: &str| format!("{kind}-{:03}", index + 1);
        let first = conditions.iter().cloned().chain([settled, not_copied.clone()]).collect();
        untouched.extend(mark(&name("choose"), policy.name, first));
        filled.extend(mark(&name("choose-to-fill"), policy.name, conditions));
        fills.extend(fill_rules(policy, &name("fill"), &chosen(policy.name)).ok_or(policy.name)?);
    }
    rules.extend(untouched.into_iter().chain(filled).chain(fills));
    rules.extend((!plan.options.annotate).then(|| unmark("forget-choice")));
    Ok(document(MUTATING, true, rules))
}

fn unsayable(policy: &str) -> Gap {
    Gap {
        code: "choice-unsayable",
        policy: Some(policy.to_owned()),
        control: None,
        message: "what the policy demands cannot be said in JMESPath, so nothing is filled in: write the values into the manifests"
            .to_owned(),
        witness: None,
    }
}

/// What must hold for the policy to admit the pod: somebody may use it, and its rules.
fn admits(policy: &PlannedPolicy<'_>) -> Option<Vec<Condition>> {
    let rules: Option<Vec<Condition>> = policy.rules.iter().map(|rule| print::constraint(&rule.constraint)).collect();
    Some([may_use(&policy.grants)].into_iter().chain(rules?).collect())
}

/// Filling would leave the pod as it is.
fn settled(policy: &PlannedPolicy<'_>) -> Option<Condition> {
    let of_fill = |fill: &Fill| match fill {
        Fill::CopySeccompToAnnotation => Some(Condition::Constant(true)),
        Fill::Capabilities { add, drop } => Some(print::all_capabilities_settled(add, drop)),
        Fill::SetIfAbsent { at, value, .. } if super::fills::setting(*at, value).is_none() => {
            Some(Condition::Constant(true))
        }
        Fill::SetIfAbsent { at, unless_set, .. } => match super::fills::place_of_pod(*at) {
            Some((context, key)) => Some(print::pod_has(context, key)),
            None => {
                let fields: Vec<Field> = [*at].into_iter().chain(*unless_set).collect();
                all_set(&fields)
            }
        },
    };
    let all: Option<Vec<Condition>> = policy.fills.iter().map(of_fill).collect();
    Some(Condition::all(all?))
}

/// A rule that runs where all conditions hold; `None` if they never do.
pub(super) fn rule(name: &str, conditions: Vec<Condition>, mutate: Value) -> Option<Value> {
    Some(json!({
        "name": name,
        "match": {"any": [{"resources": {"kinds": ["Pod"], "operations": ["CREATE"]}}]},
        "preconditions": preconditions(conditions)?,
        "mutate": mutate,
    }))
}

/// Conditions as Kyverno compares them: every one is made a truth.
pub(super) fn preconditions(conditions: Vec<Condition>) -> Option<Value> {
    let mut all = Vec::new();
    for condition in conditions {
        match condition {
            Condition::Constant(true) => {}
            Condition::Constant(false) => return None,
            Condition::Of(text) => {
                all.push(json!({"key": format!("{{{{ !(!{text}) }}}}"), "operator": "Equals", "value": true}));
            }
        }
    }
    Some(json!({"all": all}))
}

fn has_mark() -> Condition {
    has(ANNOTATIONS, PSP_ANNOTATION)
}

/// The annotation names the policy.
fn chosen(name: &str) -> Condition {
    Condition::Of(format!("(lookup({ANNOTATIONS}, {}) == {})", text(PSP_ANNOTATION), text(name)))
}

/// Names the policy in the annotation, unless one is named.
fn mark(name: &str, policy: &str, conditions: Vec<Condition>) -> Option<Value> {
    let conditions = [has_mark().negated()].into_iter().chain(conditions).collect();
    let patch = format!(r#"[{{"op": "add", "path": "{POINTER}", "value": "{}"}}]"#, escaped(policy));
    rule(name, conditions, json!({"patchesJson6902": patch}))
}

/// Takes the annotation away.
fn unmark(name: &str) -> Value {
    let patch = format!(r#"[{{"op": "remove", "path": "{POINTER}"}}]"#);
    rule(name, vec![has_mark()], json!({"patchesJson6902": patch})).unwrap_or_default()
}
