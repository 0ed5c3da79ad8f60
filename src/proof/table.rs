//! Tables: in which cells of a facet a statement holds, found by evaluating it on concrete pods.
//!
//! A statement is a for-all: of a pod with the elements e₁ … eₙ under a row it says e₁ ∧ … ∧ eₙ. A pod needs a container,
//! and a list that has items needs one; so a cell is evaluated beside a *basis*: elements for what is needed, with which
//! the statement holds. Where no basis exists no pod under that row makes the statement true.
//!
//! For the same reason many names can be looked at with one pod: if the statement holds of all of them in one state at once
//! it holds of each. Only where it does not are they looked at one by one.

use std::collections::{HashMap, HashSet};

use super::assembly::{Assembly, Place};
use super::basis::{is_needed, nothing, vectors};
use super::bits::Bits;
use super::facet::{Element, Facet, STATES, Vector, add, changed};
use super::pods::Pods;
use super::presumed::Found;
use super::projection::Projection;
use crate::symbolic::{Answer, Unit};

/// Looks at a pod, known by its number.
pub(super) type Test<'t> = &'t mut dyn FnMut(&mut Pods, usize) -> Answer<Holds>;

/// What a pod says of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    Yes,
    No,
    /// A step fails on the pod, so that it never gets there: the statement counts as true, but nothing follows for the
    /// pod's parts.
    Unreached,
}

impl From<bool> for Holds {
    fn from(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

/// Fewer names are not worth a pod in which they are all in one state.
const FEW: usize = 3;

/// One element of a group with its vector.
pub(super) type Chosen = (usize, usize, Vector);

/// Evaluates a statement on a facet.
pub(super) struct Tabulation<'a> {
    pub facet: &'a Facet,
    pub pods: &'a mut Pods,
    pub projection: &'a Projection,
    place: &'a Place,
    test: Test<'a>,
    /// Whether that the statement is a for-all is only presumed.
    presumed: bool,
    pub known: Known<'a>,
}

/// What is known of rows and elements that others look like to the statement.
#[derive(Default)]
pub(super) struct Known<'a> {
    /// By row and the lists that have items.
    bases: HashMap<(usize, &'a [Unit]), Vec<Chosen>>,
    /// Whether it holds of an element under a row.
    elements: HashMap<Like, bool>,
    /// In which states of an element's slots it holds; and which of them stood for something.
    slots: HashMap<(Like, Vec<bool>), States>,
    /// What was found of rows and checked: see [`super::presumed`].
    pub checked: HashSet<(usize, Found)>,
}

/// What a row and an element look like: row, group, element.
type Like = (usize, usize, usize);

/// Whether it holds in each state of each slot of an element; `None` if no lists of names were found of which it holds.
pub(super) type States = Option<Vec<bool>>;

impl<'a> Tabulation<'a> {
    pub fn new(
        facet: &'a Facet,
        pods: &'a mut Pods,
        place: &'a Place,
        projection: &'a Projection,
        test: Test<'a>,
    ) -> Self {
        Self { facet, pods, place, projection, test, presumed: false, known: Known::default() }
    }

    /// That the statement is a for-all is presumed: it is about what steps do.
    pub fn presumed(self) -> Self {
        Self { presumed: true, ..self }
    }

    /// Where the statement holds, in normal form: see [`Facet::normalise`].
    pub fn table(mut self) -> Answer<Bits> {
        let mut table = Bits::new(self.facet.size(), true);
        let mut slotted = Slotted::default();
        for row in 0..self.facet.rows.len() {
            self.row(row, &mut table, &mut slotted)?;
        }
        if slotted.unclear && !slotted.clear {
            return Err("no lists of capabilities were found of which it holds".to_owned());
        }
        self.facet.normalise(&mut table);
        Ok(table)
    }

