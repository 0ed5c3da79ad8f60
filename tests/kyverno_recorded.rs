//! Kyverno's policies against every decision that the real plug-in of Kubernetes 1.24.17 took on recorded requests: emitted,
//! read back, and put to the same requests.
//!
//! A debug build takes a sample; a release build, or `PSP_MIGRATE_ALL=1`, takes everything.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

use psp_migrate::plan::Options;
use psp_migrate::targets::Target;
use psp_migrate::targets::kyverno::{Kyverno, KyvernoClusterPolicy, KyvernoPolicies};
use support::recorded::compare;

#[test]
fn one_policy_field_at_a_time() {
    check("psp-boundary", 30);
}

#[test]
fn drawn_policies_wiring_and_pods() {
    check("psp-core", 30);
}

#[test]
fn wiring() {
    check("psp-rbac", 20);
}

fn check(name: &str, sample: usize) {
    for target in [&Kyverno as &dyn Target, &KyvernoClusterPolicy] {
        compare(name, sample, target, &Options::default(), |documents, context| {
            Box::new(KyvernoPolicies::read(documents, context).without_pod_validation())
        });
    }
}
