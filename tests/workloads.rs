//! Patches over every manifest at hand: each workload that PodSecurityPolicy would fill in gets one, and with it nothing is
//! filled in any more.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use psp_migrate::cluster::Cluster;
use psp_migrate::compare::Agreement;
use psp_migrate::input::{Inventory, Replacement, Sourced, objects_in_text, rewrite};
use psp_migrate::plan::{Options, Plan};
use psp_migrate::rbac::RbacOptions;
use psp_migrate::release::Release;
use psp_migrate::report::decision::{Decision, Word};
use psp_migrate::requests::{Manifests, RequestReader};
use psp_migrate::targets::workloads::Workloads;
use psp_migrate::targets::{Emission, Target};
use serde_json::{Value, json};

/// The whole corpus when it is at hand, else the smaller copy.
fn corpus() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let shared = here.join("../shared/corpus");
    if shared.is_dir() { shared } else { here.join("golden/corpus") }
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "yaml" || extension == "json") {
            found.push(path);
        }
    }
}

/// One file of the corpus as a cluster: its policies, usable by everybody besides whom its own wiring names.
struct Case {
    path: PathBuf,
    cluster: Cluster,
    manifests: Manifests,
}

impl Case {
    fn read(path: &Path) -> Option<Self> {
        let inventory = Inventory::read(&[path.to_owned()]);
        let objects: Vec<Sourced<Value>> = inventory.pods.iter().chain(&inventory.workloads).cloned().collect();
        if objects.is_empty() || inventory.policies.is_empty() {
            return None;
        }
        let policies = inventory.policies.iter().map(|policy| &policy.value);
        let wiring = everybody();
        let rbac =
            [&inventory.cluster_roles, &inventory.roles, &inventory.cluster_role_bindings, &inventory.role_bindings];
        let rbac = rbac.into_iter().flatten().map(|object| &object.value).chain(&wiring);
        let cluster = Cluster::new(policies, rbac, Release::default(), RbacOptions::default()).unwrap();
        let reader = RequestReader::new("default", None, 24).with_accounts(&inventory.service_accounts);
        Some(Self { path: path.to_owned(), cluster, manifests: Manifests::new(reader, objects) })
    }

    fn plan(&self) -> Plan<'_> {
        Plan::new(&self.cluster, Options::default()).with_manifests(&self.manifests)
    }

    fn decision(&self, object: &Value) -> Decision {
        let source = self.manifests.objects()[0].source.clone();
        Decision::of(&self.cluster, &self.manifests.request(object, &source).unwrap()).unwrap()
    }
}

fn everybody() -> [Value; 2] {
    let (group, api) = ("rbac.authorization.k8s.io", "rbac.authorization.k8s.io/v1");
    let rule = json!({"apiGroups": ["policy"], "resources": ["podsecuritypolicies"], "verbs": ["use"]});
    [
        json!({"apiVersion": api, "kind": "ClusterRole", "metadata": {"name": "every-policy"}, "rules": [rule]}),
        json!({"apiVersion": api, "kind": "ClusterRoleBinding", "metadata": {"name": "everybody"},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "every-policy"},
            "subjects": [{"kind": "Group", "apiGroup": group, "name": "system:authenticated"}]}),
    ]
}

fn cases() -> Vec<Case> {
    let mut found = Vec::new();
    files(&corpus(), &mut found);
    found.iter().filter_map(|path| Case::read(path)).collect()
}

/// Whether the plug-in, and not the server by itself, changes the pod.
fn is_filled(decision: &Decision) -> bool {
    let operations = decision.patch.as_array().unwrap();
    let by_server = |operation: &Value| {
        let path = operation["path"].as_str().unwrap();
        let keys: Vec<&String> = match path {
            "/metadata/annotations" => operation["value"].as_object().unwrap().keys().collect(),
            _ => Vec::new(),
        };
        let is_own = |key: &str| key == "kubernetes.io/psp" || key.contains("seccomp.security");
        keys.iter().any(|key| is_own(key)) && keys.iter().all(|key| is_own(key))
            || path.starts_with("/metadata/annotations/kubernetes.io~1psp")
            || path.starts_with("/metadata/annotations/seccomp.security")
            || path.starts_with("/metadata/annotations/container.seccomp.security")
    };
    operations.iter().any(|operation| !by_server(operation))
}

