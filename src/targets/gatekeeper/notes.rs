//! What the reader of the report must know about Gatekeeper, and the Helm values that undo what can be undone.

use serde_json::Value;

use super::text_at;
use crate::plan::Plan;
use crate::targets::{Emission, Gap};

/// etcd takes no object above 1.5 MiB; a constraint near that is told in time.
const MAX_CONSTRAINT_BYTES: usize = 1_400_000;

/// How admission by Gatekeeper differs from the plug-in whatever the constraint says.
pub(super) fn residual() -> Vec<String> {
    [
        "Grants are written down as they are now: a Role or RoleBinding that changes later changes nothing until the constraint \
         is made again.",
        "Gatekeeper lets requests pass when its webhook cannot be reached; the plug-in never did. Helm values: \
         `validatingWebhookFailurePolicy: Fail`, `mutatingWebhookFailurePolicy: Fail`, and `validatingWebhookTimeoutSeconds: 10`.",
        "Gatekeeper never sees pods in its own namespace, in namespaces with the label `admission.gatekeeper.sh/ignore`, or \
         those that its own service account asks for. Helm values: leave `controllerManager.exemptNamespaces` and \
         `controllerManager.exemptNamespacePrefixes` empty.",
        "Refusals come with the webhook's words around them, and a pod that a webhook behind Gatekeeper's changes is not judged \
         again.",
    ]
    .map(str::to_owned)
    .to_vec()
}

/// Adds the notes and the gaps that every emission has.
pub(super) fn add_notes(plan: &Plan<'_>, emission: &mut Emission) {
    let mut documents = emission.documents.iter().map(|emitted| &emitted.document);
    let mutates = documents.any(|document| matches!(text_at(document, "/kind"), Some("Assign" | "ModifySet")));
    let always = [
        "The audit knows no requester: it judges by the pod's service account alone and reports pods that users were granted. \
         Set the parameter `auditUnknownUser` to `anyGrant` or `skip`, or use `enforcementAction: scoped` without the point \
         `audit.gatekeeper.sh`.",
        "Policies are joined by `or` inside one constraint. Two constraints of this kind on one pod are joined by `and`: keep one.",
        "The constraint demands that a pod holds what its policy fills in (`defaulting: Require`). For a rehearsal with \
         `enforcementAction: dryrun` beside workloads that are not yet changed, `defaulting: Assume` judges as if it did; enforced, \
         it would let pods run weaker than they did.",
        "A seccomp profile counts as field and as annotation, as it did. Kubernetes from 1.27 acts on the field alone: a pod with \
         only the annotation passes and runs without the profile.",
    ];
    emission.notes.extend(always.map(str::to_owned));
    if mutates {
        emission.notes.push(
            "Mutators name the operation CREATE, which Gatekeeper understands from 3.23. Before, they also run on UPDATE and make \
             the API server refuse updates of older pods; there, limit the webhook with the Helm value \
             `mutatingWebhookCustomRules: [{apiGroups: [\"\"], apiVersions: [v1], operations: [CREATE], resources: [pods]}]`."
                .to_owned(),
        );
        emission.notes.push(
            "Mutators write ids and profiles to the pod where the policies wrote them to each container: the same applies to \
             every container."
                .to_owned(),
        );
    }
    emission.gaps.extend(emission.documents.iter().filter_map(|emitted| too_big(&emitted.document)));
    if plan.policies.is_empty() {
        emission.notes.push("No policy takes part, so every pod is denied, as the plug-in did.".to_owned());
    }
}

fn too_big(document: &Value) -> Option<Gap> {
    let bytes = document.to_string().len();
    (bytes > MAX_CONSTRAINT_BYTES).then(|| Gap {
        code: "constraint-too-big",
        policy: None,
        control: None,
        message: format!(
            "the constraint is {bytes} bytes long, and the API server stores no more than about 1.5 million"
        ),
        witness: None,
    })
}
