//! `verify`: the policies of another engine beside PodSecurityPolicy, decision by decision.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use serde_json::Value;

use super::output::{counted, detail, is_verbose, program, report_problems, tell};
use super::reporting::Asked;
use super::{Ending, comparing, convert, folder, reading, reporting, translation};
use crate::cli::{OUTPUT, Verify, VerifyFormat};
use crate::cluster::Cluster;
use crate::compare::{Terms, compare};
use crate::input::Inventory;
use crate::pairing;
use crate::plan::{Options, Plan};
use crate::proof::{self, against_policies};
use crate::report::verification::{ClassFinding, Difference, Proved, TargetFindings, Verification, assumptions};
use crate::requests::PodRequest;
use crate::targets::{Checked, Context, Decider, Emission, Target};

pub(super) fn run(arguments: &Verify) -> Result<Ending> {
    let (targets, against) = what(arguments)?;
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
    let source = reporting::Source { inventory: &inventory, cluster: &cluster, plan: &plan };
    let is_wanted = arguments.write_witnesses.is_some() || targets.iter().any(|target| target.judges());
    let asked = Asked { for_all_pods: !arguments.no_proof, ..source.asked(is_wanted, !arguments.no_boundary) };
    let mut shown = Vec::new();
    let mut verification = Verification::default();
    let mut emissions = Vec::new();
    for target in targets {
        let emission = target.emit(&plan);
        let documents = documents(against.as_deref(), target, &emission)?;
        detail(format!("{}: {}", target.name(), counted(documents.len(), "document")));
        let (mut findings, witnesses) = found(&plan, target, &documents, &asked)?;
        shown.push((format!("witnesses-{}", target.name()), witnesses));
        if against.is_none() {
            findings.gaps.clone_from(&emission.gaps);
            findings.notes.clone_from(&emission.notes);
        }
        emissions.push((target, against.is_none().then_some(emission)));
        verification.targets.push(findings);
    }
    if let Some(folder) = &arguments.write_witnesses {
        let mut sets = vec![
            ("boundary".to_owned(), asked.boundary.clone()),
            ("pairwise".to_owned(), pairing::pairwise(&cluster, &plan, &namespaces)),
        ];
        sets.extend(shown);
        let changes = super::witnesses::write(folder, arguments.force, &cluster, &sets)?;
        tell(format!("{} written to `{}`", counted(changes.written, "file"), folder.display()));
    }
    let print = |verification| match arguments.format {
        VerifyFormat::Html => {
            let emissions = emissions.iter().map(|(target, emission)| (*target, emission.as_ref()));
            anstream::print!("{}", source.report(emissions, verification).html());
            Ok(())
        }
        _ => print(arguments, &verification),
    };
    let is_clean = verification.is_clean();
    let judged = emissions.iter().zip(&verification.targets).find(|((target, _), _)| target.judges());
    let told = told(given.len(), judged.map(|(_, findings)| findings.compared));
    print(verification)?;
    tell(told);
    Ok(match is_clean {
        _ if broken => Ending::Incomplete,
        true => Ending::Equal,
        false => Ending::Different,
    })
}

/// How many requests there are, and how many were compared if any were.
fn told(given: usize, compared: Option<usize>) -> String {
    let Some(compared) = compared else { return format!("{given} given") };
    let made_up = compared.saturating_sub(given);
    format!("{given} given, {made_up} more by pairing with requesters and at the policies' limits")
}

/// The targets to verify, and the folder that holds their documents. Without targets they are those that the folder was
/// written for; without a folder too it is the one that `convert` writes.
fn what(arguments: &Verify) -> Result<(Vec<&'static dyn Target>, Option<PathBuf>)> {
    if !arguments.translation.targets.is_empty() {
        return Ok((
            translation::targets(&arguments.translation.targets, &arguments.translation)?,
            arguments.against.clone(),
        ));
    }
    let folder = arguments.against.clone().unwrap_or_else(|| PathBuf::from(OUTPUT));
    let names = folder::targets(&folder)?;
    if names.is_empty() {
        bail!("which target? add --to, or --against with a folder that `{} convert` wrote", program());
    }
    Ok((translation::targets(&names, &arguments.translation)?, Some(folder)))
}

/// The documents to verify: read from the folder, or from the text that was just emitted.
fn documents(against: Option<&Path>, target: &dyn Target, emission: &Emission) -> Result<Vec<Value>> {
    match against {
        Some(folder) => translation::documents_in(folder, target),
        None => convert::read_back(emission),
    }
}

/// What comparing documents of a target with PodSecurityPolicy finds, and the pods that show differences for all pods.
///
/// # Errors
/// A pod that the API server could not decode.
pub(super) fn found(
    plan: &Plan<'_>,
    target: &dyn Target,
    documents: &[Value],
    asked: &Asked<'_>,
) -> Result<(TargetFindings, Vec<PodRequest>)> {
    let mut witnesses = Vec::new();
    if let Some(checked) = target.check(documents, plan) {
        return Ok((of_manifests(target, checked), witnesses));
    }
    let context = Context { namespaces: plan.namespaces, rbac: plan.rbac, target_minor: plan.options.target_minor };
    let decider = target.read(documents, &context);
    let terms = terms(target, &plan.options);
    let findings = comparing::findings(plan.cluster, decider.as_ref(), asked, target.name(), terms)?;
    let prove = || proved(plan.cluster, decider.as_ref(), plan.namespaces, terms, &mut witnesses);
    let proved = asked.for_all_pods.then(prove).transpose()?;
    Ok((TargetFindings { boundary: asked.boundary.len(), proved, ..findings }, witnesses))
}

fn terms(target: &dyn Target, options: &Options) -> Terms {
    Terms {
        target_minor: options.target_minor,
        compares_pods: target.fills_in(options),
        compares_annotation: options.annotate && target.fills_in(options),
    }
}

/// What is proved for all pods, with each difference as the whole deciders tell it.
fn proved(
    cluster: &Cluster,
    decider: &dyn Decider,
    namespaces: &[Value],
    terms: Terms,
    shown: &mut Vec<PodRequest>,
) -> Result<Proved> {
    let mut classes = Vec::new();
    for found in against_policies(cluster, decider, namespaces, terms) {
        let mut witnesses = Vec::new();
        for (_, pod) in &found.proof.witnesses {
            let request = proof::request(&found.class.subject, pod.clone());
            witnesses.extend(Difference::of(&request, &compare(cluster, decider, &request, terms)?));
            shown.push(request);
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
        findings.add(&comparison.psp.usable, comparison.agreement);
        findings.differences.extend(Difference::of(request, comparison));
    }
    findings
}

fn print(arguments: &Verify, verification: &Verification) -> Result<()> {
    match arguments.format {
        VerifyFormat::Text => anstream::print!("{}", verification.text(is_verbose())),
        VerifyFormat::Markdown => anstream::print!("{}", verification.markdown()),
        VerifyFormat::Json => anstream::println!("{}", serde_json::to_string_pretty(&verification.json())?),
        VerifyFormat::Junit => anstream::print!("{}", verification.junit()),
        VerifyFormat::Html => {}
        VerifyFormat::Sarif => anstream::println!("{}", serde_json::to_string_pretty(&verification.sarif())?),
    }
    Ok(())
}
