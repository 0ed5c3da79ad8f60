//! What of an expression depends on who asks, or where.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::look::{Look, is_understood};
use super::open::is_namespace;
use crate::cel::ast::{Kind, Node};
use crate::cel::{Value, Variables};

/// Calls `visit` on the nodes of an expression and of the variables that it uses, but for those that are pinned.
fn walk<'a>(
    node: &'a Node,
    variables: &'a Variables,
    pinned: &BTreeMap<String, Json>,
    visit: &mut dyn FnMut(&'a Node),
) {
    let mut open = vec![node];
    let mut seen = BTreeSet::new();
    while let Some(node) = open.pop() {
        node.walk(&mut |node| {
            visit(node);
            if let Some(used) = Look::variable(node)
                && !pinned.contains_key(&**used)
                && seen.insert(used.clone())
            {
                let programs = variables.iter().filter(|(name, _)| **used == **name);
                open.extend(programs.map(|(_, program)| program.node()));
            }
        });
    }
}

/// Whether an expression looks at who asks, or where.
pub(super) fn asks_who(node: &Node, variables: &Variables, pinned: &BTreeMap<String, Json>) -> bool {
    let mut asks = false;
    walk(node, variables, pinned, &mut |node| {
        let name = |name: &str| ["request", "authorizer", "namespaceObject", "params"].contains(&name);
        let fixed = |field: &str| field == "serviceAccountName" || field == "serviceAccount";
        asks |= match &node.kind {
            Kind::Ident(ident) => name(ident) || ident.starts_with("authorizer"),
            Kind::Select { field, .. } | Kind::Has { field, .. } => fixed(field),
            _ => false,
        };
    });
    asks
}

/// Adds the texts in an expression; of those that are looked for within others, some others.
pub(super) fn mentions(node: &Node, variables: &Variables, into: &mut BTreeSet<String>) {
    walk(node, variables, &BTreeMap::new(), &mut |node| match &node.kind {
        Kind::Literal(Value::String(text)) if !text.is_empty() => drop(into.insert(text.to_string())),
        Kind::Call(call) if WITHIN.contains(&&*call.name) => {
            for part in call.args.iter().filter_map(|arg| match &arg.kind {
                Kind::Literal(Value::String(text)) => Some(text),
                _ => None,
            }) {
                into.extend([format!("{part}x"), format!("x{part}"), format!("x{part}x")]);
            }
        }
        _ => {}
    });
}

/// Whether an expression may ask for what is granted in a namespace that is neither the request's nor written down.
pub(super) fn asks_elsewhere(node: &Node, variables: &Variables, pinned: &BTreeMap<String, Json>) -> bool {
    let mut asks = false;
    let is_told = |node: &Node| is_namespace(node) || matches!(node.kind, Kind::Literal(_));
    walk(node, variables, pinned, &mut |node| {
        if let Kind::Call(call) = &node.kind {
            let place = match (&*call.name, call.args.as_slice()) {
                ("namespace", [.., place]) | ("serviceAccount", [.., place, _]) => Some(place),
                _ => None,
            };
            asks |= place.is_some_and(|place| !is_told(place));
        }
    });
    asks
}

/// Functions that look for a text within another.
const WITHIN: [&str; 3] = ["startsWith", "endsWith", "contains"];

/// Functions that make something else of names, or that ask which comes first.
const MAKING: [&str; 11] = ["_+_", "-_", "_<_", "_<=_", "_>_", "_>=_", "size", "split", "substring", "string", "int"];

/// A function in an expression that may tell any two names apart.
pub(super) fn tells_names_apart(node: &Node, variables: &Variables) -> Option<String> {
    let mut found = None;
    walk(node, variables, &BTreeMap::new(), &mut |node| match &node.kind {
        Kind::Call(call) if !is_understood(&call.name) || MAKING.contains(&&*call.name) => {
            found = Some(call.name.to_string());
        }
        _ => {}
    });
    found
}
