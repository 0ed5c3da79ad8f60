//! What of a facet a question depends on. Parts of a pod that differ in nothing else get the same answer, so that one of
//! them, the one that says least, is looked at for all.

use std::collections::{BTreeSet, HashMap};

use super::assembly::Edit;
use super::facet::{Element, Facet, Vector, capabilities_unit};
use crate::symbolic::{Reads, Step, Unit};

/// What an answer may depend on: see [`Reads`].
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Scope {
    pub units: BTreeSet<Unit>,
    /// Whether an object that holds units is there at all.
    pub parents: bool,
    /// The names of capabilities: see [`Reads::names`].
    names: Names,
}

/// Names of capabilities that an answer depends on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Names {
    These(BTreeSet<String>),
    All,
}

impl Default for Names {
    fn default() -> Self {
        Self::These(BTreeSet::new())
    }
}

impl Names {
    fn of(reads: &Reads) -> Self {
        match &reads.names {
            _ if reads.parents => Self::All,
            _ if !reads.units.contains(&capabilities_unit()) => Self::default(),
            Some(names) => Self::These(names.clone()),
            None => Self::All,
        }
    }

    fn join(&mut self, other: Self) {
        match (self, other) {
            (Self::These(own), Self::These(others)) => own.extend(others),
            (own, _) => *own = Self::All,
        }
    }

    fn has(&self, name: &String) -> bool {
        match self {
            Self::These(names) => names.contains(name),
            Self::All => true,
        }
    }
}

impl Scope {
    /// What of a facet is read.
    pub fn of(reads: &Reads, facet: &Facet) -> Self {
        let mut units: BTreeSet<Unit> = reads.units.iter().filter(|unit| facet.units.contains(unit)).cloned().collect();
        if units.contains(&Unit::Mount) {
            units.insert(Unit::Volume);
        }
        Self { units, parents: reads.parents, names: Names::of(reads) }
    }

    /// All of a facet.
    pub fn all(facet: &Facet) -> Self {
        Self { units: facet.units.iter().cloned().collect(), parents: true, names: Names::All }
    }

    fn is_empty(&self) -> bool {
        self.units.is_empty() && !self.parents
    }

    fn touches(&self, other: &Self) -> bool {
        !self.units.is_disjoint(&other.units)
    }

    /// Both together.
    pub fn join(&mut self, other: Self) {
        self.units.extend(other.units);
        self.parents |= other.parents;
        self.names.join(other.names);
    }

    /// What it depends on at the beginning of a trail of steps, given what it depends on at its end.
    pub fn at_the_beginning(self, trail: &[usize], steps: &[Step], facet: &Facet) -> Self {
        trail.iter().rev().filter_map(|step| steps.get(*step)).fold(self, |scope, step| scope.before(step, facet))
    }

    /// What it depends on before a step, given what it depends on after it. Pieces do not depend on each other.
    fn before(self, step: &Step, facet: &Facet) -> Self {
        if self.parents {
            // Whatever the step writes may make the object.
            return Self::all(facet);
        }
        let mut scope = self.clone();
        let pieces = step.pieces.iter().map(|piece| Self::of(piece, facet));
        pieces.filter(|piece| piece.touches(&self)).for_each(|piece| scope.join(piece));
        scope
    }

    /// The scopes, those that touch each other joined.
    pub fn apart(scopes: impl IntoIterator<Item = Self>) -> Vec<Self> {
        let mut apart: Vec<Self> = Vec::new();
        for mut scope in scopes.into_iter().filter(|scope| !scope.is_empty()) {
            let (touched, others): (Vec<_>, Vec<_>) = apart.into_iter().partition(|other| scope.touches(other));
            touched.into_iter().for_each(|other| scope.join(other));
            apart = others;
            apart.push(scope);
        }
        apart
    }
}

/// For each row and element of a facet the first that looks alike.
#[derive(Debug)]
pub(super) struct Projection {
    rows: Vec<usize>,
    elements: Vec<Vec<usize>>,
    /// Whether names of capabilities are looked at.
    pub names: bool,
    /// Those that are.
    seen: Names,
}

impl Projection {
    pub fn new(facet: &Facet, scope: &Scope) -> Self {
        let all_names = || facet.groups.iter().flat_map(|group| &group.elements).flat_map(|element| &element.names);
        let names = all_names().any(|name| scope.names.has(name));
        let rows = facet.rows.iter().map(|row| {
            let lists: Vec<&Unit> = row.lists.iter().filter(|unit| scope.units.contains(unit)).collect();
            format!("{lists:?} {}", scope.seen(&row.edits))
        });
        let of_element = |element: &Element| {
            let volume = element.volume.as_ref();
            let mount = volume.filter(|_| scope.units.contains(&Unit::Mount)).and_then(|volume| volume.mount.as_ref());
            format!("{} {mount:?} {:?}", scope.seen(&element.edits), names.then_some(&element.names))
        };
        let elements = facet.groups.iter().map(|group| first_alike(group.elements.iter().map(of_element)));
        Self { rows: first_alike(rows), elements: elements.collect(), names, seen: scope.names.clone() }
    }

    /// The row that is looked at in place of another.
    pub fn row(&self, row: usize) -> usize {
        self.rows.get(row).copied().unwrap_or(row)
    }

    /// The states of names that are looked at in place of others.
    pub fn vector(&self, names: &[String], states: &Vector) -> Vector {
        let seen = |(name, state): (&String, &usize)| if self.seen.has(name) { *state } else { 0 };
        names.iter().zip(states).map(seen).collect()
    }

    /// The element of a group that is looked at in place of another.
    pub fn element(&self, group: usize, element: usize) -> usize {
        self.elements.get(group).and_then(|elements| elements.get(element)).copied().unwrap_or(element)
    }
}

impl Scope {
    /// What is seen of the values of units, as text.
    fn seen(&self, edits: &[Edit]) -> String {
        let (seen, others): (Vec<_>, Vec<_>) = edits.iter().partition(|(unit, _)| self.units.contains(unit));
        let holders: BTreeSet<String> = others
            .iter()
            .filter(|(_, value)| self.parents && !value.is_null())
            .filter_map(|(unit, _)| unit.holder())
            .collect();
        let seen: Vec<String> = seen.iter().map(|(unit, value)| format!("{unit}={value}")).collect();
        format!("{seen:?} {holders:?}")
    }
}

fn first_alike(looks: impl Iterator<Item = String>) -> Vec<usize> {
    let mut first = HashMap::new();
    looks.enumerate().map(|(at, look)| *first.entry(look).or_insert(at)).collect()
}
