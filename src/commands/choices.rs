//! `convert` without a target: what each target makes of this input, and which one to take.

use std::collections::BTreeSet;

use anyhow::Result;

use super::Ending;
use super::output::{counted, program, tell, width};
use super::reporting::Source;
use crate::cli::Convert;
use crate::input::printable;
use crate::relation::Relation;
use crate::report::layout;
use crate::report::migration::{Report, TargetReport};
use crate::report::style::{GOOD, HEAD, paint};
use crate::targets::{Emission, TARGETS, Target};

/// Emits for every target in memory, compares, prints a table and recommends one. Nothing is written.
pub(super) fn run(arguments: &Convert, source: &Source<'_>) -> Result<Ending> {
    let emissions: Vec<(&dyn Target, Emission)> =
        TARGETS.iter().map(|target| (*target, target.emit(source.plan))).collect();
    let verification = source.verification(&emissions, &source.asked(true, true))?;
    let report = source.report(emissions.iter().map(|(target, emission)| (*target, Some(emission))), verification);
    anstream::println!("{}\n", report.summary.sentence());
    anstream::println!("{}", table(&report));
    let paths: Vec<String> =
        arguments.input.paths.iter().map(|path| printable(&path.to_string_lossy()).into_owned()).collect();
    tell(recommendation(&report, &paths.join(" ")));
    Ok(Ending::Equal)
}

fn patched(target: &TargetReport) -> String {
    let manifests = target.compared.as_ref().map_or(0, |compared| compared.requests);
    format!("into {}", counted(manifests, "given manifest"))
}

fn table(report: &Report) -> String {
    let row = |(target, found): (&&dyn Target, &TargetReport)| {
        let lost = found.gaps.iter().filter(|gap| gap.code.starts_with("fill")).filter_map(|gap| gap.policy.as_deref());
        let fills = match (report.summary.policies_filling, lost.collect::<BTreeSet<_>>().len()) {
            (0, _) => "nothing to do".to_owned(),
            (_, 0) => "yes".to_owned(),
            (all, lost) => format!("lost for {lost} of {}", counted(all, "policy")),
        };
        let [decisions, fills] = match target.judges() {
            true => [decisions(found), fills],
            false => ["as before: judges nothing".to_owned(), patched(found)],
        };
        vec![found.name.clone(), decisions, fills, gaps(found), target.needs().to_owned()]
    };
    let rows = TARGETS.iter().zip(&report.targets).map(row).collect();
    layout::table(&["target", "decisions", "fills pods in", "gaps", "needs"], rows, 0, width())
}

/// How the target decides, in a few words.
fn decisions(target: &TargetReport) -> String {
    let Some(compared) = &target.compared else { return "not compared".to_owned() };
    let counts = &compared.counts;
    let of = compared.requests;
    let differing: Vec<String> = [
        (counts.stricter, "denied that PodSecurityPolicy admits"),
        (counts.looser, "admitted that PodSecurityPolicy denies"),
        (counts.filled_differently, "filled in differently"),
        (counts.not_evaluated, "not evaluated"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{count} {what}"))
    .collect();
    if differing.is_empty() {
        return format!("the same on all {}", counted(of, "request"));
    }
    format!("of {}: {}", counted(of, "request"), differing.join(", "))
}

fn gaps(target: &TargetReport) -> String {
    let mut kinds: Vec<&str> = target.gaps.iter().map(|gap| gap.code).collect();
    kinds.sort_unstable();
    kinds.dedup();
    if kinds.is_empty() { "none".to_owned() } else { format!("{}: {}", target.gaps.len(), kinds.join(", ")) }
}

/// The target that differs least, and what to type.
fn recommendation(report: &Report, paths: &str) -> String {
    let judging = TARGETS.iter().zip(&report.targets).filter(|(target, _)| target.judges());
    let Some((_, best)) = judging.min_by_key(|(_, found)| rank(found)) else { return "there is no target".to_owned() };
    let why = match &best.compared {
        Some(compared) if compared.is_clean => "it decides and fills in alike on everything that was compared",
        _ => "it differs least; the differences and gaps stand in its report",
    };
    let paths = if paths.is_empty() { String::new() } else { format!(" {paths}") };
    let command = format!("{} convert{paths} --to {} -o out/", program(), best.name);
    format!("{} {}: {why}; next: `{command}`", paint(HEAD, "recommended:"), paint(GOOD, &best.name))
}

/// The smaller the better; of equals, the first in the order of the targets.
fn rank(target: &TargetReport) -> (u8, usize, usize) {
    let Some(compared) = &target.compared else { return (u8::MAX, 0, 0) };
    let kind = match compared.relation {
        Relation::Equal if compared.is_clean => 0,
        Relation::Equal => 1,
        // A pod that is refused is seen at once; one that passes unseen is worse.
        Relation::Stricter => 2,
        Relation::Looser => 3,
        Relation::Incomparable => 4,
        Relation::Unproven => 5,
    };
    let counts = &compared.counts;
    (kind, counts.stricter + counts.looser + counts.filled_differently + counts.not_evaluated, target.gaps.len())
}
