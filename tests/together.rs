//! Requests that are decided about together, so that what is found out about a pod is shared, are decided about as each
//! would be alone.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

use psp_migrate::compare::{Terms, compare, compare_all};
use psp_migrate::plan::{Options, RbacMode};
use psp_migrate::requests::PodRequest;
use psp_migrate::targets::{Context, Target};
use rayon::prelude::*;
use serde_json::Value;
use support::sides::{Sides, judges};

const CASES: [&str; 5] = [
    "golden/example",
    "golden/convert/many-policies-live/input",
    "golden/convert/fills/input",
    "golden/convert/before-mutation/input",
    "golden/convert/hostile-names/input",
];

/// Requests about one pod, in whatever order the pods come.
fn shuffled(requests: &[PodRequest]) -> Vec<PodRequest> {
    let wanted = requests.iter().step_by(3).chain(requests.iter().skip(1).step_by(3));
    wanted.chain(requests.iter().rev().take(requests.len() / 5)).cloned().collect()
}

fn differing(sides: &Sides, target: &dyn Target, options: &Options) -> Vec<String> {
    let emission = target.emit(&sides.plan(options.clone()));
    let documents: Vec<Value> = emission.documents.into_iter().map(|emitted| emitted.document).collect();
    let (namespaces, target_minor) = (sides.namespaces.as_slice(), options.target_minor);
    let decider = target.read(&documents, &Context { namespaces, rbac: sides.cluster.rbac(), target_minor });
    let fills_in = target.fills_in(options);
    let terms = Terms { target_minor, compares_pods: fills_in, compares_annotation: options.annotate && fills_in };
    let mut in_order = sides.requests(options);
    let mut requests = shuffled(&in_order);
    // Requests of all requesters for one pod follow each other.
    in_order.truncate(300);
    requests.extend(in_order);
    let chunks = requests.par_chunks(50).flat_map_iter(|together| {
        let all = compare_all(&sides.cluster, decider.as_ref(), together, terms);
        assert_eq!(all.len(), together.len());
        let alone = |request| compare(&sides.cluster, decider.as_ref(), request, terms);
        let both = together.iter().zip(all).map(|(request, shared)| (alone(request), shared));
        let unlike = both.filter(|(alone, shared)| alone != shared);
        unlike.map(|(alone, shared)| format!("{}: {alone:?}\n{shared:?}", target.name())).collect::<Vec<_>>()
    });
    chunks.collect()
}

#[test]
fn together_as_alone() {
    for case in CASES {
        let sides = Sides::read(&[case.into()]);
        for target in judges() {
            for mode in [RbacMode::Live, RbacMode::Frozen] {
                let found = differing(&sides, target, &Options { rbac: Some(mode), ..Options::default() });
                assert!(found.is_empty(), "{case}: {} differ, e.g. {}", found.len(), found[0]);
            }
        }
    }
}
