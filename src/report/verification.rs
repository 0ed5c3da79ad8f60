//! What `verify` found, for people and for programs.

mod classes;
mod groups;
mod junit;
mod markdown;
mod sarif;
mod text;

pub use classes::{ClassFinding, Proved, assumptions};
pub use groups::DifferenceGroup;
pub(crate) use groups::grouped;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};

use crate::compare::{Agreement, Comparison};
use crate::input::without_defaults;
use crate::relation::Relation;
use crate::requests::PodRequest;
use crate::targets::{Gap, Unsupported};

/// The findings of a run, target by target.
#[derive(Debug, Clone, Default)]
pub struct Verification {
    /// The targets, in the order in which they were asked for.
    pub targets: Vec<TargetFindings>,
}

/// The findings about one target.
#[derive(Debug, Clone, Default)]
pub struct TargetFindings {
    /// The target's name.
    pub target: String,
    /// How many requests were compared.
    pub compared: usize,
    /// How many of them were made up around the policies' own limits.
    pub boundary: usize,
    /// How many requests ended in each way.
    pub counts: Counts,
    /// The same for each set of policies that a request may use, by their names in the plug-in's order.
    pub by_class: BTreeMap<Vec<String>, Counts>,
    /// What differs, in the order in which it was found.
    pub differences: Vec<Difference>,
    /// What the target cannot say.
    pub gaps: Vec<Gap>,
    /// What in the documents cannot be evaluated.
    pub unsupported: Vec<Unsupported>,
    /// What the reader must know about the translation.
    pub notes: Vec<String>,
    /// What was proved for all pods; `None` if that was not tried.
    pub proved: Option<Proved>,
}

/// How many requests ended in each way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the ways are those of `Agreement`")]
pub struct Counts {
    pub agree: usize,
    pub stricter: usize,
    pub looser: usize,
    pub filled_differently: usize,
    pub seen_otherwise: usize,
    pub not_evaluated: usize,
}

/// One request on which the two sides do not agree.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// What kind of difference it is.
    pub kind: Agreement,
    /// The request's namespace.
    pub namespace: String,
    /// The pod's name, or its workload as `Kind/name`.
    pub name: String,
    /// Who asks; empty for anybody whom no binding names.
    pub user: String,
    /// The groups of who asks.
    pub groups: Vec<String>,
    /// The pod's service account.
    pub service_account: String,
    /// `CREATE` or `UPDATE`.
    pub operation: &'static str,
    /// Where the request was read.
    pub source: String,
    /// The policy that PodSecurityPolicy chose.
    pub policy: Option<String>,
    /// What PodSecurityPolicy says.
    pub psp_message: Option<String>,
    /// What the target says.
    pub target_messages: Vec<String>,
    /// The fields that PodSecurityPolicy names.
    pub fields: Vec<String>,
    /// Why the two servers do not see the same pod, or what cannot be evaluated.
    pub reasons: Vec<String>,
    /// The pod to try, as somebody would write it.
    pub pod: Arc<Value>,
    /// The pod after PodSecurityPolicy's fills, where fills differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub psp_pod: Option<Arc<Value>>,
    /// The pod after the target's fills, where fills differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_pod: Option<Arc<Value>>,
}

impl Difference {
    /// The difference that a comparison shows; `None` if both sides agree.
    pub fn of(request: &PodRequest, comparison: &Comparison) -> Option<Self> {
        comparison.differs().then(|| Self::with_pod(without_defaults(&request.pod).into(), comparison))
    }

    /// The difference that a comparison shows, with the pod as somebody would write it.
    pub(crate) fn with_pod(pod: Arc<Value>, comparison: &Comparison) -> Self {
        let psp = &comparison.psp;
        let fills_differ = comparison.agreement == Agreement::FilledDifferently;
        let unsupported =
            comparison.unsupported().iter().map(|part| format!("{} {}: {}", part.document, part.path, part.why));
        Self {
            kind: comparison.agreement,
            namespace: psp.namespace.clone(),
            name: psp.workload.clone().unwrap_or_else(|| psp.name.clone()),
            user: psp.user.clone(),
            groups: psp.groups.clone(),
            service_account: psp.service_account.clone(),
            operation: psp.operation,
            source: psp.source.clone(),
            policy: psp.policy.clone(),
            psp_message: psp.message.clone(),
            target_messages: comparison.target.messages.clone(),
            fields: psp.denials.iter().map(|denial| denial.field.clone()).collect(),
            reasons: comparison.seen_otherwise.iter().cloned().chain(unsupported).collect(),
            pod,
            psp_pod: psp.pod.clone().filter(|_| fills_differ),
            target_pod: Some(comparison.target.pod.clone()).filter(|_| fills_differ),
        }
    }
}

