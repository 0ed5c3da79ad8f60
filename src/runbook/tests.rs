//! The templates keep their promises, and no name gets out of its place.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::*;
use crate::cluster::Cluster;
use crate::input::{Inventory, RawDocument, parse};
use crate::plan::{Enforcement, Options, Plan};
use crate::rbac::RbacOptions;
use crate::release::Release;
use crate::removal::Removal;
use crate::targets::workloads::Reliances;
use crate::targets::{TARGETS, Target};

fn templates() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/runbook");
    let mut found: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read_to_string(path).unwrap()))
        .collect();
    found.sort();
    found
}

#[test]
fn every_step_says_what_to_expect_to_check_to_undo_and_what_skipping_breaks() {
    for (name, text) in templates() {
        if ["frame.md.hbs", "managed.md.hbs", "namespaces.md.hbs"].contains(&name.as_str()) {
            continue;
        }
        assert!(text.starts_with("# "), "{name} has no title");
        for part in ["**Expect:**", "**Check:**", "**Undo:**", "**If skipped:**"] {
            assert_eq!(text.matches(part).count().min(1), 1, "{name} lacks {part}");
        }
    }
}

#[test]
fn every_value_goes_through_a_helper() {
    for (name, text) in templates() {
        for part in text.split("{{").skip(1) {
            let expression = part.split("}}").next().unwrap();
            let harmless = ["#", "/", ">", "else", "sh ", "md ", "count "];
            assert!(harmless.iter().any(|start| expression.starts_with(start)), "{name}: {{{{{expression}}}}}");
        }
    }
}

/// A cluster whose names are as hostile as an API server lets them be, and more.
fn inventory() -> Inventory {
    let evil = "a'$(touch pwned)`touch pwned`;touch pwned\n```\n<script>|x";
    let label = json!({"app.kubernetes.io/managed-by": "Helm", "app.kubernetes.io/instance": evil, "helm.sh/chart": "grafana-1"});
    let any = json!({"rule": "RunAsAny"});
    let rbac = "rbac.authorization.k8s.io/v1";
    let psp = json!({"apiGroups": ["policy"], "resources": ["podsecuritypolicies"], "verbs": ["use"]});
    let pods = json!({"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]});
    let group =
        json!([{"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": "system:serviceaccounts:team"}]);
    let objects = json!([
        {"apiVersion": "policy/v1beta1", "kind": "PodSecurityPolicy", "metadata": {"name": "p", "labels": label},
            "spec": {"seLinux": any, "runAsUser": any, "fsGroup": any, "supplementalGroups": any, "requiredDropCapabilities": ["ALL"]}},
        {"apiVersion": rbac, "kind": "ClusterRole", "metadata": {"name": evil}, "rules": [psp, pods]},
        {"apiVersion": rbac, "kind": "ClusterRole", "metadata": {"name": "only"}, "rules": [psp]},
        {"apiVersion": rbac, "kind": "ClusterRoleBinding", "metadata": {"name": evil}, "subjects": group,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "only"}},
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": evil}},
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}},
    ]);
    let mut inventory = Inventory::default();
    for object in objects.as_array().unwrap() {
        inventory.add(parse(&RawDocument { file: "f".into(), first_line: 1, text: object.to_string() }));
    }
    inventory
}

fn book(target: &dyn Target) -> String {
    let inventory = inventory();
    let values =
        |objects: &[crate::input::Sourced<Value>]| objects.iter().map(|it| it.value.clone()).collect::<Vec<_>>();
    let policies = values(&inventory.policies);
    let rbac: Vec<Value> = [values(&inventory.cluster_roles), values(&inventory.cluster_role_bindings)].concat();
    let cluster = Cluster::new(&policies, &rbac, Release::default(), RbacOptions::default()).unwrap();
    let namespaces = values(&inventory.namespaces);
    let plan =
        |enforcement| Plan::new(&cluster, Options { enforcement, ..Options::default() }).with_input(&namespaces, &[]);
    let [deny, audit, staged] = [Enforcement::Deny, Enforcement::Audit, Enforcement::Staged].map(plan);
    let facts = Facts::of(&Around {
        plan: &deny,
        target: target.name(),
        emission: &target.emit(&deny),
        observing: &target.emit(&audit),
        staged: &target.emit(&staged),
        removal: &Removal::of(&inventory),
        reliances: Reliances { relying: 1, all: 2, not_admitted: 0 },
        paths: vec!["-x".to_owned(), "a b'$(touch pwned)".to_owned()],
        is_bundle: false,
        fills_in: true,
    });
    runbook(&facts).unwrap()
}

/// The lines of all shell blocks, those for elsewhere included.
fn shell(book: &str) -> String {
    lines(book, true)
}

/// All other lines.
fn prose(book: &str) -> String {
    lines(book, false)
}

fn lines(book: &str, of_blocks: bool) -> String {
    let (mut out, mut inside) = (String::new(), false);
    for line in book.lines() {
        match line.strip_prefix("```") {
            Some(word) => inside = word.starts_with("sh"),
            None if inside == of_blocks => out += &format!("{line}\n"),
            None => {}
        }
    }
    out
}

#[test]
fn no_name_gets_out_of_its_place() {
    for target in TARGETS {
        let book = book(target);
        assert!(!prose(&book).contains("<script"), "{}: {book}", target.name());
        let folder = std::env::temp_dir().join(format!("psp-migrate-book-{}-{}", target.name(), std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let stubs =
            "kubectl() { :; }; helm() { :; }; sudo() { :; }; psp-migrate() { :; }; kubeadm() { :; }; sh() { :; }\n";
        let script = format!("{stubs}{}", shell(&book));
        let status = Command::new("bash")
            .args(["-c", &script])
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        let made: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        let _ = fs::remove_dir_all(&folder);
        assert!(status.unwrap().code().is_some_and(|code| code != 2), "{}: no sound shell\n{script}", target.name());
        let backups = ["psp-backup.yaml", "cluster-rbac-backup.yaml", "rbac-backup.yaml"];
        assert!(made.iter().all(|name| backups.iter().any(|known| name == known)), "{}: {made:?}", target.name());
        assert_eq!(made.len(), backups.len(), "{}", target.name());
    }
}

#[test]
fn each_target_has_its_own_order() {
    let titles = |target: &dyn Target| -> Vec<String> {
        book(target).lines().filter_map(|line| line.strip_prefix("### ")).map(str::to_owned).collect()
    };
    let position = |titles: &[String], word: &str| titles.iter().position(|title| title.contains(word));
    for target in TARGETS {
        let titles = titles(target);
        if target.name() == "workloads" {
            assert_eq!(position(&titles, "Delete"), None);
            continue;
        }
        let (off, delete) = (position(&titles, "Turn the plug-in off"), position(&titles, "Delete"));
        assert!(position(&titles, "permissive") < off && off < delete, "{titles:?}");
        assert!(position(&titles, "rely on") < position(&titles, "permissive"), "{titles:?}");
        let enforced = position(&titles, "Enforce everywhere").or_else(|| position(&titles, "Enforce the labels"));
        match target.name() {
            "vap" => assert!(enforced > delete && position(&titles, "labels where") < off, "{titles:?}"),
            "psa" | "gatekeeper" => assert!(enforced < off, "{titles:?}"),
            _ => {}
        }
    }
}

#[test]
fn releases_are_told_with_their_values() {
    let book = book(TARGETS[0]);
    assert!(book.contains("--reuse-values --set=rbac.pspEnabled=false"), "{book}");
}
