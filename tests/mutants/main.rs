//! Mutants of our own translations: each says something else than the cluster, and each must be found out with a pod.
//!
//! A mutation changes what is to be emitted (a rule, a fill, a grant of the plan), or the emitted documents as data. A
//! mutant that says the same after all stands in [`equivalent::EQUIVALENT`] with the reason; such a mutant counts as
//! nothing, and must not be found out.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test that cannot go on has failed")]

mod documents;
mod equivalent;
mod gatekeeper;
mod native;
mod plans;
mod psa;
#[path = "../support/mod.rs"]
mod support;

use std::path::Path;

use psp_migrate::plan::{Options, Plan, RbacMode};
use psp_migrate::requests::PodRequest;
use psp_migrate::targets::gatekeeper::Gatekeeper;
use psp_migrate::targets::kyverno::{Kyverno, KyvernoClusterPolicy};
use psp_migrate::targets::psa::Psa;
use psp_migrate::targets::vap::Vap;
use psp_migrate::targets::{Emission, Target};
use rayon::prelude::*;
use serde_json::Value;
use support::refutation::Input;
use support::sides::takes_all;

/// A cluster and our own translation of it.
struct Original {
    name: String,
    input: Input,
    target: &'static dyn Target,
    options: Options,
    documents: Vec<Value>,
    /// Pods around every limit, each from somebody of every class of requesters.
    requests: Vec<PodRequest>,
}

/// A translation that was changed.
struct Mutant {
    /// Cluster, form and change.
    name: String,
    documents: Vec<Value>,
}

impl Original {
    fn new(cluster: &str, form: &str, target: &'static dyn Target, options: Options) -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("golden/mutants/{cluster}.yaml"));
        let input = Input::read(&[file]);
        let documents = documents_of(target.emit(&input.plan(&options)));
        let requests = input.requests(&options);
        Self { name: format!("{cluster} {form}"), input, target, options, documents, requests }
    }

    /// The translation of a plan that was changed.
    fn emitted(&self, what: &str, change: impl FnOnce(&mut Plan<'_>)) -> Mutant {
        let mut plan = self.input.plan(&self.options);
        change(&mut plan);
        self.mutant(what, documents_of(self.target.emit(&plan)))
    }

    fn mutant(&self, what: &str, documents: Vec<Value>) -> Mutant {
        Mutant { name: format!("{}: {what}", self.name), documents }
    }

    /// Whether a pod shows that the mutant says something else: the mutant is wrong about it, and the original is not.
    ///
    /// # Errors
    /// No pod does: why nothing is proved, or nothing if it is proved that there is none.
    fn finds_out(&self, mutant: &Mutant) -> Result<FoundBy, Vec<String>> {
        let read = |documents: &[Value]| self.input.read_back(self.target, documents, &self.options);
        let (own, decider) = (read(&self.documents), read(&mutant.documents));
        let is_wrong = |request: &PodRequest| {
            let witness = |decider| self.input.witness(decider, request.clone(), self.target, &self.options).is_some();
            witness(decider.as_ref()) && !witness(own.as_ref())
        };
        let proved = self.input.prove(self.target, decider.as_ref(), &self.options);
        if proved.witnesses.iter().any(|witness| is_wrong(&witness.request)) {
            return Ok(FoundBy::Proof);
        }
        if self.requests.iter().any(is_wrong) { Ok(FoundBy::Trying) } else { Err(proved.reasons) }
    }
}

/// What found a mutant out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FoundBy {
    /// A proof about all pods.
    Proof,
    /// Trying the pods around every limit and updates of them: proofs are about creation, and show the smallest pod only.
    Trying,
}

fn documents_of(emission: Emission) -> Vec<Value> {
    emission.documents.into_iter().map(|emitted| emitted.document).collect()
}

fn vap(cluster: &str, rbac: RbacMode) -> Original {
    let form = match rbac {
        RbacMode::Live => "vap, live",
        RbacMode::Frozen => "vap, frozen",
    };
    Original::new(cluster, form, &Vap, Options { rbac: Some(rbac), ..Options::default() })
}

fn gatekeeper(cluster: &str) -> Original {
    Original::new(cluster, "gatekeeper", &Gatekeeper, Options::default())
}

/// The clusters whose one policy limits one sort of thing.
const LIMITS: [&str; 10] = [
    "groups",
    "profiles",
    "se-linux",
    "node",
    "users",
    "non-root",
    "capabilities",
    "privileges",
    "app-armor",
    "volumes",
];

/// All of them in a release build or with `PSP_MIGRATE_ALL=1`, else some.
fn limits() -> &'static [&'static str] {
    if takes_all() { &LIMITS } else { &["groups", "privileges", "volumes"] }
}

