//! Manifests changed in place: the text keeps its comments, its order and its style, and only the new values are written.
//!
//! Every document is read again afterwards and must be exactly what was asked for. What cannot be written that way
//! (aliases that stand elsewhere too, text that is read only after mending) is refused, and the text stays as it was.

mod edit;
mod print;
mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::documents::{Documents, RawDocument};
use super::parse::{Section, values};
use super::sort_out::typed_element;
use crate::changes::{Change, changes};
use crate::schema::{FieldPath, Segment};

/// An object of a file, and what is to stand in its place.
#[derive(Debug, Clone, Copy)]
pub struct Replacement<'a> {
    /// The object as it was read.
    pub before: &'a Value,
    /// The object as it is to be read.
    pub after: &'a Value,
}

/// A file's new text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewritten {
    /// The text.
    pub text: String,
    /// The positions of the replacements that could not be written.
    pub refused: Vec<usize>,
}

/// The text of a file with objects replaced. Equal objects are all replaced alike.
pub fn rewrite(file: &Arc<str>, text: &str, replacements: &[Replacement<'_>]) -> Rewritten {
    let wanted: BTreeMap<String, usize> =
        replacements.iter().enumerate().map(|(index, it)| (it.before.to_string(), index)).collect();
    let starts = line_starts(text);
    let (mut out, mut done) = (String::with_capacity(text.len()), 0);
    let (mut written, mut refused) = (BTreeSet::new(), BTreeSet::new());
    for raw in Documents::new(text.as_bytes(), Arc::clone(file)).flatten() {
        let Some(offset) = usize::try_from(raw.first_line).ok().and_then(|line| starts.get(line - 1)) else { continue };
        for section in values(&raw).unwrap_or_default() {
            let matched = matched(&section, &wanted, replacements);
            if matched.is_empty() {
                continue;
            }
            let (new, failed) = changed(&raw, &section, &matched);
            written.extend(matched.iter().map(|it| it.index));
            refused.extend(failed);
            out.push_str(text.get(done..offset + section.start).unwrap_or_default());
            out.push_str(&new);
            done = offset + section.start + section.text.len();
        }
    }
    out.push_str(text.get(done..).unwrap_or_default());
    refused.extend((0..replacements.len()).filter(|index| !written.contains(index)));
    Rewritten { text: out, refused: refused.into_iter().collect() }
}

/// The bytes at which lines begin; a byte order mark belongs to no line.
fn line_starts(text: &str) -> Vec<usize> {
    let first = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    [first].into_iter().chain(text.match_indices('\n').map(|(index, _)| index + 1)).collect()
}

/// An object of a section that is to be replaced, with its changes by their paths in the section.
struct Matched {
    index: usize,
    changes: Vec<Change>,
}

fn matched(section: &Section<'_>, wanted: &BTreeMap<String, usize>, all: &[Replacement<'_>]) -> Vec<Matched> {
    let mut objects = Vec::new();
    objects_of(&section.value, Vec::new(), &mut objects);
    let found = objects.into_iter().filter_map(|(path, object)| {
        let index = *wanted.get(&object.to_string())?;
        let Replacement { before, after } = all.get(index)?;
        let below = |change: Change| {
            let path = path.iter().cloned().chain(change.path.0).collect();
            Change { path: FieldPath(path), ..change }
        };
        Some(Matched { index, changes: changes(before, after).into_iter().map(below).collect() })
    });
    found.collect()
}

/// Every object of a value with its path, lists taken apart as [`super::parse`] does.
fn objects_of(value: &Value, path: Vec<Segment>, found: &mut Vec<(Vec<Segment>, Value)>) {
    let text = |key| value.get(key).and_then(Value::as_str).unwrap_or_default();
    match (text("kind").strip_suffix("List"), value.get("items").and_then(Value::as_array)) {
        (Some(element), Some(items)) => {
            for (index, item) in items.iter().enumerate() {
                let mut path = path.clone();
                path.extend([Segment::Field("items".to_owned()), Segment::Index(index)]);
                objects_of(&typed_element(item.clone(), element, text("apiVersion")), path, found);
            }
        }
        _ if value.is_object() => found.push((path, value.clone())),
        _ => {}
    }
}

/// The section's text with as many of the objects replaced as can be, and the positions of the others.
fn changed(raw: &RawDocument, section: &Section<'_>, matched: &[Matched]) -> (String, Vec<usize>) {
    let all: Vec<&Matched> = matched.iter().collect();
    let mut accepted = Vec::new();
    accept(raw, section, &all, &mut accepted);
    match edited(raw, section, &accepted) {
        Some(text) => {
            let accepted: BTreeSet<usize> = accepted.iter().map(|it| it.index).collect();
            (text, matched.iter().map(|it| it.index).filter(|index| !accepted.contains(index)).collect())
        }
        None => (section.text.to_owned(), matched.iter().map(|it| it.index).collect()),
    }
}

/// Adds those that can be written, found by halving.
fn accept<'m>(raw: &RawDocument, section: &Section<'_>, some: &[&'m Matched], accepted: &mut Vec<&'m Matched>) {
    if edited(raw, section, some).is_some() {
        accepted.extend(some);
    } else if some.len() > 1 {
        let (first, second) = some.split_at(some.len() / 2);
        accept(raw, section, first, accepted);
        accept(raw, section, second, accepted);
    }
}

/// The section's text with the objects replaced, if it reads back as it should.
fn edited(raw: &RawDocument, section: &Section<'_>, some: &[&Matched]) -> Option<String> {
    let changes: Vec<&Change> = some.iter().flat_map(|it| &it.changes).collect();
    let mut expected = section.value.clone();
    changes.iter().try_for_each(|change| set(&mut expected, &change.path.0, &change.value))?;
    let tree = tree::Tree::of(section.text)?;
    let text = edit::edited(section.text, &tree, &expected, &changes)?;
    let again = RawDocument { file: Arc::clone(&raw.file), first_line: 1, text };
    let read_back = values(&again).ok()?;
    let is_right = matches!(read_back.as_slice(), [one] if one.value == expected);
    is_right.then_some(again.text)
}

fn set(root: &mut Value, path: &[Segment], value: &Value) -> Option<()> {
    let (last, parents) = path.split_last()?;
    let parent = parents.iter().try_fold(root, |at, segment| match segment {
        Segment::Field(name) | Segment::Key(name) => at.get_mut(name),
        Segment::Index(index) => at.get_mut(index),
    })?;
    match last {
        Segment::Field(name) | Segment::Key(name) => drop(parent.as_object_mut()?.insert(name.clone(), value.clone())),
        Segment::Index(index) => *parent.get_mut(index)? = value.clone(),
    }
    Some(())
}

#[cfg(test)]
mod tests;
