//! A basis: elements for what a pod under a row cannot be without, with which a statement holds.

use super::facet::{Element, Facet, Kind, STATES, Vector, changed};
use super::table::{Chosen, Holds, Tabulation};
use crate::symbolic::Answer;

impl Tabulation<'_> {
    /// A basis for a row; one that is known for another statement if it will do.
    pub(super) fn basis(&mut self, row: usize) -> Answer<Option<Vec<Chosen>>> {
        for known in self.pods.bases.get(&row).cloned().unwrap_or_default() {
            if self.is_basis(row, &known)? {
                return Ok(Some(known));
            }
        }
        for candidate in self.candidates(row) {
            if self.is_basis(row, &candidate)? {
                self.pods.bases.entry(row).or_default().push(candidate.clone());
                return Ok(Some(candidate));
            }
        }
        Ok(None)
    }

    fn is_basis(&mut self, row: usize, candidate: &[Chosen]) -> Answer<bool> {
        Ok(self.of(row, candidate.to_vec())? != Holds::No)
    }

    /// One element for each thing that is needed, in all ways.
    fn candidates(&self, row: usize) -> Vec<Vec<Chosen>> {
        let facet = self.facet;
        let needed = facet.groups.iter().enumerate().filter(|(_, group)| is_needed(facet, row, &group.kind));
        needed.fold(vec![Vec::new()], |candidates: Vec<Vec<Chosen>>, (at, group)| {
            let mut choices: Vec<Chosen> = Vec::new();
            for (index, element) in group.elements.iter().enumerate() {
                let vectors = if self.projection.names { vectors(element) } else { vec![nothing(element)] };
                let valid = vectors.into_iter().filter(|vector| self.is_valid(row, element, vector));
                choices.extend(valid.map(|vector| (at, self.projection.element(at, index), vector)));
            }
            choices.dedup();
            let with = |chosen: &Vec<Chosen>| {
                let chosen = chosen.clone();
                choices.iter().map(move |choice| chosen.iter().cloned().chain([choice.clone()]).collect())
            };
            candidates.iter().flat_map(with).collect::<Vec<Vec<Chosen>>>()
        })
    }

    /// Whether an element stands for something under a row, with its slots in these states.
    pub(super) fn is_valid(&self, row: usize, element: &Element, vector: &Vector) -> bool {
        let is_valid = |local: usize| self.facet.valid.get(self.facet.bit(row, local));
        if element.names.is_empty() {
            return is_valid(element.first);
        }
        element.slots().zip(vector).all(|(bits, state)| is_valid(bits.start + state))
    }
}

/// Whether a pod under this row cannot be without.
pub(super) fn is_needed(facet: &Facet, row: usize, kind: &Kind) -> bool {
    match kind {
        Kind::Container => true,
        Kind::Item(_) => facet.has(row, kind),
        Kind::InitContainer | Kind::Volume => false,
    }
}

/// Vectors to start from: all names alike, and every name in turn apart.
pub(super) fn vectors(element: &Element) -> Vec<Vector> {
    let alike = [0, 2, 1, 3].map(|state| vec![state; element.names.len()]);
    let apart =
        |rest: usize| (0..element.names.len()).flat_map(move |slot| (0..STATES).map(move |state| (slot, state, rest)));
    let apart = [2, 0].into_iter().flat_map(apart).filter(|(_, state, rest)| state != rest);
    let apart = apart.map(|(slot, state, rest)| changed(&vec![rest; element.names.len()], slot, state));
    if element.names.is_empty() {
        return vec![Vector::new()];
    }
    [nothing(element)].into_iter().chain(alike).chain(apart).collect()
}

/// No name is mentioned.
pub(super) fn nothing(element: &Element) -> Vector {
    vec![0; element.names.len()]
}
