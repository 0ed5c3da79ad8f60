//! What the commands share that know targets: which are asked for, and their documents, emitted or read.

use std::path::Path;

use anyhow::{Result, bail};
use rayon::prelude::*;
use serde_json::Value;

use super::output::report_problems;
use crate::cli::{Input, Translation};
use crate::input::{Inventory, read_objects};
use crate::requests::{Manifests, PodRequest, RequestReader};
use crate::targets::vap::STATIC_SINCE;
use crate::targets::{TARGETS, Target};

/// The targets with the given names.
///
/// # Errors
/// A name that no target has; a server that is too old for what is asked.
pub(super) fn targets(names: &[String], translation: &Translation) -> Result<Vec<&'static dyn Target>> {
    if translation.static_manifests && translation.target_version < STATIC_SINCE {
        bail!(
            "a 1.{} server reads no policies from files: leave --static-manifests out, or add --target-version 1.{STATIC_SINCE} or \
             later",
            translation.target_version
        );
    }
    names.iter().map(|name| target(name)).collect()
}

/// The target of a name.
///
/// # Errors
/// A name that no target has.
pub(super) fn target(name: &str) -> Result<&'static dyn Target> {
    match TARGETS.iter().find(|target| target.name() == name) {
        Some(target) => Ok(*target),
        None => bail!("there is no target `{name}`: choose from {}", names()),
    }
}

fn names() -> String {
    TARGETS.iter().map(|target| format!("`{}`", target.name())).collect::<Vec<_>>().join(", ")
}

/// The documents of a target in a folder, whoever wrote them: in the folder of its name, if there is one.
///
/// # Errors
/// A folder that does not exist, or documents that cannot be read.
pub(super) fn documents_in(folder: &Path, target: &dyn Target) -> Result<Vec<Value>> {
    let own = folder.join(target.name());
    let folder: &Path = if own.is_dir() { &own } else { folder };
    if !folder.exists() {
        bail!("cannot read `{}`: there is no such folder", folder.display());
    }
    let (objects, problems) = read_objects(&[folder.to_path_buf()]);
    if report_problems(&problems) {
        bail!("part of the policies in `{}` is broken", folder.display());
    }
    let is_policy = |object: &Value| object.get("apiVersion").is_some();
    Ok(objects.into_iter().map(|object| object.value).filter(is_policy).collect())
}

/// The namespaces of an inventory, plain.
pub(super) fn namespaces(inventory: &Inventory) -> Vec<Value> {
    inventory.namespaces.iter().map(|namespace| namespace.value.clone()).collect()
}

/// The requests that the pods, workloads and recordings of an inventory stand for. Recordings that hold no pod or neither
/// create nor update one are left out: `evaluate` names them.
pub(super) fn requests(inventory: &Inventory, namespace: &str, input: &Input) -> Vec<PodRequest> {
    use crate::input::Class;
    let reader = reader(inventory, namespace, input);
    let objects = [
        (Class::Pod, &inventory.pods),
        (Class::Workload, &inventory.workloads),
        (Class::AdmissionReview, &inventory.admission_reviews),
        (Class::AuditEvent, &inventory.audit_events),
    ];
    let objects: Vec<_> = objects.into_iter().flat_map(|(class, all)| all.iter().map(move |it| (class, it))).collect();
    let requests = objects.into_par_iter().filter_map(|(class, it)| reader.request(class, it.clone()).ok().flatten());
    requests.filter(PodRequest::is_for_pod).collect()
}

/// The pods and workloads of an inventory as they were written, and those of the samples besides.
pub(super) fn manifests(inventory: &Inventory, samples: &Inventory, namespace: &str, input: &Input) -> Manifests {
    let both = [inventory, samples].into_iter().flat_map(|it| it.pods.iter().chain(&it.workloads));
    Manifests::new(reader(inventory, namespace, input), both.cloned().collect())
}

fn reader(inventory: &Inventory, namespace: &str, input: &Input) -> RequestReader {
    RequestReader::new(namespace, None, input.release().minor).with_accounts(&inventory.service_accounts)
}
