//! What is asked of two sides, and what is answered.

use serde_json::Value;

use super::assembly::Place;
use super::subjects::Class;
use crate::relation::Relation;
use crate::symbolic::{Side, Unproven};

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
    pub(super) fn shows(self, difference: Difference) -> bool {
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

    /// What may be claimed of a class of which this is proved for one.
    pub(super) fn for_all_of(mut self, class: &Class) -> Self {
        if let Some(doubt) = class.doubt.clone().filter(|_| self.relation != Relation::Unproven) {
            self.claim_no_more_than_found(doubt);
        }
        self
    }

    /// What is not found may be there: only the witnesses count.
    pub(super) fn claim_no_more_than_found(&mut self, doubt: Unproven) {
        if self.relation != Relation::Incomparable {
            self.relation = Relation::Unproven;
            self.reasons.push(doubt);
        }
        self.pods_equal = self.pods_equal.filter(|equal| !equal);
    }
}
