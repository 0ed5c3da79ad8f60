//! The two documents.

use serde_json::{Value, json};

use super::notes::notes;
use crate::cel::print::Expr;
use crate::constraint::Fill;
use crate::plan::{ENFORCE_LABEL, Enforcement, Options, Plan};
use crate::targets::cel_policies::gaps::empty_groups;
use crate::targets::cel_policies::rules::{PolicyRules, Variables, add_rules};
use crate::targets::cel_policies::{
    CHANGES_THE_POD, choose, fills_something, frozen, message, psp_annotation, resource_rule, unmark, write_mark,
};
use crate::targets::cel_rules::{self, Names};
use crate::targets::{Emission, Emitted, Gap};

/// What the documents are called. `kyverno test` tells policies apart by their names alone.
const VALIDATING: &str = "pod-security-policy";
const MUTATING: &str = "pod-security-policy-defaults";

/// The first minor version of Kyverno with MutatingPolicy of a stable shape, as v1beta1.
const SINCE: u8 = 16;
/// The first minor version of Kyverno that serves both kinds as v1.
const V1_SINCE: u8 = 17;

/// The translation of a plan.
pub(super) fn emission(plan: &Plan<'_>) -> Emission {
    let mut documents = Vec::new();
    if !plan.policies.is_empty() && (plan.options.annotate || plan.policies.iter().any(fills_something)) {
        documents.push(("psp-kyverno-mutating-policy.yaml", mutating(plan)));
    }
    documents.extend(staged(validating(plan), plan.options.enforcement));
    let emitted = |(file, document): (&str, Value)| Emitted { file: file.to_owned(), document };
    let mut gaps: Vec<Gap> = plan.policies.iter().filter_map(empty_groups).collect();
    gaps.extend((plan.options.kyverno_minor < SINCE).then(|| too_old(&plan.options)));
    Emission {
        documents: documents.into_iter().map(emitted).collect(),
        gaps,
        notes: notes(plan),
        ..Emission::default()
    }
}

fn too_old(options: &Options) -> Gap {
    Gap {
        code: "kyverno-too-old",
        policy: None,
        control: None,
        message: format!(
            "Kyverno 1.{} has no MutatingPolicy of this shape: use 1.{SINCE} or later, or the target `kyverno-clusterpolicy`",
            options.kyverno_minor
        ),
        witness: None,
    }
}

fn document(kind: &str, options: &Options, spec: Value) -> Value {
    let version = if options.kyverno_minor < V1_SINCE { "v1beta1" } else { "v1" };
    let name = if kind == "MutatingPolicy" { MUTATING } else { VALIDATING };
    json!({
        "apiVersion": format!("policies.kyverno.io/{version}"),
        "kind": kind,
        "metadata": {"name": name},
        "spec": spec,
    })
}

/// Some policy that may be used admits the pod and has nothing left to fill in. The background scan knows no requester, so
/// there is none.
fn validating(plan: &Plan<'_>) -> Value {
    let (names, mut variables) = (Names::default(), Variables::default());
    variables.add("containers", cel_rules::containers(&names));
    let policies = add_rules(plan, true, &names, &mut variables);
    let admitted = Expr::or(policies.iter().map(|policy| {
        let may_use = may_use(policy, &mut variables);
        Expr::and([policy.admits_untouched(), may_use])
    }));
    let validation = if policies.is_empty() {
        json!({"expression": "false", "message": message::NO_POLICIES})
    } else {
        let told = message::expression(&policies).to_string();
        json!({"expression": admitted.to_string(), "message": message::PLAIN, "messageExpression": told})
    };
    let mut rules = vec![resource_rule(&["CREATE", "UPDATE"], "pods")];
    if plan.options.cover_ephemeral_containers {
        rules.push(resource_rule(&["UPDATE"], "pods/ephemeralcontainers"));
    }
    let spec = json!({
        "validationActions": ["Deny"],
        "failurePolicy": "Fail",
        "evaluation": {"background": {"enabled": false}},
        "autogen": no_autogen(),
        "matchConstraints": {"resourceRules": rules},
        "matchConditions": [{"name": "changes-the-pod", "expression": CHANGES_THE_POD}],
        "variables": variables.to_json(),
        "validations": [validation],
    });
    document("ValidatingPolicy", &plan.options, spec)
}

