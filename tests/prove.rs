//! What is emitted for real manifests is proved to decide like the policies, for every class of subjects and all pods.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

/// As the program itself has it: proofs allocate a lot.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

use std::path::{Path, PathBuf};

use psp_migrate::cluster::Cluster;
use psp_migrate::compare::Terms;
use psp_migrate::input::{Inventory, read_objects};
use psp_migrate::plan::{Options, Plan, RbacMode};
use psp_migrate::proof::{ClassProof, against_policies};
use psp_migrate::rbac::RbacOptions;
use psp_migrate::relation::Relation;
use psp_migrate::release::Release;
use psp_migrate::targets::kyverno::{Kyverno, KyvernoClusterPolicy};
use psp_migrate::targets::{Context, Target, gatekeeper::Gatekeeper, psa::Psa, vap::Vap};
use rayon::prelude::*;
use serde_json::Value;
use support::refutation::Input;

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
    let groups =
        [&inventory.cluster_roles, &inventory.roles, &inventory.cluster_role_bindings, &inventory.role_bindings];
    let rbac: Vec<Value> = groups.into_iter().flatten().map(|it| it.value.clone()).collect();
    let namespaces = inventory.namespaces.iter().map(|it| it.value.clone()).collect();
    (Cluster::new(&policies, &rbac, Release::default(), RbacOptions::default()).unwrap(), namespaces)
}

fn prove_documents(
    cluster: &Cluster,
    namespaces: &[Value],
    target: &dyn Target,
    options: &Options,
    documents: &[Value],
) -> Vec<ClassProof> {
    let context = Context { namespaces, rbac: cluster.rbac(), target_minor: options.target_minor };
    let decider = target.read(documents, &context);
    let terms = Terms {
        target_minor: options.target_minor,
        compares_pods: target.fills_in(options),
        compares_annotation: options.annotate && target.fills_in(options),
    };
    against_policies(cluster, decider.as_ref(), namespaces, terms)
}

fn takes_all() -> bool {
    !cfg!(debug_assertions) || std::env::var_os("PSP_MIGRATE_ALL").is_some()
}

/// The files that are taken: `ONLY=part of a path` those; all in a release build, with `PSP_MIGRATE_ALL=1`, or of the smaller
/// copy; else some.
fn taken(some: &[&str]) -> Vec<PathBuf> {
    let only = std::env::var("ONLY");
    let is_taken = |path: &PathBuf| {
        let path = path.display().to_string();
        match &only {
            Ok(only) => path.contains(only.as_str()),
            Err(_) => takes_all() || path.contains("golden/corpus") || some.iter().any(|some| path.contains(some)),
        }
    };
    corpus().into_iter().filter(is_taken).collect()
}

/// How many classes were proved, and how.
#[derive(Default)]
struct Tally {
    /// Equal; or, for a level of Pod Security, which is no translation, as different as it is.
    proved: usize,
    /// Fills are lost.
    lost: usize,
    /// Members of `system:masters` get other fills.
    masters: usize,
    wrong: Vec<String>,
}

impl Tally {
    fn and(mut self, other: Self) -> Self {
        self.wrong.extend(other.wrong);
        Self {
            proved: self.proved + other.proved,
            lost: self.lost + other.lost,
            masters: self.masters + other.masters,
            wrong: self.wrong,
        }
    }
}

/// How pods differ of which a target says that a policy's fills are lost.
fn where_fills_are_lost(target: &dyn Target) -> Option<Relation> {
    match target.name() {
        "gatekeeper" => Some(Relation::Stricter),
        "vap" => Some(Relation::Looser),
        _ => None,
    }
}

