//! Cases: pods told apart by a few units of the pod itself, so that what hangs together by those alone falls apart.
//!
//! Checks that spare Windows pods all read `spec.os`; whatever else they read would have to be looked at in every
//! combination. For each value of `spec.os` by itself they have nothing in common. Every pod is in one case, so that what
//! holds in each of them holds of all pods.

use std::collections::BTreeSet;

use super::facet::Values;
use crate::symbolic::{Reads, Unit};

/// More combinations than these are told into cases.
const MANY: usize = 2_000;

/// More cases than these are not made.
const MOST_CASES: usize = 64;

/// The units that tell cases apart; none where little hangs together.
pub(super) fn telling(statements: &[&Reads], pieces: &[&Reads], values: &Values) -> BTreeSet<Unit> {
    let reads = [statements, pieces].concat();
    let mut telling = BTreeSet::new();
    for unit in shared(statements, pieces) {
        let more: BTreeSet<Unit> = telling.iter().cloned().chain([unit]).collect();
        if most_combinations(&reads, &telling, values) > MANY && count(&more, values) <= MOST_CASES {
            telling = more;
        }
    }
    for unit in telling.clone() {
        let fewer: BTreeSet<Unit> = telling.iter().filter(|it| **it != unit).cloned().collect();
        if most_combinations(&reads, &fewer, values) <= most_combinations(&reads, &telling, values) {
            telling = fewer;
        }
    }
    telling
}

/// The values for each case: those units have one.
pub(super) fn cases(telling: &BTreeSet<Unit>, values: &Values) -> Vec<Values> {
    let mut cases = vec![values.clone()];
    for unit in telling {
        let of_unit = values.get(unit).map(Vec::as_slice).unwrap_or_default();
        let with = |case: &Values, value: &serde_json::Value| {
            let mut case = case.clone();
            case.insert(unit.clone(), vec![value.clone()]);
            case
        };
        cases = cases.iter().flat_map(|case| of_unit.iter().map(|value| with(case, value))).collect();
    }
    cases
}

/// The units of the pod itself that several statements read and nothing writes, those that most read first.
fn shared(statements: &[&Reads], pieces: &[&Reads]) -> Vec<Unit> {
    let written: BTreeSet<&Unit> = pieces.iter().flat_map(|piece| &piece.units).collect();
    let read: BTreeSet<&Unit> = statements.iter().flat_map(|read| &read.units).collect();
    let times = |unit: &Unit| statements.iter().filter(|read| read.units.contains(unit)).count();
    let own = read.into_iter().filter(|unit| matches!(unit, Unit::Pod(_)) && !written.contains(unit));
    let mut shared: Vec<Unit> = own.filter(|unit| times(unit) > 1).cloned().collect();
    shared.sort_by_key(|unit| std::cmp::Reverse(times(unit)));
    shared
}

/// How many cases there are.
fn count(telling: &BTreeSet<Unit>, values: &Values) -> usize {
    telling.iter().map(|unit| values.get(unit).map_or(1, Vec::len)).fold(1, usize::saturating_mul)
}

/// How many combinations of values the largest group has within a case.
fn most_combinations(reads: &[&Reads], telling: &BTreeSet<Unit>, values: &Values) -> usize {
    let rest = |group: Vec<Unit>| group.into_iter().filter(|unit| !telling.contains(unit)).collect::<BTreeSet<Unit>>();
    groups(reads, telling).into_iter().map(|group| count(&rest(group), values)).max().unwrap_or(0)
}

/// The units, those that anything reads together in one group; units that tell cases apart are in each group that reads
/// them.
pub(super) fn groups(reads: &[&Reads], telling: &BTreeSet<Unit>) -> Vec<Vec<Unit>> {
    let mut groups: Vec<BTreeSet<Unit>> = Vec::new();
    for read in reads {
        let mut units = read.units.clone();
        if units.contains(&Unit::Mount) {
            units.insert(Unit::Volume);
        }
        if units.is_empty() {
            continue;
        }
        let own = |group: &BTreeSet<Unit>| group.difference(telling).cloned().collect::<BTreeSet<Unit>>();
        let is_touched = |group: &BTreeSet<Unit>| {
            if own(&units).is_empty() { own(group).is_empty() } else { !own(group).is_disjoint(&units) }
        };
        let (touched, apart): (Vec<_>, Vec<_>) = groups.into_iter().partition(|group| is_touched(group));
        units.extend(touched.into_iter().flatten());
        groups = apart;
        groups.push(units);
    }
    groups.sort();
    groups.into_iter().map(|group| group.into_iter().collect()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn os() -> Unit {
        Unit::Pod(vec!["spec".to_owned(), "os".to_owned()])
    }

    fn reads(units: &[Unit]) -> Reads {
        Reads { units: units.iter().cloned().collect(), ..Reads::default() }
    }

    /// Statements that each read the system and a field of containers that takes fifty values.
    fn statements() -> Vec<Reads> {
        ["runAsUser", "runAsGroup"].map(|field| reads(&[os(), Unit::context(field)])).into()
    }

    fn values() -> Values {
        let systems = (os(), vec![json!(null), json!({"name": "linux"}), json!({"name": "windows"})]);
        let ids = |field| (Unit::context(field), (0..50).map(|id| json!(id)).collect());
        [systems, ids("runAsUser"), ids("runAsGroup")].into()
    }

    #[test]
    fn what_hangs_together_by_one_unit_alone_falls_apart() {
        let statements = statements();
        let all: Vec<&Reads> = statements.iter().collect();
        let telling = telling(&all, &[], &values());
        assert_eq!(telling, BTreeSet::from([os()]));
        let apart = ["runAsGroup", "runAsUser"].map(|field| vec![os(), Unit::context(field)]);
        assert_eq!(groups(&all, &telling), apart);
        assert_eq!(groups(&all, &BTreeSet::new()).len(), 1);
    }

    #[test]
    fn every_pod_is_in_one_case() {
        let of_os = |case: &Values| case.get(&os()).cloned().unwrap();
        let cases = cases(&BTreeSet::from([os()]), &values());
        assert_eq!(cases.iter().flat_map(of_os).collect::<Vec<_>>(), of_os(&values()));
        assert!(cases.iter().all(|case| case.len() == 3 && of_os(case).len() == 1));
    }

    #[test]
    fn what_a_step_touches_tells_no_cases_apart() {
        let (statements, piece) = (statements(), reads(&[os()]));
        let all: Vec<&Reads> = statements.iter().collect();
        assert_eq!(telling(&all, &[&piece], &values()), BTreeSet::new());
    }

    #[test]
    fn little_is_not_told_apart() {
        let statements = statements();
        let all: Vec<&Reads> = statements.iter().collect();
        let mut few = values();
        few.values_mut().for_each(|values| values.truncate(3));
        assert_eq!(telling(&all, &[], &few), BTreeSet::new());
    }
}