    fn row(&mut self, row: usize, table: &mut Bits, slotted: &mut Slotted) -> Answer<()> {
        let facet = self.facet;
        let basis = self.known_basis(row)?;
        let mut found = Found::new();
        for (at, group) in facet.groups.iter().enumerate().filter(|(_, group)| facet.has(row, &group.kind)) {
            for (index, element) in group.elements.iter().enumerate() {
                let states = match &basis {
                    Some(basis) => self.element(row, basis, (at, index), element)?,
                    None => None,
                };
                let has_slots = !element.names.is_empty();
                slotted.clear |= has_slots && states.is_some();
                slotted.unclear |= has_slots && states.is_none();
                for (state, local) in (element.first..element.first + element.bits()).enumerate() {
                    let holds = states.as_ref().and_then(|states| states.get(state)).is_some_and(|holds| *holds);
                    table.set(facet.bit(row, local), holds);
                }
                found.push((at, index, states));
            }
        }
        match basis {
            Some(basis) if self.presumed => self.check(row, &basis, &found),
            _ => Ok(()),
        }
    }

    /// That no basis was found is found anew for each row: it depends on what stands for something under it.
    fn known_basis(&mut self, row: usize) -> Answer<Option<Vec<Chosen>>> {
        let lists = self.facet.rows.get(row).map(|row| row.lists.as_slice()).unwrap_or_default();
        let like = (self.projection.row(row), lists);
        if let Some(known) = self.known.bases.get(&like) {
            return Ok(Some(known.clone()));
        }
        let basis = self.basis(row)?;
        self.known.bases.extend(basis.clone().map(|basis| (like, basis)));
        Ok(basis)
    }

    fn element(&mut self, row: usize, basis: &[Chosen], at: (usize, usize), element: &Element) -> Answer<States> {
        let like = (self.projection.row(row), at.0, self.projection.element(at.0, at.1));
        let bits = element.first..element.first + element.bits();
        let valid: Vec<bool> = bits.map(|local| self.facet.valid.get(self.facet.bit(row, local))).collect();
        if !valid.contains(&true) {
            return Ok(None);
        }
        if element.names.is_empty() || !self.projection.names {
            let holds = match self.known.elements.get(&like) {
                Some(known) => *known,
                None => {
                    let holds = self.holds(row, basis, (at.0, at.1, nothing(element)))?;
                    self.known.elements.insert(like, holds);
                    holds
                }
            };
            return Ok(Some(valid.into_iter().map(|valid| valid && holds).collect()));
        }
        if let Some(known) = self.known.slots.get(&(like, valid.clone())) {
            return Ok(known.clone());
        }
        let states = self.slots(row, basis, at, element, &valid)?;
        self.known.slots.insert((like, valid), states.clone());
        Ok(states)
    }

    fn slots(
        &mut self,
        row: usize,
        basis: &[Chosen],
        (group, index): (usize, usize),
        element: &Element,
        valid: &[bool],
    ) -> Answer<States> {
        let Some(base) = self.base(row, basis, (group, index), element)? else { return Ok(None) };
        let stands = |slot: usize, state: usize| valid.get(slot * STATES + state) == Some(&true);
        let mut states = valid.to_vec();
        for state in 0..STATES {
            let slots = base.iter().enumerate();
            let all = slots.map(|(slot, other)| if stands(slot, state) { state } else { *other }).collect();
            let all_at_once = (group, index, all);
            if !self.presumed && base.len() >= FEW && self.on(row, basis, all_at_once) == Ok(Holds::Yes) {
                continue;
            }
            for slot in (0..base.len()).filter(|slot| stands(*slot, state)) {
                let holds = self.holds(row, basis, (group, index, changed(&base, slot, state)))?;
                states.iter_mut().skip(slot * STATES + state).take(1).for_each(|it| *it = holds);
            }
        }
        Ok(Some(states))
    }