fn tally(path: &Path, target: &dyn Target, options: &Options) -> Tally {
    let (cluster, namespaces) = read(path);
    let start = std::time::Instant::now();
    let emission = target.emit(&Plan::new(&cluster, options.clone()));
    let documents: Vec<Value> = emission.documents.iter().map(|it| it.document.clone()).collect();
    let proofs = prove_documents(&cluster, &namespaces, target, options, &documents);
    let shown = format!("{} {} {:?} 1.{}", path.display(), target.name(), options.rbac, options.target_minor);
    eprintln!("{shown}: {} classes, {:?}", proofs.len(), start.elapsed());
    let is_told = |code| emission.gaps.iter().any(|gap| gap.code == code && gap.witness.is_some());
    let fills = target.fills_in(options);
    let mut tally = Tally::default();
    for ClassProof { class, proof } in proofs {
        let is_of_masters = class.subject.groups.iter().any(|group| group == "system:masters");
        let has_witness = !proof.witnesses.is_empty();
        match proof.relation {
            Relation::Equal if !fills || proof.pods_equal == Some(true) => tally.proved += 1,
            Relation::Equal | Relation::Unproven => tally.wrong.push(format!("{shown} {:?}: {proof:?}", class.subject)),
            _ if has_witness && is_of_masters && is_told("masters-filled-otherwise") => tally.masters += 1,
            how if has_witness && where_fills_are_lost(target) == Some(how) && is_told("fills-lost") => tally.lost += 1,
            _ if has_witness && target.name() == "psa" => tally.proved += 1,
            _ => tally.wrong.push(format!("{shown} {:?}: {proof:?}", class.subject)),
        }
    }
    tally
}

/// Every class of every file is proved equal: decisions, and the resulting pods where the target fills in. Where they are
/// not, a gap tells of it, with a pod: of fills that are lost, where native policies before 1.36 are looser, and Gatekeeper's
/// mutators, which cannot know which policy admits a pod, are stricter; and of members of `system:masters`, who get the
/// fills of the policy that everybody else has.
fn every_file_is_proved(files: &[PathBuf], target: &dyn Target, all_options: &[Options]) -> [usize; 3] {
    let of_file = |path: &PathBuf| {
        let tallies = all_options.iter().map(|options| tally(path, target, options));
        tallies.fold(Tally::default(), Tally::and)
    };
    let Tally { proved, lost, masters, wrong } =
        files.par_iter().with_max_len(1).map(of_file).reduce(Tally::default, Tally::and);
    eprintln!(
        "{}: {proved} classes proved, {lost} with fills lost, {masters} of masters filled otherwise, each with its \
         witness, {} not",
        target.name(),
        wrong.len()
    );
    assert!(proved > 0 && wrong.is_empty(), "{}", wrong.join("\n"));
    [proved, lost, masters]
}

#[test]
fn every_corpus_file_is_proved_for_native_policies() {
    let options = |(rbac, target_minor)| Options { rbac: Some(rbac), target_minor, ..Options::default() };
    let all = [(RbacMode::Live, 37), (RbacMode::Frozen, 37), (RbacMode::Frozen, 34)].map(options);
    every_file_is_proved(
        &taken(&["kubernetes-website/restricted-psp", "kubernetes-website/privileged-psp"]),
        &Vap,
        &all,
    );
}

/// Files in which policies fill in, demand read-only mounts, and choose among several.
const SOME: [&str; 3] = ["kubernetes-website/restricted-psp", "incubator-haproxy-ingress", "stable-fluent-bit"];

#[test]
fn every_corpus_file_is_proved_for_kyverno() {
    every_file_is_proved(&taken(&SOME), &Kyverno, &[Options::default()]);
}

#[test]
fn every_corpus_file_is_proved_for_kyverno_cluster_policies() {
    every_file_is_proved(&taken(&SOME), &KyvernoClusterPolicy, &[Options::default()]);
}

/// The inputs of `golden/convert`. A debug build takes some.
#[test]
fn every_conversion_is_proved_for_kyverno() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/convert");
    let mut folders: Vec<PathBuf> = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders
        .retain(|folder| takes_all() || ["fills", "namespaces", "hostile-names"].iter().any(|it| folder.ends_with(it)));
    folders.sort();
    let inputs: Vec<PathBuf> = folders.iter().map(|folder| folder.join("input")).collect();
    every_file_is_proved(&inputs, &Kyverno, &[Options::default()]);
    every_file_is_proved(&inputs, &KyvernoClusterPolicy, &[Options::default()]);
}

