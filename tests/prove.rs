//! What is emitted for real manifests is proved to decide like the policies, for every class of subjects and all pods.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

use std::path::{Path, PathBuf};

use psp_migrate::cluster::Cluster;
use psp_migrate::compare::Terms;
use psp_migrate::input::Inventory;
use psp_migrate::plan::{Options, Plan, RbacMode};
use psp_migrate::proof::{ClassProof, Relation, against_policies};
use psp_migrate::rbac::RbacOptions;
use psp_migrate::release::Release;
use psp_migrate::targets::{Context, Target, vap::Vap};
use serde_json::Value;

/// The whole corpus when it is at hand, else the smaller copy.
fn corpus() -> Vec<PathBuf> {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let shared = here.join("../shared/corpus");
    let root = if shared.is_dir() { shared } else { here.join("golden/corpus") };
    let mut files = Vec::new();
    let mut folders = vec![root];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            match entry.path() {
                path if path.is_dir() => folders.push(path),
                path if path.extension().is_some_and(|it| it == "yaml") => files.push(path),
                _ => {}
            }
        }
    }
    files.sort();
    files
}

fn read(path: &Path) -> (Cluster, Vec<Value>) {
    let inventory = Inventory::read(&[path.to_owned()]);
    let policies: Vec<Value> = inventory.policies.iter().map(|it| it.value.clone()).collect();
    let groups = [
        &inventory.cluster_roles,
        &inventory.roles,
        &inventory.cluster_role_bindings,
        &inventory.role_bindings,
    ];
    let rbac: Vec<Value> = groups.into_iter().flatten().map(|it| it.value.clone()).collect();
    let namespaces = inventory.namespaces.iter().map(|it| it.value.clone()).collect();
    (Cluster::new(&policies, &rbac, Release::default(), RbacOptions::default()).unwrap(), namespaces)
}

fn prove(cluster: &Cluster, namespaces: &[Value], target: &dyn Target, options: Options) -> Vec<ClassProof> {
    let plan = Plan::new(cluster, options.clone());
    let documents: Vec<Value> = target.emit(&plan).documents.into_iter().map(|it| it.document).collect();
    let context = Context { namespaces, rbac: cluster.rbac(), target_minor: options.target_minor };
    let decider = target.read(&documents, &context);
    let terms = Terms {
        target_minor: options.target_minor,
        compares_pods: target.fills_in(&options),
        compares_annotation: options.annotate && target.fills_in(&options),
    };
    against_policies(cluster, decider.as_ref(), namespaces, terms)
}

#[test]
fn every_corpus_file_is_proved_for_native_policies() {
    let wanted = std::env::var("ONLY").unwrap_or_default();
    let mut wrong = Vec::new();
    let mut proved = 0;
    for path in corpus().iter().filter(|path| path.display().to_string().contains(&wanted)) {
        let (cluster, namespaces) = read(path);
        for rbac in [RbacMode::Live, RbacMode::Frozen] {
            let start = std::time::Instant::now();
            let options = Options { rbac: Some(rbac), ..Options::default() };
            let proofs = prove(&cluster, &namespaces, &Vap, options);
            eprintln!("{} {rbac:?}: {} classes {:?}", path.display(), proofs.len(), start.elapsed());
            for ClassProof { class, proof } in proofs {
                if proof.relation == Relation::Equal && proof.pods_equal == Some(true) {
                    proved += 1;
                } else {
                    eprintln!("{rbac:?} {:?}: {proof:#?}", class.subject);
                    wrong.push(format!("{} {rbac:?} {:?}: {proof:?}", path.display(), class.subject));
                }
            }
        }
    }
    eprintln!("{proved} classes proved, {} not", wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.len());
}