#[test]
fn every_workload_that_is_filled_in_gets_a_patch_after_which_nothing_is() {
    let (mut filled, mut patched, mut untouched, mut denied) = (0, 0, 0, 0);
    for case in cases() {
        let emission = Workloads.emit(&case.plan());
        let after: BTreeMap<String, &Value> =
            emission.rewrites.iter().map(|rewrite| (rewrite.before.to_string(), &rewrite.after)).collect();
        for object in case.manifests.objects() {
            let before = case.decision(&object.value);
            match (before.verdict, is_filled(&before), after.get(&object.value.to_string())) {
                (Word::Admitted, true, Some(now)) => {
                    let now = case.decision(now);
                    assert_eq!(now.verdict, Word::Admitted, "{}", object.source);
                    assert!(!is_filled(&now), "{}: {}", object.source, now.patch);
                    (filled, patched) = (filled + 1, patched + 1);
                }
                (Word::Admitted, true, None) => panic!("{} is filled in and has no patch", object.source),
                (Word::Admitted, false, None) => untouched += 1,
                (_, _, None) => denied += 1,
                (verdict, is_filled, Some(_)) => panic!("{}: patched, {verdict:?}, filled {is_filled}", object.source),
            }
        }
        let problems = emission.gaps.iter().filter(|gap| gap.code != "no-name").count();
        assert_eq!(problems, 0, "{}: {:?}", case.path.display(), emission.gaps);
    }
    eprintln!(
        "{}: {filled} filled in, {patched} patched; {untouched} untouched, {denied} not admitted",
        corpus().display()
    );
    assert!(filled > 0);
}

#[test]
fn patches_read_back_make_every_manifest_equal_and_without_them_none_is() {
    let mut agree = 0;
    for case in cases() {
        let plan = case.plan();
        let emission = Workloads.emit(&plan);
        let named: Vec<String> = emission.rewrites.iter().map(|rewrite| rewrite.before.to_string()).collect();
        let documents: Vec<Value> = emission.documents.iter().map(|it| it.document.clone()).collect();
        for checked in Workloads.check(&documents, &plan).unwrap() {
            assert_eq!(checked.comparison.agreement, Agreement::Agree, "{}", checked.request.source);
            agree += 1;
        }
        let without = Workloads.check(&[], &plan).unwrap();
        let differ = without.iter().filter(|checked| checked.comparison.agreement != Agreement::Agree).count();
        assert_eq!(differ, named.len(), "{}", case.path.display());
    }
    assert!(agree > 0);
}

#[test]
fn rewritten_files_hold_the_patched_manifests_and_all_their_comments() {
    let (mut written, mut refused) = (0, Vec::new());
    for case in cases() {
        let emission = Workloads.emit(&case.plan());
        let text = fs::read_to_string(&case.path).unwrap();
        let pairs: Vec<Replacement<'_>> = emission
            .rewrites
            .iter()
            .map(|rewrite| Replacement { before: &rewrite.before, after: &rewrite.after })
            .collect();
        let file = case.path.to_string_lossy().as_ref().into();
        let rewritten = rewrite(&file, &text, &pairs);
        refused.extend(rewritten.refused.iter().map(|index| emission.rewrites[*index].source.to_string()));
        written += emission.rewrites.len() - rewritten.refused.len();
        let expected: Vec<Value> = objects_in_text(&text)
            .unwrap()
            .into_iter()
            .map(|object| {
                let index = emission.rewrites.iter().position(|rewrite| rewrite.before == object);
                let index = index.filter(|index| !rewritten.refused.contains(index));
                index.map_or(object, |index| emission.rewrites[index].after.clone())
            })
            .collect();
        assert_eq!(objects_in_text(&rewritten.text).unwrap(), expected, "{}", case.path.display());
        for comment in text.lines().filter(|line| line.trim_start().starts_with('#')) {
            assert!(rewritten.text.contains(comment), "{}: {comment}", case.path.display());
        }
    }
    eprintln!("{written} manifests written into their files, {} refused: {refused:?}", refused.len());
    assert!(written > 0 && refused.is_empty());
}

