//! Pod Security Admission against recorded answers of the real library, texts included.
//!
//! The whole recording is used where it is there, else the subset kept in this repository. A second file, recorded with
//! the same library, holds what the recording lacks: cluster defaults that pin versions, and odd pods and requests.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test may panic")]

use std::io::{BufRead, BufReader};

use flate2::read::GzDecoder;
use psp_migrate::targets::psa::{Admission, Level, Operation, PsaPod, Request, Resource, Response, Version, evaluate};
use serde_json::{Value, json};

const WHOLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/golden/psa.ndjson.gz");
const SUBSET: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/golden/recorded/psa.ndjson.gz");
const MORE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/golden/recorded/psa-more.ndjson.gz");

/// One past the newest version that upstream's checks name.
const LAST_MINOR: u64 = 38;

fn cases(path: &str) -> Vec<Value> {
    let file = std::fs::File::open(path).unwrap();
    let lines = BufReader::new(GzDecoder::new(file)).lines();
    lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect()
}

fn recording() -> &'static str {
    if std::fs::exists(WHOLE).unwrap() { WHOLE } else { SUBSET }
}

#[test]
fn pods_are_judged_as_recorded_at_every_version() {
    assert!(compare_pods(recording()) > 100);
}

#[test]
fn odd_pods_are_judged_as_recorded_at_every_version() {
    assert!(compare_pods(MORE) > 50);
}

fn compare_pods(path: &str) -> usize {
    let cases = cases(path);
    let pods: Vec<_> = cases.iter().filter(|case| case.get("pod").is_some()).collect();
    for case in &pods {
        let pod = PsaPod::read(&case["pod"]);
        for (level, name) in [(Level::Baseline, "baseline"), (Level::Restricted, "restricted")] {
            assert_eq!(Value::from(spans(level, &pod)), case[name], "{} {name}", case["id"]);
        }
    }
    let evaluations = 2 * (LAST_MINOR as usize + 1) * pods.len();
    eprintln!("{} pods, {evaluations} evaluations agree with {path}", pods.len());
    pods.len()
}

/// What a level says about a pod at every version, equal neighbours merged, in the recording's shape.
fn spans(level: Level, pod: &PsaPod<'_>) -> Vec<Value> {
    let mut spans: Vec<Value> = Vec::new();
    for minor in 0..=LAST_MINOR {
        let version = Version::Minor(minor);
        let evaluation = evaluate(level, version, pod);
        let mut span = json!({"from": version.to_string(), "allowed": evaluation.is_allowed()});
        if !evaluation.is_allowed() {
            span["reason"] = evaluation.reasons().into();
            span["detail"] = evaluation.detail().into();
        }
        let same = |last: &Value| ["allowed", "reason", "detail"].iter().all(|key| last.get(key) == span.get(key));
        if !spans.last().is_some_and(same) {
            spans.push(span);
        }
    }
    spans
}

/// The recorder read the defaults by other names than the configuration file has, and so never saw their versions; here
/// they are left out as well.
#[test]
fn requests_are_answered_as_recorded() {
    let (requests, refused) = compare_requests(recording(), without_versions);
    assert!(requests > 100 && refused > 10);
}

#[test]
fn odd_requests_and_pinned_defaults_are_answered_as_recorded() {
    let (requests, refused) = compare_requests(MORE, Value::clone);
    assert!(requests > 100 && refused > 10);
}

fn without_versions(defaults: &Value) -> Value {
    let mut defaults = defaults.clone();
    if let Some(defaults) = defaults.as_object_mut() {
        defaults.retain(|key, _| !key.ends_with("-version"));
    }
    defaults
}

fn compare_requests(path: &str, defaults: fn(&Value) -> Value) -> (usize, usize) {
    let cases = cases(path);
    let requests: Vec<_> = cases.iter().filter(|case| case.get("object").is_some()).collect();
    let mut refused = 0;
    for case in &requests {
        let answer = answer(case, &defaults(&case["defaults"]));
        assert_eq!(printed(&answer), case["response"], "{}", case["id"]);
        refused += usize::from(!answer.is_allowed());
    }
    eprintln!("{} requests, {refused} of them refused, agree with {path}", requests.len());
    (requests.len(), refused)
}

/// The plug-in is configured through the document that a case's settings make.
fn answer(case: &Value, defaults: &Value) -> Response {
    let document = json!({
        "apiVersion": "pod-security.admission.config.k8s.io/v1",
        "kind": "PodSecurityConfiguration",
        "defaults": defaults,
        "exemptions": case["exemptions"],
    });
    let text = |key: &str| case[key].as_str().unwrap_or_default();
    let object = &case["object"];
    let operation = match text("operation") {
        "UPDATE" => Operation::Update { old: &case["oldObject"] },
        _ => Operation::Create,
    };
    Admission::from_configuration(&document).unwrap().validate(&Request {
        resource: Resource::of_object(object).unwrap(),
        subresource: text("subresource"),
        name: object["metadata"]["name"].as_str().unwrap_or_default(),
        namespace: text("namespace"),
        user: text("user"),
        operation,
        object,
        namespace_labels: Some(&case["labels"]),
        pods: case["pods"].as_array().map(Vec::as_slice).unwrap_or_default(),
    })
}

/// A response in the recording's shape.
fn printed(response: &Response) -> Value {
    let mut out = json!({"allowed": response.is_allowed()});
    if let Some(refusal) = &response.refusal {
        out["code"] = refusal.code.into();
        out["message"] = refusal.message.clone().into();
    }
    if !response.warnings.is_empty() {
        out["warnings"] = response.warnings.clone().into();
    }
    if !response.audit_annotations.is_empty() {
        out["auditAnnotations"] = json!(response.audit_annotations);
    }
    out
}

#[test]
fn the_subset_is_part_of_the_recording() {
    let (subset, recording) = (cases(SUBSET), cases(recording()));
    assert!(subset.len() > 200);
    assert!(subset.iter().all(|case| recording.contains(case)));
}
