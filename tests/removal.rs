//! Taking PodSecurityPolicy away: no pod is ever without a policy while the plug-in may still run, and nothing else is lost.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use psp_migrate::cluster::Cluster;
use psp_migrate::input::{Inventory, Sourced};
use psp_migrate::rbac::RbacOptions;
use psp_migrate::release::Release;
use psp_migrate::removal::{PERMISSIVE, Removal, files, permissive};
use psp_migrate::report::decision::{Decision, Word};
use psp_migrate::requests::{PodRequest, RequestReader, anyone};
use serde_json::{Value, json};
use support::{Recorded, admission_pod, pod_name};

/// The whole corpus when it is at hand, else the smaller copy; one inventory a file.
fn corpus() -> Vec<(PathBuf, Inventory)> {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let shared = here.join("../shared/corpus");
    let root = if shared.is_dir() { shared } else { here.join("golden/corpus") };
    let mut found = Vec::new();
    collect(&root, &mut found);
    found.sort();
    found.into_iter().map(|path| (path.clone(), Inventory::read(&[path]))).collect()
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => collect(&path, found),
            false if path.extension().is_some_and(|extension| extension == "yaml") => found.push(path),
            false => {}
        }
    }
}

fn values(objects: &[Sourced<Value>]) -> impl Iterator<Item = Value> + '_ {
    objects.iter().map(|object| object.value.clone())
}

fn wiring(inventory: &Inventory) -> Vec<Value> {
    let Inventory { cluster_roles, roles, cluster_role_bindings, role_bindings, .. } = inventory;
    values(cluster_roles)
        .chain(values(roles))
        .chain(values(cluster_role_bindings))
        .chain(values(role_bindings))
        .collect()
}

/// The binding that the runbook makes for the whole cluster.
fn permissive_binding() -> Value {
    let api = "rbac.authorization.k8s.io";
    let group = |name: &str| json!({"kind": "Group", "apiGroup": api, "name": name});
    json!({"apiVersion": format!("{api}/v1"), "kind": "ClusterRoleBinding", "metadata": {"name": PERMISSIVE},
        "roleRef": {"apiGroup": api, "kind": "ClusterRole", "name": PERMISSIVE},
        "subjects": [group("system:authenticated"), group("system:serviceaccounts")]})
}

fn cluster(policies: &[Value], wiring: &[Value]) -> Cluster {
    Cluster::new(policies, wiring, Release::default(), RbacOptions::default()).unwrap()
}

fn requests(inventory: &Inventory) -> Vec<PodRequest> {
    use psp_migrate::input::Class;
    let reader = RequestReader::new("default", None, 24).with_accounts(&inventory.service_accounts);
    let pods = inventory.pods.iter().map(|object| (Class::Pod, object.clone()));
    let all = pods.chain(inventory.workloads.iter().map(|object| (Class::Workload, object.clone())));
    all.filter_map(|(class, object)| reader.request(class, object).ok().flatten()).collect()
}

fn is_same(object: &Value, named: &Value) -> bool {
    let namespace = |object: &Value| match object["kind"].as_str().unwrap() {
        "Role" | "RoleBinding" => object["metadata"]["namespace"].as_str().unwrap_or("default").to_owned(),
        _ => String::new(),
    };
    object["kind"] == named["kind"]
        && object["metadata"]["name"] == named["metadata"]["name"]
        && namespace(object) == namespace(named)
}

/// The objects after each stage of the step that deletes, in its order; the permissive policy is there throughout.
fn stages(inventory: &Inventory) -> Vec<(Vec<Value>, Vec<Value>)> {
    let files = files(&Removal::of(inventory));
    let [policy, role] = <[Value; 2]>::try_from(permissive()).unwrap();
    let mut policies: Vec<Value> = values(&inventory.policies).chain([policy]).collect();
    let mut wiring: Vec<Value> = wiring(inventory).into_iter().chain([role, permissive_binding()]).collect();
    let mut stages = vec![(policies.clone(), wiring.clone())];
    for name in ["bindings", "roles-without-policies", "roles", "policies"] {
        for named in files.get(&format!("remove/{name}.yaml")).into_iter().flatten() {
            let gone = |objects: &mut Vec<Value>| {
                let before = objects.len();
                objects.retain(|object| !is_same(object, named));
                before > objects.len()
            };
            assert!(gone(&mut policies) | gone(&mut wiring), "{named} is not there");
            if name == "roles-without-policies" {
                wiring.push(named.clone());
            }
        }
        stages.push((policies.clone(), wiring.clone()));
    }
    stages
}

