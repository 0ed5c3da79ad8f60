//! The runbook: a staged order for one cluster and one target that can be undone at every step, with the cluster's own names.
//!
//! Its text stands in `templates/runbook`, one file a step. Every value goes into it through a helper that makes it harmless
//! where it lands: `sh` in shell lines, `md` in prose.

mod facts;
mod render;
mod staging;

#[cfg(test)]
mod tests;

pub use facts::{Around, Facts, asks_for_grants};

use render::Renderer;

/// One step: the name of its template.
type Step = &'static str;

/// What any target begins with.
const BEFORE: [Step; 3] = ["save", "today", "fills"];
/// From the last policy that decides to a server without the kind.
const AWAY: [Step; 5] = ["permissive", "plug-in-off", "delete", "helm", "upgrade"];

/// The runbook as Markdown.
///
/// # Errors
/// A template that is broken, or that asks for what is not there: a mistake in this program.
pub fn runbook(facts: &Facts) -> Result<String, handlebars::RenderError> {
    Renderer::new().runbook(facts, &parts(facts))
}

/// A part of the runbook: where its commands run, and its steps.
pub(crate) struct Part {
    title: String,
    steps: Vec<Step>,
}

/// The steps for a target. Engines that run beside the plug-in take over before it goes; the others come after the upgrade,
/// and Pod Security labels stand in meanwhile.
fn parts(facts: &Facts) -> Vec<Part> {
    let old = |steps: Vec<Step>| Part { title: format!("On the old server (Kubernetes {})", facts.from), steps };
    let new = |steps: Vec<Step>| Part { title: format!("On the new server (Kubernetes {})", facts.to), steps };
    let away = |mut steps: Vec<Step>| {
        steps.extend(AWAY.iter().filter(|step| **step != "helm" || facts.has_releases()));
        steps
    };
    let with = |more: &[Step]| BEFORE.iter().chain(more).copied().collect::<Vec<_>>();
    match facts.target.as_str() {
        "psa" => vec![old(away(with(&["psa-observe", "psa-enforce"]))), new(vec!["again"])],
        "gatekeeper" => {
            let beside = ["gatekeeper-install", "observe", "stage", "enforce"];
            vec![old(away(with(&beside))), new(vec!["gatekeeper-upgrade", "again"])]
        }
        "workloads" => vec![old(with(&["after-fills"]))],
        "vap" => vec![old(away(with(&["bridge"]))), new(vec!["observe", "stage", "enforce", "bridge-off", "again"])],
        _ => {
            let after = vec!["kyverno-install", "observe", "stage", "enforce", "bridge-off", "again"];
            vec![old(away(with(&["bridge"]))), new(after)]
        }
    }
}
