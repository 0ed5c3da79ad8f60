//! Which policies are evaluated for the requests of a class, and with what.

use serde_json::Value as Json;

use super::SymbolicPolicies;
use crate::cel::policy::document::{Policy, text};
use crate::cel::policy::request::Request;
use crate::cel::policy::{matching, params};
use crate::cel::{Bindings, Value};
use crate::symbolic::Unproven;

/// A policy with one binding and one parameter.
pub(super) struct Run<'a> {
    pub policy: &'a Policy,
    pub param: Json,
    /// The names that do not depend on the pod, with and without `namespaceObject`.
    bindings: [Bindings<'a>; 2],
}

impl<'a> SymbolicPolicies<'a> {
    /// The positions of a policy's runs: those that its bindings make for the class; and whether a failure denies.
    pub(super) fn runs_of(&mut self, policy: &'a Policy) -> Result<Vec<(usize, bool)>, Unproven> {
        if policy.bindings.is_empty() {
            return Ok(Vec::new());
        }
        if let Some(refusal) = policy.refusals.first() {
            let why = format!("the API server refuses it: {}", refusal.finding.message);
            return Err(Unproven::new(Self::rule(policy, &refusal.field), why));
        }
        let has_params = policy.document.pointer("/spec/paramKind").is_some();
        self.is_everywhere &= !policy.asks_namespace && !has_params && !selects_namespaces(policy);
        let unproven = |path: &str, why: &str| Unproven::new(Self::rule(policy, path), why);
        if policy.asks_namespace && self.surroundings.namespace_object.is_none() {
            let why = "a namespace that is not among the input may have any labels, and they decide";
            return Err(unproven("spec", why));
        }
        for (path, constraints) in [("spec.matchConstraints", policy.constraints())].into_iter().chain(
            policy.bindings.iter().filter_map(|it| Some(("spec.matchResources", it.pointer("/spec/matchResources")?))),
        ) {
            if looks_at_the_object(constraints) {
                return Err(unproven(path, "it selects pods by their labels or names"));
            }
        }
        let matches = |constraints: &Json| matching::matches(constraints, &self.request, &self.surroundings);
        if !matches(policy.constraints()).map_err(|why| unproven("spec.matchConstraints", &why))? {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        for binding in &policy.bindings {
            let resources = binding.pointer("/spec/matchResources");
            let selected = resources.map_or(Ok(true), matches).map_err(|why| unproven("spec.matchResources", &why))?;
            if !selected {
                continue;
            }
            let params = params::collect(&policy.document, binding, &self.request, self.surroundings.params);
            for param in params.map_err(|why| unproven("spec.paramRef", &why))? {
                let actions = binding.pointer("/spec/validationActions").and_then(Json::as_array);
                let denies = actions.into_iter().flatten().any(|action| action == "Deny");
                found.push((self.runs.len(), denies));
                let bindings = [false, true].map(|bare| self.bindings(&param, &self.request, bare));
                self.runs.push(Run { policy, param, bindings });
            }
        }
        Ok(found)
    }

    /// The names for a request.
    pub(super) fn bindings(&self, param: &Json, request: &Request, bare: bool) -> Bindings<'a> {
        let namespace = if bare { Value::Null } else { request.namespace_value(&self.surroundings) };
        let bindings = match self.dialect.has_authorizer {
            true => request.bindings(&request.object, &self.surroundings).with("params", Value::from_json(param)),
            false => request.plain_bindings(&request.object),
        };
        bindings.with("namespaceObject", namespace)
    }

    /// The names for a pod of the class; what they are is worked out once, but for the pod itself.
    pub(super) fn bindings_for(&self, run: &Run<'a>, pod: &Json, bare: bool) -> Bindings<'a> {
        if text(pod, "/metadata/name") != self.request.name {
            let name = text(pod, "/metadata/name").to_owned();
            return self.bindings(
                &run.param,
                &Request { object: pod.clone().into(), name, ..self.request.clone() },
                bare,
            );
        }
        let [with_namespace, without] = &run.bindings;
        let bindings = if bare { without } else { with_namespace };
        bindings.clone().with("object", Value::from_json(pod))
    }
}

/// Whether a policy or one of its bindings selects namespaces, be it by their name.
fn selects_namespaces(policy: &Policy) -> bool {
    let resources = policy.bindings.iter().filter_map(|binding| binding.pointer("/spec/matchResources"));
    let mut all = [policy.constraints()].into_iter().chain(resources);
    all.any(|constraints| constraints.get("namespaceSelector").is_some_and(|selector| !selector.is_null()))
}

/// Whether constraints depend on the pod itself.
fn looks_at_the_object(constraints: &Json) -> bool {
    let has = |value: Option<&Json>| {
        value.is_some_and(|value| match value {
            Json::Object(fields) => fields
                .values()
                .any(|value| !value.is_null() && *value != Json::Array(Vec::new()) && *value != serde_json::json!({})),
            Json::Array(items) => !items.is_empty(),
            _ => false,
        })
    };
    let rules =
        ["resourceRules", "excludeResourceRules"].into_iter().filter_map(|key| constraints.get(key)?.as_array());
    has(constraints.get("objectSelector")) || rules.flatten().any(|rule| has(rule.get("resourceNames")))
}
