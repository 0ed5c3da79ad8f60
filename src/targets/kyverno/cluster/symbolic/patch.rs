//! What the patches of a rule read and write together.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::conditions::asked;
use super::look::{Here, Look, closed_here};
use crate::symbolic::{Abs, Named, Reads, Seen, Shape, Unit};
use crate::targets::kyverno::cluster::mutate::{Loop, Mutation};
use crate::targets::kyverno::cluster::query::Query;
use crate::targets::kyverno::cluster::substitute::Template;

/// The pieces of a mutation, or where it is not understood, and why.
pub(super) fn pieces(mutation: &Mutation) -> Result<Vec<Reads>, (String, String)> {
    match mutation {
        Mutation::Patch(patch) => {
            of_patch(patch, &closed_here(), None).map_err(|why| ("mutate.patchesJson6902".to_owned(), why))
        }
        Mutation::Loops(loops) => {
            let mut all = Vec::new();
            for (index, each) in loops.iter().enumerate() {
                all.extend(of_loop(each).map_err(|why| (format!("mutate.foreach[{index}]"), why))?);
            }
            Ok(all)
        }
    }
}

/// All that one round of a loop reads and writes, for it decides about its element as a whole.
fn of_loop(each: &Loop) -> Result<Vec<Reads>, String> {
    let list = Look::default().at(each.list(), &closed_here());
    let paths = list.abs.paths();
    let ([path], true) = (paths.as_slice(), list.abs.is_elements()) else {
        return Err("it is a loop over something else than one list of containers".to_owned());
    };
    let here = Here::Top { element: Some(list.abs.item()) };
    let mut all = Reads::default();
    let preconditions = each.preconditions();
    for condition in preconditions.any().into_iter().flatten().chain(preconditions.all()) {
        join(&mut all, &of_element(asked(condition, &here))?);
    }
    for piece in of_patch(each.patch(), &here, Some(path))? {
        join(&mut all, &piece);
    }
    Ok(vec![all])
}

/// Stands for a variable in the text of a patch.
const TOKEN: &str = "770077";

/// What each operation of a patch reads and writes. Within a loop over `list` it writes to the element at hand.
fn of_patch(patch: &Template, here: &Here, list: Option<&Vec<String>>) -> Result<Vec<Reads>, String> {
    let (text, queries) = patch.with_tokens(TOKEN).ok_or("its text is not understood")?;
    let operations: Json = match serde_json::from_str(&text) {
        Ok(operations) => operations,
        Err(_) => serde_yaml::from_str(&text).map_err(|_| "its text is not understood".to_owned())?,
    };
    let operations = operations.as_array().ok_or("its text is not understood")?;
    operations.iter().map(|operation| of_operation(operation, &queries, here, list)).collect()
}

fn of_operation(
    operation: &Json,
    queries: &[&Query],
    here: &Here,
    list: Option<&Vec<String>>,
) -> Result<Reads, String> {
    let text = |key: &str| operation.get(key).and_then(Json::as_str).unwrap_or_default();
    if !["add", "replace", "remove"].contains(&text("op")) {
        return Err("it makes a patch of another kind than add, replace or remove".to_owned());
    }
    let mut reads = Reads::default();
    let value = operation.get("value").unwrap_or(&Json::Null).to_string();
    let (mut copied, mut is_made) = (BTreeSet::new(), false);
    for query in in_text(&value, queries)? {
        let mut seen = Look::default().at(query, here);
        let abs = std::mem::take(&mut seen.abs);
        let written = Abs { made: None, ..abs.clone() };
        seen.consume(&written);
        is_made |= abs.made.is_some() && !abs.is_names();
        if abs.is_of_pod() {
            copied.extend(seen.reads.units.iter().cloned());
        }
        join(&mut reads, &of_element(seen)?);
    }
    match Unit::named(&written(text("path"), queries, list)?) {
        Named::Unit(unit, _) => {
            if list.is_none() && reads.units.iter().any(Unit::is_of_container) {
                return Err("it writes to the pod what it reads of containers".to_owned());
            }
            if copied.iter().any(|from| *from != unit) {
                return Err("it copies a part of the pod to another".to_owned());
            }
            // Names of capabilities are looked at one by one, before and after.
            if is_made && unit != Unit::context("capabilities") {
                return Err("it writes what a function makes of the pod".to_owned());
            }
            reads.units.insert(unit);
        }
        Named::Parent => reads.parents = true,
        _ => return Err(format!("it writes to `{}`", text("path"))),
    }
    Ok(reads)
}

/// Where an operation writes: a loop to the element at hand, anything else to the pod itself.
fn written(path: &str, queries: &[&Query], list: Option<&Vec<String>>) -> Result<Vec<String>, String> {
    let not_understood = || format!("it writes to `{path}`");
    let steps: Vec<String> = path.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~")).collect();
    let Some(list) = list else {
        return if path.contains(TOKEN) { Err(not_understood()) } else { Ok(steps) };
    };
    let (start, rest) = steps.split_at_checked(list.len()).ok_or_else(not_understood)?;
    let (index, within) = rest.split_first().ok_or_else(not_understood)?;
    let is_index = matches!(in_text(index, queries)?.as_slice(), [Query::Field(name)] if name == "elementIndex");
    let is_bare = index.strip_prefix(TOKEN).is_some_and(|number| number.len() == DIGITS);
    if start != list.as_slice() || !is_index || !is_bare || within.iter().any(|step| step.contains(TOKEN)) {
        return Err(not_understood());
    }
    Ok(start.iter().cloned().chain(["[]".to_owned()]).chain(within.iter().cloned()).collect())
}

/// How many digits follow a token.
const DIGITS: usize = 3;

/// The variables that stand in a text.
fn in_text<'q>(text: &str, queries: &[&'q Query]) -> Result<Vec<&'q Query>, String> {
    let mut found = Vec::new();
    for after in text.split(TOKEN).skip(1) {
        let number = after.get(..DIGITS).and_then(|digits| digits.parse::<usize>().ok());
        found.push(*number.and_then(|number| queries.get(number)).ok_or("its text is not understood")?);
    }
    Ok(found)
}

/// A part of a patch: nothing in it may depend on other elements than the one at hand.
fn of_element(seen: Seen) -> Result<Reads, String> {
    match seen.flaw {
        Some(flaw) => Err(flaw),
        None if seen.over.elements != Shape::Free => Err("what it writes to one element depends on others".to_owned()),
        None => Ok(seen.reads),
    }
}

fn join(piece: &mut Reads, other: &Reads) {
    piece.units.extend(other.units.iter().cloned());
    piece.constants.extend(other.constants.iter().cloned());
    piece.parents |= other.parents;
}