#[test]
fn every_mutant_of_the_native_policies_rules_and_fills_is_found_out() {
    let mut tally = Tally::default();
    for &cluster in limits() {
        // Nothing is filled into volumes, and before 1.36 into nothing.
        let target_minor = if cluster == "volumes" { 34 } else { 37 };
        let original = Original::new(cluster, "vap", &Vap, Options { target_minor, ..Options::default() });
        tally.take(&original, plans::rules(&original).into_iter().chain(plans::fills(&original)).collect());
    }
    tally.conclude("vap, rules and fills");
}

#[test]
fn every_mutant_of_the_native_policies_documents_is_found_out() {
    let mut tally = Tally::default();
    for cluster in LIMITS {
        let original = vap(cluster, RbacMode::Live);
        tally.take(&original, native::limits(&original, cluster));
    }
    tally.conclude("vap, documents");
}

#[test]
fn every_mutant_of_the_native_policies_choice_and_wiring_is_found_out() {
    let mut tally = Tally::default();
    let order = vap("order", RbacMode::Frozen);
    tally.take(&order, plans::policies(&order).into_iter().chain(native::choice(&order)).collect());
    let frozen = vap("wiring", RbacMode::Frozen);
    tally.take(&frozen, plans::grants(&frozen).into_iter().chain(native::frozen(&frozen)).collect());
    let live = vap("wiring", RbacMode::Live);
    tally.take(&live, native::live(&live));
    tally.conclude("vap, choice and wiring");
}

/// Both generations of Kyverno's policies.
const GENERATIONS: [&dyn Target; 2] = [&Kyverno, &KyvernoClusterPolicy];

#[test]
fn every_mutant_of_kyvernos_policies_is_found_out() {
    for target in GENERATIONS {
        let mut tally = Tally::default();
        for &cluster in limits() {
            let original = Original::new(cluster, target.name(), target, Options::default());
            tally.take(&original, plans::rules(&original));
        }
        let order = Original::new("order", target.name(), target, Options::default());
        tally.take(&order, plans::policies(&order));
        let wiring = Original::new("wiring", target.name(), target, Options::default());
        tally.take(&wiring, plans::grants(&wiring));
        tally.conclude(target.name());
    }
}

#[test]
fn every_mutant_of_the_gatekeeper_documents_is_found_out() {
    let mut tally = Tally::default();
    for &cluster in limits() {
        let original = gatekeeper(cluster);
        tally.take(&original, gatekeeper::limits(&original, cluster));
    }
    let original = gatekeeper("wiring");
    tally.take(&original, gatekeeper::wiring(&original));
    tally.conclude("gatekeeper");
}

#[test]
fn every_mutant_of_the_labels_is_found_out() {
    let mut tally = Tally::default();
    let original = Original::new("labels", "psa", &Psa, Options { target_minor: 30, ..Options::default() });
    tally.take(&original, psa::labels(&original));
    tally.conclude("psa");
}

/// How the mutants of some originals ended.
#[derive(Default)]
struct Tally {
    by_proof: usize,
    by_trying: usize,
    same: usize,
    wrong: Vec<String>,
}

impl Tally {
    /// Judges mutants: each is to be found out but those that say the same, which are not.
    fn take(&mut self, original: &Original, mutants: Vec<Mutant>) {
        let own = Mutant { name: "the original".to_owned(), documents: original.documents.clone() };
        assert!(original.finds_out(&own).is_err(), "{}: our own translation is found out", original.name);
        // A change that makes no difference to the text makes no mutant.
        let mutants: Vec<Mutant> =
            mutants.into_iter().filter(|mutant| mutant.documents != original.documents).collect();
        assert!(!mutants.is_empty(), "{}: no mutants", original.name);
        let judged: Vec<(Result<FoundBy, Vec<String>>, &Mutant)> =
            mutants.par_iter().map(|mutant| (original.finds_out(mutant), mutant)).collect();
        for (found_by, Mutant { name, .. }) in judged {
            match (found_by, equivalent::reason(name)) {
                (Ok(FoundBy::Proof), None) => self.by_proof += 1,
                (Ok(FoundBy::Trying), None) => self.by_trying += 1,
                (Err(_), Some(_)) => self.same += 1,
                (Ok(_), Some(reason)) => {
                    self.wrong.push(format!("{name}: is found out, and was said to be none: {reason}"));
                }
                (Err(reasons), None) => self.wrong.push(format!("{name}: survives, not proved for: {reasons:?}")),
            }
        }
    }

    /// Every mutant was found out.
    fn conclude(self, of: &str) {
        let Self { by_proof, by_trying, same, wrong } = self;
        eprintln!(
            "{of}: {} mutants found out, each with a pod: {by_proof} by proof, {by_trying} by trying pods; {same} say the same, each with a reason",
            by_proof + by_trying
        );
        assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
    }
}