/// Prints what the whole corpus takes: `cargo test --release --test prove the_whole -- --ignored --nocapture`
#[test]
#[ignore = "it measures"]
fn the_whole_corpus_is_proved_for_all_targets() {
    let targets: [&dyn Target; 5] = [&Vap, &Kyverno, &KyvernoClusterPolicy, &Gatekeeper, &Psa];
    let start = std::time::Instant::now();
    for target in targets {
        let of_target = std::time::Instant::now();
        every_file_is_proved(&corpus(), target, &[Options::default()]);
        eprintln!("{}: {:.1} s", target.name(), of_target.elapsed().as_secs_f64());
    }
    eprintln!("all: {:.1} s", start.elapsed().as_secs_f64());
}

/// Everybody may use one policy, masters another besides: everybody's pods are filled in, theirs otherwise than they were.
#[test]
fn members_of_masters_are_a_class_of_their_own_for_gatekeeper() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/convert/masters/input/cluster.yaml");
    assert_eq!(every_file_is_proved(&[file], &Gatekeeper, &[Options::default()]), [1, 0, 1]);
}

#[test]
fn every_corpus_file_is_proved_for_gatekeeper() {
    let some = ["kubernetes-website/restricted-psp", "kubernetes-website/privileged-psp"];
    every_file_is_proved(&taken(&some), &Gatekeeper, &[Options::default()]);
}

/// Among them is a level with categories, which count in any order.
#[test]
fn every_cluster_with_mutants_is_proved_for_gatekeeper() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/mutants");
    let mut files: Vec<PathBuf> = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| takes_all() || file.ends_with("se-linux.yaml"));
    files.sort();
    every_file_is_proved(&files, &Gatekeeper, &[Options::default()]);
}

/// Mistakes in the template, of which a debug build tries some: by what stands there and what is written in its place.
const MISTAKES: [(&str, &str); 11] = [
    ("policy := usable_policies[_]\n\tadmits(policy)", "policy := usable_policies[0]\n\tadmits(policy)"),
    ("grant.namespaces[_] == namespace", "startswith(namespace, grant.namespaces[_])"),
    ("group := grant.groups[_]\n\tgroups[group]", "group := grant.groups[_]\n\tusers[group]"),
    ("[\"initContainers\", \"containers\"]", "[\"containers\"]"),
    ("id <= range.max", "id < range.max"),
    (
        "startswith(trim_suffix(path, \"/\"), concat(\"\", [trim_suffix(prefix, \"/\"), \"/\"]))",
        "startswith(path, prefix)",
    ),
    ("object.get(entry, \"readOnly\", false) == false\n", "true\n"),
    ("object.get(mount, \"readOnly\", false) == false", "object.get(mount, \"readOnly\", true) == false"),
    ("count(container_problems(policy)) == 0\n", "\n"),
    ("endswith(pattern, \"*\")", "endswith(pattern, \"**\")"),
    ("allowed := listed | added", "allowed := added"),
];

fn documents(path: &Path) -> Vec<Value> {
    read_objects(&[path.to_path_buf()]).0.into_iter().map(|object| object.value).collect()
}

