//! Facets: units that some statement looks at together, and the cells that nobody can tell apart.
//!
//! A *row* is a choice for the units of the pod itself. Under each row there are groups of elements: containers, init
//! containers, volumes with their mounts, and the items of the pod's own lists. A container's capabilities are a set of
//! *slots*, one per name, each in one of four states; everything else has one slot with one state. A bit stands for one
//! state of one slot of one element under one row.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::assembly::{Assembly, Edit, Place, Volume};
use super::bits::Bits;
use super::elements::{containers, items, rows, volumes};
use crate::symbolic::Unit;
use crate::validity::is_valid;

/// More bits than these are not looked at.
pub(super) const MOST_BITS: usize = 400_000;

/// The values of each unit, `null` for absence.
pub(super) type Values = BTreeMap<Unit, Vec<Value>>;

/// Units that belong together.
#[derive(Debug, Clone)]
pub(super) struct Facet {
    pub units: Vec<Unit>,
    /// The first case in which it is as it is: see [`super::cases`].
    pub case: usize,
    pub rows: Vec<Row>,
    pub groups: Vec<Group>,
    /// How many bits each row has.
    pub width: usize,
    /// The bits that stand for something: the API server takes it.
    pub valid: Bits,
    /// All bits.
    pub all: Bits,
    /// The table of what nothing makes true.
    pub nowhere: Bits,
}

/// A choice for the units of the pod itself.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub edits: Vec<Edit>,
    /// The lists of the pod that have items.
    pub lists: Vec<Unit>,
}

/// Elements of one kind.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pub kind: Kind,
    pub elements: Vec<Element>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Container,
    InitContainer,
    Volume,
    Item(Unit),
}

/// One container, volume or item.
#[derive(Debug, Clone)]
pub(super) struct Element {
    pub edits: Vec<Edit>,
    pub volume: Option<Volume>,
    /// Capability names; empty for an element without slots.
    pub names: Vec<String>,
    /// Its first bit within the row. With names there are [`STATES`] for each.
    pub first: usize,
}

/// The states of a capability name: not mentioned, added, dropped, both.
pub(super) const STATES: usize = 4;

/// The state of every name of an element; empty for an element without slots.
pub(super) type Vector = Vec<usize>;

impl Element {
    /// How many bits it has.
    pub fn bits(&self) -> usize {
        if self.names.is_empty() { 1 } else { self.names.len() * STATES }
    }

    /// The bits of each slot.
    pub fn slots(&self) -> impl Iterator<Item = std::ops::Range<usize>> {
        let (count, states) = if self.names.is_empty() { (1, 1) } else { (self.names.len(), STATES) };
        (0..count).map(move |slot| self.first + slot * states..self.first + (slot + 1) * states)
    }

    /// Its values, with the capabilities of a vector.
    pub fn edits(&self, vector: &Vector) -> Vec<Edit> {
        let mut edits = self.edits.clone();
        if !self.names.is_empty() {
            edits.push((capabilities_unit(), self.capabilities(vector)));
        }
        edits
    }

    fn capabilities(&self, vector: &Vector) -> Value {
        let list = |bit: usize| {
            let chosen = self.names.iter().zip(vector).filter(|(_, state)| *state & bit != 0);
            chosen.map(|(name, _)| json!(name)).collect::<Vec<Value>>()
        };
        let lists = [("add", list(1)), ("drop", list(2))].into_iter().filter(|(_, list)| !list.is_empty());
        let lists: serde_json::Map<String, Value> = lists.map(|(key, list)| (key.to_owned(), list.into())).collect();
        if lists.is_empty() { Value::Null } else { Value::Object(lists) }
    }
}

/// The unit whose value is a set of names in four states.
pub(super) fn capabilities_unit() -> Unit {
    Unit::Container(vec!["securityContext".to_owned(), "capabilities".to_owned()])
}

impl Facet {
    /// The facet of these units, or why there is none.
    pub fn new(units: Vec<Unit>, values: &Values, target_minor: u8, place: &Place) -> Result<Self, String> {
        let of = |wanted: fn(&Unit) -> bool| units.iter().filter(move |unit| wanted(unit)).cloned().collect::<Vec<_>>();
        let rows = rows(&of(|unit| matches!(unit, Unit::Pod(_))), values)?;
        let mut groups = vec![(Kind::Container, containers(&of(Unit::is_of_container), values)?)];
        if units.contains(&Unit::Volume) {
            groups.push((Kind::Volume, volumes(values, units.contains(&Unit::Mount))));
        }
        let lists = of(|unit| matches!(unit, Unit::Pod(_))).into_iter();
        groups.extend(lists.filter_map(|unit| Some((Kind::Item(unit.clone()), items(&unit, values)?))));
        let none = || Bits::new(0, false);
        let mut facet =
            Self { units, case: 0, rows, groups: Vec::new(), width: 0, valid: none(), all: none(), nowhere: none() };
        let sound = |assembly: &Assembly| is_valid(&assembly.pod(place), target_minor);
        facet.keep_valid_rows(&sound);
        let mut unsound: Vec<usize> = Vec::new();
        for (kind, mut elements) in groups {
            // What the API server takes together it takes one by one.
            if !sound(&together(&kind, &elements)) {
                elements.retain(|element| !element.names.is_empty() || sound(&placed(&kind, element, &Vector::new())));
            }
            for element in &mut elements {
                element.first = facet.width;
                facet.width += element.bits();
                unsound.extend(unsound_states(&kind, element, &sound));
            }
            facet.groups.push(Group { kind, elements });
        }
        if facet.units.iter().any(Unit::is_of_container) {
            unsound.extend(facet.add_init_containers(&unsound));
        }
        if facet.size() > MOST_BITS {
            return Err(format!("there are {} cells to look at, more than {MOST_BITS}", facet.size()));
        }
        facet.valid = Bits::new(facet.size(), true);
        for row in 0..facet.rows.len() {
            let absent = facet.groups.iter().filter(|group| !facet.has(row, &group.kind));
            let absent = absent.flat_map(|group| &group.elements).flat_map(|it| it.first..it.first + it.bits());
            for bit in absent.chain(unsound.iter().copied()).collect::<Vec<_>>() {
                facet.valid.set(row * facet.width + bit, false);
            }
        }
        facet.settle();
        Ok(facet)
    }

