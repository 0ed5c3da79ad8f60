//! One target: what to know, its gaps, its differences with pods to try, and what no text can bring back.

use maud::{Markup, html};

use super::text::{prose, t};
use super::{MOST, and_more, mood};
use crate::report::diff::Line;
use crate::report::migration::summary::word;
use crate::report::migration::targets::{Compared, TargetReport};
use crate::report::verification::{Difference, DifferenceGroup};
use crate::targets::Gap;
use crate::yaml::to_yaml;

/// The target's place in the page.
pub(super) fn id(target: &TargetReport) -> String {
    format!("target-{}", target.name)
}

pub(super) fn section(target: &TargetReport) -> Markup {
    let compared = target.compared.as_ref();
    let mood = mood(compared.map(|compared| compared.relation), compared.is_some_and(|compared| compared.is_clean));
    html! {
        section id=(id(target)) aria-labelledby={ (id(target)) "-title" } {
            h2 id={ (id(target)) "-title" } {
                "Target " (t(&target.name)) " " span class={ "chip " (mood) } { (word(compared.map(|compared| compared.relation))) }
            }
            (list("Files", &target.files))
            (list("To know before applying it", &target.notes))
            (gaps(target))
            @if let Some(compared) = compared { (differences(compared)) }
            (list("What no policy text can bring back", &target.residual))
        }
    }
}

fn list(title: &str, entries: &[String]) -> Markup {
    html! {
        @if !entries.is_empty() {
            h3 { (title) }
            ul { @for entry in entries.iter().take(MOST) { li { (prose(entry)) } } }
            (and_more(entries.len(), "of these"))
        }
    }
}

fn gaps(target: &TargetReport) -> Markup {
    html! {
        h3 { "Gaps" }
        @if target.gaps.is_empty() && target.files.is_empty() { p { "Not known: the documents were not written in this run." } }
        @else if target.gaps.is_empty() { p { "There is nothing that this target cannot say." } }
        @for gap in target.gaps.iter().take(MOST) { (self::gap(gap)) }
        (and_more(target.gaps.len(), "gaps"))
    }
}

fn gap(gap: &Gap) -> Markup {
    let words = html! { (prose(&gap.message)) " " code { (gap.code) } };
    html! {
        @match &gap.witness {
            Some(pod) => details { summary { (words) } p { "A pod that shows it:" } pre { (t_lines(&to_yaml(pod).unwrap_or_default())) } }
            None => p { (words) }
        }
    }
}

/// Several lines of text, each for itself.
fn t_lines(text: &str) -> Markup {
    html! { @for line in text.lines() { (t(line)) "\n" } }
}

fn differences(compared: &Compared) -> Markup {
    let unsupported = compared.unsupported.iter().map(|part| format!("{} {}: {}", part.document, part.path, part.why));
    let unsupported: Vec<String> = unsupported.collect();
    html! {
        (list("For all pods", &compared.proof_words()))
        h3 { "Differences" }
        @if compared.differences.is_empty() { p { "None in " (compared.requests) " requests." } }
        @for group in compared.differences.iter().take(MOST) { (difference(group)) }
        (and_more(compared.differences.len(), "kinds of differences"))
        (list("What could not be evaluated", &unsupported))
    }
}

fn difference(group: &DifferenceGroup) -> Markup {
    let Difference { namespace, name, service_account, source, reasons, .. } = &group.witness;
    html! {
        details {
            summary { b { (group.title()) } ": " code { (t(&group.about.join(", "))) } }
            p {
                "Pod " code { (t(namespace)) "/" (t(name)) } ", service account " code { (t(service_account)) } ", asked for by "
                code { (t(group.witness.requester())) }
                @if !source.is_empty() { ", read from " code { (t(source)) } }
                "."
            }
            ul {
                li { b { "PodSecurityPolicy: " } (t(&group.witness.psp_says())) }
                li { b { "The target: " } (t(&group.witness.target_says())) }
                @for reason in reasons { li { b { "Because: " } (t(reason)) } }
            }
            p.faint { (group.witness.caption()) }
            pre { @for line in group.witness.lines() { (self::line(&line)) } }
        }
    }
}

fn line(line: &Line) -> Markup {
    html! {
        @match line {
            Line::Same(text) => { "  " (t(text)) "\n" }
            Line::Removed(text) => del { "- " (t(text)) }
            Line::Added(text) => ins { "+ " (t(text)) }
            Line::Skipped => { "  …\n" }
        }
    }
}
