//! Decisions per second on recorded requests, on one core: pods decoded beforehand, as the plug-in gets them.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a bench is no production code")]

#[path = "../tests/support/mod.rs"]
mod support;

use divan::counter::ItemsCount;
use psp_migrate::admission::{Operation, Verdict};
use psp_migrate::cluster::{Cluster, Outcome, Request};
use psp_migrate::pod_view::PodView;
use psp_migrate::rbac::RbacOptions;
use psp_migrate::release::Release;
use serde_json::Value;
use support::{Recorded, admission_pod};

/// The allocator of the released program.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    divan::main();
}

struct Case {
    cluster: Cluster,
    requests: Vec<Owned>,
}

struct Owned {
    namespace: String,
    user: String,
    groups: Vec<String>,
    subresource: String,
    pod: Value,
    old_pod: Option<Value>,
}

impl Owned {
    fn request(&self) -> Request<'_> {
        Request {
            namespace: &self.namespace,
            user: &self.user,
            groups: &self.groups,
            subresource: &self.subresource,
            pod: &self.pod,
            operation: if self.old_pod.is_some() { Operation::Update } else { Operation::Create },
            old_pod: self.old_pod.as_ref(),
        }
    }
}

fn cases(name: &str) -> Vec<Case> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let case = |case: &Value| {
        let objects = case["objects"].as_array().unwrap();
        let policies = objects.iter().filter(|object| object["kind"] == "PodSecurityPolicy");
        let options = RbacOptions { aggregate: false, bootstrap: false };
        let cluster = Cluster::new(policies, objects, Release::default(), options).unwrap().without_pod_validation();
        let request = |request: &Value| Owned {
            namespace: text(&request["namespace"]),
            user: text(&request["user"]),
            groups: serde_json::from_value(request["groups"].clone()).unwrap_or_default(),
            subresource: text(&request["subresource"]),
            pod: admission_pod(case, request, "pod"),
            old_pod: request.get("oldPod").map(|_| admission_pod(case, request, "oldPod")),
        };
        Case { cluster, requests: case["requests"].as_array().unwrap().iter().map(request).collect() }
    };
    Recorded::read(name).cases.iter().map(case).collect()
}

/// Verdict, policy, resulting pod and the text of every refusal.
#[divan::bench(args = ["psp-core", "psp-boundary", "psp-adversarial", "psp-rbac"])]
fn decide(bencher: divan::Bencher<'_, '_>, name: &str) {
    let cases = cases(name);
    let view = |owned| (Owned::request(owned), PodView::read(&owned.pod, &Release::default()).unwrap());
    let views: Vec<(&Case, Vec<_>)> =
        cases.iter().map(|case| (case, case.requests.iter().map(view).collect())).collect();
    let count: usize = views.iter().map(|(_, requests)| requests.len()).sum();
    bencher.counter(ItemsCount::new(count)).bench(|| {
        for (case, requests) in &views {
            for (request, view) in requests {
                divan::black_box(decided(&case.cluster, request, view));
            }
        }
    });
}

fn decided(cluster: &Cluster, request: &Request<'_>, view: &PodView<'_>) -> usize {
    match cluster.decide(request, view) {
        Outcome::Decided(Verdict::Denied { phase, refusal }) => refusal.message("p", phase, &Release::default()).len(),
        outcome => {
            divan::black_box(outcome);
            0
        }
    }
}
