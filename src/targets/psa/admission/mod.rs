//! The PodSecurity admission plug-in: from a request to a response.
//!
//! Source: `k8s.io/pod-security-admission/admission/admission.go` and the plug-in of the API server around it. Creates and
//! updates of namespaces, pods and eight kinds of workloads are looked at; only pods and namespaces are ever refused.
//! Two things differ on purpose: the check of a namespace's pods has no time limit, and objects are never refused for
//! their JSON types (see [`PsaPod::read`]).

mod namespaces;
mod pods;
mod resource;
mod significance;

use std::collections::BTreeMap;

use serde_json::Value;

use super::evaluate::{Evaluation, PsaPod, evaluate};
use super::labels::Policy;
use super::level::{LevelVersion, Version};
pub use resource::Resource;

/// The plug-in as a cluster configures it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Admission {
    /// What namespaces without labels ask for.
    pub defaults: Policy,
    /// Whom it leaves alone.
    pub exemptions: Exemptions,
    /// The minor version of the API server, where known: what `latest` and newer versions mean there.
    pub server: Option<u64>,
}

/// Requests that are allowed unseen. Everything is compared exactly.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exemptions {
    /// Requesters. For a workload's pods the requester is a controller.
    pub usernames: Vec<String>,
    /// Runtime classes of pods.
    pub runtime_classes: Vec<String>,
    /// Namespaces.
    pub namespaces: Vec<String>,
}

/// What a request does.
#[derive(Debug, Clone, Copy)]
pub enum Operation<'a> {
    /// CREATE
    Create,
    /// UPDATE
    Update {
        /// The object before the request.
        old: &'a Value,
    },
}

/// One request, as admission plug-ins see it: after defaulting and mutation.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// What kind of object the request is about.
    pub resource: Resource,
    /// Empty for the object itself.
    pub subresource: &'a str,
    /// Empty when the server has yet to generate the name.
    pub name: &'a str,
    /// The namespace of the object; for a namespace, its own name.
    pub namespace: &'a str,
    /// Who asks.
    pub user: &'a str,
    /// What is done.
    pub operation: Operation<'a>,
    /// The object after the request.
    pub object: &'a Value,
    /// The labels of the namespace, an object or null; none when there is no such namespace. Not used for namespaces.
    pub namespace_labels: Option<&'a Value>,
    /// The pods that run in the namespace. Used for namespaces only.
    pub pods: &'a [Value],
}

/// What the plug-in answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Response {
    /// Why the request fails, if it does.
    pub refusal: Option<Refusal>,
    /// What the user is told otherwise.
    pub warnings: Vec<String>,
    /// What the audit log is told; the server puts [`PREFIX`](super::PREFIX) before each key.
    pub audit_annotations: BTreeMap<&'static str, String>,
}

/// A refused request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status: 403 for a violation, 422 for invalid labels, 500 for a missing namespace.
    pub code: u16,
    /// The server's message.
    pub message: String,
}

impl Response {
    fn allowed() -> Self {
        Self::default()
    }

    fn annotated(key: &'static str, value: impl Into<String>) -> Self {
        Self { audit_annotations: BTreeMap::from([(key, value.into())]), ..Self::default() }
    }

    fn refused(code: u16, message: String) -> Self {
        Self { refusal: Some(Refusal { code, message }), ..Self::default() }
    }

    /// Whether the request goes on.
    pub fn is_allowed(&self) -> bool {
        self.refusal.is_none()
    }
}

impl Admission {
    /// Answers one request.
    pub fn validate(&self, request: &Request<'_>) -> Response {
        match request.resource {
            Resource::Namespaces => self.validate_namespace(request),
            Resource::Pods => self.validate_pod(request),
            _ => self.validate_workload(request),
        }
    }

    /// What a level says about a pod at a version, as this API server understands the version.
    pub fn evaluate<'p>(&self, policy: LevelVersion, pod: &'p PsaPod<'_>) -> Evaluation<'p> {
        let known = self.server.map_or(Version::Latest, Version::Minor);
        evaluate(policy.level, policy.version.min(known), pod)
    }

    /// The response to requests of exempt namespaces and users.
    fn exempt(&self, request: &Request<'_>) -> Option<Response> {
        if contains(&self.exemptions.namespaces, request.namespace) {
            Some(Response::annotated("exempt", "namespace"))
        } else if contains(&self.exemptions.usernames, request.user) {
            Some(Response::annotated("exempt", "user"))
        } else {
            None
        }
    }

    fn is_exempt_runtime_class(&self, pod: &Value) -> bool {
        let class = pod.pointer("/spec/runtimeClassName").and_then(Value::as_str);
        class.is_some_and(|class| contains(&self.exemptions.runtime_classes, class))
    }
}

/// Nothing exempts an empty value.
fn contains(exempt: &[String], value: &str) -> bool {
    !value.is_empty() && exempt.iter().any(|entry| entry == value)
}