impl Difference {
    /// Who asks.
    pub fn requester(&self) -> &str {
        if self.user.is_empty() { "anyone" } else { &self.user }
    }

    /// What PodSecurityPolicy says.
    pub fn psp_says(&self) -> String {
        let admitted = || format!("admitted by {}", self.policy.as_deref().unwrap_or_default());
        self.psp_message.clone().unwrap_or_else(admitted)
    }

    /// What the target says.
    pub fn target_says(&self) -> String {
        if self.target_messages.is_empty() { "admitted".to_owned() } else { self.target_messages.join("; ") }
    }
}

impl Counts {
    /// Counts a request.
    pub fn add(&mut self, agreement: Agreement) {
        *match agreement {
            Agreement::Agree => &mut self.agree,
            Agreement::Stricter => &mut self.stricter,
            Agreement::Looser => &mut self.looser,
            Agreement::FilledDifferently => &mut self.filled_differently,
            Agreement::SeenOtherwise => &mut self.seen_otherwise,
            Agreement::NotEvaluated => &mut self.not_evaluated,
        } += 1;
    }

    /// How many requests were compared.
    pub fn total(&self) -> usize {
        let Self { agree, stricter, looser, filled_differently, seen_otherwise, not_evaluated } = self;
        agree + stricter + looser + filled_differently + seen_otherwise + not_evaluated
    }

    /// How two sets of decisions that ended like this relate.
    pub fn relation(&self) -> Relation {
        match (self.stricter > 0, self.looser > 0) {
            (true, true) => Relation::Incomparable,
            _ if self.not_evaluated > 0 || self.total() == 0 => Relation::Unproven,
            (true, false) => Relation::Stricter,
            (false, true) => Relation::Looser,
            (false, false) => Relation::Equal,
        }
    }
}

impl TargetFindings {
    /// Counts a request that may use these policies.
    pub fn add(&mut self, usable: &[String], agreement: Agreement) {
        self.counts.add(agreement);
        match self.by_class.get_mut(usable) {
            Some(counts) => counts.add(agreement),
            None => self.by_class.entry(usable.to_vec()).or_default().add(agreement),
        }
    }

    /// How the target relates to PodSecurityPolicy, over what was compared or proved and no further: see [`Self::rung`].
    pub fn relation(&self) -> Relation {
        let mut counts = self.counts;
        self.witnesses().for_each(|witness| counts.add(witness.kind));
        counts.relation()
    }

    /// How far the relation reaches: `proved` if it is known for all pods and subjects, `boundary` if pods around every
    /// limit of the policies were compared, `corpus` if only the given ones were.
    pub fn rung(&self) -> &'static str {
        if self.proved.as_ref().is_some_and(Proved::is_complete) {
            return "proved";
        }
        self.rung_of_pods()
    }

    /// The same, for what was compared on pods.
    pub(crate) fn rung_of_pods(&self) -> &'static str {
        if self.boundary > 0 { "boundary" } else { "corpus" }
    }

    /// Whether nothing differs: what the newer server sees otherwise is told, and is no difference.
    pub fn is_clean(&self) -> bool {
        let shown = self.witnesses().next().is_some();
        self.relation() == Relation::Equal && self.counts.filled_differently == 0 && !shown
    }

    /// The differing pods that were found for all classes of subjects.
    fn witnesses(&self) -> impl Iterator<Item = &Difference> {
        self.proved.iter().flat_map(Proved::witnesses)
    }

    fn json(&self) -> Value {
        let gap = |gap: &Gap| json!({"code": gap.code, "policy": gap.policy, "control": gap.control, "message": gap.message, "witness": gap.witness});
        let part = |part: &Unsupported| json!({"document": part.document, "path": part.path, "why": part.why});
        json!({
            "target": self.target,
            "relation": self.relation(),
            "rung": self.rung(),
            "compared": self.compared,
            "counts": self.counts,
            "differences": self.differences,
            "gaps": self.gaps.iter().map(gap).collect::<Vec<_>>(),
            "unsupported": self.unsupported.iter().map(part).collect::<Vec<_>>(),
            "notes": self.notes,
            "classes": self.proved.as_ref().map(|proved| &proved.classes),
            "assumptions": self.proved.as_ref().map(|proved| &proved.assumptions),
        })
    }
}

impl Verification {
    /// One object with stable keys.
    pub fn json(&self) -> Value {
        json!({"targets": self.targets.iter().map(TargetFindings::json).collect::<Vec<_>>()})
    }

    /// Whether no target differs.
    pub fn is_clean(&self) -> bool {
        self.targets.iter().all(TargetFindings::is_clean)
    }
}
