//! The patch of one manifest: a strategic merge where the lists allow it, else JSON Patch.

use serde_json::{Value, json};

use super::reliance::Reliance;
use super::strategic;
use crate::changes::{Change, changes};
use crate::schema::Segment;

/// A patch.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Patch {
    /// The manifest's identity and the new values.
    Strategic(Value),
    /// Operations of RFC 6902. They test the containers' names first, so that they never hit another one.
    Json(Value),
}

/// The patch, held against what it is to make of the manifest; `None` for an object without a name, which no patch finds.
pub(super) fn patch(reliance: &Reliance<'_>) -> Option<Patch> {
    let (before, after) = (&reliance.object.value, &reliance.patched);
    before.pointer("/metadata/name").and_then(Value::as_str).filter(|name| !name.is_empty())?;
    let changes = changes(before, after);
    if let Some(patch) = strategic::patch(before, after, &changes) {
        return Some(Patch::Strategic(patch));
    }
    let operations: Vec<Value> = tests(before, &changes).into_iter().chain(changes.iter().map(operation)).collect();
    let operations = json!(operations);
    (apply_json(before, &operations).as_ref() == Ok(after)).then_some(Patch::Json(operations))
}

/// A test of the name of each list element that is changed.
fn tests(object: &Value, changes: &[Change]) -> Vec<Value> {
    let mut tests: Vec<Value> = Vec::new();
    for change in changes {
        let index = change.path.0.iter().position(|segment| matches!(segment, Segment::Index(_)));
        let path = index.and_then(|index| change.path.0.get(..=index)).map(pointer);
        let name = path.as_ref().and_then(|path| object.pointer(path)?.get("name"));
        if let (Some(path), Some(name)) = (&path, name) {
            let test = json!({"op": "test", "path": format!("{path}/name"), "value": name});
            if !tests.contains(&test) {
                tests.push(test);
            }
        }
    }
    tests
}

fn operation(change: &Change) -> Value {
    let op = if change.before.is_some() { "replace" } else { "add" };
    json!({"op": op, "path": pointer(&change.path.0), "value": change.value})
}

/// The path as a JSON pointer.
fn pointer(path: &[Segment]) -> String {
    let step = |segment: &Segment| match segment {
        Segment::Field(name) | Segment::Key(name) => format!("/{}", name.replace('~', "~0").replace('/', "~1")),
        Segment::Index(index) => format!("/{index}"),
    };
    path.iter().map(step).collect()
}

/// The object after a JSON Patch.
///
/// # Errors
/// Why it cannot be applied.
pub(super) fn apply_json(object: &Value, operations: &Value) -> Result<Value, String> {
    let patch: json_patch::Patch = serde_json::from_value(operations.clone()).map_err(|error| error.to_string())?;
    let mut patched = object.clone();
    json_patch::patch(&mut patched, &patch).map_err(|error| error.to_string())?;
    Ok(patched)
}
