//! Whether two sides decide alike about *all* pods, and the smallest pod that shows a difference.
//!
//! # Why finitely many pods suffice
//!
//! Each side's decision about a class of subjects is a formula over *statements*. A statement says that the pod-level part
//! is fine and that **every** container, volume and item is fine; it may stand negated. Three facts follow.
//!
//! 1. Statements compare values with constants, so each part of a pod falls into finitely many *cells* whose members no
//!    statement tells apart ([`cells`]). Parts that some statement looks at together form a *facet* ([`facet`]).
//! 2. Dropping an element keeps true statements true. For each false statement one element that makes it false is enough,
//!    so whatever truths some pod gives to the statements, a pod with at most one element for each false statement gives
//!    them too ([`theory`]).
//! 3. Facets share nothing but the number of containers, and elements may be repeated: parts found facet by facet can be
//!    put together into one pod ([`witness`]). What facets do share is whether there are init containers, which is asked
//!    apart.
//!
//! A statement is therefore a *table*, cell → truth ([`table`]); equal tables are one statement ([`formula`]); and a
//! difference is a truth assignment that satisfies "one side admits, the other does not" and that each facet has a part
//! for ([`solve`]). Where there is none, the sides decide alike about every pod.
//!
//! What fills pods in acts on each facet by itself, so statements about the filled pod are tables over the submitted one
//! ([`questions`]). Names of capabilities are compared one by one: each is a slot of its own in four states.
//!
//! # What is claimed
//!
//! Rows, elements and slots that the API server refuses by themselves stand for nothing. What it refuses only together is
//! left in, so that more pods are looked at than there are. A difference is claimed only after the whole deciders of both
//! sides have been run on its pod. Everything else ends as [`Relation::Unproven`], with its reason.

mod against;
mod assembly;
mod between;
mod bits;
mod cells;
mod facet;
mod formula;
mod policies;
mod questions;
mod solve;
mod subjects;
mod table;
mod theory;
mod witness;

#[cfg(test)]
mod tests;

use serde_json::Value;

use crate::modern;
use crate::relation::Relation;
use crate::symbolic::{Answer, Node, Oracle, Outcome, Side, Unproven};
pub use against::{ClassProof, against_policies, request};
pub use assembly::Place;
pub use between::{Documents, Rules, Said, between};
use bits::Bits;
use formula::Formulas;
pub use policies::UsablePolicies;
use questions::{Answers, Questions, image};
use solve::Solver;
pub use subjects::{Class, classes};
use table::{Pods, Tabulation};
use witness::NoWitness;

/// A way to differ about one pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Difference {
    /// The first side admits the pod, the second denies it.
    Stricter,
    /// The first side denies the pod, the second admits it.
    Looser,
    /// Both admit, with different pods.
    FilledDifferently,
}

/// What the whole deciders say of a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replay {
    /// Whether there is anything to compare: both were evaluated and saw the same pod.
    pub is_comparable: bool,
    /// How they differ.
    pub difference: Option<Difference>,
}

impl Replay {
    fn shows(self, difference: Difference) -> bool {
        self.is_comparable && self.difference == Some(difference)
    }
}

/// Two sides, for one class of subjects.
pub struct Question<'a> {
    /// The side to compare with.
    pub first: &'a dyn Side,
    /// The side that is compared.
    pub second: &'a dyn Side,
    /// Where the pods are submitted.
    pub place: Place,
    /// The minor version of the server.
    pub target_minor: u8,
    /// Whether resulting pods are compared, and with them the annotation that names the policy.
    pub compares: Compares,
    /// Runs the whole deciders of both sides.
    pub replay: &'a (dyn Fn(&Value) -> Replay + Sync),
}

/// What of the resulting pods is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compares {
    /// Nothing.
    Decisions,
    /// The pods without the annotation that names the policy.
    Pods,
    /// The whole pods.
    PodsAndAnnotation,
}

