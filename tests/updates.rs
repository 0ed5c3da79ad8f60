//! The garbage-collection exemption of updates, against every recorded update of the real plug-in.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use flate2::read::GzDecoder;
use psp_migrate::input::default_pod;
use psp_migrate::schema::only_garbage_collection_fields_changed;
use serde_json::Value;

/// All recordings when they are at hand, else the smaller copy.
fn recordings() -> Vec<PathBuf> {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let shared = here.join("../shared/golden");
    let names = ["psp-adversarial", "psp-core", "psp-updates"];
    if shared.is_dir() {
        names.iter().map(|name| shared.join(format!("{name}.ndjson.gz"))).collect()
    } else {
        vec![here.join("golden/recorded/updates.ndjson.gz")]
    }
}

#[test]
fn exactly_the_recorded_updates_are_exempt() {
    let (mut compared, mut exempt) = (0, 0);
    for path in recordings() {
        let file = File::open(&path).unwrap();
        for line in BufReader::new(GzDecoder::new(file)).lines() {
            let case: Value = serde_json::from_str(&line.unwrap()).unwrap();
            let requests = case["requests"].as_array().unwrap();
            for (request, decision) in requests.iter().zip(case["decisions"].as_array().unwrap()) {
                if request.get("oldPod").is_none() || request.get("subresource").is_some() {
                    continue;
                }
                let ignored = decision["ignored"] == true;
                let (mut old, mut new) = (request["oldPod"].clone(), request["pod"].clone());
                default_pod(&mut old);
                default_pod(&mut new);
                let got = only_garbage_collection_fields_changed(&old, &new);
                assert_eq!(got, ignored, "{} {}\n{request}", path.display(), case["id"]);
                compared += 1;
                exempt += usize::from(ignored);
            }
        }
        eprintln!("{}: {compared} updates so far, {exempt} exempt", path.display());
    }
    assert!(exempt > 0 && compared > exempt);
}
