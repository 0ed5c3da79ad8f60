//! Mutations, split into steps: which patch is applied to which pods.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::compiler::Compiler;
use super::evaluate::{By, Patch};
use super::look::Look;
use super::truth::{Link, Mode};
use crate::cel::ast::{Kind, Node};
use crate::symbolic::{Oracle, Reads, Step, Travelling, Truth, Unproven};

/// What a mutation does.
#[derive(Debug, Clone)]
pub(super) enum Change {
    Nothing,
    /// Applies a patch.
    Step(usize),
    /// One of two, by a condition that holds, or is false.
    Either {
        holds: Truth,
        is_false: Truth,
        yes: Box<Change>,
        no: Box<Change>,
    },
    /// By the literal that a variable takes.
    ByValue(Vec<(Link, Change)>),
}

/// A variable that chooses among literals, with its links.
pub(super) type Choice = (String, Vec<Link>);

impl Change {
    /// Adds the statements that it may ask for, and the steps that it may take.
    pub fn needs(&self, statements: &mut BTreeSet<usize>, steps: &mut BTreeSet<usize>) {
        match self {
            Self::Nothing => {}
            Self::Step(step) => drop(steps.insert(*step)),
            Self::Either { holds, is_false, yes, no } => {
                [holds, is_false].into_iter().for_each(|truth| truth.statements(statements));
                [(holds, yes), (is_false, no)].into_iter().for_each(|(given, change)| {
                    if !matches!(given, Truth::Constant(false)) {
                        change.needs(statements, steps);
                    }
                });
            }
            Self::ByValue(links) => {
                for (Link { holds, is_false, .. }, change) in links {
                    [holds, is_false].into_iter().for_each(|truth| truth.statements(statements));
                    if !matches!(holds, Truth::Constant(false)) {
                        change.needs(statements, steps);
                    }
                }
            }
        }
    }

    /// Where pods are after the change. Pods of which it fails are denied, or stay as they are.
    pub fn take(
        &self,
        (given, at): Travelling,
        denies: bool,
        oracle: &mut dyn Oracle,
        out: &mut Vec<Travelling>,
    ) -> Result<(), Unproven> {
        match self {
            Self::Nothing => out.push((given, at)),
            Self::Step(step) => {
                let (next, succeeds) = oracle.step(at, *step, given)?;
                out.push((oracle.all(&[given, succeeds]), next));
                if !denies {
                    let fails = oracle.not(succeeds);
                    out.push((oracle.all(&[given, fails]), at));
                }
            }
            Self::Either { holds, is_false, yes, no } => {
                let (holds, is_false) = (holds.at(at, oracle)?, is_false.at(at, oracle)?);
                let (yes_given, no_given) = (oracle.all(&[given, holds]), oracle.all(&[given, is_false]));
                let (not_true, not_false) = (oracle.not(holds), oracle.not(is_false));
                let failed = oracle.all(&[given, not_true, not_false]);
                let nothing = oracle.constant(false);
                for (given, change) in [(yes_given, yes), (no_given, no)] {
                    if given != nothing {
                        change.take((given, at), denies, oracle, out)?;
                    }
                }
                if !denies {
                    out.push((failed, at));
                }
            }
            Self::ByValue(links) => {
                let mut left = given;
                for (link, change) in links {
                    let holds = link.holds.at(at, oracle)?;
                    let chosen = oracle.all(&[left, holds]);
                    if chosen != oracle.constant(false) {
                        change.take((chosen, at), denies, oracle, out)?;
                    }
                    if oracle.settled(given, holds) == Some(true) {
                        return Ok(());
                    }
                    let is_false = link.is_false.at(at, oracle)?;
                    if !denies {
                        let (not_true, not_false) = (oracle.not(holds), oracle.not(is_false));
                        out.push((oracle.all(&[left, not_true, not_false]), at));
                    }
                    left = oracle.all(&[left, is_false]);
                }
            }
        }
        Ok(())
    }
}

