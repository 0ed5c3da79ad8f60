//! Requests about pods, which are refused for violations, and about workloads, which never are.

use serde_json::Value;

use super::significance::is_significant;
use super::{Admission, Operation, Refusal, Request, Response};
use crate::field_error::{FieldError, go_quote};
use crate::targets::psa::evaluate::PsaPod;
use crate::targets::psa::labels::{Policy, aggregate, policy_to_evaluate};
use crate::targets::psa::level::{Level, LevelVersion};

/// Subresources that carry no pod. Every other one is taken for a pod, so that an unknown one fails safe.
const IGNORED_SUBRESOURCES: [&str; 8] =
    ["exec", "attach", "binding", "eviction", "log", "portforward", "proxy", "status"];

/// A namespace's policy, and what is wrong with its labels.
type Asked = (Policy, Vec<FieldError>);

impl Admission {
    pub(super) fn validate_pod(&self, request: &Request<'_>) -> Response {
        if IGNORED_SUBRESOURCES.contains(&request.subresource) {
            return Response::allowed();
        }
        if let Some(response) = self.exempt(request) {
            return response;
        }
        let Some(labels) = request.namespace_labels else {
            return missing_namespace(request.namespace);
        };
        let asked = policy_to_evaluate(labels, &self.defaults);
        if asked.1.is_empty() && asked.0.is_privileged() {
            // The annotation does not name the versions that the namespace pins.
            return Response::annotated("enforce-policy", LevelVersion::PRIVILEGED.to_string());
        }
        match request.operation {
            Operation::Update { old } if !is_significant(request.object, old) => Response::allowed(),
            _ => self.judge(&asked, request.object, Some(request.name)),
        }
    }

    /// Workloads are judged at every create and update, whatever changed.
    pub(super) fn validate_workload(&self, request: &Request<'_>) -> Response {
        if !request.subresource.is_empty() {
            return Response::allowed();
        }
        if let Some(response) = self.exempt(request) {
            return response;
        }
        let Some(labels) = request.namespace_labels else {
            let namespace = go_quote(request.namespace);
            let text = format!("failed to lookup namespace {namespace}: namespaces {namespace} not found");
            return Response::annotated("error", text);
        };
        let asked = policy_to_evaluate(labels, &self.defaults);
        let silent = [asked.0.audit, asked.0.warn].iter().all(|mode| mode.level == Level::Privileged);
        if asked.1.is_empty() && silent {
            return Response::allowed();
        }
        match request.resource.template(request.object) {
            Some(template) => self.judge(&asked, template, None),
            None => Response::allowed(),
        }
    }

    /// Judges a pod or template in all modes; in enforce mode only a pod, whose name is given then.
    fn judge(&self, (policy, errors): &Asked, object: &Value, enforced: Option<&str>) -> Response {
        if self.is_exempt_runtime_class(object) {
            return Response::annotated("exempt", "runtimeClass");
        }
        let pod = PsaPod::read(object);
        let mut response = Response::allowed();
        let annotations = &mut response.audit_annotations;
        if !errors.is_empty() {
            annotations.insert("error", format!("Failed to parse policy: {}", aggregate(errors)));
        }
        if let Some(name) = enforced {
            annotations.insert("enforce-policy", policy.enforce.to_string());
            response.refusal = self.violation("violates", policy.enforce, &pod).map(|text| forbidden(name, &text));
        }
        if let Some(text) = self.violation("would violate", policy.audit, &pod) {
            annotations.insert("audit-violations", text);
        }
        if response.refusal.is_none() {
            response.warnings.extend(self.violation("would violate", policy.warn, &pod));
        }
        response
    }

    fn violation(&self, verb: &str, policy: LevelVersion, pod: &PsaPod<'_>) -> Option<String> {
        let evaluation = self.evaluate(policy, pod);
        let mut text = format!("{verb} PodSecurity \"{policy}\": ");
        (!evaluation.is_allowed()).then(|| {
            evaluation.push_detail(&mut text);
            text
        })
    }
}

fn forbidden(name: &str, text: &str) -> Refusal {
    let message = if name.is_empty() {
        format!("pods is forbidden: {text}")
    } else {
        format!("pods {} is forbidden: {text}", go_quote(name))
    };
    Refusal { code: 403, message }
}

