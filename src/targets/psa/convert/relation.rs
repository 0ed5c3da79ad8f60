//! How levels relate to sets of policies, with pods that show it.
//!
//! A level is held against what the old server lets in, as the pod is *after* the policy's fills: Pod Security Admission
//! runs after mutation. Probing finds differences and proves none absent, so only three things are ever claimed of all
//! pods: `privileged` refuses nothing, a policy without rules refuses nothing, and where no policy is usable nothing is
//! admitted. Everything else that no probe refutes is unproven, on the rung `boundary`.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use super::old_server::{Ending, decide, decide_with, plain, seen};
use super::probes::{Probe, edited, edits_of, hardening, probes};
use super::subjects::Usable;
use crate::constraint::{Constraint, Test};
use crate::plan::{Demand, Plan};
use crate::pod_view::{Field, PodView};
use crate::rbac::PolicySet;
use crate::relation::Relation;
use crate::targets::psa::{CheckResult, Level, PsaPod, Version, evaluate, strictest_level};
use crate::validity::is_valid;

/// Checks that a policy passes by silence, and the control that could have spoken. Of host names in probes and of Windows
/// host processes no policy can speak.
const SILENT: [(&str, Option<&str>); 4] = [
    ("appArmorProfile", Some("appArmor")),
    ("seLinuxOptions", Some("seLinux")),
    ("hostProbesAndHostLifecycle", None),
    ("windowsHostProcess", None),
];

/// The levels, the loosest first.
pub(super) const LEVELS: [Level; 3] = [Level::Privileged, Level::Baseline, Level::Restricted];

/// What a claim rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rung {
    /// No probe refutes it: one pod per value that matters, one control at a time.
    Boundary,
    /// It is true of every pod that the API server takes, or a pod shows it.
    Proved,
}

/// One level beside the policies of a namespace.
#[derive(Debug, Clone, PartialEq)]
pub struct LevelRelation {
    /// The level.
    pub level: Level,
    /// How it relates to the policies.
    pub relation: Relation,
    /// What the relation rests on.
    pub rung: Rung,
    /// What it refuses although the policies admit it, one entry for each check that does so.
    pub refuses: Vec<Refusal>,
    /// A pod that it admits although the policies refuse it.
    pub admits_more: Option<Excess>,
}

/// A pod that the policies admit and a level refuses.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// The check that refuses it.
    pub check: &'static str,
    /// In short, what the check says.
    pub reason: &'static str,
    /// In full, what the check says.
    pub detail: String,
    /// The policy lets the pod pass by silence, having no rule on what the check looks at. Whoever wrote the policy did
    /// not mean to open anything.
    pub by_silence: bool,
    /// The policy that admits it.
    pub policy: String,
    /// The pod as somebody would write it.
    pub witness: Value,
}

/// A pod that the policies refuse and a level admits.
#[derive(Debug, Clone, PartialEq)]
pub struct Excess {
    /// The controls that refuse it, of all usable policies; none if no policy is usable.
    pub controls: Vec<&'static str>,
    /// The pod as somebody would write it.
    pub witness: Value,
}

/// What the policies of a namespace are to each level.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Findings {
    pub levels: Vec<LevelRelation>,
    /// The policies refuse nothing, and that is proved.
    pub is_free: bool,
}

/// A probe and what every policy alone and every level say about it.
pub(super) struct Judged {
    pub probe: Probe,
    /// The policies that deny it, by position in the plan.
    pub denied_by: PolicySet,
    /// The policies that admit it, and the checks that then refuse the result, each level's apart.
    pub admitted_by: Vec<(usize, [Vec<&'static str>; 3])>,
    /// The strictest level that admits it as it was written.
    pub level: Level,
}

/// Probes, judged once, for the policies of any namespace.
pub(super) struct Laboratory<'a> {
    pub plan: &'a Plan<'a>,
    pub version: Version,
    /// The smallest first.
    pub judged: Vec<Judged>,
    /// The demands of each policy of the plan.
    pub demands: Vec<Vec<Demand>>,
}

impl<'a> Laboratory<'a> {
    pub(super) fn new(plan: &'a Plan<'a>) -> Self {
        let version = Version::Minor(u64::from(plan.options.target_minor));
        let judged = probes(plan).into_iter().map(|probe| judge(plan, version, probe)).collect();
        let demands = (0..plan.policies.len()).map(|policy| plan.demands(policy)).collect();
        Self { plan, version, judged, demands }
    }