impl<'a> Compiler<'_, 'a> {
    /// What an expression that gives a list of JSON patches does.
    pub(super) fn change(&mut self, node: &'a Node, pinned: &BTreeMap<String, Json>) -> Result<Change, Unproven> {
        self.for_each_choice(&[node], pinned, &mut |compiler| compiler.pinned_change(node))
    }

    /// What several do as one: each on what the one before left, with the variables that the first one had.
    pub(super) fn change_at_once(
        &mut self,
        nodes: &[&'a Node],
        pinned: &BTreeMap<String, Json>,
    ) -> Result<Change, Unproven> {
        self.for_each_choice(nodes, pinned, &mut |compiler| {
            if let Some(name) =
                compiler.pinned.keys().find(|name| nodes.len() > 1 && !compiler.is_asked_first(nodes, name))
            {
                return Err(compiler.unproven(&format!("`{name}` may be asked for after the pod has changed")));
            }
            let mut pieces = Vec::new();
            for node in nodes {
                pieces.extend(compiler.settled_pieces(node)?);
            }
            Ok(compiler.as_step(pieces, By::Mutations))
        })
    }

    /// For each value that a variable may choose, one change.
    fn for_each_choice(
        &mut self,
        nodes: &[&'a Node],
        pinned: &BTreeMap<String, Json>,
        change: &mut dyn FnMut(&mut Self) -> Result<Change, Unproven>,
    ) -> Result<Change, Unproven> {
        let outer = std::mem::replace(&mut self.pinned, pinned.clone());
        let made = match self.choice_in(nodes) {
            Err(unproven) => Err(unproven),
            Ok(None) => change(self),
            Ok(Some((name, links))) => links
                .into_iter()
                .map(|link| {
                    let mut pinned = pinned.clone();
                    pinned.insert(name.clone(), link.value.clone());
                    Ok((link, self.for_each_choice(nodes, &pinned, change)?))
                })
                .collect::<Result<_, _>>()
                .map(Change::ByValue),
        };
        self.pinned = outer;
        made
    }

    fn pinned_change(&mut self, node: &'a Node) -> Result<Change, Unproven> {
        let pieces = self.pieces(node);
        if let Kind::Conditional(parts) = &node.kind {
            let [condition, yes, no] = parts.as_ref();
            let is_closed = self.is_closed(condition);
            let is_one = pieces.as_ref().is_ok_and(|pieces| pieces.len() <= 1);
            if is_closed || !is_one {
                let holds = self.truth(condition, Mode::IsTrue)?;
                let is_false = self.truth(condition, Mode::IsNotFalse)?.not();
                self.passes_over(yes, &holds);
                self.passes_over(no, &is_false);
                let nothing = || Box::new(Change::Nothing);
                let yes = if matches!(holds, Truth::Constant(false)) {
                    nothing()
                } else {
                    Box::new(self.pinned_change(yes)?)
                };
                let no = if matches!(is_false, Truth::Constant(false)) {
                    nothing()
                } else {
                    Box::new(self.pinned_change(no)?)
                };
                return Ok(Change::Either { holds, is_false, yes, no });
            }
        }
        Ok(self.as_step(pieces?, By::Expression(node)))
    }

    fn as_step(&mut self, pieces: Vec<Reads>, by: By<'a>) -> Change {
        if pieces.is_empty() {
            return Change::Nothing;
        }
        let step = Step { rule: self.rule.clone(), pieces };
        Change::Step(self.add_step(step, Patch { run: self.run, by, pinned: self.pinned.clone() }))
    }

    /// A variable that an expression uses, and that chooses among literals by looking at the pod.
    pub(super) fn choice_in(&mut self, nodes: &[&'a Node]) -> Result<Option<Choice>, Unproven> {
        let mut used: BTreeSet<String> = BTreeSet::new();
        nodes.iter().for_each(|node| node.walk(&mut |node| used.extend(Look::variable(node).map(ToString::to_string))));
        used.retain(|name| !self.pinned.contains_key(name));
        for name in used {
            let Some(program) = self.program_named(&name) else { continue };
            if !matches!(program.kind, Kind::Conditional(_)) || !is_chain(program) {
                continue;
            }
            if let Some(links) = self.chain(program)? {
                return Ok(Some((name, links)));
            }
        }
        Ok(None)
    }

    /// Whether a variable is asked for before any of several changes is made: by a match condition, or by the first one.
    fn is_asked_first(&self, nodes: &[&'a Node], name: &str) -> bool {
        self.conditions().chain(nodes.first().copied()).any(|node| self.surely_asks(node, name))
    }

    /// Whether there is no way to evaluate an expression without asking for the variable.
    fn surely_asks(&self, node: &Node, name: &str) -> bool {
        if let Some(variable) = Look::variable(node) {
            return **variable == *name || self.program_of(node).is_some_and(|program| self.surely_asks(program, name));
        }
        match &node.kind {
            Kind::Not(inner) => self.surely_asks(inner, name),
            Kind::And(terms) | Kind::Or(terms) => terms.first().is_some_and(|first| self.surely_asks(first, name)),
            Kind::Conditional(parts) => {
                let [condition, _, _] = parts.as_ref();
                self.surely_asks(condition, name)
            }
            Kind::Call(call) => call.args.first().is_some_and(|first| self.surely_asks(first, name)),
            _ => false,
        }
    }
}

fn is_chain(node: &Node) -> bool {
    match &node.kind {
        Kind::Conditional(parts) => {
            let [_, yes, no] = parts.as_ref();
            matches!(yes.kind, Kind::Literal(_)) && is_chain(no)
        }
        Kind::Literal(_) => true,
        _ => false,
    }
}