/// The answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Proof {
    /// How the decisions relate.
    pub relation: Relation,
    /// Whether resulting pods are the same wherever both admit; `None` where that is not compared or not proved.
    pub pods_equal: Option<bool>,
    /// Why something is not proved.
    pub reasons: Vec<Unproven>,
    /// The smallest pod for each way to differ.
    pub witnesses: Vec<(Difference, Value)>,
}

impl Proof {
    /// Nothing is claimed, for this reason.
    pub fn unproven(reason: Unproven) -> Self {
        Self { relation: Relation::Unproven, pods_equal: None, reasons: vec![reason], witnesses: Vec::new() }
    }
}

/// Compares two sides for all pods.
pub fn prove(question: &Question<'_>) -> Proof {
    try_prove(question).unwrap_or_else(Proof::unproven)
}

fn try_prove(question: &Question<'_>) -> Result<Proof, Unproven> {
    let facets = cells::facets(&[question.first, question.second], question.target_minor, &question.place)?;
    let mut formulas = Formulas::new(&facets);
    let mut pods: Vec<Pods> = facets.iter().map(|_| Pods::default()).collect();
    let first = Decided::of(question.first, question, &mut formulas, &mut pods)?;
    let second = Decided::of(question.second, question, &mut formulas, &mut pods)?;
    let mut queries = vec![
        (Difference::Stricter, first.admits_alone(&second, &mut formulas)),
        (Difference::Looser, second.admits_alone(&first, &mut formulas)),
    ];
    if question.compares != Compares::Decisions {
        let differ = results_differ(question, first, second, &mut formulas, &mut pods)?;
        queries.push((Difference::FilledDifferently, differ));
    }
    let mut solver = Solver::new(&formulas);
    let mut found = Vec::new();
    for (difference, node) in queries {
        found.push((difference, search(question, &mut solver, &facets, difference, node)));
    }
    let mut proof = conclude(found);
    if proof.relation == Relation::Equal {
        proof.check_by_drawing(question, &facets);
    }
    Ok(proof)
}

/// The outcomes of one side, and where they lead in each facet.
struct Decided {
    outcomes: Vec<Outcome>,
    trails: Vec<Vec<Vec<usize>>>,
    answers: Answers,
}

impl Decided {
    fn of<'a>(
        side: &'a dyn Side,
        question: &'a Question<'_>,
        formulas: &mut Formulas<'a>,
        pods: &mut Vec<Pods>,
    ) -> Result<Self, Unproven> {
        let mut questions = Questions::new(side, &question.place, formulas, pods);
        let outcomes = side.outcomes(&mut questions)?;
        let nowhere = questions.constant(false);
        let outcomes = outcomes.into_iter().filter(|outcome| outcome.when != nowhere).collect();
        let (trails, answers) = questions.finish();
        Ok(Self { outcomes, trails, answers })
    }

    fn admits(&self, formulas: &mut Formulas<'_>) -> Node {
        let not: Vec<Node> = self.outcomes.iter().map(|outcome| formulas.not(outcome.when)).collect();
        let none = formulas.all(&not);
        formulas.not(none)
    }

    fn admits_alone(&self, other: &Self, formulas: &mut Formulas<'_>) -> Node {
        let (own, other) = (self.admits(formulas), other.admits(formulas));
        let not = formulas.not(other);
        formulas.all(&[own, not])
    }
}

