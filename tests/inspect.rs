//! `inspect` as a user runs it: for each folder below `golden/inspect`, `input.yaml` gives `expect.json` and `expect.txt`.
//!
//! `UPDATE_GOLDEN=1` writes what is expected. A folder with anything else in it, or with less, fails.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/inspect")
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Runs the command in a folder; what is printed on both streams, and the exit code.
fn inspect(folder: &Path, arguments: &[&str]) -> (String, String, i32) {
    let mut command = Command::cargo_bin("psp-migrate").unwrap();
    let output = command.current_dir(folder).arg("inspect").args(arguments).env_clear().output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code().unwrap())
}

fn inspect_json(folder: &str) -> Value {
    let (out, _, _) = inspect(&root().join(folder), &["input.yaml", "--format", "json"]);
    serde_json::from_str(&out).unwrap()
}

/// Standard output and, behind a line, standard error with the exit code.
fn transcript((out, error, code): (String, String, i32)) -> String {
    format!("{out}--- stderr, exit code {code} ---\n{error}")
}

#[test]
fn every_case_prints_what_is_expected() {
    let bless = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut wrong = Vec::new();
    let cases = names(&root());
    for case in &cases {
        let folder = root().join(case);
        let found = [
            ("expect.json", inspect(&folder, &["input.yaml", "--format", "json"]).0),
            ("expect.txt", transcript(inspect(&folder, &["input.yaml"]))),
        ];
        for (file, found) in &found {
            if bless {
                fs::write(folder.join(file), found).unwrap();
            }
            if fs::read_to_string(folder.join(file)).ok().as_ref() != Some(found) {
                wrong.push(format!("{case}/{file} should be:\n{found}"));
            }
        }
        let files = BTreeSet::from(["expect.json", "expect.txt", "input.yaml"].map(str::to_owned));
        assert_eq!(names(&folder), files, "{case}");
    }
    eprintln!("cases compared: {}", cases.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(cases.len() >= 5, "too few cases");
}

#[test]
fn the_output_does_not_depend_on_the_order_of_the_input() {
    let text = fs::read_to_string(root().join("wiring/input.yaml")).unwrap();
    let mut documents: Vec<&str> = text.split("---\n").collect();
    let lines = |value: &Value| serde_json::to_string(value).unwrap();
    let without_places = |mut value: Value| {
        for list in ["policies", "warnings"] {
            value[list].as_array_mut().unwrap().iter_mut().for_each(|object| object["source"] = Value::Null);
        }
        lines(&value)
    };
    let run = |input: &str| {
        let output = Command::cargo_bin("psp-migrate")
            .unwrap()
            .args(["inspect", "-", "--format", "json"])
            .write_stdin(input)
            .output();
        without_places(serde_json::from_slice(&output.unwrap().stdout).unwrap())
    };
    let forwards = run(&documents.join("---\n"));
    documents.reverse();
    assert_eq!(forwards, run(&documents.join("\n---\n")));
    assert!(forwards.contains("usableBy"));
}

#[test]
fn broken_input_is_told_by_the_exit_code() {
    let folder = root().join("broken");
    assert_eq!(inspect(&folder, &["input.yaml"]).2, 2);
    assert_eq!(inspect(&folder, &["input.yaml", "--keep-going"]).2, 0);
    assert_eq!(inspect(&folder, &["missing.yaml"]).2, 2);
}

#[test]
fn the_documented_keys_are_there() {
    let object = inspect_json("wiring");
    let policy = &object["policies"][0];
    for key in ["name", "source", "invalid", "dropped", "fills", "usableBy", "beyond"] {
        assert!(policy.get(key).is_some(), "{key}");
    }
    let grant = &policy["usableBy"][0];
    assert!(grant["subject"].is_string() && grant.get("namespace").is_some());
    assert_eq!(grant["through"].as_array().unwrap().len(), 2);
    let fill = &object["policies"][1]["fills"][0];
    assert!(fill["field"].is_string() && fill.get("value").is_some());
    assert!(object["invalidObjects"].is_object());
    let warning = &object["warnings"][0];
    assert!(warning["code"].is_string() && warning["message"].is_string() && warning.get("source").is_some());
}

#[test]
fn service_accounts_have_their_two_groups_only() {
    let object = inspect_json("wiring");
    let subjects = object["subjects"].as_array().unwrap();
    let usable = |key: &str, name: &str, namespace: Value| {
        let mut rows = subjects.iter().filter(|row| row[key] == name && row["namespace"] == namespace);
        rows.next().map(|row| row["usable"].clone())
    };
    assert_eq!(usable("group", "system:authenticated", Value::Null), Some(serde_json::json!(["restricted"])));
    assert_eq!(usable("serviceAccount", "idle", "shop".into()), Some(serde_json::json!([])));
    assert_eq!(usable("serviceAccount", "agent", "monitoring".into()), Some(serde_json::json!(["node-agent"])));
    assert_eq!(usable("user", "alice", "shop".into()), Some(serde_json::json!(["node-agent", "restricted"])));
    assert_eq!(usable("user", "alice", Value::Null), Some(serde_json::json!(["restricted"])));
}