    /// States of an element's slots with which the statement holds.
    fn base(
        &mut self,
        row: usize,
        basis: &[Chosen],
        (group, index): (usize, usize),
        element: &Element,
    ) -> Answer<Option<Vector>> {
        let known = self.pods.vectors.iter().filter(|known| known.len() == element.names.len());
        for vector in known.cloned().chain(vectors(element)).collect::<Vec<_>>() {
            if self.is_valid(row, element, &vector) && self.holds(row, basis, (group, index, vector.clone()))? {
                if !self.pods.vectors.contains(&vector) {
                    self.pods.vectors.push(vector.clone());
                }
                return Ok(Some(vector));
            }
        }
        Ok(None)
    }

    /// Whether the statement holds of the basis with one more element, or with that element in place of its like.
    fn holds(&mut self, row: usize, basis: &[Chosen], more: Chosen) -> Answer<bool> {
        Ok(self.on(row, basis, more)? != Holds::No)
    }

    fn on(&mut self, row: usize, basis: &[Chosen], more: Chosen) -> Answer<Holds> {
        let kept = basis.iter().filter(|(group, _, _)| *group != more.0).cloned().chain([more.clone()]).collect();
        self.of(row, kept)
    }

    /// What a pod under a row with these elements says.
    pub(super) fn of(&mut self, row: usize, elements: Vec<Chosen>) -> Answer<Holds> {
        let pod = self.pod(row, elements);
        (self.test)(self.pods, pod)
    }

    /// The pod that is looked at for a row and elements under it.
    fn pod(&mut self, row: usize, kept: Vec<Chosen>) -> usize {
        let names = |group: usize, element: usize| {
            let element = self.facet.groups.get(group).and_then(|group| group.elements.get(element));
            element.map(|element| element.names.as_slice()).unwrap_or_default()
        };
        let seen = |(group, element, vector): &Chosen| {
            (*group, self.projection.element(*group, *element), self.projection.vector(names(*group, *element), vector))
        };
        let row = self.projection.row(row);
        let kept: Vec<Chosen> = kept.iter().map(seen).collect();
        let mut key = vec![row];
        for (group, element, vector) in &kept {
            key.extend([*group, *element]);
            key.extend(vector);
            key.push(usize::MAX);
        }
        if let Some(number) = self.pods.assembled.get(&key) {
            return *number;
        }
        let mut assembly = Assembly::default();
        self.facet.add_row(row, &mut assembly);
        for (group, element, vector) in kept {
            if let Some(group) = self.facet.groups.get(group)
                && let Some(element) = group.elements.get(element)
            {
                add(&group.kind, element, &vector, &mut assembly);
            }
        }
        let number = self.pods.number(assembly.pod(self.place));
        self.pods.assembled.insert(key, number);
        number
    }
}

/// Whether for any elements with slots lists of names were found of which the statement holds; whether for any none was.
#[derive(Default)]
struct Slotted {
    clear: bool,
    unclear: bool,
}

impl Facet {
    /// The normal form of a table: under a row that lacks what a pod needs nothing holds, and nothing of an element holds
    /// of which a slot has no state left. Bits that stand for nothing are set.
    pub fn normalise(&self, table: &mut Bits) {
        table.intersect(&self.valid);
        for row in 0..self.rows.len() {
            for element in self.groups.iter().flat_map(|group| &group.elements).filter(|it| !it.names.is_empty()) {
                if !self.is_alive(row, element, table) {
                    table.clear(self.bit(row, element.first)..self.bit(row, element.first + element.bits()));
                }
            }
            let mut needed = self.groups.iter().filter(|group| is_needed(self, row, &group.kind));
            if !needed.all(|group| group.elements.iter().any(|element| self.is_alive(row, element, table))) {
                table.clear(self.bit(row, 0)..self.bit(row, self.width));
            }
        }
        table.add_missing(&self.valid, &self.all);
    }

    /// Whether every slot of an element has a state left in a table.
    fn is_alive(&self, row: usize, element: &Element, table: &Bits) -> bool {
        element.slots().all(|mut bits| bits.any(|bit| table.get(self.bit(row, bit))))
    }
}
