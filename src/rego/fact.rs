//! What is known of a condition on pods without evaluating it: what it depends on, and of what shape it is.

use super::cases::{Case, MOST_CASES};
use super::value::{CONTAINER_KEY, Path};
use crate::symbolic::{Constant, How, Named, Over, Reads, Shape, Unit, is_capability_list};

/// A condition, looked through. A value's definedness is one too.
#[derive(Debug, Clone, Default)]
pub(super) struct Fact {
    /// What it is of every pod.
    pub known: Option<bool>,
    pub over: Over,
    pub reads: Reads,
    /// The first thing about it that is not understood.
    pub flaw: Option<String>,
    /// Why the constants may not be all that matter, so that nothing is claimed where no difference is found.
    pub doubt: Option<String>,
    /// The cases in which it holds, in terms of comparisons; `None` if they are not known.
    pub cases: Option<Vec<Case>>,
    /// The lists whose items it ranges over.
    pub items: Vec<Path>,
    /// The capability on which it depends, added or dropped, if `over.names` is single.
    pub single: Option<String>,
    /// It relates a volume to its mounts.
    pub linked: bool,
    /// Evaluating it may end in an error: two bodies may give different values.
    pub risky: bool,
}

/// What ranges over something.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Scope {
    Containers,
    Volumes,
    /// The items of a list.
    Items(Path),
    /// The names of a list of capabilities.
    Names(Path),
}

impl Scope {
    /// What iterating over the list at a path ranges over.
    pub fn of(path: &[String]) -> Self {
        match unit_at(path) {
            Named::Elements if path.last().is_some_and(|last| last == "volumes") => Self::Volumes,
            Named::Elements => Self::Containers,
            _ if is_capability_list(path) => Self::Names(path.to_vec()),
            _ => Self::Items(path.to_vec()),
        }
    }
}

/// As [`Unit::named`], with annotations for containers.
pub(super) fn unit_at(path: &[String]) -> Named {
    match path.iter().position(|step| step == CONTAINER_KEY) {
        Some(at) => {
            let prefix = path.get(at + 1).cloned().unwrap_or_default();
            let within = path.get(at + 2..).unwrap_or_default().to_vec();
            Named::Unit(Unit::ContainerAnnotation(prefix), within)
        }
        None => Unit::named(path),
    }
}

impl Fact {
    pub fn always() -> Self {
        Self { known: Some(true), cases: Some(vec![Case::new()]), ..Self::default() }
    }

    pub fn never() -> Self {
        Self { known: Some(false), cases: Some(Vec::new()), ..Self::default() }
    }

    pub fn constant(truth: bool) -> Self {
        if truth { Self::always() } else { Self::never() }
    }

    pub fn flawed(why: impl Into<String>) -> Self {
        Self { flaw: Some(why.into()), ..Self::default() }
    }

    pub fn is_always(&self) -> bool {
        self.known == Some(true) && self.flaw.is_none() && !self.risky
    }

    pub fn is_never(&self) -> bool {
        self.known == Some(false) && self.flaw.is_none()
    }

    pub fn fail(&mut self, why: impl Into<String>) {
        self.known = None;
        self.flaw.get_or_insert_with(|| why.into());
    }

    /// More may matter than the constants tell.
    pub fn doubts(&mut self, why: impl Into<String>) {
        self.known = None;
        self.doubt.get_or_insert_with(|| why.into());
    }

    /// Takes over what the other depends on.
    pub fn takes(&mut self, other: &Self) {
        self.reads.units.extend(other.reads.units.iter().cloned());
        for constant in &other.reads.constants {
            if !self.reads.constants.contains(constant) {
                self.reads.constants.push(constant.clone());
            }
        }
        self.reads.parents |= other.reads.parents;
        self.items.extend(other.items.iter().filter(|path| !self.items.contains(path)).cloned().collect::<Vec<_>>());
        self.linked |= other.linked;
        self.risky |= other.risky;
        if self.flaw.is_none() {
            self.flaw.clone_from(&other.flaw);
        }
        if self.doubt.is_none() {
            self.doubt.clone_from(&other.doubt);
        }
    }