fn missing_namespace(name: &str) -> Response {
    let name = go_quote(name);
    let message = format!("Internal error occurred: failed to lookup namespace {name}");
    let mut response = Response::annotated("error", format!("{message}: namespaces {name} not found"));
    response.refusal = Some(Refusal { code: 500, message });
    response
}

#[cfg(test)]
mod tests {
    use super::super::{Exemptions, Resource};
    use super::*;
    use serde_json::json;

    fn request<'a>(object: &'a Value, labels: Option<&'a Value>) -> Request<'a> {
        Request {
            resource: Resource::of_object(object).unwrap(),
            subresource: "",
            name: "p",
            namespace: "team",
            user: "alice",
            operation: Operation::Create,
            object,
            namespace_labels: labels,
            pods: &[],
        }
    }

    fn privileged_pod() -> Value {
        json!({"apiVersion": "v1", "kind": "Pod", "spec": {"hostPID": true, "runtimeClassName": "kata", "containers": []}})
    }

    fn exemptions() -> Exemptions {
        Exemptions {
            usernames: vec!["root".into(), String::new()],
            runtime_classes: vec!["kata".into()],
            namespaces: vec!["kube-system".into()],
        }
    }

    #[test]
    fn a_violation_is_forbidden_without_a_warning() {
        let (pod, labels) = (privileged_pod(), json!({"pod-security.kubernetes.io/enforce": "baseline"}));
        let response = Admission::default().validate(&request(&pod, Some(&labels)));
        let text = "pods \"p\" is forbidden: violates PodSecurity \"baseline:latest\": host namespaces (hostPID=true)";
        assert_eq!(response.refusal.map(|r| (r.code, r.message)), Some((403, text.to_string())));
        assert!(response.warnings.is_empty());
        assert_eq!(response.audit_annotations["enforce-policy"], "baseline:latest");
    }

    #[test]
    fn a_pod_without_a_name_is_forbidden_without_one() {
        let (pod, labels) = (privileged_pod(), json!({"pod-security.kubernetes.io/enforce": "baseline"}));
        let unnamed = Request { name: "", ..request(&pod, Some(&labels)) };
        let refusal = Admission::default().validate(&unnamed).refusal.unwrap();
        assert!(refusal.message.starts_with("pods is forbidden: violates"), "{}", refusal.message);
    }

    #[test]
    fn the_first_exemption_is_the_one_reported() {
        let (pod, labels) = (privileged_pod(), json!({"pod-security.kubernetes.io/enforce": "baseline"}));
        let admission = Admission { exemptions: exemptions(), ..Admission::default() };
        let reason = |user, namespace| {
            let request = Request { user, namespace, ..request(&pod, Some(&labels)) };
            admission.validate(&request).audit_annotations["exempt"].clone()
        };
        assert_eq!(reason("root", "kube-system"), "namespace");
        assert_eq!(reason("root", "team"), "user");
        assert_eq!(reason("", ""), "runtimeClass");
    }

    #[test]
    fn an_older_server_takes_latest_for_its_own_version() {
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "spec": {
            "containers": [{"name": "c", "livenessProbe": {"httpGet": {"host": "x"}}}],
        }});
        let labels = json!({"pod-security.kubernetes.io/enforce": "baseline"});
        let allowed = |server| {
            let admission = Admission { server, ..Admission::default() };
            admission.validate(&request(&pod, Some(&labels))).is_allowed()
        };
        assert_eq!([Some(33), Some(34), None].map(allowed), [true, false, false]);
    }

    #[test]
    fn a_missing_namespace_refuses_pods_but_not_workloads() {
        let pod = privileged_pod();
        let response = Admission::default().validate(&request(&pod, None));
        assert_eq!(response.refusal.map(|refusal| refusal.code), Some(500));
        let job = json!({"apiVersion": "batch/v1", "kind": "Job"});
        let response = Admission::default().validate(&request(&job, None));
        assert!(response.is_allowed());
        let text = "failed to lookup namespace \"team\": namespaces \"team\" not found";
        assert_eq!(response.audit_annotations["error"], text);
    }
}
