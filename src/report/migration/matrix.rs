//! Who may use what and which level fits where, as a table to look at instead of read.

use std::collections::BTreeMap;

use serde::Serialize;

use super::classes::{ClassReport, position};
use crate::plan::Plan;
use crate::report::beyond::UNSEEN;
use crate::report::inspection::{Inspection, PolicyReport, Who};
use crate::targets::psa::{self, Advice, Level, NamespaceAdvice, advise};

/// The table.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Matrix {
    /// The columns: every policy in force, with the strictest level that refuses nothing it means to allow.
    pub policies: Vec<Column>,
    /// The rows: service accounts by namespace, then users and groups.
    pub rows: Vec<Row>,
    /// What Pod Security Admission is to each namespace; the one without a name is every other.
    pub namespaces: BTreeMap<String, NamespaceLevels>,
}

/// A policy.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Column {
    /// Its name.
    pub name: String,
    /// The strictest level that refuses nothing it means to allow: silence about AppArmor and SELinux aside.
    pub level: &'static str,
}

/// A subject.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// The namespace; none is every namespace without a row of its own.
    pub namespace: Option<String>,
    /// The subject.
    #[serde(flatten)]
    pub who: Who,
    /// The columns that it may use, by position.
    pub usable: Vec<usize>,
    /// The class whose policies these are.
    pub class: Option<String>,
}

/// What Pod Security Admission is to one namespace.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NamespaceLevels {
    /// The level that is enforced now.
    pub enforced: Option<String>,
    /// The level to enforce.
    pub advised: &'static str,
    /// Why.
    pub reason: String,
    /// The strictest level that every given pod of the namespace passes, if there are pods.
    pub pods: Option<&'static str>,
    /// How each level, the loosest first, relates to what the policies admit.
    pub levels: Vec<LevelRelation>,
}

/// One level beside the policies of a namespace.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LevelRelation {
    /// The level.
    pub level: &'static str,
    /// It refuses pods that the policies mean to allow.
    pub refuses: bool,
    /// It admits pods that the policies refuse.
    pub admits_more: bool,
    /// `equal`, `stricter`, `looser`, `incomparable` or `unproven`: the whole truth, silence included.
    pub relation: &'static str,
}

/// The label that sets the enforced level.
const ENFORCE: &str = "pod-security.kubernetes.io/enforce";

/// Reasons that count as silence: no policy can speak of the first, and hardly any speaks of the others.
const SILENCE: [&str; 2] = ["forbidden AppArmor profile", "seLinuxOptions"];

impl Matrix {
    pub(super) fn of(plan: &Plan<'_>, inspection: &Inspection, classes: &[ClassReport]) -> Self {
        let policies: Vec<Column> =
            inspection.policies.iter().filter(|policy| in_force(policy)).map(Column::of).collect();
        let columns: BTreeMap<&str, usize> =
            policies.iter().zip(0..).map(|(policy, at)| (policy.name.as_str(), at)).collect();
        let mut classes_by_set = BTreeMap::new();
        let rows = inspection.subjects.iter().map(|subject| {
            let class = *classes_by_set.entry(&subject.usable).or_insert_with(|| position(classes, &subject.usable));
            Row {
                namespace: subject.namespace.clone(),
                who: subject.who.clone(),
                usable: subject.usable.iter().filter_map(|name| columns.get(name.as_str()).copied()).collect(),
                class: class.and_then(|at| classes.get(at)).map(|class| class.name.clone()),
            }
        });
        let rows = rows.collect();
        Self { rows, namespaces: namespaces(plan), policies }
    }

    /// What Pod Security Admission is to the namespace of a row.
    pub fn levels_of(&self, row: &Row) -> Option<&NamespaceLevels> {
        let named = row.namespace.as_deref().and_then(|namespace| self.namespaces.get(namespace));
        named.or_else(|| self.namespaces.get("").filter(|_| row.namespace.is_none()))
    }
}

fn in_force(policy: &PolicyReport) -> bool {
    policy.invalid.is_empty() && policy.dropped.is_none()
}

impl Column {
    fn of(policy: &PolicyReport) -> Self {
        let speaks = |reason: &&&'static str| !UNSEEN.contains(*reason) && !SILENCE.contains(*reason);
        let level = match (policy.beyond.baseline.iter().find(speaks), policy.beyond.restricted.iter().find(speaks)) {
            (Some(_), _) => Level::Privileged,
            (None, Some(_)) => Level::Baseline,
            (None, None) => Level::Restricted,
        };
        Self { name: policy.name.clone(), level: level.as_str() }
    }
}

fn namespaces(plan: &Plan<'_>) -> BTreeMap<String, NamespaceLevels> {
    let Advice { namespaces, elsewhere } = advise(plan);
    let now: BTreeMap<&str, &str> = plan
        .namespaces
        .iter()
        .filter_map(|namespace| {
            let labels = namespace.pointer("/metadata/labels")?;
            Some((namespace.pointer("/metadata/name")?.as_str()?, labels.get(ENFORCE)?.as_str()?))
        })
        .collect();
    let all = namespaces.into_iter().chain([elsewhere]);
    all.map(|advice| (advice.namespace.clone(), NamespaceLevels::of(&advice, now.get(advice.namespace.as_str()))))
        .collect()
}

impl NamespaceLevels {
    fn of(advice: &NamespaceAdvice, enforced: Option<&&str>) -> Self {
        let relation = |relation: &psa::LevelRelation| LevelRelation {
            level: relation.level.as_str(),
            refuses: relation.refuses.iter().any(|refusal| !refusal.by_silence),
            admits_more: relation.admits_more.is_some(),
            relation: relation.relation.word(),
        };
        Self {
            enforced: enforced.map(|level| (*level).to_owned()),
            advised: advice.labels.enforce.level.as_str(),
            reason: advice.reasons.enforce.clone(),
            pods: (advice.given.pods > 0).then(|| advice.given.level.as_str()),
            levels: advice.levels.iter().map(relation).collect(),
        }
    }
}
