//! The policies, the oddities and the assumptions.

use maud::{Markup, html};

use super::text::{prose, t};
use super::{MOST, Report, and_more};
use crate::report::inspection::PolicyReport;
use crate::report::oddities::Warning;

pub(super) fn policies(report: &Report) -> Markup {
    html! {
        section id="policies" aria-labelledby="policies-title" {
            h2 id="policies-title" { "Policies" }
            div.scroll tabindex="0" role="region" aria-label="Table of policies" {
                table {
                    thead { tr {
                        th scope="col" { "policy" } th scope="col" { "fills in" } th scope="col" { "allows beyond baseline" }
                        th scope="col" { "usable by" } th.n scope="col" { "admits pods" }
                    } }
                    tbody { @for policy in &report.inspection.policies { (self::policy(policy)) } }
                }
            }
        }
    }
}

fn policy(policy: &PolicyReport) -> Markup {
    let mut subjects: Vec<&str> =
        policy.usable_by.iter().filter(|usable| !usable.built_in).map(|usable| usable.subject.as_str()).collect();
    subjects.dedup();
    let beyond = policy.beyond.baseline.iter().copied().collect::<Vec<_>>().join(", ");
    html! {
        tr {
            th.name scope="row" { (t(&policy.name)) br; span.faint { (t(policy.source.as_deref().unwrap_or_default())) } }
            td {
                @for message in &policy.invalid { p { b { "not in force: " } (t(message)) } }
                @if let Some(why) = &policy.dropped { p { b { "not in force: " } (t(why)) } }
                @for fill in &policy.fills { div.mono.name { (t(&fill.sentence())) } }
                @if policy.fills.is_empty() { "nothing" }
            }
            td { (t(&beyond)) }
            td {
                @for subject in subjects.iter().take(MOST) { div.name { (t(subject)) } }
                @if subjects.is_empty() { "nobody but system:masters" }
                (and_more(subjects.len(), "subjects"))
            }
            td.n { (policy.admits) }
        }
    }
}

pub(super) fn oddities(report: &Report) -> Markup {
    let warnings = &report.inspection.warnings;
    let same = |a: &Warning, b: &Warning| (a.code, &a.message) == (b.code, &b.message);
    html! {
        @if !warnings.is_empty() {
            section id="oddities" aria-labelledby="oddities-title" {
                h2 id="oddities-title" { "What is odd" }
                @for group in warnings.chunk_by(same) {
                    @if let Some(first) = group.first() {
                        details {
                            summary { (prose(&first.message)) " " code { (first.code) } " (" (group.len()) ")" }
                            ul { @for warning in group.iter().take(MOST) {
                                li.name { (t(&warning.object)) @if let Some(source) = &warning.source { " " span.faint { (t(source)) } } }
                            } }
                            (and_more(group.len(), "objects"))
                        }
                    }
                }
            }
        }
    }
}

pub(super) fn assumptions(report: &Report) -> Markup {
    html! {
        section id="assumptions" aria-labelledby="assumptions-title" {
            h2 id="assumptions-title" { "What all this takes for granted" }
            ul { @for assumption in &report.assumptions { li { (t(assumption)) } } }
        }
    }
}
