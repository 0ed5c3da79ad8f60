//! API validation of policies against what Kubernetes 1.24.17 recorded, message for message.
//!
//! Recorded with the server's own defaulting, policy strategy and validation. A policy that a recording does not list as
//! invalid was accepted.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use flate2::read::GzDecoder;
use psp_migrate::psp::PodSecurityPolicy;
use psp_migrate::psp::validation::validate;
use psp_migrate::release::Release;
use serde::Deserialize;
use serde_json::Value;

const ALL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/golden");
const PART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/golden/recorded/psp-invalid.ndjson.gz");

/// The part of the recordings that the repository keeps, and all of them if they lie beside it.
///
/// The part also holds what the API server itself answered about metadata and nulls (ids `server-…`).
fn recordings() -> Vec<String> {
    let names = ["invalid", "adversarial", "boundary", "core", "example", "manifests", "rbac", "updates"];
    let all = names.map(|name| format!("{ALL}/psp-{name}.ndjson.gz"));
    let all = all.into_iter().filter(|_| Path::new(ALL).exists());
    all.chain([PART.to_owned()]).collect()
}

/// What of a recorded case is about policies.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    id: String,
    objects: Vec<Value>,
    #[serde(default)]
    invalid_objects: BTreeMap<String, Vec<String>>,
}

impl Case {
    fn policies(&self) -> impl Iterator<Item = &Value> {
        let objects = self.objects.iter();
        objects.filter(|object| object["kind"] == "PodSecurityPolicy")
    }

    /// The recorded messages, none where the policy was accepted.
    fn recorded(&self, manifest: &Value) -> Vec<String> {
        let key = format!("PodSecurityPolicy/{}", manifest["metadata"]["name"].as_str().unwrap_or_default());
        self.invalid_objects.get(&key).cloned().unwrap_or_default()
    }
}

fn cases(path: &str) -> impl Iterator<Item = Case> {
    let lines = BufReader::new(GzDecoder::new(File::open(path).unwrap())).lines();
    lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap())
}

/// The messages of our validation, sorted as the recordings' are.
fn messages(manifest: &Value) -> Vec<String> {
    let release = Release::default();
    let policy = PodSecurityPolicy::from_value(manifest).unwrap().stored(&release);
    let mut messages: Vec<String> = validate(&policy, &release).iter().map(ToString::to_string).collect();
    messages.sort();
    messages
}

#[test]
fn policies_are_refused_in_the_recorded_words() {
    let mut wrong = Vec::new();
    for file in recordings() {
        let (mut compared, mut invalid) = (0, 0);
        for case in cases(&file) {
            for manifest in case.policies() {
                let (found, expected) = (messages(manifest), case.recorded(manifest));
                compared += 1;
                invalid += usize::from(!expected.is_empty());
                if found != expected {
                    wrong.push(format!("{}: found {found:#?}\n  recorded {expected:#?}", case.id));
                }
            }
        }
        eprintln!("{compared} policies compared, {invalid} of them invalid, with {file}");
        assert!(compared > 0);
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}
