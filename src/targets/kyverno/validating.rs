//! What a ValidatingPolicy says to a request.
//!
//! Source: `pkg/cel/policies/vpol/compiler/policy.go`, `pkg/webhooks/resource/vpol/handler.go` (1.19.0).

use serde_json::Value as Json;

use super::decide::{Answers, Match};
use super::read::CelPolicy;
use crate::cel::policy::Validation;
use crate::cel::{Bindings, Scope, Value};
use crate::targets::TargetVerdict;

/// Adds what the policy says to the verdict. An error denies wherever a failure denies, whatever `failurePolicy` says.
pub(super) fn judge(cel: &CelPolicy, bindings: &Bindings<'_>, verdict: &mut TargetVerdict) {
    let mut answers = Answers::of(cel);
    let told = said(cel, bindings, &mut answers);
    verdict.unsupported.extend(answers.unsupported);
    let Some(told) = told else { return };
    let message = format!("Policy {} {told}", cel.policy.name);
    let actions = cel.policy.document.pointer("/spec/validationActions").and_then(Json::as_array);
    for action in actions.into_iter().flatten().filter_map(Json::as_str) {
        match action {
            "Deny" => {
                verdict.allowed = false;
                verdict.messages.push(message.clone());
            }
            "Warn" => verdict.warnings.push(message.clone()),
            _ => verdict.audit.push(("kyverno".to_owned(), message.clone())),
        }
    }
}

/// The first failure or error.
fn said(cel: &CelPolicy, bindings: &Bindings<'_>, answers: &mut Answers<'_>) -> Option<String> {
    let policy = &cel.policy;
    match answers.matches(&Scope::new(bindings.clone())) {
        Match::No => return None,
        Match::Error(error) => return policy.fails_closed().then(|| format!("error: {error}")),
        Match::Yes => {}
    }
    let scope = Scope::with_variables(bindings.clone(), Some(&policy.variables));
    for (index, validation) in policy.validations.iter().enumerate() {
        match answers.of_program(&validation.program, &scope) {
            Ok(Value::Bool(true)) => {}
            Ok(_) => return Some(format!("failed: {}", message(validation, index, answers, &scope))),
            Err(error) => return Some(format!("error: {error}")),
        }
    }
    None
}

fn message(validation: &Validation, index: usize, answers: &mut Answers<'_>, scope: &Scope<'_>) -> String {
    let told = match &validation.message_expression {
        Some(program) => match answers.of_program(program, scope) {
            Ok(Value::String(text)) => text.to_string(),
            Ok(_) => "failed to convert message expression to string".to_owned(),
            Err(error) => format!("failed to evaluate message expression: {error}"),
        },
        None => validation.message.clone(),
    };
    if told.is_empty() { format!("CEL expression validation failed at index {index}") } else { told }
}
