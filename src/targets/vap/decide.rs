//! What a server makes of a request: the mutating policies, the server's own preparation of pods, the validating ones.

use serde_json::Value;

use super::grants::{Grants, Interview, decision};
use super::side::side;
use crate::admission::Operation;
use crate::cel::policy::{AdmissionOutcome, Policies, Request, Surroundings};
use crate::modern;
use crate::rbac::Rbac;
use crate::symbolic::{Side, Situations, Subject, Unproven, situations};
use crate::targets::cel_policies::pods::Pods;
use crate::targets::cel_policies::server::{redefaulted, somebody};
use crate::targets::cel_policies::stored::cel_request;
use crate::targets::cel_policies::verdicts::{Fresh, Verdicts};
use crate::targets::{AdmissionRequest, Context, Decider, TargetVerdict, Unsupported};

/// The API server puts no more failures into the audit log.
const MOST_AUDITED: usize = 50;

/// Native policies and what stands around them, whoever wrote them.
pub struct NativePolicies<'a> {
    policies: Policies,
    params: Vec<Value>,
    namespaces: &'a [Value],
    rbac: &'a Rbac,
    unsupported: Vec<Unsupported>,
    validates_pods: bool,
    /// The authorizer for questions about all pods.
    grants: Grants<'a>,
}

impl<'a> NativePolicies<'a> {
    /// Reads policies, bindings and parameters among the documents.
    pub fn read(documents: &[Value], context: &Context<'a>) -> Self {
        let policies = Policies::read(documents, u32::from(context.target_minor));
        let unsupported = policies.refusals().map(|refusal| Unsupported {
            document: refusal.policy.clone(),
            path: refusal.field.clone(),
            why: format!("the API server refuses it: {}", refusal.finding.message),
        });
        Self {
            unsupported: unsupported.collect(),
            params: documents.to_vec(),
            namespaces: context.namespaces,
            rbac: context.rbac,
            grants: Grants::new(context.rbac),
            policies,
            validates_pods: true,
        }
    }

    /// Leaves API validation of filled pods aside.
    #[must_use]
    pub fn without_pod_validation(self) -> Self {
        Self { validates_pods: false, ..self }
    }

    fn namespace(&self, name: &str) -> Option<&Value> {
        self.namespaces.iter().find(|namespace| namespace.pointer("/metadata/name").is_some_and(|it| it == name))
    }
}

impl Decider for NativePolicies<'_> {
    fn decide(&self, request: &AdmissionRequest<'_>) -> TargetVerdict {
        self.decide_about(request, &Pods::default()).verdict
    }

    fn decide_all(&self, requests: &[AdmissionRequest<'_>]) -> Vec<TargetVerdict> {
        let pods = Pods::default();
        let mut verdicts = Verdicts::default();
        let verdict = |request| {
            let ask =
                |asking: &AdmissionRequest<'_>, question: &_| decision(self.rbac, asking.user, asking.groups, question);
            verdicts.of(request, ask, || self.decide_about(request, &pods))
        };
        requests.iter().map(verdict).collect()
    }

    fn unsupported(&self) -> &[Unsupported] {
        &self.unsupported
    }

    fn side(&self, subject: &Subject) -> Result<Box<dyn Side + '_>, Unproven> {
        Ok(Box::new(side(self, subject)?))
    }

    fn situations(&self, namespace: &str) -> Option<Box<dyn Situations + '_>> {
        Some(situations(side(self, &somebody(namespace))))
    }
}

impl NativePolicies<'_> {
    /// Decides about one of the requests that `pods` are of.
    fn decide_about<'r>(&self, request: &AdmissionRequest<'r>, pods: &Pods<'r>) -> Fresh {
        let authorizer = Interview::new(self.rbac, request.user, request.groups);
        let surroundings = Surroundings {
            authorize: &authorizer,
            namespace_object: self.namespace(request.namespace),
            params: &self.params,
            redefault: &|pod| Ok(pods.changed(pod)),
        };
        let mut asked = cel_request(request, pods);
        let mutated = self.policies.mutate(&asked, &surroundings);
        let mut verdict = TargetVerdict { allowed: true, ..TargetVerdict::default() };
        if let Some(pod) = &mutated.object {
            asked.object = pod.clone();
        }
        take_in(mutated, &mut verdict);
        if verdict.allowed {
            if request.operation == Operation::Create {
                asked.object = pods.prepared(asked.object);
            }
            self.validate_pod(&asked, &mut verdict);
            take_in(self.policies.validate(&asked, &surroundings), &mut verdict);
        }
        let (questions, unsupported) = authorizer.into_parts();
        verdict.unsupported.extend(unsupported);
        verdict.pod = asked.object.json().clone();
        Fresh { verdict, questions: (!asked.requester_seen.is_noted()).then_some(questions) }
    }

    /// The API server refuses some pods that were filled in.
    fn validate_pod(&self, request: &Request, verdict: &mut TargetVerdict) {
        if !self.validates_pods || request.operation != "CREATE" {
            return;
        }
        if let Some(refusal) = modern::refusal(&request.object, &request.name) {
            verdict.allowed = false;
            verdict.messages.push(refusal);
        }
    }
}

impl NativePolicies<'_> {
    /// The policies.
    pub(super) fn policies(&self) -> &Policies {
        &self.policies
    }

    /// What stands around requests to a namespace.
    pub(super) fn surroundings(&self, namespace: &str) -> Surroundings<'_> {
        Surroundings {
            authorize: &self.grants,
            namespace_object: self.namespace(namespace),
            params: &self.params,
            redefault: &redefaulted,
        }
    }

    /// Whether the API server's validation of filled pods counts.
    pub(super) fn validates_pods(&self) -> bool {
        self.validates_pods
    }
}

fn take_in(outcome: AdmissionOutcome, verdict: &mut TargetVerdict) {
    verdict.allowed &= outcome.denials.is_empty();
    verdict.messages.extend(outcome.denials.into_iter().map(|denial| denial.error));
    verdict.warnings.extend(outcome.warnings);
    verdict.audit.extend(outcome.audit_annotations.into_iter().map(|annotation| (annotation.key, annotation.value)));
    if !outcome.audited.is_empty() {
        let failures: Vec<_> = outcome.audited.into_iter().take(MOST_AUDITED).collect();
        let key = "validation.policy.admission.k8s.io/validation_failure".to_owned();
        verdict.audit.push((key, serde_json::to_string(&failures).unwrap_or_default()));
    }
    verdict.unsupported.extend(outcome.cannot_evaluate.into_iter().map(|unknown| Unsupported {
        document: unknown.policy,
        path: String::new(),
        why: unknown.what,
    }));
}
