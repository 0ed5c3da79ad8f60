//! The real engine, gator, held against the evaluation in this program, over recorded requests with their users.
//!
//! It needs gator (3.23, for it expands workloads too) and minutes, so it runs only when asked for:
//! `GATOR=path/to/gator cargo test --release --test gatekeeper_gator -- --ignored --nocapture`. `REVIEWS` is how many
//! requests are put to it, 5,000 unless said otherwise.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use psp_migrate::admission::Operation;
use psp_migrate::cel::normalise::{normalise, pod_pointers};
use psp_migrate::cluster::Cluster;
use psp_migrate::input::objects_in_text;
use psp_migrate::plan::{Options, Plan};
use psp_migrate::rbac::RbacOptions;
use psp_migrate::release::Release;
use psp_migrate::targets::gatekeeper::{Documents, Gatekeeper};
use psp_migrate::targets::{AdmissionRequest, Decider, Emission, Target, TestCase};
use serde_json::{Value, json};
use support::{Recorded, admission_pod};

const FILES: [&str; 4] = ["psp-core", "psp-adversarial", "psp-rbac", "psp-boundary"];

/// CREATE is judged as if filled in, so that both answers occur; the messages must be the same to the letter.
#[test]
#[ignore = "needs gator and takes minutes"]
fn gator_says_the_same_of_recorded_requests() {
    let wanted: usize = std::env::var("REVIEWS").map_or(5000, |text| text.parse().expect("REVIEWS is a number"));
    let folder = Folder::new("verify");
    let (mut allowed, mut denied) = (0, 0);
    for name in FILES {
        let recorded = Recorded::read(name);
        // Spread over the whole file.
        let requests: usize = recorded.cases.iter().map(|case| case["requests"].as_array().unwrap().len()).sum();
        let every = (requests * FILES.len() / wanted).max(1);
        for case in recorded.cases.iter().skip(1).step_by(every) {
            let suite = format!("{name}-{}", case["id"].as_str().unwrap());
            for judged in write_suite(&folder.0.join(suite), case) {
                *(if judged { &mut allowed } else { &mut denied }) += 1;
            }
        }
    }
    assert!(allowed > 0 && denied > 0);
    let run = Command::new(gator()).arg("verify").arg(folder.0.join("...")).output().unwrap();
    let text = String::from_utf8_lossy(&run.stdout);
    eprintln!("gator and the evaluation here: {allowed} reviews let through, {denied} refused");
    let wrong =
        text.lines().filter(|line| line.trim_start().starts_with("--- FAIL")).take(10).collect::<Vec<_>>().join("\n");
    assert!(run.status.success(), "{wrong}\n{}", String::from_utf8_lossy(&run.stderr));
}

/// Gator mutates what workloads expand to. Operations are unknown to it there, so the mutators must not name any.
#[test]
#[ignore = "needs gator and takes minutes"]
fn gator_mutates_recorded_pods_alike() {
    let wanted: usize = std::env::var("REVIEWS").map_or(5000, |text| text.parse().expect("REVIEWS is a number"));
    let (mut compared, mut changed, mut wrong) = (0, 0, Vec::new());
    for name in ["psp-core", "psp-boundary", "psp-adversarial"] {
        let recorded = Recorded::read(name);
        let step = (recorded.cases.len() * 20 / wanted).max(1);
        for case in recorded.cases.iter().step_by(step) {
            let expanded = Expanded::new(case);
            let theirs = expanded.by_gator();
            for (index, ours) in expanded.here() {
                let theirs = theirs.get(&index).map(|pod| normalise(pod, &pod_pointers));
                compared += 1;
                changed += usize::from(expanded.pods[&index]["spec"] != ours["spec"]);
                if theirs.as_ref().map(|pod| &pod["spec"]) != Some(&ours["spec"]) {
                    wrong.push(format!("{} pod {index}:\nours {ours}\ntheirs {theirs:?}", case["id"]));
                }
            }
        }
    }
    eprintln!("gator and the mutators here: {compared} pods compared, {changed} of them changed");
    assert!(changed > 0);
    assert!(wrong.is_empty(), "{} differ\n{}", wrong.len(), wrong.into_iter().take(3).collect::<Vec<_>>().join("\n"));
}

fn gator() -> OsString {
    std::env::var_os("GATOR").expect("GATOR names the program")
}

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("psp-migrate-gator-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn emission_of(case: &Value) -> Emission {
    let objects = case["objects"].as_array().unwrap();
    let policies = objects.iter().filter(|object| object["kind"] == "PodSecurityPolicy");
    let options = RbacOptions { aggregate: false, bootstrap: false };
    let cluster = Cluster::new(policies, objects, Release::default(), options).unwrap();
    Gatekeeper.emit(&Plan::new(&cluster, Options::default()))
}