/// Both admit, and what results is not the same.
fn results_differ<'a>(
    question: &Question<'_>,
    mut first: Decided,
    mut second: Decided,
    formulas: &mut Formulas<'a>,
    pods: &mut [Pods],
) -> Result<Node, Unproven> {
    let mut agree = Vec::new();
    let mut known = std::collections::HashMap::new();
    for one in first.outcomes.clone() {
        for other in second.outcomes.clone() {
            let mut same = Vec::new();
            for (at, facet) in formulas.facets().iter().enumerate() {
                let trail = |side: &Decided, at_state: usize| -> Vec<usize> {
                    side.trails.get(at_state).and_then(|state| state.get(at)).cloned().unwrap_or_default()
                };
                let trails = (at, trail(&first, one.at.0), trail(&second, other.at.0));
                let node = match known.get(&trails) {
                    Some(node) => *node,
                    None => {
                        let Some(of_facet) = pods.get_mut(at) else { continue };
                        let table = same_result(question, facet, &trails, (&mut first, &mut second), of_facet);
                        let node = formulas.atom(at, table.map_err(|why| Unproven::new("the resulting pods", why))?);
                        known.insert(trails, node);
                        node
                    }
                };
                same.push(node);
            }
            let same = formulas.all(&same);
            let not_same = formulas.not(same);
            let differ = formulas.all(&[one.when, other.when, not_same]);
            agree.push(formulas.not(differ));
        }
    }
    let agree = formulas.all(&agree);
    Ok(formulas.not(agree))
}

/// In which cells both sides make the same of a facet.
fn same_result(
    question: &Question<'_>,
    facet: &facet::Facet,
    (at, one, other): &(usize, Vec<usize>, Vec<usize>),
    (first, second): (&mut Decided, &mut Decided),
    pods: &mut Pods,
) -> Answer<Bits> {
    let with_annotation = question.compares == Compares::PodsAndAnnotation;
    let mut test = |pods: &mut Pods, pod: usize| {
        let first = image(question.first, (*at, &facet.units), one, pods, pod, &mut first.answers)?;
        let second = image(question.second, (*at, &facet.units), other, pods, pod, &mut second.answers)?;
        let (Some(first), Some(second)) = (first, second) else { return Ok(true) };
        Ok(first == second
            || pods.in_todays_terms(first, with_annotation) == pods.in_todays_terms(second, with_annotation))
    };
    Tabulation { facet, pods, place: &question.place, test: &mut test }.table()
}

impl Pods {
    /// The number of what a pod is in today's terms.
    fn in_todays_terms(&mut self, pod: usize, with_annotation: bool) -> usize {
        if let Some(known) = self.today.get(&pod) {
            return *known;
        }
        let today = modern::in_todays_terms(self.get(pod), with_annotation);
        let number = self.number(today);
        self.today.insert(pod, number);
        number
    }
}

/// What a search for a difference ended with.
enum Found {
    /// There is none.
    Nothing,
    /// The smallest pod.
    Witness(Value),
    /// It could not be told.
    Unclear(Unproven),
}

/// How many pods that turn out to be no witness are passed over.
const MOST_TRIES: usize = 30;

fn search(
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

fn conclude(found: Vec<(Difference, Found)>) -> Proof {
    let mut proof = Proof { relation: Relation::Equal, pods_equal: None, reasons: Vec::new(), witnesses: Vec::new() };
    let mut unclear = false;
    for (difference, found) in found {
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

/// How many pods are drawn to check that two sides are equal.
const DRAWN: usize = 100;

impl Proof {
    /// Cheap self-defence: draws pods, and runs both whole deciders on them.
    fn check_by_drawing(&mut self, question: &Question<'_>, facets: &[facet::Facet]) {
        let mut state: u64 = 0x9E37_79B9_7F4A_7C15;
        let mut draw = |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state >> 33).unwrap_or(0) % below.max(1)
        };
        for _ in 0..DRAWN {
            let pod = witness::drawn(facets, &question.place, &mut draw);
            if !crate::validity::is_valid(&pod, question.target_minor) {
                continue;
            }
            let replay = (question.replay)(&pod);
            let decided = matches!(replay.difference, Some(Difference::Stricter | Difference::Looser));
            let filled = replay.difference == Some(Difference::FilledDifferently) && self.pods_equal == Some(true);
            if replay.is_comparable && (decided || filled) {
                let why = format!("an error of psp-migrate: a pod was drawn on which equal sides differ: {pod}");
                *self = Self::unproven(Unproven::new("psp-migrate", why));
                return;
            }
        }
    }
}
