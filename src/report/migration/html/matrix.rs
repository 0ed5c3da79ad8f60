//! The table of who may use what, and of which level fits where.

use maud::{Markup, html};

use super::Report;
use super::text::t;
use crate::report::inspection::Who;
use crate::report::migration::matrix::{LevelRelation, Matrix, NamespaceLevels, Row};

/// The columns before those of the policies: who, class.
const BEFORE: usize = 2;

pub(super) fn section(report: &Report) -> Markup {
    let matrix = &report.matrix;
    html! {
        section id="matrix" aria-labelledby="matrix-title" {
            h2 id="matrix-title" { "Who may use what, and which level fits" }
            p { "A row is a service account in its namespace, or a user or group that asks for pods. What a request may use is \
                 what the requester and the pod's service account may use together." }
            ul.legend {
                li { b.p { "■" } " may use a policy as wide as privileged" }
                li { b.b { "◆" } " as wide as baseline" }
                li { b.r { "●" } " within restricted" }
                li { b { "−" } " the level refuses pods that the policies mean to allow" }
                li { b { "+" } " it admits pods that they refuse" }
                li { b { "≈" } " no probe shows a difference" }
                li { b { "=" } " proved equal" }
            }
            form.filter id="filter" hidden data-first=(BEFORE) {
                label for="filter-text" { "Show" }
                input id="filter-text" type="search" placeholder="namespace, account, class" autocomplete="off";
                label for="filter-policy" { "that may use" }
                select id="filter-policy" {
                    option value="" { "any or no policy" }
                    @for (index, policy) in matrix.policies.iter().enumerate() { option value=(index) { (t(&policy.name)) } }
                }
                output id="filter-count" for="filter-text filter-policy" {}
            }
            div.scroll.matrix tabindex="0" role="region" aria-label="Subjects by policies and levels" { (table(matrix)) }
        }
    }
}

fn table(matrix: &Matrix) -> Markup {
    html! {
        table id="matrix-table" {
            colgroup {
                col.who;
                col.class;
                @for _ in &matrix.policies { col.cell; }
                @for _ in 0..3 { col.level; }
                @for _ in 0..3 { col.cell; }
            }
            thead {
                tr {
                    th.who scope="col" { "Subject" }
                    th scope="col" { div.up { "class" } }
                    @for policy in &matrix.policies {
                        th scope="col" title=(t(&policy.name)) { div.up.name { (t(&policy.name)) } }
                    }
                    th scope="col" { "enforced now" }
                    th scope="col" { "to enforce" }
                    th scope="col" { "given pods pass" }
                    @for level in ["privileged", "baseline", "restricted"] { th scope="col" { div.up { (level) } } }
                }
            }
            tbody { @for row in &matrix.rows { (self::row(matrix, row)) } }
        }
    }
}

fn row(matrix: &Matrix, row: &Row) -> Markup {
    let levels = matrix.levels_of(row);
    let usable = row.usable.iter().map(usize::to_string).collect::<Vec<_>>().join(" ");
    html! {
        tr data-usable=(usable) {
            th.who scope="row" { (subject(row)) }
            td { @if let Some(class) = &row.class { a href={ "#" (class) } { (class) } } }
            (policy_cells(matrix, &row.usable))
            (level_cells(levels))
        }
    }
}

/// A cell for each policy that is usable, and one for each gap between them: browsers are slow at tens of thousands of
/// cells, and most would be empty.
fn policy_cells(matrix: &Matrix, usable: &[usize]) -> Markup {
    let ends = usable.iter().copied().map(Some).chain([None]);
    let mut next = 0;
    html! {
        @for at in ends {
            @let gap = at.unwrap_or(matrix.policies.len()).saturating_sub(std::mem::take(&mut next));
            @if gap > 0 { td.gap colspan=(gap) {} }
            @if let Some((at, policy)) = at.and_then(|at| Some((at, matrix.policies.get(at)?))) {
                ({ next = at + 1; mark(policy.level) })
            }
        }
    }
}

fn subject(row: &Row) -> Markup {
    let (kind, name) = match &row.who {
        Who::ServiceAccount(name) => ("", name),
        Who::User(name) => ("user ", name),
        Who::Group(name) => ("group ", name),
    };
    html! {
        @match &row.namespace {
            Some(namespace) => { (t(namespace)) " / " }
            None => { "any / " }
        }
        (kind) (t(name))
    }
}

fn mark(level: &str) -> Markup {
    let (class, sign) = match level {
        "restricted" => ("r", "●"),
        "baseline" => ("b", "◆"),
        _ => ("p", "■"),
    };
    html! { td class=(class) { (sign) } }
}

fn level_cells(levels: Option<&NamespaceLevels>) -> Markup {
    let Some(levels) = levels else {
        return html! { @for _ in 0..6 { td {} } };
    };
    html! {
        td { (t(levels.enforced.as_deref().unwrap_or_default())) }
        td class=(levels.advised) { (levels.advised) }
        td class=(levels.pods.unwrap_or_default()) { (levels.pods.unwrap_or_default()) }
        @for level in &levels.levels {
            @if level.level == levels.advised { td.advised { (sign(level)) } } @else { td { (sign(level)) } }
        }
    }
}

fn sign(level: &LevelRelation) -> &'static str {
    match (level.refuses, level.admits_more, level.relation) {
        (true, true, _) => "±",
        (true, false, _) => "−",
        (false, true, _) => "+",
        (false, false, "equal") => "=",
        (false, false, _) => "≈",
    }
}
