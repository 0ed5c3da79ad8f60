//! What statements say of a concrete pod, and what steps make of it: the policies' own text, evaluated.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::SymbolicPolicies;
use super::compiler::Asked;
use super::runs::Run;
use crate::cel::ast::Node;
use crate::cel::eval::Runtime;
use crate::cel::policy::document::MutationKind;
use crate::cel::policy::mutating::json_patched;
use crate::cel::{EvalError, Object, Scope, Value};
use crate::symbolic::Answer;

/// What gives the patch of a step, in its run.
#[derive(Debug, Clone)]
pub(super) struct Patch<'a> {
    pub run: usize,
    pub by: By<'a>,
    pub pinned: BTreeMap<String, Json>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum By<'a> {
    /// One expression.
    Expression(&'a Node),
    /// All mutations of the policy, each on what the one before left.
    Mutations,
}

impl Patch<'_> {
    pub fn is_same(&self, other: &Self) -> bool {
        let same = match (self.by, other.by) {
            (By::Expression(one), By::Expression(other)) => std::ptr::eq(one, other),
            (By::Mutations, By::Mutations) => true,
            _ => false,
        };
        same && self.run == other.run && self.pinned == other.pinned
    }
}

impl<'a> SymbolicPolicies<'a> {
    /// The names and variables of a run, those that are pinned with the value they are taken to have.
    pub(super) fn scope<'s>(
        &'s self,
        run: &'s Run<'a>,
        pod: &Json,
        bare: bool,
        pinned: &BTreeMap<String, Json>,
    ) -> Scope<'s> {
        let scope = Scope::with_variables(self.bindings_for(run, pod, bare), Some(&run.policy.variables));
        for (name, value) in pinned {
            scope.pin(name, Value::from_json(value));
        }
        scope
    }

    /// An answer, unless it rests on a question that nobody could answer.
    pub(super) fn answered<T>(&self, answer: T) -> Answer<T> {
        match self.surroundings.authorize.unanswered() {
            Some(question) => Err(format!("whether somebody may {question} is not known here")),
            None => Ok(answer),
        }
    }

    /// Whether statements hold of a pod as the policies see it.
    pub(super) fn all_hold(&self, pod: &Json, statements: &[usize]) -> Vec<Answer<bool>> {
        let mut scopes: Vec<(&Asked<'a>, Scope<'_>)> = Vec::new();
        let mut answers = Vec::with_capacity(statements.len());
        for statement in statements {
            let asked = self.asked.get(*statement).and_then(|asked| Some((asked, self.runs.get(asked.run)?)));
            let Some((asked, run)) = asked else {
                answers.push(Err("there is no such statement".to_owned()));
                continue;
            };
            let known = scopes.iter().position(|(of, _)| of.shares_names_with(asked));
            let at = known.unwrap_or_else(|| {
                scopes.push((asked, self.scope(run, pod, asked.bare, &asked.pinned)));
                scopes.len() - 1
            });
            let Some((_, scope)) = scopes.get(at) else { continue };
            let answer = Runtime::new(scope, 0).eval(asked.node);
            answers.push(match &answer {
                Err(error @ EvalError::CannotEvaluate { .. }) => Err(error.to_string()),
                _ => self.answered(asked.mode.accepts(&answer) != asked.negated),
            });
        }
        answers
    }

    /// A pod after a step; `None` if the step fails.
    pub(super) fn after(&self, pod: &Json, step: usize) -> Answer<Option<Json>> {
        let patch = self.patches.get(step).ok_or("there is no such step")?;
        let run = self.runs.get(patch.run).ok_or("there is no such step")?;
        let patched = match patch.by {
            By::Expression(node) => patched_by(node, &self.scope(run, pod, false, &patch.pinned), pod)?,
            By::Mutations => self.after_mutations(run, pod, &patch.pinned)?,
        };
        self.answered(patched.and_then(|pod| (self.surroundings.redefault)(pod).ok()).map(Object::into_json))
    }

    /// A pod after all mutations of a policy. A variable that is asked for again, after the pod has changed, must have the
    /// value that it had before: so it does not matter when it was first asked for.
    fn after_mutations(&self, run: &Run<'a>, pod: &Json, pinned: &BTreeMap<String, Json>) -> Answer<Option<Json>> {
        let before = self.scope(run, pod, false, pinned);
        let mut patched = pod.clone();
        for mutation in &run.policy.mutations {
            if mutation.kind != MutationKind::JsonPatch {
                return Err("apply configurations are not understood for all pods".to_owned());
            }
            let scope = self.scope(run, &patched, false, pinned);
            let node = mutation.program.node();
            let next = patched_by(node, &scope, &patched)?;
            if patched != *pod
                && let Some(name) =
                    scope.asked_for().into_iter().find(|name| value(name, &before) != value(name, &scope))
            {
                return Err(format!("the variable `{name}` depends on what was written before it"));
            }
            match next {
                Some(next) => patched = next,
                None => return Ok(None),
            }
        }
        Ok(Some(patched))
    }
}

/// A variable's value, as a text that tells it from others.
fn value(name: &str, scope: &Scope<'_>) -> String {
    format!("{:?}", scope.variable(name, 0))
}

/// The pod after the patch that an expression gives; `None` if either fails.
fn patched_by(node: &Node, scope: &Scope<'_>, pod: &Json) -> Answer<Option<Json>> {
    match Runtime::new(scope, 0).eval(node) {
        Ok(value) => Ok(json_patched(pod, &value).ok()),
        Err(error @ EvalError::CannotEvaluate { .. }) => Err(error.to_string()),
        Err(_) => Ok(None),
    }
}
