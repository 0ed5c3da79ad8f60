//! Recorded requests with their users, and requests of real manifests among them.

use std::fs;
use std::path::{Path, PathBuf};

use psp_migrate::admission::Operation;
use psp_migrate::targets::gatekeeper::{Documents, Gatekeeper};
use psp_migrate::targets::{AdmissionRequest, Decider, Target, TestCase};
use rayon::prelude::*;
use serde_json::{Value, json};

use super::suites::Told;
use super::support::{Recorded, admission_pod};
use super::{Scratch, emission_of, suites, wanted, write_documents};

const FILES: [&str; 6] = ["psp-core", "psp-adversarial", "psp-rbac", "psp-boundary", "psp-updates", "psp-manifests"];

/// CREATE is judged as if filled in, so that both answers occur; the messages must be the same to the letter.
#[test]
#[ignore = "needs gator and takes minutes"]
fn gator_says_the_same_of_recorded_requests() {
    let folder = Scratch::new();
    let parts: Vec<PathBuf> =
        (0..rayon::current_num_threads()).map(|part| folder.path().join(part.to_string())).collect();
    let mut places = parts.iter().cycle();
    for name in FILES {
        let recorded = Recorded::read(name);
        // Spread over the whole file; equal requests of a cluster are put once, so some more are taken.
        let requests: usize = recorded.cases.iter().map(|case| case["requests"].as_array().unwrap().len()).sum();
        let every = (requests * FILES.len() * 2 / (wanted() * 3)).max(1);
        for case in recorded.cases.iter().skip(1).step_by(every) {
            let suite = format!("{name}-{}", case["id"].as_str().unwrap());
            write_suite(&places.next().unwrap().join(suite), case);
        }
    }
    // Gator compiles the template anew for each case, all of them one after another.
    let told: Told = parts.par_iter().filter(|part| part.exists()).map(|part| suites::verify(part)).sum();
    eprintln!("gator and the evaluation here: {} reviews let through, {} refused", told.through, told.refused);
    assert!(told.through > 0 && told.refused > 0);
}

/// Writes the documents of a case with a suite that expects what is decided here.
fn write_suite(folder: &Path, case: &Value) {
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
