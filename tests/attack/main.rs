//! Attacks on the proof: sets of policies are drawn field by field and proved for every target; where the proof says that
//! both sides are equal, random pods made of the constants of policies and emitted text must find no difference.
//!
//! `SETS` is how many sets are drawn (default 6), `PODS` how many pods in all (default 6000):
//! `ONLY=7` takes one set and shows it, `TARGET=vap` one target.
//! `SETS=500 PODS=1000000 cargo test --release --test attack -- --nocapture`.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test that cannot go on has failed")]

mod draw;
mod pods;
mod policies;

/// As the program itself has it: proofs allocate a lot.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use draw::Draw;
use pods::Constants;
use psp_migrate::cluster::Cluster;
use psp_migrate::compare::{Agreement, Terms, compare};
use psp_migrate::plan::{Options, Plan};
use psp_migrate::proof::{ClassProof, against_policies, request};
use psp_migrate::rbac::RbacOptions;
use psp_migrate::relation::Relation;
use psp_migrate::release::Release;
use psp_migrate::targets::gatekeeper::Gatekeeper;
use psp_migrate::targets::kyverno::{Kyverno, KyvernoClusterPolicy};
use psp_migrate::targets::vap::Vap;
use psp_migrate::targets::{Context, Decider, Target};
use psp_migrate::validity::is_valid;
use psp_migrate::yaml::to_yaml;
use rayon::prelude::*;
use serde_json::Value;

const TARGETS: [&(dyn Target + Sync); 4] = [&Vap, &Kyverno, &KyvernoClusterPolicy, &Gatekeeper];

fn wanted(name: &str, otherwise: usize) -> usize {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect("a number"))
}

/// What came of one set of policies and one target.
#[derive(Default)]
struct Tally {
    proofs: BTreeMap<String, usize>,
    wrong: Vec<String>,
}

#[test]
fn random_pods_find_no_difference_where_there_is_said_to_be_none() {
    let (sets, pods) = (wanted("SETS", 6), wanted("PODS", 6000));
    let target = std::env::var("TARGET").ok();
    let targets: Vec<_> =
        TARGETS.into_iter().filter(|known| target.as_deref().is_none_or(|target| target == known.name())).collect();
    let attacked = AtomicUsize::new(0);
    let only = std::env::var("ONLY").ok().map(|text| text.parse::<usize>().expect("a number"));
    let seeds: Vec<usize> = (0..sets).filter(|seed| only.is_none_or(|only| only == *seed)).collect();
    let tallies: Vec<Tally> = seeds
        .par_iter()
        .flat_map(|&seed| {
            let mut draw = Draw::new(u64::try_from(seed).unwrap());
            let (policies, rbac) = policies::drawn(&mut draw);
            if only.is_some() {
                policies.iter().chain(&rbac).for_each(|document| eprintln!("---\n{}", to_yaml(document).unwrap()));
            }
            let options = RbacOptions::default();
            let cluster = Cluster::new(&policies, &rbac, Release::default(), options).unwrap();
            let attack = Attack { cluster: &cluster, policies: &policies, seed, pods: pods / sets / TARGETS.len() };
            targets.iter().map(|target| attack.run(*target, &mut draw, &attacked)).collect::<Vec<_>>()
        })
        .collect();
    let mut proofs: BTreeMap<String, usize> = BTreeMap::new();
    tallies
        .iter()
        .flat_map(|tally| &tally.proofs)
        .for_each(|(what, count)| *proofs.entry(what.clone()).or_default() += count);
    eprintln!("{sets} sets of policies; {} pods; classes: {proofs:#?}", attacked.load(Ordering::Relaxed));
    let wrong: Vec<&String> = tallies.iter().flat_map(|tally| &tally.wrong).collect();
    assert!(wrong.is_empty(), "{} wrong:\n{wrong:#?}", wrong.len());
    // Some pods the API server does not take.
    let enough = pods / sets / TARGETS.len() * seeds.len() * targets.len() / 4;
    assert!(attacked.load(Ordering::Relaxed) > enough && proofs.keys().any(|what| what.ends_with("Equal")));
}

