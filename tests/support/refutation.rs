//! What tests of wrong translations share: a cluster as it was read, and the search for pods that tell a translation from
//! it.

use std::collections::BTreeSet;
use std::path::PathBuf;

use psp_migrate::admission::Operation;
use psp_migrate::cluster::{Cluster, PolicyState};
use psp_migrate::compare::{Agreement, Comparison, Terms, compare};
use psp_migrate::input::{Class, Inventory, Severity, Sourced, without_defaults};
use psp_migrate::pairing;
use psp_migrate::plan::{Options, Plan};
use psp_migrate::proof::{ClassProof, against_policies, request};
use psp_migrate::rbac::RbacOptions;
use psp_migrate::release::Release;
use psp_migrate::requests::{PodRequest, RequestReader};
use psp_migrate::targets::{Context, Decider, Target};
use rayon::prelude::*;
use serde_json::Value;

/// A cluster, and requests for pods that were given with it.
pub struct Input {
    pub cluster: Cluster,
    pub namespaces: Vec<Value>,
    pub given: Vec<PodRequest>,
}

impl Input {
    /// Reads files that hold nothing broken.
    pub fn read(paths: &[PathBuf]) -> Self {
        let inventory = Inventory::read(paths);
        let errors: Vec<_> = inventory.problems.iter().filter(|problem| problem.severity == Severity::Error).collect();
        assert!(errors.is_empty(), "{paths:?}: {errors:?}");
        let Inventory { policies, cluster_roles, roles, cluster_role_bindings, role_bindings, .. } = &inventory;
        let rbac = cluster_roles.iter().chain(roles).chain(cluster_role_bindings).chain(role_bindings);
        let plain = |object: &'_ Sourced<Value>| object.value.clone();
        let (policies, rbac): (Vec<_>, Vec<_>) = (policies.iter().map(plain).collect(), rbac.map(plain).collect());
        let cluster = Cluster::new(&policies, &rbac, Release::default(), RbacOptions::default()).unwrap();
        assert!(
            cluster.policies().iter().all(|policy| policy.state == PolicyState::Used),
            "{paths:?}: a policy is not used"
        );
        let reader = RequestReader::new("default", None, 24);
        let objects = [
            (Class::Pod, &inventory.pods),
            (Class::Workload, &inventory.workloads),
            (Class::AdmissionReview, &inventory.admission_reviews),
        ];
        let objects = objects.into_iter().flat_map(|(class, list)| list.iter().map(move |object| (class, object)));
        let given = objects.filter_map(|(class, object)| reader.request(class, object.clone()).unwrap());
        Self { given: given.collect(), namespaces: inventory.namespaces.iter().map(plain).collect(), cluster }
    }

    /// What is to be emitted.
    pub fn plan(&self, options: &Options) -> Plan<'_> {
        Plan::new(&self.cluster, options.clone()).with_input(&self.namespaces, &self.given)
    }

    /// What the documents make of requests.
    pub fn read_back<'a>(
        &'a self,
        target: &dyn Target,
        documents: &[Value],
        options: &Options,
    ) -> Box<dyn Decider + 'a> {
        let context =
            Context { namespaces: &self.namespaces, rbac: self.cluster.rbac(), target_minor: options.target_minor };
        target.read(documents, &context)
    }

    /// One request, decided by both sides.
    pub fn compare(
        &self,
        decider: &dyn Decider,
        request: &PodRequest,
        target: &dyn Target,
        options: &Options,
    ) -> Comparison {
        compare(&self.cluster, decider, request, terms(target, options)).unwrap()
    }

    /// Requests on which a wrong translation may show itself: those given, and pods around every limit, each from somebody
    /// of every class of requesters.
    pub fn requests(&self, options: &Options) -> Vec<PodRequest> {
        let boundary = pairing::boundary(&self.cluster, &self.plan(options), &self.namespaces);
        let all: Vec<PodRequest> = self.given.iter().cloned().chain(boundary).collect();
        pairing::with_every_requester(&self.cluster, &all)
    }
}

/// What was found about a translation.
pub struct Findings {
    /// Requests on which it does not agree with the cluster; the smallest of each class of subjects, where all pods count.
    pub witnesses: Vec<Witness>,
    /// Whether every pod that anybody may create was taken into account, and not only those around the limits.
    pub of_all_pods: bool,
    /// Why not.
    pub reasons: Vec<String>,
}

