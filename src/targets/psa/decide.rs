//! Decisions from documents: Namespaces with labels, whoever wrote them, and the plug-in's configuration.
//!
//! A later document of a namespace adds its labels to those of earlier ones, as a patch does. A namespace that no document
//! shows counts as one without labels: the pod that is asked about stands in it. What the cluster is configured to do by
//! default comes from a `PodSecurityConfiguration`, alone or inside an `AdmissionConfiguration`; without one, nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::admission::{Admission, Operation, Request, Resource, Response};
use super::labels::{PREFIX, Policy, policy_to_evaluate};
use super::level::{LevelVersion, Version};
use super::side::PsaSide;
use crate::admission::Operation as PodOperation;
use crate::symbolic::{Side, Situations, Subject, Unproven, situations};
use crate::targets::{AdmissionRequest, Context, Decider, TargetVerdict, Unsupported, WorkloadRequest};

/// Pod Security Admission as documents set it up.
#[derive(Debug, Default)]
pub struct PsaDecider {
    admission: Admission,
    /// The labels of each namespace.
    namespaces: BTreeMap<String, Value>,
    unsupported: Vec<Unsupported>,
}

impl PsaDecider {
    /// Reads documents over the namespaces that the cluster has; other kinds are passed over.
    pub fn read(documents: &[Value], context: &Context<'_>) -> Self {
        let mut decider = Self::default();
        for document in context.namespaces.iter().chain(documents) {
            match text(document, "/kind") {
                "Namespace" => decider.label(document),
                "AdmissionConfiguration" | "PodSecurityConfiguration" => decider.configure(document),
                _ => {}
            }
        }
        decider.admission.server = Some(u64::from(context.target_minor));
        decider
    }

    /// Every namespace asks for one level in all three modes, whatever its labels are, on a server of a minor version.
    pub fn of_level(level: LevelVersion, server: u8) -> Self {
        let defaults = Policy { enforce: level, audit: level, warn: level };
        let admission = Admission { defaults, server: Some(u64::from(server)), ..Admission::default() };
        Self { admission, ..Self::default() }
    }

    fn label(&mut self, document: &Value) {
        let labels = self.namespaces.entry(text(document, "/metadata/name").to_owned());
        let labels = labels.or_insert_with(|| Value::Object(Map::new()));
        let more = document.pointer("/metadata/labels").and_then(Value::as_object);
        if let (Some(labels), Some(more)) = (labels.as_object_mut(), more) {
            labels.extend(more.clone());
        }
    }

    fn configure(&mut self, document: &Value) {
        match Admission::from_configuration(document) {
            Ok(admission) => self.admission = admission,
            Err(error) => self.unsupported.push(Unsupported {
                document: format!("{}/", text(document, "/kind")),
                path: String::new(),
                why: error.to_string(),
            }),
        }
    }
}

impl Decider for PsaDecider {
    fn decide(&self, request: &AdmissionRequest<'_>) -> TargetVerdict {
        let operation = match (request.operation, request.old_object) {
            (PodOperation::Update, Some(old)) => Operation::Update { old },
            // Without the stored pod nobody can tell what an update changes, so all of it counts.
            _ => Operation::Create,
        };
        self.answer(&Request {
            resource: Resource::Pods,
            subresource: request.subresource,
            name: request.name,
            namespace: request.namespace,
            user: request.user,
            operation,
            object: request.object,
            namespace_labels: None,
            pods: &[],
        })
    }

    fn decide_workload(&self, request: &WorkloadRequest<'_>) -> Option<TargetVerdict> {
        Some(self.answer(&Request {
            resource: Resource::of_object(request.object)?,
            subresource: "",
            name: request.name,
            namespace: request.namespace,
            user: request.user,
            operation: Operation::Create,
            object: request.object,
            namespace_labels: None,
            pods: &[],
        }))
    }

    fn unsupported(&self) -> &[Unsupported] {
        &self.unsupported
    }

    fn side(&self, subject: &Subject) -> Result<Box<dyn Side + '_>, Unproven> {
        if let Some(part) = self.unsupported.first() {
            return Err(Unproven::new(&part.document, &part.why));
        }
        Ok(Box::new(PsaSide::new(self, subject)?))
    }

    fn situations(&self, namespace: &str) -> Option<Box<dyn Situations + '_>> {
        let (account, user) = (String::new(), String::new());
        let somebody = Subject { namespace: namespace.to_owned(), account, user, groups: Vec::new() };
        Some(situations(PsaSide::new(self, &somebody)))
    }
}

impl PsaDecider {
    /// The level that is enforced on the pods that a user creates in a namespace; `None` if the request is exempt.
    pub(super) fn enforced(&self, namespace: &str, user: &str) -> Option<LevelVersion> {
        let exempt = &self.admission.exemptions;
        let is_exempt = |list: &[String], value: &str| !value.is_empty() && list.iter().any(|entry| entry == value);
        if is_exempt(&exempt.namespaces, namespace) || is_exempt(&exempt.usernames, user) {
            return None;
        }
        let unlabelled = Value::Object(Map::new());
        let labels = self.namespaces.get(namespace).unwrap_or(&unlabelled);
        Some(policy_to_evaluate(labels, &self.admission.defaults).0.enforce)
    }

    /// A level as this server understands its version.
    pub(super) fn as_understood(&self, policy: LevelVersion) -> LevelVersion {
        let known = self.admission.server.map_or(Version::Latest, Version::Minor);
        LevelVersion { level: policy.level, version: policy.version.min(known) }
    }

