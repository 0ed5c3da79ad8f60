//! The classes of subjects, each with its members, its chains as a diagram and a table, and its relations.

use maud::{Markup, html};

use super::diagram::diagram;
use super::text::t;
use super::{MOST, Report, and_more, mood};
use crate::relation::Relation;
use crate::report::migration::classes::{ClassRelation, ClassReport};
use crate::report::migration::summary::word;

/// How many classes stand open: with more, a reader looks for the one that matters.
const OPEN: usize = 3;

pub(super) fn section(report: &Report) -> Markup {
    let open = report.classes.len() <= OPEN;
    html! {
        section id="classes" aria-labelledby="classes-title" {
            h2 id="classes-title" { "Classes" }
            p { "Subjects that may use the same policies are admitted alike. A request counts with the class whose policies the \
                 requester and the service account may use together." }
            @for class in &report.classes { (self::class(class, open)) }
        }
    }
}

fn class(class: &ClassReport, open: bool) -> Markup {
    html! {
        details id=(class.name) open[open] {
            summary {
                b { (class.name) } ", " (members(class)) ": "
                @if class.policies.is_empty() { "may use no policy" } @else { "may use " b.name { (t(&class.policies.join(", "))) } }
                @for relation in class.relations.iter().filter(|relation| relation.compared > 0) { " " (chip(relation)) }
            }
            h3 { "Who" }
            ul { @for member in class.members.iter().take(MOST) { li.name { (t(member)) } } }
            (and_more(class.members.len(), "subjects"))
            @if !class.filling.is_empty() { p { "Fill pods in: " b.name { (t(&class.filling.join(", "))) } } }
            @if !class.chains.is_empty() {
                h3 { "Through what" }
                (diagram(&class.name, &class.chains))
                (chains(class))
            }
            @if class.relations.iter().any(|relation| relation.compared > 0) {
                h3 { "How the targets decide about its requests" }
                (relations(&class.name, &class.relations))
            }
        }
    }
}

fn members(class: &ClassReport) -> String {
    crate::report::text::counted(class.members.len(), "subject")
}

fn is_clean(relation: &ClassRelation) -> bool {
    relation.relation == Relation::Equal && relation.counts.filled_differently == 0
}

fn chip(relation: &ClassRelation) -> Markup {
    let mood = mood(Some(relation.relation), is_clean(relation));
    html! { span class={ "chip " (mood) } { (t(&relation.target)) ": " (word(Some(relation.relation))) } }
}

fn chains(class: &ClassReport) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label={ "Chains of " (class.name) } {
            table {
                thead { tr { th scope="col" { "subject" } th scope="col" { "binding" } th scope="col" { "role" } th scope="col" { "policies" } } }
                tbody {
                    @for chain in class.chains.iter().take(MOST) {
                        tr {
                            td.name { (t(&chain.subject)) }
                            td.name { (t(&chain.binding)) }
                            td.name { (t(&chain.role)) @if let Some(from) = &chain.aggregated_from { " from " (t(from)) } }
                            td.name { (t(&chain.policies.join(", "))) }
                        }
                    }
                }
            }
        }
        (and_more(class.chains.len(), "chains"))
    }
}

fn relations(name: &str, relations: &[ClassRelation]) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label={ "Decisions about requests of " (name) } { table {
            thead { tr {
                th scope="col" { "target" } th scope="col" { "relation" } th scope="col" { "reaches" }
                @for head in ["compared", "agree", "stricter", "looser", "filled differently", "seen otherwise", "not evaluated"] {
                    th.n scope="col" { (head) }
                }
            } }
            tbody { @for relation in relations {
                tr {
                    td { (t(&relation.target)) } td { (word(Some(relation.relation))) } td { (t(&relation.rung)) }
                    @let counts = relation.counts;
                    @for count in [relation.compared, counts.agree, counts.stricter, counts.looser, counts.filled_differently,
                        counts.seen_otherwise, counts.not_evaluated] { td.n { (count) } }
                }
            } }
        } }
    }
}
