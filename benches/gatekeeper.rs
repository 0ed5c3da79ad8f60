//! A thousand pods through the Gatekeeper template, beside `gator test` where `GATOR` names the program: one policy, nobody
//! known to ask. A fleet is a thousand replicas of fifty workloads; strangers are a thousand pods that all differ.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a bench is no production code")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::fs;
use std::process::Command;

use divan::counter::ItemsCount;
use psp_migrate::admission::Operation;
use psp_migrate::cluster::Cluster;
use psp_migrate::plan::{Options, Plan};
use psp_migrate::rbac::RbacOptions;
use psp_migrate::release::Release;
use psp_migrate::targets::gatekeeper::{Documents, Gatekeeper};
use psp_migrate::targets::{AdmissionRequest, Decider, Target};
use rayon::prelude::*;
use serde_json::{Value, json};
use support::{Recorded, admission_pod};

/// The allocator of the released program.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    divan::main();
}

const PODS: usize = 1000;

/// Template and constraint of the first recorded cluster that grants one policy to somebody.
fn documents(recorded: &Recorded) -> Vec<Value> {
    let emitted = recorded.cases.iter().find_map(|case| {
        let objects = case["objects"].as_array().unwrap();
        let policies = objects.iter().filter(|object| object["kind"] == "PodSecurityPolicy");
        let options = RbacOptions { aggregate: false, bootstrap: false };
        let cluster = Cluster::new(policies, objects, Release::default(), options).unwrap();
        let plan = Plan::new(&cluster, Options::default());
        let granted = plan.policies.iter().any(|policy| policy.grants.iter().any(|grant| grant.namespace.is_none()));
        (plan.policies.len() == 1 && granted).then(|| Gatekeeper.emit(&plan))
    });
    let mut documents: Vec<Value> = emitted.unwrap().documents.into_iter().map(|emitted| emitted.document).collect();
    documents.truncate(2);
    documents[1]["spec"]["parameters"]["auditUnknownUser"] = json!("anyGrant");
    documents
}

/// Recorded pods under names of their own, `distinct` of them different in more than that.
fn pods(recorded: &Recorded, distinct: usize) -> Vec<Value> {
    let recorded = recorded.cases.iter().flat_map(|case| {
        let requests = case["requests"].as_array().unwrap().iter().filter(|request| request.get("oldPod").is_none());
        requests.map(move |request| admission_pod(case, request, "pod"))
    });
    let mut found: Vec<Value> = Vec::new();
    for pod in recorded {
        if !found.iter().any(|other| other["spec"] == pod["spec"]) {
            found.push(pod);
        }
        if found.len() == distinct {
            break;
        }
    }
    let named = |index: usize| {
        let mut pod = found[index % found.len()].clone();
        pod["apiVersion"] = json!("v1");
        pod["kind"] = json!("Pod");
        pod["metadata"]["name"] = json!(format!("p{index}"));
        pod["metadata"]["namespace"] = json!("default");
        pod
    };
    (0..PODS).map(named).collect()
}

const FLEETS: [(&str, usize); 2] = [("fleet", 50), ("strangers", PODS)];

/// On all cores, as `verify` does it.
#[divan::bench(args = [0, 1])]
fn here(bencher: divan::Bencher<'_, '_>, fleet: usize) {
    let recorded = Recorded::read("psp-core");
    let (documents, pods) = (documents(&recorded), pods(&recorded, FLEETS[fleet].1));
    bencher.counter(ItemsCount::new(PODS)).bench(|| {
        let decider = Documents::read(&documents, &[]);
        let request = |object| AdmissionRequest {
            namespace: "default",
            name: "p",
            user: "",
            groups: &[],
            operation: Operation::Create,
            subresource: "",
            object,
            old_object: None,
        };
        pods.par_iter().filter(|pod| decider.decide(&request(pod)).allowed).count()
    });
}

/// Start-up included, which is some hundredths of a second.
#[divan::bench(args = [0, 1], sample_count = 3)]
fn gator_test(bencher: divan::Bencher<'_, '_>, fleet: usize) {
    let Some(gator) = std::env::var_os("GATOR") else { return };
    let recorded = Recorded::read("psp-core");
    let folder = std::env::temp_dir().join(format!("psp-migrate-bench-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let all = documents(&recorded).into_iter().chain(pods(&recorded, FLEETS[fleet].1));
    let text: String = all.map(|document| format!("---\n{}", serde_yaml::to_string(&document).unwrap())).collect();
    fs::write(folder.join("all.yaml"), text).unwrap();
    bencher.counter(ItemsCount::new(PODS)).bench(|| {
        Command::new(&gator).args(["test", "-o", "json", "--filename"]).arg(&folder).output().unwrap().stdout.len()
    });
    fs::remove_dir_all(&folder).unwrap();
}
