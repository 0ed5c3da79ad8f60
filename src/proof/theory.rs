//! Whether some pod makes statements about one facet true and others false.
//!
//! Only elements of which every true statement holds may stand in the pod. What a pod needs must be among them, and each
//! false statement needs one that falsifies it: elements are dropped and repeated freely, so nothing else matters.

use super::basis::is_needed;
use super::bits::Bits;
use super::facet::{Facet, Kind, Vector};

/// The part of a pod that lies in one facet.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Part {
    pub row: usize,
    /// Group, element and vector of each element.
    pub elements: Vec<(usize, usize, Vector)>,
}

/// A part of a pod of which the statement `truth` holds, the conjunction of all true ones, and none of `falsehoods`. With
/// `init` the pod has init containers, and without it has none.
pub(super) fn part(facet: &Facet, truth: &Bits, falsehoods: &[&Bits], init: bool) -> Option<Part> {
    (0..facet.rows.len()).find_map(|row| Search { facet, truth, row, init }.part(falsehoods))
}

struct Search<'a> {
    facet: &'a Facet,
    truth: &'a Bits,
    row: usize,
    init: bool,
}

impl Search<'_> {
    fn part(&self, falsehoods: &[&Bits]) -> Option<Part> {
        let mut elements: Vec<(usize, usize, Vector)> = Vec::new();
        for false_one in falsehoods {
            let is_false = |chosen: &(usize, usize, Vector)| self.falsifies(chosen, false_one);
            if !elements.iter().any(is_false) {
                elements.push(self.falsifier(false_one)?);
            }
        }
        for (at, group) in self.facet.groups.iter().enumerate() {
            let needed = match group.kind {
                Kind::InitContainer => self.init,
                _ => is_needed(self.facet, self.row, &group.kind),
            };
            if needed && !elements.iter().any(|(of, _, _)| *of == at) {
                elements.push(self.allowed(at).next()?);
            }
        }
        Some(Part { row: self.row, elements })
    }

    fn bit_holds(&self, table: &Bits, local: usize) -> bool {
        table.get(self.facet.bit(self.row, local))
    }

    fn is_allowed(&self, local: usize) -> bool {
        self.bit_holds(&self.facet.valid, local) && self.bit_holds(self.truth, local)
    }

    /// The elements of a group that may stand in the pod, each with its first allowed states.
    fn allowed(&self, group: usize) -> impl Iterator<Item = (usize, usize, Vector)> {
        let elements = self.facet.groups.get(group).map(|group| group.elements.as_slice()).unwrap_or_default();
        let allowed = move |(index, element): (usize, &super::facet::Element)| {
            let states = element.slots().map(|mut bits| {
                let first = bits.start;
                bits.find(|bit| self.is_allowed(*bit)).map(|bit| bit - first)
            });
            let vector: Option<Vector> = states.collect();
            Some((group, index, vector?))
        };
        elements.iter().enumerate().filter_map(allowed)
    }

    /// An element that may stand in the pod and falsifies a statement.
    fn falsifier(&self, false_one: &Bits) -> Option<(usize, usize, Vector)> {
        for (at, group) in self.facet.groups.iter().enumerate() {
            let exists = self.facet.has(self.row, &group.kind) && (self.init || group.kind != Kind::InitContainer);
            if !exists {
                continue;
            }
            for (group, index, vector) in self.allowed(at) {
                let Some(element) = self.facet.groups.get(group).and_then(|group| group.elements.get(index)) else {
                    continue;
                };
                if !self.init && element.volume.as_ref().is_some_and(|volume| matches!(volume.mount, Some((1, _)))) {
                    continue;
                }
                for (slot, bits) in element.slots().enumerate() {
                    let first = bits.start;
                    let found = bits.into_iter().find(|bit| self.is_allowed(*bit) && !self.bit_holds(false_one, *bit));
                    if let Some(bit) = found {
                        let mut vector = vector;
                        vector
                            .iter_mut()
                            .enumerate()
                            .filter(|(at, _)| *at == slot)
                            .for_each(|(_, it)| *it = bit - first);
                        return Some((group, index, vector));
                    }
                }
            }
        }
        None
    }

    fn falsifies(&self, (group, index, vector): &(usize, usize, Vector), table: &Bits) -> bool {
        let element = self.facet.groups.get(*group).and_then(|group| group.elements.get(*index));
        let mut bits = element.into_iter().flat_map(|element| element.slots().zip(vector));
        bits.any(|(bits, state)| !self.bit_holds(table, bits.start + state))
    }
}
