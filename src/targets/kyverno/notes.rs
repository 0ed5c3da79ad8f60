//! What the reader of the report must know about Kyverno, and the Helm values that undo what can be undone.

use crate::plan::{Enforcement, Plan, RbacMode};

/// The notes of an emission.
pub(super) fn notes(plan: &Plan<'_>) -> Vec<String> {
    let mut notes = vec![grants(plan).to_owned()];
    notes.push(
        if plan.options.cover_ephemeral_containers {
            "Ephemeral containers that are added to running pods are judged too, unlike before; nothing is filled into them."
        } else {
            "Ephemeral containers that are added to running pods (`kubectl debug`) are not judged, as before."
        }
        .to_owned(),
    );
    if plan.policies.is_empty() {
        notes.push("There is no usable policy: every pod is denied, as the plug-in denies it.".to_owned());
    }
    if plan.options.enforcement == Enforcement::Audit {
        notes.push("Violations are only reported: convert with `--mode deny` to have them refused.".to_owned());
    }
    notes
}

fn grants(plan: &Plan<'_>) -> &'static str {
    match plan.options.rbac {
        Some(RbacMode::Live) => {
            "Grants are frozen as they were at conversion time, although they were wanted live: in Kyverno an `authorizer` \
             answers another question than it is asked. Later changes of roles and bindings have no effect until the \
             policies are made again."
        }
        _ => {
            "Grants are frozen as they were at conversion time: later changes of roles and bindings have no effect until \
             the policies are made again."
        }
    }
}

/// What Kyverno's own installation changes against the plug-in.
pub(super) const INSTALLATION: [&str; 6] = [
    "Kyverno's chart leaves `kube-system`, `kube-public` and `kube-node-lease` out of every policy; the plug-in did not. Helm \
     values: `config.resourceFiltersExcludeNamespaces: [kube-system, kube-public, kube-node-lease]` takes their filters away, \
     and `config.webhooks.namespaceSelector: {matchExpressions: []}` the webhooks' own exemption of `kube-system` (1.12).",
    "Pods in Kyverno's own namespace are not judged. Helm value: `config.excludeKyvernoNamespace: false`; Kyverno must then be \
     able to start without itself.",
    "The policies say `failurePolicy: Fail`, as the plug-in could not be passed by. A webhook that cannot be reached for ten \
     seconds then refuses pods: run several replicas (`admissionController.replicas: 3`), and do not set \
     `features.forceFailurePolicyIgnore.enabled`, which lets everything pass.",
    "Before 1.10 Kyverno left out what the groups `system:serviceaccounts:kube-system` and `system:nodes` ask for, hence all \
     pods of workloads; since then only `system:nodes`, hence mirror pods of the kubelet. Helm value: `config.excludeGroups: []`.",
    "A PolicyException of whoever may write one takes pods out. Helm value: leave `features.policyExceptions.enabled` off.",
    "Mutating webhooks that run after Kyverno's can change a pod once more. The validating policy judges what they leave.",
];

/// What whoever converts to ClusterPolicies must know.
pub(super) const NOT_FOR_LONG: &str = "Kyverno 1.20 does not execute ClusterPolicies: after an upgrade every pod is let \
    through, and nothing says so; move to the target `kyverno` before";

/// The notes of an emission of ClusterPolicies.
pub(super) fn cluster_policy_notes(plan: &Plan<'_>) -> Vec<String> {
    let mut notes = vec![format!("{NOT_FOR_LONG}.")];
    notes.extend(self::notes(plan));
    if plan.options.kyverno_minor < 13 {
        notes.push(
            "Kyverno before 1.13 knows no `failureAction` and `allowExistingViolations` in a rule: take them out where the API \
             server refuses them; `validationFailureAction` says the same."
                .to_owned(),
        );
    }
    notes
}