#[test]
fn every_mistake_in_the_template_is_refuted() {
    let input = Input::read(&[Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/two-policies.yaml")]);
    let options = Options::default();
    let plan = Plan::new(&input.cluster, options.clone());
    let emitted: Vec<Value> = Gatekeeper.emit(&plan).documents.into_iter().map(|it| it.document).collect();
    let prove =
        |documents: &[Value]| prove_documents(&input.cluster, &input.namespaces, &Gatekeeper, &options, documents);
    for ClassProof { class, proof } in prove(&emitted) {
        assert_eq!(proof.relation, Relation::Equal, "{:?}: {proof:?}", class.subject);
    }
    let taken = if takes_all() { MISTAKES.len() } else { 3 };
    for (right, mistake) in MISTAKES.into_iter().take(taken) {
        let mut documents = emitted.clone();
        let rego = documents.iter_mut().find_map(|document| document.pointer_mut("/spec/targets/0/rego")).unwrap();
        let text = rego.as_str().unwrap();
        assert!(text.contains(right), "{right}");
        *rego = text.replacen(right, mistake, 1).into();
        let proofs = prove(&documents);
        let has_witness = proofs.iter().any(|it| !it.proof.witnesses.is_empty());
        let reasons: Vec<_> = proofs.iter().flat_map(|it| &it.proof.reasons).collect();
        assert!(has_witness, "{mistake}: {reasons:?}");
    }
}

/// A violation of its own, which no policy has, about the first part of a text.
#[test]
fn what_is_picked_out_of_a_text_is_not_passed_over() {
    let input = Input::read(&[Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/mutants/se-linux.yaml")]);
    let options = Options::default();
    let emission = Gatekeeper.emit(&Plan::new(&input.cluster, options.clone()));
    let mut documents: Vec<Value> = emission.documents.into_iter().map(|it| it.document).collect();
    let rego = documents.iter_mut().find_map(|document| document.pointer_mut("/spec/targets/0/rego")).unwrap();
    let own = "violation[{\"msg\": \"no\", \"details\": {}}] {\n\tparts := split(object.get(spec, \"schedulerName\", \"\"), \"-\")\n\tparts[0] == \"other\"\n}\n";
    *rego = format!("{}\n{own}", rego.as_str().unwrap()).into();
    for ClassProof { proof, .. } in
        prove_documents(&input.cluster, &input.namespaces, &Gatekeeper, &options, &documents)
    {
        assert_ne!(proof.relation, Relation::Equal);
    }
}

/// A prover that always says equal fails here.
#[test]
fn no_wrong_translation_is_proved_equal() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/refuted");
    let mut folders: Vec<PathBuf> = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    let (mut refuted, mut unproven, mut wrong) = (0, Vec::new(), Vec::new());
    for folder in folders.iter().filter(|folder| folder.is_dir()) {
        let expected = documents(&folder.join("expect.yaml")).remove(0);
        let proved: [&dyn Target; 4] = [&Vap, &Kyverno, &KyvernoClusterPolicy, &Gatekeeper];
        let target = proved.into_iter().find(|target| expected["target"] == target.name());
        let Some(target) = target.filter(|_| expected["operation"] != "UPDATE") else { continue };
        let input = Input::read(&[folder.join("input.yaml")]);
        let target_minor = expected["targetMinor"].as_u64().map_or(37, |minor| u8::try_from(minor).unwrap());
        let options = Options { target_minor, ..Options::default() };
        let documents = documents(&folder.join("wrong.yaml"));
        let proofs = prove_documents(&input.cluster, &input.namespaces, target, &options, &documents);
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let has_witness = proofs.iter().any(|it| !it.proof.witnesses.is_empty());
        let is_unproven =
            proofs.iter().any(|it| it.proof.relation == Relation::Unproven || !it.proof.reasons.is_empty());
        let reasons: Vec<String> = proofs.iter().flat_map(|it| &it.proof.reasons).map(ToString::to_string).collect();
        match (has_witness, is_unproven) {
            (true, _) => refuted += 1,
            (false, true) => unproven.push(format!("{name}: {}", reasons.first().cloned().unwrap_or_default())),
            (false, false) => wrong.push(name),
        }
    }
    eprintln!("{refuted} wrong translations refuted, unproven: {}", unproven.join("\n"));
    assert!(wrong.is_empty(), "proved equal: {wrong:?}");
    assert!(refuted >= 82, "{refuted}");
}
