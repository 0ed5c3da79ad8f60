//! What every command reads first: the inventory, and the cluster in it.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::output::{counted, detail};
use crate::cli::Input;
use crate::cluster::Cluster;
use crate::input::{Inventory, Sourced};
use crate::rbac::RbacOptions;

/// The paths, the current folder if there are none.
pub(super) fn paths(paths: &[PathBuf]) -> Vec<PathBuf> {
    if paths.is_empty() { vec![PathBuf::from(".")] } else { paths.to_vec() }
}

/// Reads everything below the paths.
///
/// # Errors
/// A path that does not exist: a slip, and not an empty cluster.
pub(super) fn inventory(given: &[PathBuf]) -> Result<Inventory> {
    let paths = paths(given);
    for path in paths.iter().filter(|path| path.as_os_str() != "-") {
        if let Err(error) = std::fs::symlink_metadata(path) {
            bail!("cannot read `{}`: {error}", path.display());
        }
    }
    let inventory = Inventory::read(&paths);
    detail(format!("read {}", contents(&inventory)));
    Ok(inventory)
}

/// What an inventory holds, in numbers.
fn contents(inventory: &Inventory) -> String {
    let Inventory { policies, cluster_roles, roles, cluster_role_bindings, role_bindings, .. } = inventory;
    let Inventory { service_accounts, namespaces, pods, workloads, admission_reviews, audit_events, .. } = inventory;
    let parts = [
        (policies.len(), "policy"),
        (cluster_roles.len() + roles.len(), "role"),
        (cluster_role_bindings.len() + role_bindings.len(), "binding"),
        (service_accounts.len(), "service account"),
        (namespaces.len(), "namespace"),
        (pods.len(), "pod"),
        (workloads.len(), "workload"),
        (admission_reviews.len() + audit_events.len(), "recorded request"),
        (inventory.others.values().sum(), "other object"),
    ];
    parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| counted(*count, what))
        .collect::<Vec<_>>()
        .join(", ")
}

/// The cluster in an inventory.
///
/// # Errors
/// A policy that cannot be decoded although it passed every check.
pub(super) fn cluster(inventory: &Inventory, input: &Input) -> Result<Cluster> {
    let options = RbacOptions { aggregate: !input.no_aggregation, bootstrap: true };
    let policies = inventory.policies.iter().map(|policy| &policy.value);
    Cluster::new(policies, rbac_objects(inventory).map(|object| &object.value), input.release(), options)
        .map_err(|(position, error)| (inventory.policies.get(position).map(|policy| policy.source.to_string()), error))
        .map_err(|(source, error)| anyhow::Error::new(error).context(source.unwrap_or_default()))
        .context("cannot read a PodSecurityPolicy")
}

/// Roles and bindings, in the order in which the cluster is given them.
pub(super) fn rbac_objects(inventory: &Inventory) -> impl Iterator<Item = &Sourced<Value>> {
    let Inventory { cluster_roles, roles, cluster_role_bindings, role_bindings, .. } = inventory;
    cluster_roles.iter().chain(roles).chain(cluster_role_bindings).chain(role_bindings)
}
