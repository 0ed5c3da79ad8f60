//! MutatingAdmissionPolicy: every policy, every matching binding, every parameter, every mutation, each on what the one
//! before it left.
//!
//! Source: `k8s.io/apiserver/pkg/admission/plugin/policy/mutating`. The API server gives no order among policies; here it
//! is the order of the documents.

use super::document::{Mutation, MutationKind, Policies, Policy, text};
use super::outcome::{AdmissionOutcome, Denial};
use super::phase::{Matching, Phase, match_conditions};
use super::request::{Request, Surroundings};
use super::{matching, merge, namespace, params};
use crate::cel::cost::{self, Budget, OutOfBudget};
use crate::cel::{Bindings, EvalError, Object, Scope, Value};
use crate::field_error::go_quote;
use serde_json::{Value as Json, json};

/// A policy with one binding and one parameter.
struct Invocation<'a> {
    policy: &'a Policy,
    binding: &'a Json,
    param: Json,
}

/// Why a mutation did not happen.
enum Failure {
    /// `failurePolicy` decides.
    Policy(String),
    /// The result is not an object of its kind: an internal error, whatever `failurePolicy` says.
    Server(String),
}

impl Policies {
    /// What the mutating policies make of a request: the outcome, and in `object` the mutated object.
    pub fn mutate(&self, request: &Request, surroundings: &Surroundings<'_>) -> AdmissionOutcome {
        let mut outcome = AdmissionOutcome::default();
        if request.object.is_null() || request.operation == "DELETE" {
            return outcome;
        }
        namespace::note_unknown(&self.mutating, request, surroundings, &mut outcome);
        let invocations = self.invocations(request, surroundings, &mut outcome);
        let bindings = request.bindings(&request.object, surroundings);
        let namespace = request.namespace_value(surroundings);
        let mut run = Run { request, surroundings, bindings, namespace, object: request.object.clone(), outcome };
        let again: Vec<&Invocation<'_>> = invocations.iter().filter(|invocation| run.invoke(invocation)).collect();
        if run.object != request.object {
            // One more round for the policies that ask for it, as after any change by a mutating plug-in.
            for invocation in again {
                run.invoke(invocation);
            }
        }
        if run.object != request.object {
            run.outcome.object = Some(run.object);
        }
        run.outcome
    }

    fn invocations<'a>(
        &'a self,
        request: &Request,
        surroundings: &Surroundings<'_>,
        outcome: &mut AdmissionOutcome,
    ) -> Vec<Invocation<'a>> {
        let mut found = Vec::new();
        for policy in &self.mutating {
            match matching::matches(policy.constraints(), request, surroundings) {
                Ok(true) => found.extend(policy.bound(request, surroundings, outcome)),
                Ok(false) => {}
                Err(error) => policy.deny(None, &format!("failed to configure policy: {error}"), outcome),
            }
        }
        found
    }
}

impl Policy {
    fn bound(
        &self,
        request: &Request,
        surroundings: &Surroundings<'_>,
        outcome: &mut AdmissionOutcome,
    ) -> Vec<Invocation<'_>> {
        let mut found = Vec::new();
        if !self.bindings.is_empty() && !self.refusals.is_empty() {
            for refusal in &self.refusals {
                outcome.cannot(
                    &self.name,
                    format!("the API server refuses {}: {}", refusal.field, refusal.finding.message),
                );
            }
            return found;
        }
        for binding in &self.bindings {
            let resources = binding.pointer("/spec/matchResources");
            let selected = resources.map_or(Ok(true), |r| matching::matches(r, request, surroundings));
            let collected = selected.and_then(|selected| match selected {
                true => params::collect(&self.document, binding, request, surroundings.params),
                false => Ok(Vec::new()),
            });
            match collected {
                Ok(all) => found.extend(all.into_iter().map(|param| Invocation { policy: self, binding, param })),
                Err(error) => self.deny(Some(binding), &format!("failed to configure binding: {error}"), outcome),
            }
        }
        found
    }

    fn deny(&self, binding: Option<&Json>, message: &str, outcome: &mut AdmissionOutcome) {
        if self.fails_closed() {
            let name = binding.map(|binding| text(binding, "/metadata/name").to_owned());
            let by = match &name {
                Some(binding) => format!("'{}' with binding '{binding}'", self.name),
                None => go_quote(&self.name),
            };
            outcome.denials.push(Denial {
                policy: self.name.clone(),
                binding: name,
                message: message.to_owned(),
                error: format!("policy {by} denied request: {message}"),
                reason: "Invalid".into(),
            });
        }
    }
}

/// A request on its way through the policies.
struct Run<'a> {
    request: &'a Request,
    surroundings: &'a Surroundings<'a>,
    /// All names but `namespaceObject`, `params` and `variables`, with the object as it came.
    bindings: Bindings<'a>,
    /// The variable `namespaceObject`.
    namespace: Value,
    object: Object,
    outcome: AdmissionOutcome,
}

