//! What was emitted for a target, what it cannot say, and how it decides.

use std::collections::{BTreeMap, BTreeSet};

use super::TargetMaterial;
use super::classes::ClassRelation;
use crate::plan::Plan;
use crate::relation::Relation;
use crate::report::verification::{ClassFinding, Counts, Difference, DifferenceGroup, Proved, TargetFindings, grouped};
use crate::targets::{Gap, Unsupported};

/// One target.
#[derive(Debug, Clone)]
pub struct TargetReport {
    /// The target's name.
    pub name: String,
    /// The files that were emitted.
    pub files: Vec<String>,
    /// What the reader must know about the translation.
    pub notes: Vec<String>,
    /// What the target cannot say.
    pub gaps: Vec<Gap>,
    /// What no text of a policy can bring back.
    pub residual: Vec<String>,
    /// How its decisions compare; `None` if nothing was compared.
    pub compared: Option<Compared>,
}

/// How the decisions of a target compare with those of PodSecurityPolicy.
#[derive(Debug, Clone)]
pub struct Compared {
    /// How they relate.
    pub relation: Relation,
    /// How far the relation reaches.
    pub rung: String,
    /// Whether nothing differs, fills included.
    pub is_clean: bool,
    /// How many requests were compared.
    pub requests: usize,
    /// How they ended.
    pub counts: Counts,
    /// The differences, grouped.
    pub differences: Vec<DifferenceGroup>,
    /// What in the documents cannot be evaluated.
    pub unsupported: Vec<Unsupported>,
    /// What was proved for all pods; `None` if that was not tried.
    pub proved: Option<Proved>,
    rung_of_pods: &'static str,
    by_class: BTreeMap<Vec<String>, Counts>,
}

impl TargetReport {
    pub(super) fn of(material: TargetMaterial<'_>, plan: &Plan<'_>) -> Self {
        let TargetMaterial { target, emission, findings } = material;
        let (mut files, mut notes, mut gaps) = (BTreeSet::new(), Vec::new(), Vec::new());
        if let Some(emission) = emission {
            files.extend(emission.documents.iter().map(|document| document.file.clone()));
            files.extend(emission.texts.iter().map(|text| text.file.clone()));
            notes.clone_from(&emission.notes);
            gaps.clone_from(&emission.gaps);
        }
        Self {
            name: target.name().to_owned(),
            files: files.into_iter().collect(),
            notes,
            gaps,
            residual: target.residual(&plan.options),
            compared: findings.map(Compared::of),
        }
    }

    /// How the target decided about requests that may use exactly these policies.
    pub(super) fn relation_of(&self, policies: &[String]) -> Option<ClassRelation> {
        let compared = self.compared.as_ref()?;
        let counts = compared.by_class.get(policies).copied().unwrap_or_default();
        let proved: Vec<&ClassFinding> = compared.proved.iter().flat_map(|proved| proved.using(policies)).collect();
        let mut all = counts;
        proved.iter().flat_map(|class| &class.witnesses).for_each(|witness| all.add(witness.kind));
        let is_proved = !proved.is_empty() && proved.iter().all(|class| class.relation != Relation::Unproven);
        Some(ClassRelation {
            target: self.name.clone(),
            relation: all.relation(),
            rung: if is_proved { "proved" } else { compared.rung_of_pods }.to_owned(),
            compared: counts.total(),
            counts,
        })
    }
}

impl Compared {
    /// How many classes are proved, and why the others are not; empty if no proof was tried.
    pub(super) fn proof_words(&self) -> Vec<String> {
        let Some(proved) = &self.proved else { return Vec::new() };
        let reasons = proved.reasons().into_iter().map(|reason| format!("not proved: {reason}"));
        [proved.headline()].into_iter().chain(reasons).collect()
    }

    fn of(findings: TargetFindings) -> Self {
        let witnesses = findings.proved.iter().flat_map(Proved::witnesses);
        let differences: Vec<Difference> = findings.differences.iter().chain(witnesses).cloned().collect();
        Self {
            relation: findings.relation(),
            rung: findings.rung().to_owned(),
            is_clean: findings.is_clean(),
            requests: findings.compared,
            counts: findings.counts,
            differences: grouped(&differences),
            rung_of_pods: findings.rung_of_pods(),
            proved: findings.proved,
            unsupported: findings.unsupported,
            by_class: findings.by_class,
        }
    }
}
