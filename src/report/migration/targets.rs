//! What was emitted for a target, what it cannot say, and how it decides.

use std::collections::{BTreeMap, BTreeSet};

use super::TargetMaterial;
use super::classes::ClassRelation;
use crate::plan::Plan;
use crate::relation::Relation;
use crate::report::verification::{Counts, DifferenceGroup, TargetFindings, grouped};
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
        Some(ClassRelation {
            target: self.name.clone(),
            relation: counts.relation(),
            rung: compared.rung.clone(),
            compared: counts.total(),
            counts,
        })
    }
}

impl Compared {
    fn of(findings: TargetFindings) -> Self {
        Self {
            relation: findings.relation(),
            rung: findings.rung().to_owned(),
            is_clean: findings.is_clean(),
            requests: findings.compared,
            counts: findings.counts,
            differences: grouped(&findings.differences),
            unsupported: findings.unsupported,
            by_class: findings.by_class,
        }
    }
}
