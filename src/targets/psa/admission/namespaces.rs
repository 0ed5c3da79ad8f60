//! Requests about namespaces: labels must be valid, and a stricter policy is tried on the pods that are there.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Admission, Operation, Request, Response, contains};
use crate::field_error::{FieldError, go_quote};
use crate::targets::psa::evaluate::PsaPod;
use crate::targets::psa::labels::{
    AUDIT, AUDIT_VERSION, ENFORCE, ENFORCE_VERSION, Policy, WARN, WARN_VERSION, aggregate, has_label,
    policy_to_evaluate,
};
use crate::targets::psa::level::{Level, LevelVersion};
use crate::targets::psa::pod::string_at;

/// How many of a namespace's pods are tried at most.
const MAX_PODS: usize = 3000;

impl Admission {
    pub(super) fn validate_namespace(&self, request: &Request<'_>) -> Response {
        if !request.subresource.is_empty() {
            return Response::allowed();
        }
        let (policy, errors) = policy_to_evaluate(labels(request.object), &self.defaults);
        let Operation::Update { old } = request.operation else {
            return match errors.as_slice() {
                [] if contains(&self.exemptions.namespaces, request.namespace) => {
                    self.exempt_namespace(request, &policy)
                }
                [] => Response::allowed(),
                errors => invalid(request.name, errors),
            };
        };
        let (old_policy, old_errors) = policy_to_evaluate(labels(old), &self.defaults);
        // Errors that were there before, all of them and no others, may stay.
        if !errors.is_empty() && errors != old_errors {
            return invalid(request.name, &errors);
        }
        if !is_stricter(policy.enforce, old_policy.enforce) {
            return Response::allowed();
        }
        if contains(&self.exemptions.namespaces, request.namespace) {
            return self.exempt_namespace(request, &policy);
        }
        Response {
            warnings: self.try_on_pods(name(request.object), policy.enforce, request.pods),
            ..Response::default()
        }
    }

    /// Allows, and warns that labels of an exempt namespace do nothing.
    fn exempt_namespace(&self, request: &Request<'_>, policy: &Policy) -> Response {
        if policy.is_privileged() || policy.is_equivalent(&self.defaults) {
            return Response::allowed();
        }
        let labels = labels(request.object);
        let modes = [
            ("enforce", policy.enforce, [ENFORCE, ENFORCE_VERSION]),
            ("audit", policy.audit, [AUDIT, AUDIT_VERSION]),
            ("warn", policy.warn, [WARN, WARN_VERSION]),
        ];
        let set: Vec<String> = modes
            .into_iter()
            .filter(|(_, asked, keys)| {
                asked.level != Level::Privileged && keys.iter().any(|key| has_label(labels, key))
            })
            .map(|(mode, asked, _)| format!("{mode}={asked}"))
            .collect();
        let warning = format!(
            "namespace {} is exempt from Pod Security, and the policy ({}) will be ignored",
            go_quote(name(request.object)),
            set.join(", ")
        );
        Response { warnings: vec![warning], ..Response::default() }
    }

    /// The warnings about pods of a namespace that violate its new policy.
    fn try_on_pods(&self, namespace: &str, enforce: LevelVersion, pods: &[Value]) -> Vec<String> {
        let pods = self.by_priority(pods);
        let mut violations: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for pod in pods.iter().take(MAX_PODS) {
            let read = PsaPod::read(pod);
            let evaluation = self.evaluate(enforce, &read);
            if !evaluation.is_allowed() {
                violations.entry(evaluation.reasons()).or_default().push(name(pod));
            }
        }
        let mut warnings = Vec::new();
        if pods.len() > MAX_PODS {
            warnings.push(format!(
                "new PodSecurity enforce level only checked against the first {MAX_PODS} of {} existing pods",
                pods.len()
            ));
        }
        if !violations.is_empty() {
            warnings.push(format!(
                "existing pods in namespace {} violate the new PodSecurity enforce level \"{enforce}\"",
                go_quote(namespace)
            ));
        }
        let mut lines: Vec<String> = violations.iter().map(|(reasons, names)| line(names, reasons)).collect();
        lines.sort_unstable();
        warnings.extend(lines);
        warnings
    }

    /// The pods to try: those without a controller and the first of each controller, then the others; none of an exempt
    /// runtime class.
    fn by_priority<'a>(&self, pods: &'a [Value]) -> Vec<&'a Value> {
        let mut controllers = BTreeSet::new();
        let looked_at = pods.iter().filter(|pod| !self.is_exempt_runtime_class(pod));
        let (mut first, others): (Vec<_>, Vec<_>) =
            looked_at.partition(|pod| controller(pod).is_none_or(|uid| controllers.insert(uid)));
        first.extend(others);
        first
    }
}

/// Whether pods may violate the new policy that did not violate the old. Upstream takes every change of version for
/// stricter, even together with a laxer level.
fn is_stricter(new: LevelVersion, old: LevelVersion) -> bool {
    new != old && new.level != Level::Privileged && (new.version != old.version || new.level > old.level)
}

fn line(names: &[&str], reasons: &str) -> String {
    let first = names.iter().min().copied().unwrap_or_default();
    match names.len() {
        0 | 1 => format!("{first}: {reasons}"),
        2 => format!("{first} (and 1 other pod): {reasons}"),
        count => format!("{first} (and {} other pods): {reasons}", count - 1),
    }
}

