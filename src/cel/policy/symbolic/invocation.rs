//! What one run of a policy takes, in terms of statements and steps.

use std::collections::{BTreeMap, BTreeSet};

use super::SymbolicPolicies;
use super::change::Change;
use super::compiler::Compiler;
use super::truth::Mode;
use crate::cel::ast::Node as Expression;
use crate::cel::policy::document::{MutationKind, Policy, text};
use crate::symbolic::{At, Node, Oracle, Travelling, Truth, Unproven};

/// What a run takes.
pub(super) struct Invocation {
    /// The match conditions hold; and one of them is false.
    applies: Truth,
    skips: Truth,
    denies_on_error: bool,
    /// It runs once more after a change.
    pub again: bool,
    changes: Vec<Change>,
    /// What it takes for the request not to be denied.
    passes: Truth,
}

impl<'a> SymbolicPolicies<'a> {
    /// The match conditions: all hold; or one of them is false.
    fn conditions(&mut self, run: usize, policy: &'a Policy) -> Result<(Truth, Truth), Unproven> {
        let bare = !self.dialect.conditions_see_the_namespace;
        let (mut holds, mut is_false) = (Vec::new(), Vec::new());
        for (index, program) in policy.match_conditions.iter().enumerate() {
            let mut compiler = self.compiler(run, &format!("spec.matchConditions[{index}].expression"));
            compiler.bare = bare;
            holds.push(compiler.truth(program.node(), Mode::IsTrue)?);
            is_false.push(compiler.truth(program.node(), Mode::IsNotFalse)?.not());
        }
        Ok((Truth::all(holds), Truth::any(is_false)))
    }

    fn policy_of(&self, run: usize) -> Result<&'a Policy, Unproven> {
        self.runs.get(run).map(|run| run.policy).ok_or_else(|| Unproven::new("psp-migrate", "there is no such policy"))
    }

    /// A policy that mutates.
    pub(super) fn mutation(&mut self, run: usize) -> Result<Invocation, Unproven> {
        let policy = self.policy_of(run)?;
        let (applies, skips) = self.conditions(run, policy)?;
        let mut programs: Vec<(String, &'a Expression)> = Vec::new();
        for (index, mutation) in policy.mutations.iter().enumerate() {
            let rule = format!("spec.mutations[{index}].jsonPatch.expression");
            if mutation.kind != MutationKind::JsonPatch {
                let why = "apply configurations are not understood for all pods";
                return Err(Unproven::new(Self::rule(policy, &rule), why));
            }
            programs.push((rule, mutation.program.node()));
        }
        let changes = if self.dialect.mutates_at_once {
            let nodes: Vec<&'a Expression> = programs.iter().map(|(_, node)| *node).collect();
            vec![self.compiler(run, "spec.mutations").change_at_once(&nodes, &BTreeMap::new())?]
        } else {
            let change = |(rule, node): (String, &'a Expression)| {
                let mut compiler: Compiler<'_, 'a> = self.compiler(run, &rule);
                compiler.change(node, &BTreeMap::new())
            };
            programs.into_iter().map(change).collect::<Result<_, _>>()?
        };
        let again = !self.dialect.mutates_at_once && text(&policy.document, "/spec/reinvocationPolicy") == "IfNeeded";
        if again && !matches!(applies, Truth::Constant(_)) {
            let why = "a second round depends on conditions in the first, which is not understood for all pods";
            return Err(Unproven::new(Self::rule(policy, "spec.matchConditions"), why));
        }
        let denies_on_error = policy.fails_closed();
        Ok(Invocation { applies, skips, denies_on_error, again, changes, passes: Truth::Constant(true) })
    }

    /// A policy that validates; `denies` says whether a failure has consequences.
    pub(super) fn validation(&mut self, run: usize, denies: bool) -> Result<Invocation, Unproven> {
        let policy = self.policy_of(run)?;
        let (applies, skips) = self.conditions(run, policy)?;
        if !policy.audit_annotations.is_empty() && policy.fails_closed() && !self.dialect.errors_deny {
            let why = "errors in audit annotations deny, which is not understood for all pods";
            return Err(Unproven::new(Self::rule(policy, "spec.auditAnnotations"), why));
        }
        let errors_deny = policy.fails_closed() || self.dialect.errors_deny;
        let mode = if errors_deny { Mode::IsTrue } else { Mode::IsNotFalse };
        let mut passes = Vec::new();
        for (index, validation) in policy.validations.iter().enumerate().filter(|_| denies) {
            let mut compiler = self.compiler(run, &format!("spec.validations[{index}].expression"));
            passes.push(compiler.truth(validation.program.node(), mode)?);
        }
        let denies_on_error = denies && policy.fails_closed();
        let passes = Truth::all(passes);
        Ok(Invocation { applies, skips, denies_on_error, again: false, changes: Vec::new(), passes })
    }
}

impl Invocation {
    /// Adds the statements that it may ask for, and the steps that it may take.
    pub fn needs(&self, statements: &mut BTreeSet<usize>, steps: &mut BTreeSet<usize>) {
        [&self.applies, &self.skips, &self.passes].into_iter().for_each(|truth| truth.statements(statements));
        self.changes.iter().for_each(|change| change.needs(statements, steps));
    }

    /// Where pods are after the run.
    pub fn change(&self, pods: Vec<Travelling>, oracle: &mut dyn Oracle) -> Result<Vec<Travelling>, Unproven> {
        let nothing = oracle.constant(false);
        let mut out = Vec::new();
        for (given, at) in pods {
            let (applies, skips) = (self.applies.at(at, oracle)?, self.skips.at(at, oracle)?);
            let (applying, skipping) = (oracle.all(&[given, applies]), oracle.all(&[given, skips]));
            out.push((skipping, at));
            if !self.denies_on_error {
                let (not, neither) = (oracle.not(applies), oracle.not(skips));
                out.push((oracle.all(&[given, not, neither]), at));
            }
            let mut travelling = vec![(applying, at)];
            for change in &self.changes {
                let mut next = Vec::new();
                for pods in travelling.into_iter().filter(|(given, _)| *given != nothing) {
                    change.take(pods, self.denies_on_error, oracle, &mut next)?;
                }
                travelling = next;
            }
            out.extend(travelling);
        }
        Ok(out)
    }

    /// What it takes for a pod that is somewhere not to be denied.
    pub fn passes(&self, at: At, oracle: &mut dyn Oracle) -> Result<Node, Unproven> {
        let applies = self.applies.at(at, oracle)?;
        let skips = self.skips.at(at, oracle)?;
        let passes = self.passes.at(at, oracle)?;
        let checked = oracle.all(&[applies, passes]);
        let mut ways = vec![skips, checked];
        if !self.denies_on_error {
            ways.push(oracle.not(applies));
        }
        Ok(oracle.any(&ways))
    }
}
