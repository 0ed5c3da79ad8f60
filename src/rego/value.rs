//! What is known of a value without evaluating it: where in the pod it may come from, and which constants it may be.

use std::collections::BTreeMap;
use std::sync::Arc;

use regorus::Value;

use super::fact::{Fact, Scope, unit_at};
use super::kinds::Kinds;
use crate::symbolic::{Named, Over};

/// A path through the pod, `[]` for the items of a list.
pub(super) type Path = Vec<String>;

/// Stands in a path for the annotations of a container, before the prefix of their keys.
pub(super) const CONTAINER_KEY: &str = "@container";

/// A place that a value may come from.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Place {
    pub path: Path,
    /// The value is this text, followed by what stands there.
    pub prefix: String,
    /// The value is worked out of what stands there.
    pub worked_out: Option<Made>,
}

/// What functions make of what stands at a place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Made {
    pub kinds: Kinds,
    /// The call, in which `_` is what stands there.
    pub call: String,
    /// It is what stands there without this text at its end.
    pub without_end: Option<String>,
}

impl Place {
    /// Its value as an argument of a call.
    pub fn said(&self) -> String {
        match &self.worked_out {
            Some(made) => made.call.clone(),
            None if self.prefix.is_empty() => "_".to_owned(),
            None => format!("\"{}\" + _", self.prefix),
        }
    }
}

/// What a value may be: one of all these.
#[derive(Debug, Clone, Default)]
pub(super) struct Abs {
    pub constants: Vec<Value>,
    pub at: Vec<Place>,
    /// Texts with which constants are compared too where a value is worked out.
    pub affixes: Vec<String>,
    /// An object with these fields.
    pub fields: Option<Arc<BTreeMap<String, Abs>>>,
    pub list: Option<Arc<List>>,
    /// Something of these types that is made of what it depends on.
    pub made: Kinds,
    /// A truth.
    pub truth: Option<Arc<Fact>>,
    /// How many there are of another value.
    pub count: Option<Arc<Abs>>,
    /// What it depends on besides, such as which of several values it is.
    pub also: Option<Arc<Fact>>,
    /// Equal numbers stand for equal values.
    pub term: Option<u32>,
    /// It depends on who asks.
    pub asks_who: bool,
}

/// A list or a set whose members depend on the pod.
#[derive(Debug, Clone, Default)]
pub(super) struct List {
    pub parts: Vec<Part>,
    pub is_set: bool,
    /// So many it has at least.
    pub least: usize,
}

/// Members of a list: one for each of what the scopes range over of which the fact holds.
#[derive(Debug, Clone, Default)]
pub(super) struct Part {
    pub scopes: Vec<Scope>,
    pub fact: Fact,
    pub item: Abs,
    /// The list whose items it ranges over, each once.
    pub base: Option<Path>,
}

impl Part {
    /// Members of which nothing is known.
    pub fn unknown(why: &str) -> Self {
        Self { fact: Fact::flawed(why), item: Abs { made: Kinds::ANY, ..Abs::default() }, ..Self::default() }
    }
}

/// A value, with the condition under which it is defined.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub abs: Abs,
    pub defined: Fact,
    /// It is defined if something stands at its place, and that is all: so what stands further in is enough.
    pub by_presence: bool,
}

impl Seen {
    pub fn total(abs: Abs) -> Self {
        Self { abs, defined: Fact::always(), by_presence: false }
    }

    pub fn constant(value: Value) -> Self {
        match value {
            Value::Undefined => Self::undefined(),
            value => Self::total(Abs::constant(value)),
        }
    }

    pub fn undefined() -> Self {
        Self { abs: Abs::default(), defined: Fact::never(), by_presence: false }
    }

    /// A value with the condition under which it is defined.
    pub fn defined(abs: Abs, defined: Fact) -> Self {
        Self { abs, defined, by_presence: false }
    }

