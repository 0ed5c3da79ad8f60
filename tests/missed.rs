//! Whatever is taken away from what was emitted is missed: any document, and any part of an expression.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

use std::path::Path;

use psp_migrate::plan::{Options, RbacMode};
use psp_migrate::requests::PodRequest;
use psp_migrate::targets::Target;
use psp_migrate::targets::psa::Psa;
use psp_migrate::targets::vap::Vap;
use serde_json::Value;
use support::mutants::{expressions, without_a_part};
use support::sides::{Sides, judges, takes_all};

const CASES: [&str; 3] = ["docker-socket", "choice-by-name", "fills"];

struct Case {
    sides: Sides,
    requests: Vec<PodRequest>,
    options: Options,
}

impl Case {
    fn read(name: &str, options: Options) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/convert").join(name).join("input");
        let sides = Sides::read(&[folder]);
        let requests = sides.some_requests(&options);
        Self { sides, requests, options }
    }

    fn disagreements(&self, target: &dyn Target, documents: &[Value]) -> usize {
        self.sides.disagreements(target, documents, &self.options, &self.requests)
    }

    fn documents(&self, target: &dyn Target) -> Vec<Value> {
        let emission = target.emit(&self.sides.plan(self.options.clone()));
        emission.documents.into_iter().map(|emitted| emitted.document).collect()
    }
}

#[test]
fn every_document_is_missed() {
    let mut missed = 0;
    for name in CASES {
        let case = Case::read(name, Options::default());
        for target in judges() {
            let documents = case.documents(target);
            let gaps = !target.emit(&case.sides.plan(case.options.clone())).gaps.is_empty();
            let before = if gaps { case.disagreements(target, &documents) } else { 0 };
            for index in 0..documents.len() {
                let mut rest = documents.clone();
                let gone = rest.remove(index);
                let misses = match gaps {
                    true => case.disagreements(target, &rest) > before,
                    false => case.sides.any_disagreement(target, &rest, &case.options, &case.requests),
                };
                assert!(
                    misses,
                    "{name} {}: nobody misses {} {}",
                    target.name(),
                    gone["kind"],
                    gone["metadata"]["name"]
                );
                missed += 1;
            }
        }
    }
    eprintln!("{missed} documents");
}

#[test]
fn every_label_that_asks_for_something_is_missed() {
    let case = Case::read("namespaces", Options::default());
    let target: &dyn Target = &Psa;
    let documents = case.documents(target);
    let decide = |documents: &[Value]| case.sides.decide(target, documents, &case.options, &case.requests);
    let before = decide(&documents);
    let mut missed = 0;
    let labels = |document: &Value| {
        let labels = document["metadata"]["labels"].as_object().cloned().unwrap_or_default();
        let levels =
            ["enforce", "audit", "warn"].map(|mode| labels.get(&format!("pod-security.kubernetes.io/{mode}")).cloned());
        levels.map(|level| level.unwrap_or_default())
    };
    let defaults = &documents.iter().find(|it| it["kind"] == "AdmissionConfiguration").unwrap()["plugins"][0];
    let defaults = ["enforce", "audit", "warn"].map(|mode| defaults["configuration"]["defaults"][mode].clone());
    for (index, document) in documents.iter().enumerate() {
        if document["kind"] != "Namespace" || labels(document) == defaults {
            continue;
        }
        let mut rest = documents.clone();
        rest.remove(index);
        assert!(decide(&rest) != before, "nobody misses {document}");
        missed += 1;
    }
    assert!(missed > 0, "no label asks for anything");
}

/// Parts without which an expression decides the same, with the reason.
const NEEDLESS: &[(&str, &str)] = &[
    ("'resourceVersion'", "the server counts it up itself, in every update"),
    ("'generation'", "the server counts it up itself"),
    ("p.type == 'Localhost'", "there are three types, and the other two come before"),
    ("variables.seccomp", "it refuses profiles of no known type, which the server refuses before"),
    ("variables.allowedProcMountTypes", "the old server clears the field before anybody looks at it"),
    ("m.?readOnly", "the list of volume types refuses every host path before"),
    ("has(p.localhostProfile)", "a profile of that type without a file is refused by the server"),
    ("orValue('') != ''", "a pod always has an account"),
];

#[test]
fn every_part_of_an_expression_is_missed() {
    let (mut missed, mut survivors) = (0, Vec::new());
    let cases = [("docker-socket", RbacMode::Frozen), ("choice-by-name", RbacMode::Live), ("fills", RbacMode::Frozen)];
    for (name, mode) in cases.into_iter().take(if takes_all() { 3 } else { 1 }) {
        let case = Case::read(name, Options { rbac: Some(mode), ..Options::default() });
        let documents = case.documents(&Vap);
        for (document, pointer, expression) in expressions(&documents) {
            // The mutating policy chooses; what it should not have chosen the validating one still refuses.
            if documents[document]["kind"] == "MutatingAdmissionPolicy" && pointer.starts_with("/spec/variables") {
                continue;
            }
            for (part, mutant) in without_a_part(&expression).into_iter().step_by(if takes_all() { 1 } else { 7 }) {
                let mut changed = documents.clone();
                *changed[document].pointer_mut(&pointer).unwrap() = mutant.clone().into();
                if case.sides.any_disagreement(&Vap, &changed, &case.options, &case.requests) {
                    missed += 1;
                } else if !NEEDLESS.iter().any(|(needless, _)| part.contains(needless)) {
                    survivors.push(format!("{name} {pointer}: without `{part}`\n    {mutant}"));
                }
            }
        }
    }
    eprintln!("{missed} parts are missed");
    assert!(survivors.is_empty(), "{} are not:\n{}", survivors.len(), survivors.join("\n"));
    assert!(missed > 5, "too few parts");
}
