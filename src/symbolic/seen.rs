//! What is known of an expression's value without evaluating it: where in the pod it may come from.

use serde_json::Value as Json;

use super::shape::Over;
use super::{Constant, How, Named, Reads, Unit};
use crate::schema::{JsonType, json_types, object_type};

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
    /// What else a list that is made of values holds.
    pub held: Option<Box<Abs>>,
    /// An index into these lists.
    pub index_of: Vec<Path>,
    /// A JSON pointer to an element of these lists, and what follows it.
    pub pointer: Option<(Vec<Path>, String)>,
    /// The function that made it of the pod's values: with which of them it would equal a constant is not known.
    pub made: Option<String>,
    /// A number, or the number that a text tells.
    pub as_number: bool,
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
        self.held = match (self.held, other.held) {
            (Some(one), Some(other)) => Some(Box::new(one.or(*other))),
            (one, other) => one.or(other),
        };
        self.made = self.made.or(other.made);
        self.as_number |= other.as_number;
        self
    }

    /// What a function makes of these values.
    pub fn made_by<'s>(name: &str, of: impl IntoIterator<Item = &'s Self>) -> Self {
        let made = of.into_iter().any(Self::is_of_pod);
        Self { made: made.then(|| name.to_owned()), ..Self::default() }
    }

    /// Whether pods of one class differ in it.
    pub fn is_of_pod(&self) -> bool {
        self.made.is_some()
            || !self.index_of.is_empty()
            || self.at.iter().any(|(path, _)| !is_fixed(path))
            || self.held.as_ref().is_some_and(|held| held.is_of_pod())
    }

    /// Whether all that it may be is known, whatever the pod.
    fn is_known(&self) -> bool {
        let is_given = !(self.literals.is_empty() && self.elements.is_empty());
        is_given && !self.is_of_pod() && self.at.is_empty() && self.held.is_none()
    }

    /// What a step further leads to.
    pub fn step(&self, step: &str) -> Self {
        let further =
            |(path, _): &(Path, String)| (path.iter().cloned().chain([step.to_owned()]).collect(), String::new());
        Self { at: self.at.iter().map(further).collect(), made: self.made.clone(), ..Self::default() }
    }

    /// What an item of it may be.
    pub fn item(&self) -> Self {
        let own = Self { literals: self.elements.clone(), ..self.step("[]") };
        self.held.iter().fold(own, |item, held| item.or((**held).clone()))
    }

    /// A list with this as its member.
    pub fn listed(mut self) -> Self {
        let elements = std::mem::take(&mut self.literals);
        let held = (self != Self::default()).then(|| Box::new(self));
        Self { elements, held, ..Self::default() }
    }

    /// Whether it is made of given members.
    pub fn is_list(&self) -> bool {
        !self.elements.is_empty() || self.held.is_some()
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

    /// Whether it is a map or another object of the pod.
    pub fn is_object(&self) -> bool {
        let pod = object_type("v1", "Pod");
        let is_object =
            |path: &Path| pod.and_then(|pod| json_types(pod, path)).is_some_and(|of| of.contains(&JsonType::Object));
        !self.at.is_empty() && self.at.iter().all(|(path, _)| is_object(path))
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

/// Whether a text is what comes before the parts of another: it ends with its only colon.
pub(crate) fn is_head(text: &str) -> bool {
    text.split_once(':').is_some_and(|(_, rest)| rest.is_empty())
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
        if let Some(held) = &abs.held {
            self.consume(held);
        }
        if let Some(function) = &abs.made {
            self.fail(format!("for which pods `{function}` gives what it compares with is not known"));
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
            Named::Unit(unit, within) => {
                self.reads.units.insert(unit.clone());
                if !within.is_empty() {
                    let constant = Constant { unit, within, value: Json::Null, how: How::There };
                    self.reads.constants.push(constant);
                }
            }
            Named::Parent => self.reads.parents = true,
            Named::Elements => self.fail("it counts or compares containers or volumes"),
            Named::Container => self.fail("it compares a container or volume as a whole"),
            Named::Name => self.fail("it depends on the names of containers or volumes"),
            Named::Everything => self.fail(format!("it reads the whole of `{}`", path.join("."))),
        }
    }

    /// Two values are compared with each other: one of them, at least, must be known whatever the pod.
    pub fn compare_values(&mut self, how: How, one: &Abs, other: &Abs) {
        for (values, given) in [(one, other), (other, one)].into_iter().filter(|(values, _)| values.is_of_pod()) {
            if given.is_of_pod() {
                self.fail("it compares parts of the pod with each other");
            } else if !given.is_known() {
                self.fail("it compares the pod with what is not known before");
            } else if how == How::Any && given.literals.iter().any(Json::is_string) {
                self.fail("it asks which of two texts comes first");
            }
            self.compare(how, values, &given.literals);
        }
    }

    /// What follows a head is compared part by part, in any order.
    pub fn compare_parts(&mut self, text: &Abs, head: &str, parts: &[&str]) {
        self.compare(How::Parts, text, &[format!("{head}{}", parts.join(",")).into()]);
    }

    /// The values of one side are compared with the literals of the other.
    pub fn compare(&mut self, how: How, values: &Abs, literals: &[Json]) {
        for (path, prefix) in values.at.iter().filter(|(path, _)| !is_fixed(path)) {
            let Named::Unit(unit, within) = Unit::named(path) else { continue };
            for literal in literals {
                let value = match literal.as_str().map(|text| text.strip_prefix(prefix.as_str())) {
                    Some(Some(rest)) => Json::from(rest),
                    Some(None) => continue,
                    None => literal.clone(),
                };
                let number = value.as_i64().filter(|_| values.as_number);
                let texts = number.into_iter().flat_map(|it| [it.saturating_sub(1), it, it.saturating_add(1)]);
                let values = texts.map(|it| Json::from(it.to_string())).chain([value]);
                let constant = |value| Constant { unit: unit.clone(), within: within.clone(), value, how };
                self.reads.constants.extend(values.map(constant));
            }
        }
    }
}
