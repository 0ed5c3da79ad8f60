//! Requests for pods, as admission saw or will see them, from whatever was read: pods, workloads, AdmissionReviews, audit
//! events.
//!
//! A manifest is defaulted and goes through the ServiceAccount plug-in first. The object inside an AdmissionReview or an
//! audit event is taken as admission saw it: type defaulting only.

mod manifests;
mod recorded;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

pub use manifests::{Manifests, pod_path};

use crate::admission::Operation;
use crate::cluster::{Ignored, Request};
use crate::input::{Class, Creator, Parsed, Problem, Source, Sourced, admit_service_account, default_pod, pod_of};

/// A request for one pod, and where it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct PodRequest {
    /// The request's namespace.
    pub namespace: String,
    /// The name that messages show: the request's, else the pod's, else its `generateName`.
    pub name: String,
    /// The object the pod was taken from, where that is not the pod itself: `Deployment/web`.
    pub owner: Option<String>,
    /// Who asks; an empty user is anybody who is authenticated and whom no binding names.
    pub requester: Creator,
    /// The subresource; empty for the pod itself.
    pub subresource: String,
    /// What is asked.
    pub operation: Operation,
    /// The pod as admission sees it. Many requests are about one pod.
    pub pod: Arc<Value>,
    /// The stored pod that an UPDATE changes.
    pub old_pod: Option<Arc<Value>>,
    /// Set if the request never reaches the plug-in, whatever the policies.
    pub ignored: Option<Ignored>,
    /// Where it was read.
    pub source: Source,
}

/// What turns objects into requests.
#[derive(Debug, Clone)]
pub struct RequestReader {
    /// The namespace of manifests that name none.
    namespace: String,
    /// The requester of manifests, in place of their real creator.
    requester: Option<Creator>,
    /// The old server's minor version.
    minor: u8,
    accounts: BTreeMap<(String, String), Value>,
}

impl RequestReader {
    /// Reads manifests of pods for a server of this minor version. Without a requester each has its real creator.
    pub fn new(namespace: &str, requester: Option<Creator>, minor: u8) -> Self {
        Self { namespace: namespace.to_owned(), requester, minor, accounts: BTreeMap::new() }
    }

    /// Takes notice of the service accounts among the objects: their settings decide about token volumes.
    #[must_use]
    pub fn with_accounts<'a>(mut self, accounts: impl IntoIterator<Item = &'a Sourced<Value>>) -> Self {
        for account in accounts {
            let text = |pointer, default| text_at(&account.value, pointer).unwrap_or(default).to_owned();
            let key = (text("/metadata/namespace", "default"), text("/metadata/name", ""));
            self.accounts.insert(key, account.value.clone());
        }
        self
    }

    /// The requests in a document, and what cannot be made one.
    pub fn requests(&self, parsed: Parsed) -> (Vec<PodRequest>, Vec<Problem>) {
        let mut requests = Vec::new();
        let mut problems = parsed.problems;
        for (class, object) in parsed.objects {
            match self.request(class, object) {
                Ok(request) => requests.extend(request),
                Err(problem) => problems.push(problem),
            }
        }
        (requests, problems)
    }

    /// The request that an object stands for; `None` for an object without a pod.
    ///
    /// # Errors
    /// A recorded request that does not hold the pod it is about.
    pub fn request(&self, class: Class, object: Sourced<Value>) -> Result<Option<PodRequest>, Problem> {
        match class {
            Class::Pod => Ok(Some(self.manifest(object.value, None, None, object.source))),
            Class::Workload => Ok(self.workload(&object)),
            Class::AdmissionReview => recorded::from_review(object).map(Some),
            Class::AuditEvent => recorded::from_audit_event(object).map(Some),
            _ => Ok(None),
        }
    }

    /// Who sends the manifests of workloads.
    pub fn author(&self) -> Creator {
        self.requester.clone().unwrap_or_else(anyone)
    }

    /// The namespace of a manifest.
    pub fn namespace_of<'a>(&'a self, manifest: &'a Value) -> &'a str {
        text_at(manifest, "/metadata/namespace").filter(|name| !name.is_empty()).unwrap_or(&self.namespace)
    }

    fn workload(&self, object: &Sourced<Value>) -> Option<PodRequest> {
        let created = pod_of(&object.value)?;
        let text = |pointer| text_at(&object.value, pointer).unwrap_or_default();
        let owner = format!("{}/{}", text("/kind"), text("/metadata/name"));
        Some(self.manifest(created.pod, Some(owner), created.creator, object.source.clone()))
    }

    fn manifest(&self, mut pod: Value, owner: Option<String>, creator: Option<Creator>, source: Source) -> PodRequest {
        let namespace = self.namespace_of(&pod).to_owned();
        default_pod(&mut pod);
        let account = text_at(&pod, "/spec/serviceAccountName").filter(|name| !name.is_empty()).unwrap_or("default");
        let account = self.accounts.get(&(namespace.clone(), account.to_owned()));
        admit_service_account(&mut pod, account, u32::from(self.minor));
        PodRequest {
            namespace,
            name: pod_name(&pod).to_owned(),
            owner,
            requester: self.requester.clone().or(creator).unwrap_or_else(anyone),
            subresource: String::new(),
            operation: Operation::Create,
            pod: pod.into(),
            old_pod: None,
            ignored: None,
            source,
        }
    }
}

