//! Wrong translations, each refuted with a pod that shows it: mistakes of real converters and of migrations by hand.
//!
//! A folder below `golden/refuted` holds the cluster (`input.yaml`), the wrong translation (`wrong.yaml`, with the mistake
//! and where it was seen), pods to try besides those that are made up (`pods.yaml`, where one is needed), and what must
//! be found (`expect.yaml`). Our own translation of the same cluster must agree on the very pods that refute the wrong
//! one, so that each case can fail in both ways.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use psp_migrate::compare::Agreement;
use psp_migrate::input::{Severity, read_objects};
use psp_migrate::plan::Options;
use psp_migrate::targets::{TARGETS, Target};
use rayon::prelude::*;
use serde::Deserialize;
use serde_json::Value;
use support::refutation::{Input, Witness};

/// What `expect.yaml` says.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Expected {
    /// The engine that the documents are for.
    target: String,
    /// The minor version of its server.
    #[serde(default = "newest")]
    target_minor: u8,
    /// For each kind of difference that must be found, and no other may be, the fields of the smallest pod that shows it.
    differences: BTreeMap<Kind, BTreeSet<String>>,
    /// What our own translation differs in; nothing, unless the engine cannot say what the policies say.
    #[serde(default)]
    own: BTreeSet<Kind>,
    /// The operation on which the mistake shows itself.
    #[serde(default)]
    operation: Operation,
}

