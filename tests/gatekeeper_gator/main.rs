//! The real engine, gator, held against the evaluation in this program: reviews with user info, mutators, written suites.
//!
//! It needs gator (3.23, for it expands workloads too) and minutes, so it runs only when asked for:
//! `GATOR=path/to/gator cargo test --release --test gatekeeper_gator -- --ignored --nocapture`. `REVIEWS` is how many
//! requests are put to it at least, and about how many pods; 5,000 unless said otherwise. `CASES` is how many of each written
//! suite, 100 unless said otherwise.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test that cannot go on has failed")]

mod mutation;
mod reviews;
mod suites;
#[path = "../support/mod.rs"]
mod support;

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use psp_migrate::cluster::Cluster;
use psp_migrate::plan::{Options, Plan};
use psp_migrate::rbac::RbacOptions;
use psp_migrate::release::Release;
use psp_migrate::targets::gatekeeper::Gatekeeper;
use psp_migrate::targets::{Emission, Target};
use serde_json::Value;
use support::folder::Scratch;

fn gator() -> OsString {
    std::env::var_os("GATOR").expect("GATOR names the program")
}

fn wanted() -> usize {
    std::env::var("REVIEWS").map_or(5000, |text| text.parse().expect("REVIEWS is a number"))
}

fn emission_of(case: &Value) -> Emission {
    let objects = case["objects"].as_array().unwrap();
    let policies = objects.iter().filter(|object| object["kind"] == "PodSecurityPolicy");
    let options = RbacOptions { aggregate: case["options"]["aggregate"] == true, bootstrap: false };
    let cluster = Cluster::new(policies, objects, Release::default(), options).unwrap();
    Gatekeeper.emit(&Plan::new(&cluster, Options::default()))
}

fn write_documents(folder: &Path, emission: &Emission) {
    fs::create_dir_all(folder).unwrap();
    for emitted in &emission.documents {
        fs::write(folder.join(&emitted.file), emitted.document.to_string()).unwrap();
    }
}
