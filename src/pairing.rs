//! Requests to compare decisions on: each pod with every relevant requester, pods around every limit of the policies, and
//! updates of all of them.

mod everybody;
mod updates;

pub use everybody::{of_every_requester, with_every_requester};

use std::collections::BTreeSet;

use rayon::prelude::*;
use serde_json::{Value, json};

use crate::admission::ControlTrial;
use crate::admission::Operation;
use crate::cluster::Cluster;
use crate::constraint::{Edit, boundary_pods, combinations};
use crate::input::{Source, admit_service_account, default_pod};
use crate::plan::{Demand, Plan};
use crate::pod_view::PodView;
use crate::rbac::{PolicySet, Rbac};
use crate::requests::{PodRequest, anyone};
use crate::validity::is_valid;

/// Where in a pod containers stand around whose limits pods are made.
const LISTS: [&str; 2] = ["containers", "initContainers"];

/// For every place in which some set of policies is usable: pods around every limit of those policies, one control at a
/// time, as far as the API server takes them and both servers see the same; each also with all that the policy would fill
/// in, for where filling it in is what a target refuses; behind them updates of them.
pub fn boundary(cluster: &Cluster, plan: &Plan<'_>, namespaces: &[Value]) -> Vec<PodRequest> {
    let is_valid_there = |pod: &Value| is_valid(pod, plan.options.target_minor);
    let mut requests = Vec::new();
    for (namespace, account, usable) in places(cluster.rbac(), namespaces) {
        let all = 0..cluster.plugin().policies().len();
        let demands = all
            .filter(|policy| cluster.may_use(*policy, &usable) || usable.is_empty())
            .flat_map(|policy| plan.demands(policy).into_iter().map(move |demand| (policy, demand)));
        let around = |(policy, demand): (usize, Demand)| {
            let pods = LISTS.into_iter().flat_map(|list| boundary_pods(&demand.axes, list));
            let valid = pods.filter(is_valid_there);
            let both = valid.flat_map(|pod| {
                let request = request(&namespace, &account, pod);
                let filled = filled(cluster, policy, &request).filter(|filled| is_valid_there(&filled.pod));
                [Some(request), filled].into_iter().flatten()
            });
            both.map(|request| (request.pod.to_string(), request)).collect()
        };
        let demands: Vec<_> = demands.collect();
        let found: Vec<Vec<(String, PodRequest)>> = demands.into_par_iter().map(around).collect();
        let mut seen = BTreeSet::new();
        let unlike = found.into_iter().flatten().filter(|(text, _)| seen.insert(text.clone()));
        requests.extend(unlike.map(|(_, request)| request));
    }
    let updates = updates::of(cluster, &requests);
    requests.extend(updates);
    requests
}

/// For every place in which some set of policies is usable, and each of these policies: pods in which the values that its
/// controls admit come together, every two values of two controls in some pod.
pub fn pairwise(cluster: &Cluster, plan: &Plan<'_>, namespaces: &[Value]) -> Vec<PodRequest> {
    let mut requests = Vec::new();
    for (namespace, account, usable) in places(cluster.rbac(), namespaces) {
        let mut seen = BTreeSet::new();
        for policy in (0..cluster.plugin().policies().len()).filter(|policy| cluster.may_use(*policy, &usable)) {
            for edits in pairs(&admitted(cluster, plan, policy)) {
                let mut pod =
                    json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "image"}]}});
                edits.iter().for_each(|edit| edit.write(&mut pod, "containers"));
                if is_valid(&pod, plan.options.target_minor) && seen.insert(pod.to_string()) {
                    requests.push(request(&namespace, &account, pod));
                }
            }
        }
    }
    requests
}

/// No control takes part with more values than these; a prime number, and more than there are controls.
const MOST_VALUES: usize = 23;

