//! Pod Security Admission against every recorded answer of the real library, texts included.
//!
//! The whole recording is used where it is there, else the subset kept in this repository.

use std::io::{BufRead, BufReader};

use flate2::read::GzDecoder;
use psp_migrate::targets::psa::{Admission, Level, Operation, PsaPod, Request, Resource, Response, Version, evaluate};
use serde_json::{Value, json};

const WHOLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/golden/psa.ndjson.gz");
const SUBSET: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/golden/recorded/psa.ndjson.gz");

/// Requests whose cluster defaults pin versions, recorded with the same library.
const DEFAULT_VERSIONS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/golden/recorded/psa-default-versions.ndjson.gz"
);

/// One past the newest version that upstream's checks name.
const LAST_MINOR: u64 = 38;

fn cases(path: &str) -> Vec<Value> {
    let file = std::fs::File::open(path).unwrap();
    let lines = BufReader::new(GzDecoder::new(file)).lines();
    lines
        .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
        .collect()
}

fn recorded() -> (&'static str, Vec<Value>) {
    let path = if std::fs::exists(WHOLE).unwrap() { WHOLE } else { SUBSET };
    (path, cases(path))
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
        let same = |last: &Value| {
            ["allowed", "reason", "detail"]
                .iter()
                .all(|key| last.get(key) == span.get(key))
        };
        if !spans.last().is_some_and(same) {
            spans.push(span);
        }
    }
    spans
}

#[test]
fn pods_are_judged_as_recorded_at_every_version() {
    let (path, cases) = recorded();
    let (mut pods, mut compared) = (0, 0);
    for case in cases.iter().filter(|case| case.get("pod").is_some()) {
        let pod = PsaPod::read(&case["pod"]);
        for (level, name) in [(Level::Baseline, "baseline"), (Level::Restricted, "restricted")] {
            assert_eq!(Value::from(spans(level, &pod)), case[name], "{} {name}", case["id"]);
            compared += LAST_MINOR + 1;
        }
        pods += 1;
    }
    eprintln!("{pods} pods, {compared} evaluations agree with {path}");
    assert!(pods > 100);
}

/// The plug-in as a case configures it: through the configuration document that the case's settings make.
///
/// The recorder read the defaults by other names than the configuration file has, and so never saw their versions; here
/// they are left out as well. Cases recorded with versions stand in a file of their own.
fn admission(case: &Value, with_versions: bool) -> Admission {
    let mut defaults = case["defaults"].clone();
    if let Some(defaults) = defaults.as_object_mut() {
        defaults.retain(|key, _| with_versions || !key.ends_with("-version"));
    }
    let document = json!({
        "apiVersion": "pod-security.admission.config.k8s.io/v1",
        "kind": "PodSecurityConfiguration",
        "defaults": defaults,
        "exemptions": case["exemptions"],
    });
    Admission::from_configuration(&document).unwrap()
}

fn answer(case: &Value, with_versions: bool) -> Response {
    let text = |key: &str| case[key].as_str().unwrap_or_default();
    let operation = match text("operation") {
        "UPDATE" => Operation::Update {
            old: &case["oldObject"],
        },
        _ => Operation::Create,
    };
    let object = &case["object"];
    admission(case, with_versions).validate(&Request {
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
fn requests_are_answered_as_recorded() {
    let (path, cases) = recorded();
    let requests: Vec<_> = cases.iter().filter(|case| case.get("object").is_some()).collect();
    let mut refused = 0;
    for case in &requests {
        let answer = answer(case, false);
        assert_eq!(printed(&answer), case["response"], "{}", case["id"]);
        refused += usize::from(!answer.is_allowed());
    }
    eprintln!(
        "{} requests, {refused} of them refused, agree with {path}",
        requests.len()
    );
    assert!(requests.len() > 100 && refused > 10);
}

#[test]
fn requests_under_pinned_defaults_are_answered_as_recorded() {
    let cases = cases(DEFAULT_VERSIONS);
    for case in &cases {
        assert_eq!(printed(&answer(case, true)), case["response"], "{}", case["id"]);
    }
    let told_apart = cases
        .iter()
        .filter(|case| answer(case, true) != answer(case, false))
        .count();
    eprintln!(
        "{} requests agree with {DEFAULT_VERSIONS}, {told_apart} of them because of a version",
        cases.len()
    );
    assert!(told_apart > 100);
}

#[test]
fn the_subset_is_part_of_the_whole() {
    let subset = cases(SUBSET);
    assert!(subset.len() > 200);
    if let (WHOLE, whole) = recorded() {
        assert!(subset.iter().all(|case| whole.contains(case)));
    }
}
