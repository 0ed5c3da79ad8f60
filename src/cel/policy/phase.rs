//! One phase of an evaluation: expressions in order against one scope and one budget.

use super::document::Policy;
use super::outcome::AdmissionOutcome;
use crate::cel::cost::{self, Budget, OutOfBudget};
use crate::cel::{EvalError, Program, Scope, Value};

/// What an expression gave: a value, or the message of the API server.
pub(super) type Answer = Result<Value, String>;

/// Evaluates expressions on one budget, each variable at most once.
pub(super) struct Phase<'a, 'b> {
    pub policy: &'a Policy,
    pub scope: &'a Scope<'b>,
    pub budget: Budget,
}

impl Phase<'_, '_> {
    /// The answer of one expression. What cannot be evaluated is noted in the outcome and answered with an error.
    pub fn answer(&mut self, program: &Program, outcome: &mut AdmissionOutcome) -> Result<Answer, OutOfBudget> {
        let evaluation = program.evaluate(self.scope);
        self.budget.spend(self.scope.take_variable_cost().units)?;
        self.budget.spend(evaluation.meter.units)?;
        Ok(evaluation.result.map_err(|error| {
            if let EvalError::CannotEvaluate { .. } = &error {
                outcome.cannot(&self.policy.name, &error);
            }
            format!("expression '{}' resulted in error: {error}", program.source())
        }))
    }
}

/// What the match conditions say.
pub(super) enum Matching {
    /// The policy applies.
    Applies,
    /// One of them is false, or fails where failures are ignored.
    Skips,
    /// One of them fails.
    Fails(String),
}

/// Evaluates all match conditions: any false one skips the policy, whatever the others do.
pub(super) fn match_conditions(policy: &Policy, scope: &Scope<'_>, outcome: &mut AdmissionOutcome) -> Matching {
    let budget = Budget { remaining: cost::MATCH_CONDITIONS };
    let mut phase = Phase { policy, scope, budget };
    let mut errors = Vec::new();
    let mut skips = false;
    for program in &policy.match_conditions {
        match phase.answer(program, outcome) {
            Err(OutOfBudget) => {
                return if policy.fails_closed() {
                    Matching::Fails(cost::OUT_OF_BUDGET.into())
                } else {
                    Matching::Skips
                };
            }
            Ok(Ok(Value::Bool(false))) => skips = true,
            Ok(Ok(_)) => {}
            Ok(Err(message)) => errors.push(message),
        }
    }
    match errors.as_slice() {
        _ if skips => Matching::Skips,
        [] => Matching::Applies,
        _ if !policy.fails_closed() => Matching::Skips,
        [only] => Matching::Fails(only.clone()),
        several => Matching::Fails(format!("[{}]", several.join(", "))),
    }
}
