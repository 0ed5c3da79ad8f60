//! How long the proof for all pods takes: every file of the corpus with the documents that a target emits for it, on all
//! cores; and one cluster with many policies and bindings. One sample is one run.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a bench is no production code")]

#[path = "../tests/support/corpus.rs"]
mod corpus;

use std::fmt::Write;
use std::hint::black_box;

use divan::counter::ItemsCount;
use psp_migrate::cluster::Cluster;
use psp_migrate::compare::Terms;
use psp_migrate::input::{Inventory, Sourced, objects_in_text};
use psp_migrate::plan::{Options, Plan};
use psp_migrate::proof::{ClassProof, against_policies};
use psp_migrate::rbac::RbacOptions;
use psp_migrate::relation::Relation;
use psp_migrate::release::Release;
use psp_migrate::targets::{Context, TARGETS};
use rayon::prelude::*;
use serde_json::Value;

/// The allocator of the released program.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PROVED: [&str; 5] = ["vap", "kyverno", "kyverno-clusterpolicy", "gatekeeper", "psa"];

fn main() {
    divan::main();
}

/// Policies, and all objects with namespaces among them.
fn cluster(policies: &[Value], objects: &[Value]) -> Cluster {
    Cluster::new(policies, objects, Release::default(), RbacOptions::default()).unwrap()
}

fn prove(name: &str, cluster: &Cluster, namespaces: &[Value], target: &str) -> Vec<ClassProof> {
    let target = TARGETS.into_iter().find(|known| known.name() == target).unwrap();
    let options = Options::default();
    let emission = target.emit(&Plan::new(cluster, options.clone()));
    let documents: Vec<Value> = emission.documents.into_iter().map(|it| it.document).collect();
    let context = Context { namespaces, rbac: cluster.rbac(), target_minor: options.target_minor };
    let decider = target.read(&documents, &context);
    let fills = target.fills_in(&options);
    let terms = Terms {
        target_minor: options.target_minor,
        compares_pods: fills,
        compares_annotation: options.annotate && fills,
    };
    let proofs = against_policies(cluster, decider.as_ref(), namespaces, terms);
    assert!(proofs.iter().all(|it| it.proof.relation != Relation::Unproven), "{name}");
    proofs
}

#[divan::bench(args = PROVED, sample_count = 1, sample_size = 1)]
fn corpus(bencher: divan::Bencher<'_, '_>, target: &str) {
    let values = |of: &[Sourced<Value>]| of.iter().map(|it| it.value.clone()).collect::<Vec<Value>>();
    let read = |file: &corpus::CorpusFile| {
        let all = Inventory::read(std::slice::from_ref(&file.path));
        let rbac = [&all.cluster_roles, &all.roles, &all.cluster_role_bindings, &all.role_bindings];
        let rbac = rbac.map(|of| values(of)).concat();
        (file.name.clone(), cluster(&values(&all.policies), &rbac), values(&all.namespaces))
    };
    let clusters: Vec<(String, Cluster, Vec<Value>)> = corpus::corpus().0.iter().map(read).collect();
    bencher.counter(ItemsCount::new(clusters.len())).bench(|| {
        clusters.par_iter().with_max_len(1).for_each(|(name, cluster, namespaces)| {
            black_box(prove(name, cluster, namespaces, target));
        });
    });
}

/// 50 policies, 500 namespaces and 1,000 bindings: to all service accounts of a namespace, and to one of them or to a group.
fn many() -> String {
    let mut out = String::new();
    for policy in 0..50 {
        let limits = match policy % 5 {
            0 => "privileged: true, hostNetwork: true, volumes: ['*'], runAsUser: {rule: RunAsAny}".to_owned(),
            1 => "requiredDropCapabilities: [ALL], volumes: [secret], runAsUser: {rule: MustRunAsNonRoot}".to_owned(),
            2 => format!(
                "allowedHostPaths: [{{pathPrefix: /var/lib/{policy}}}], volumes: [hostPath], runAsUser: {{rule: RunAsAny}}"
            ),
            3 => {
                format!("volumes: [secret], runAsUser: {{rule: MustRunAs, ranges: [{{min: {policy}, max: {policy}}}]}}")
            }
            _ => format!("allowedCapabilities: [CAP_{policy}], volumes: [secret], runAsUser: {{rule: RunAsAny}}"),
        };
        let any = "seLinux: {rule: RunAsAny}, fsGroup: {rule: RunAsAny}, supplementalGroups: {rule: RunAsAny}";
        writeln!(out, "---\napiVersion: policy/v1beta1\nkind: PodSecurityPolicy\nmetadata: {{name: policy-{policy}}}\nspec: {{{limits}, {any}}}").unwrap();
        writeln!(out, "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {{name: use-{policy}}}\nrules: [{{apiGroups: [policy], resources: [podsecuritypolicies], resourceNames: [policy-{policy}], verbs: [use]}}]").unwrap();
    }
    for namespace in 0..500 {
        let some = match namespace % 2 {
            0 => format!("{{kind: Group, name: developers-{namespace}}}"),
            _ => format!("{{kind: ServiceAccount, name: app, namespace: team-{namespace}}}"),
        };
        let all = format!("{{kind: Group, name: 'system:serviceaccounts:team-{namespace}'}}");
        for (policy, subject) in [(namespace % 50, all), ((namespace * 7 + 3) % 50, some)] {
            writeln!(out, "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {{name: use-{policy}, namespace: team-{namespace}}}\nroleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: use-{policy}}}\nsubjects: [{subject}]").unwrap();
        }
    }
    out
}

#[divan::bench(args = PROVED, sample_count = 1, sample_size = 1)]
fn many_bindings(bencher: divan::Bencher<'_, '_>, target: &str) {
    let objects = objects_in_text(&many()).unwrap();
    let policies: Vec<Value> = objects.iter().filter(|it| it["kind"] == "PodSecurityPolicy").cloned().collect();
    let cluster = cluster(&policies, &objects);
    bencher.bench(|| black_box(prove("many bindings", &cluster, &[], target)));
}
