//! The policies, each with what it fills in, what it allows and who may use it.

use std::collections::BTreeMap;

use crate::input::printable;
use crate::report::beyond::{Beyond, UNSEEN};
use crate::report::inspection::{Filled, Inspection, PolicyReport, UsableBy};
use crate::report::layout::{grid, sentence, some};
use crate::report::style::{BAD, DIM, HEAD, paint};

/// How many grants are shown of one policy.
const MOST: usize = 12;

pub(super) fn text(inspection: &Inspection, width: usize) -> String {
    let policies = inspection.policies.iter();
    let blocks: Vec<String> = policies.map(|policy| block(policy, inspection.pods, width)).collect();
    blocks.join("\n")
}

fn block(policy: &PolicyReport, pods: usize, width: usize) -> String {
    let source = policy.source.as_deref().unwrap_or_default();
    let title = format!("  {}  {}\n", paint(HEAD, printable(&policy.name)), paint(DIM, printable(source)));
    if let Some(why) = &policy.dropped {
        return title + &out_of_force("dropped", "the plug-in passes over it:", std::slice::from_ref(why), width);
    }
    if !policy.invalid.is_empty() {
        return title + &out_of_force("invalid", "the API server refuses it:", &policy.invalid, width);
    }
    let mut rows = vec![
        ("fills in", fills(&policy.fills)),
        ("allows", allows(&policy.beyond)),
        ("usable by", chains(&policy.usable_by)),
    ];
    if pods > 0 {
        rows.push(("admits", vec![format!("{} of {pods} pods and workloads", policy.admits)]));
    }
    let rows = rows.into_iter().map(|(label, lines)| vec![label.to_owned(), lines.join("\n")]).collect();
    title + &grid(rows, 4, width, DIM)
}

fn out_of_force(word: &str, why: &str, messages: &[String], width: usize) -> String {
    let messages = messages.iter().map(|message| sentence(message));
    let lines: Vec<String> = [why.to_owned()].into_iter().chain(some(messages, MOST)).collect();
    grid(vec![vec![word.to_owned(), lines.join("\n")]], 4, width, BAD)
}

fn fills(fills: &[Filled]) -> Vec<String> {
    if fills.is_empty() {
        return vec!["nothing".to_owned()];
    }
    fills.iter().map(|fill| sentence(&fill.sentence())).collect()
}

/// What the levels refuse of it; what no policy can forbid goes without saying.
fn allows(beyond: &Beyond) -> Vec<String> {
    if beyond.baseline.is_empty() {
        return vec!["nothing: none of the pods that were tried is admitted".to_owned()];
    }
    let reasons = |reasons: &mut dyn Iterator<Item = &&'static str>| {
        reasons.filter(|reason| !UNSEEN.contains(reason)).copied().collect::<Vec<_>>().join(", ")
    };
    let baseline = reasons(&mut beyond.baseline.iter());
    let restricted = reasons(&mut beyond.restricted.difference(&beyond.baseline));
    match (baseline.is_empty(), restricted.is_empty()) {
        (true, true) => vec!["nothing beyond level restricted was found".to_owned()],
        (true, false) => vec![format!("beyond level restricted: {restricted}")],
        (false, true) => vec![format!("beyond level baseline: {baseline}")],
        (false, false) => {
            vec![format!("beyond level baseline: {baseline}"), format!("beyond level restricted besides: {restricted}")]
        }
    }
}

/// `subjects ← binding ← role`, one line for each binding and role.
fn chains(usable_by: &[UsableBy]) -> Vec<String> {
    let mut subjects: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for grant in usable_by.iter().filter(|grant| !grant.built_in) {
        subjects.entry(chain(grant)).or_default().push(printable(&grant.subject).into_owned());
    }
    if subjects.is_empty() {
        return vec!["nobody but group system:masters".to_owned()];
    }
    some(subjects.into_iter().map(|(chain, subjects)| format!("{} ← {chain}", some(subjects, MOST).join(", "))), MOST)
}

fn chain(grant: &UsableBy) -> String {
    let [role, binding] = &grant.through;
    let from = grant.aggregated_from.as_deref().map(|role| format!(" (aggregated from {})", printable(role)));
    format!("{} ← {}{}", printable(binding), printable(role), from.unwrap_or_default())
}
