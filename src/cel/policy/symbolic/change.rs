//! Mutations, split into steps: which patch is applied to which pods.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::look::Look;
use super::shape::Shape;
use super::truth::{Link, Mode, Truth};
use super::value::{Abs, Path};
use super::{Compiler, Patch};
use crate::cel::ast::{Field, Kind, MacroKind, Node};
use crate::symbolic::{At, Named, Node as Formula, Oracle, Reads, Step, Unit, Unproven};

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

/// Pods on their way: of which `given` holds, and where they are.
pub(super) type Travelling = (Formula, At);

impl Change {
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
        if let Some(name) = self.choosing_variable(node, pinned)? {
            let (name, links) = name;
            let mut by_value = Vec::new();
            for link in links {
                let mut pinned = pinned.clone();
                pinned.insert(name.clone(), link.value.clone());
                let change = self.change(node, &pinned)?;
                by_value.push((link, change));
            }
            return Ok(Change::ByValue(by_value));
        }
        let outer = std::mem::replace(&mut self.pinned, pinned.clone());
        let change = self.pinned_change(node);
        self.pinned = outer;
        change
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
        let pieces = pieces?;
        if pieces.is_empty() {
            return Ok(Change::Nothing);
        }
        let step = Step { rule: self.rule.clone(), pieces };
        let patch = Patch { policy: self.policy, node, pinned: self.pinned.clone() };
        Ok(Change::Step(self.add_step(step, patch)))
    }

    /// A variable that an expression uses, and that chooses among literals by looking at the pod.
    fn choosing_variable(
        &mut self,
        node: &'a Node,
        pinned: &BTreeMap<String, Json>,
    ) -> Result<Option<(String, Vec<Link>)>, Unproven> {
        let mut used: BTreeSet<String> = BTreeSet::new();
        node.walk(&mut |node| used.extend(Look::variable(node).map(ToString::to_string)));
        for name in used.into_iter().filter(|name| !pinned.contains_key(name)) {
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

    /// What a list of patches reads and writes together.
    fn pieces(&mut self, node: &'a Node) -> Result<Vec<Reads>, Unproven> {
        match &node.kind {
            Kind::Call(call) if *call.name == *"_+_" => {
                let mut all = Vec::new();
                for arg in &call.args {
                    all.extend(self.pieces(arg)?);
                }
                Ok(all)
            }
            Kind::List(elements) => elements.iter().map(|element| self.patch(&element.value, None)).collect(),
            Kind::Conditional(parts) => {
                let [condition, yes, no] = parts.as_ref();
                let condition = self.look(condition)?;
                let mut all = self.pieces(yes)?;
                all.extend(self.pieces(no)?);
                for piece in &mut all {
                    join(piece, &condition.reads);
                }
                // Two patches that one condition chooses between are one piece.
                if !condition.reads.units.is_empty() || all.len() < 2 {
                    Ok(all)
                } else {
                    Ok(vec![all.into_iter().fold(Reads::default(), joined)])
                }
            }
            Kind::Macro(m) if m.kind == MacroKind::Map => {
                let range = self.look(&m.range)?;
                let lists = range.abs.index_of.clone();
                if lists.is_empty() {
                    return Err(self.unproven("it makes patches from a list that is no list of containers"));
                }
                let index = Abs { index_of: lists, ..Abs::default() };
                let condition = match &m.filter {
                    Some(filter) => self.look_with(filter, (m.variable.clone(), index.clone()))?.reads,
                    None => Reads::default(),
                };
                let mut piece = self.patch(&m.body, Some((m.variable.clone(), index)))?;
                join(&mut piece, &condition);
                Ok(vec![piece])
            }
            _ => Err(self.unproven("it makes patches in a way that is not understood")),
        }
    }

    /// What one `JSONPatch{…}` reads and writes.
    fn patch(&mut self, node: &'a Node, local: Option<(std::sync::Arc<str>, Abs)>) -> Result<Reads, Unproven> {
        let Kind::Struct { type_name, fields } = &node.kind else {
            return Err(self.unproven("it makes patches in a way that is not understood"));
        };
        let field = |name: &str| fields.iter().find(|field| *field.name == *name).map(|field: &'a Field| &field.value);
        let op = field("op").map(|node| node.kind.clone());
        let is_known = matches!(&op, Some(Kind::Literal(value)) if ["add", "replace", "remove"].iter().any(|op| value.to_json().is_ok_and(|value| value == *op)));
        let (Some(path), true, true) = (field("path"), is_known, **type_name == *"JSONPatch") else {
            return Err(self.unproven("it makes a patch of another kind than add, replace or remove"));
        };
        let mut reads = Reads::default();
        if let Some(value) = field("value") {
            let seen = match local.clone() {
                Some(local) => self.look_with(value, local)?,
                None => self.look(value)?,
            };
            let values: Vec<Path> = seen.abs.paths();
            let unit_of = |path: &Path| match Unit::named(path) {
                Named::Unit(unit, _) => Some(unit),
                _ => None,
            };
            reads.units.extend(values.iter().filter_map(unit_of));
            join(&mut reads, &seen.reads);
        }
        let seen = match local.clone() {
            Some(local) => self.look_with(path, local)?,
            None => self.look(path)?,
        };
        let written = match (&seen.abs.pointer, seen.abs.literals.as_slice()) {
            (Some((_, rest)), _) if local.is_some() => {
                ["spec", "containers", "[]"].map(str::to_owned).into_iter().chain(steps(rest)).collect()
            }
            (None, [Json::String(pointer)]) => steps(pointer),
            _ => return Err(self.unproven("it writes to a place that is not understood")),
        };
        match Unit::named(&written) {
            Named::Unit(unit, _) => {
                if local.is_none() && reads.units.iter().any(Unit::is_of_container) {
                    return Err(self.unproven("it writes to the pod what it reads of containers"));
                }
                reads.units.insert(unit);
            }
            Named::Parent => reads.parents = true,
            _ => return Err(self.unproven(&format!("it writes to `{}`", written.join(".")))),
        }
        Ok(reads)
    }

    /// A part of a patch: nothing in it may depend on other elements than the one at hand.
    fn look(&mut self, node: &'a Node) -> Result<super::value::Seen, Unproven> {
        let pinned = self.pinned.clone();
        let seen = Look::new(self.variables(), &pinned).at(node);
        self.checked(seen)
    }

    fn look_with(&mut self, node: &'a Node, local: (std::sync::Arc<str>, Abs)) -> Result<super::value::Seen, Unproven> {
        let pinned = self.pinned.clone();
        let seen = Look::new(self.variables(), &pinned).with_local(local).at(node);
        self.checked(seen)
    }

    fn checked(&self, seen: super::value::Seen) -> Result<super::value::Seen, Unproven> {
        match &seen.flaw {
            Some(flaw) => Err(self.unproven(flaw)),
            None if seen.over.elements != Shape::Free => {
                Err(self.unproven("what it writes to one element depends on others"))
            }
            None => Ok(seen),
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

fn join(piece: &mut Reads, other: &Reads) {
    piece.units.extend(other.units.iter().cloned());
    piece.constants.extend(other.constants.iter().cloned());
    piece.parents |= other.parents;
}

fn joined(mut one: Reads, other: Reads) -> Reads {
    join(&mut one, &other);
    one
}

/// The steps of a JSON pointer.
fn steps(pointer: &str) -> Vec<String> {
    pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~")).collect()
}