/// Needs `kubectl`, named by `PSP_MIGRATE_KUBECTL`.
///
/// ```sh
/// PSP_MIGRATE_KUBECTL=kubectl cargo test --test workloads -- --ignored --nocapture
/// ```
#[test]
#[ignore = "needs kubectl"]
fn kustomize_makes_of_the_patches_what_was_foretold() {
    let kubectl = std::env::var("PSP_MIGRATE_KUBECTL").expect("PSP_MIGRATE_KUBECTL is the command");
    let root = std::env::temp_dir().join(format!("psp-migrate-kustomize-{}", std::process::id()));
    let (mut built, mut objects) = (0, 0);
    for case in cases() {
        let emission = Workloads.emit(&case.plan());
        if emission.rewrites.is_empty() {
            continue;
        }
        let _ = fs::remove_dir_all(&root);
        write_overlay(&root, &case, &emission);
        let output = Command::new(&kubectl).arg("kustomize").arg(&root).output().unwrap();
        assert!(output.status.success(), "{}: {}", case.path.display(), String::from_utf8_lossy(&output.stderr));
        let made = objects_in_text(&String::from_utf8(output.stdout).unwrap()).unwrap();
        let expected = foretold(&case, &emission);
        assert_eq!(made.len(), expected.len());
        for expected in expected {
            let found = made.iter().find(|object| {
                ["/kind", "/metadata/name", "/metadata/namespace"]
                    .iter()
                    .all(|pointer| object.pointer(pointer) == expected.pointer(pointer))
            });
            assert_eq!(found.map(without_nulls), Some(without_nulls(&expected)), "{}", case.path.display());
            objects += 1;
        }
        built += 1;
    }
    let _ = fs::remove_dir_all(&root);
    eprintln!("{built} overlays built, {objects} objects as foretold");
    assert!(built > 0);
}

/// Kustomize leaves nulls and empty annotations out.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let is_left_out =
                |key: &str, value: &Value| value.is_null() || (key == "annotations" && *value == json!({}));
            let kept = fields.iter().filter(|(key, value)| !is_left_out(key, value));
            kept.map(|(key, value)| (key.clone(), without_nulls(value))).collect()
        }
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}

/// The case's named objects, each in a file of its own, under the emitted component.
fn write_overlay(root: &Path, case: &Case, emission: &Emission) {
    for emitted in &emission.documents {
        let path = root.join("component").join(&emitted.file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, serde_json::to_string(&emitted.document).unwrap()).unwrap();
    }
    let named: Vec<&Value> = named(case).collect();
    for (index, object) in named.iter().enumerate() {
        fs::write(root.join(format!("{index}.yaml")), object.to_string()).unwrap();
    }
    let resources: Vec<String> = (0..named.len()).map(|index| format!("{index}.yaml")).collect();
    let overlay = json!({"resources": resources, "components": ["component"]});
    fs::write(root.join("kustomization.yaml"), overlay.to_string()).unwrap();
}

fn named(case: &Case) -> impl Iterator<Item = &Value> {
    case.manifests.objects().iter().map(|object| &object.value).filter(|object| object["metadata"]["name"].is_string())
}

fn foretold(case: &Case, emission: &Emission) -> Vec<Value> {
    let after = |object: &Value| {
        let rewrite = emission.rewrites.iter().find(|rewrite| rewrite.before == *object);
        rewrite.map_or_else(|| object.clone(), |rewrite| rewrite.after.clone())
    };
    named(case).map(after).collect()
}