fn invalid(name: &str, errors: &[FieldError]) -> Response {
    let message = format!("Namespace {} is invalid: {}", go_quote(name), aggregate(errors));
    Response::refused(422, message)
}

fn labels(namespace: &Value) -> &Value {
    namespace.pointer("/metadata/labels").unwrap_or(&Value::Null)
}

fn name(object: &Value) -> &str {
    object.get("metadata").map(|metadata| string_at(metadata, "name")).unwrap_or_default()
}

/// The UID of the owner that controls a pod.
fn controller(pod: &Value) -> Option<&str> {
    let owners = pod.pointer("/metadata/ownerReferences")?.as_array()?;
    let controller = owners.iter().find(|owner| owner.get("controller") == Some(&Value::Bool(true)))?;
    Some(string_at(controller, "uid"))
}

#[cfg(test)]
mod tests {
    use super::super::{Exemptions, Resource};
    use super::*;
    use serde_json::json;

    fn namespace(labels: Value) -> Value {
        let labels = labels.as_object().into_iter().flatten();
        let labels: serde_json::Map<_, _> =
            labels.map(|(key, value)| (format!("pod-security.kubernetes.io/{key}"), value.clone())).collect();
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team", "labels": labels}})
    }

    fn update(admission: &Admission, old: Value, new: Value, pods: &[Value]) -> Response {
        let (old, object) = (namespace(old), namespace(new));
        admission.validate(&Request {
            resource: Resource::Namespaces,
            subresource: "",
            name: "team",
            namespace: "team",
            user: "alice",
            operation: Operation::Update { old: &old },
            object: &object,
            namespace_labels: None,
            pods,
        })
    }

    fn pod(name: &str, controller: Option<&str>) -> Value {
        let owners: Vec<_> = controller.iter().map(|uid| json!({"uid": uid, "controller": true})).collect();
        json!({"metadata": {"name": name, "ownerReferences": owners}, "spec": {"hostPID": true}})
    }

    #[test]
    fn pods_with_the_same_reasons_share_a_line() {
        let mut pods: Vec<_> = ["c", "b"].map(|name| pod(name, None)).into();
        pods.push(json!({"metadata": {"name": "a"}, "spec": {"hostPID": true, "volumes": [{"hostPath": {}}]}}));
        let response = update(&Admission::default(), json!({}), json!({"enforce": "baseline"}), &pods);
        let lines = [
            "existing pods in namespace \"team\" violate the new PodSecurity enforce level \"baseline:latest\"",
            "a: host namespaces, hostPath volumes",
            "b (and 1 other pod): host namespaces",
        ];
        assert_eq!(response.warnings, lines);
        pods.push(pod("d", None));
        let response = update(&Admission::default(), json!({}), json!({"enforce": "baseline"}), &pods);
        assert_eq!(response.warnings[2], "b (and 2 other pods): host namespaces");
    }

    #[test]
    fn replicas_come_last_when_there_are_too_many_pods() {
        let mut pods: Vec<_> = (0..MAX_PODS).map(|number| pod(&format!("r{number}"), Some("one"))).collect();
        pods.push(json!({"metadata": {"name": "alone"}, "spec": {"hostIPC": true, "volumes": [{"hostPath": {}}]}}));
        let response = update(&Admission::default(), json!({}), json!({"enforce": "baseline"}), &pods);
        let lines = [
            "new PodSecurity enforce level only checked against the first 3000 of 3001 existing pods",
            "existing pods in namespace \"team\" violate the new PodSecurity enforce level \"baseline:latest\"",
            "alone: host namespaces, hostPath volumes",
            "r0 (and 2998 other pods): host namespaces",
        ];
        assert_eq!(response.warnings, lines);
    }

    #[test]
    fn only_a_stricter_or_differently_versioned_level_is_tried() {
        let pods = [pod("p", None)];
        let tried = |old: Value, new: Value| !update(&Admission::default(), old, new, &pods).warnings.is_empty();
        assert!(!tried(json!({"enforce": "restricted"}), json!({"enforce": "baseline"})));
        assert!(tried(json!({"enforce": "restricted"}), json!({"enforce": "baseline", "enforce-version": "v1.20"})));
        assert!(!tried(json!({}), json!({"warn": "restricted", "audit": "restricted"})));
    }

    #[test]
    fn only_the_very_same_errors_may_stay() {
        let both = json!({"enforce": "x", "warn": "y"});
        let admission = Admission::default();
        assert!(update(&admission, both.clone(), both.clone(), &[]).is_allowed());
        let refusal = update(&admission, both, json!({"warn": "y"}), &[]).refusal.unwrap();
        let text = "Namespace \"team\" is invalid: metadata.labels[pod-security.kubernetes.io/warn]: Invalid value: \
                    \"y\": must be one of privileged, baseline, restricted";
        assert_eq!((refusal.code, refusal.message.as_str()), (422, text));
    }

    #[test]
    fn labels_of_an_exempt_namespace_are_warned_about() {
        let admission = Admission {
            exemptions: Exemptions { namespaces: vec!["team".into()], ..Exemptions::default() },
            ..Admission::default()
        };
        let response = update(&admission, json!({}), json!({"enforce": "baseline"}), &[pod("p", None)]);
        // Warn follows enforce, but has no label of its own.
        let text =
            "namespace \"team\" is exempt from Pod Security, and the policy (enforce=baseline:latest) will be ignored";
        assert_eq!(response.warnings, [text]);
    }
}
