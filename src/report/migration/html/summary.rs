//! The summary: numbers, and a card for each target.

use maud::{Markup, html};

use super::text::t;
use super::{Report, mood, targets};
use crate::report::migration::summary::word;
use crate::report::verification::Counts;

pub(super) fn section(report: &Report) -> Markup {
    let summary = &report.summary;
    let numbers = [
        (summary.policies, "policies"),
        (summary.policies_in_force, "in force"),
        (summary.policies_filling, "fill pods in"),
        (summary.subjects, "subjects"),
        (summary.classes, "classes of subjects"),
        (summary.pods.given, "given pods and workloads"),
        (summary.pods.filled, "rely on what is filled in"),
        (summary.pods.denied, "denied"),
        (summary.warnings, "oddities"),
    ];
    html! {
        section id="summary" aria-labelledby="summary-title" {
            h2 id="summary-title" { "Summary" }
            div.cards {
                @for (verdict, target) in summary.verdicts.iter().zip(&report.targets) {
                    article class={ "card " (mood(verdict.relation, verdict.is_clean)) } {
                        h3 { a href={ "#" (targets::id(target)) } { (t(&verdict.target)) } }
                        p.word { (word(verdict.relation)) }
                        @if let Some(compared) = &target.compared { (bar(&compared.counts)) }
                        p { (t(&verdict.sentence)) }
                    }
                }
            }
            p { (t(&summary.sentence())) }
            dl.numbers { @for (number, what) in numbers { div { dt { (what) } dd { (number) } } } }
        }
    }
}

/// How requests ended, as one bar; whatever occurs is seen, however rare.
fn bar(counts: &Counts) -> Markup {
    const WIDTH: usize = 1000;
    const LEAST: usize = 12;
    let parts = [
        ("agree", counts.agree, "agree"),
        ("stricter", counts.stricter, "stricter"),
        ("looser", counts.looser, "looser"),
        ("filled", counts.filled_differently, "filled in differently"),
        ("other", counts.seen_otherwise + counts.not_evaluated, "not compared"),
    ];
    let total = counts.total().max(1);
    let parts: Vec<_> = parts.into_iter().filter(|(_, count, _)| *count > 0).collect();
    let label = parts.iter().map(|(_, count, what)| format!("{count} {what}")).collect::<Vec<_>>().join(", ");
    let mut from = 0;
    let shapes: Vec<(&str, usize, usize)> = parts
        .iter()
        .map(|(class, count, _)| {
            let width = (count * WIDTH / total).max(LEAST);
            from += width;
            (*class, from - width, width)
        })
        .collect();
    html! {
        svg.bar role="img" aria-label=(label) viewBox={ "0 0 " (from.max(1)) " 10" } preserveAspectRatio="none" {
            @for (class, x, width) in shapes { rect class=(class) x=(x) y="0" width=(width) height="10" {} }
        }
        p.faint { (label) }
    }
}
