//! Pod Security Admission against every recorded answer of the real library, texts included.
//!
//! The whole recording is used where it is there, else the subset kept in this repository.

use std::io::{BufRead, BufReader};

use flate2::read::GzDecoder;
use psp_migrate::targets::psa::{Level, PsaPod, Version, evaluate};
use serde_json::{Value, json};

const WHOLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/golden/psa.ndjson.gz");
const SUBSET: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/golden/recorded/psa.ndjson.gz");

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
