//! The report as one HTML file that asks nobody for anything: styles, script and diagrams are inside, and its Content
//! Security Policy forbids everything else. Without scripts it lacks the filter and nothing more.

mod classes;
mod diagram;
mod matrix;
mod policies;
mod summary;
mod targets;
mod text;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use super::Report;
use text::t;

/// The style sheet, word for word.
const STYLE: &str = include_str!("../../../../templates/report/report.css");
/// The script, word for word.
const SCRIPT: &str = include_str!("../../../../templates/report/report.js");

/// The most differences, gaps and chains that are shown of one kind; the JSON report has all.
const MOST: usize = 50;

impl Report {
    /// The report as an HTML document.
    pub fn html(&self) -> String {
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta http-equiv="Content-Security-Policy" content=(content_security_policy());
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="referrer" content="no-referrer";
                    meta name="color-scheme" content="light dark";
                    title { "Moving off PodSecurityPolicy" }
                    style { (PreEscaped(STYLE)) }
                }
                body { (self.body()) script { (PreEscaped(SCRIPT)) } }
            }
        };
        page.into_string()
    }

    fn body(&self) -> Markup {
        html! {
            a.skip href="#main" { "Skip to the report" }
            header {
                h1 { "Moving off PodSecurityPolicy" }
                nav aria-label="Contents" { ul { @for (id, title) in self.contents() { li { a href={ "#" (id) } { (t(&title)) } } } } }
            }
            main id="main" {
                (summary::section(self))
                (matrix::section(self))
                (classes::section(self))
                @for target in &self.targets { (targets::section(target)) }
                (policies::policies(self))
                (policies::oddities(self))
                (policies::assumptions(self))
            }
            footer { "Written by psp-migrate " (env!("CARGO_PKG_VERSION")) ". The same input gives the same report." }
        }
    }

    fn contents(&self) -> Vec<(String, String)> {
        let fixed = |id: &str, title: &str| (id.to_owned(), title.to_owned());
        let targets = self.targets.iter().map(|target| (targets::id(target), format!("Target {}", target.name)));
        let before = [fixed("summary", "Summary"), fixed("matrix", "Who may use what"), fixed("classes", "Classes")];
        let mut after = vec![fixed("policies", "Policies")];
        if !self.inspection.warnings.is_empty() {
            after.push(fixed("oddities", "What is odd"));
        }
        after.push(fixed("assumptions", "What is taken for granted"));
        before.into_iter().chain(targets).chain(after).collect()
    }
}

/// Nothing but our own style and our own script, known by their hashes.
fn content_security_policy() -> String {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
}

/// How many were left out, if any.
fn and_more(total: usize, what: &str) -> Markup {
    html! {
        @if let Some(more) = total.checked_sub(MOST).filter(|more| *more > 0) {
            p.faint { "… and " (more) " more " (what) ": see report.json" }
        }
    }
}

/// The class of something that is equal, that differs, or that is not known.
fn mood(relation: Option<crate::relation::Relation>, is_clean: bool) -> &'static str {
    use crate::relation::Relation;
    match relation {
        _ if is_clean => "good",
        None | Some(Relation::Unproven | Relation::Equal) => "note",
        Some(_) => "bad",
    }
}
