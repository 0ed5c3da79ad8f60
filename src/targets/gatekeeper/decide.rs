//! What Gatekeeper makes of a request, by the documents that were read back: mutators first, then every constraint.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use regorus::Value as RegoValue;
use serde_json::Value;

use super::constraint::{Action, Constraint};
use super::matching::{Fit, Subject, labels_of};
use super::mutators::{Mutator, apply_all};
use super::review::{as_written, outline, review};
use super::template::{Template, Violation};
use super::text_at;
use crate::admission::Operation;
use crate::modern;
use crate::targets::{AdmissionRequest, Decider, TargetVerdict, Unsupported};

/// Templates, constraints and mutators, ready to run.
pub struct Documents {
    constraints: Vec<Ready>,
    mutators: Vec<Mutator>,
    namespaces: BTreeMap<String, BTreeMap<String, String>>,
    unsupported: Vec<Unsupported>,
    validates_pods: bool,
}

/// A constraint with its template, and the answers that it has given.
struct Ready {
    constraint: Constraint,
    template: Arc<Template>,
    answers: Mutex<HashMap<String, Arc<[Violation]>>>,
}

/// How many answers a constraint keeps.
const KEPT_ANSWERS: usize = 100_000;

impl Documents {
    /// Reads what Gatekeeper would act on; everything else is passed over.
    pub fn read(documents: &[Value], namespaces: &[Value]) -> Self {
        let namespace = |object: &Value| Some((text_at(object, "/metadata/name")?.to_owned(), labels_of(object)));
        let mut read = Self {
            constraints: Vec::new(),
            mutators: Vec::new(),
            namespaces: namespaces.iter().filter_map(namespace).collect(),
            unsupported: Vec::new(),
            validates_pods: true,
        };
        let mut templates = BTreeMap::new();
        for document in of_group(documents, "templates.gatekeeper.sh") {
            match Template::read(document) {
                Ok(template) => {
                    templates.insert(template.kind.clone(), Arc::new(template));
                }
                Err(unsupported) => read.unsupported.extend(unsupported),
            }
        }
        for document in of_group(documents, "constraints.gatekeeper.sh") {
            read.add_constraint(document, &templates);
        }
        for document in of_group(documents, "mutations.gatekeeper.sh") {
            match Mutator::read(document) {
                Ok(mutator) => read.mutators.extend(mutator),
                Err(unsupported) => read.unsupported.push(unsupported),
            }
        }
        read.mutators.sort_by(|a, b| a.id.cmp(&b.id));
        read
    }

    /// Leaves API validation of filled pods aside.
    #[must_use]
    pub fn without_pod_validation(self) -> Self {
        Self { validates_pods: false, ..self }
    }

    fn add_constraint(&mut self, document: &Value, templates: &BTreeMap<String, Arc<Template>>) {
        let kind = text_at(document, "/kind").unwrap_or_default();
        let Some(template) = templates.get(kind) else {
            let name = text_at(document, "/metadata/name").unwrap_or_default();
            let why = format!("there is no template for the kind `{kind}` that can be evaluated");
            let document = format!("{kind}/{name}");
            return self.unsupported.push(Unsupported { document, path: "kind".to_owned(), why });
        };
        match Constraint::read(document, &template.schema) {
            Ok(constraint) => {
                let answers = Mutex::default();
                self.constraints.push(Ready { constraint, template: Arc::clone(template), answers });
            }
            Err(unsupported) => self.unsupported.push(unsupported),
        }
    }
}

impl Decider for Documents {
    fn decide(&self, request: &AdmissionRequest<'_>) -> TargetVerdict {
        let mut verdict = TargetVerdict {
            allowed: true,
            pod: as_written(request.object),
            unsupported: self.unsupported.clone(),
            ..TargetVerdict::default()
        };
        let labels = self.namespaces.get(request.namespace);
        // The mutating webhook is not sent subresources unless somebody adds them to its rules.
        if request.subresource.is_empty() {
            let subject = Subject { namespace: request.namespace, namespace_labels: labels, pod: &verdict.pod };
            match apply_all(&self.mutators, request.operation, subject) {
                Ok(Some(pod)) => verdict.pod = as_written(&pod),
                Ok(None) => {}
                Err(refused) => {
                    return TargetVerdict { allowed: false, messages: vec![refused.to_string()], ..verdict };
                }
            }
        }
        if self.validates_pods && request.operation == Operation::Create {
            verdict.messages.extend(modern::refusal(&verdict.pod, request.name));
        }
        for ready in &self.constraints {
            let lines = ready.lines(request, &verdict.pod, labels);
            match ready.constraint.action {
                Action::Deny => verdict.messages.extend(lines),
                Action::Warn => verdict.warnings.extend(lines),
                Action::DryRun | Action::Off => {}
            }
        }
        verdict.allowed = verdict.messages.is_empty();
        verdict
    }

    fn unsupported(&self) -> &[Unsupported] {
        &self.unsupported
    }
}

impl Ready {
    /// What the constraint says against the pod, as the client reads it.
    fn lines(
        &self,
        request: &AdmissionRequest<'_>,
        pod: &Value,
        labels: Option<&BTreeMap<String, String>>,
    ) -> Vec<String> {
        let name = &self.constraint.name;
        if matches!(self.constraint.action, Action::Off | Action::DryRun) {
            return Vec::new();
        }
        let fits =
            |pod| self.constraint.matches.fits(Subject { namespace: request.namespace, namespace_labels: labels, pod });
        let (new, old) = (fits(pod), request.old_object.map(fits));
        if new == Fit::UnknownNamespace || old == Some(Fit::UnknownNamespace) {
            return vec![format!("[{name}] Namespace is not cached in OPA.")];
        }
        if new == Fit::No && old != Some(Fit::Yes) {
            return Vec::new();
        }
        self.violations(request, pod).iter().map(|Violation(message)| format!("[{name}] {message}")).collect()
    }

    /// The violations; pods that the template cannot tell apart are evaluated once.
    fn violations(&self, request: &AdmissionRequest<'_>, pod: &Value) -> Arc<[Violation]> {
        let review = match self.template.words() {
            Some(words) => outline(request, pod, words),
            None => review(request, pod),
        };
        let key = review.to_string();
        let known = |answers: &HashMap<String, Arc<[Violation]>>| answers.get(&key).map(Arc::clone);
        if let Some(answer) = known(&self.answers.lock().unwrap_or_else(PoisonError::into_inner)) {
            return answer;
        }
        let input = [("review", RegoValue::from(review)), ("parameters", self.constraint.parameters.clone())];
        let input: BTreeMap<_, _> = input.into_iter().map(|(key, value)| (RegoValue::from(key), value)).collect();
        let answer: Arc<[Violation]> = self.template.violations(RegoValue::from(input)).into();
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if answers.len() < KEPT_ANSWERS {
            answers.insert(key, Arc::clone(&answer));
        }
        answer
    }
}

fn of_group<'a>(documents: &'a [Value], group: &str) -> impl Iterator<Item = &'a Value> {
    documents.iter().filter(move |document| {
        let version = text_at(document, "/apiVersion").and_then(|version| version.split_once('/'));
        version.is_some_and(|(own, _)| own == group)
    })
}
