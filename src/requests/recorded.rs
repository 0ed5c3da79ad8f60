//! Requests that somebody recorded: AdmissionReviews (v1, v1beta1) and entries of the audit log.

use serde_json::Value;

use super::{PodRequest, pod_name, text_at};
use crate::admission::Operation;
use crate::cluster::Ignored;
use crate::input::{Creator, Problem, Source, Sourced, default_pod};

/// The request of an AdmissionReview: `userInfo`, `namespace`, `operation`, `object`, `oldObject` and `subResource` count.
pub(super) fn from_review(review: Sourced<Value>) -> Result<PodRequest, Problem> {
    let (Sourced { mut value, source }, missing) = (review, Value::Null);
    let mut request = value.get_mut("request").map(Value::take).unwrap_or(missing);
    let resource = text_at(&request, "/resource/resource").map(str::to_owned);
    let parts = Parts {
        is_pod: resource.as_deref().map_or_else(|| is_pod(&request), |resource| resource == "pods"),
        operation: text(&request, "/operation"),
        subresource: text(&request, "/subResource"),
        namespace: text(&request, "/namespace"),
        name: text(&request, "/name"),
        requester: requester(request.get("userInfo")),
        object: take(&mut request, "object"),
        old_object: take(&mut request, "oldObject"),
    };
    parts.into_request(source, "request.object")
}

/// The request of an audit event; the impersonated user counts, if there is one.
pub(super) fn from_audit_event(event: Sourced<Value>) -> Result<PodRequest, Problem> {
    let Sourced { mut value, source } = event;
    let operation = match text(&value, "/verb").as_str() {
        "create" => "CREATE",
        "update" => "UPDATE",
        "patch" => {
            return Err(unusable(source, "a patch is no pod: record the request as an AdmissionReview instead"));
        }
        _ => "",
    };
    let in_core = text(&value, "/objectRef/apiGroup").is_empty();
    let user = value.get("impersonatedUser").filter(|user| !user.is_null()).or_else(|| value.get("user"));
    let parts = Parts {
        is_pod: in_core && text(&value, "/objectRef/resource") == "pods",
        operation: operation.to_owned(),
        subresource: text(&value, "/objectRef/subresource"),
        namespace: text(&value, "/objectRef/namespace"),
        name: text(&value, "/objectRef/name"),
        requester: requester(user),
        object: take(&mut value, "requestObject"),
        old_object: None,
    };
    parts.into_request(source, "requestObject")
}

struct Parts {
    is_pod: bool,
    operation: String,
    subresource: String,
    namespace: String,
    name: String,
    requester: Creator,
    object: Option<Value>,
    old_object: Option<Value>,
}

impl Parts {
    fn into_request(self, source: Source, object_key: &str) -> Result<PodRequest, Problem> {
        let ignored = self.ignored();
        let mut pod = match (self.object, ignored) {
            (Some(pod), _) => pod,
            (None, Some(_)) => Value::Null,
            (None, None) => return Err(unusable(source, &format!("`{object_key}` is missing"))),
        };
        let mut old_pod = self.old_object;
        if ignored.is_none() || text(&pod, "/kind") == "Pod" {
            default_pod(&mut pod);
            old_pod.iter_mut().for_each(default_pod);
        }
        let own_name = pod_name(&pod).to_owned();
        let namespace = Some(self.namespace).filter(|name| !name.is_empty());
        Ok(PodRequest {
            namespace: namespace.unwrap_or_else(|| text(&pod, "/metadata/namespace")),
            name: if self.name.is_empty() { own_name } else { self.name },
            owner: None,
            requester: self.requester,
            subresource: self.subresource,
            operation: if self.operation == "UPDATE" { Operation::Update } else { Operation::Create },
            pod: pod.into(),
            old_pod: old_pod.map(Into::into),
            ignored,
            source,
        })
    }

    fn ignored(&self) -> Option<Ignored> {
        match self.operation.as_str() {
            _ if !self.is_pod => Some(Ignored::OtherResource),
            "CREATE" | "UPDATE" if self.subresource.is_empty() => None,
            "CREATE" | "UPDATE" => Some(Ignored::Subresource),
            _ => Some(Ignored::OtherOperation),
        }
    }
}

fn is_pod(request: &Value) -> bool {
    text(request, "/object/kind") == "Pod"
}

fn requester(user: Option<&Value>) -> Creator {
    let name = user.and_then(|user| text_at(user, "/username")).unwrap_or_default();
    let groups = user.and_then(|user| user.get("groups")).and_then(Value::as_array).into_iter().flatten();
    Creator { user: name.to_owned(), groups: groups.filter_map(Value::as_str).map(str::to_owned).collect() }
}

fn take(value: &mut Value, key: &str) -> Option<Value> {
    value.get_mut(key).map(Value::take).filter(|object| !object.is_null())
}

fn text(value: &Value, pointer: &str) -> String {
    text_at(value, pointer).unwrap_or_default().to_owned()
}

fn unusable(source: Source, why: &str) -> Problem {
    Problem::error("no-pod-in-request", source, format!("the recorded request cannot be decided: {why}"))
}
