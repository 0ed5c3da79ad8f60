//! The documents: the template, and the constraint that carries the policies.

use serde_json::{Map, Value, json};

use super::grants::grants_json;
use super::mutators::mutators;
use super::notes::add_notes;
use super::schema::parameters_schema;
use crate::plan::{ENFORCE_LABEL, Enforcement, Plan, PlannedPolicy};
use crate::targets::{Emission, Emitted};

/// The template's Rego, the same for every cluster.
pub(super) const REGO: &str = include_str!("../../../templates/gatekeeper/podsecuritypolicyset.rego");
/// The kind of the constraint; in lower case the template's name.
pub(super) const KIND: &str = "PodSecurityPolicySet";
/// The name of the constraint.
const CONSTRAINT: &str = "pod-security-policies";

/// The keys of a policy's annotations that have a meaning.
const ANNOTATIONS: [&str; 4] = [
    "apparmor.security.beta.kubernetes.io/allowedProfileNames",
    "apparmor.security.beta.kubernetes.io/defaultProfileName",
    "seccomp.security.alpha.kubernetes.io/allowedProfileNames",
    "seccomp.security.alpha.kubernetes.io/defaultProfileName",
];

/// Everything that is emitted for a plan.
pub(super) fn emission(plan: &Plan<'_>) -> Emission {
    let emitted = |file: &str, document| Emitted { file: file.to_owned(), document };
    let mut documents = vec![emitted("psp-constrainttemplate.yaml", template())];
    documents.extend(constraints(plan).into_iter().map(|(file, document)| emitted(file, document)));
    let mut emission = Emission { documents, ..Emission::default() };
    mutators(plan, &mut emission);
    add_notes(plan, &mut emission);
    emission
}

/// The ConstraintTemplate. `v1` and the legacy `rego` field together are understood from Gatekeeper 3.6 to the latest.
fn template() -> Value {
    json!({
        "apiVersion": "templates.gatekeeper.sh/v1",
        "kind": "ConstraintTemplate",
        "metadata": {
            "name": KIND.to_ascii_lowercase(),
            "annotations": {
                "description": "Admits a pod when one of the PodSecurityPolicies that the requester or the pod's service account may use admits it.",
            },
        },
        "spec": {
            "crd": {"spec": {
                "names": {"kind": KIND},
                "validation": {"openAPIV3Schema": parameters_schema()},
            }},
            "targets": [{"target": "admission.k8s.gatekeeper.sh", "rego": REGO}],
        },
    })
}

/// The constraint, or one that warns everywhere and one that denies where a namespace asks for it, each with its file.
fn constraints(plan: &Plan<'_>) -> Vec<(&'static str, Value)> {
    let everywhere = json!({"kinds": [{"apiGroups": [""], "kinds": ["Pod"]}]});
    let constraint = |name: String, action: &str, matches: Value| {
        json!({
            "apiVersion": "constraints.gatekeeper.sh/v1beta1",
            "kind": KIND,
            "metadata": {"name": name},
            "spec": {"enforcementAction": action, "match": matches, "parameters": parameters(plan)},
        })
    };
    let alone = |action| vec![("psp-constraint.yaml", constraint(CONSTRAINT.to_owned(), action, everywhere.clone()))];
    match plan.options.enforcement {
        Enforcement::Deny => alone("deny"),
        Enforcement::Audit => alone("warn"),
        Enforcement::Staged => {
            let (label, value) = ENFORCE_LABEL;
            let mut labelled = everywhere.clone();
            if let Some(matches) = labelled.as_object_mut() {
                matches.insert("namespaceSelector".to_owned(), json!({"matchLabels": {label: value}}));
            }
            vec![
                ("psp-constraint-warn.yaml", constraint(format!("{CONSTRAINT}-warn"), "warn", everywhere)),
                ("psp-constraint-deny.yaml", constraint(format!("{CONSTRAINT}-deny"), "deny", labelled)),
            ]
        }
    }
}

fn parameters(plan: &Plan<'_>) -> Value {
    let release = &plan.release;
    json!({
        "defaulting": "Require",
        "auditUnknownUser": "deny",
        "coverEphemeralContainers": plan.options.cover_ephemeral_containers,
        "judgeEphemeralContainers": release.validates_ephemeral_containers() || plan.options.cover_ephemeral_containers,
        "exemptTokenVolumes": release.exempts_token_volumes(),
        "safeSysctls": release.safe_sysctls(),
        "policies": plan.policies.iter().map(policy_json).collect::<Vec<_>>(),
    })
}

fn policy_json(policy: &PlannedPolicy<'_>) -> Value {
    let mut spec = policy.parameters.as_object().cloned().unwrap_or_default();
    let annotations = spec.remove("annotations").unwrap_or_default();
    let known = |key: &&str| annotations.get(*key).map(|value| ((*key).to_owned(), value.clone()));
    json!({
        "name": policy.name,
        "annotations": ANNOTATIONS.iter().filter_map(known).collect::<Map<_, _>>(),
        "grants": grants_json(&policy.grants),
        "spec": spec,
    })
}
