//! Plain scalars, as `sigs.k8s.io/yaml` (the YAML of kubectl) turned them into JSON: recorded in
//! `golden/recorded/scalars.tsv`, a scalar and its JSON (or `error`) a line.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use psp_migrate::input::{RawDocument, parse};
use serde_json::Value;

fn read(scalar: &str) -> Option<Value> {
    let text = format!("apiVersion: v1\nkind: Pod\nscalar: {scalar}\n");
    let parsed = parse(&RawDocument { file: "f".into(), first_line: 1, text });
    let (_, pod) = parsed.objects.into_iter().next()?;
    Some(pod.value["scalar"].clone())
}

/// JSON has one kind of number: a whole one that fits 64 bits is an integer, however it is written.
fn canonical(json: &str) -> Value {
    match json.parse::<f64>() {
        Ok(float) if json.contains(['e', '.']) => serde_json::json!(float),
        Ok(0.0) => 0.into(),
        _ => serde_json::from_str(json).unwrap(),
    }
}

#[test]
fn scalars_are_read_as_kubectl_reads_them() {
    let recorded =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/golden/recorded/scalars.tsv")).unwrap();
    let mut wrong = Vec::new();
    for line in recorded.lines() {
        let (scalar, json) = line.rsplit_once('\t').unwrap();
        let expected = (json != "error").then(|| canonical(json));
        let found = read(scalar);
        if found != expected {
            wrong.push(format!("{scalar}: {found:?}, recorded {json}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), recorded.lines().count(), wrong.join("\n"));
    assert!(recorded.lines().count() > 3000);
}
