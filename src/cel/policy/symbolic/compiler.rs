//! Splits the expressions of one run into statements.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::evaluate::Patch;
use super::look::Look;
use super::subjects::{asks_elsewhere, asks_who, mentions, tells_names_apart};
use super::truth::Mode;
use super::{Closed, SymbolicPolicies};
use crate::cel::ast::Node;
use crate::cel::eval::Runtime;
use crate::cel::{EvalError, Program, Variables};
use crate::symbolic::{Reads, Seen, Statement, Step, Truth, Unproven};

/// An expression that a statement stands for.
pub(super) struct Asked<'a> {
    pub run: usize,
    pub node: &'a Node,
    pub mode: Mode,
    /// The statement says the opposite of the expression.
    pub negated: bool,
    /// Without `namespaceObject`.
    pub bare: bool,
    /// Variables whose values are given.
    pub pinned: BTreeMap<String, Json>,
}

/// Splits the expressions of one run.
pub(super) struct Compiler<'s, 'a> {
    pub run: usize,
    pub rule: String,
    /// Variables whose values are given.
    pub pinned: BTreeMap<String, Json>,
    /// Without `namespaceObject`.
    pub bare: bool,
    own: &'s mut SymbolicPolicies<'a>,
}

impl Asked<'_> {
    /// Whether all names stand for the same.
    pub fn shares_names_with(&self, other: &Self) -> bool {
        self.run == other.run && self.bare == other.bare && self.pinned == other.pinned
    }
}

impl<'a> SymbolicPolicies<'a> {
    /// For the expression at a path of a run's policy.
    pub(super) fn compiler<'s>(&'s mut self, run: usize, path: &str) -> Compiler<'s, 'a> {
        let rule = self.runs.get(run).map(|run| Self::rule(run.policy, path)).unwrap_or_default();
        Compiler { run, rule, pinned: BTreeMap::new(), bare: false, own: self }
    }
}

impl<'a> Compiler<'_, 'a> {
    pub(super) fn variables(&self) -> &'a Variables {
        static NONE: std::sync::LazyLock<Variables> = std::sync::LazyLock::new(Variables::default);
        self.own.runs.get(self.run).map_or(&NONE, |run| &run.policy.variables)
    }

    /// The match conditions of the policy.
    pub(super) fn conditions(&self) -> impl Iterator<Item = &'a Node> + use<'a> {
        let policy = self.own.runs.get(self.run).map(|run| run.policy);
        policy.into_iter().flat_map(|policy| &policy.match_conditions).map(Program::node)
    }

    pub(super) fn unproven(&self, why: &str) -> Unproven {
        Unproven::new(self.rule.clone(), why)
    }

    pub(super) fn program_named(&self, name: &str) -> Option<&'a Node> {
        let found = self.variables().iter().filter(|(known, _)| *known == name).last();
        found.map(|(_, program): (&str, &'a Program)| program.node())
    }

    /// The expression of the variable that a node stands for.
    pub(super) fn program_of(&self, node: &Node) -> Option<&'a Node> {
        let name = Look::variable(node)?;
        if self.pinned.contains_key(&**name) { None } else { self.program_named(name) }
    }

    /// Looks through an expression. What it shows of variables is kept.
    pub(super) fn look_through(&mut self, look: impl FnOnce(&mut Look<'_>) -> Seen) -> Seen {
        let key = (self.run, self.pinned.clone());
        let known = self.own.looked.remove(&key).unwrap_or_default();
        let mut looking = Look::new(self.variables(), &self.pinned, known);
        let seen = look(&mut looking);
        let known = looking.known();
        self.own.looked.insert(key, known);
        seen
    }

    /// Whether an expression does not depend on the pod.
    pub(super) fn is_closed(&mut self, node: &Node) -> bool {
        let seen = self.look_through(|look| look.at_value(node));
        seen.flaw.is_none() && seen.reads == Reads::default()
    }

    pub(super) fn statement(&mut self, node: &'a Node, mode: Mode) -> Result<Truth, Unproven> {
        let key = (self.run, std::ptr::from_ref(node) as usize, mode == Mode::IsTrue);
        if self.pinned.is_empty()
            && !self.bare
            && let Some(known) = self.own.known.get(&key)
        {
            return Ok(known.clone());
        }
        let seen = self.look_through(|look| look.at_value(node));
        let truth = if seen.flaw.is_none() && seen.reads == Reads::default() {
            Truth::Constant(self.closed(node, mode)?)
        } else {
            self.open(node, mode, seen)?
        };
        if self.pinned.is_empty() && !self.bare {
            self.own.known.insert(key, truth.clone());
        }
        Ok(truth)
    }

    fn open(&mut self, node: &'a Node, mode: Mode, seen: Seen) -> Result<Truth, Unproven> {
        if let Some(flaw) = &seen.flaw {
            return Err(self.unproven(flaw));
        }
        let Some(polarity) = seen.over.polarity() else {
            return Err(self.unproven("it is not seen to ask the same of every container, volume and item"));
        };
        self.own.depends_on_subject |= asks_who(node, self.variables(), &self.pinned);
        let statement = self.own.statements.len();
        self.own.statements.push(Statement { rule: self.rule.clone(), reads: seen.reads });
        self.own.asked.push(Asked {
            run: self.run,
            node,
            mode,
            negated: !polarity,
            bare: self.bare,
            pinned: self.pinned.clone(),
        });
        let truth = Truth::Statement(statement);
        Ok(if polarity { truth } else { truth.not() })
    }

    /// A branch that the class never takes is not looked at; others may, and who they are counts then.
    pub(super) fn passes_over(&mut self, branch: &'a Node, taken: &Truth) {
        let never = matches!(taken, Truth::Constant(false));
        self.own.depends_on_subject |= never && asks_who(branch, self.variables(), &self.pinned);
    }

    /// What does not depend on the pod is known for the class.
    pub(super) fn closed(&mut self, node: &'a Node, mode: Mode) -> Result<bool, Unproven> {
        let variables = self.variables();
        if self.pinned.is_empty() {
            mentions(node, variables, &mut self.own.mentioned);
        }
        if self.pinned.is_empty() || asks_who(node, variables, &self.pinned) {
            let pinned = self.pinned.clone();
            self.own.closed.push(Closed { run: self.run, node, bare: self.bare, pinned });
        }
        self.own.asks_elsewhere |= asks_elsewhere(node, variables, &self.pinned);
        if asks_who(node, variables, &self.pinned)
            && let Some(name) = tells_names_apart(node, variables)
        {
            return Err(self.unproven(&format!("`{name}` is not understood for all subjects")));
        }
        let Some(run) = self.own.runs.get(self.run) else { return Ok(false) };
        let scope = self.own.scope(run, &self.own.request.object, self.bare, &self.pinned);
        let answer = Runtime::new(&scope, 0).eval(node);
        match &answer {
            Err(error @ EvalError::CannotEvaluate { .. }) => Err(self.unproven(&error.to_string())),
            _ => Ok(mode.accepts(&answer)),
        }
    }

    pub(super) fn add_step(&mut self, step: Step, patch: Patch<'a>) -> usize {
        if let Some(known) = self.own.patches.iter().position(|known| known.is_same(&patch)) {
            return known;
        }
        self.own.steps.push(step);
        self.own.patches.push(patch);
        self.own.steps.len() - 1
    }
}
