//! What the rules of a ClusterPolicy make of a request.
//!
//! Source: `pkg/engine/engine.go`, `pkg/engine/handlers/validation/validate_cel.go` (1.19.0).

use serde_json::{Map, Value as Json, json};

use super::mutate::show;
use super::query::Problem;
use super::read::{Action, ClusterPolicy, Rule};
use super::substitute::{Variables, told};
use crate::cel::policy::{Policies, Request, Surroundings};
use crate::targets::{TargetVerdict, Unsupported};

/// What the report says of a rule that changed the pod.
pub(in super::super) const PASSED: &str = "pass";

impl ClusterPolicy {
    /// Whether the policy can say anything about the request. What in it cannot be evaluated is told where it can.
    pub(in super::super) fn concerns(&self, request: &Request, verdict: &mut TargetVerdict) -> bool {
        if !self.is_about(&request.namespace) {
            return false;
        }
        verdict.unsupported.extend(self.unsupported.iter().cloned());
        self.unsupported.is_empty()
    }

    /// Whether the policy can say anything in a namespace.
    pub(in super::super) fn is_about(&self, namespace: &str) -> bool {
        self.namespace.as_ref().is_none_or(|own| own == namespace)
    }

    /// The rules that validate, with what they say in CEL where a failure denies. An error in a rule's conditions denies even
    /// where none does.
    pub(in super::super) fn validating_rules(&self) -> impl Iterator<Item = (&Rule, Option<&Policies>)> {
        self.rules.iter().filter_map(|rule| match &rule.action {
            Action::Validate { enforced, policies } => Some((rule, enforced.then_some(policies.as_ref()))),
            Action::Mutate(_) => None,
        })
    }

    /// Whether a rule changes pods.
    pub(in super::super) fn mutates(&self) -> bool {
        self.rules.iter().any(|rule| matches!(rule.action, Action::Mutate(_)))
    }

    /// The pod after the rules that mutate.
    pub(in super::super) fn change(
        &self,
        request: &Request,
        surroundings: &Surroundings<'_>,
        verdict: &mut TargetVerdict,
    ) -> Json {
        let namespace = request.namespace_object(surroundings);
        let mut pod = Json::clone(&request.object);
        let mut variables = variables(request);
        for rule in &self.rules {
            let Action::Mutate(mutation) = &rule.action else { continue };
            if !rule.matches_request(request, &namespace) {
                continue;
            }
            let changed = rule.preconditions.hold(&variables).and_then(|holds| match holds {
                true => mutation.apply(&pod, &mut variables).map(Some),
                false => Ok(None),
            });
            match changed {
                Ok(changed) => {
                    if let Some(changed) = changed.filter(|changed| *changed != pod) {
                        verdict.audit.push((format!("{}/{}", self.name, rule.name), PASSED.to_owned()));
                        show(&mut variables, &changed);
                        pod = changed;
                    }
                }
                Err(problem) => {
                    self.fail(rule, &problem, verdict);
                    return Json::clone(&request.object);
                }
            }
        }
        pod
    }

    /// Adds what the rules that validate say to the verdict.
    pub(in super::super) fn judge(
        &self,
        request: &Request,
        surroundings: &Surroundings<'_>,
        verdict: &mut TargetVerdict,
    ) {
        let namespace = request.namespace_object(surroundings);
        for rule in &self.rules {
            let Action::Validate { enforced, policies } = &rule.action else { continue };
            if !rule.matches_request(request, &namespace) {
                continue;
            }
            match rule.preconditions.hold(&variables(request)) {
                Ok(true) => {}
                Ok(false) => continue,
                Err(problem) => {
                    self.fail(rule, &problem, verdict);
                    continue;
                }
            }
            // Kyverno hides the subresource from CEL.
            let shown = Request { subresource: String::new(), ..request.clone() };
            let outcome = policies.validate(&shown, surroundings);
            verdict.unsupported.extend(outcome.cannot_evaluate.into_iter().map(|unknown| Unsupported {
                document: format!("{}/{}", self.kind, self.name),
                path: rule.name.clone(),
                why: unknown.what,
            }));
            if let Some(denial) = outcome.denials.first() {
                let message = self.blocked(rule, request, &denial.message);
                if *enforced {
                    verdict.allowed = false;
                    verdict.messages.push(message);
                } else if self.warns {
                    verdict.warnings.push(message);
                } else {
                    verdict.audit.push((format!("{}/{}", self.name, rule.name), message));
                }
            }
        }
    }

    fn blocked(&self, rule: &Rule, request: &Request, message: &str) -> String {
        format!(
            "resource Pod/{}/{} was blocked due to the following policies \n\n{}:\n  {}: {message}",
            request.namespace, request.name, self.name, rule.name
        )
    }

    /// An error of a rule denies where the policy fails closed.
    fn fail(&self, rule: &Rule, problem: &Problem, verdict: &mut TargetVerdict) {
        if let Problem::Unknown(_) = problem {
            verdict.unsupported.push(Unsupported {
                document: format!("{}/{}", self.kind, self.name),
                path: rule.name.clone(),
                why: told(problem),
            });
        } else if self.fails_closed {
            verdict.allowed = false;
            verdict.messages.push(format!("mutation policy {} error: {}: {}", self.name, rule.name, told(problem)));
        }
    }
}

impl Rule {
    /// Whether a request is the rule's.
    pub(super) fn matches_request(&self, request: &Request, namespace: &Json) -> bool {
        self.matches.match_request(request, namespace) && !self.excludes.match_request(request, namespace)
    }
}

/// What a rule's variables stand for.
pub(super) fn variables(request: &Request) -> Variables {
    request.requester_seen.note();
    let mut user = Map::new();
    if !request.identity.user.is_empty() {
        user.insert("username".to_owned(), json!(request.identity.user));
    }
    if !request.identity.groups.is_empty() {
        user.insert("groups".to_owned(), json!(request.identity.groups));
    }
    let mut asked = json!({
        "object": **request.object.json(),
        "operation": request.operation,
        "namespace": request.namespace,
        "userInfo": user,
    });
    if let Some(fields) = asked.as_object_mut() {
        for (key, value) in [("name", &request.name), ("subResource", &request.subresource)] {
            if !value.is_empty() {
                fields.insert(key.to_owned(), json!(value));
            }
        }
        if request.old_object.as_object().is_some_and(|old| !old.is_empty()) {
            fields.insert("oldObject".to_owned(), Json::clone(&request.old_object));
        }
    }
    Variables { element: Map::new(), request: [("request".to_owned(), asked)].into_iter().collect() }
}
