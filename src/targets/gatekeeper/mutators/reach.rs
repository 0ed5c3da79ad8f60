//! What mutators read and write, piece by piece: for proofs.

use std::collections::BTreeMap;

use serde_json::Value;

use super::location::Step;
use super::read::{Change, Mutator};
use crate::pod_view::{APP_ARMOR_ANNOTATION, CONTAINER_SECCOMP_ANNOTATION};
use crate::symbolic::{Constant, How, Named, Reads, Unit, Unproven};

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
    let piece = |(unit, mutators): (Unit, Vec<&Mutator>)| {
        let constants = mutators.into_iter().flat_map(Mutator::compared).collect();
        Reads { units: [unit].into(), constants, parents: true, names: None }
    };
    Ok(by_unit.into_iter().map(piece).collect())
}

impl Mutator {
    /// Whether two mutators write in one place. Members that are added in any order make the same list in the end; values
    /// that are set may go back and forth.
    fn may_undo(&self, other: &Self) -> bool {
        let in_one_place = self.location.starts_with(&other.location) || other.location.starts_with(&self.location);
        let merge = [self, other].iter().all(|mutator| matches!(mutator.change, Change::Merge(_)));
        in_one_place && !merge
    }

    fn path(&self) -> Vec<String> {
        let name = |step: &Step| match step {
            Step::Key(key) => key.clone(),
            Step::Element { .. } => "[]".to_owned(),
        };
        self.location.iter().map(name).collect()
    }

    /// What the values in its place are compared with, to see whether anything is to be done.
    fn compared(&self) -> Vec<Constant> {
        let mut path = self.path();
        let values = match &self.change {
            Change::Set(value) if self.passes(self.location.len().saturating_sub(1), true) => {
                std::slice::from_ref(value)
            }
            Change::Set(_) | Change::SetIfAbsent(_) => return Vec::new(),
            Change::Merge(values) | Change::Prune(values) => {
                path.push("[]".to_owned());
                values
            }
        };
        let Named::Unit(unit, within) = Unit::named(&path) else { return Vec::new() };
        let constant = |value: &Value| Constant {
            unit: unit.clone(),
            within: within.clone(),
            value: value.clone(),
            how: How::Equal,
        };
        values.iter().map(constant).collect()
    }

    /// The part of the pod that is written, and nothing beyond it read.
    fn unit(&self) -> Result<Unit, &'static str> {
        if self.location.iter().any(|step| matches!(step, Step::Element { value: Some(_), .. })) {
            return Err("it changes an element of one name only");
        }
        let path = self.path();
        let units: Vec<Named> = (1..=path.len()).filter_map(|length| path.get(..length)).map(Unit::named).collect();
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn compared(kind: &str, parameters: &Value) -> Vec<(Vec<String>, Value)> {
        let mutator = Mutator::read(&json!({
            "apiVersion": "mutations.gatekeeper.sh/v1", "kind": kind, "metadata": {"name": "m"},
            "spec": {
                "applyTo": [{"groups": [""], "versions": ["v1"], "kinds": ["Pod"]}],
                "location": "spec.containers[name: *].securityContext.capabilities.add",
                "parameters": parameters,
            },
        }));
        let pieces = pieces(mutator.unwrap().iter()).unwrap();
        pieces.into_iter().flat_map(|piece| piece.constants).map(|it| (it.within, it.value)).collect()
    }

    #[test]
    fn members_that_a_mutator_adds_are_told_apart_from_others() {
        let within = |path: &[&str]| path.iter().map(|step| (*step).to_owned()).collect::<Vec<_>>();
        let merged = compared("ModifySet", &json!({"operation": "merge", "values": {"fromList": ["CHOWN"]}}));
        assert_eq!(merged, [(within(&["add", "[]"]), json!("CHOWN"))]);
        let set = json!({"assign": {"value": ["CHOWN"]}});
        assert_eq!(compared("Assign", &set), [(within(&["add"]), json!(["CHOWN"]))]);
    }

    #[test]
    fn what_is_only_set_where_nothing_is_is_compared_with_nothing() {
        let path = "spec.containers[name: *].securityContext.capabilities.add";
        let absent = json!([{"subPath": path, "condition": "MustNotExist"}]);
        assert_eq!(compared("Assign", &json!({"assign": {"value": ["CHOWN"]}, "pathTests": absent})), []);
    }
}