    /// A value of which nothing is known, not even that it is none of the constants beside which it stands.
    pub fn flawed(why: impl Into<String>) -> Self {
        let flaw = Fact::flawed(why);
        let abs = Abs { made: Kinds::ANY, ..Abs::default() }.depending(&flaw);
        Self { abs, defined: flaw, by_presence: false }
    }
}

impl Abs {
    pub fn constant(value: Value) -> Self {
        Self { constants: vec![value], ..Self::default() }
    }

    pub fn path(path: Path) -> Self {
        let asks_who = path.first().is_some_and(|first| first == "@who");
        Self { at: vec![Place { path, prefix: String::new(), worked_out: None }], asks_who, ..Self::default() }
    }

    pub fn list(list: List) -> Self {
        let all_constant = list
            .parts
            .iter()
            .all(|part| part.scopes.is_empty() && part.fact.is_always() && part.item.as_constant().is_some());
        let asks_who = list.parts.iter().any(|part| part.item.asks_who);
        if all_constant {
            let items = list.parts.iter().filter_map(|part| part.item.as_constant().cloned());
            let value = if list.is_set {
                Value::from(items.collect::<std::collections::BTreeSet<_>>())
            } else {
                Value::from(items.collect::<Vec<_>>())
            };
            return Self { asks_who, ..Self::constant(value) };
        }
        Self { list: Some(Arc::new(list)), asks_who, ..Self::default() }
    }

    pub fn truth(fact: Fact) -> Self {
        match fact.known {
            Some(known) if fact.flaw.is_none() => Self::constant(Value::from(known)),
            _ => Self { truth: Some(Arc::new(fact)), ..Self::default() },
        }
    }

    /// The value, if it is the same for every pod.
    pub fn as_constant(&self) -> Option<&Value> {
        let open = !self.at.is_empty()
            || self.made != Kinds::NONE
            || self.fields.is_some()
            || self.list.is_some()
            || self.truth.is_some();
        match self.constants.as_slice() {
            [only] if !open && self.count.is_none() => Some(only),
            _ => None,
        }
    }

