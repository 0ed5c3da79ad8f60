//! ValidatingAdmissionPolicy: every policy, every matching binding, every parameter, every validation.
//!
//! Source: `k8s.io/apiserver/pkg/admission/plugin/policy/validating`, `dispatcher.go` and `validator.go`.

use super::document::{Policies, Policy, Validation, text};
use super::outcome::{AdmissionOutcome, AuditAnnotation, AuditedFailure, Denial};
use super::phase::{Answer, Matching, Phase, match_conditions};
use super::request::{Request, Surroundings};
use super::{matching, namespace, params};
use crate::cel::cost::{self, Budget, OutOfBudget};
use crate::cel::{Bindings, Scope, Value};
use serde_json::Value as Json;

/// The longest message that an expression may give, in bytes.
const MAX_MESSAGE: usize = 5 * 1024;
/// The longest audit annotation, in bytes.
const MAX_ANNOTATION: usize = 10 * 1024;

/// A validation that did not hold, or an error where errors deny.
struct Failure {
    message: String,
    reason: String,
    /// Its position among the policy's validations.
    index: usize,
}

impl Failure {
    fn error(message: impl Into<String>) -> Self {
        Self { message: message.into(), reason: "Invalid".into(), index: 0 }
    }
}

impl Policies {
    /// What the validating policies say to a request, its object taken as it is.
    pub fn validate(&self, request: &Request, surroundings: &Surroundings<'_>) -> AdmissionOutcome {
        let mut outcome = AdmissionOutcome::default();
        namespace::note_unknown(&self.validating, request, surroundings, &mut outcome);
        let bindings = request.bindings(&request.object, surroundings);
        for policy in &self.validating {
            let validator = Validator { policy, request, surroundings, bindings: &bindings };
            validator.run(&mut outcome);
        }
        outcome
    }
}

struct Validator<'a> {
    policy: &'a Policy,
    request: &'a Request,
    surroundings: &'a Surroundings<'a>,
    /// All names but `namespaceObject`, `params` and `variables`.
    bindings: &'a Bindings<'a>,
}

