//! One decision, for programs (a JSON object with stable keys) and for people.

mod shared;
mod text;

pub(crate) use shared::Decisions;
pub(crate) use text::painted;

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};

use crate::cluster::{Cluster, Ignored};
use crate::field_error::{ErrorKind, FieldError};
use crate::pod_view::ReadError;
use crate::requests::PodRequest;

/// A decision with the keys that `evaluate --format ndjson` prints. None of them ever changes its meaning.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// The request's namespace.
    pub namespace: String,
    /// The pod's name as messages show it.
    pub name: String,
    /// The workload that the pod comes from, as `Kind/name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workload: Option<String>,
    /// The requester; empty for anybody who is authenticated and whom no binding names.
    pub user: String,
    /// The requester's groups.
    pub groups: Vec<String>,
    /// The pod's service account.
    pub service_account: String,
    /// `CREATE` or `UPDATE`.
    pub operation: &'static str,
    /// Where the request was read: `file:line`.
    pub source: String,
    /// `admitted`, `denied`, `ignored` or `invalid`.
    pub verdict: Word,
    /// The policy that was chosen.
    pub policy: Option<String>,
    /// The API server's message, or why the request is ignored.
    pub message: Option<String>,
    /// What each usable policy denies, in the plug-in's order.
    pub denials: Vec<Denial>,
    /// The policies that the service account or the requester may use, in the plug-in's order.
    pub usable: Vec<String>,
    /// The RFC 6902 difference between the submitted pod and the pod after admission; left out of a
    /// [`crate::compare::Comparison`], which compares pods as a whole.
    pub patch: Value,
    /// The pod after admission.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod: Option<Arc<Value>>,
}

/// How a request ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Word {
    /// A policy admits it.
    Admitted,
    /// No policy does.
    Denied,
    /// The plug-in does not look at it.
    Ignored,
    /// The plug-in admits it, and the API server refuses the result.
    Invalid,
    /// Something in another engine's policies cannot be evaluated.
    Unknown,
}

/// One denial of one policy.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Denial {
    /// The policy, unless it is the API server itself that refuses.
    pub policy: Option<String>,
    /// The path as the message spells it.
    pub field: String,
    /// The offending value, if the message shows one.
    pub value: Value,
    /// What is wrong with it.
    pub detail: String,
}

impl Decision {
    /// Decides about a request.
    ///
    /// # Errors
    /// The first value of the pod that the API server could not decode.
    pub fn of(cluster: &Cluster, request: &PodRequest) -> Result<Self, ReadError> {
        let mut decision = Decisions::new(cluster).of(request)?;
        if let Some(pod) = decision.pod.as_ref().filter(|pod| !Arc::ptr_eq(pod, &request.pod)) {
            decision.patch = json!(json_patch::diff(&request.pod, pod));
        }
        Ok(decision)
    }

    /// The decision on a request that the plug-in does not look at.
    pub fn ignored(request: &PodRequest, why: Ignored) -> Self {
        let account = request.pod.pointer("/spec/serviceAccountName").and_then(Value::as_str);
        let mut decision = Self::new(request, account.unwrap_or_default());
        decision.ignore(why);
        decision
    }

    fn new(request: &PodRequest, account: &str) -> Self {
        Self {
            namespace: request.namespace.clone(),
            name: request.name.clone(),
            workload: request.owner.clone(),
            user: request.requester.user.clone(),
            groups: request.requester.groups.clone(),
            service_account: account.to_owned(),
            operation: request.operation.name(),
            source: request.source.to_string(),
            verdict: Word::Ignored,
            policy: None,
            message: None,
            denials: Vec::new(),
            usable: Vec::new(),
            patch: json!([]),
            pod: Some(request.pod.clone()),
        }
    }

    fn ignore(&mut self, why: Ignored) {
        self.verdict = Word::Ignored;
        self.message = Some(why.to_string());
    }

    /// Whether the pod is filled in.
    pub fn is_filled(&self) -> bool {
        self.patch.as_array().is_some_and(|operations| {
            operations.iter().any(|operation| {
                let path = operation.get("path").and_then(Value::as_str).unwrap_or_default();
                path != "/metadata/annotations/kubernetes.io~1psp" && !is_bare_annotation(operation, path)
            })
        })
    }
}

/// The operation that creates the annotations for the plug-in's own annotation.
fn is_bare_annotation(operation: &Value, path: &str) -> bool {
    let annotations = match path {
        "/metadata/annotations" => operation.get("value"),
        "/metadata" => operation.pointer("/value/annotations"),
        _ => None,
    };
    let keys = annotations.and_then(Value::as_object);
    keys.is_some_and(|keys| keys.len() == 1 && keys.contains_key(crate::pod_view::PSP_ANNOTATION))
}

fn invalid_message(name: &str, errors: &[FieldError]) -> String {
    let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
    let list = match texts.as_slice() {
        [one] => one.clone(),
        many => format!("[{}]", many.join(", ")),
    };
    format!("Pod {} is invalid: {list}", crate::field_error::go_quote(name))
}

impl Denial {
    fn new(policy: Option<String>, error: &FieldError) -> Self {
        let shown = !matches!(error.kind, ErrorKind::Required | ErrorKind::Forbidden | ErrorKind::TooLong);
        let value = if shown { error.json_value() } else { Value::Null };
        Self { policy, field: error.field.clone(), value, detail: error.detail.to_string() }
    }
}