/// The policy with its file, denying or not; or one that warns everywhere and one that denies where a namespace asks for it.
fn staged(policy: Value, enforcement: Enforcement) -> Vec<(&'static str, Value)> {
    let set = |policy: &Value, pointer: &str, value: Value| {
        let mut policy = policy.clone();
        policy.pointer_mut(pointer).into_iter().for_each(|field| *field = value.clone());
        policy
    };
    let warning = || set(&policy, "/spec/validationActions", json!(["Warn", "Audit"]));
    match enforcement {
        Enforcement::Deny => vec![("psp-kyverno-validating-policy.yaml", policy)],
        Enforcement::Audit => vec![("psp-kyverno-validating-policy.yaml", warning())],
        Enforcement::Staged => {
            let named =
                |policy: Value, more: &str| set(&policy, "/metadata/name", json!(format!("{VALIDATING}-{more}")));
            let (label, value) = ENFORCE_LABEL;
            let mut denying = named(policy.clone(), "deny");
            if let Some(matches) = denying.pointer_mut("/spec/matchConstraints").and_then(Value::as_object_mut) {
                matches.insert("namespaceSelector".to_owned(), json!({"matchLabels": {label: value}}));
            }
            vec![
                ("psp-kyverno-validating-policy-warn.yaml", named(warning(), "warn")),
                ("psp-kyverno-validating-policy-deny.yaml", denying),
            ]
        }
    }
}

/// The plug-in never looked at workloads, and the requester of a workload's pods is another one.
fn no_autogen() -> Value {
    json!({"podControllers": {"controllers": []}})
}

/// The choice, taken before anything is changed, and what the chosen policy fills in. A variable keeps the value that it
/// had when it was first asked for: the match condition asks for the choice, so that no mutation can change it.
fn mutating(plan: &Plan<'_>) -> Value {
    let (names, mut variables) = (Names::default(), Variables::default());
    variables.add("containers", cel_rules::containers(&names));
    variables.add("paths", cel_rules::paths(&names));
    let policies = add_rules(plan, true, &names, &mut variables);
    let copied = plan.policies.iter().any(|policy| policy.fills.contains(&Fill::CopySeccompToAnnotation));
    let copied = copied.then(|| variables.add("seccomp_was_copied", cel_rules::seccomp_is_copied(&names)));
    let choice = choice(&policies, copied.as_ref(), &mut variables);
    let mut mutations: Vec<Expr> = plan.options.annotate.then(|| mark(&choice)).into_iter().collect();
    for policy in &policies {
        if let Some(patches) = cel_rules::patches(policy.policy.fills, &names) {
            let chosen = choice.clone().equals(Expr::string(policy.policy.name));
            mutations.push(chosen.then_else(patches, Expr::list([])));
        }
    }
    let mutation =
        |expression: Expr| json!({"patchType": "JSONPatch", "jsonPatch": {"expression": expression.to_string()}});
    let spec = json!({
        "failurePolicy": "Fail",
        "evaluation": {"mutateExisting": {"enabled": false}},
        "autogen": no_autogen(),
        "matchConstraints": {"resourceRules": [resource_rule(&["CREATE"], "pods")]},
        "matchConditions": [{"name": "choice", "expression": condition(&choice, &plan.options).to_string()}],
        "variables": variables.to_json(),
        "mutations": mutations.into_iter().map(mutation).collect::<Vec<_>>(),
    });
    document("MutatingPolicy", &plan.options, spec)
}

/// There is a policy to fill in, or a claim to take away.
fn condition(choice: &Expr, options: &Options) -> Expr {
    let chosen = choice.clone().differs(Expr::string(""));
    if options.annotate { Expr::or([chosen, psp_annotation().method("hasValue", [])]) } else { chosen }
}

/// The annotation names the choice; what the pod said there itself goes.
fn mark(choice: &Expr) -> Expr {
    choice.clone().equals(Expr::string("")).then_else(unmark(), write_mark(choice.clone()))
}

/// The first policy that admits the pod untouched, else the first that admits it after filling.
fn choice(policies: &[PolicyRules<'_>], copied: Option<&Expr>, variables: &mut Variables) -> Expr {
    let not_copied = copied.map(|copied| copied.clone().negated());
    let asked: Vec<(Expr, Expr, &str)> = policies
        .iter()
        .map(|policy| {
            let may_use = may_use(policy, variables);
            let untouched = [policy.admits_untouched()].into_iter().chain(not_copied.clone()).chain([may_use.clone()]);
            (Expr::and(untouched), Expr::and([policy.admits.clone(), may_use]), policy.policy.name)
        })
        .collect();
    let untouched = asked.iter().map(|(untouched, _, name)| (untouched, *name));
    let filled = asked.iter().map(|(_, filled, name)| (filled, *name));
    variables.add("choice", choose(untouched.chain(filled)))
}

fn may_use(policy: &PolicyRules<'_>, variables: &mut Variables) -> Expr {
    variables.add(&format!("use_{}", policy.slug), frozen::may_use(&policy.policy.grants))
}
