//! What `verify` writes for pipelines is what the schemas of those formats demand.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;

use assert_cmd::Command;
use serde_json::{Value, json};
use uppsala::{XsdValidator, parse};

/// Inputs with every kind of finding, and with names that are no plain text.
const INPUTS: [&str; 2] = ["golden/example", "golden/report/hostile"];

fn verify(input: &str, format: &str) -> String {
    let mut command = Command::cargo_bin("psp-migrate").unwrap();
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command.args(["verify", input, "--to", "psa,vap", "--keep-going", "--format", format]);
    let output = command.output().unwrap();
    assert_ne!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn schema(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemas").join(name)).unwrap()
}

fn sarif_schema() -> jsonschema::Validator {
    // The schema's own pattern for languages is no regular expression of its dialect: a bracket is closed and never opened.
    let text = schema("sarif-2.1.0.json").replace("{2}]?$", "{2}?$");
    jsonschema::validator_for(&serde_json::from_str(&text).unwrap()).unwrap()
}

#[test]
fn sarif_is_what_its_schema_demands() {
    let validator = sarif_schema();
    for input in INPUTS {
        let log: Value = serde_json::from_str(&verify(input, "sarif")).unwrap();
        let errors: Vec<String> = validator.iter_errors(&log).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{input}: {errors:#?}");
        let results = log.pointer("/runs/0/results").and_then(Value::as_array).unwrap();
        assert!(!results.is_empty(), "{input} has findings");
    }
}

#[test]
fn a_wrong_sarif_log_is_refused() {
    let validator = sarif_schema();
    let log: Value = serde_json::from_str(&verify("golden/example", "sarif")).unwrap();
    for (pointer, value) in [
        ("/version", json!("2.2.0")),
        ("/runs/0/results/0/level", json!("fatal")),
        ("/runs/0/tool/driver/name", Value::Null),
        ("/runs/0/results/0/message", json!("text")),
    ] {
        let mut wrong = log.clone();
        *wrong.pointer_mut(pointer).unwrap() = value;
        assert!(!validator.is_valid(&wrong), "{pointer}");
    }
}

fn junit_errors(text: &str) -> Vec<String> {
    let schema = schema("junit-10.xsd");
    let validator = XsdValidator::from_schema(&parse(&schema).unwrap()).unwrap();
    match parse(text) {
        Ok(document) => validator.validate(&document).iter().map(ToString::to_string).collect(),
        Err(error) => vec![error.to_string()],
    }
}

#[test]
fn junit_is_what_its_schema_demands() {
    for input in INPUTS {
        let text = verify(input, "junit");
        assert_eq!(junit_errors(&text), Vec::<String>::new(), "{input}");
        assert!(text.contains("<failure"), "{input} has findings");
    }
}

#[test]
fn a_wrong_junit_document_is_refused() {
    let text = verify("golden/example", "junit");
    for (right, wrong) in [
        ("<testcase ", "<case "),
        (" name=\"psp-migrate\"", " title=\"psp-migrate\""),
        ("<testsuite name=", "<testsuite nick="),
        ("</testsuites>", ""),
    ] {
        assert!(text.contains(right), "{right}");
        assert!(!junit_errors(&text.replacen(right, wrong, 1)).is_empty(), "{wrong}");
    }
}