impl PodRequest {
    /// Whether the request creates or updates a pod, be it through a subresource.
    pub fn is_for_pod(&self) -> bool {
        match self.ignored {
            None => true,
            Some(Ignored::Subresource) => text_at(&self.pod, "/kind") == Some("Pod"),
            Some(_) => false,
        }
    }

    /// The request as a cluster decides about it.
    pub fn as_request(&self) -> Request<'_> {
        Request {
            namespace: &self.namespace,
            user: &self.requester.user,
            groups: &self.requester.groups,
            subresource: &self.subresource,
            pod: &self.pod,
            operation: self.operation,
            old_pod: self.old_pod.as_deref(),
        }
    }
}

/// Somebody who is authenticated and whom no binding names.
pub fn anyone() -> Creator {
    Creator { user: String::new(), groups: vec!["system:authenticated".to_owned()] }
}

/// The requester whom `--as` and `--as-group` name, with the groups that impersonation adds.
pub fn impersonated(user: &str, groups: &[String]) -> Creator {
    let mut groups = groups.to_vec();
    if let Some((namespace, _)) = user.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':')) {
        groups.extend(["system:serviceaccounts".to_owned(), format!("system:serviceaccounts:{namespace}")]);
    }
    let anonymous = "system:unauthenticated";
    if user != "system:anonymous" && !groups.iter().any(|group| group == anonymous) {
        groups.push("system:authenticated".to_owned());
    } else if !groups.iter().any(|group| group == anonymous) {
        groups.push(anonymous.to_owned());
    }
    let mut seen = std::collections::BTreeSet::new();
    groups.retain(|group| seen.insert(group.clone()));
    Creator { user: user.to_owned(), groups }
}

/// The name that the API server's messages show for a pod.
fn pod_name(pod: &Value) -> &str {
    let text = |pointer| text_at(pod, pointer).filter(|text| !text.is_empty());
    text("/metadata/name").or_else(|| text("/metadata/generateName")).unwrap_or_default()
}

fn text_at<'v>(value: &'v Value, pointer: &str) -> Option<&'v str> {
    value.pointer(pointer).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impersonating_a_service_account_brings_its_groups() {
        let creator = impersonated("system:serviceaccount:a:b", &[]);
        assert_eq!(creator.groups, ["system:serviceaccounts", "system:serviceaccounts:a", "system:authenticated"]);
    }

    #[test]
    fn impersonation_adds_system_authenticated_once() {
        let creator = impersonated("alice", &["dev".to_owned(), "system:authenticated".to_owned()]);
        assert_eq!(creator.groups, ["dev", "system:authenticated"]);
        assert_eq!(impersonated("system:anonymous", &[]).groups, ["system:unauthenticated"]);
    }
}