    /// Works out what follows from which bits stand for something.
    pub fn settle(&mut self) {
        self.all = Bits::new(self.size(), true);
        self.nowhere = Bits::new(self.size(), false);
        self.nowhere.add_missing(&self.valid, &self.all);
    }

    /// Init containers are as sound as containers; gives their bits that stand for nothing.
    fn add_init_containers(&mut self, unsound: &[usize]) -> Vec<usize> {
        let of_containers = self.groups.iter().filter(|group| group.kind == Kind::Container);
        let mut elements: Vec<Element> = of_containers.flat_map(|group| &group.elements).cloned().collect();
        let shift = self.width;
        elements.iter_mut().for_each(|element| element.first += shift);
        self.width += elements.iter().map(Element::bits).sum::<usize>();
        self.groups.push(Group { kind: Kind::InitContainer, elements });
        unsound.iter().map(|bit| bit + shift).collect()
    }

    /// What the API server would not take stands for nothing. Looked at are each row, each element by itself, and each
    /// state of a slot.
    fn keep_valid_rows(&mut self, sound: &impl Fn(&Assembly) -> bool) {
        self.rows.retain(|row| sound(&Assembly { pod: row.edits.clone(), ..Assembly::default() }));
    }

    /// How many bits it has.
    pub fn size(&self) -> usize {
        self.rows.len() * self.width
    }

    /// The bit of a row.
    pub fn bit(&self, row: usize, local: usize) -> usize {
        row * self.width + local
    }

    /// Whether a row has elements of a kind at all; and whether it cannot be without.
    pub fn has(&self, row: usize, kind: &Kind) -> bool {
        match kind {
            Kind::Item(unit) => self.rows.get(row).is_some_and(|row| row.lists.contains(unit)),
            _ => true,
        }
    }

    /// Adds a row's values.
    pub fn add_row(&self, row: usize, assembly: &mut Assembly) {
        if let Some(row) = self.rows.get(row) {
            assembly.pod.extend(row.edits.iter().cloned());
        }
    }
}

/// The bits of states that the API server would not take, whatever the other names.
fn unsound_states(kind: &Kind, element: &Element, sound: &impl Fn(&Assembly) -> bool) -> Vec<usize> {
    let mut unsound = Vec::new();
    for (slot, bits) in element.slots().enumerate().filter(|_| !element.names.is_empty()) {
        // Names are alike to the API server, but for one.
        let matters = element.names.get(slot).is_some_and(|name| name == "CAP_SYS_ADMIN") || slot == 0;
        for (state, bit) in bits.enumerate().filter(|_| matters) {
            if !sound(&placed(kind, element, &one(element, slot, state))) {
                unsound.push(bit);
            }
        }
    }
    unsound
}

/// The vector with one name in a state and the others not mentioned.
pub(super) fn one(element: &Element, slot: usize, state: usize) -> Vector {
    changed(&vec![0; element.names.len()], slot, state)
}

/// The vector with one slot in another state.
pub(super) fn changed(vector: &Vector, slot: usize, state: usize) -> Vector {
    vector.iter().enumerate().map(|(at, other)| if at == slot { state } else { *other }).collect()
}

/// An assembly of one element.
pub(super) fn placed(kind: &Kind, element: &Element, vector: &Vector) -> Assembly {
    let mut assembly = Assembly::default();
    add(kind, element, vector, &mut assembly);
    assembly
}

/// An assembly of all elements that have no slots.
fn together(kind: &Kind, elements: &[Element]) -> Assembly {
    let mut assembly = Assembly::default();
    let plain = elements.iter().filter(|element| element.names.is_empty());
    plain.for_each(|element| add(kind, element, &Vector::new(), &mut assembly));
    assembly
}

/// Adds an element.
pub(super) fn add(kind: &Kind, element: &Element, vector: &Vector, assembly: &mut Assembly) {
    let [regular, init] = &mut assembly.containers;
    match kind {
        Kind::Container => regular.push(element.edits(vector)),
        Kind::InitContainer => init.push(element.edits(vector)),
        Kind::Volume => assembly.volumes.extend(element.volume.clone()),
        Kind::Item(_) => assembly.items.extend(element.edits.iter().cloned()),
    }
}
