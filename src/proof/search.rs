//! The search for a pod that shows a difference, and what is concluded where there is none.

use std::collections::BTreeMap;

use serde_json::Value;

use super::solve::Solver;
use super::witness::{self, NoWitness};
use super::{Difference, Proof, Question, facet};
use crate::relation::Relation;
use crate::symbolic::{Node, Unproven};

/// What a search for a difference ended with.
pub(super) enum Found {
    /// There is none.
    Nothing,
    /// The smallest pod.
    Witness(Value),
    /// It could not be told.
    Unclear(Unproven),
}

/// What was found of each difference.
pub(super) type Findings = Vec<(Difference, Found)>;

/// How many pods that turn out to be no witness are passed over.
const MOST_TRIES: usize = 30;

/// The smallest pod of which the node is true, and that shows the difference.
pub(super) fn search(
    question: &Question<'_>,
    solver: &mut Solver<'_, '_>,
    facets: &[facet::Facet],
    difference: Difference,
    node: Node,
) -> Found {
    let mut doubt = None;
    for _ in 0..MOST_TRIES {
        let Some((model, init)) = solver.pod(node) else {
            return doubt.map_or(Found::Nothing, Found::Unclear);
        };
        let no_witness = match witness::witness(question, facets, &model, init, difference) {
            Ok(pod) => return Found::Witness(pod),
            Err(no_witness) => no_witness,
        };
        doubt = Some(match no_witness {
            NoWitness::Agreed(pod) => Unproven::new(
                "psp-migrate",
                format!(
                    "an error of psp-migrate: both sides agree on a pod that the proof takes for a difference: {pod}"
                ),
            ),
            NoWitness::NotTaken(pod) => Unproven::new(
                "API validation",
                format!("the only difference found is a pod that the API server would not take: {pod}"),
            ),
        });
        if !solver.forbid(node) {
            break;
        }
    }
    doubt.map_or(Found::Nothing, Found::Unclear)
}

/// The answer, from what was found of each difference in each case.
pub(super) fn conclude(cases: Vec<Findings>) -> Proof {
    let mut proof = Proof { relation: Relation::Equal, pods_equal: None, reasons: Vec::new(), witnesses: Vec::new() };
    let mut unclear = false;
    for (difference, found) in in_all_cases(cases) {
        match found {
            Found::Nothing if difference == Difference::FilledDifferently => proof.pods_equal = Some(true),
            Found::Nothing => {}
            Found::Witness(pod) => {
                match difference {
                    Difference::FilledDifferently => proof.pods_equal = Some(false),
                    Difference::Stricter => proof.relation = Relation::Stricter,
                    Difference::Looser if proof.relation == Relation::Stricter => {
                        proof.relation = Relation::Incomparable
                    }
                    Difference::Looser => proof.relation = Relation::Looser,
                }
                proof.witnesses.push((difference, pod));
            }
            Found::Unclear(reason) => {
                unclear |= difference != Difference::FilledDifferently;
                proof.reasons.push(reason);
            }
        }
    }
    if unclear {
        proof.relation = Relation::Unproven;
    }
    proof
}

/// Of each difference what weighs most, a pod before what is unclear, from the first case that has it: the first say least.
fn in_all_cases(cases: Vec<Findings>) -> BTreeMap<Difference, Found> {
    let mut all: BTreeMap<Difference, Found> = BTreeMap::new();
    for (difference, found) in cases.into_iter().flatten() {
        let heavier = match all.remove(&difference) {
            Some(known) if known.weight() >= found.weight() => known,
            _ => found,
        };
        all.insert(difference, heavier);
    }
    all
}

impl Found {
    fn weight(&self) -> u8 {
        match self {
            Self::Nothing => 0,
            Self::Unclear(_) => 1,
            Self::Witness(_) => 2,
        }
    }
}
