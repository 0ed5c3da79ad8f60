//! What admission decided, in the API server's words.

use crate::cel::Object;

/// Everything that the policies had to say to one request.
#[derive(Debug, Clone, Default)]
pub struct AdmissionOutcome {
    /// All denials; the first one's message is the one the requester sees.
    pub denials: Vec<Denial>,
    /// Warnings shown to the requester.
    pub warnings: Vec<String>,
    /// Failures of bindings with the action `Audit`.
    pub audited: Vec<AuditedFailure>,
    /// Annotations for the audit event.
    pub audit_annotations: Vec<AuditAnnotation>,
    /// The object after mutation, where something changed it.
    pub object: Option<Object>,
    /// What could not be evaluated. Where there is anything, the outcome is no answer.
    pub cannot_evaluate: Vec<Unknown>,
}

/// The short of an outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// No policy objects.
    Allowed,
    /// The denial that the requester sees.
    Denied(&'a Denial),
    /// Something could not be evaluated.
    Unknown(&'a Unknown),
}

/// One reason for a denial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// The policy's name.
    pub policy: String,
    /// The binding's name; `None` where the policy itself is misconfigured.
    pub binding: Option<String>,
    /// What the validation says, e.g. `failed expression: …`.
    pub message: String,
    /// The whole error as the API server returns it.
    pub error: String,
    /// `Invalid`, `Forbidden`, `Unauthorized` or `RequestEntityTooLarge`.
    pub reason: String,
}

/// An entry of the audit annotation `validation.policy.admission.k8s.io/validation_failure`, as the API server writes it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditedFailure {
    /// What the validation says.
    pub message: String,
    /// The policy's name.
    pub policy: String,
    /// The binding's name.
    pub binding: String,
    /// Which of the policy's validations failed.
    pub expression_index: usize,
    /// The binding's actions.
    pub validation_actions: Vec<String>,
}

/// An annotation of the audit event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditAnnotation {
    /// `POLICY/KEY`
    pub key: String,
    /// At most 10 KiB.
    pub value: String,
}

/// Something that could not be evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// The policy's name.
    pub policy: String,
    /// What it is and where.
    pub what: String,
}

impl AdmissionOutcome {
    /// The short of it.
    pub fn verdict(&self) -> Verdict<'_> {
        match (self.cannot_evaluate.first(), self.denials.first()) {
            (Some(unknown), _) => Verdict::Unknown(unknown),
            (None, Some(denial)) => Verdict::Denied(denial),
            (None, None) => Verdict::Allowed,
        }
    }

    pub(super) fn cannot(&mut self, policy: &str, what: impl ToString) {
        self.cannot_evaluate.push(Unknown { policy: policy.to_owned(), what: what.to_string() });
    }
}
