//! Advice for every namespace: what the levels are to its policies and pods, and which labels follow.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde_json::Value;

use super::given::{Given, given};
use super::recommend::{Grounds, Reasons};
use super::relation::{Findings, LEVELS, Laboratory, LevelRelation, Refusal, Rung};
use super::subjects::{Subjects, Usable};
use crate::plan::Plan;
use crate::rbac::PolicySet;
use crate::targets::psa::{Level, Policy};

/// A level, and what the claim about it rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// The level.
    pub level: Level,
    /// What the claim rests on.
    pub rung: Rung,
}

/// Advice for one namespace.
#[derive(Debug, Clone, PartialEq)]
pub struct NamespaceAdvice {
    /// The namespace; empty for any that nothing is said about, whose labels are the cluster's default.
    pub namespace: String,
    /// Whether the namespace itself was given, and not only things in it.
    pub exists: bool,
    /// The usable policies, in the plug-in's order, with those who bring them.
    pub policies: BTreeMap<String, Vec<String>>,
    /// The strictest level that admits everything that the policies admit.
    pub covering: Claim,
    /// The same, leaving aside what the policies let pass by silence.
    pub intended: Claim,
    /// The loosest level that admits nothing more than the policies; there may be none.
    pub within: Option<Claim>,
    /// Each level beside the policies, the loosest first.
    pub levels: Vec<LevelRelation>,
    /// The pods that were given.
    pub given: Given,
    /// The labels to set.
    pub labels: Policy,
    /// Why, a line each.
    pub reasons: Reasons,
}

/// Advice for a cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct Advice {
    /// Every namespace that was given or that something given names, by name.
    pub namespaces: Vec<NamespaceAdvice>,
    /// Any other namespace.
    pub elsewhere: NamespaceAdvice,
}

/// Advises about every namespace of a plan.
pub fn advise(plan: &Plan<'_>) -> Advice {
    Adviser::new(&Laboratory::new(plan)).advice()
}

pub(super) struct Adviser<'l, 'a> {
    laboratory: &'l Laboratory<'a>,
    subjects: Subjects<'a>,
    /// Namespaces with the same sets of usable policies have the same findings.
    known: BTreeMap<BTreeSet<PolicySet>, Rc<Findings>>,
}

impl<'l, 'a> Adviser<'l, 'a> {
    pub(super) fn new(laboratory: &'l Laboratory<'a>) -> Self {
        Self { laboratory, subjects: Subjects::new(laboratory.plan), known: BTreeMap::new() }
    }

    pub(super) fn advice(mut self) -> Advice {
        let plan = self.laboratory.plan;
        let existing: BTreeSet<&str> = plan.namespaces.iter().filter_map(name).collect();
        let of_requests = plan.requests.iter().map(|request| request.namespace.as_str());
        let mentioned = plan.rbac.mentioned().namespaces.into_iter();
        let names: BTreeSet<&str> =
            existing.iter().copied().chain(of_requests).chain(mentioned).filter(|name| !name.is_empty()).collect();
        let namespaces = names.into_iter().map(|name| self.of_namespace(name, existing.contains(name))).collect();
        Advice { namespaces, elsewhere: self.of_namespace("", false) }
    }

    fn of_namespace(&mut self, namespace: &str, exists: bool) -> NamespaceAdvice {
        let laboratory = self.laboratory;
        let usable = self.subjects.usable(namespace);
        let findings = self.findings(&usable);
        let given = given(laboratory.plan, laboratory.version, namespace, &usable.union);
        let levels = &findings.levels;
        let covering = strictest(levels, usable.union.is_empty(), |_| true);
        let intended = strictest(levels, usable.union.is_empty(), |refusal| !refusal.by_silence);
        let policies = usable.through.keys().map(String::as_str).collect();
        let (labels, reasons) = Grounds { levels, intended, policies, given: &given }.labels(laboratory.version);
        NamespaceAdvice {
            namespace: namespace.to_owned(),
            exists,
            covering,
            intended,
            within: loosest(&findings),
            levels: levels.clone(),
            given,
            labels,
            reasons,
            policies: usable.through,
        }
    }

    fn findings(&mut self, usable: &Usable) -> Rc<Findings> {
        let laboratory = self.laboratory;
        let findings = self.known.entry(usable.sets.clone()).or_insert_with(|| Rc::new(laboratory.findings(usable)));
        Rc::clone(findings)
    }
}

/// The strictest level without a refusal that counts.
fn strictest(levels: &[LevelRelation], admits_nothing: bool, counts: impl Fn(&Refusal) -> bool) -> Claim {
    let refuses_nothing = |relation: &&LevelRelation| !relation.refuses.iter().any(&counts);
    let level = levels.iter().rev().find(refuses_nothing).map_or(Level::Privileged, |relation| relation.level);
    let is_proved = level == Level::Privileged || admits_nothing;
    Claim { level, rung: if is_proved { Rung::Proved } else { Rung::Boundary } }
}

/// The loosest level that is not seen to admit more.
fn loosest(findings: &Findings) -> Option<Claim> {
    let admits_nothing_more = |level: &Level| {
        let relation = findings.levels.iter().find(|relation| relation.level == *level);
        relation.is_some_and(|relation| relation.admits_more.is_none())
    };
    let level = LEVELS.into_iter().find(admits_nothing_more)?;
    Some(Claim { level, rung: if findings.is_free { Rung::Proved } else { Rung::Boundary } })
}

/// A namespace's name.
pub(super) fn name(namespace: &Value) -> Option<&str> {
    namespace.pointer("/metadata/name").and_then(Value::as_str)
}