    /// What some policies, usable in these sets, are to each level.
    pub(super) fn findings(&self, usable: &Usable) -> Findings {
        let union = self.positions(&usable.union);
        let without_rules = |policy: usize| {
            let policy = self.plan.policies.get(policy);
            policy.is_some_and(|policy| policy.rules.iter().all(|rule| is_trivial(&rule.constraint)))
        };
        let is_free = union.iter().any(without_rules);
        let levels = LEVELS.map(|level| self.relation(level, usable, &union, is_free)).to_vec();
        Findings { levels, is_free }
    }

    fn relation(&self, level: Level, usable: &Usable, union: &PolicySet, is_free: bool) -> LevelRelation {
        let refuses = self.refusals(level, usable);
        let admits_more = if is_free { None } else { self.excess(level, &usable.union, union) };
        let refuses_nothing = level == Level::Privileged || union.is_empty();
        let relation = match (refuses.is_empty(), admits_more.is_none()) {
            (false, false) => Relation::Incomparable,
            (false, true) if is_free => Relation::Stricter,
            (true, false) if refuses_nothing => Relation::Looser,
            (true, true) if refuses_nothing && is_free => Relation::Equal,
            _ => Relation::Unproven,
        };
        let rung = if relation == Relation::Unproven { Rung::Boundary } else { Rung::Proved };
        LevelRelation { level, relation, rung, refuses, admits_more }
    }

    /// The policies of a set, by position in the plan.
    pub(super) fn positions(&self, usable: &PolicySet) -> PolicySet {
        (0..self.plan.policies.len()).filter(|policy| self.plan.cluster.may_use(*policy, usable)).collect()
    }

    /// For each check the smallest pod that it refuses and that somebody may create; one that a policy lets pass by
    /// more than silence goes before a smaller one.
    fn refusals(&self, level: Level, usable: &Usable) -> Vec<Refusal> {
        let mut found: BTreeMap<&'static str, Refusal> = BTreeMap::new();
        let sets: Vec<(&PolicySet, PolicySet)> = usable.sets.iter().map(|set| (set, self.positions(set))).collect();
        for judged in &self.judged {
            for (policy, checks) in &judged.admitted_by {
                let news = |check: &&&'static str| {
                    let known = found.get(**check).map(|refusal| refusal.by_silence);
                    known.is_none_or(|by_silence| by_silence && !self.is_silent(*policy, check))
                };
                let news: Vec<&'static str> =
                    checks.get(level as usize).into_iter().flatten().filter(news).copied().collect();
                let allowed = sets.iter().filter(|(_, positions)| !news.is_empty() && positions.contains(*policy));
                for refusal in allowed.flat_map(|(set, _)| self.replayed(level, judged, set)) {
                    if news.contains(&refusal.check) && refusal.policy == self.name(*policy) {
                        found.insert(refusal.check, refusal);
                    }
                }
            }
        }
        found.into_values().collect()
    }

    /// What the level refuses of the pod that the old server makes of a probe, for somebody who may use these policies.
    fn replayed(&self, level: Level, judged: &Judged, usable: &PolicySet) -> Vec<Refusal> {
        let Ending::Admitted(result) = decide(self.plan.cluster, &judged.probe.seen, usable) else {
            return Vec::new();
        };
        let policy =
            result.pointer("/metadata/annotations/kubernetes.io~1psp").and_then(Value::as_str).unwrap_or_default();
        let position = self.plan.policies.iter().position(|known| known.name == policy);
        let refusal = |check: CheckResult| Refusal {
            check: check.id,
            reason: check.reason,
            detail: format!("{} ({})", check.reason, check.detail),
            by_silence: position.is_some_and(|position| self.is_silent(position, check.id)),
            policy: policy.to_owned(),
            witness: judged.probe.pod.clone(),
        };
        evaluate(level, self.version, &PsaPod::read(&result)).results().map(refusal).collect()
    }

    fn name(&self, policy: usize) -> &str {
        self.plan.policies.get(policy).map(|policy| policy.name).unwrap_or_default()
    }

    /// Whether a policy has no rule on what a check looks at, and that only because it is silent.
    fn is_silent(&self, policy: usize, check: &str) -> bool {
        let rules = self.plan.policies.get(policy).map(|policy| policy.rules.as_slice()).unwrap_or_default();
        let speaks = |control: &str| rules.iter().any(|rule| rule.control == control);
        SILENT.iter().any(|(silent, control)| *silent == check && !control.is_some_and(speaks))
    }

