//! The ServiceAccount plug-in against recorded decisions: what a denial says of a volume must hold for the volume that
//! stands there after this program's defaulting and ServiceAccount step, injected token volume included.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use flate2::read::GzDecoder;
use psp_migrate::input::{admit_service_account, default_pod};
use regex::Regex;
use serde_json::Value;

fn recordings() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let shared = here.join("../shared/golden/psp-manifests.ndjson.gz");
    if shared.exists() { shared } else { here.join("golden/recorded/manifests.ndjson.gz") }
}

/// The account that the pod names, in the request's namespace; of two of the same name the last one.
fn account<'a>(case: &'a Value, request: &Value) -> Option<&'a Value> {
    let name =
        request["pod"]["spec"]["serviceAccountName"].as_str().filter(|name| !name.is_empty()).unwrap_or("default");
    case["objects"].as_array().unwrap().iter().rfind(|object| {
        object["kind"] == "ServiceAccount"
            && object["metadata"]["name"] == name
            && object["metadata"]["namespace"] == request["namespace"]
    })
}

#[test]
fn volumes_stand_where_the_recorded_denials_saw_them() {
    let pattern =
        Regex::new(r#"spec\.volumes\[(\d+)\]: Invalid value: "(\w+)": \w+ volumes are not allowed to be used"#)
            .unwrap();
    let path = recordings();
    let (mut checked, mut injected) = (0, 0);
    for line in BufReader::new(GzDecoder::new(File::open(&path).unwrap())).lines() {
        let case: Value = serde_json::from_str(&line.unwrap()).unwrap();
        for (request, decision) in
            case["requests"].as_array().unwrap().iter().zip(case["decisions"].as_array().unwrap())
        {
            let mut pod = request["pod"].clone();
            let own = pod["spec"]["volumes"].as_array().map_or(0, Vec::len);
            default_pod(&mut pod);
            admit_service_account(&mut pod, account(&case, request), 24);
            for found in pattern.captures_iter(decision["error"].as_str().unwrap_or("")) {
                let index: usize = found[1].parse().unwrap();
                let volume = &pod["spec"]["volumes"][index];
                let key = if &found[2] == "cephFS" { "cephfs" } else { &found[2] };
                assert!(volume.get(key).is_some(), "{}: {} but {volume}", case["id"], &found[0]);
                checked += 1;
                injected += usize::from(index >= own);
            }
        }
    }
    eprintln!("{}: {checked} volumes, {injected} of them injected", path.display());
    assert!(injected > 0 && checked > injected);
}
