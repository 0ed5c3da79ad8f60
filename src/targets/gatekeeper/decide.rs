//! What Gatekeeper makes of a request, by the documents that were read back: mutators first, then every constraint.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::constraint::{Action, Constraint};
use super::judge::Judge;
use super::matching::{Fit, Subject, labels_of};
use super::mutators::{Mutator, apply_all};
use super::review::as_written;
use super::side::{GatekeeperSide, Situation};
use super::template::{Template, Violation};
use super::text_at;
use crate::admission::Operation;
use crate::modern;
use crate::symbolic::{Side, Situations, Subject as Symbolic, Unproven};
use crate::targets::{AdmissionRequest, Decider, TargetVerdict, Unsupported};

/// Templates, constraints and mutators, ready to run.
pub struct Documents {
    pub(super) constraints: Vec<Judge>,
    pub(super) mutators: Vec<Mutator>,
    pub(super) namespaces: BTreeMap<String, Namespace>,
    unsupported: Vec<Unsupported>,
    pub(super) validates_pods: bool,
}

/// A namespace that is known.
pub(super) struct Namespace {
    object: Value,
    pub(super) labels: BTreeMap<String, String>,
}

impl Documents {
    /// Reads what Gatekeeper would act on; everything else is passed over.
    pub fn read(documents: &[Value], namespaces: &[Value]) -> Self {
        let namespace = |object: &Value| {
            let name = text_at(object, "/metadata/name")?.to_owned();
            Some((name, Namespace { object: object.clone(), labels: labels_of(object) }))
        };
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
            Ok(constraint) => self.constraints.push(Judge::new(constraint, template)),
            Err(unsupported) => self.unsupported.push(unsupported),
        }
    }
}

impl Decider for Documents {
    fn decide(&self, request: &AdmissionRequest<'_>) -> TargetVerdict {
        let mut verdict = TargetVerdict {
            allowed: true,
            pod: as_written(request.object).into(),
            unsupported: self.unsupported.clone(),
            ..TargetVerdict::default()
        };
        let namespace = self.namespaces.get(request.namespace);
        // The mutating webhook is not sent subresources unless somebody adds them to its rules.
        if request.subresource.is_empty() {
            let labels = namespace.map(|namespace| &namespace.labels);
            let subject = Subject { namespace: request.namespace, namespace_labels: labels, pod: &verdict.pod };
            match apply_all(&self.mutators, request.operation, subject) {
                Ok(Some(pod)) => verdict.pod = as_written(&pod).into(),
                Ok(None) => {}
                Err(refused) => {
                    return TargetVerdict { allowed: false, messages: vec![refused.to_string()], ..verdict };
                }
            }
        }
        if self.validates_pods && request.operation == Operation::Create {
            verdict.messages.extend(modern::refusal(&verdict.pod, request.name));
        }
        for judge in &self.constraints {
            let (lines, unsupported) = lines(judge, request, &verdict.pod, namespace);
            verdict.unsupported.extend(unsupported);
            match judge.constraint.action {
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

    fn side(&self, subject: &Symbolic) -> Result<Box<dyn Side + '_>, Unproven> {
        Ok(Box::new(GatekeeperSide::new(self, subject)?))
    }

    fn situations(&self, _namespace: &str) -> Option<Box<dyn Situations + '_>> {
        Some(Box::new(Situation::new(self)))
    }
}

/// What a constraint says against the pod, as the client reads it, and what of it could not be evaluated.
fn lines(
    judge: &Judge,
    request: &AdmissionRequest<'_>,
    pod: &Value,
    namespace: Option<&Namespace>,
) -> (Vec<String>, Vec<Unsupported>) {
    let Constraint { name, action, matches, .. } = &judge.constraint;
    if matches!(action, Action::Off | Action::DryRun) {
        return Default::default();
    }
    let labels = namespace.map(|namespace| &namespace.labels);
    let fits = |pod| matches.fits(Subject { namespace: request.namespace, namespace_labels: labels, pod });
    let (new, old) = (fits(pod), request.old_object.map(fits));
    if new == Fit::UnknownNamespace || old == Some(Fit::UnknownNamespace) {
        return (vec![format!("[{name}] Namespace is not cached in OPA.")], Vec::new());
    }
    if new == Fit::No && old != Some(Fit::Yes) {
        return Default::default();
    }
    let (violations, unsupported) = judge.violations(request, pod, namespace.map(|namespace| &namespace.object));
    (violations.iter().map(|Violation(message)| format!("[{name}] {message}")).collect(), unsupported)
}

fn of_group<'a>(documents: &'a [Value], group: &str) -> impl Iterator<Item = &'a Value> {
    documents.iter().filter(move |document| {
        let version = text_at(document, "/apiVersion").and_then(|version| version.split_once('/'));
        version.is_some_and(|(own, _)| own == group)
    })
}
