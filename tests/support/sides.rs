//! PodSecurityPolicy on one side, documents on the other, and the requests that both decide about, as `verify` has them.

use std::path::PathBuf;

use psp_migrate::cluster::Cluster;
use psp_migrate::compare::{Agreement, Comparison, Terms, compare_all};
use psp_migrate::input::{Class, Inventory, Sourced};
use psp_migrate::pairing;
use psp_migrate::plan::{Options, Plan};
use psp_migrate::rbac::RbacOptions;
use psp_migrate::release::Release;
use psp_migrate::requests::{PodRequest, RequestReader};
use psp_migrate::targets::{Context, TARGETS, Target, TargetVerdict};
use rayon::prelude::*;
use serde_json::Value;

/// How many requests are decided about together.
const TOGETHER: usize = 16;

/// A cluster and the pods that were given with it.
pub struct Sides {
    pub cluster: Cluster,
    pub namespaces: Vec<Value>,
    pub given: Vec<PodRequest>,
}

impl Sides {
    /// Everything below the paths.
    pub fn read(paths: &[PathBuf]) -> Self {
        let inventory = Inventory::read(paths);
        let objects =
            [&inventory.cluster_roles, &inventory.roles, &inventory.cluster_role_bindings, &inventory.role_bindings];
        let wiring = objects.into_iter().flatten().map(|object| &object.value);
        let policies = inventory.policies.iter().map(|policy| &policy.value);
        let options = RbacOptions { aggregate: true, bootstrap: true };
        let cluster = Cluster::new(policies, wiring, Release::default(), options).unwrap();
        let reader = RequestReader::new("default", None, 24).with_accounts(&inventory.service_accounts);
        let requests = |class, objects: &[Sourced<Value>]| -> Vec<PodRequest> {
            objects.iter().filter_map(|object| reader.request(class, object.clone()).ok().flatten()).collect()
        };
        let mut given = requests(Class::Pod, &inventory.pods);
        given.extend(requests(Class::Workload, &inventory.workloads));
        given.extend(requests(Class::AdmissionReview, &inventory.admission_reviews));
        let namespaces = inventory.namespaces.iter().map(|namespace| namespace.value.clone()).collect();
        Self { cluster, namespaces, given }
    }

    /// The plan, with the given pods.
    pub fn plan(&self, options: Options) -> Plan<'_> {
        Plan::new(&self.cluster, options).with_input(&self.namespaces, &self.given)
    }

    /// The given requests by everybody.
    pub fn given_requests(&self) -> Vec<PodRequest> {
        pairing::with_every_requester(&self.cluster, &self.given)
    }

    /// The given requests by everybody, and those around the policies' limits.
    pub fn requests(&self, options: &Options) -> Vec<PodRequest> {
        let mut requests = self.given_requests();
        requests.extend(pairing::boundary(&self.cluster, &self.plan(options.clone()), &self.namespaces));
        requests
    }

    /// The same, with every third of those around the limits only, unless all are wanted.
    pub fn some_requests(&self, options: &Options) -> Vec<PodRequest> {
        let (all, mut number) = (takes_all(), 0);
        let mut requests = self.requests(options);
        requests.retain(|request| {
            number += usize::from(request.source.file.is_empty());
            all || !request.source.file.is_empty() || number % 3 == 0
        });
        requests
    }

    /// Both decisions on each request.
    pub fn compare(
        &self,
        target: &dyn Target,
        documents: &[Value],
        options: &Options,
        requests: &[PodRequest],
    ) -> Vec<Comparison> {
        let context =
            Context { namespaces: &self.namespaces, rbac: self.cluster.rbac(), target_minor: options.target_minor };
        let decider = target.read(documents, &context);
        let fills_in = target.fills_in(options);
        let terms = Terms {
            target_minor: options.target_minor,
            compares_pods: fills_in,
            compares_annotation: options.annotate && fills_in,
        };
        let together = |requests: &[PodRequest]| compare_all(&self.cluster, decider.as_ref(), requests, terms);
        requests.par_chunks(TOGETHER).flat_map_iter(together).map(Result::unwrap).collect()
    }

    /// On how many requests the two differ.
    pub fn disagreements(
        &self,
        target: &dyn Target,
        documents: &[Value],
        options: &Options,
        requests: &[PodRequest],
    ) -> usize {
        self.compare(target, documents, options, requests).iter().filter(|comparison| !agrees(comparison)).count()
    }

    /// Whether the two differ on any request.
    pub fn any_disagreement(
        &self,
        target: &dyn Target,
        documents: &[Value],
        options: &Options,
        requests: &[PodRequest],
    ) -> bool {
        requests.par_chunks(16).any(|requests| self.disagreements(target, documents, options, requests) > 0)
    }

    /// What the documents alone decide.
    pub fn decide(
        &self,
        target: &dyn Target,
        documents: &[Value],
        options: &Options,
        requests: &[PodRequest],
    ) -> Vec<TargetVerdict> {
        let context =
            Context { namespaces: &self.namespaces, rbac: self.cluster.rbac(), target_minor: options.target_minor };
        let decider = target.read(documents, &context);
        requests.par_iter().map(|request| decider.decide(&request.into())).collect()
    }
}

/// The targets that deny what PodSecurityPolicy denies: labels say less.
pub fn judges() -> impl Iterator<Item = &'static dyn Target> {
    TARGETS.iter().copied().filter(|target| target.judges() && target.name() != "psa")
}

/// A debug build takes samples; a release build, or `PSP_MIGRATE_ALL=1`, takes everything.
pub fn takes_all() -> bool {
    !cfg!(debug_assertions) || std::env::var_os("PSP_MIGRATE_ALL").is_some()
}

/// Whether a comparison shows no difference between the two: what the newer server sees otherwise is none.
pub fn agrees(comparison: &Comparison) -> bool {
    matches!(comparison.agreement, Agreement::Agree | Agreement::SeenOtherwise)
}

/// A difference in a line or two.
pub fn told(request: &PodRequest, comparison: &Comparison) -> String {
    format!(
        "{:?} {}/{} {} as {:?} {:?}\n  {}\n  PodSecurityPolicy: {:?} {:?}\n  target: {} {:?} {:?}",
        comparison.agreement,
        request.namespace,
        request.name,
        request.operation.name(),
        request.requester.user,
        request.requester.groups,
        request.pod,
        comparison.psp.verdict,
        comparison.psp.message,
        comparison.target.allowed,
        comparison.target.messages,
        comparison.target.unsupported,
    )
}