    fn joined(mut self, other: &Self, with: fn(Shape, Shape) -> Shape) -> Self {
        // One name in both lists of a container is one thing, however it is asked for.
        let is_one = self.over.names == Shape::Single && self.single.is_some() && self.single == other.single;
        self.over = self.over.join(other.over, with);
        if is_one && other.over.names != Shape::Free {
            self.over.names = Shape::Single;
        }
        self.keep_single(other);
        self.takes(other);
        self.known = None;
        self.cases = None;
        self
    }

    /// Joined with another: it depends on a single name still, or on none.
    pub fn keep_single(&mut self, other: &Self) {
        let single = self.single.take().or_else(|| other.single.clone());
        self.single = single.filter(|_| self.over.names == Shape::Single);
    }

    pub fn and(self, other: &Self) -> Self {
        if self.is_never() || other.is_always() {
            return self;
        }
        if other.is_never() || self.is_always() {
            return other.clone();
        }
        let cases = match (&self.cases, &other.cases) {
            (Some(one), Some(more)) if one.len() * more.len() <= MOST_CASES => Some(
                one.iter().flat_map(|case| more.iter().map(|add| case.iter().chain(add).cloned().collect())).collect(),
            ),
            _ => None,
        };
        Self { cases, ..self.joined(other, Shape::and) }
    }

    pub fn or(self, other: &Self) -> Self {
        if self.is_always() || other.is_never() {
            return self;
        }
        if other.is_always() || self.is_never() {
            return other.clone();
        }
        let cases = match (&self.cases, &other.cases) {
            (Some(one), Some(more)) if one.len() + more.len() <= MOST_CASES => {
                Some(one.iter().chain(more).cloned().collect())
            }
            _ => None,
        };
        Self { cases, ..self.joined(other, Shape::or) }
    }

    /// One of the two holds, by something that is not said here.
    pub fn either(self, other: &Self) -> Self {
        let known = if self.known == other.known { self.known } else { None };
        Self { known, ..self.joined(other, Shape::either) }
    }

    pub fn not(mut self) -> Self {
        self.known = self.known.map(|known| !known);
        self.over = self.over.each(Shape::not);
        let negated = |(atom, truth): &(super::cases::Atom, bool)| (atom.clone(), !truth);
        self.cases = self.cases.and_then(|cases| match cases.as_slice() {
            [] => Some(vec![Case::new()]),
            [only] => Some(only.iter().map(|one| vec![negated(one)]).collect()),
            several if several.iter().all(|case| case.len() == 1) => {
                Some(vec![several.iter().flatten().map(negated).collect()])
            }
            _ => None,
        });
        self
    }

    /// It counts, but not by itself: what stands here must not depend on members of lists.
    pub fn within(mut self) -> Self {
        self.over = self.over.each(Shape::within);
        self.known = None;
        self.cases = None;
        self
    }

