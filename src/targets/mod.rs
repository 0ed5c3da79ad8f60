//! The engines that a cluster can move to, one folder each.
//!
//! A target emits documents from a plan and decides about requests from documents alone: what it reads back is the text
//! that was emitted, or that somebody else wrote. What a target cannot say is a gap with a witness, never silence.

mod cel_policies;
pub mod cel_rules;
pub mod gatekeeper;
pub mod kyverno;
pub mod psa;
#[cfg(test)]
mod testing;
pub mod vap;
pub mod workloads;

use std::sync::Arc;

use serde_json::Value;

use crate::compare::Comparison;
use crate::input::Source;
use crate::plan::{Options, Plan};
use crate::requests::PodRequest;
use crate::symbolic::{Side, Situations, Subject, Unproven};

/// Every target, in the order in which reports list them.
pub static TARGETS: [&dyn Target; 6] = [
    &vap::Vap,
    &kyverno::Kyverno,
    &kyverno::KyvernoClusterPolicy,
    &gatekeeper::Gatekeeper,
    &psa::Psa,
    &workloads::Workloads,
];

/// One engine.
pub trait Target: Sync {
    /// The target's name on the command line, e.g. `vap`.
    fn name(&self) -> &'static str;

    /// Whether what is emitted with these options fills pods in, as policies did. Where not, lost fills are gaps, and the
    /// resulting pods are not compared.
    fn fills_in(&self, _options: &Options) -> bool {
        false
    }

    /// What must be there for it, and since which version: a few words.
    fn needs(&self) -> &'static str {
        ""
    }

    /// How admission differs from PodSecurityPolicy whatever the documents say, one sentence each.
    fn residual(&self, _options: &Options) -> Vec<String> {
        Vec::new()
    }

    /// The translation of a plan.
    fn emit(&self, plan: &Plan<'_>) -> Emission;

    /// Files with which the engine's own command line tests the emitted documents. Their names may have folders. Empty if
    /// the engine has no such thing.
    fn test_files(&self, _emission: &Emission, _cases: &[TestCase<'_>]) -> Vec<EmittedText> {
        Vec::new()
    }

    /// Whether a document is one of this engine's own, so that reading it back makes a difference.
    fn reads(&self, document: &Value) -> bool;

    /// Reads documents back (whoever wrote them) into something that decides about requests. Documents that mean nothing
    /// to this target are passed over.
    fn read<'a>(&self, documents: &[Value], context: &Context<'a>) -> Box<dyn Decider + 'a>;

    /// Whether what is emitted decides about requests, so that its decisions can be held against the policies'.
    fn judges(&self) -> bool {
        true
    }

    /// Holds documents against the manifests of a plan, for a target that changes manifests instead of judging requests.
    /// `None` for a target that judges.
    fn check(&self, _documents: &[Value], _plan: &Plan<'_>) -> Option<Vec<Checked>> {
        None
    }
}

/// One manifest, decided about as it is and as a target would have it.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// The request for the pod of the manifest as it is.
    pub request: PodRequest,
    /// The two decisions.
    pub comparison: Comparison,
}

/// What a target emits.
#[derive(Debug, Clone, Default)]
pub struct Emission {
    /// The documents, in the order in which they are to be applied.
    pub documents: Vec<Emitted>,
    /// Files for people and shells. They are never read back.
    pub texts: Vec<EmittedText>,
    /// Manifests of the input as they should read.
    pub rewrites: Vec<Rewrite>,
    /// What the target cannot say.
    pub gaps: Vec<Gap>,
    /// What the reader of the report must know, one sentence each: which form was chosen and why, what it freezes.
    pub notes: Vec<String>,
    /// What must be told at once, besides in the report.
    pub warnings: Vec<String>,
}

/// One emitted document.
#[derive(Debug, Clone, PartialEq)]
pub struct Emitted {
    /// The file's path below the target's folder, e.g. `psp-vap.yaml`; the same input gives the same path.
    pub file: String,
    /// The Kubernetes object.
    pub document: Value,
}

/// An emitted file that is no Kubernetes object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmittedText {
    /// The file's name without a folder, e.g. `label.sh`.
    pub file: String,
    /// Its content.
    pub text: String,
}

/// A manifest of the input as it should read.
#[derive(Debug, Clone, PartialEq)]
pub struct Rewrite {
    /// Where it was read.
    pub source: Source,
    /// As it reads now.
    pub before: Value,
    /// As it should read.
    pub after: Value,
}

/// Something that the target cannot say.
#[derive(Debug, Clone, PartialEq)]
pub struct Gap {
    /// A stable word for its kind, e.g. `empty-supplemental-groups`.
    pub code: &'static str,
    /// The policy, if the gap belongs to one.
    pub policy: Option<String>,
    /// The control, if the gap belongs to one.
    pub control: Option<&'static str>,
    /// What is lost, in plain English.
    pub message: String,
    /// A pod that shows the difference.
    pub witness: Option<Value>,
}

