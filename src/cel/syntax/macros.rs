//! Which calls are macros, and their parts.

use crate::cel::ast::{Kind, Macro, MacroKind, Node};
use crate::cel::error::CelError;
use std::sync::Arc;

/// Which macro a member call with so many arguments is.
pub(super) fn kind(name: &str, args: usize) -> Option<MacroKind> {
    match (name, args) {
        ("all", 2 | 3) => Some(MacroKind::All),
        ("exists", 2 | 3) => Some(MacroKind::Exists),
        ("exists_one", 2 | 3) | ("existsOne", 3) => Some(MacroKind::ExistsOne),
        ("map", 2 | 3) => Some(MacroKind::Map),
        ("filter", 2) => Some(MacroKind::Filter),
        ("transformList", 3 | 4) => Some(MacroKind::TransformList),
        ("transformMap", 3 | 4) => Some(MacroKind::TransformMap),
        ("transformMapEntry", 3 | 4) => Some(MacroKind::TransformMapEntry),
        ("sortBy", 2) => Some(MacroKind::SortBy),
        ("optMap", 2) => Some(MacroKind::OptMap),
        ("optFlatMap", 2) => Some(MacroKind::OptFlatMap),
        _ => None,
    }
}

fn variables(kind: MacroKind, args: usize) -> usize {
    match kind {
        MacroKind::All | MacroKind::Exists | MacroKind::ExistsOne if args == 3 => 2,
        MacroKind::TransformList | MacroKind::TransformMap | MacroKind::TransformMapEntry => 2,
        _ => 1,
    }
}

/// The macro that a call is.
pub(super) fn expand(source: &str, kind: MacroKind, range: Node, args: Vec<Node>) -> Result<Node, CelError> {
    let at = range.at;
    let incomplete = || CelError::at(source, at, "macro with too few arguments");
    let two = variables(kind, args.len()) == 2;
    let mut args = args.into_iter();
    let variable = name(source, args.next().ok_or_else(incomplete)?)?;
    let second = if two { Some(name(source, args.next().ok_or_else(incomplete)?)?) } else { None };
    let first = args.next().ok_or_else(incomplete)?;
    let (filter, body) = match args.next() {
        Some(body) => (Some(first), body),
        None => (None, first),
    };
    Ok(Node { at, kind: Kind::Macro(Box::new(Macro { kind, range, variable, second, filter, body })) })
}

fn name(source: &str, node: Node) -> Result<Arc<str>, CelError> {
    match node.kind {
        Kind::Ident(name) => Ok(name),
        _ => Err(CelError::at(source, node.at, "argument must be a simple name")),
    }
}

/// `has(operand.field)`
pub(super) fn presence(source: &str, args: Vec<Node>) -> Result<Node, CelError> {
    match args.into_iter().next() {
        Some(Node { at, kind: Kind::Select { operand, field, optional: false } }) => {
            Ok(Node { at, kind: Kind::Has { operand, field } })
        }
        Some(Node { at, .. }) => Err(CelError::at(source, at, "invalid argument to has() macro")),
        None => Err(CelError::at(source, 0, "invalid argument to has() macro")),
    }
}
