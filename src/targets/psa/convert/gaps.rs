//! What labels cannot say: what policies fill in, limits that no level knows, and who asks.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::listed;
use super::old_server::seen;
use super::probes::admitted_pod;
use super::relation::{Judged, Laboratory};
use super::subjects::Usable;
use crate::constraint::Fill;
use crate::plan::Demand;
use crate::pod_view::PodView;
use crate::rbac::PolicySet;
use crate::targets::Gap;
use crate::targets::psa::Level;

/// Everything that labels cannot say of the plan's policies.
pub(super) fn gaps(laboratory: &Laboratory<'_>, usable: &[Usable]) -> Vec<Gap> {
    let mut gaps = lost_fills(laboratory);
    gaps.extend(lost_limits(laboratory));
    gaps.extend(lost_subjects(laboratory, usable));
    gaps
}

/// Policies of the same gap, and a pod that shows it.
#[derive(Default)]
struct Found<'a> {
    policies: BTreeSet<&'a str>,
    /// The smallest by the first number.
    witness: Option<(usize, Value)>,
}

impl<'a> Found<'a> {
    fn add(&mut self, policy: &'a str, weight: usize, pod: impl FnOnce() -> Value) {
        self.policies.insert(policy);
        if self.witness.as_ref().is_none_or(|(least, _)| weight < *least) {
            self.witness = Some((weight, pod()));
        }
    }

    fn into_gap(self, code: &'static str, control: &'static str, message: impl FnOnce(&str) -> String) -> Gap {
        let names: Vec<&str> = self.policies.iter().copied().collect();
        Gap {
            code,
            policy: if let [only] = names.as_slice() { Some((*only).to_owned()) } else { None },
            control: Some(control),
            message: message(&listed(&names)),
            witness: self.witness.map(|(_, pod)| pod),
        }
    }
}

fn lost_fills(laboratory: &Laboratory<'_>) -> Vec<Gap> {
    let mut found: BTreeMap<&'static str, Found<'_>> = BTreeMap::new();
    let plan = laboratory.plan;
    for ((index, policy), demands) in plan.policies.iter().enumerate().zip(&laboratory.demands) {
        let pod = admitted_pod(plan, index, demands);
        let seen = seen(plan.cluster, &pod);
        for demand in demands.iter().filter(|demand| fills_in(demand, &seen, laboratory)) {
            found.entry(demand.control).or_default().add(policy.name, pod.to_string().len(), || pod.clone());
        }
    }
    let gap = |(control, found): (&'static str, Found<'_>)| {
        found.into_gap("fill-lost", control, |policies| {
            format!("{policies}: fills in `{control}` where a pod is silent; labels fill in nothing, so spell it out in the workloads")
        })
    };
    found.into_iter().map(gap).collect()
}

fn fills_in(demand: &Demand, pod: &Value, laboratory: &Laboratory<'_>) -> bool {
    let Ok(mut view) = PodView::read(pod, laboratory.plan.cluster.plugin().release()) else {
        return false;
    };
    let fills = demand.fills.iter().filter(|fill| **fill != Fill::CopySeccompToAnnotation);
    fills.fold(false, |changed, fill| fill.apply(&mut view) | changed)
}

/// Rules that a pod breaks and that the strictest level admits nevertheless.
fn lost_limits(laboratory: &Laboratory<'_>) -> Vec<Gap> {
    let mut found: BTreeMap<&'static str, Found<'_>> = BTreeMap::new();
    for judged in laboratory.judged.iter().filter(|judged| judged.level == Level::Restricted) {
        for policy in judged.denied_by.iter() {
            add_limits(laboratory, judged, policy, &mut found);
        }
    }
    let gap = |(control, found): (&'static str, Found<'_>)| {
        found.into_gap("limit-lost", control, |policies| {
            format!("{policies}: no level can state its limit on `{control}`: the policy refuses the witness, and even `restricted` admits it")
        })
    };
    found.into_iter().map(gap).collect()
}

fn add_limits<'a>(
    laboratory: &Laboratory<'a>,
    judged: &Judged,
    policy: usize,
    found: &mut BTreeMap<&'static str, Found<'a>>,
) {
    let Some(name) = laboratory.plan.policies.get(policy).map(|policy| policy.name) else {
        return;
    };
    let controls = laboratory.denying_controls(&judged.probe.seen, &PolicySet::from_iter([policy]));
    for control in &controls {
        found.entry(control).or_default().add(name, controls.len(), || judged.probe.pod.clone());
    }
}

fn lost_subjects(laboratory: &Laboratory<'_>, usable: &[Usable]) -> Option<Gap> {
    let divided: Vec<&Usable> = usable.iter().filter(|usable| usable.sets.len() > 1).collect();
    let witness = divided.iter().find_map(|usable| {
        let (union, least) = (laboratory.positions(&usable.union), laboratory.positions(usable.sets.first()?));
        let differs = |judged: &&Judged| {
            judged.admitted_by.iter().any(|(policy, _)| union.contains(*policy)) && judged.denied_by.includes(&least)
        };
        laboratory.judged.iter().find(differs).map(|judged| judged.probe.pod.clone())
    });
    let message = format!(
        "a level holds for everybody in a namespace, but in {} of {} namespaces policies are usable by some and not by others: \
         the witness is admitted for some and refused for others there",
        divided.len(),
        usable.len(),
    );
    witness.map(|pod| Gap { code: "subjects", policy: None, control: None, message, witness: Some(pod) })
}
