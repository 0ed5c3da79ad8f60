//! Usable policies and refused RBAC objects, against what Kubernetes 1.24.17 answered.
//!
//! Recorded with the server's own authorizer, aggregation controller and API validation, on a cluster without the roles
//! that an API server creates for itself.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use flate2::read::GzDecoder;
use psp_migrate::rbac::{Rbac, RbacOptions};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

/// The full recordings if they lie beside the repository, else the part of them that it keeps.
fn recordings() -> Vec<Value> {
    let all = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/golden/");
    let part = concat!(env!("CARGO_MANIFEST_DIR"), "/golden/recorded/psp-rbac.ndjson.gz");
    let full = ["psp-rbac", "psp-example", "psp-adversarial"].map(|name| format!("{all}{name}.ndjson.gz"));
    let files = if full.iter().all(|file| Path::new(file).exists()) { full.to_vec() } else { vec![part.to_owned()] };
    eprintln!("recordings: {}", files.join(", "));
    files.iter().flat_map(|file| cases(file)).collect()
}

fn cases(file: &str) -> Vec<Value> {
    let lines = BufReader::new(GzDecoder::new(File::open(file).unwrap())).lines();
    lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect()
}

fn build(case: &Value) -> Rbac {
    let invalid = case["invalidObjects"].as_object();
    let name = |object: &Value| object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let valid = |name: &String| !invalid.is_some_and(|all| all.contains_key(&format!("PodSecurityPolicy/{name}")));
    let objects = case["objects"].as_array().unwrap();
    let policies = objects.iter().filter(|object| object["kind"] == "PodSecurityPolicy");
    let mut policies: Vec<String> = policies.map(name).filter(valid).collect();
    policies.sort();
    let options = RbacOptions { aggregate: case["options"]["aggregate"] == true, bootstrap: false };
    Rbac::build(objects, &policies, options)
}

/// The name under which the plug-in asks for the pod's account; the older field is an alias for the newer.
fn service_account(pod: &Value) -> Option<&str> {
    let names = ["serviceAccountName", "serviceAccount"].map(|field| pod["spec"][field].as_str().unwrap_or_default());
    names.into_iter().find(|name| !name.is_empty())
}

fn usable(rbac: &Rbac, request: &Value) -> Vec<String> {
    let text = |field: &str| request[field].as_str().unwrap_or_default();
    let groups = request["groups"].as_array().into_iter().flatten();
    let groups: Vec<&str> = groups.filter_map(Value::as_str).collect();
    let account = service_account(&request["pod"]);
    let usable = rbac.usable_by_request(text("namespace"), account, text("user"), &groups);
    rbac.names(&usable).map(str::to_owned).collect()
}

#[test]
fn usable_policies_are_those_recorded() {
    let (mut compared, mut with_some) = (0, 0);
    for case in recordings() {
        let rbac = build(&case);
        let requests = case["requests"].as_array().unwrap().iter();
        for (i, (request, decision)) in requests.zip(case["decisions"].as_array().unwrap()).enumerate() {
            let Some(recorded) = decision["usable"].as_array() else {
                continue;
            };
            assert_ne!(case["options"]["serviceAccount"], true, "accounts would have to be filled in first");
            assert_eq!(&usable(&rbac, request), recorded, "case {} request {i}", case["id"]);
            compared += 1;
            with_some += usize::from(!recorded.is_empty());
        }
    }
    eprintln!("usable sets compared: {compared}, not empty: {with_some}");
    assert!(compared > 400 && with_some > 100, "too little was compared");
}

#[test]
fn refused_objects_are_those_recorded() {
    let (mut refused, mut objects) = (0, 0);
    for case in recordings() {
        let rbac = build(&case);
        let found = rbac.invalid_objects().iter();
        let found: BTreeMap<String, &[String]> =
            found.map(|invalid| (invalid.object.to_string(), invalid.messages.as_slice())).collect();
        let recorded = case["invalidObjects"].as_object().into_iter().flatten();
        let recorded: BTreeMap<String, Vec<&str>> = recorded
            .filter(|(object, _)| !object.starts_with("PodSecurityPolicy/"))
            .map(|(object, messages)| {
                (object.clone(), messages.as_array().unwrap().iter().filter_map(Value::as_str).collect())
            })
            .collect();
        assert_eq!(format!("{found:?}"), format!("{recorded:?}"), "case {}", case["id"]);
        refused += recorded.len();
        objects += case["objects"].as_array().unwrap().len();
    }
    eprintln!("objects validated: {objects}, refused: {refused}");
    assert!(refused > 5, "too little was compared");
}