fn has_reasons(proof: &ClassProof) -> bool {
    let reasons = &proof.proof.reasons;
    !reasons.is_empty() && reasons.iter().all(|reason| reason.rule != "psp-migrate")
}

struct Attack<'a> {
    cluster: &'a Cluster,
    policies: &'a [Value],
    seed: usize,
    /// How many pods each target gets.
    pods: usize,
}

impl Attack<'_> {
    fn run(&self, target: &(dyn Target + Sync), draw: &mut Draw, attacked: &AtomicUsize) -> Tally {
        let options = Options::default();
        let plan = Plan::new(self.cluster, options.clone());
        let emission = target.emit(&plan);
        let documents: Vec<Value> = emission.documents.into_iter().map(|it| it.document).collect();
        let context = Context { namespaces: &[], rbac: self.cluster.rbac(), target_minor: options.target_minor };
        let decider = target.read(&documents, &context);
        let fills = target.fills_in(&options);
        let terms = Terms { target_minor: 37, compares_pods: fills, compares_annotation: fills && options.annotate };
        let proofs = against_policies(self.cluster, decider.as_ref(), &[], terms);
        let constants = Constants::of(self.policies.iter().chain(&documents));
        let mut tally = Tally::default();
        for proof in &proofs {
            *tally.proofs.entry(format!("{} {:?}", target.name(), proof.proof.relation)).or_default() += 1;
            let shown = format!("set {} {} {:?}", self.seed, target.name(), proof.class.subject);
            let tells = |code: &str| emission.gaps.iter().any(|gap| gap.code == code);
            let is_told = tells("fills-lost");
            let of_masters = proof.class.subject.groups.iter().any(|group| group == "system:masters");
            match proof.proof.relation {
                Relation::Equal => {
                    let count = self.pods.div_ceil(proofs.len());
                    for _ in 0..count {
                        let pod = constants.pod(draw);
                        tally.wrong.extend(
                            self.shows_a_difference(proof, decider.as_ref(), terms, pod, attacked)
                                .map(|what| format!("{shown}: {what}")),
                        );
                    }
                }
                Relation::Stricter if is_told && !proof.proof.witnesses.is_empty() => {}
                // Mutators know no users, so that they fill in what is a member's own pod too.
                Relation::Incomparable
                    if of_masters && tells("masters-filled-otherwise") && !proof.proof.witnesses.is_empty() => {}
                // Not every shape of Rego is understood. An error of our own is never a reason.
                Relation::Unproven if target.name() == Gatekeeper.name() && has_reasons(proof) => {}
                _ => tally.wrong.push(format!("{shown}: {:?}", proof.proof)),
            }
        }
        tally
    }

    /// Of a pod that the API server takes: the difference that it shows and that the proof says is not there.
    fn shows_a_difference(
        &self,
        proof: &ClassProof,
        decider: &dyn Decider,
        terms: Terms,
        pod: Value,
        attacked: &AtomicUsize,
    ) -> Option<String> {
        let mut pod = pod;
        pod["metadata"]["namespace"] = proof.class.subject.namespace.as_str().into();
        pod["spec"]["serviceAccountName"] = proof.class.subject.account.as_str().into();
        psp_migrate::input::default_pod(&mut pod);
        if !is_valid(&pod, terms.target_minor) {
            return None;
        }
        attacked.fetch_add(1, Ordering::Relaxed);
        let request = request(&proof.class.subject, pod.clone());
        let found = compare(self.cluster, decider, &request, terms).unwrap().agreement;
        let filled_alike = proof.proof.pods_equal != Some(true);
        match found {
            Agreement::Agree | Agreement::SeenOtherwise => None,
            Agreement::FilledDifferently if filled_alike => None,
            _ => Some(format!("{found:?} on {pod}")),
        }
    }
}
