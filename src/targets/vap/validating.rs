//! The ValidatingAdmissionPolicy: some policy that may be used admits the pod and has nothing left to fill in.

use serde_json::{Value, json};

use super::access;
use super::emit::{Form, ObjectNames};
use crate::cel::print::Expr;
use crate::plan::{ENFORCE_LABEL, Enforcement, Options, Plan};
use crate::pod_view::PSP_ANNOTATION;
use crate::targets::cel_policies::message;
use crate::targets::cel_policies::rules::{PolicyRules, Variables, add_rules};
use crate::targets::cel_policies::{CHANGES_THE_POD, resource_rule};
use crate::targets::cel_rules::{self, Names};

/// The policy.
pub(super) fn policy(plan: &Plan<'_>, form: Form, fills: bool, objects: &ObjectNames) -> Value {
    let mut variables = Variables::default();
    let names = Names::default();
    variables.add("containers", cel_rules::containers(&names));
    let policies = add_rules(plan, fills, &names, &mut variables);
    let admitted = match form {
        Form::Claimed { asks_extensions } => claimed(&policies, asks_extensions, &mut variables),
        _ => Expr::or(policies.iter().map(|policy| {
            let may_use = form.may_use(policy, &mut variables);
            Expr::and([policy.admits_untouched(), may_use])
        })),
    };
    let validation = if policies.is_empty() {
        json!({"expression": "false", "reason": "Forbidden", "message": message::NO_POLICIES})
    } else {
        json!({
            "expression": admitted.to_string(),
            "reason": "Forbidden",
            "message": message::PLAIN,
            "messageExpression": message::expression(&policies).to_string(),
        })
    };
    let mut rules = vec![resource_rule(&["CREATE", "UPDATE"], "pods")];
    if plan.options.cover_ephemeral_containers {
        rules.push(resource_rule(&["UPDATE"], "pods/ephemeralcontainers"));
    }
    objects.document(
        "ValidatingAdmissionPolicy",
        json!({
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": rules},
            "matchConditions": [{"name": "changes-the-pod", "expression": CHANGES_THE_POD}],
            "variables": variables.to_json(),
            "validations": [validation],
        }),
    )
}

/// The policy that the annotation names admits the pod, and may be used.
fn claimed(policies: &[PolicyRules<'_>], asks_extensions: bool, variables: &mut Variables) -> Expr {
    let annotations = Expr::name("object").field("metadata").optional_field("annotations");
    let claim = annotations.optional_field(PSP_ANNOTATION).method("orValue", [Expr::string("")]);
    let claim = variables.add("claim", claim);
    let asked = access::live(&claim, asks_extensions);
    let asked: Vec<Expr> = asked.into_iter().map(|expression| variables.add("use", expression)).collect();
    let admitted = Expr::or(policies.iter().map(|policy| {
        let is_claimed = claim.clone().equals(Expr::string(policy.policy.name));
        Expr::and([is_claimed, policy.admits_untouched()])
    }));
    Expr::and([admitted, Expr::or(asked)])
}

/// The bindings with their files: everywhere at once, or first warning everywhere and denying where a namespace asks for it.
pub(super) fn bindings(options: &Options, objects: &ObjectNames) -> Vec<(&'static str, Value)> {
    let binding = |suffix: &str, actions: Value| {
        let spec = json!({"policyName": objects.name(), "validationActions": actions});
        objects.named(suffix, "ValidatingAdmissionPolicyBinding", spec)
    };
    let (deny, audit) = (json!(["Deny"]), json!(["Warn", "Audit"]));
    match options.enforcement {
        Enforcement::Deny => vec![("psp-validating-policy-binding.yaml", binding("", deny))],
        Enforcement::Audit => vec![("psp-validating-policy-binding.yaml", binding("", audit))],
        Enforcement::Staged => {
            let (label, value) = ENFORCE_LABEL;
            let mut labelled = binding("-deny", deny);
            if let Some(spec) = labelled.get_mut("spec").and_then(Value::as_object_mut) {
                let selector = json!({"namespaceSelector": {"matchLabels": {label: value}}});
                spec.insert("matchResources".to_owned(), selector);
            }
            vec![
                ("psp-validating-policy-binding-audit.yaml", binding("-audit", audit)),
                ("psp-validating-policy-binding-deny.yaml", labelled),
            ]
        }
    }
}
