//! Whether what is presumed to be a for-all is one.
//!
//! How a statement is written tells that it is a for-all: see [`crate::symbolic`]. What steps do to a pod is only presumed
//! to be done part by part. So pods with several parts are looked at: where every part holds by itself the pod has to
//! hold, and a pod with a part that does not must not, whatever stands beside it. Of names a few mixes of states are looked
//! at, which is no proof; but a rule that asks for any or for all of some names shows itself in them.

use std::collections::HashSet;

use super::facet::{Element, STATES, Vector, changed};
use super::table::{Chosen, Holds, States, Tabulation};
use crate::symbolic::Answer;

/// What was found of the elements under a row: the group, which of it, and where it holds.
pub(super) type Found = Vec<(usize, usize, States)>;

/// In how many ways the states of names are mixed.
const MIXES: usize = STATES + 2;

impl Tabulation<'_> {
    /// Checks what was found of a row beside a basis.
    pub(super) fn check(&mut self, row: usize, basis: &[Chosen], found: &Found) -> Answer<()> {
        // Rows that look alike say the same of the same.
        if !self.known.checked.insert((self.projection.row(row), found.clone())) {
            return Ok(());
        }
        let depends = || Err("what is done to one part of a pod depends on the others".to_owned());
        let mut seen = HashSet::new();
        let distinct: Vec<(usize, usize, &Element, &Vec<bool>)> = found
            .iter()
            .filter_map(|(group, index, states)| {
                let element = self.facet.groups.get(*group)?.elements.get(*index)?;
                let states = states.as_ref()?;
                let look = (*group, self.projection.element(*group, *index), states);
                seen.insert(look).then_some((*group, *index, element, states))
            })
            .collect();
        let mixes = if distinct.iter().any(|(_, _, element, _)| !element.names.is_empty()) { MIXES } else { 1 };
        for mix in 0..mixes {
            let parts = distinct
                .iter()
                .filter_map(|(group, index, element, states)| Some((*group, *index, mixed(element, states, mix)?)));
            let together = basis.iter().cloned().chain(parts).collect();
            if self.of(row, together)? == Holds::No {
                return depends();
            }
        }
        let mut beside = basis.to_vec();
        for (group, index, element, states) in &distinct {
            if !beside.iter().any(|(other, _, _)| other == group) {
                beside.extend(mixed(element, states, 0).map(|vector| (*group, *index, vector)));
            }
        }
        for (group, index, element, states) in &distinct {
            for vector in self.failing(row, element, states) {
                let with = beside.iter().cloned().chain([(*group, *index, vector)]).collect();
                if self.of(row, with)? == Holds::Yes {
                    return depends();
                }
            }
        }
        Ok(())
    }

    /// Vectors of an element of which the statement must not hold: in each one slot is in a state of which it does not.
    fn failing(&self, row: usize, element: &Element, states: &[bool]) -> Vec<Vector> {
        if element.names.is_empty() {
            return if states == [false] { vec![Vector::new()] } else { Vec::new() };
        }
        let Some(holding) = mixed(element, states, MIXES - 1) else { return Vec::new() };
        let every = (0..element.names.len()).flat_map(|slot| (0..STATES).map(move |state| (slot, state)));
        let failing = every.filter(|(slot, state)| states.get(slot * STATES + state) == Some(&false));
        let vectors = failing.map(|(slot, state)| changed(&holding, slot, state));
        vectors.filter(|vector| self.is_valid(row, element, vector)).collect()
    }
}

/// A vector of states in each of which the statement holds; `None` if a slot has none.
fn mixed(element: &Element, states: &[bool], mix: usize) -> Option<Vector> {
    if element.names.is_empty() {
        return (states == [true]).then(Vector::new);
    }
    let of_slot = |slot: usize| {
        let of = states.get(slot * STATES..(slot + 1) * STATES)?;
        let holding: Vec<usize> = (0..STATES).filter(|state| of.get(*state) == Some(&true)).collect();
        let wanted = if mix < STATES { mix } else { (slot >> (mix - STATES)) % STATES };
        holding
            .iter()
            .find(|state| **state == wanted)
            .or_else(|| holding.get((slot + mix) % holding.len().max(1)))
            .copied()
    };
    (0..element.names.len()).map(of_slot).collect()
}
