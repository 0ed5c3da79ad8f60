//! Whether two sides decide alike about *all* pods, and the smallest pod that shows a difference.
//!
//! # Why finitely many pods suffice
//!
//! Each side's decision about a class of subjects is a formula over *statements*. A statement says that the pod-level part
//! is fine and that **every** container, volume and item is fine; it may stand negated. Three facts follow.
//!
//! 1. Statements compare values with constants, so each part of a pod falls into finitely many *cells* whose members no
//!    statement tells apart ([`cells`]). Parts that some statement looks at together form a *facet* ([`facet`]); what hangs
//!    together only by a few units of the pod itself is looked at case by case ([`cases`]).
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
mod answers;
mod assembly;
mod basis;
mod between;
mod bits;
mod cases;
mod cells;
mod constants;
mod drawing;
mod elements;
mod facet;
mod formula;
mod pods;
mod policies;
mod present;
mod presumed;
mod projection;
mod question;
mod questions;
mod results;
mod search;
mod solve;
mod subjects;
mod table;
mod theory;
mod witness;

#[cfg(test)]
mod tests;

use crate::relation::Relation;
use crate::symbolic::{Node, Oracle, Outcome, Side, Unproven};
pub use against::{ClassProof, against_policies, request};
use answers::Answers;
pub use assembly::Place;
pub use between::{Documents, Rules, Said, between};
use facet::Facet;
use formula::Formulas;
use pods::Pods;
pub use policies::UsablePolicies;
pub use question::{Compares, Difference, Proof, Question, Replay};
use questions::{Questions, Tables};
use search::Findings;
use solve::Solver;
pub use subjects::{Class, classes};

/// Compares two sides for all pods.
pub fn prove(question: &Question<'_>) -> Proof {
    try_prove(question).unwrap_or_else(Proof::unproven)
}

fn try_prove(question: &Question<'_>) -> Result<Proof, Unproven> {
    let cases = cells::facets(&[question.first, question.second], question.target_minor, &question.place)?;
    let mut tables = <[Tables; 2]>::default();
    let found = cases.iter().map(|facets| in_case(question, facets, &mut tables));
    let found: Vec<Findings> = found.collect::<Result<_, _>>()?;
    let mut proof = search::conclude(found);
    if let Some(doubt) = question.first.doubt().or_else(|| question.second.doubt()) {
        proof.claim_no_more_than_found(doubt);
    }
    if proof.relation == Relation::Equal {
        proof.check_by_drawing(question, &cases);
    }
    Ok(proof)
}

/// What is found of each difference in one case.
fn in_case(question: &Question<'_>, facets: &[Facet], tables: &mut [Tables; 2]) -> Result<Findings, Unproven> {
    let mut formulas = Formulas::new(facets);
    let mut pods: Vec<Pods> = facets.iter().map(|_| Pods::default()).collect();
    let [of_first, of_second] = tables;
    let first = Decided::of(question.first, question, &mut formulas, &mut pods, of_first)?;
    let second = Decided::of(question.second, question, &mut formulas, &mut pods, of_second)?;
    let mut queries = vec![
        (Difference::Stricter, first.admits_alone(&second, &mut formulas)),
        (Difference::Looser, second.admits_alone(&first, &mut formulas)),
    ];
    if question.compares != Compares::Decisions {
        let differ = results::results_differ(question, first, second, &mut formulas, &mut pods)?;
        queries.push((Difference::FilledDifferently, differ));
    }
    let mut solver = Solver::new(&formulas);
    let mut search = |(difference, node)| search::search(question, &mut solver, facets, difference, node);
    Ok(queries.into_iter().map(|query| (query.0, search(query))).collect())
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
        tables: &mut Tables,
    ) -> Result<Self, Unproven> {
        let mut questions = Questions::new(side, &question.place, formulas, pods, tables);
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
