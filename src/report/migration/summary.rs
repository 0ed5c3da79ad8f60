//! What can be read in a minute: how much there is, whether the targets decide alike, and what to do next.

use std::collections::BTreeSet;

use serde::Serialize;

use super::classes::ClassReport;
use super::targets::{Compared, TargetReport};
use crate::cluster::Cluster;
use crate::plan::Plan;
use crate::relation::Relation;
use crate::report::decision::{Decision, Word};
use crate::report::inspection::Inspection;
use crate::report::text::counted;

/// The numbers and sentences.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Policies that were read.
    pub policies: usize,
    /// Policies that take part in decisions.
    pub policies_in_force: usize,
    /// Policies in force that fill pods in.
    pub policies_filling: usize,
    /// Service accounts, users and groups, in places where they may use something of their own.
    pub subjects: usize,
    /// Classes of subjects.
    pub classes: usize,
    /// What PodSecurityPolicy decides about the pods and workloads that were given.
    pub pods: PodTotals,
    /// What is odd.
    pub warnings: usize,
    /// One sentence for each target.
    pub verdicts: Vec<TargetVerdict>,
}

/// What PodSecurityPolicy decides about the given pods.
#[derive(Debug, Clone, Copy, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PodTotals {
    /// How many were given.
    pub given: usize,
    /// How many are admitted.
    pub admitted: usize,
    /// How many of these rely on something that a policy fills in.
    pub filled: usize,
    /// How many are denied, or refused after having been filled in.
    pub denied: usize,
}

/// A target's outcome in a sentence.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetVerdict {
    /// The target.
    pub target: String,
    /// How it relates to PodSecurityPolicy; `None` if nothing was compared.
    pub relation: Option<Relation>,
    /// Whether it decides and fills in alike.
    pub is_clean: bool,
    /// The outcome, and how far it reaches.
    pub sentence: String,
}

impl Summary {
    pub(super) fn of(
        cluster: &Cluster,
        plan: &Plan<'_>,
        inspection: &Inspection,
        classes: &[ClassReport],
        targets: &[TargetReport],
    ) -> Self {
        let in_force: BTreeSet<&str> = cluster.plugin().policies().iter().map(|policy| policy.name()).collect();
        Self {
            policies: inspection.policies.len(),
            policies_in_force: in_force.len(),
            policies_filling: inspection.policies.iter().filter(|policy| !policy.fills.is_empty()).count(),
            subjects: inspection.subjects.len(),
            classes: classes.len(),
            pods: PodTotals::of(cluster, plan),
            warnings: inspection.warnings.len(),
            verdicts: targets.iter().map(TargetVerdict::of).collect(),
        }
    }

    /// How much there is, in one sentence.
    pub fn sentence(&self) -> String {
        let out = match self.policies - self.policies_in_force {
            0 => String::new(),
            out => format!(", {out} not in force"),
        };
        let pods = match self.pods.given {
            0 => "No pods were given.".to_owned(),
            given => format!(
                "Of {}, PodSecurityPolicy admits {} ({} of them only with what a policy fills in) and denies {}.",
                counted(given, "given pod"),
                self.pods.admitted,
                self.pods.filled,
                self.pods.denied
            ),
        };
        format!(
            "{} ({} filling pods in{out}), {} in {}. {pods}",
            counted(self.policies, "policy"),
            self.policies_filling,
            counted(self.subjects, "subject"),
            counted(self.classes, "class")
        )
    }
}

impl PodTotals {
    fn of(cluster: &Cluster, plan: &Plan<'_>) -> Self {
        let mut totals = Self { given: plan.requests.len(), ..Self::default() };
        for decision in plan.requests.iter().filter_map(|request| Decision::of(cluster, request).ok()) {
            match decision.verdict {
                Word::Admitted => totals.admitted += 1,
                Word::Denied | Word::Invalid => totals.denied += 1,
                Word::Ignored | Word::Unknown => {}
            }
            totals.filled += usize::from(decision.is_filled());
        }
        totals
    }
}

impl TargetVerdict {
    fn of(target: &TargetReport) -> Self {
        let gaps = match target.gaps.len() {
            0 => String::new(),
            count => format!(" {} named below.", counted(count, "gap")),
        };
        let compared = target.compared.as_ref();
        Self {
            target: target.name.clone(),
            relation: compared.map(|compared| compared.relation),
            is_clean: compared.is_some_and(|compared| compared.is_clean),
            sentence: compared.map_or_else(|| "Not verified.".to_owned(), outcome) + &gaps,
        }
    }
}

/// What the comparison says, and how far it reaches.
fn outcome(compared: &Compared) -> String {
    let counts = &compared.counts;
    let of = counted(compared.requests, "request");
    let what = match compared.relation {
        Relation::Equal if counts.filled_differently > 0 => {
            format!(
                "The same decisions on {of}, but {} filled in differently.",
                counted(counts.filled_differently, "pod")
            )
        }
        Relation::Equal => format!("The same decisions on {of}."),
        Relation::Stricter => format!("Denies {} that PodSecurityPolicy admits.", some(counts.stricter, &of)),
        Relation::Looser => format!("Admits {} that PodSecurityPolicy denies.", some(counts.looser, &of)),
        Relation::Incomparable => format!(
            "Denies {} that PodSecurityPolicy admits, and admits {} that it denies.",
            some(counts.stricter, &of),
            some(counts.looser, &of)
        ),
        Relation::Unproven if counts.not_evaluated > 0 => {
            format!("No answer: {} of {of} could not be evaluated.", counts.not_evaluated)
        }
        Relation::Unproven => "No answer: nothing was compared.".to_owned(),
    };
    let reach = match compared.rung.as_str() {
        "corpus" => " Only the given pods were compared.",
        "boundary" => " Compared were the given pods and pods around every limit of the policies.",
        "proved" => " Proved for all pods of every class of subjects.",
        _ => "",
    };
    what + reach
}

/// How many requests it is true of; none, if only a pod that was found for all pods shows it.
fn some(count: usize, of: &str) -> String {
    if count == 0 { format!("pods, though none in {of},") } else { format!("{count} of {of}") }
}

/// The word for a relation.
pub(super) fn word(relation: Option<Relation>) -> &'static str {
    relation.map_or("not verified", Relation::word)
}