impl Validator<'_> {
    fn run(&self, outcome: &mut AdmissionOutcome) {
        match matching::matches(self.policy.constraints(), self.request, self.surroundings) {
            Ok(false) => return,
            Ok(true) => {}
            Err(error) => return self.misconfigured(None, &format!("failed to configure policy: {error}"), outcome),
        }
        if !self.policy.bindings.is_empty() && self.is_refused(outcome) {
            return;
        }
        for binding in &self.policy.bindings {
            self.run_binding(binding, outcome);
        }
    }

    /// A policy that the API server refuses cannot be evaluated: nobody knows what stands in its place.
    fn is_refused(&self, outcome: &mut AdmissionOutcome) -> bool {
        for refusal in &self.policy.refusals {
            let finding = &refusal.finding;
            outcome.cannot(&self.policy.name, format!("the API server refuses {}: {}", refusal.field, finding.message));
        }
        !self.policy.refusals.is_empty()
    }

    fn run_binding(&self, binding: &Json, outcome: &mut AdmissionOutcome) {
        let failed = |error: String| format!("failed to configure binding: {error}");
        if let Some(resources) = binding.pointer("/spec/matchResources") {
            match matching::matches(resources, self.request, self.surroundings) {
                Ok(false) => return,
                Ok(true) => {}
                Err(error) => return self.misconfigured(Some(binding), &failed(error), outcome),
            }
        }
        match params::collect(&self.policy.document, binding, self.request, self.surroundings.params) {
            Err(error) => self.misconfigured(Some(binding), &failed(error), outcome),
            Ok(params) => {
                for param in &params {
                    self.run_param(binding, param, outcome);
                }
            }
        }
    }

    /// A configuration error denies whatever the binding's actions are.
    fn misconfigured(&self, binding: Option<&Json>, message: &str, outcome: &mut AdmissionOutcome) {
        if self.policy.fails_closed() {
            outcome.denials.push(self.denial(binding, Failure::error(message)));
        }
    }

    fn denial(&self, binding: Option<&Json>, failure: Failure) -> Denial {
        let (policy, binding) = (&self.policy.name, binding.map(|binding| text(binding, "/metadata/name")));
        let by = binding.map(|name| format!(" with binding '{name}'")).unwrap_or_default();
        let shown = format!("ValidatingAdmissionPolicy '{policy}'{by} denied request: {}", failure.message);
        Denial {
            policy: policy.clone(),
            binding: binding.map(str::to_owned),
            error: self.request.forbidden(&shown),
            message: failure.message,
            reason: failure.reason,
        }
    }

    fn run_param(&self, binding: &Json, param: &Json, outcome: &mut AdmissionOutcome) {
        let bindings = self.bindings.clone().with("params", Value::from_json(param));
        let conditions = Scope::new(bindings.clone().with("namespaceObject", Value::Null));
        match match_conditions(self.policy, &conditions, outcome) {
            Matching::Skips => return,
            Matching::Fails(message) => return self.act(binding, vec![Failure::error(message)], outcome),
            Matching::Applies => {}
        }
        let bindings = bindings.with("namespaceObject", self.request.namespace_value(self.surroundings));
        let failures = self.failures(&bindings, outcome);
        self.act(binding, failures, outcome);
        self.annotate(binding, bindings, outcome);
    }

    /// What the binding's actions make of failures.
    fn act(&self, binding: &Json, failures: Vec<Failure>, outcome: &mut AdmissionOutcome) {
        let actions = binding.pointer("/spec/validationActions").and_then(Json::as_array).into_iter().flatten();
        let actions: Vec<&str> = actions.filter_map(Json::as_str).collect();
        for failure in failures {
            let index = failure.index;
            let denial = self.denial(Some(binding), failure);
            for action in &actions {
                match *action {
                    "Deny" => outcome.denials.push(denial.clone()),
                    "Audit" => outcome.audited.push(AuditedFailure {
                        message: denial.message.clone(),
                        policy: self.policy.name.clone(),
                        binding: text(binding, "/metadata/name").to_owned(),
                        expression_index: index,
                        validation_actions: actions.iter().map(|action| (*action).to_owned()).collect(),
                    }),
                    "Warn" => outcome.warnings.push(format!(
                        "Validation failed for ValidatingAdmissionPolicy '{}' with binding '{}': {}",
                        self.policy.name,
                        text(binding, "/metadata/name"),
                        denial.message
                    )),
                    _ => {}
                }
            }
        }
    }

    /// The validations that do not hold.
    fn failures(&self, bindings: &Bindings<'_>, outcome: &mut AdmissionOutcome) -> Vec<Failure> {
        let closed = self.policy.fails_closed();
        let on_error = |message: String| {
            if closed { vec![Failure::error(message)] } else { Vec::new() }
        };
        let scope = Scope::with_variables(bindings.clone(), Some(&self.policy.variables));
        let budget = Budget { remaining: cost::PER_POLICY };
        let mut phase = Phase { policy: self.policy, scope: &scope, budget };
        let mut answers = Vec::with_capacity(self.policy.validations.len());
        for validation in &self.policy.validations {
            match phase.answer(&validation.program, outcome) {
                Ok(answer) => answers.push(answer),
                Err(OutOfBudget) => return on_error(cost::OUT_OF_BUDGET.into()),
            }
        }
        let messages = match self.messages(&answers, bindings, phase.budget, outcome) {
            Ok(messages) => messages,
            Err(OutOfBudget) => return self.all_fail(&answers),
        };
        let mut failures = Vec::new();
        for (index, ((validation, answer), message)) in
            self.policy.validations.iter().zip(answers).zip(messages).enumerate()
        {
            let reason = validation.reason.clone();
            match answer {
                Ok(Value::Bool(true)) => {}
                Ok(_) => failures.push(Failure { message: message_of(validation, message), reason, index }),
                Err(error) => failures.extend(on_error(error).into_iter().map(|failure| Failure { index, ..failure })),
            }
        }
        failures
    }

    /// Message expressions that run out of budget fail every validation, those that hold included.
    fn all_fail(&self, answers: &[Answer]) -> Vec<Failure> {
        if !self.policy.fails_closed() {
            return Vec::new();
        }
        let message = |answer: &Answer| match answer {
            Err(error) => error.clone(),
            Ok(_) => format!("failed messageExpression: {}", cost::OUT_OF_BUDGET),
        };
        let failed = |(index, answer)| Failure { index, ..Failure::error(message(answer)) };
        answers.iter().enumerate().map(failed).collect()
    }

    /// The message expressions' answers. The API server evaluates all of them every time; where all validations hold and
    /// the budget cannot run out, that is not observable and is left out.
    fn messages(
        &self,
        answers: &[Answer],
        bindings: &Bindings<'_>,
        budget: Budget,
        outcome: &mut AdmissionOutcome,
    ) -> Result<Vec<Option<Answer>>, OutOfBudget> {
        let written = self.policy.validations.iter().filter(|v| v.message_expression.is_some()).count();
        let most = (written + self.policy.variables.iter().count()) as u64 * 2 * cost::PER_EXPRESSION;
        let all_hold = answers.iter().all(|answer| matches!(answer, Ok(Value::Bool(true))));
        if written == 0 || all_hold && most <= budget.remaining {
            return Ok(vec![None; answers.len()]);
        }
        let bindings = bindings.clone().without("authorizer").without("authorizer.requestResource");
        let scope = Scope::with_variables(bindings, Some(&self.policy.variables));
        let mut phase = Phase { policy: self.policy, scope: &scope, budget };
        let evaluate = |validation: &Validation| match &validation.message_expression {
            Some(program) => phase.answer(program, outcome).map(Some),
            None => Ok(None),
        };
        self.policy.validations.iter().map(evaluate).collect()
    }

    /// Audit annotations; an error denies where errors deny, whatever the binding's actions are.
    fn annotate(&self, binding: &Json, bindings: Bindings<'_>, outcome: &mut AdmissionOutcome) {
        let bindings = bindings.without("authorizer").without("authorizer.requestResource");
        let scope = Scope::with_variables(bindings, Some(&self.policy.variables));
        let mut phase = Phase { policy: self.policy, scope: &scope, budget: Budget { remaining: cost::PER_POLICY } };
        for (key, program) in &self.policy.audit_annotations {
            match phase.answer(program, outcome) {
                Err(OutOfBudget) => {
                    if self.policy.fails_closed() {
                        self.act(binding, vec![Failure::error(cost::OUT_OF_BUDGET)], outcome);
                    }
                    return;
                }
                Ok(Err(message)) if self.policy.fails_closed() => {
                    outcome.denials.push(self.denial(Some(binding), Failure::error(message)));
                }
                Ok(Ok(Value::String(value))) if !value.trim().is_empty() => {
                    publish(format!("{}/{key}", self.policy.name), value.trim(), outcome);
                }
                Ok(_) => {}
            }
        }
    }
}

/// Different values of one annotation are joined; equal ones are given once.
fn publish(key: String, value: &str, outcome: &mut AdmissionOutcome) {
    let end = (0..=value.len().min(MAX_ANNOTATION)).rev().find(|end| value.is_char_boundary(*end)).unwrap_or(0);
    let value = value.get(..end).unwrap_or_default();
    match outcome.audit_annotations.iter_mut().find(|annotation| annotation.key == key) {
        Some(annotation) if annotation.value.split(", ").any(|known| known == value) => {}
        Some(annotation) => annotation.value = format!("{}, {value}", annotation.value),
        None => outcome.audit_annotations.push(AuditAnnotation { key, value: value.to_owned() }),
    }
}

/// The message expression's text if it gives a usable one, else the message, else the expression.
fn message_of(validation: &Validation, answer: Option<Answer>) -> String {
    if let Some(Ok(Value::String(text))) = answer {
        let text = text.trim();
        if !text.is_empty() && text.len() <= MAX_MESSAGE && !text.contains('\n') {
            return text.to_owned();
        }
    }
    match validation.message.trim() {
        "" => format!("failed expression: {}", validation.program.source().trim()),
        message => message.to_owned(),
    }
}
