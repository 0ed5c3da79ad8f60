//! Reads ClusterPolicy and Policy documents, whoever wrote them.

use serde_json::{Value as Json, json};

use super::matching::Blocks;
use super::mutate::Mutation;
use super::preconditions::Preconditions;
use crate::cel::policy::{Policies, text};
use crate::targets::Unsupported;

/// A ClusterPolicy, or a Policy.
#[derive(Debug)]
pub struct ClusterPolicy {
    /// Its name.
    pub name: String,
    pub(super) kind: String,
    /// The namespace that a Policy is limited to.
    pub(super) namespace: Option<String>,
    pub(super) fails_closed: bool,
    /// Whether what is not enforced is warned of.
    pub(super) warns: bool,
    pub(super) rules: Vec<Rule>,
    /// What in it cannot be evaluated.
    pub unsupported: Vec<Unsupported>,
}

/// One rule.
#[derive(Debug)]
pub(in super::super) struct Rule {
    pub(super) name: String,
    pub(super) matches: Blocks,
    pub(super) excludes: Blocks,
    pub(super) preconditions: Preconditions,
    pub(super) action: Action,
}

#[derive(Debug)]
pub(super) enum Action {
    Validate { enforced: bool, policies: Box<Policies> },
    Mutate(Mutation),
}

const SPEC: [&str; 10] = [
    "rules",
    "validationFailureAction",
    "background",
    "failurePolicy",
    "admission",
    "schemaValidation",
    "applyRules",
    "webhookTimeoutSeconds",
    "generateExisting",
    "emitWarning",
];
const RULE: [&str; 7] = ["name", "match", "exclude", "preconditions", "celPreconditions", "validate", "mutate"];
const VALIDATE: [&str; 4] = ["cel", "message", "failureAction", "allowExistingViolations"];
const CEL: [&str; 4] = ["expressions", "variables", "auditAnnotations", "generate"];

/// Where something is not understood, and why.
type Misread = (String, String);

impl ClusterPolicy {
    /// Whether it is for one namespace alone.
    pub(in super::super) fn is_limited(&self) -> bool {
        self.namespace.is_some()
    }

    /// The policy, if the document is one.
    pub fn read(document: &Json) -> Option<Self> {
        let (group, _) = text(document, "/apiVersion").split_once('/')?;
        let kind = text(document, "/kind");
        if group != "kyverno.io" || !["ClusterPolicy", "Policy"].contains(&kind) {
            return None;
        }
        if document.pointer("/spec/admission").is_some_and(|admission| admission == false) {
            return None;
        }
        let namespace = match text(document, "/metadata/namespace") {
            "" => "default",
            namespace => namespace,
        };
        let mut policy = Self {
            name: text(document, "/metadata/name").to_owned(),
            kind: kind.to_owned(),
            namespace: (kind == "Policy").then(|| namespace.to_owned()),
            fails_closed: text(document, "/spec/failurePolicy") != "Ignore",
            warns: document.pointer("/spec/emitWarning").is_some_and(|warns| warns == true),
            rules: Vec::new(),
            unsupported: Vec::new(),
        };
        policy.refuse(unknown(document.get("spec"), &SPEC, "spec"));
        if text(document, "/spec/applyRules") == "One" {
            policy.refuse(Some(("spec.applyRules".to_owned(), "`One` cannot be evaluated here".to_owned())));
        }
        let rules = document.pointer("/spec/rules").and_then(Json::as_array);
        for (index, rule) in rules.into_iter().flatten().enumerate() {
            match Rule::read(rule, document, &format!("spec.rules[{index}]")) {
                Ok(rule) => policy.rules.extend(rule),
                Err(misread) => policy.refuse(Some(misread)),
            }
        }
        Some(policy)
    }

    fn refuse(&mut self, misread: Option<Misread>) {
        let document = format!("{}/{}", self.kind, self.name);
        self.unsupported.extend(misread.map(|(path, why)| Unsupported { document, path, why }));
    }
}

