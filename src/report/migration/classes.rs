//! Classes of subjects in a report: who is in them, through which bindings, what is filled in for them, and how each target
//! decides about their requests.

use std::collections::BTreeSet;

use serde::Serialize;

use super::chains::{Chain, chains};
use super::targets::TargetReport;
use crate::cluster::Cluster;
use crate::plan::Plan;
use crate::rbac::classes::{Class, Member, classes};
use crate::relation::Relation;
use crate::report::inspection::{Inspection, Who};
use crate::report::verification::Counts;

/// Everybody who may use the same policies.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClassReport {
    /// A short name within this report, e.g. `C1`.
    pub name: String,
    /// The policies, in the plug-in's order; empty for those whom PodSecurityPolicy denies everything.
    pub policies: Vec<String>,
    /// Who is in it.
    pub members: Vec<String>,
    /// Through which bindings and roles they come to the policies.
    pub chains: Vec<Chain>,
    /// The policies of the class that fill pods in.
    pub filling: Vec<String>,
    /// How each target decided about requests that may use exactly these policies.
    pub relations: Vec<ClassRelation>,
}

/// How one target decided about the requests of a class.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClassRelation {
    /// The target.
    pub target: String,
    /// How its decisions relate to those of PodSecurityPolicy.
    pub relation: Relation,
    /// How far the relation reaches.
    pub rung: String,
    /// How many requests were compared.
    pub compared: usize,
    /// How they ended.
    pub counts: Counts,
}

/// The classes, those with the most policies last, as the order of their sets has it.
pub(super) fn reports(
    cluster: &Cluster,
    plan: &Plan<'_>,
    inspection: &Inspection,
    targets: &[TargetReport],
) -> Vec<ClassReport> {
    let accounts: Vec<(&str, &str)> =
        inspection.subjects.iter().filter_map(|row| account(row.namespace.as_deref(), &row.who)).collect();
    let namespaces: Vec<&str> =
        plan.namespaces.iter().filter_map(|namespace| namespace.pointer("/metadata/name")?.as_str()).collect();
    let classes = classes(cluster.rbac(), &accounts, &namespaces);
    let report = |(index, class): (usize, &Class)| ClassReport::of(index + 1, class, cluster, inspection, targets);
    classes.iter().enumerate().map(report).collect()
}

fn account<'a>(namespace: Option<&'a str>, who: &'a Who) -> Option<(&'a str, &'a str)> {
    match who {
        Who::ServiceAccount(name) => Some((namespace?, name)),
        _ => None,
    }
}

impl ClassReport {
    fn of(number: usize, class: &Class, cluster: &Cluster, inspection: &Inspection, targets: &[TargetReport]) -> Self {
        let policies: Vec<String> = cluster.rbac().names(&class.usable).map(str::to_owned).collect();
        let fills =
            |name: &&String| inspection.policies.iter().any(|policy| policy.name == **name && !policy.fills.is_empty());
        Self {
            name: format!("C{number}"),
            filling: policies.iter().filter(fills).cloned().collect(),
            members: class.members.iter().map(description).collect(),
            chains: chains(cluster.rbac(), &class.members),
            relations: targets.iter().filter_map(|target| target.relation_of(&policies)).collect(),
            policies,
        }
    }
}

/// A member in words.
fn description(member: &Member) -> String {
    let place = |namespace: &Option<String>| match namespace {
        Some(namespace) => format!("in namespace {namespace}"),
        None => "anywhere else".to_owned(),
    };
    match member {
        Member::ServiceAccount { namespace, name } => format!("service account {namespace}/{name}"),
        Member::OtherServiceAccounts { namespace: Some(namespace) } => {
            format!("every other service account of namespace {namespace}")
        }
        Member::OtherServiceAccounts { namespace: None } => "the service accounts of every other namespace".to_owned(),
        Member::User { name, namespace } => format!("requester {name} {}", place(namespace)),
        Member::Group { name, namespace } => format!("requesters in group {name} {}", place(namespace)),
        Member::AnyoneElse { namespace } => {
            format!("any other authenticated requester {}", place(namespace))
        }
    }
}

/// The number of the class that may use exactly these policies.
pub(super) fn position(classes: &[ClassReport], usable: &[String]) -> Option<usize> {
    let wanted: BTreeSet<&String> = usable.iter().collect();
    classes.iter().position(|class| class.policies.iter().collect::<BTreeSet<_>>() == wanted)
}
