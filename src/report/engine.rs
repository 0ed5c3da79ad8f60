//! What another engine decides about one request: a JSON object with stable keys, and text for people.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;
use serde_json::{Value, json};

use super::decision::{Word, painted};
use super::diff::changed_lines;
use super::style::{BAD, DIM, GOOD, NOTE, paint};
use super::text::printable_long;
use crate::cel::normalise::{normalise, pod_pointers};
use crate::input::{Creator, Sourced, printable};
use crate::requests::PodRequest;
use crate::targets::{TargetVerdict, Unsupported};
use crate::yaml::to_yaml;

/// A decision with the keys that `evaluate --with … --format ndjson` prints. None of them ever changes its meaning.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EngineDecision {
    /// The engine, e.g. `vap`.
    pub target: &'static str,
    /// The request's namespace.
    pub namespace: String,
    /// The object's name as messages show it.
    pub name: String,
    /// `Pod`, or the kind of a workload.
    pub kind: String,
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
    /// `admitted`, `denied`, `ignored` (no request that the engine gets) or `unknown` (see `unsupported`).
    pub verdict: Word,
    /// What the requester reads: the first of `messages`.
    pub message: Option<String>,
    /// The engine's messages against the request.
    pub messages: Vec<String>,
    /// Warnings that the requester gets.
    pub warnings: Vec<String>,
    /// Annotations of the audit event.
    pub audit_annotations: BTreeMap<String, String>,
    /// What had to be evaluated and could not be.
    pub unsupported: Vec<Unsupported>,
    /// The RFC 6902 difference between the submitted pod and the pod after admission, both as the API server shows them.
    pub patch: Value,
    /// The pod after admission.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod: Option<Value>,
    #[serde(skip)]
    submitted: Value,
}

impl EngineDecision {
    /// The decision on a pod.
    pub fn of_pod(target: &'static str, request: &PodRequest, verdict: TargetVerdict) -> Self {
        let account = request.pod.pointer("/spec/serviceAccountName").and_then(Value::as_str);
        let submitted = normalise(&request.pod, &pod_pointers);
        let pod = normalise(&verdict.pod, &pod_pointers);
        let admitted = verdict.allowed && verdict.unsupported.is_empty();
        let patch = if admitted { json!(json_patch::diff(&submitted, &pod)) } else { json!([]) };
        Self {
            kind: "Pod".to_owned(),
            workload: request.owner.clone(),
            user: request.requester.user.clone(),
            groups: request.requester.groups.clone(),
            service_account: account.unwrap_or_default().to_owned(),
            operation: request.operation.name(),
            patch,
            pod: Some(if admitted { pod } else { submitted.clone() }),
            submitted,
            ..Self::new(target, &request.namespace, &request.name, request.source.to_string(), verdict)
        }
    }

    /// The decision on a workload itself.
    pub fn of_workload(
        target: &'static str,
        namespace: &str,
        author: Creator,
        object: &Sourced<Value>,
        verdict: TargetVerdict,
    ) -> Self {
        let text = |pointer| object.value.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        Self {
            kind: text("/kind").to_owned(),
            user: author.user,
            groups: author.groups,
            ..Self::new(target, namespace, text("/metadata/name"), object.source.to_string(), verdict)
        }
    }

    /// A request that no engine gets as one for a pod.
    pub fn ignored(target: &'static str, request: &PodRequest) -> Self {
        let verdict = TargetVerdict { allowed: true, pod: request.pod.clone(), ..TargetVerdict::default() };
        let message = "the request creates or updates no pod, and is not evaluated".to_owned();
        Self { verdict: Word::Ignored, message: Some(message), ..Self::of_pod(target, request, verdict) }
    }

    fn new(target: &'static str, namespace: &str, name: &str, source: String, verdict: TargetVerdict) -> Self {
        let word = match (verdict.unsupported.is_empty(), verdict.allowed) {
            (false, _) => Word::Unknown,
            (true, true) => Word::Admitted,
            (true, false) => Word::Denied,
        };
        Self {
            target,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            kind: String::new(),
            workload: None,
            user: String::new(),
            groups: Vec::new(),
            service_account: String::new(),
            operation: "CREATE",
            source,
            verdict: word,
            message: verdict.messages.first().cloned(),
            messages: verdict.messages,
            warnings: verdict.warnings,
            audit_annotations: verdict.audit.into_iter().collect(),
            unsupported: verdict.unsupported,
            patch: json!([]),
            pod: None,
            submitted: Value::Null,
        }
    }

    /// The decision without the resulting pod.
    pub fn without_pod(self) -> Self {
        Self { pod: None, ..self }
    }

    /// Whether the pod is changed.
    pub fn is_filled(&self) -> bool {
        self.patch.as_array().is_some_and(|operations| !operations.is_empty())
    }

    /// The decision for people.
    pub fn text(&self) -> String {
        let mut out = format!("{} {}\n", self.headline(), paint(DIM, format!("{}  {}", self.requester(), self.source)));
        if self.verdict == Word::Ignored {
            push_line(&mut out, self.message.as_deref().unwrap_or_default());
        }
        self.messages.iter().for_each(|message| push_line(&mut out, message));
        for part in &self.unsupported {
            let Unsupported { document, path, why } = part;
            push_line(&mut out, &format!("cannot evaluate {document} {path}: {why}"));
        }
        for warning in &self.warnings {
            push_line(&mut out, &format!("{} {}", paint(NOTE, "Warning:"), printable_long(warning)));
        }
        for (key, value) in &self.audit_annotations {
            push_line(&mut out, &paint(DIM, format!("audit: {}: {}", printable_long(key), printable_long(value))));
        }
        if let (Some(pod), true) = (&self.pod, self.is_filled()) {
            let yaml = |pod: &Value| to_yaml(pod).unwrap_or_default();
            out.push_str(&painted(changed_lines(&yaml(&self.submitted), &yaml(pod))));
        }
        out
    }

    fn headline(&self) -> String {
        let name = match &self.workload {
            Some(workload) => format!("pod of {}", printable(workload)),
            None if self.kind != "Pod" => format!("{}/{}", printable(&self.kind), printable(&self.name)),
            None if self.name.is_empty() => "Unknown".to_owned(),
            None => printable(&self.name).into_owned(),
        };
        let place = format!("{}/{name}", printable(&self.namespace));
        match self.verdict {
            Word::Admitted => format!("{} {place}", paint(GOOD, "admitted")),
            Word::Denied => format!("{}   {place}", paint(BAD, "denied")),
            Word::Invalid => format!("{}  {place}", paint(BAD, "invalid")),
            Word::Ignored => format!("{}  {place}", paint(NOTE, "ignored")),
            Word::Unknown => format!("{}  {place}", paint(NOTE, "unknown")),
        }
    }

    fn requester(&self) -> String {
        let user = if self.user.is_empty() { "anyone".into() } else { printable(&self.user) };
        match self.service_account.as_str() {
            "" => format!("(as {user})"),
            account => format!("(as {user}, service account {})", printable(account)),
        }
    }
}

fn push_line(out: &mut String, text: &str) {
    // Writing to a `String` cannot fail.
    let _ = writeln!(out, "    {text}");
}
