//! What is known of an expression's value without evaluating it: where in the pod it may come from.

use serde_json::Value as Json;

use super::shape::Over;
use super::{Constant, Named, Reads, Unit};

/// A path through the pod, `[]` for the items of a list.
pub(crate) type Path = Vec<String>;

/// What a value may be.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Abs {
    /// Places in the pod, in order, each with a text that is put before the value.
    pub at: Vec<(Path, String)>,
    /// Literals.
    pub literals: Vec<Json>,
    /// The elements of a list literal or of a list made of others.
    pub elements: Vec<Json>,
    /// An index into these lists.
    pub index_of: Vec<Path>,
    /// A JSON pointer to an element of these lists, and what follows it.
    pub pointer: Option<(Vec<Path>, String)>,
}

/// An expression, looked through.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Seen {
    pub abs: Abs,
    pub over: Over,
    pub reads: Reads,
    /// The first thing about it that is not understood.
    pub flaw: Option<String>,
}

impl Abs {
    pub fn literal(value: Json) -> Self {
        match value {
            Json::Array(elements) => Self { elements, ..Self::default() },
            other => Self { literals: vec![other], ..Self::default() },
        }
    }

    pub fn path(path: Path) -> Self {
        Self { at: vec![(path, String::new())], ..Self::default() }
    }

    /// Either of them.
    pub fn or(mut self, other: Self) -> Self {
        for at in other.at {
            if !self.at.contains(&at) {
                self.at.push(at);
            }
        }
        self.literals.extend(other.literals);
        self.elements.extend(other.elements);
        self
    }

    /// What a step further leads to.
    pub fn step(&self, step: &str) -> Self {
        let further =
            |(path, _): &(Path, String)| (path.iter().cloned().chain([step.to_owned()]).collect(), String::new());
        Self { at: self.at.iter().map(further).collect(), ..Self::default() }
    }

    /// What an item of it may be.
    pub fn item(&self) -> Self {
        Self { literals: self.elements.clone(), ..self.step("[]") }
    }

    pub fn paths(&self) -> Vec<Path> {
        self.at.iter().map(|(path, _)| path.clone()).collect()
    }

    /// Whether it is, or is made of, lists of containers or volumes.
    pub fn is_elements(&self) -> bool {
        !self.at.is_empty() && self.at.iter().all(|(path, _)| Unit::named(path) == Named::Elements)
    }

    /// Whether it is a container's list of mounts.
    pub fn is_mounts(&self) -> bool {
        let is_list = |path: &Path| matches!(Unit::named(path), Named::Unit(Unit::Mount, within) if within.is_empty());
        !self.at.is_empty() && self.at.iter().all(|(path, _)| is_list(path))
    }

    /// Whether it is a list of names of capabilities.
    pub fn is_names(&self) -> bool {
        !self.at.is_empty() && self.at.iter().all(|(path, _)| is_capability_list(path))
    }

    /// Whether it is found at paths with this end, and nowhere else.
    pub fn is_name_in(&self, end: &[&str]) -> bool {
        let has_end = |(path, _): &(Path, String)| {
            let start = path.len().saturating_sub(end.len());
            path.iter().skip(start).map(String::as_str).eq(end.iter().copied())
        };
        !self.at.is_empty() && self.literals.is_empty() && self.at.iter().all(has_end)
    }

    /// Whether it is the name of a capability.
    pub fn is_name(&self) -> bool {
        let of_list =
            |path: &Path| path.split_last().is_some_and(|(last, list)| last == "[]" && is_capability_list(list));
        !self.at.is_empty() && self.at.iter().all(|(path, _)| of_list(path))
    }
}

/// `spec.containers[].securityContext.capabilities.add`, `drop`.
pub(crate) fn is_capability_list(path: &[String]) -> bool {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    matches!(path.as_slice(), ["spec", _, "[]", "securityContext", "capabilities", "add" | "drop"])
}

/// The parts of a pod that the class of subjects decides.
fn is_fixed(path: &[String]) -> bool {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    matches!(path.as_slice(), ["spec", "serviceAccountName" | "serviceAccount"] | ["metadata", "namespace"])
}

impl Seen {
    pub fn of(abs: Abs) -> Self {
        Self { abs, ..Self::default() }
    }

    pub fn flawed(why: impl Into<String>) -> Self {
        Self { flaw: Some(why.into()), ..Self::default() }
    }

    /// Takes over what another expression reads, and its flaw.
    pub fn takes(&mut self, other: &Self) {
        self.reads.units.extend(other.reads.units.iter().cloned());
        self.reads.constants.extend(other.reads.constants.iter().cloned());
        self.reads.parents |= other.reads.parents;
        if self.flaw.is_none() {
            self.flaw.clone_from(&other.flaw);
        }
    }

    pub fn fail(&mut self, why: impl Into<String>) {
        if self.flaw.is_none() {
            self.flaw = Some(why.into());
        }
    }

    /// The value counts: what it may be is read.
    pub fn consume(&mut self, abs: &Abs) {
        for (path, _) in &abs.at {
            self.read(path);
        }
        if !abs.index_of.is_empty() {
            self.fail("it looks at positions in lists");
        }
    }

    fn read(&mut self, path: &Path) {
        if is_fixed(path) {
            return;
        }
        match Unit::named(path) {
            Named::Unit(Unit::Mount, within) if !matches!(within.last().map(String::as_str), Some("readOnly")) => {
                self.fail("it looks at more of a mount than its volume and `readOnly`");
            }
            Named::Unit(unit, _) => drop(self.reads.units.insert(unit)),
            Named::Parent => self.reads.parents = true,
            Named::Elements => self.fail("it counts or compares containers or volumes"),
            Named::Container => self.fail("it compares a container or volume as a whole"),
            Named::Name => self.fail("it depends on the names of containers or volumes"),
            Named::Everything => self.fail(format!("it reads the whole of `{}`", path.join("."))),
        }
    }

    /// The values of one side are compared with the literals of the other.
    pub fn compare(&mut self, values: &Abs, literals: &[Json]) {
        for (path, prefix) in values.at.iter().filter(|(path, _)| !is_fixed(path)) {
            let Named::Unit(unit, within) = Unit::named(path) else { continue };
            for literal in literals {
                let value = match literal.as_str().map(|text| text.strip_prefix(prefix.as_str())) {
                    Some(Some(rest)) => Json::from(rest),
                    Some(None) => continue,
                    None => literal.clone(),
                };
                self.reads.constants.push(Constant { unit: unit.clone(), within: within.clone(), value });
            }
        }
    }
}
