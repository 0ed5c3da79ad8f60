//! Text that wants to be more than text, in every field of a policy and of its wiring that takes any: both of Kyverno's forms
//! still mean the same, and fill in the very text.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

use psp_migrate::compare::{Agreement, Terms, compare};
use psp_migrate::plan::{Options, Plan};
use psp_migrate::requests::PodRequest;
use psp_migrate::targets::kyverno::{Kyverno, KyvernoClusterPolicy};
use psp_migrate::targets::{Context, Target};
use serde_json::Value;
use support::hostile::{TEXTS, case, requests};
use support::recorded::cluster;

#[test]
fn hostile_text_stays_text_in_validating_and_mutating_policies() {
    check(&Kyverno);
}

#[test]
fn hostile_text_stays_text_in_cluster_policies() {
    check(&KyvernoClusterPolicy);
}

fn check(target: &dyn Target) {
    let (mut admitted, mut denied, mut filled) = (0, 0, 0);
    for text in TEXTS {
        let case = case(text);
        let cluster = cluster(&case);
        let emission = target.emit(&Plan::new(&cluster, Options::default()));
        let documents: Vec<Value> = emission.documents.into_iter().map(|emitted| emitted.document).collect();
        let decider = target.read(&documents, &Context { namespaces: &[], rbac: cluster.rbac(), target_minor: 37 });
        assert_eq!(decider.unsupported(), [], "{text:?}");
        for request in requests(&case) {
            let request: &PodRequest = &request;
            let terms = Terms { target_minor: 37, compares_pods: true, compares_annotation: true };
            let comparison = compare(&cluster, decider.as_ref(), request, terms).unwrap();
            assert_eq!(comparison.agreement, Agreement::Agree, "{text:?}\n{}\n{comparison:?}", request.pod);
            if comparison.target.allowed {
                admitted += 1;
                filled += usize::from(comparison.target.pod.to_string().contains("seLinuxOptions"));
            } else {
                denied += 1;
            }
        }
    }
    assert!(admitted >= TEXTS.len() && denied >= TEXTS.len() && filled >= TEXTS.len(), "{admitted} {denied} {filled}");
}