impl Rule {
    fn read(rule: &Json, document: &Json, path: &str) -> Result<Option<Self>, Misread> {
        if rule.get("generate").is_some() {
            return Ok(None);
        }
        if let Some(misread) = unknown(Some(rule), &RULE, path) {
            return Err(misread);
        }
        let action = match (rule.get("validate"), rule.get("mutate")) {
            (Some(_), None) => validate(rule, document, path)?,
            (None, Some(mutate)) => Action::Mutate(Mutation::read(mutate, &format!("{path}.mutate"))?),
            _ => return Err((path.to_owned(), "a rule validates or mutates".to_owned())),
        };
        Ok(Some(Self {
            name: text(rule, "/name").to_owned(),
            matches: Blocks::read(rule.get("match"), &format!("{path}.match"))?,
            excludes: Blocks::read(rule.get("exclude"), &format!("{path}.exclude"))?,
            preconditions: Preconditions::read(rule.get("preconditions"), &format!("{path}.preconditions"))?,
            action,
        }))
    }
}

/// The first key that is not among those that are understood.
fn unknown(value: Option<&Json>, keys: &[&str], path: &str) -> Option<Misread> {
    let fields = value.and_then(Json::as_object).into_iter().flatten();
    let (key, _) = fields.into_iter().find(|(key, _)| !keys.contains(&key.as_str()))?;
    Some((format!("{path}.{key}"), format!("`{key}` cannot be evaluated here")))
}

/// `validate.cel` runs on the API server's own code for ValidatingAdmissionPolicy.
fn validate(rule: &Json, document: &Json, path: &str) -> Result<Action, Misread> {
    let validate = rule.get("validate");
    let path = format!("{path}.validate");
    if let Some(misread) = unknown(validate, &VALIDATE, &path) {
        return Err(misread);
    }
    let Some(cel) = validate.and_then(|validate| validate.get("cel")) else {
        return Err((path, "a rule without `cel` cannot be evaluated here".to_owned()));
    };
    if let Some(misread) = unknown(Some(cel), &CEL, &format!("{path}.cel")) {
        return Err(misread);
    }
    if rule.to_string().contains("authorizer") {
        return Err((format!("{path}.cel"), "Kyverno's `authorizer` cannot be evaluated here".to_owned()));
    }
    let expressions = cel.get("expressions").and_then(Json::as_array).into_iter().flatten();
    let message = text(rule, "/validate/message");
    let expressions = expressions.map(|expression| {
        let mut expression = expression.clone();
        if let Some(fields) = expression.as_object_mut() {
            fields.entry("message").or_insert_with(|| json!(message));
        }
        expression
    });
    let name = text(rule, "/name");
    let policy = json!({
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name},
        "spec": {
            "matchConditions": rule.get("celPreconditions").cloned().unwrap_or_default(),
            "variables": cel.get("variables").cloned().unwrap_or_default(),
            "validations": expressions.collect::<Vec<_>>(),
            "auditAnnotations": cel.get("auditAnnotations").cloned().unwrap_or_default(),
        },
    });
    let binding = json!({
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": name},
        "spec": {"policyName": name, "validationActions": ["Deny"]},
    });
    let policies = Policies::read([&policy, &binding], LIBRARIES);
    if let Some(refusal) = policies.refusals().next() {
        let field = refusal.field.replace("spec.validations", "cel.expressions").replace("spec.", "cel.");
        return Err((format!("{path}.{field}"), refusal.finding.message.clone()));
    }
    let action = match text(rule, "/validate/failureAction") {
        "" => text(document, "/spec/validationFailureAction"),
        own => own,
    };
    Ok(Action::Validate { enforced: action.eq_ignore_ascii_case("enforce"), policies: Box::new(policies) })
}

/// The server's version whose CEL libraries Kyverno 1.19 carries.
const LIBRARIES: u32 = 36;
