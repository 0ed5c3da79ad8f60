//! Real manifests: every object in every file is read, and what is said about them is right.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use psp_migrate::input::{Inventory, Severity};
use serde_json::Value;

/// The whole corpus when it is at hand, else the smaller copy.
fn corpus() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let shared = here.join("../shared/corpus");
    if shared.is_dir() { shared } else { here.join("golden/corpus") }
}

/// How many objects of each kind the file holds, as read.
fn counts(path: &Path) -> (BTreeMap<String, usize>, Inventory) {
    let inventory = Inventory::read(&[path.to_owned()]);
    let mut counts = inventory.others.clone();
    let groups = [
        &inventory.policies,
        &inventory.cluster_roles,
        &inventory.roles,
        &inventory.cluster_role_bindings,
        &inventory.role_bindings,
        &inventory.service_accounts,
        &inventory.namespaces,
        &inventory.pods,
        &inventory.workloads,
    ];
    for object in groups.into_iter().flatten() {
        let kind = object.value.get("kind").and_then(Value::as_str).unwrap();
        *counts.entry(kind.to_owned()).or_insert(0) += 1;
    }
    (counts, inventory)
}

/// Objects that do not come through, and why: what the files hold twice (the last one counts), and what every API server
/// refuses.
const LOST: &[(&str, &str, &str)] = &[
    ("falco/falcosidekick.yaml", "ClusterRole", "ClusterRole `falcosidekick` replaces the one at"),
    ("helm-charts-archive/stable-kong.yaml", "ServiceAccount", "ServiceAccount `kong-kong` replaces the one at"),
    (
        "helm-charts-archive/stable-prometheus.yaml",
        "ClusterRoleBinding",
        "`roleRef.name` takes a string, not the boolean `true`",
    ),
    ("helm-charts-archive/stable-seq.yaml", "Deployment", "env[0].value` takes a string, not the boolean `true`"),
    (
        "prometheus-community/prometheus-2020.yaml",
        "ClusterRoleBinding",
        "`roleRef.name` takes a string, not the boolean `true`",
    ),
    (
        "prometheus-community/prometheus.yaml",
        "ClusterRoleBinding",
        "`roleRef.name` takes a string, not the boolean `true`",
    ),
];

#[test]
fn every_object_of_the_index_is_read() {
    let root = corpus();
    let index = std::fs::read_to_string(root.join("INDEX.tsv")).unwrap();
    let (mut files, mut objects) = (0, 0);
    for line in index.lines().skip(1) {
        let columns: Vec<&str> = line.split('\t').collect();
        let entries = columns[6].split(',').map(|entry| entry.split_once(':').unwrap());
        let mut expected: BTreeMap<String, usize> =
            entries.map(|(kind, count)| (kind.to_owned(), count.parse().unwrap())).collect();
        let (found, inventory) = counts(&root.join(columns[0]));
        if let Some((_, kind, message)) = LOST.iter().find(|(file, ..)| *file == columns[0]) {
            assert!(inventory.problems.iter().any(|problem| problem.message.contains(message)), "{line}");
            *expected.get_mut(*kind).unwrap() -= 1;
            expected.retain(|_, count| *count > 0);
        } else {
            assert!(
                inventory.problems.iter().all(|it| it.severity == Severity::Warning),
                "{line}: {:?}",
                inventory.problems
            );
        }
        assert_eq!(found, expected, "{line}: {:?}", inventory.problems);
        files += 1;
        objects += found.values().sum::<usize>();
    }
    eprintln!("{}: {files} files, {objects} objects", root.display());
    assert!(objects > files && files > 0);
}

#[test]
fn real_slips_are_found() {
    let path = corpus().join("helm-charts-archive/stable-prometheus-couchdb-exporter.yaml");
    let problems = Inventory::read(&[path]).problems;
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems.iter().all(|it| it.help.as_deref() == Some("`initialDelaySeconds` belongs one level up")));
}
