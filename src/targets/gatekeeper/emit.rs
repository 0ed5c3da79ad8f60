//! The documents: the template, and the constraint that carries the policies.

use serde_json::{Map, Value, json};

use super::grants::grants_json;
use super::mutators::mutators;
use super::notes::add_notes;
use super::schema::parameters_schema;
use crate::plan::{Enforcement, Plan, PlannedPolicy};
use crate::targets::{Emission, Emitted};

/// The template's Rego, the same for every cluster.
pub(super) const REGO: &str = include_str!("../../../templates/gatekeeper/podsecuritypolicyset.rego");
/// The kind of the constraint; in lower case the template's name.
pub(super) const KIND: &str = "PodSecurityPolicySet";
/// The name of the constraint.
pub(super) const CONSTRAINT: &str = "pod-security-policies";

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
    let documents =
        vec![emitted("psp-constrainttemplate.yaml", template()), emitted("psp-constraint.yaml", constraint(plan))];
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

fn constraint(plan: &Plan<'_>) -> Value {
    let action = match plan.options.enforcement {
        Enforcement::Deny => "deny",
        Enforcement::Audit => "warn",
    };
    json!({
        "apiVersion": "constraints.gatekeeper.sh/v1beta1",
        "kind": KIND,
        "metadata": {"name": CONSTRAINT},
        "spec": {
            "enforcementAction": action,
            "match": {"kinds": [{"apiGroups": [""], "kinds": ["Pod"]}]},
            "parameters": parameters(plan),
        },
    })
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
