//! Real manifests: each file's policies against its own workloads, the pods around the policies' limits, and updates of
//! both, by everybody who matters, through native policies in both ways of knowing who may use what.
//!
//! A debug build tries the limits of some files only; a release build, or `PSP_MIGRATE_ALL=1`, those of all.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

use std::collections::BTreeMap;

use psp_migrate::compare::Agreement;
use psp_migrate::plan::{Options, RbacMode};
use psp_migrate::targets::Target;
use psp_migrate::targets::vap::Vap;
use serde_json::Value;
use support::corpus::corpus;
use support::sides::{Sides, takes_all, told};

/// Of so many files one is tried around its policies' limits, where not all are.
const LIMITS_OF_EVERY: usize = 20;

#[test]
fn native_policies_decide_as_the_plug_in_about_real_manifests() {
    let (files, origin) = corpus();
    let (mut counts, mut gaps, mut wrong) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
    let mut with_policies = 0;
    for (index, file) in files.iter().enumerate() {
        let sides = Sides::read(std::slice::from_ref(&file.path));
        with_policies += usize::from(!sides.cluster.plugin().policies().is_empty());
        for mode in [RbacMode::Live, RbacMode::Frozen] {
            let options = Options { rbac: Some(mode), ..Options::default() };
            let emission = Vap.emit(&sides.plan(options.clone()));
            for gap in &emission.gaps {
                assert!(gap.witness.is_some(), "{}: a gap without a witness", file.name);
                *gaps.entry(gap.code).or_insert(0_usize) += 1;
            }
            let documents: Vec<Value> = emission.documents.into_iter().map(|emitted| emitted.document).collect();
            let requests = match takes_all() || index % LIMITS_OF_EVERY == 0 {
                true => sides.requests(&options),
                false => sides.given_requests(),
            };
            let found = sides.compare(&Vap, &documents, &options, &requests);
            for (request, comparison) in requests.iter().zip(&found) {
                *counts.entry(comparison.agreement).or_insert(0_usize) += 1;
                if !matches!(comparison.agreement, Agreement::Agree | Agreement::SeenOtherwise) {
                    wrong.push(format!("{} {mode:?}: {}", file.name, told(request, comparison)));
                }
            }
        }
    }
    eprintln!("{origin}: {} files, {with_policies} with policies; {counts:?}; gaps {gaps:?}", files.len());
    let shown: Vec<&str> = wrong.iter().take(5).map(String::as_str).collect();
    assert!(wrong.is_empty(), "{} differ\n{}", wrong.len(), shown.join("\n"));
    assert!(counts[&Agreement::Agree] > 1000 && with_policies > 0, "too little was compared");
}