/// What stands around the documents at admission.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Namespaces of the cluster.
    pub namespaces: &'a [Value],
    /// Who may do what, for targets that ask at admission.
    pub rbac: &'a crate::rbac::Rbac,
    /// Policies by the position that `rbac` knows them by are asked for by name.
    pub target_minor: u8,
}

/// Decides about requests from documents that were read back.
pub trait Decider: Sync {
    /// What the engine would do.
    fn decide(&self, request: &AdmissionRequest<'_>) -> TargetVerdict;

    /// What the engine would do with each of several requests. What there is to find out about a pod is found out once for
    /// all of them that are about it.
    fn decide_all(&self, requests: &[AdmissionRequest<'_>]) -> Vec<TargetVerdict> {
        requests.iter().map(|request| self.decide(request)).collect()
    }

    /// What the engine would say to the workload itself, whose pods a controller creates; `None` if it looks at none.
    fn decide_workload(&self, _request: &WorkloadRequest<'_>) -> Option<TargetVerdict> {
        None
    }

    /// What in the documents cannot be evaluated, whatever the request: rule and path.
    fn unsupported(&self) -> &[Unsupported];

    /// The decision about all pods that a subject creates, as a side of a proof.
    ///
    /// # Errors
    /// What in the documents is not understood for all pods.
    fn side(&self, _subject: &Subject) -> Result<Box<dyn Side + '_>, Unproven> {
        Err(Unproven::new("the target", "its decisions are not understood for all pods"))
    }

    /// What the documents say about who asks, in a namespace; `None` if nothing.
    fn situations(&self, _namespace: &str) -> Option<Box<dyn Situations + '_>> {
        None
    }
}

/// A request as an engine's webhook gets it.
#[derive(Debug, Clone, Copy)]
pub struct AdmissionRequest<'a> {
    /// The request's namespace.
    pub namespace: &'a str,
    /// The name that the request gives; may be empty on CREATE.
    pub name: &'a str,
    /// Who asks.
    pub user: &'a str,
    /// The groups of who asks.
    pub groups: &'a [String],
    /// `CREATE` or `UPDATE`.
    pub operation: crate::admission::Operation,
    /// The subresource; empty for the pod itself.
    pub subresource: &'a str,
    /// The pod, after API defaulting.
    pub object: &'a Value,
    /// The stored pod, on UPDATE.
    pub old_object: Option<&'a Value>,
}

/// A request to create something with a pod template.
#[derive(Debug, Clone, Copy)]
pub struct WorkloadRequest<'a> {
    /// The request's namespace.
    pub namespace: &'a str,
    /// The workload's name.
    pub name: &'a str,
    /// Who asks.
    pub user: &'a str,
    /// The workload.
    pub object: &'a Value,
}

/// Who stands for anybody whom no binding names: an engine never sees a request without a user.
const ANYBODY: &str = "anybody-else";

/// A requester's name.
fn user_or_anybody(user: &str) -> &str {
    if user.is_empty() { ANYBODY } else { user }
}

impl<'a> From<&'a PodRequest> for AdmissionRequest<'a> {
    fn from(request: &'a PodRequest) -> Self {
        Self {
            namespace: &request.namespace,
            name: &request.name,
            user: user_or_anybody(&request.requester.user),
            groups: &request.requester.groups,
            operation: request.operation,
            subresource: &request.subresource,
            object: &request.pod,
            old_object: request.old_pod.as_deref(),
        }
    }
}

/// What an engine would do with a request.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TargetVerdict {
    /// Whether the request passes.
    pub allowed: bool,
    /// The engine's messages against it, in its own words.
    pub messages: Vec<String>,
    /// Warnings that the client gets.
    pub warnings: Vec<String>,
    /// Annotations for the audit log.
    pub audit: Vec<(String, String)>,
    /// The pod after the engine's mutations. Many verdicts are about one pod.
    pub pod: Arc<Value>,
    /// What had to be evaluated and could not be; with any, nothing else here is an answer.
    pub unsupported: Vec<Unsupported>,
}

/// The API group of a document; empty for the core group.
fn api_group(document: &Value) -> &str {
    let version = document.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
    version.split_once('/').map_or("", |(group, _)| group)
}

/// A request with the answer that the emitted documents give to it.
#[derive(Debug, Clone)]
pub struct TestCase<'a> {
    /// The request.
    pub request: AdmissionRequest<'a>,
    /// The answer; its `pod` is what mutations leave behind.
    pub verdict: TargetVerdict,
}

/// A part of a document that cannot be evaluated here.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Unsupported {
    /// The document, as `Kind/name`.
    pub document: String,
    /// Where in it, e.g. `spec.validations[0].expression`.
    pub path: String,
    /// What is not understood.
    pub why: String,
}
