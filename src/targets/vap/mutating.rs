//! The MutatingAdmissionPolicy: the plug-in's choice among the policies, and what the chosen one fills in.
//!
//! Its mutations run in order, each on what the one before it left and with a budget of its own. The first write the
//! choice into the annotation `kubernetes.io/psp`; then each policy fills in where that annotation names it; the last one
//! takes the annotation away again where it is not wanted. Where one mutation cannot ask for all policies, several choose
//! one after the other: first among those that admit the pod untouched, then among those that have to fill in.

use serde_json::{Value, json};

use super::access::MOST_CHECKS;
use super::emit::{Form, ObjectNames};
use crate::cel::print::Expr;
use crate::constraint::Fill;
use crate::plan::Plan;
use crate::targets::cel_policies::rules::{PolicyRules, Variables, add_rules};
use crate::targets::cel_policies::{choose, psp_annotation, resource_rule, unmark, write_mark};
use crate::targets::cel_rules::{self, Names};

/// The policy.
pub(super) fn policy(plan: &Plan<'_>, form: Form, objects: &ObjectNames) -> Value {
    let names = Names::default();
    let mut variables = Variables::default();
    variables.add("containers", cel_rules::containers(&names));
    variables.add("paths", cel_rules::paths(&names));
    let policies = add_rules(plan, true, &names, &mut variables);
    let copied = plan.policies.iter().any(|policy| policy.fills.contains(&Fill::CopySeccompToAnnotation));
    let copied = copied.then(|| variables.add("seccomp_was_copied", cel_rules::seccomp_is_copied(&names)));
    let choices = choices(&policies, form, copied.as_ref(), &mut variables);
    let mut mutations = mark(choices);
    for policy in &policies {
        if let Some(patches) = cel_rules::patches(policy.policy.fills, &names) {
            let chosen = psp_annotation().method("orValue", [Expr::string("")]);
            let chosen = chosen.equals(Expr::string(policy.policy.name));
            mutations.push(chosen.then_else(patches, Expr::list([])));
        }
    }
    if !plan.options.annotate && !matches!(form, Form::Claimed { .. }) {
        mutations.push(unmark());
    }
    let mutation =
        |expression: Expr| json!({"patchType": "JSONPatch", "jsonPatch": {"expression": expression.to_string()}});
    objects.document(
        "MutatingAdmissionPolicy",
        json!({
            "failurePolicy": "Fail",
            "reinvocationPolicy": "IfNeeded",
            "matchConstraints": {"resourceRules": [resource_rule(&["CREATE"], "pods")]},
            "variables": variables.to_json(),
            "mutations": mutations.into_iter().map(mutation).collect::<Vec<_>>(),
        }),
    )
}

/// The binding: everywhere.
pub(super) fn binding(objects: &ObjectNames) -> Value {
    objects.document("MutatingAdmissionPolicyBinding", json!({"policyName": objects.name()}))
}

/// The names to choose, empty for none: one expression if all policies can be asked for at once.
fn choices(policies: &[PolicyRules<'_>], form: Form, copied: Option<&Expr>, variables: &mut Variables) -> Vec<Expr> {
    let asked: Vec<Asked<'_>> = policies.iter().map(|policy| Asked::new(policy, form, copied, variables)).collect();
    let questions = match form {
        Form::Live { asks_extensions } | Form::Claimed { asks_extensions } => {
            2 * super::access::groups(asks_extensions).len()
        }
        Form::Frozen => 2,
    };
    let chunks: Vec<&[Asked<'_>]> = asked.chunks(MOST_CHECKS / questions).collect();
    let untouched = chunks.iter().map(|chunk| first(chunk, |asked| &asked.untouched));
    let filled = chunks.iter().map(|chunk| first(chunk, |asked| &asked.filled));
    match chunks.as_slice() {
        [only] => {
            let all = only.iter().map(|asked| (&asked.untouched, asked.name));
            let all = all.chain(only.iter().map(|asked| (&asked.filled, asked.name)));
            vec![variables.add("choice", choose(all))]
        }
        _ => untouched
            .chain(filled)
            .collect::<Vec<_>>()
            .into_iter()
            .map(|choice| variables.add("choice", choice))
            .collect(),
    }
}

/// What choosing a policy takes.
struct Asked<'p> {
    name: &'p str,
    untouched: Expr,
    filled: Expr,
}

impl<'p> Asked<'p> {
    fn new(policy: &PolicyRules<'p>, form: Form, copied: Option<&Expr>, variables: &mut Variables) -> Self {
        let may_use = form.may_use(policy, variables);
        let not_copied = copied.map(|copied| copied.clone().negated());
        let untouched = Expr::and([policy.admits_untouched()].into_iter().chain(not_copied).chain([may_use.clone()]));
        let filled = Expr::and([policy.admits.clone(), may_use]);
        Self { name: policy.policy.name, untouched, filled }
    }
}

fn first<'p>(chunk: &[Asked<'p>], condition: for<'a> fn(&'a Asked<'p>) -> &'a Expr) -> Expr {
    choose(chunk.iter().map(|asked| (condition(asked), asked.name)).collect::<Vec<_>>())
}

/// Writes the choice into the annotation. What the pod said there itself is no choice, and goes.
fn mark(choices: Vec<Expr>) -> Vec<Expr> {
    match <[Expr; 1]>::try_from(choices) {
        Ok([choice]) => {
            let none = choice.clone().equals(Expr::string(""));
            vec![none.then_else(unmark(), write_mark(choice))]
        }
        Err(several) => {
            let write_first = |choice: Expr| {
                let settled =
                    Expr::or([psp_annotation().method("hasValue", []), choice.clone().equals(Expr::string(""))]);
                settled.then_else(Expr::list([]), write_mark(choice))
            };
            [unmark()].into_iter().chain(several.into_iter().map(write_first)).collect()
        }
    }
}