impl Input {
    /// How documents differ from the cluster: proved for all pods, and where that cannot be done, over the given pods and
    /// those around every limit.
    pub fn refute(&self, target: &dyn Target, documents: &[Value], options: &Options) -> Findings {
        let decider = self.read_back(target, documents, options);
        let mut findings = self.prove(target, decider.as_ref(), options);
        if !findings.of_all_pods {
            let created = self.created(options).into_par_iter();
            let more = created.filter_map(|request| self.witness(decider.as_ref(), request, target, options));
            findings.witnesses.extend(more.collect::<Vec<_>>());
        }
        findings
    }

    /// How what was read back differs from the cluster, as far as that can be proved.
    pub fn prove(&self, target: &dyn Target, decider: &dyn Decider, options: &Options) -> Findings {
        assert_eq!(decider.unsupported(), [], "documents that cannot be evaluated refute nothing");
        let proofs = against_policies(&self.cluster, decider, &self.namespaces, terms(target, options));
        let mut findings = Findings { witnesses: Vec::new(), of_all_pods: true, reasons: Vec::new() };
        for ClassProof { class, proof } in proofs {
            findings.of_all_pods &= proof.reasons.is_empty();
            findings.reasons.extend(proof.reasons.iter().map(ToString::to_string));
            let witness = |(_, pod)| self.witness(decider, request(&class.subject, pod), target, options);
            findings.witnesses.extend(proof.witnesses.into_iter().map(|pod| witness(pod).expect("a witness replays")));
        }
        findings
    }

    /// The requests on which a wrong translation may show itself, as far as they create pods.
    pub fn created(&self, options: &Options) -> Vec<PodRequest> {
        let mut requests = self.requests(options);
        requests.retain(|request| request.operation == Operation::Create);
        requests
    }

    /// The request, if both sides do not agree on it.
    pub fn witness(
        &self,
        decider: &dyn Decider,
        request: PodRequest,
        target: &dyn Target,
        options: &Options,
    ) -> Option<Witness> {
        let kind = self.compare(decider, &request, target, options).agreement;
        assert_ne!(kind, Agreement::NotEvaluated, "documents that cannot be evaluated refute nothing");
        (!matches!(kind, Agreement::Agree | Agreement::SeenOtherwise)).then_some(Witness { kind, request })
    }
}

fn terms(target: &dyn Target, options: &Options) -> Terms {
    let fills_in = target.fills_in(options);
    Terms {
        target_minor: options.target_minor,
        compares_pods: fills_in,
        compares_annotation: fills_in && options.annotate,
    }
}

/// A request on which a translation and the cluster do not agree.
#[derive(Debug, Clone)]
pub struct Witness {
    pub kind: Agreement,
    pub request: PodRequest,
}

impl Witness {
    /// The fields in which the pod is more than one container with an image, each named once: `spec.containers.image` and
    /// the like.
    pub fn fields(&self) -> BTreeSet<String> {
        let mut fields = BTreeSet::new();
        add_fields(&without_defaults(&self.request.pod), "", &mut fields);
        fields
    }

    /// How little the pod says: the smaller the better.
    pub fn size(&self) -> (usize, usize, String) {
        let pod = without_defaults(&self.request.pod).to_string();
        (self.fields().len(), pod.len(), pod)
    }
}

/// The names of what a pod may have or not.
const NAMED: [&str; 3] = ["spec.initContainers.name", "spec.ephemeralContainers.name", "spec.volumes.name"];

/// What a pod of one container has in any case, and a further container.
const BARE: [&str; 9] = [
    "metadata.name",
    "metadata.namespace",
    "spec.containers.name",
    "spec.containers.image",
    "spec.initContainers.image",
    "spec.ephemeralContainers.image",
    "spec.serviceAccountName",
    "spec.automountServiceAccountToken",
    "spec.containers.volumeMounts.mountPath",
];

fn add_fields(value: &Value, path: &str, fields: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                add_fields(value, &path, fields);
            }
        }
        Value::Array(items) if !items.is_empty() => items.iter().for_each(|item| add_fields(item, path, fields)),
        // A volume that says nothing more is an empty directory, and a container may be of use as it is.
        _ if NAMED.contains(&path) => fields.extend(path.strip_suffix(".name").map(str::to_owned)),
        _ if BARE.contains(&path) || ["apiVersion", "kind"].contains(&path) => {}
        _ => drop(fields.insert(path.to_owned())),
    }
}
