//! What stands beside a translation: the runbook, and the files that take PodSecurityPolicy away.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::Value;

use super::convert::documents_text;
use super::reading;
use crate::cli::Convert;
use crate::input::Inventory;
use crate::plan::{Enforcement, Options, Plan};
use crate::removal::{self, Removal};
use crate::runbook::{Around, Facts, asks_for_grants, runbook};
use crate::targets::workloads::{Reliances, reliances};
use crate::targets::{Emission, Target};

/// What every runbook of a run is made of.
pub(super) struct Books<'a> {
    arguments: &'a Convert,
    plan: &'a Plan<'a>,
    removal: Removal,
    reliances: Reliances,
}

impl<'a> Books<'a> {
    pub(super) fn new(arguments: &'a Convert, inventory: &Inventory, plan: &'a Plan<'a>) -> Self {
        Self { arguments, plan, removal: Removal::of(inventory), reliances: reliances(plan) }
    }

    /// The runbook of a target, and the files that it speaks of; paths below the target's folder.
    pub(super) fn files(&self, target: &dyn Target, emission: &Emission) -> Result<BTreeMap<String, String>> {
        let (observing, staged) = (self.emitted(target, Enforcement::Audit), self.emitted(target, Enforcement::Staged));
        let removal =
            if asks_for_grants(emission) { self.removal.clone().keeping_grants() } else { self.removal.clone() };
        let paths = reading::paths(&self.arguments.input.paths);
        let facts = Facts::of(&Around {
            plan: self.plan,
            target: target.name(),
            emission,
            observing: &observing,
            staged: &staged,
            removal: &removal,
            reliances: self.reliances,
            paths: paths.iter().map(|path| path.display().to_string()).collect(),
            is_bundle: self.arguments.bundle,
            fills_in: target.fills_in(&self.plan.options),
        });
        let text = runbook(&facts).context("cannot print the runbook: please report this")?;
        let mut files = BTreeMap::from([("runbook.md".to_owned(), text)]);
        for (name, documents) in removal::files(&removal) {
            files.insert(name, documents_text(&documents.iter().collect::<Vec<&Value>>())?);
        }
        Ok(files)
    }

    /// What the target emits in another mode. Labels have stages of their own, and patches are in force nowhere.
    fn emitted(&self, target: &dyn Target, enforcement: Enforcement) -> Emission {
        if !target.judges() || target.name() == "psa" {
            return Emission::default();
        }
        let options = Options { enforcement, ..self.plan.options.clone() };
        let plan = Plan::new(self.plan.cluster, options).with_input(self.plan.namespaces, self.plan.requests);
        target.emit(&plan)
    }
}
