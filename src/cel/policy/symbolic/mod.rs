//! Policies in CEL as a stage of a proof: their expressions split into for-all statements, their mutations into steps.
//!
//! Everything is read off the text of the policies. What is not seen to be a for-all, or to act on each part of the pod by
//! itself, makes the answer unproven, with the rule and its path.

mod change;
mod compiler;
mod dialect;
mod evaluate;
mod invocation;
mod look;
mod open;
mod patch;
mod runs;
mod stage;
mod subjects;
mod truth;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value as Json;

use super::document::{Policy, text};
use super::request::{Request, Surroundings};
use crate::cel::ast::Node;
use crate::symbolic::{Statement, Step, Subject, Truth, Unproven, forget_unasked, forget_untaken};
use compiler::Asked;
pub use dialect::Dialect;
use evaluate::Patch;
use invocation::Invocation;
use look::Known;
use runs::Run;

/// Policies, for the requests of one class of subjects: those that mutate, then those that validate.
pub struct SymbolicPolicies<'a> {
    dialect: Dialect,
    surroundings: Surroundings<'a>,
    request: Request,
    request_of: fn(&Subject) -> Request,
    mutating: Vec<Invocation>,
    validating: Vec<Invocation>,
    runs: Vec<Run<'a>>,
    statements: Vec<Statement>,
    asked: Vec<Asked<'a>>,
    steps: Vec<Step>,
    patches: Vec<Patch<'a>>,
    known: HashMap<(usize, usize, bool), Truth>,
    /// What variables look at, in each run and with these values given.
    looked: HashMap<(usize, BTreeMap<String, Json>), Known>,
    closed: Vec<Closed<'a>>,
    mentioned: BTreeSet<String>,
    /// Some statement depends on who asks.
    depends_on_subject: bool,
    /// Something may ask for grants in a namespace that is not written down.
    asks_elsewhere: bool,
    /// Other namespaces have the same policies with the same parameters, and nothing asks for more of a namespace than its
    /// name.
    is_everywhere: bool,
}

/// An expression that does not depend on the pod, in its run.
struct Closed<'a> {
    run: usize,
    node: &'a Node,
    bare: bool,
    pinned: BTreeMap<String, Json>,
}

impl<'a> SymbolicPolicies<'a> {
    /// No policies yet, for the class of a subject. `request_of` gives a subject's request for the smallest pod.
    pub fn new(
        dialect: Dialect,
        subject: &Subject,
        request_of: fn(&Subject) -> Request,
        surroundings: Surroundings<'a>,
    ) -> Self {
        Self {
            dialect,
            surroundings,
            request: request_of(subject),
            request_of,
            mutating: Vec::new(),
            validating: Vec::new(),
            runs: Vec::new(),
            statements: Vec::new(),
            asked: Vec::new(),
            steps: Vec::new(),
            patches: Vec::new(),
            known: HashMap::new(),
            looked: HashMap::new(),
            closed: Vec::new(),
            mentioned: BTreeSet::new(),
            depends_on_subject: false,
            asks_elsewhere: false,
            is_everywhere: true,
        }
    }

    /// With policies that mutate.
    ///
    /// # Errors
    /// What in the documents is not understood.
    pub fn with_mutating(mut self, policies: impl IntoIterator<Item = &'a Policy>) -> Result<Self, Unproven> {
        for policy in policies {
            for (run, _) in self.runs_of(policy)? {
                let invocation = self.mutation(run)?;
                self.mutating.push(invocation);
            }
        }
        self.forget_what_is_not_needed();
        Ok(self)
    }

    /// With policies that validate.
    ///
    /// # Errors
    /// What in the documents is not understood.
    pub fn with_validating(mut self, policies: impl IntoIterator<Item = &'a Policy>) -> Result<Self, Unproven> {
        for policy in policies {
            for (run, denies) in self.runs_of(policy)? {
                let invocation = self.validation(run, denies)?;
                self.validating.push(invocation);
            }
        }
        self.forget_what_is_not_needed();
        Ok(self)
    }

    /// What a class is not asked does not count: of policies that it may not use, above all.
    fn forget_what_is_not_needed(&mut self) {
        let (mut asked, mut taken) = (BTreeSet::new(), BTreeSet::new());
        let all = self.mutating.iter().chain(&self.validating);
        all.for_each(|invocation| invocation.needs(&mut asked, &mut taken));
        forget_unasked(&mut self.statements, &asked);
        forget_untaken(&mut self.steps, &taken);
    }

    /// The names of the policies that are evaluated, in order; those that have several bindings several times.
    pub fn selected(&self) -> Vec<&str> {
        self.runs.iter().map(|run| run.policy.name.as_str()).collect()
    }

    fn rule(policy: &Policy, path: &str) -> String {
        let kind = text(&policy.document, "/kind");
        format!("{kind}/{} {path}", policy.name)
    }
}
