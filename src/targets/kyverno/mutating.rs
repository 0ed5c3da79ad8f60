//! What a MutatingPolicy makes of a pod.
//!
//! Source: `pkg/cel/policies/mpol/compiler/policy.go`, `pkg/webhooks/resource/mpol/handler.go` (1.19.0).

use serde_json::Value as Json;

use super::decide::{Answers, Match};
use super::read::CelPolicy;
use crate::cel::policy::{MutationKind, applied, json_patched};
use crate::cel::{Bindings, EvalError, Scope, Value};

/// The pod after all mutations of the policy, if it applies. Variables keep the value they had when they were first asked
/// for, while `object` is what the mutation before left.
///
/// # Errors
/// Kyverno's words; the whole policy then changes nothing.
pub(super) fn change(
    cel: &CelPolicy,
    bindings: &Bindings<'_>,
    pod: &Json,
    answers: &mut Answers<'_>,
) -> Result<Option<Json>, String> {
    let policy = &cel.policy;
    let mut scope = Scope::with_variables(bindings.clone(), Some(&policy.variables));
    match answers.matches(&scope) {
        Match::No => return Ok(None),
        Match::Error(error) => return Err(error),
        Match::Yes => {}
    }
    let mut pod = pod.clone();
    for mutation in &policy.mutations {
        let value = answers.of_program(&mutation.program, &scope)?;
        if matches!(&value, Value::List(patches) if patches.is_empty()) {
            continue;
        }
        pod = match mutation.kind {
            MutationKind::JsonPatch => json_patched(&pod, &value)?,
            MutationKind::ApplyConfiguration => applied("Pod", &pod, &value).map_err(|error| {
                if matches!(error, EvalError::CannotEvaluate { .. }) {
                    answers.cannot(&error);
                }
                error.to_string()
            })?,
        };
        scope.rebind("object", Value::from_json(&pod));
    }
    Ok(Some(pod))
}