    /// Runtime classes whose pods are not judged.
    pub(super) fn exempt_runtime_classes(&self) -> &[String] {
        &self.admission.exemptions.runtime_classes
    }

    /// Whether a pod's runtime class exempts it.
    pub(super) fn is_exempt(&self, pod: &Value) -> bool {
        let class = text(pod, "/spec/runtimeClassName");
        !class.is_empty() && self.exempt_runtime_classes().iter().any(|exempt| exempt == class)
    }

    /// The namespaces and users that documents name.
    pub(super) fn named(&self) -> BTreeSet<String> {
        let exempt = &self.admission.exemptions;
        self.namespaces.keys().chain(&exempt.namespaces).chain(&exempt.usernames).cloned().collect()
    }

    /// The answer to a request, with the labels that its namespace is known to have.
    fn answer(&self, request: &Request<'_>) -> TargetVerdict {
        let unlabelled = Value::Object(Map::new());
        let labels = self.namespaces.get(request.namespace).unwrap_or(&unlabelled);
        let response = self.admission.validate(&Request { namespace_labels: Some(labels), ..*request });
        TargetVerdict { unsupported: self.unsupported.clone(), ..verdict(response, request.object) }
    }
}

fn verdict(response: Response, pod: &Value) -> TargetVerdict {
    let audit = response.audit_annotations.into_iter().map(|(key, text)| (format!("{PREFIX}{key}"), text));
    TargetVerdict {
        allowed: response.refusal.is_none(),
        messages: response.refusal.into_iter().map(|refusal| refusal.message).collect(),
        warnings: response.warnings,
        audit: audit.collect(),
        pod: pod.clone().into(),
        unsupported: Vec::new(),
    }
}

fn text<'v>(document: &'v Value, pointer: &str) -> &'v str {
    document.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::level::Level;
    use super::*;
    use crate::rbac::{Rbac, RbacOptions};

    fn read(documents: &[Value], namespaces: &[Value], target_minor: u8) -> PsaDecider {
        let rbac = Rbac::build([], &[] as &[&str], RbacOptions::default());
        PsaDecider::read(documents, &Context { namespaces, rbac: &rbac, target_minor })
    }

    fn decide(decider: &PsaDecider, pod: &Value) -> TargetVerdict {
        decider.decide(&AdmissionRequest {
            namespace: "team",
            name: "p",
            user: "alice",
            groups: &[],
            operation: PodOperation::Create,
            subresource: "",
            object: pod,
            old_object: None,
        })
    }

    fn namespace(labels: Value) -> Value {
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team", "labels": labels}})
    }

    fn plain() -> Value {
        json!({"spec": {"containers": [{"name": "c"}]}})
    }

    #[test]
    fn labels_decide_in_the_servers_own_words() {
        let labels = json!({"pod-security.kubernetes.io/enforce": "restricted", "pod-security.kubernetes.io/enforce-version": "v1.30"});
        let verdict = decide(&read(&[namespace(labels)], &[], 30), &plain());
        assert!(!verdict.allowed);
        assert!(verdict.messages[0].starts_with(
            "pods \"p\" is forbidden: violates PodSecurity \"restricted:v1.30\": allowPrivilegeEscalation != false"
        ));
        let enforced = ("pod-security.kubernetes.io/enforce-policy".to_owned(), "restricted:v1.30".to_owned());
        assert!(verdict.audit.contains(&enforced));
    }

    #[test]
    fn a_document_patches_the_clusters_namespace() {
        let old = namespace(json!({"pod-security.kubernetes.io/enforce": "restricted"}));
        let patch = namespace(json!({"pod-security.kubernetes.io/enforce": "baseline"}));
        assert!(!decide(&read(&[], std::slice::from_ref(&old), 30), &plain()).allowed);
        assert!(decide(&read(&[patch], &[old], 30), &plain()).allowed);
    }

    #[test]
    fn an_unknown_namespace_has_the_clusters_defaults() {
        assert!(decide(&read(&[], &[], 30), &plain()).allowed);
        let level = LevelVersion { level: Level::Restricted, version: Version::Latest };
        let admission = PsaDecider::of_level(level, 30).admission.admission_configuration();
        assert!(!decide(&read(&[admission], &[], 30), &plain()).allowed);
        assert!(!decide(&PsaDecider::of_level(level, 30), &plain()).allowed);
    }

    #[test]
    fn latest_is_the_servers_own_version() {
        let labels = json!({"pod-security.kubernetes.io/enforce": "baseline"});
        let probe =
            json!({"spec": {"containers": [{"name": "c", "livenessProbe": {"tcpSocket": {"host": "h", "port": 1}}}]}});
        let allowed = |minor| decide(&read(&[namespace(labels.clone())], &[], minor), &probe).allowed;
        assert_eq!([33, 34].map(allowed), [true, false]);
    }

    #[test]
    fn a_configuration_that_no_server_starts_with_is_named() {
        let broken = json!({"apiVersion": "pod-security.admission.config.k8s.io/v1", "kind": "PodSecurityConfiguration", "defaults": {"enforce": "strict"}});
        let verdict = decide(&read(&[broken], &[], 30), &plain());
        assert_eq!(verdict.unsupported.len(), 1);
        assert!(verdict.unsupported[0].why.contains("must be one of privileged, baseline, restricted"));
    }
}