    /// Something that `self` is said of is among what the scopes range over.
    pub fn exists(mut self, scopes: &[Scope]) -> Self {
        if scopes.is_empty() || self.is_never() {
            return self;
        }
        let elements: Vec<&Scope> =
            scopes.iter().filter(|scope| matches!(scope, Scope::Containers | Scope::Volumes)).collect();
        let names = scopes.iter().filter(|scope| matches!(scope, Scope::Names(_))).count();
        for scope in scopes {
            match scope {
                Scope::Names(path) => self.read(path),
                // That a mount is there is known of the volume.
                Scope::Items(path) if path.last().is_some_and(|last| last == "volumeMounts") => {
                    self.reads.units.insert(Unit::Mount);
                }
                Scope::Items(path) => {
                    self.read(path);
                    self.read(&[path.as_slice(), &["[]".to_owned()]].concat());
                }
                Scope::Containers | Scope::Volumes => {}
            }
        }
        self.known = None;
        self.cases = None;
        let mounts_only = self.linked && !self.reads.units.iter().any(Unit::is_of_container);
        self.over.elements = match (elements.as_slice(), self.over.elements) {
            ([], shape) => shape,
            ([_], Shape::Free) => Shape::Some,
            ([Scope::Volumes], Shape::Some) if mounts_only => Shape::Some,
            ([Scope::Volumes, Scope::Containers] | [Scope::Containers, Scope::Volumes], Shape::Free) if mounts_only => {
                Shape::Some
            }
            _ => Shape::Mixed,
        };
        self.over.names = match (names, self.over.names) {
            (0, Shape::Free) => Shape::Free,
            (0, Shape::Single | Shape::Some) => Shape::Some,
            (1, Shape::Free) => Shape::Some,
            _ => Shape::Mixed,
        };
        let mut inner = std::mem::take(&mut self.items);
        for scope in scopes.iter().rev() {
            let Scope::Items(path) = scope else { continue };
            let nested = inner.iter().all(|inner| inner.len() > path.len() && inner.starts_with(path));
            let same_way = matches!(self.over.items, Shape::Free | Shape::Some);
            self.over.items = if nested && same_way { Shape::Some } else { Shape::Mixed };
            inner.push(path.clone());
        }
        let of_pod = |path: &Path| matches!(unit_at(path), Named::Unit(Unit::Pod(_), _));
        if !elements.is_empty() && (inner.iter().any(of_pod) || self.over.items == Shape::All) {
            self.over.items = Shape::Mixed;
        }
        self.items = inner;
        self
    }

    /// What stands at a path counts.
    pub fn read(&mut self, path: &[String]) {
        match unit_at(path) {
            Named::Unit(Unit::Mount, within) if within.last().is_none_or(|last| last != "readOnly") => {
                self.fail("it looks at more of a mount than its volume and `readOnly`");
            }
            Named::Unit(Unit::Pod(path), _) if path == ["metadata", "name"] => {
                self.fail("it depends on the pod's name");
            }
            Named::Unit(unit, within) => {
                self.reads.units.insert(unit);
                if !within.is_empty() {
                    self.compares(path, How::There, serde_json::Value::Null);
                }
            }
            Named::Parent => self.fail(format!("it depends on the whole of `{}`", path.join("."))),
            Named::Elements => self.fail("it counts or compares containers or volumes"),
            Named::Container => self.fail("it compares a container or volume as a whole"),
            Named::Name => self.fail("it depends on the names of containers or volumes"),
            Named::Everything => self.fail(format!("it depends on the whole of the pod's `{}`", path.join("."))),
        }
    }

    /// What stands at a path is compared with a constant.
    pub fn compares(&mut self, path: &[String], how: How, value: serde_json::Value) {
        if let Named::Unit(unit, within) = unit_at(path) {
            let constant = Constant { unit, within, value, how };
            if !self.reads.constants.contains(&constant) {
                self.reads.constants.push(constant);
            }
        }
    }

    /// Whether something stands at a path.
    pub fn presence(path: &[String]) -> Self {
        let mut fact = Self::default();
        let steps: Vec<&str> = path.iter().map(String::as_str).collect();
        match steps.as_slice() {
            [] | ["metadata" | "spec"] | ["spec", "securityContext" | "containers"] => return Self::always(),
            ["metadata", "name"] | ["spec", _, "[]", "name"] => return Self::always(),
            ["spec", _, "[]", "volumeMounts", "[]", "name"] => return Self::always(),
            ["spec", "volumes"] => {
                fact.reads.units.insert(Unit::Volume);
                fact.over.elements = Shape::Some;
            }
            [.., "[]"] => return Self::always(),
            [.., "capabilities"] => {
                fact.read(path);
                fact.over.names = Shape::Mixed;
            }
            _ if is_capability_list(path) => {
                fact.read(path);
                fact.over.names = Shape::Some;
            }
            _ => fact.read(path),
        }
        fact
    }
}