/// Writes the documents of a case with a suite that expects what is decided here, and tells for each request whether that
/// lets it pass.
fn write_suite(folder: &Path, case: &Value) -> Vec<bool> {
    let mut emission = emission_of(case);
    emission.documents.truncate(2);
    emission.documents[1].document["spec"]["parameters"]["defaulting"] = json!("Assume");
    let documents: Vec<Value> = emission.documents.iter().map(|emitted| emitted.document.clone()).collect();
    let decider = Documents::read(&documents, &[]).without_pod_validation();
    let requests = case["requests"].as_array().unwrap().iter();
    let requests: Vec<Owned> = requests.map(|request| Owned::new(case, request)).collect();
    let judged = requests.iter().map(|owned| {
        let request = owned.request();
        TestCase { request, verdict: decider.decide(&request) }
    });
    let cases: Vec<TestCase<'_>> = judged.collect();
    write_documents(folder, &emission);
    fs::create_dir_all(folder.join("tests")).unwrap();
    for text in Gatekeeper.test_files(&emission, &cases) {
        fs::write(folder.join(&text.file), text.text).unwrap();
    }
    cases.iter().map(|case| case.verdict.allowed).collect()
}

fn write_documents(folder: &Path, emission: &Emission) {
    fs::create_dir_all(folder).unwrap();
    for emitted in &emission.documents {
        fs::write(folder.join(&emitted.file), emitted.document.to_string()).unwrap();
    }
}

/// The mutators of a case, and the pods that are created, by position of their request.
struct Expanded {
    emission: Emission,
    namespaces: BTreeMap<usize, String>,
    pods: BTreeMap<usize, Value>,
}

impl Expanded {
    fn new(case: &Value) -> Self {
        let mut emission = emission_of(case);
        emission.documents.drain(..2);
        for emitted in &mut emission.documents {
            emitted.document["spec"]["applyTo"][0].as_object_mut().unwrap().shift_remove("operations");
        }
        let (mut namespaces, mut pods) = (BTreeMap::new(), BTreeMap::new());
        let requests = case["requests"].as_array().unwrap().iter().enumerate();
        for (index, request) in requests.filter(|(_, request)| request.get("oldPod").is_none()) {
            let mut pod = normalise(&admission_pod(case, request, "pod"), &pod_pointers);
            pod["metadata"].as_object_mut().unwrap().shift_remove("namespace");
            namespaces.insert(index, request["namespace"].as_str().unwrap().to_owned());
            pods.insert(index, pod);
        }
        if emission.documents.is_empty() {
            pods.clear();
        }
        Self { emission, namespaces, pods }
    }

    fn here(&self) -> impl Iterator<Item = (usize, Value)> + '_ {
        let documents: Vec<Value> = self.emission.documents.iter().map(|emitted| emitted.document.clone()).collect();
        let decider = Documents::read(&documents, &[]).without_pod_validation();
        self.pods.iter().map(move |(index, object)| {
            let request = AdmissionRequest {
                namespace: &self.namespaces[index],
                name: "p",
                user: "",
                groups: &[],
                operation: Operation::Create,
                subresource: "",
                object,
                old_object: None,
            };
            let verdict = decider.decide(&request);
            assert_eq!(verdict.messages, Vec::<String>::new());
            (*index, Value::clone(&verdict.pod))
        })
    }

    fn by_gator(&self) -> BTreeMap<usize, Value> {
        if self.pods.is_empty() {
            return BTreeMap::new();
        }
        let folder = Folder::new("expand");
        write_documents(&folder.0, &self.emission);
        let write = |name: String, document: Value| fs::write(folder.0.join(name), document.to_string()).unwrap();
        write(
            "expansion.yaml".to_owned(),
            json!({
                "apiVersion": "expansion.gatekeeper.sh/v1beta1",
                "kind": "ExpansionTemplate",
                "metadata": {"name": "deployments"},
                "spec": {
                    "applyTo": [{"groups": ["apps"], "kinds": ["Deployment"], "versions": ["v1"]}],
                    "templateSource": "spec.template",
                    "generatedGVK": {"kind": "Pod", "group": "", "version": "v1"},
                },
            }),
        );
        for (index, pod) in &self.pods {
            let metadata = json!({"name": format!("d{index}"), "namespace": self.namespaces[index]});
            let document =
                json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": {"template": pod}});
            write(format!("deployment-{index}.yaml"), document);
        }
        for namespace in self.namespaces.values() {
            let document = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
            write(format!("namespace-{namespace}.yaml"), document);
        }
        let run = Command::new(gator()).args(["expand", "--filename"]).arg(&folder.0).output().unwrap();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        let found = objects_in_text(&String::from_utf8(run.stdout).unwrap()).unwrap();
        let pods = found.into_iter().filter(|object| object["kind"] == "Pod");
        pods.map(|pod| (index_in(pod["metadata"]["name"].as_str().unwrap()), pod)).collect()
    }
}

/// Gator names what a Deployment expands to after it: `d3-pod`.
fn index_in(name: &str) -> usize {
    name.trim_start_matches('d').split('-').next().unwrap().parse().unwrap()
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
