//! The one place where tests read recorded cases.

#![allow(dead_code, reason = "each test binary uses its own part")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test that cannot go on has failed")]

pub mod browser;
pub mod corpus;
pub mod folder;
pub mod hostile;
pub mod mutants;
pub mod native;
pub mod program;
pub mod recorded;
pub mod refutation;
pub mod sides;
pub mod snapshot;

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use flate2::read::GzDecoder;
use psp_migrate::input::{admit_service_account, default_pod};
use serde_json::Value;

/// Recorded cases and where they came from.
pub struct Recorded {
    pub cases: Vec<Value>,
    pub origin: String,
}

impl Recorded {
    /// The full recording where it is at hand, else the subset that is kept with the project.
    pub fn read(name: &str) -> Self {
        let file = format!("{name}.ndjson.gz");
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let full = root.join("../shared/golden").join(&file);
        let subset = root.join("golden/recorded").join(&file);
        let path = if full.exists() { full } else { subset };
        Self { cases: read(&path), origin: shown(&path, root) }
    }
}

fn shown(path: &Path, root: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).display().to_string()
}

fn read(path: &Path) -> Vec<Value> {
    let file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let lines = BufReader::new(GzDecoder::new(file)).lines();
    lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect()
}

/// The pod of a recorded request as admission saw it.
pub fn admission_pod(case: &Value, request: &Value, which: &str) -> Value {
    let mut pod = request[which].clone();
    default_pod(&mut pod);
    if case["options"]["serviceAccount"] == true {
        let namespace = request["namespace"].as_str().unwrap();
        let name = pod["spec"]["serviceAccountName"].as_str().filter(|name| !name.is_empty()).unwrap_or("default");
        let account = case["objects"].as_array().unwrap().iter().rfind(|object| {
            object["kind"] == "ServiceAccount"
                && object["metadata"]["name"] == name
                && object["metadata"]["namespace"].as_str().unwrap_or("default") == namespace
        });
        admit_service_account(&mut pod, account, 24);
    }
    pod
}

/// The name that messages show.
pub fn pod_name(pod: &Value) -> &str {
    let text = |key: &str| pod["metadata"][key].as_str().filter(|text| !text.is_empty());
    text("name").or(text("generateName")).unwrap_or_default()
}
