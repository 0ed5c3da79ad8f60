//! The pods with which levels and policies are told apart.
//!
//! Each is a base pod with one edit: every combination of the values that matter to one control of one policy, and for
//! every check of the standards values on both of its sides. Bases are the smallest pod there is, the smallest that a
//! policy admits, and one that passes every level.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::old_server::{plain, seen};
use crate::constraint::{Edit, Place, combinations};
use crate::plan::{Demand, Plan};
use crate::pod_view::{APP_ARMOR_ANNOTATION, PodView};
use crate::validity::is_valid;

/// No control of a policy gets more probes than this: the ends of hundreds of ranges would.
const MOST: usize = 1_000;

/// One pod.
#[derive(Debug, Clone)]
pub(super) struct Probe {
    /// As somebody would write it.
    pub pod: Value,
    /// As admission sees it.
    pub seen: Value,
}

/// All probes, the smallest first.
pub(super) fn probes(plan: &Plan<'_>) -> Vec<Probe> {
    let mut found: BTreeMap<(usize, String), Value> = BTreeMap::new();
    let mut add = |base: &Value, edits: &[Edit]| {
        let pod = edited(base, edits);
        let text = pod.to_string();
        found.entry((text.len(), text)).or_insert(pod);
    };
    let hardened = edited(&plain(), &hardening());
    for base in [&plain(), &hardened] {
        add(base, &[]);
        both_sides().iter().for_each(|edits| add(base, edits));
    }
    for policy in 0..plan.policies.len() {
        let demands = plan.demands(policy);
        let admitted = admitted_pod(plan, policy, &demands);
        both_sides().iter().for_each(|edits| add(&admitted, edits));
        for edits in demands.iter().flat_map(edits_of) {
            [&plain(), &admitted, &hardened].into_iter().for_each(|base| add(base, &edits));
        }
    }
    let valid = found.into_values().filter(|pod| is_valid(pod, plan.options.target_minor));
    valid.map(|pod| Probe { seen: seen(plan.cluster, &pod), pod }).collect()
}

/// The pod with the edits.
pub(super) fn edited(base: &Value, edits: &[Edit]) -> Value {
    let mut pod = base.clone();
    edits.iter().for_each(|edit| edit.write(&mut pod, "containers"));
    complete(&mut pod);
    pod
}

/// What the API server requires beside what edits set.
fn complete(pod: &mut Value) {
    let mounts = pod.pointer_mut("/spec/containers/0/volumeMounts").and_then(Value::as_array_mut);
    for mount in mounts.into_iter().flatten().filter_map(Value::as_object_mut) {
        mount.entry("mountPath").or_insert_with(|| json!("/mnt"));
    }
    let on_host_network = pod.pointer("/spec/hostNetwork") == Some(&Value::Bool(true));
    let ports = pod.pointer_mut("/spec/containers/0/ports").and_then(Value::as_array_mut);
    for port in ports.into_iter().flatten().filter_map(Value::as_object_mut) {
        let host = port.get("hostPort").filter(|host| on_host_network && **host != json!(0)).cloned();
        host.into_iter().for_each(|host| drop(port.insert("containerPort".to_owned(), host)));
    }
}

/// The edits that matter to one control.
pub(super) fn edits_of(demand: &Demand) -> impl Iterator<Item = Vec<Edit>> {
    let axes: Vec<_> = demand.axes.iter().filter(|axis| !is_inert(axis.at)).cloned().collect();
    let edits: Vec<_> = combinations(&axes).take(MOST).collect();
    edits.into_iter()
}

/// Seccomp annotations have no effect on any server that gets labels.
fn is_inert(at: Place) -> bool {
    match at {
        Place::Annotation(_) => true,
        Place::ContainerAnnotation(prefix) => prefix != APP_ARMOR_ANNOTATION,
        _ => false,
    }
}

/// The smallest pod in which every rule of the policy holds, as far as edits of one control at a time lead there.
pub(super) fn admitted_pod(plan: &Plan<'_>, policy: usize, demands: &[Demand]) -> Value {
    let mut pod = plain();
    let rules = plan.policies.get(policy).map(|policy| policy.rules.as_slice()).unwrap_or_default();
    for rule in rules {
        let holds = |pod: &Value| {
            let seen = seen(plan.cluster, pod);
            PodView::read(&seen, plan.cluster.plugin().release()).is_ok_and(|view| rule.constraint.holds(&view))
        };
        if holds(&pod) {
            continue;
        }
        let own = demands.iter().filter(|demand| demand.control == rule.control).flat_map(edits_of);
        let without_token = vec![Edit { at: Place::Spec("automountServiceAccountToken"), value: json!(false) }];
        let better = [without_token].into_iter().chain(own).map(|edits| edited(&pod, &edits));
        let better = better.into_iter().find(|pod| is_valid(pod, plan.options.target_minor) && holds(pod));
        pod = better.unwrap_or(pod);
    }
    pod
}

