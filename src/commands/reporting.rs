//! The report that `convert` writes and `verify` prints.

use anyhow::Result;

use super::{convert, inspect, verify};
use crate::cluster::Cluster;
use crate::input::Inventory;
use crate::pairing;
use crate::plan::Plan;
use crate::report::migration::{Material, Report, TargetMaterial};
use crate::report::verification::{TargetFindings, Verification};
use crate::requests::PodRequest;
use crate::targets::{Emission, Target};

/// What a report is about.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub inventory: &'a Inventory,
    pub cluster: &'a Cluster,
    pub plan: &'a Plan<'a>,
}

/// Requests to compare decisions on.
#[derive(Default)]
pub(super) struct Asked<'a> {
    /// Those that were given, each of which every requester would send.
    pub given: &'a [PodRequest],
    /// Those that were made up around the policies' own limits.
    pub boundary: Vec<PodRequest>,
    /// Whether the sides are also compared for all pods.
    pub for_all_pods: bool,
}

impl<'a> Source<'a> {
    /// The given pods as every requester would send them, and pods around every limit if they are wanted; none if nobody wants any.
    pub(super) fn asked(&self, is_wanted: bool, with_boundary: bool) -> Asked<'a> {
        if !is_wanted {
            return Asked::default();
        }
        let boundary = || pairing::boundary(self.cluster, self.plan, self.plan.namespaces);
        let boundary = with_boundary.then(boundary).unwrap_or_default();
        Asked { given: self.plan.requests, boundary, for_all_pods: false }
    }

    /// The report on these targets, with what is known of each.
    pub(super) fn report<'e>(
        &self,
        emissions: impl IntoIterator<Item = (&'e dyn Target, Option<&'e Emission>)>,
        verification: Verification,
    ) -> Report {
        // What is wrong with pods was told when they were read.
        let (inspection, _) = inspect::inspection(self.inventory, self.cluster, self.plan.requests);
        let mut findings = verification.targets;
        let targets = emissions.into_iter().map(|(target, emission)| {
            let own = findings.iter().position(|findings| findings.target == target.name());
            TargetMaterial { target, emission, findings: own.map(|at| findings.swap_remove(at)) }
        });
        Report::of(Material { cluster: self.cluster, plan: self.plan, inspection, targets: targets.collect() })
    }

    /// What comparing the decisions of emitted documents, read back from their text, with those of PodSecurityPolicy finds.
    ///
    /// # Errors
    /// Documents that do not read back, a pod that the API server could not decode.
    pub(super) fn verification(
        &self,
        emissions: &[(&dyn Target, Emission)],
        asked: &Asked<'_>,
    ) -> Result<Verification> {
        let findings = |(target, emission): &(&dyn Target, Emission)| {
            let (findings, _) = verify::found(self.plan, *target, &convert::read_back(emission)?, asked)?;
            Ok(findings)
        };
        Ok(Verification { targets: emissions.iter().map(findings).collect::<Result<Vec<TargetFindings>>>()? })
    }
}