    /// The smallest probe that the level admits and all policies deny, else one put together from an edit per policy.
    fn excess(&self, level: Level, usable: &PolicySet, union: &PolicySet) -> Option<Excess> {
        let everybody_denies = |judged: &&Judged| judged.level >= level && judged.denied_by.includes(union);
        let single = self.judged.iter().find(everybody_denies).map(|judged| judged.probe.pod.clone());
        let witness = single.or_else(|| self.combined(level, union))?;
        let seen = seen(self.plan.cluster, &witness);
        let replayed = decide(self.plan.cluster, &seen, usable) == Ending::Denied && self.admits(level, &seen);
        replayed.then(|| Excess { controls: self.denying_controls(&seen, union), witness })
    }

    fn combined(&self, level: Level, union: &PolicySet) -> Option<Value> {
        let mut pod = if level == Level::Restricted { edited(&plain(), &hardening()) } else { plain() };
        let mut denying: Vec<usize> = Vec::new();
        for policy in union.iter() {
            denying.push(policy);
            let is_step = |pod: &Value| {
                let seen = seen(self.plan.cluster, pod);
                self.admits(level, &seen) && denying.iter().all(|policy| denies(self.plan, &seen, *policy))
            };
            if is_step(&pod) {
                continue;
            }
            let mut steps = self.demands.get(policy)?.iter().flat_map(edits_of).map(|edits| edited(&pod, &edits));
            pod = steps.find(|pod| is_valid(pod, self.plan.options.target_minor) && is_step(pod))?;
        }
        Some(pod)
    }

    fn admits(&self, level: Level, seen: &Value) -> bool {
        evaluate(level, self.version, &PsaPod::read(seen)).is_allowed()
    }

    /// The controls whose rules the pod breaks, of any of the policies.
    pub(super) fn denying_controls(&self, seen: &Value, policies: &PolicySet) -> Vec<&'static str> {
        let Ok(view) = PodView::read(seen, self.plan.cluster.plugin().release()) else {
            return Vec::new();
        };
        let policies = policies.iter().filter_map(|policy| self.plan.policies.get(policy));
        let broken = policies.flat_map(|policy| &policy.rules).filter(|rule| !rule.constraint.holds(&view));
        broken.map(|rule| rule.control).collect::<std::collections::BTreeSet<_>>().into_iter().collect()
    }
}

/// Whether a rule holds of every pod that both servers take and see alike: host ports end at 65535, and a `procMount` that
/// is not `Default` needs a field that the old server does not know.
fn is_trivial(constraint: &Constraint) -> bool {
    match constraint {
        Constraint::Always => true,
        Constraint::All(parts) => parts.iter().all(is_trivial),
        Constraint::Each(_, each) => is_trivial(each),
        Constraint::Any(parts) => {
            let may_be_absent = parts.contains(&Constraint::Field(Field::ProcMount, Test::Absent));
            parts.iter().any(|part| is_trivial(part) || may_be_absent && allows_default_proc_mount(part))
        }
        Constraint::Field(Field::HostPort, Test::InRanges(ranges)) => {
            ranges.iter().any(|range| range.min <= 1 && range.max >= 65_535)
        }
        Constraint::Never(_) | Constraint::Field(..) => false,
    }
}

fn allows_default_proc_mount(constraint: &Constraint) -> bool {
    matches!(constraint, Constraint::Field(Field::ProcMount, Test::OneOf(kinds)) if kinds.iter().any(|kind| kind == "Default"))
}

fn judge(plan: &Plan<'_>, version: Version, probe: Probe) -> Judged {
    let (mut denied_by, mut admitted_by) = (PolicySet::default(), Vec::new());
    for policy in 0..plan.policies.len() {
        match decide_with(plan.cluster, &probe.seen, |other| other == policy) {
            Ending::Admitted(result) => admitted_by.push((policy, refusing(version, &result))),
            Ending::Denied => denied_by.insert(policy),
            Ending::Invalid => {}
        }
    }
    let level = strictest_level(version, &PsaPod::read(&probe.seen));
    Judged { probe, denied_by, admitted_by, level }
}

/// The checks of each level that refuse a pod.
fn refusing(version: Version, pod: &Value) -> [Vec<&'static str>; 3] {
    let pod = PsaPod::read(pod);
    LEVELS.map(|level| evaluate(level, version, &pod).results().map(|result| result.id).collect())
}

fn denies(plan: &Plan<'_>, seen: &Value, policy: usize) -> bool {
    decide_with(plan.cluster, seen, |other| other == policy) == Ending::Denied
}

impl fmt::Display for Rung {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Boundary => "boundary",
            Self::Proved => "proved",
        })
    }
}
