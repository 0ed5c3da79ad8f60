//! The real engine, gator, held against the evaluation in this program, over recorded requests with their users.
//!
//! It needs gator (3.11 or later) and minutes, so it runs only when asked for:
//! `GATOR=path/to/gator cargo test --release --test gatekeeper_gator -- --ignored --nocapture`. `REVIEWS` is how many.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use psp_migrate::admission::Operation;
use psp_migrate::cluster::Cluster;
use psp_migrate::plan::{Options, Plan};
use psp_migrate::rbac::RbacOptions;
use psp_migrate::release::Release;
use psp_migrate::targets::gatekeeper::{Case, Gatekeeper, suite};
use psp_migrate::targets::{AdmissionRequest, Context, Emission, Target};
use serde_json::{Value, json};
use support::{Recorded, admission_pod};

const FILES: [&str; 4] = ["psp-core", "psp-adversarial", "psp-rbac", "psp-boundary"];

#[test]
#[ignore = "needs gator and takes minutes"]
fn gator_agrees_about_recorded_requests() {
    let gator = std::env::var_os("GATOR").expect("GATOR names the program");
    let wanted: usize = std::env::var("REVIEWS").map_or(5000, |text| text.parse().expect("REVIEWS is a number"));
    let folder = Folder(std::env::temp_dir().join(format!("psp-migrate-gator-{}", std::process::id())));
    let mut counts = Counts::default();
    for name in FILES {
        let recorded = Recorded::read(name);
        // Spread over the whole file.
        let requests: usize = recorded.cases.iter().map(|case| case["requests"].as_array().unwrap().len()).sum();
        let every = (requests * FILES.len() / wanted).max(1);
        for case in recorded.cases.iter().skip(1).step_by(every) {
            counts.add(write_suite(&folder.0, &format!("{name}-{}", case["id"].as_str().unwrap()), case));
        }
    }
    assert!(counts.allowed > 0 && counts.denied > 0);
    let run = Command::new(&gator).arg("verify").arg(folder.0.join("...")).output().unwrap();
    let text = String::from_utf8_lossy(&run.stdout);
    eprintln!("gator and the evaluation here: {} reviews let through, {} refused", counts.allowed, counts.denied);
    let wrong =
        text.lines().filter(|line| line.trim_start().starts_with("--- FAIL")).take(10).collect::<Vec<_>>().join("\n");
    assert!(run.status.success(), "{wrong}\n{}", String::from_utf8_lossy(&run.stderr));
}

#[derive(Default)]
struct Counts {
    allowed: usize,
    denied: usize,
}

impl Counts {
    fn add(&mut self, more: Counts) {
        self.allowed += more.allowed;
        self.denied += more.denied;
    }
}

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Writes the documents of a case with a suite that expects what is decided here. CREATE is judged as if filled in, so that
/// both answers occur.
fn write_suite(folder: &Path, name: &str, case: &Value) -> Counts {
    let objects = case["objects"].as_array().unwrap();
    let policies = objects.iter().filter(|object| object["kind"] == "PodSecurityPolicy");
    let options = RbacOptions { aggregate: false, bootstrap: false };
    let cluster = Cluster::new(policies, objects, Release::default(), options).unwrap();
    let mut emission = Gatekeeper.emit(&Plan::new(&cluster, Options::default()));
    emission.documents.truncate(2);
    emission.documents[1].document["spec"]["parameters"]["defaulting"] = json!("Assume");
    let documents: Vec<Value> = emission.documents.iter().map(|emitted| emitted.document.clone()).collect();
    let decider = Gatekeeper.read(&documents, &Context { namespaces: &[], rbac: cluster.rbac(), target_minor: 37 });
    let requests: Vec<Owned> =
        case["requests"].as_array().unwrap().iter().map(|request| Owned::new(case, request)).collect();
    let judged = requests.iter().map(|owned| {
        let request = owned.request();
        Case { request, allowed: decider.decide(&request).allowed }
    });
    let judged: Vec<Case<'_>> = judged.collect();
    write(&folder.join(name), &emission, &judged);
    let allowed = judged.iter().filter(|case| case.allowed).count();
    Counts { allowed, denied: judged.len() - allowed }
}

fn write(folder: &Path, emission: &Emission, cases: &[Case<'_>]) {
    fs::create_dir_all(folder).unwrap();
    for emitted in emission.documents.iter().chain(&suite(emission, cases)) {
        fs::write(folder.join(&emitted.file), emitted.document.to_string()).unwrap();
    }
}

struct Owned {
    namespace: String,
    user: String,
    groups: Vec<String>,
    pod: Value,
    old: Option<Value>,
}

impl Owned {
    fn new(case: &Value, request: &Value) -> Self {
        Self {
            namespace: request["namespace"].as_str().unwrap().to_owned(),
            user: request["user"].as_str().unwrap().to_owned(),
            groups: serde_json::from_value(request["groups"].clone()).unwrap_or_default(),
            pod: admission_pod(case, request, "pod"),
            old: request.get("oldPod").map(|_| admission_pod(case, request, "oldPod")),
        }
    }

    fn request(&self) -> AdmissionRequest<'_> {
        AdmissionRequest {
            namespace: &self.namespace,
            name: self.pod["metadata"]["name"].as_str().unwrap_or_default(),
            user: &self.user,
            groups: &self.groups,
            operation: if self.old.is_some() { Operation::Update } else { Operation::Create },
            subresource: "",
            object: &self.pod,
            old_object: self.old.as_ref(),
        }
    }
}