    pub fn as_text(&self) -> Option<&str> {
        match self.as_constant()? {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// Whether it is one of these constants, whatever the pod.
    pub fn is_of_constants(&self) -> bool {
        !self.constants.is_empty() && Self { constants: Vec::new(), also: None, ..self.clone() }.is_nothing()
    }

    /// Either of them; which one is said elsewhere.
    pub fn or(mut self, other: Self) -> Self {
        let nothing = self.is_nothing();
        for constant in other.constants {
            if !self.constants.contains(&constant) {
                self.constants.push(constant);
            }
        }
        for place in other.at {
            if !self.at.contains(&place) {
                self.at.push(place);
            }
        }
        self.affixes.extend(other.affixes);
        self.made = self.made.or(other.made);
        self.asks_who |= other.asks_who;
        self.also = match (self.also.take(), other.also) {
            (Some(one), Some(more)) => {
                let mut both = Fact::clone(&one);
                both.takes(&more);
                both.over = both.over.join(more.over, |a, b| a.within().and(b.within()));
                Some(Arc::new(both))
            }
            (one, more) => one.or(more),
        };
        let clash = self.fields.is_some() && other.fields.is_some()
            || self.list.is_some() && other.list.is_some()
            || self.truth.is_some() && other.truth.is_some()
            || self.count.is_some()
            || other.count.is_some();
        self.fields = self.fields.or(other.fields);
        self.list = self.list.or(other.list);
        self.truth = self.truth.or(other.truth);
        self.term = if nothing { other.term } else { None };
        if clash && !nothing {
            self = self.depending(&Fact::flawed("it chooses between two values that are made here"));
        }
        self
    }

    pub fn is_nothing(&self) -> bool {
        self.constants.is_empty()
            && self.at.is_empty()
            && self.fields.is_none()
            && self.list.is_none()
            && self.truth.is_none()
            && self.count.is_none()
            && self.made == Kinds::NONE
    }

    /// The value, which depends on something besides.
    #[must_use]
    pub fn depending(mut self, on: &Fact) -> Self {
        if on.is_always() {
            return self;
        }
        let mut also = self.also.take().map(|also| Fact::clone(&also)).unwrap_or_default();
        also.takes(on);
        also.over = also.over.join(on.over, |a, b| a.within().and(b.within()));
        self.also = Some(Arc::new(also));
        self
    }

    pub fn kinds(&self) -> Kinds {
        let constants = self.constants.iter().map(Kinds::of);
        let at = self.at.iter().map(|place| match &place.worked_out {
            Some(made) => made.kinds,
            None => Kinds::at(&place.path),
        });
        let list = self.list.iter().map(|list| if list.is_set { Kinds::SET } else { Kinds::LIST });
        let fields = self.fields.iter().map(|_| Kinds::OBJECT);
        let truth = self.truth.iter().map(|_| Kinds::BOOL);
        let count = self.count.iter().map(|_| Kinds::NUMBER);
        constants.chain(at).chain(list).chain(fields).chain(truth).chain(count).fold(self.made, Kinds::or)
    }

    /// The types of what it may be of the pod.
    pub fn kinds_at_places(&self) -> Kinds {
        Self { constants: Vec::new(), ..self.clone() }.kinds()
    }

    /// What the value depends on, when all of it counts.
    pub fn consumed(&self) -> Fact {
        let mut fact = Fact::default();
        for place in &self.at {
            fact.read(&place.path);
        }
        for field in self.fields.iter().flat_map(|fields| fields.values()) {
            fact.takes_value(field);
        }
        for part in self.list.iter().flat_map(|list| &list.parts) {
            fact.takes(&part.fact);
            fact.takes_value(&part.item);
            if !part.scopes.is_empty() || part.fact.over != Over::default() {
                fact.fail("it depends on a whole list made of what the pod holds");
            }
        }
        for truth in self.truth.iter().chain(&self.also) {
            fact.takes(truth);
            fact.over = fact.over.join(truth.over, |a, b| a.within().and(b.within()));
        }
        if let Some(of) = &self.count {
            fact.takes_value(of);
            fact.fail("it compares how many there are of something");
        }
        fact
    }

    /// Whether it is the name of a capability.
    pub fn is_capability(&self) -> bool {
        let of_list = |place: &Place| {
            place.path.split_last().is_some_and(|(last, list)| {
                last == "[]" && crate::symbolic::is_capability_list(list) && place.worked_out.is_none()
            })
        };
        !self.at.is_empty() && self.at.iter().all(of_list)
    }

    /// Whether it is the name of a volume (`true`) or the name that a mount gives (`false`).
    pub fn names_volume(&self) -> Option<bool> {
        let of = |place: &Place| {
            let steps: Vec<&str> = place.path.iter().map(String::as_str).collect();
            match steps.as_slice() {
                ["spec", "volumes", "[]", "name"] if place.worked_out.is_none() => Some(true),
                ["spec", _, "[]", "volumeMounts", "[]", "name"] if place.worked_out.is_none() => Some(false),
                _ => None,
            }
        };
        let first = of(self.at.first()?)?;
        self.at.iter().all(|place| of(place) == Some(first)).then_some(first)
    }

    /// Whether it is a container's name.
    pub fn is_container_name(&self) -> bool {
        let is_name = |place: &Place| {
            let steps: Vec<&str> = place.path.iter().map(String::as_str).collect();
            matches!(steps.as_slice(), ["spec", list, "[]", "name"] if *list != "volumes")
                && unit_at(&place.path) == Named::Name
                && place.worked_out.is_none()
                && place.prefix.is_empty()
        };
        !self.at.is_empty() && self.at.iter().all(is_name)
    }
}

impl Fact {
    /// A value counts as a whole.
    pub fn takes_value(&mut self, value: &Abs) {
        let consumed = value.consumed();
        self.takes(&consumed);
        self.over = self.over.join(consumed.over, |a, b| a.within().and(b.within()));
        if self.flaw.is_some() {
            self.known = None;
        }
    }
}
