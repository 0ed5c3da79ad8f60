//! What is compared, as it was given: policies with their wiring, documents of a target, or a level.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::super::output::report_problems;
use super::super::{folder, reading, translation};
use crate::cli::Compare;
use crate::cluster::Cluster;
use crate::input::{Inventory, read_objects};
use crate::plan::Options;
use crate::proof::{Documents, Rules};
use crate::rbac::RbacOptions;
use crate::targets::psa::{LevelVersion, PsaDecider, Version};
use crate::targets::{Context, Decider, TARGETS, Target};

/// One side as it was given.
pub(super) struct Given {
    /// What it is called: the path, or the level.
    pub(super) name: String,
    pub(super) policies: Vec<Value>,
    pub(super) rbac: Vec<Value>,
    pub(super) namespaces: Vec<Value>,
    pub(super) rules: GivenRules,
    /// Whether something in it takes no part.
    pub(super) broken: bool,
}

/// What decides.
pub(super) enum GivenRules {
    Policies,
    Documents { target: &'static dyn Target, documents: Vec<Value> },
    Level(LevelVersion),
}

impl Given {
    pub(super) fn read(path: &Path, arguments: &Compare) -> Result<Self> {
        let name = path.display().to_string();
        if let Some(level) = name.strip_prefix("psa:") {
            let rules = GivenRules::Level(level_of(level)?);
            return Ok(Self {
                rules,
                name,
                policies: Vec::new(),
                rbac: Vec::new(),
                namespaces: Vec::new(),
                broken: false,
            });
        }
        let mut inventory = reading::inventory(&[path.to_path_buf()])?;
        let broken = report_problems(&std::mem::take(&mut inventory.problems));
        if broken && !arguments.input.keep_going {
            bail!("part of `{name}` is broken; mend it, or add --keep-going");
        }
        // What `convert` wrote holds, beside the translation, what stands in for the policies while they are removed.
        if !folder::targets(path)?.is_empty() {
            let Inventory { namespaces, .. } = std::mem::take(&mut inventory);
            inventory.namespaces = namespaces;
        }
        let rules = if inventory.policies.is_empty() { documents(path)? } else { GivenRules::Policies };
        Ok(Self {
            rules,
            policies: inventory.policies.iter().map(|policy| policy.value.clone()).collect(),
            rbac: reading::rbac_objects(&inventory).map(|object| object.value.clone()).collect(),
            namespaces: translation::namespaces(&inventory),
            name,
            broken,
        })
    }

    /// The policies with their wiring. Without a role or binding everybody may use everything.
    pub(super) fn cluster(&self, arguments: &Compare) -> Result<Cluster> {
        cluster(&self.policies, &self.wiring(), arguments)
    }

    /// The roles and bindings.
    pub(super) fn wiring(&self) -> Vec<Value> {
        if self.rbac.is_empty() { everybody() } else { self.rbac.clone() }
    }

    /// The documents, read back over a cluster; nothing for policies.
    pub(super) fn decider<'a>(
        &self,
        cluster: &'a Cluster,
        namespaces: &'a [Value],
        arguments: &Compare,
    ) -> Option<Box<dyn Decider + 'a>> {
        let context = Context { namespaces, rbac: cluster.rbac(), target_minor: arguments.target_version };
        match &self.rules {
            GivenRules::Policies => None,
            GivenRules::Documents { target, documents } => Some(target.read(documents, &context)),
            GivenRules::Level(level) => Some(Box::new(PsaDecider::of_level(*level, arguments.target_version))),
        }
    }

    /// What decides, over the cluster that the decider was read for.
    pub(super) fn rules<'a>(
        &self,
        cluster: &'a Cluster,
        decider: Option<&'a (dyn Decider + 'a)>,
        arguments: &Compare,
    ) -> Rules<'a> {
        let options = Options { target_minor: arguments.target_version, ..Options::default() };
        let fills_in = match &self.rules {
            GivenRules::Documents { target, .. } => target.fills_in(&options),
            _ => false,
        };
        Rules { cluster, documents: decider.map(|decider| Documents { decider, fills_in }) }
    }
}

/// These policies, wired like this.
pub(super) fn cluster(policies: &[Value], rbac: &[Value], arguments: &Compare) -> Result<Cluster> {
    let options = RbacOptions { aggregate: !arguments.input.no_aggregation, bootstrap: true };
    Cluster::new(policies, rbac, arguments.input.release(), options)
        .map_err(|(_, error)| anyhow::Error::new(error))
        .context("cannot read a PodSecurityPolicy")
}

/// Everybody may use every policy.
pub(super) fn everybody() -> Vec<Value> {
    let group = |name: &str| json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": name});
    vec![
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "everybody"},
            "rules": [{"apiGroups": ["policy"], "resources": ["podsecuritypolicies"], "verbs": ["use"]}],
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "everybody"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "everybody"},
            "subjects": [group("system:authenticated"), group("system:unauthenticated"), group("system:serviceaccounts")],
        }),
    ]
}

fn level_of(text: &str) -> Result<LevelVersion> {
    let (level, version) = text.split_once('@').unwrap_or((text, "latest"));
    let level = level.parse().with_context(|| format!("cannot read the level `{level}`"))?;
    let version: Version = version.parse().with_context(|| format!("cannot read the version `{version}`"))?;
    Ok(LevelVersion { level, version })
}

/// The documents below a path, all of one target.
fn documents(path: &Path) -> Result<GivenRules> {
    let (objects, problems) = read_objects(&[path.to_path_buf()]);
    if report_problems(&problems) {
        bail!("part of `{}` is broken", path.display());
    }
    let documents: Vec<Value> = objects.into_iter().map(|object| object.value).collect();
    let mut found: Vec<&'static dyn Target> =
        TARGETS.into_iter().filter(|target| documents.iter().any(|document| target.reads(document))).collect();
    // Namespaces come along with everything.
    if found.len() > 1 {
        found.retain(|target| target.name() != "psa");
    }
    match found.as_slice() {
        [] => bail!("`{}` holds neither PodSecurityPolicies nor documents of a target", path.display()),
        [target] => Ok(GivenRules::Documents { target: *target, documents }),
        several => {
            let names: Vec<&str> = several.iter().map(|target| target.name()).collect();
            bail!("`{}` holds documents of several targets, {}: give them one by one", path.display(), names.join(", "))
        }
    }
}