/// What makes a pod pass every level at every version.
pub(super) fn hardening() -> Vec<Edit> {
    vec![
        Edit { at: Place::PodContext("runAsNonRoot"), value: json!(true) },
        Edit { at: Place::PodContext("seccompProfile"), value: json!({"type": "RuntimeDefault"}) },
        Edit { at: Place::ContainerContext("allowPrivilegeEscalation"), value: json!(false) },
        Edit { at: Place::ContainerContext("capabilities"), value: json!({"drop": ["ALL"]}) },
    ]
}

/// For every check of the standards, values that pass and values that do not.
fn both_sides() -> Vec<Vec<Edit>> {
    let mut edits: Vec<Vec<Edit>> = single_values().into_iter().map(|(at, value)| vec![Edit { at, value }]).collect();
    // Neither goes without the other.
    let windows = json!({"hostProcess": true, "runAsUserName": "NT AUTHORITY\\SYSTEM"});
    edits.push(vec![
        Edit { at: Place::PodContext("windowsOptions"), value: windows },
        Edit { at: Place::Spec("hostNetwork"), value: json!(true) },
    ]);
    edits
}

fn single_values() -> Vec<(Place, Value)> {
    let of = |at: Place, values: &[Value]| values.iter().map(|value| (at, value.clone())).collect::<Vec<_>>();
    let sysctl = |name: &str| json!([{"name": name, "value": "1"}]);
    let capabilities = |name: &str| [json!({"add": [name]}), json!({"add": [name], "drop": ["ALL"]})];
    let yes = [json!(true)];
    let no_and_yes = [json!(false), json!(true)];
    [
        of(Place::ContainerAnnotation(APP_ARMOR_ANNOTATION), &[json!("runtime/default"), json!("unconfined")]),
        of(
            Place::ContainerContext("capabilities"),
            &["NET_BIND_SERVICE", "CHOWN", "NET_RAW", "SYS_ADMIN"].map(capabilities).concat(),
        ),
        of(Place::ContainerContext("capabilities"), &[json!({"drop": ["ALL"]})]),
        of(Place::Spec("hostNetwork"), &yes),
        of(Place::Spec("hostPID"), &yes),
        of(Place::Spec("hostIPC"), &yes),
        of(
            Place::Volume,
            &[
                json!({"hostPath": {"path": "/"}}),
                json!({"nfs": {"server": "s", "path": "/x"}}),
                json!({"emptyDir": {}}),
            ],
        ),
        of(Place::Container("ports"), &[json!([{"containerPort": 80, "hostPort": 80}])]),
        of(Place::Container("livenessProbe"), &[json!({"tcpSocket": {"host": "127.0.0.1", "port": 80}})]),
        of(Place::ContainerContext("privileged"), &yes),
        of(Place::PodContext("seLinuxOptions"), &["type", "user", "role"].map(|key| json!({key: "other_t"}))),
        of(Place::PodContext("seLinuxOptions"), &[json!({"type": "container_t"}), json!({"level": "s0:c1,c2"})]),
        of(
            Place::ContainerContext("seccompProfile"),
            &["RuntimeDefault", "Unconfined"].map(|kind| json!({"type": kind})),
        ),
        of(Place::PodContext("sysctls"), &["kernel.shm_rmid_forced", "net.ipv4.tcp_rmem", "kernel.msgmax"].map(sysctl)),
        of(Place::ContainerContext("allowPrivilegeEscalation"), &no_and_yes),
        of(Place::PodContext("runAsNonRoot"), &no_and_yes),
        of(Place::PodContext("runAsUser"), &[json!(0), json!(1000)]),
        of(Place::ContainerContext("runAsUser"), &[json!(0), json!(1000)]),
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::targets::psa::{Level, PsaPod, Version, evaluate};

    #[test]
    fn a_hardened_pod_passes_every_level_and_a_plain_one_only_baseline() {
        for minor in 0..=37 {
            let passes = |level, pod: &Value| evaluate(level, Version::Minor(minor), &PsaPod::read(pod)).is_allowed();
            assert!(passes(Level::Restricted, &edited(&plain(), &hardening())), "v1.{minor}");
            assert!(passes(Level::Baseline, &plain()), "v1.{minor}");
        }
    }

    /// All but `procMount`, whose one refused value no valid pod of 1.24 can have.
    #[test]
    fn every_check_has_a_valid_pod_that_it_refuses() {
        let hardened = edited(&plain(), &hardening());
        let mut refusing = std::collections::BTreeSet::new();
        let pods =
            both_sides().into_iter().flat_map(|edits| [plain(), hardened.clone()].map(|base| edited(&base, &edits)));
        for pod in pods.chain([plain()]).filter(|pod| is_valid(pod, 37)) {
            for level in [Level::Baseline, Level::Restricted] {
                refusing
                    .extend(evaluate(level, Version::Latest, &PsaPod::read(&pod)).results().map(|result| result.id));
            }
        }
        let known = crate::targets::psa::checks::CHECKS.iter().map(|check| check.id);
        let without: Vec<&str> = known.filter(|id| !refusing.contains(id)).collect();
        assert_eq!(without, ["procMount", "procMount_restricted"]);
    }
}
