//! The report on a migration: one value, built once, with three printers (Markdown, JSON, HTML).
//!
//! ```text
//! inspection ─┐                                        ┌──► markdown   report.md
//! classes ────┼──► Report (plain data, nothing decided ├──► json       report.json
//! advice ─────┤    while printing)                     └──► html       report.html, one file that asks nobody
//! findings ───┘
//! ```
//!
//! What is not known is absent and not guessed: a target without findings was not verified, and says so.

mod chains;
mod classes;
mod html;
mod json;
mod markdown;
mod matrix;
mod summary;
mod targets;

use crate::cluster::Cluster;
use crate::plan::Plan;
use crate::report::inspection::Inspection;
use crate::report::verification::TargetFindings;
use crate::targets::{Emission, Target};

pub use chains::Chain;
pub use classes::{ClassRelation, ClassReport};
pub use matrix::{Matrix, NamespaceLevels, Row};
pub use summary::{PodTotals, Summary};
pub use targets::TargetReport;

/// What a report is made of.
pub struct Material<'a> {
    /// The policies and the wiring.
    pub cluster: &'a Cluster,
    /// What was to be translated, with the namespaces and the pods that were given.
    pub plan: &'a Plan<'a>,
    /// Who may use what, and what is odd.
    pub inspection: Inspection,
    /// The targets, in the order in which they were asked for.
    pub targets: Vec<TargetMaterial<'a>>,
}

/// What a report says of one target.
pub struct TargetMaterial<'a> {
    /// The target.
    pub target: &'a dyn Target,
    /// What it emits; `None` where documents of somebody else were verified.
    pub emission: Option<&'a Emission>,
    /// What comparing its decisions with those of PodSecurityPolicy found; `None` if nothing was compared.
    pub findings: Option<TargetFindings>,
}

/// The report.
#[derive(Debug, Clone)]
pub struct Report {
    /// What can be read in a minute.
    pub summary: Summary,
    /// Everybody who may use the same policies, class by class.
    pub classes: Vec<ClassReport>,
    /// Who may use what, to look at.
    pub matrix: Matrix,
    /// What was emitted for each target, and how it decides.
    pub targets: Vec<TargetReport>,
    /// Policies, subjects, oddities.
    pub inspection: Inspection,
    /// What every claim of the report takes for granted.
    pub assumptions: Vec<String>,
}

impl Report {
    /// Builds the report.
    pub fn of(material: Material<'_>) -> Self {
        let Material { cluster, plan, inspection, targets } = material;
        let targets: Vec<TargetReport> = targets.into_iter().map(|target| TargetReport::of(target, plan)).collect();
        let classes = classes::reports(cluster, plan, &inspection, &targets);
        let matrix = Matrix::of(plan, &inspection, &classes);
        let summary = Summary::of(cluster, plan, &inspection, &classes, &targets);
        Self { summary, classes, matrix, targets, inspection, assumptions: assumptions(plan) }
    }
}

/// What every claim takes for granted.
fn assumptions(plan: &Plan<'_>) -> Vec<String> {
    let release = plan.release.minor;
    let target = plan.options.target_minor;
    vec![
        format!("PodSecurityPolicy decides as the plug-in of Kubernetes 1.{release} does, and it is on."),
        format!("The new server is Kubernetes 1.{target}."),
        "Pods are such as the API server accepts, after its own defaulting.".to_owned(),
        "Roles and bindings are those that were read, and no authorizer but RBAC grants the use of a policy."
            .to_owned(),
        "Other admission plug-ins and webhooks change nothing that a policy looks at.".to_owned(),
        "The engine runs as its notes say: it is up, it fails closed, and no namespace is kept from it.".to_owned(),
    ]
}