#[test]
fn at_every_stage_every_pod_has_a_policy_should_the_plug_in_still_run() {
    let (mut pods, mut ends) = (0, 0);
    for (path, inventory) in corpus() {
        let requests = requests(&inventory);
        let before = cluster(&values(&inventory.policies).collect::<Vec<_>>(), &wiring(&inventory));
        for (policies, wiring) in stages(&inventory) {
            let during = cluster(&policies, &wiring);
            for request in &requests {
                let (was, now) = (Decision::of(&before, request).unwrap(), Decision::of(&during, request).unwrap());
                let refused = was.verdict == Word::Admitted && now.verdict != Word::Admitted;
                assert!(!refused && now.verdict != Word::Denied, "{}: {:?}", path.display(), now.message);
                pods += 1;
            }
            ends += usize::from(policies.len() == 1);
        }
    }
    eprintln!("{pods} decisions");
    assert!(pods > 0 && ends > 0);
}

/// What a role grants besides policies: one tuple for each group, resource, verb and name.
fn grants(roles: impl IntoIterator<Item = Value>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for role in roles {
        let identity = format!("{} {} {}", role["kind"], role["metadata"]["namespace"], role["metadata"]["name"]);
        for rule in role["rules"].as_array().into_iter().flatten() {
            let list = |key: &str| rule[key].as_array().cloned().unwrap_or_else(|| vec![Value::Null]);
            for group in list("apiGroups") {
                for resource in list("resources") {
                    let is_policies = resource.as_str().is_some_and(|name| name.starts_with("podsecuritypolicies"));
                    for verb in list("verbs").into_iter().filter(|_| !is_policies) {
                        let names = (&rule["resourceNames"], &rule["nonResourceURLs"]);
                        found.insert(format!("{identity}: {group} {resource} {verb} {names:?}"));
                    }
                }
            }
        }
    }
    found
}

#[test]
fn nothing_but_policies_is_taken_away() {
    let (mut gone, mut cut) = (0, 0);
    for (path, inventory) in corpus() {
        let is_role = |object: &Value| {
            object["kind"].as_str().unwrap().ends_with("Role") && object["metadata"]["name"] != PERMISSIVE
        };
        let before: Vec<Value> = wiring(&inventory).into_iter().filter(is_role).collect();
        let (_, after) = stages(&inventory).pop().unwrap();
        let after: Vec<Value> = after.into_iter().filter(is_role).collect();
        assert_eq!(grants(before.clone()), grants(after.clone()), "{}", path.display());
        let removal = Removal::of(&inventory);
        (gone, cut) = (gone + removal.roles.len(), cut + removal.cut.len());
        let left = after.iter().filter(|role| role.to_string().contains("podsecuritypolicies")).count();
        assert_eq!(left, removal.left.iter().filter(|(_, why)| !why.contains('*')).count(), "{}", path.display());
    }
    eprintln!("{gone} roles go, {cut} are cut down");
    // The smaller copy of the corpus has no role that grants more than policies.
    let is_whole = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus").is_dir();
    assert!(gone > 0 && (cut > 0 || !is_whole));
}

#[test]
fn the_permissive_policy_admits_every_pod_as_it_is() {
    let [policy, role] = <[Value; 2]>::try_from(permissive()).unwrap();
    // With the gate off no policy at all lets other mount types in.
    let release = Release { proc_mount_type: true, ..Release::default() };
    let wiring = [role, permissive_binding()];
    let cluster = Cluster::new([&policy], &wiring, release, RbacOptions::default()).unwrap().without_pod_validation();
    let mut count = 0;
    for name in ["psp-boundary", "psp-adversarial"] {
        let recorded = Recorded::read(name);
        for case in &recorded.cases {
            for request in case["requests"].as_array().unwrap().iter().filter(|request| request.get("oldPod").is_none())
            {
                let pod = admission_pod(case, request, "pod");
                let request = PodRequest {
                    namespace: request["namespace"].as_str().unwrap().to_owned(),
                    name: pod_name(&pod).to_owned(),
                    owner: None,
                    requester: anyone(),
                    subresource: String::new(),
                    operation: psp_migrate::admission::Operation::Create,
                    old_pod: None,
                    ignored: None,
                    source: psp_migrate::input::Source { file: "recorded".into(), line: 0, column: 0 },
                    pod: pod.into(),
                };
                let Ok(decision) = Decision::of(&cluster, &request) else { continue };
                assert_eq!(decision.verdict, Word::Admitted, "{:?} {}", decision.message, request.pod);
                let untouched = |operation: &Value| operation["path"].as_str().unwrap().starts_with("/metadata");
                let fills = decision.patch.as_array().unwrap().iter().filter(|operation| !untouched(operation)).count();
                // The server keeps seccomp fields and annotations in step by itself, and fills in `procMount`.
                let by_server = ["seccomp", "procMount"].iter().any(|it| request.pod.to_string().contains(it));
                assert!(fills == 0 || by_server, "{}", decision.patch);
                count += 1;
            }
        }
    }
    eprintln!("{count} pods");
    assert!(count > 900);
}