/// For each control of a policy the values, as edits, that it admits by itself.
fn admitted(cluster: &Cluster, plan: &Plan<'_>, policy: usize) -> Vec<Vec<Vec<Edit>>> {
    let mut admitted = Vec::new();
    for (control, demand) in plan.demands(policy).iter().enumerate() {
        let mut values = Vec::new();
        for edits in combinations(&demand.axes) {
            let mut pod = json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "image"}]}});
            edits.iter().for_each(|edit| edit.write(&mut pod, "containers"));
            let Ok(view) = PodView::read(&pod, cluster.plugin().release()) else { continue };
            let trial = cluster.plugin().try_control(policy, control, &view);
            let admits = matches!(trial, Some(ControlTrial::Untouched | ControlTrial::Filled));
            if admits && is_valid(&pod, plan.options.target_minor) {
                values.push(edits);
            }
        }
        let step = values.len().div_ceil(MOST_VALUES).max(1);
        admitted.push(values.into_iter().step_by(step).collect());
    }
    admitted
}

/// An orthogonal array: row `(i, j)` gives the control `c` its value number `i + c·j`, so that any two values of two
/// controls meet in some row.
fn pairs(controls: &[Vec<Vec<Edit>>]) -> Vec<Vec<Edit>> {
    let rows = (0..MOST_VALUES).flat_map(|i| (0..MOST_VALUES).map(move |j| (i, j)));
    let row = |(i, j): (usize, usize)| {
        let value = |(c, values): (usize, &Vec<Vec<Edit>>)| {
            values.get((i + c * j) % MOST_VALUES % values.len().max(1)).cloned().unwrap_or_default()
        };
        controls.iter().enumerate().flat_map(value).collect()
    };
    rows.map(row).collect()
}

/// The request with a pod that has nothing left to be filled in by a policy; `None` if that is the same.
fn filled(cluster: &Cluster, policy: usize, request: &PodRequest) -> Option<PodRequest> {
    let view = PodView::read(&request.pod, cluster.plugin().release()).ok()?;
    let filled = cluster.plugin().policies().get(policy)?.filled(&view)?;
    let mut pod = Value::clone(&request.pod);
    filled.write_into(&view, &mut pod);
    Some(PodRequest { pod: pod.into(), ..request.clone() })
}

/// A namespace and a service account for each set of policies that service accounts may use.
fn places(rbac: &Rbac, namespaces: &[Value]) -> Vec<(String, String, PolicySet)> {
    let mentioned = rbac.mentioned();
    let given = namespaces.iter().filter_map(|namespace| namespace.pointer("/metadata/name")?.as_str());
    let all: BTreeSet<&str> = mentioned.namespaces.iter().copied().chain(given).chain(["default"]).collect();
    let named = mentioned.service_accounts.iter().copied();
    let mut seen = BTreeSet::new();
    let mut places = Vec::new();
    for (namespace, account) in named.chain(all.into_iter().map(|namespace| (namespace, "default"))) {
        let usable = rbac.usable_by_account(namespace, account).clone();
        if seen.insert(usable.clone()) {
            places.push((namespace.to_owned(), account.to_owned(), usable));
        }
    }
    places
}

fn request(namespace: &str, account: &str, mut pod: Value) -> PodRequest {
    if let Some(spec) = pod.get_mut("spec").and_then(Value::as_object_mut) {
        spec.insert("serviceAccountName".to_owned(), json!(account));
        spec.insert("automountServiceAccountToken".to_owned(), json!(false));
        spec.entry("containers").or_insert_with(|| json!([{"name": "main", "image": "example"}]));
    }
    default_pod(&mut pod);
    admit_service_account(&mut pod, None, 24);
    PodRequest {
        namespace: namespace.to_owned(),
        name: "p".to_owned(),
        owner: None,
        requester: anyone(),
        subresource: String::new(),
        operation: Operation::Create,
        pod: pod.into(),
        old_pod: None,
        ignored: None,
        source: Source { file: "".into(), line: 0, column: 0 },
    }
}
