//! `verify`: the policies of another engine beside PodSecurityPolicy, decision by decision.

use anyhow::Result;
use rayon::prelude::*;
use serde_json::Value;

use super::output::report_problems;
use super::{Ending, convert, reading, translation};
use crate::cli::{Verify, VerifyFormat};
use crate::cluster::Cluster;
use crate::compare::{Terms, compare};
use crate::input::Inventory;
use crate::pairing;
use crate::plan::Plan;
use crate::proof::{self, against_policies};
use crate::report::verification::{ClassFinding, Difference, Proved, TargetFindings, Verification, assumptions};
use crate::requests::PodRequest;
use crate::targets::{Checked, Context, Decider, Emission, Target};

pub(super) fn run(arguments: &Verify) -> Result<Ending> {
    let targets = translation::targets(&arguments.translation)?;
    let mut inventory = reading::inventory(&arguments.input.paths)?;
    let broken = report_problems(&std::mem::take(&mut inventory.problems)) & !arguments.input.keep_going;
    let cluster = reading::cluster(&inventory, &arguments.input)?;
    let namespaces = translation::namespaces(&inventory);
    let mut given = translation::requests(&inventory, &arguments.namespace, &arguments.input);
    let samples = if arguments.pods.is_empty() { Inventory::default() } else { Inventory::read(&arguments.pods) };
    if !arguments.pods.is_empty() {
        report_problems(&samples.problems);
        given.extend(translation::requests(&samples, &arguments.namespace, &arguments.input));
    }
    let manifests = translation::manifests(&inventory, &samples, &arguments.namespace, &arguments.input);
    let plan =
        Plan::new(&cluster, arguments.translation.options()).with_input(&namespaces, &given).with_manifests(&manifests);
    let given_count = given.len();
    let mut requests = pairing::with_every_requester(&cluster, &given);
    let boundary_from = requests.len();
    if !arguments.no_boundary {
        requests.extend(pairing::boundary(&cluster, &plan, &namespaces));
    }
    let mut verification = Verification::default();
    for target in targets {
        let emission = target.emit(&plan);
        let documents = documents(arguments, target, &emission)?;
        let context = Context {
            namespaces: &namespaces,
            rbac: cluster.rbac(),
            target_minor: arguments.translation.target_version,
        };
        let mut findings = match target.check(&documents, &plan) {
            Some(checked) => of_manifests(target, checked),
            None => {
                let decider = target.read(&documents, &context);
                let findings = findings(&cluster, decider.as_ref(), &requests, target, arguments)?;
                let proved = (!arguments.no_proof)
                    .then(|| proved(&cluster, decider.as_ref(), &namespaces, terms(target, arguments)))
                    .transpose()?;
                TargetFindings { boundary: requests.len() - boundary_from, proved, ..findings }
            }
        };
        if arguments.against.is_none() {
            findings.gaps = emission.gaps;
            findings.notes = emission.notes;
        }
        verification.targets.push(findings);
    }
    print(arguments, &verification)?;
    let made_up = requests.len() - given_count;
    anstream::eprintln!("{given_count} given, {made_up} more by pairing with requesters and at the policies' limits");
    Ok(match verification.is_clean() {
        _ if broken => Ending::Incomplete,
        true => Ending::Equal,
        false => Ending::Different,
    })
}

/// The documents to verify: read from the folder, or from the text that was just emitted.
fn documents(arguments: &Verify, target: &dyn Target, emission: &Emission) -> Result<Vec<Value>> {
    match &arguments.against {
        Some(folder) => translation::documents_in(folder, target),
        None => convert::read_back(emission),
    }
}

fn findings(
    cluster: &Cluster,
    decider: &dyn Decider,
    requests: &[PodRequest],
    target: &dyn Target,
    arguments: &Verify,
) -> Result<TargetFindings> {
    let terms = terms(target, arguments);
    let bar = super::output::progress(requests.len(), target.name());
    let compared: Vec<_> = requests
        .par_iter()
        .map(|request| {
            let comparison = compare(cluster, decider, request, terms);
            bar.inc(1);
            comparison.map(|comparison| (comparison.agreement, Difference::of(request, &comparison)))
        })
        .collect();
    bar.finish_and_clear();
    let mut findings =
        TargetFindings { target: target.name().to_owned(), compared: requests.len(), ..TargetFindings::default() };
    for result in compared {
        let (agreement, difference) = result?;
        findings.counts.add(agreement);
        findings.differences.extend(difference);
    }
    findings.unsupported = decider.unsupported().to_vec();
    Ok(findings)
}

fn terms(target: &dyn Target, arguments: &Verify) -> Terms {
    let options = arguments.translation.options();
    Terms {
        target_minor: options.target_minor,
        compares_pods: target.fills_in(&options),
        compares_annotation: options.annotate && target.fills_in(&options),
    }
}

/// What is proved for all pods, with each difference as the whole deciders tell it.
fn proved(cluster: &Cluster, decider: &dyn Decider, namespaces: &[Value], terms: Terms) -> Result<Proved> {
    let mut classes = Vec::new();
    for found in against_policies(cluster, decider, namespaces, terms) {
        let mut witnesses = Vec::new();
        for (_, pod) in &found.proof.witnesses {
            let request = proof::request(&found.class.subject, pod.clone());
            witnesses.extend(Difference::of(&request, &compare(cluster, decider, &request, terms)?));
        }
        classes.push(ClassFinding::new(cluster, &found, witnesses));
    }
    let release = cluster.plugin().release();
    let assumptions = assumptions(&format!("1.{}", release.minor), terms.target_minor);
    Ok(Proved { classes, assumptions })
}

/// What a target that changes manifests makes of each of them.
fn of_manifests(target: &dyn Target, checked: Vec<Checked>) -> TargetFindings {
    let mut findings =
        TargetFindings { target: target.name().to_owned(), compared: checked.len(), ..TargetFindings::default() };
    for Checked { request, comparison } in &checked {
        findings.counts.add(comparison.agreement);
        findings.differences.extend(Difference::of(request, comparison));
    }
    findings
}

fn print(arguments: &Verify, verification: &Verification) -> Result<()> {
    match arguments.format {
        VerifyFormat::Text => anstream::print!("{}", verification.text()),
        VerifyFormat::Markdown => anstream::print!("{}", verification.markdown()),
        VerifyFormat::Json => anstream::println!("{}", serde_json::to_string_pretty(&verification.json())?),
        VerifyFormat::Junit => anstream::print!("{}", verification.junit()),
        VerifyFormat::Sarif => anstream::println!("{}", serde_json::to_string_pretty(&verification.sarif())?),
    }
    Ok(())
}