impl<'a> Run<'a> {
    /// The names as they are now.
    fn bindings(&self, invocation: &Invocation<'_>) -> Bindings<'a> {
        self.bindings.clone().with_object(&self.object).with("params", Value::from_json(&invocation.param))
    }

    /// Runs one invocation; says whether it wants to run again after a change.
    fn invoke(&mut self, invocation: &Invocation<'_>) -> bool {
        let (policy, binding) = (invocation.policy, invocation.binding);
        let scope = Scope::new(self.bindings(invocation).with("namespaceObject", Value::Null));
        match match_conditions(policy, &scope, &mut self.outcome) {
            Matching::Applies => {}
            Matching::Skips => return false,
            Matching::Fails(message) => {
                policy.deny(Some(binding), &message, &mut self.outcome);
                return false;
            }
        }
        for mutation in &policy.mutations {
            match self.mutate(invocation, mutation) {
                Ok(object) => self.object = object,
                Err(Failure::Policy(message)) => policy.deny(Some(binding), &message, &mut self.outcome),
                Err(Failure::Server(message)) => self.outcome.denials.push(Denial {
                    policy: policy.name.clone(),
                    binding: Some(text(binding, "/metadata/name").to_owned()),
                    error: format!("Internal error occurred: {message}"),
                    message,
                    reason: "InternalError".into(),
                }),
            }
        }
        text(&policy.document, "/spec/reinvocationPolicy") == "IfNeeded"
    }

    /// The object after one mutation, with its defaults.
    fn mutate(&mut self, invocation: &Invocation<'_>, mutation: &Mutation) -> Result<Object, Failure> {
        let policy = invocation.policy;
        let bindings = self.bindings(invocation).with("namespaceObject", self.namespace.clone());
        let scope = Scope::with_variables(bindings, Some(&policy.variables));
        let mut phase = Phase { policy, scope: &scope, budget: Budget { remaining: cost::PER_POLICY } };
        let answer = phase.answer(&mutation.program, &mut self.outcome);
        let value = answer.map_err(|OutOfBudget| Failure::Policy(cost::OUT_OF_BUDGET.into()))?;
        let value = value.map_err(Failure::Policy)?;
        if mutation.kind == MutationKind::JsonPatch
            && matches!(&value, Value::List(operations) if operations.is_empty())
        {
            return Ok(self.object.clone());
        }
        let patched = match mutation.kind {
            MutationKind::JsonPatch => json_patched(&self.object, &value),
            MutationKind::ApplyConfiguration => self.applied(policy, &value),
        };
        let patched = patched.map_err(Failure::Policy)?;
        if patched == *self.object {
            return Ok(self.object.clone());
        }
        (self.surroundings.redefault)(patched).map_err(Failure::Server)
    }

    fn applied(&mut self, policy: &Policy, value: &Value) -> Result<Json, String> {
        applied(&self.request.kind, &self.object, value).map_err(|error| {
            if let EvalError::CannotEvaluate { what, .. } = &error {
                self.outcome.cannot(&policy.name, what);
            }
            error.to_string()
        })
    }
}

/// The object of a kind after an `ApplyConfiguration`.
///
/// # Errors
/// What the server answers, or that the configuration cannot be applied here.
pub(crate) fn applied(kind: &str, object: &Json, value: &Value) -> Result<Json, EvalError> {
    merge::check_type_names(value).map_err(EvalError::Runtime)?;
    let configuration = value.to_json().map_err(EvalError::Runtime)?;
    Ok(merge::apply(kind, object, &configuration)?)
}

/// The object after a JSON patch; a `test` that does not hold leaves it as it is.
pub(crate) fn json_patched(object: &Json, value: &Value) -> Result<Json, String> {
    let Value::List(operations) = value else {
        return Err("type mismatch: JSONPatchType.expression should evaluate to array".into());
    };
    let mut patched = object.clone();
    for operation in operations.iter() {
        let operation = operation_of(operation)?;
        let kind = operation.get("op").and_then(Json::as_str).unwrap_or_default().to_owned();
        let operation: json_patch::PatchOperation =
            serde_json::from_value(operation).map_err(|_| format!("JSON Patch: Unexpected kind: {kind}"))?;
        match json_patch::patch(&mut patched, std::slice::from_ref(&operation)) {
            Ok(()) => {}
            Err(error) if matches!(error.kind, json_patch::PatchErrorKind::TestFailed) => return Ok(object.clone()),
            Err(error) => return Err(format!("JSON Patch: {error}")),
        }
    }
    Ok(patched)
}

/// A `JSONPatch{…}` as RFC 6902 writes it. An operation that needs a value and has none carries null.
fn operation_of(value: &Value) -> Result<Json, String> {
    let Value::Struct(patch) = value else {
        return Err("type mismatch: JSONPatchType.expression should evaluate to array of JSONPatch".into());
    };
    let mut operation = json!({});
    for (name, field) in &patch.fields {
        if **name == *"value" {
            merge::check_type_names(field)?;
        }
        if let Some(fields) = operation.as_object_mut() {
            fields.insert(name.to_string(), field.to_json()?);
        }
    }
    Ok(operation)
}
