//! What the patches of a mutation read and write together.

use std::sync::Arc;

use serde_json::Value as Json;

use super::compiler::Compiler;
use super::truth::Mode;
use crate::cel::ast::{Field, Kind, MacroKind, Node};
use crate::symbolic::{Abs, Named, Path, Reads, Seen, Shape, Truth, Unit, Unproven};

impl<'a> Compiler<'_, 'a> {
    /// As [`Self::pieces`], where what does not depend on the pod decides which patches there are.
    pub(super) fn settled_pieces(&mut self, node: &'a Node) -> Result<Vec<Reads>, Unproven> {
        match &node.kind {
            Kind::Conditional(parts) => {
                let [condition, yes, no] = parts.as_ref();
                if !self.is_closed(condition) {
                    return self.pieces(node);
                }
                let holds = self.closed(condition, Mode::IsTrue)?;
                let is_false = !self.closed(condition, Mode::IsNotFalse)?;
                let mut pieces = Vec::new();
                for (branch, taken) in [(yes, holds), (no, is_false)] {
                    self.passes_over(branch, &Truth::Constant(taken));
                    if taken {
                        pieces.extend(self.settled_pieces(branch)?);
                    }
                }
                Ok(pieces)
            }
            Kind::Call(call) if *call.name == *"_+_" => {
                let mut all = Vec::new();
                for arg in &call.args {
                    all.extend(self.settled_pieces(arg)?);
                }
                Ok(all)
            }
            _ => self.pieces(node),
        }
    }

    /// What a list of patches reads and writes together.
    pub(super) fn pieces(&mut self, node: &'a Node) -> Result<Vec<Reads>, Unproven> {
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
    fn patch(&mut self, node: &'a Node, local: Option<(Arc<str>, Abs)>) -> Result<Reads, Unproven> {
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
        let mut copies = false;
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
            copies = seen.abs.is_of_pod();
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
                if copies && reads.units.iter().any(|from| *from != unit) {
                    return Err(self.unproven("it copies a part of the pod to another"));
                }
                reads.units.insert(unit);
            }
            Named::Parent => reads.parents = true,
            _ => return Err(self.unproven(&format!("it writes to `{}`", written.join(".")))),
        }
        Ok(reads)
    }

    /// A part of a patch: nothing in it may depend on other elements than the one at hand.
    fn look(&mut self, node: &'a Node) -> Result<Seen, Unproven> {
        let seen = self.look_through(|look| look.at(node));
        self.checked(seen)
    }

    fn look_with(&mut self, node: &'a Node, local: (Arc<str>, Abs)) -> Result<Seen, Unproven> {
        let seen = self.look_through(|look| {
            look.add_local(local);
            look.at(node)
        });
        self.checked(seen)
    }

    fn checked(&self, seen: Seen) -> Result<Seen, Unproven> {
        match &seen.flaw {
            Some(flaw) => Err(self.unproven(flaw)),
            None if seen.over.elements != Shape::Free => {
                Err(self.unproven("what it writes to one element depends on others"))
            }
            None => Ok(seen),
        }
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
