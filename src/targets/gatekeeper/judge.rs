//! A constraint with its template: what it says against a pod.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use regorus::Value as RegoValue;
use serde_json::Value;

use super::answers::Answers;
use super::constraint::Constraint;
use super::native::BoundNative;
use super::template::{Code, Program, Template, Violation};
use crate::rego::Names;
use crate::targets::{AdmissionRequest, Unsupported};

/// A constraint that is ready to judge.
pub(super) struct Judge {
    /// The constraint.
    pub(super) constraint: Constraint,
    engine: Engine,
    names: OnceLock<Names>,
}

enum Engine {
    Rego(Box<Answers>),
    Native(BoundNative),
}

impl Judge {
    /// The constraint, a document of which is given, with its template.
    pub(super) fn new(constraint: Constraint, template: &Arc<Template>) -> Self {
        let engine = match &template.code {
            Code::Rego(program) => {
                Engine::Rego(Box::new(Answers::new(Program::clone(program), constraint.rego_parameters())))
            }
            Code::Native(native) => Engine::Native(native.bound(&constraint.document)),
        };
        Self { constraint, engine, names: OnceLock::new() }
    }

    /// The program in Rego with its parameters; `None` for a template in CEL.
    pub(super) fn rego(&self) -> Option<(&Program, &RegoValue)> {
        match &self.engine {
            Engine::Rego(answers) => Some(answers.asked()),
            Engine::Native(_) => None,
        }
    }

    /// The names with which the program compares who asks.
    pub(super) fn names(&self) -> &Names {
        self.names.get_or_init(|| {
            let of = |(program, parameters): (&Program, &RegoValue)| {
                let (engine, package) = program.parts();
                Names::of(engine, package, parameters)
            };
            self.rego().map(of).unwrap_or_default()
        })
    }

    /// What tells subjects apart, where that is known without looking through the program.
    pub(super) fn situation(&self, request: &AdmissionRequest<'_>, pod: &Value) -> Option<String> {
        match &self.engine {
            Engine::Rego(answers) => answers.situation(request, pod),
            Engine::Native(_) => None,
        }
    }

    /// The names that the template of this project may compare with who asks in a namespace; `None` for another template.
    pub(super) fn named_in(&self, namespace: &str) -> Option<BTreeSet<String>> {
        match &self.engine {
            Engine::Rego(answers) if answers.asked().0.is_own() => self.constraint.granted_in(namespace),
            _ => None,
        }
    }

    /// What is wrong with the pod, and what could not be evaluated.
    pub(super) fn violations(
        &self,
        request: &AdmissionRequest<'_>,
        pod: &Value,
        namespace: Option<&Value>,
    ) -> (Arc<[Violation]>, Vec<Unsupported>) {
        match &self.engine {
            Engine::Rego(answers) => (answers.violations(request, pod), Vec::new()),
            Engine::Native(native) => {
                let (violations, unsupported) = native.violations(request, pod, namespace);
                (violations.into(), unsupported)
            }
        }
    }
}
