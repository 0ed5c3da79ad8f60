//! Mutators, read back.

use serde_json::Value;

use super::super::matching::Match;
use super::super::{list_at, text_at};
use super::location::{Step, parse};
use crate::admission::Operation;
use crate::targets::Unsupported;

/// One mutator that applies to pods.
#[derive(Debug)]
pub(in super::super) struct Mutator {
    /// Kind and name: mutators run in this order.
    pub(in super::super) id: (String, String),
    /// Which pods it changes.
    pub(super) matches: Match,
    pub(super) location: Vec<Step>,
    pub(super) tests: Vec<PathTest>,
    pub(super) change: Change,
    operations: Vec<String>,
}

/// A test of a place on the way to the location.
#[derive(Debug)]
pub(super) struct PathTest {
    /// How many steps of the location lead there.
    pub(super) depth: usize,
    pub(super) must_exist: bool,
}

/// What a mutator does at its location.
#[derive(Debug)]
pub(super) enum Change {
    Set(Value),
    SetIfAbsent(Value),
    Merge(Vec<Value>),
    Prune(Vec<Value>),
}

impl Mutator {
    /// Reads a mutator; `None` if it never applies to pods.
    ///
    /// # Errors
    /// What in it cannot be evaluated here.
    pub(in super::super) fn read(document: &Value) -> Result<Option<Self>, Unsupported> {
        let kind = text_at(document, "/kind").unwrap_or_default();
        let name = text_at(document, "/metadata/name").unwrap_or_default();
        let read = Self::parts(document, kind, name);
        read.map_err(|(path, why)| Unsupported { document: format!("{kind}/{name}"), path, why })
    }

    fn parts(document: &Value, kind: &str, name: &str) -> Result<Option<Self>, (String, String)> {
        let at = |path: &'static str| move |why: String| (path.to_owned(), why);
        let Some(operations) = operations(document, kind) else {
            return Ok(None);
        };
        let location = parse(text_at(document, "/spec/location").unwrap_or_default()).map_err(at("spec.location"))?;
        let matches = document.pointer("/spec/match").unwrap_or(&Value::Null);
        Ok(Some(Self {
            id: (kind.to_owned(), name.to_owned()),
            matches: Match::read(matches).map_err(|(path, why)| (format!("spec.match{path}"), why))?,
            tests: path_tests(document, &location).map_err(at("spec.parameters.pathTests"))?,
            change: change(document, kind).map_err(at("spec.parameters"))?,
            location,
            operations,
        }))
    }

    /// Which pods it changes.
    pub(in super::super) fn matches(&self) -> &Match {
        &self.matches
    }

    /// Whether the mutator runs on this operation.
    pub(in super::super) fn runs_on(&self, operation: Operation) -> bool {
        let fits = |listed: &String| listed == "*" || listed == operation.name();
        self.operations.is_empty() || self.operations.iter().any(fits)
    }
}

/// The operations on pods that a mutator applies to, none for all; `None` if it is not for pods.
fn operations(document: &Value, kind: &str) -> Option<Vec<String>> {
    if kind == "AssignMetadata" {
        return Some(Vec::new());
    }
    let lists = |target: &Value, key: &str, text: &str| list_at(target, key).iter().any(|item| item == text);
    let is_pod = |target: &&Value| {
        lists(target, "/groups", "") && lists(target, "/versions", "v1") && lists(target, "/kinds", "Pod")
    };
    let targets: Vec<&Value> = list_at(document, "/spec/applyTo").iter().filter(is_pod).collect();
    let every = targets.iter().any(|target| list_at(target, "/operations").is_empty());
    let named = targets.iter().flat_map(|target| list_at(target, "/operations")).filter_map(Value::as_str);
    let operations = if every { Vec::new() } else { named.map(str::to_owned).collect() };
    (!targets.is_empty()).then_some(operations)
}

fn path_tests(document: &Value, location: &[Step]) -> Result<Vec<PathTest>, String> {
    let test = |test: &Value| {
        let steps = parse(text_at(test, "/subPath").unwrap_or_default())?;
        if !location.starts_with(&steps) {
            return Err("`subPath` must be the beginning of the location".to_owned());
        }
        let must_exist = match text_at(test, "/condition") {
            Some("MustExist") => true,
            Some("MustNotExist") => false,
            _ => return Err("a condition is MustExist or MustNotExist".to_owned()),
        };
        Ok(PathTest { depth: steps.len(), must_exist })
    };
    list_at(document, "/spec/parameters/pathTests").iter().map(test).collect()
}

fn change(document: &Value, kind: &str) -> Result<Change, String> {
    let value = || {
        let value = document.pointer("/spec/parameters/assign/value").cloned();
        value.ok_or_else(|| "only plain values are evaluated here, not metadata or external data".to_owned())
    };
    let values = || list_at(document, "/spec/parameters/values/fromList").to_vec();
    match (kind, text_at(document, "/spec/parameters/operation").unwrap_or("merge")) {
        ("Assign", _) => value().map(Change::Set),
        ("AssignMetadata", _) => value().map(Change::SetIfAbsent),
        ("ModifySet", "merge") => Ok(Change::Merge(values())),
        ("ModifySet", "prune") => Ok(Change::Prune(values())),
        _ => Err(format!("`{kind}` with these parameters is not evaluated here")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn operations_of(targets: Value) -> Option<Vec<String>> {
        operations(&json!({"spec": {"applyTo": targets}}), "Assign")
    }

    #[test]
    fn one_fitting_target_is_enough() {
        let pods =
            |operations: Value| json!({"groups": [""], "versions": ["v1"], "kinds": ["Pod"], "operations": operations});
        let jobs = json!({"groups": ["batch"], "versions": ["v1"], "kinds": ["Job"]});
        assert_eq!(operations_of(json!([jobs])), None);
        assert_eq!(operations_of(json!([jobs, pods(json!(["CREATE"]))])), Some(vec!["CREATE".to_owned()]));
        let both = operations_of(json!([pods(json!(["CREATE"])), pods(json!(["UPDATE"]))]));
        assert_eq!(both, Some(vec!["CREATE".to_owned(), "UPDATE".to_owned()]));
        assert_eq!(operations_of(json!([pods(json!(["CREATE"])), pods(json!([]))])), Some(Vec::new()));
    }
}
