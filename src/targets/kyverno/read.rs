//! Reads ValidatingPolicy and MutatingPolicy documents, whoever wrote them: expressions compiled once, types checked.

use serde_json::Value;

use crate::cel::policy::{Policy, text};
use crate::targets::Unsupported;

/// What a policy does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// ValidatingPolicy
    Validating,
    /// MutatingPolicy
    Mutating,
}

/// A policy of the group `policies.kyverno.io`.
#[derive(Debug)]
pub struct CelPolicy {
    /// What it does.
    pub kind: Kind,
    /// The namespace that it is limited to, for the kinds that have one.
    pub namespace: Option<String>,
    /// Its expressions.
    pub policy: Policy,
    /// What in it cannot be evaluated.
    pub unsupported: Vec<Unsupported>,
}

/// What a spec may hold that is understood here, or has no say in decisions about pods.
const FIELDS: [&str; 12] = [
    "matchConstraints",
    "matchConditions",
    "variables",
    "validations",
    "mutations",
    "auditAnnotations",
    "validationActions",
    "failurePolicy",
    "evaluation",
    "autogen",
    "webhookConfiguration",
    "reinvocationPolicy",
];

impl CelPolicy {
    /// The policy, if the document is one that takes part in admission.
    pub fn read(document: &Value) -> Option<Self> {
        let (group, _) = text(document, "/apiVersion").split_once('/')?;
        let kind = match text(document, "/kind") {
            _ if group != "policies.kyverno.io" => return None,
            "ValidatingPolicy" | "NamespacedValidatingPolicy" => Kind::Validating,
            "MutatingPolicy" | "NamespacedMutatingPolicy" => Kind::Mutating,
            _ => return None,
        };
        if !takes_part(document) {
            return None;
        }
        let namespaced = text(document, "/kind").starts_with("Namespaced");
        let namespace = match text(document, "/metadata/namespace") {
            "" => "default",
            namespace => namespace,
        };
        let policy = Policy::of_kyverno(document);
        Some(Self {
            kind,
            namespace: namespaced.then(|| namespace.to_owned()),
            unsupported: unsupported(document, &policy),
            policy,
        })
    }
}

/// Policies about bare JSON, and those that only scan what exists or change it afterwards, do not.
fn takes_part(document: &Value) -> bool {
    let evaluation = |pointer: &str| document.pointer(&format!("/spec/evaluation{pointer}"));
    evaluation("/mode").is_none_or(|mode| mode != "JSON")
        && evaluation("/admission/enabled").is_none_or(|enabled| enabled != false)
        && evaluation("/mutateExisting/enabled").is_none_or(|enabled| enabled != true)
}

fn unsupported(document: &Value, policy: &Policy) -> Vec<Unsupported> {
    let shown = format!("{}/{}", text(document, "/kind"), policy.name);
    let at = |path: String, why: String| Unsupported { document: shown.clone(), path, why };
    let refused = policy.refusals.iter().map(|refusal| at(refusal.field.clone(), refusal.finding.message.clone()));
    let fields = document.get("spec").and_then(Value::as_object).into_iter().flatten();
    let unknown = fields.map(|(key, _)| key).filter(|key| !FIELDS.contains(&key.as_str()));
    let unknown = unknown.map(|key| at(format!("spec.{key}"), "this field is not understood".to_owned()));
    let applied = document.pointer("/spec/evaluation/useServerSideApply").is_some_and(|on| on == true);
    let applied = applied.then(|| {
        at("spec.evaluation.useServerSideApply".to_owned(), "lists that are replaced are not understood".to_owned())
    });
    refused.chain(unknown).chain(applied).collect()
}