fn newest() -> u8 {
    37
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Kind {
    Stricter,
    Looser,
    FilledDifferently,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Operation {
    #[default]
    Create,
    Update,
}

impl Kind {
    fn of(agreement: Agreement) -> Option<Self> {
        match agreement {
            Agreement::Stricter => Some(Self::Stricter),
            Agreement::Looser => Some(Self::Looser),
            Agreement::FilledDifferently => Some(Self::FilledDifferently),
            Agreement::Agree | Agreement::SeenOtherwise => None,
            Agreement::NotEvaluated => panic!("a wrong translation must be one that can be evaluated"),
        }
    }
}

/// A folder below `golden/refuted`.
struct Case {
    name: String,
    expected: Expected,
    input: Input,
    wrong: Vec<Value>,
    target: &'static dyn Target,
    options: Options,
}

impl Case {
    fn read(folder: &Path) -> Self {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let files = ["input.yaml", "pods.yaml"].map(|file| folder.join(file));
        let files: Vec<PathBuf> = files.into_iter().filter(|file| file.exists()).collect();
        let expected = documents(&folder.join("expect.yaml")).remove(0);
        let expected: Expected =
            serde_json::from_value(expected).unwrap_or_else(|error| panic!("{name}/expect.yaml: {error}"));
        let target = TARGETS.iter().find(|target| target.name() == expected.target);
        Self {
            options: Options { target_minor: expected.target_minor, ..Options::default() },
            target: *target.unwrap_or_else(|| panic!("{name}: no target `{}`", expected.target)),
            input: Input::read(&files),
            wrong: documents(&folder.join("wrong.yaml")),
            expected,
            name,
        }
    }

    /// The requests on which documents and cluster do not agree, the smallest pod of each kind, those first on which our own
    /// translation does agree; and whether they were found among all pods.
    fn refute(&self, documents: &[Value], own: &[Value]) -> (BTreeMap<Kind, Witness>, bool) {
        let mut findings = self.input.refute(self.target, documents, &self.options);
        if self.expected.operation == Operation::Update {
            // What is proved is about creation, and there is nothing to be found there.
            assert!(
                findings.witnesses.is_empty() && findings.of_all_pods,
                "{}: {:?} {:?}",
                self.name,
                findings.reasons,
                findings.witnesses.iter().map(|it| (it.kind, &it.request.pod)).collect::<Vec<_>>()
            );
            let decider = self.input.read_back(self.target, documents, &self.options);
            let given = self.input.given.iter().cloned();
            let found = given.filter_map(|it| self.input.witness(decider.as_ref(), it, self.target, &self.options));
            findings.witnesses.extend(found);
        }
        let decider = self.input.read_back(self.target, own, &self.options);
        let is_own = |witness: &Witness| {
            self.input.witness(decider.as_ref(), witness.request.clone(), self.target, &self.options).is_some()
        };
        let order = |witness: &Witness| (is_own(witness), witness.size());
        let mut smallest: BTreeMap<Kind, Witness> = BTreeMap::new();
        for witness in findings.witnesses {
            let Some(kind) = Kind::of(witness.kind) else { continue };
            let known = smallest.get(&kind);
            if known.is_none_or(|known| order(&witness) < order(known)) {
                smallest.insert(kind, witness);
            }
        }
        (smallest, findings.of_all_pods)
    }

    /// What is wrong with the case.
    fn check(&self) -> (Vec<String>, bool) {
        let own: Vec<Value> =
            self.target.emit(&self.input.plan(&self.options)).documents.into_iter().map(|it| it.document).collect();
        let (found, of_all_pods) = self.refute(&self.wrong, &own);
        let fields: BTreeMap<Kind, BTreeSet<String>> =
            found.iter().map(|(kind, witness)| (*kind, witness.fields())).collect();
        let mut wrong = Vec::new();
        if fields != self.expected.differences {
            let pods: Vec<String> = found.values().map(|witness| witness.request.pod.to_string()).collect();
            wrong.push(format!("{}: found {fields:?}\n{}", self.name, pods.join("\n")));
        }
        let (own_found, own_of_all_pods) = self.refute(&own, &own);
        let kinds: BTreeSet<Kind> = own_found.into_keys().collect();
        if kinds != self.expected.own {
            wrong.push(format!("{}: our own translation is found to differ: {kinds:?}", self.name));
        }
        for (kind, witness) in &found {
            wrong.extend(self.replay(*kind, witness, &own));
        }
        (wrong, of_all_pods && own_of_all_pods)
    }

    /// The witness, put to both sides once more, and to our own translation.
    fn replay(&self, kind: Kind, witness: &Witness, own: &[Value]) -> Option<String> {
        let judged = |documents: &[Value]| {
            let decider = self.input.read_back(self.target, documents, &self.options);
            let comparison = self.input.compare(decider.as_ref(), &witness.request, self.target, &self.options);
            Kind::of(comparison.agreement)
        };
        let operation = match self.expected.operation {
            Operation::Create => psp_migrate::admission::Operation::Create,
            Operation::Update => psp_migrate::admission::Operation::Update,
        };
        if witness.request.operation != operation {
            return Some(format!("{}: {kind:?} shows itself on {:?}", self.name, witness.request.operation));
        }
        match (judged(&self.wrong), judged(own)) {
            (Some(again), None) if again == kind => None,
            (Some(again), Some(_)) if again == kind && self.expected.own.contains(&kind) => None,
            (again, own) => Some(format!("{}: {kind:?} replays as {again:?}, our own translation: {own:?}", self.name)),
        }
    }
}

fn documents(path: &Path) -> Vec<Value> {
    let (objects, problems) = read_objects(&[path.to_path_buf()]);
    let broken = problems.iter().find(|problem| problem.severity == Severity::Error);
    assert!(broken.is_none(), "{}: {broken:?}", path.display());
    assert!(!objects.is_empty(), "{} is empty", path.display());
    objects.into_iter().map(|object| object.value).collect()
}

fn folders() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/refuted");
    let mut folders: Vec<PathBuf> = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.retain(|path| path.is_dir());
    folders.sort();
    folders
}

#[test]
fn every_wrong_translation_is_refuted_and_our_own_is_not() {
    let folders = folders();
    let checked: Vec<(Vec<String>, bool)> = folders.par_iter().map(|folder| Case::read(folder).check()).collect();
    let wrong: Vec<&str> = checked.iter().flat_map(|(wrong, _)| wrong).map(String::as_str).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    let of_all_pods = checked.iter().filter(|(_, of_all_pods)| *of_all_pods).count();
    eprintln!(
        "{} wrong translations refuted, each with a pod: {of_all_pods} over all pods, the others over pods around every limit",
        folders.len()
    );
    assert!(folders.len() >= 25);
}

#[test]
fn every_wrong_translation_says_what_is_wrong_and_who_made_it() {
    for folder in folders() {
        let text = fs::read_to_string(folder.join("wrong.yaml")).unwrap();
        let comment: Vec<&str> = text.lines().take_while(|line| line.starts_with('#')).collect();
        assert!(comment.iter().any(|line| line.starts_with("# Mistake: ")), "{}", folder.display());
        assert!(comment.iter().any(|line| line.starts_with("# Seen in: ")), "{}", folder.display());
    }
}
