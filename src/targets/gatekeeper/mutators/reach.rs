//! What mutators read and write, piece by piece: for proofs.

use std::collections::BTreeMap;

use super::location::Step;
use super::read::{Change, Mutator};
use crate::pod_view::{APP_ARMOR_ANNOTATION, CONTAINER_SECCOMP_ANNOTATION};
use crate::symbolic::{Named, Reads, Unit, Unproven};

/// What the mutators read and write together: each part of the pod by itself.
///
/// # Errors
/// The mutator of which that is not seen.
pub(in super::super) fn pieces<'m>(mutators: impl Iterator<Item = &'m Mutator>) -> Result<Vec<Reads>, Unproven> {
    let mut by_unit: BTreeMap<Unit, Vec<&Mutator>> = BTreeMap::new();
    for mutator in mutators {
        let unproven = |why: &str| Unproven::new(format!("{}/{}", mutator.id.0, mutator.id.1), why);
        if mutator.matches.reads().map_err(|why| unproven(&why))?.is_some() {
            return Err(unproven("it matches pods by their labels, which is not understood for all pods"));
        }
        let unit = mutator.unit().map_err(unproven)?;
        by_unit.entry(unit).or_default().push(mutator);
    }
    for mutators in by_unit.values() {
        for (at, one) in mutators.iter().enumerate() {
            if mutators.iter().skip(at + 1).any(|other| one.may_undo(other)) {
                let why = "another mutator writes the same part of the pod, which is not understood for all pods";
                return Err(Unproven::new(format!("{}/{}", one.id.0, one.id.1), why));
            }
        }
    }
    let piece = |unit| Reads { units: [unit].into(), parents: true, ..Reads::default() };
    Ok(by_unit.into_keys().map(piece).collect())
}

impl Mutator {
    /// Whether two mutators write in one place. Members that are added in any order make the same list in the end; values
    /// that are set may go back and forth.
    fn may_undo(&self, other: &Self) -> bool {
        let in_one_place = self.location.starts_with(&other.location) || other.location.starts_with(&self.location);
        let merge = [self, other].iter().all(|mutator| matches!(mutator.change, Change::Merge(_)));
        in_one_place && !merge
    }

    /// The part of the pod that is written, and nothing beyond it read.
    fn unit(&self) -> Result<Unit, &'static str> {
        let mut path = Vec::new();
        let mut units = Vec::new();
        for step in &self.location {
            path.push(match step {
                Step::Key(key) => key.clone(),
                Step::Element { value: None, .. } => "[]".to_owned(),
                Step::Element { .. } => return Err("it changes an element of one name only"),
            });
            units.push(Unit::named(&path));
        }
        let Some(Named::Unit(unit, _)) = units.last() else {
            return Err("it changes more than a part of the pod that stands by itself");
        };
        let is_beyond =
            |depth: usize| !matches!(units.get(depth.wrapping_sub(1)), Some(Named::Unit(tested, _)) if tested == unit);
        if self.tests.iter().any(|test| is_beyond(test.depth)) {
            return Err("it tests more than what it changes");
        }
        if matches!(unit, Unit::Volume | Unit::Mount) {
            return Err("it changes volumes or mounts");
        }
        let of_container =
            |key: &String| key.starts_with(CONTAINER_SECCOMP_ANNOTATION) || key.starts_with(APP_ARMOR_ANNOTATION);
        match unit {
            Unit::Pod(path) if path.last().is_some_and(of_container) => Err("it changes an annotation for a container"),
            unit => Ok(unit.clone()),
        }
    }
}
