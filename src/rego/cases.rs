//! Whether conditions cover every case, and whether two of them can hold together.
//!
//! Both are asked of bodies of one function: those that cover every case make it defined everywhere, and those that never
//! hold together never give it two values. Cases are conjunctions of comparisons with constants.

use std::collections::{BTreeMap, BTreeSet};

/// A comparison of a value, by its number, whose outcome is not known.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Atom {
    /// It is this constant, as JSON.
    Is(u32, String),
    /// It is less than this constant, as JSON.
    IsLess(u32, String),
    /// It is more than this constant, as JSON.
    IsMore(u32, String),
    /// Something else that holds or does not.
    Holds(u32),
}

/// Atoms with their truths, all of which hold.
pub(super) type Case = Vec<(Atom, bool)>;

/// No more cases than these are looked at.
pub(super) const MOST_CASES: usize = 64;

/// No more assignments than these are gone through.
const MOST_ASSIGNMENTS: usize = 4096;

/// What is true in an assignment.
type World = BTreeMap<Atom, bool>;

/// Whether one of the cases holds whatever the values are.
pub(super) fn cover_everything(cases: &[Case]) -> bool {
    worlds(cases).is_some_and(|worlds| worlds.iter().all(|world| cases.iter().any(|case| holds(case, world))))
}

/// Whether no case of one holds together with a case of the other.
pub(super) fn exclude_each_other(one: &[Case], other: &[Case]) -> bool {
    let all: Vec<Case> = one.iter().chain(other).cloned().collect();
    let both = |world: &World| one.iter().any(|case| holds(case, world)) && other.iter().any(|case| holds(case, world));
    worlds(&all).is_some_and(|worlds| !worlds.iter().any(both))
}

fn holds(case: &Case, world: &World) -> bool {
    case.iter().all(|(atom, truth)| world.get(atom) == Some(truth))
}

/// Every assignment to the atoms that can be: a value is at most one constant. `None` if there are too many.
fn worlds(cases: &[Case]) -> Option<Vec<World>> {
    let atoms: BTreeSet<&Atom> = cases.iter().flatten().map(|(atom, _)| atom).collect();
    let mut worlds = vec![World::new()];
    for atom in atoms {
        if worlds.len() * 2 > MOST_ASSIGNMENTS {
            return None;
        }
        let with = |world: &World, truth: bool| {
            let mut world = world.clone();
            world.insert(atom.clone(), truth);
            can_be(&world, atom).then_some(world)
        };
        worlds = worlds.iter().flat_map(|world| [with(world, true), with(world, false)]).flatten().collect();
    }
    Some(worlds)
}

fn can_be(world: &World, new: &Atom) -> bool {
    let same = |atom: &Atom| match (atom, new) {
        (Atom::Is(one, _), Atom::Is(other, _)) => one == other,
        (
            Atom::Is(one, a) | Atom::IsLess(one, a) | Atom::IsMore(one, a),
            Atom::Is(other, b) | Atom::IsLess(other, b) | Atom::IsMore(other, b),
        ) => one == other && a == b,
        _ => false,
    };
    let true_ones = world.iter().filter(|(atom, truth)| **truth && same(atom)).count();
    true_ones <= 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(value: &str, truth: bool) -> (Atom, bool) {
        (Atom::Is(1, value.to_owned()), truth)
    }

    #[test]
    fn a_case_and_its_opposite_cover_everything() {
        assert!(cover_everything(&[vec![is("null", true)], vec![is("null", false)]]));
        assert!(!cover_everything(&[vec![is("null", true)], vec![is("0", true)]]));
        let nested = [
            vec![is("null", true)],
            vec![is("null", false), (Atom::Holds(2), true)],
            vec![is("null", false), (Atom::Holds(2), false)],
        ];
        assert!(cover_everything(&nested));
        assert!(!cover_everything(&nested[1..]));
    }

    #[test]
    fn a_value_is_one_constant_only() {
        assert!(exclude_each_other(&[vec![is("0", true)]], &[vec![is("1", true)]]));
        assert!(!exclude_each_other(&[vec![is("0", false)]], &[vec![is("1", false)]]));
        let less = (Atom::IsLess(1, "0".to_owned()), true);
        assert!(exclude_each_other(&[vec![less.clone()]], &[vec![(less.0, false)]]));
    }
}
