//! The pods that were given for a namespace, and which level they pass.
//!
//! A pod that nobody in the namespace could create under the policies is left aside: an attack among samples must not
//! loosen a level. Where there is no policy at all, every pod counts.

use super::old_server::{Ending, decide};
use crate::input::printable;
use crate::plan::Plan;
use crate::pod_view::PodView;
use crate::rbac::PolicySet;
use crate::requests::PodRequest;
use crate::targets::psa::{CheckResult, Level, PsaPod, Version, evaluate, fit};
use serde_json::Value;

/// The given pods of one namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// How many count.
    pub pods: usize,
    /// The strictest level that all of them pass as they are submitted.
    pub level: Level,
    /// The strictest level that all of them pass as the policies leave them.
    pub filled_level: Level,
    /// The pods that the next stricter level refuses as they are submitted.
    pub blockers: Vec<BlockedPod>,
    /// Pods that no usable policy admits, and that therefore do not count.
    pub denied: Vec<String>,
}

/// A given pod that a level refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockedPod {
    /// The pod or the workload that it comes from, as `Kind/name`.
    pub pod: String,
    /// Where it was read.
    pub source: String,
    /// What the level says about it.
    pub results: Vec<CheckResult>,
    /// The level admits it after a policy has filled it in: spelling the values out is enough.
    pub passes_filled: bool,
}

/// A request with the pod that the old server makes of it.
struct Case<'a> {
    request: &'a PodRequest,
    filled: Value,
}

/// The pods that were given for a namespace where these policies are usable by somebody.
pub(super) fn given(plan: &Plan<'_>, version: Version, namespace: &str, union: &PolicySet) -> Given {
    let mut denied = Vec::new();
    let mut cases = Vec::new();
    for request in plan.requests.iter().filter(|request| request.namespace == namespace && is_pod(request)) {
        match filled(plan, request, union) {
            Some(filled) => cases.push(Case { request, filled }),
            None => denied.push(name(request)),
        }
    }
    let submitted: Vec<_> = cases.iter().map(|case| PsaPod::read(&case.request.pod)).collect();
    let after: Vec<_> = cases.iter().map(|case| PsaPod::read(&case.filled)).collect();
    let fit_now = fit(version, &submitted);
    let blocked = fit_now.blockers.into_iter().filter_map(|blocker| {
        let request = cases.get(blocker.pod)?.request;
        let next = fit_now.level.stricter()?;
        let passes_filled = evaluate(next, version, after.get(blocker.pod)?).is_allowed();
        Some(BlockedPod {
            pod: name(request),
            source: request.source.to_string(),
            results: blocker.results,
            passes_filled,
        })
    });
    let blockers = blocked.collect();
    Given { pods: cases.len(), level: fit_now.level, filled_level: fit(version, &after).level, blockers, denied }
}

fn is_pod(request: &PodRequest) -> bool {
    request.ignored.is_none() && request.subresource.is_empty()
}

/// The pod after the policies that its own subjects may use, else after those that somebody may use; none if nobody can
/// create it.
fn filled(plan: &Plan<'_>, request: &PodRequest, union: &PolicySet) -> Option<Value> {
    if plan.policies.is_empty() {
        return Some(Value::clone(&request.pod));
    }
    let own = PodView::read(&request.pod, plan.cluster.plugin().release())
        .ok()
        .map(|view| plan.cluster.usable(&request.as_request(), &view));
    let endings = own.iter().chain([union]).map(|usable| decide(plan.cluster, &request.pod, usable));
    let mut admitted = endings.filter_map(|ending| match ending {
        Ending::Admitted(pod) => Some(pod),
        Ending::Denied | Ending::Invalid => None,
    });
    admitted.next()
}

fn name(request: &PodRequest) -> String {
    let owner = request.owner.clone();
    printable(&owner.unwrap_or_else(|| format!("Pod/{}", request.name))).into_owned()
}
