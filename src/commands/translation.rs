//! What `convert` and `verify` share: the targets asked for, and what each emits.

use anyhow::{Result, bail};
use serde_json::Value;

use crate::cli::{Input, Translation};
use crate::input::{Inventory, Sourced};
use crate::requests::{Manifests, PodRequest, RequestReader};
use crate::targets::{TARGETS, Target};

/// The targets with the given names.
///
/// # Errors
/// A name that no target has, or none at all.
pub(super) fn targets(translation: &Translation) -> Result<Vec<&'static dyn Target>> {
    let known = || TARGETS.iter().map(|target| format!("`{}`", target.name())).collect::<Vec<_>>().join(", ");
    if translation.targets.is_empty() {
        bail!("no target is given: add --to with one of {}", known());
    }
    let find = |name: &String| match TARGETS.iter().find(|target| target.name() == name) {
        Some(target) => Ok(*target),
        None => bail!("there is no target `{name}`: choose from {}", known()),
    };
    translation.targets.iter().map(find).collect()
}

/// The namespaces of an inventory, plain.
pub(super) fn namespaces(inventory: &Inventory) -> Vec<Value> {
    inventory.namespaces.iter().map(|namespace| namespace.value.clone()).collect()
}

/// The requests that the pods, workloads and recordings of an inventory stand for. Recordings that hold no pod are left
/// out: `evaluate` names them.
pub(super) fn requests(inventory: &Inventory, namespace: &str, input: &Input) -> Vec<PodRequest> {
    use crate::input::Class;
    let reader = reader(inventory, namespace, input);
    let class = |class, objects: &[Sourced<Value>]| objects.iter().map(|it| (class, it.clone())).collect::<Vec<_>>();
    let objects = class(Class::Pod, &inventory.pods)
        .into_iter()
        .chain(class(Class::Workload, &inventory.workloads))
        .chain(class(Class::AdmissionReview, &inventory.admission_reviews))
        .chain(class(Class::AuditEvent, &inventory.audit_events));
    objects.filter_map(|(class, object)| reader.request(class, object).ok().flatten()).collect()
}

/// The pods and workloads of an inventory as they were written, and those of the samples besides.
pub(super) fn manifests(inventory: &Inventory, samples: &Inventory, namespace: &str, input: &Input) -> Manifests {
    let both = [inventory, samples].into_iter().flat_map(|it| it.pods.iter().chain(&it.workloads));
    Manifests::new(reader(inventory, namespace, input), both.cloned().collect())
}

fn reader(inventory: &Inventory, namespace: &str, input: &Input) -> RequestReader {
    RequestReader::new(namespace, None, input.release().minor).with_accounts(&inventory.service_accounts)
}
