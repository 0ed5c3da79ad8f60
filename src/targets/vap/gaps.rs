//! What native policies cannot say, each with a pod that shows it.

use serde_json::{Value, json};

use super::access;
use super::emit::Form;
use crate::constraint::{Constraint, Fill, Test};
use crate::plan::{Plan, PlannedPolicy};
use crate::pod_view::Field;
use crate::targets::Gap;

/// The gaps of an emission.
pub(super) fn gaps(plan: &Plan<'_>, form: Form, fills: bool) -> Vec<Gap> {
    let mut gaps: Vec<Gap> = plan.policies.iter().filter_map(empty_groups).collect();
    if !fills {
        gaps.extend(plan.policies.iter().filter(|policy| fills_something(policy)).map(lost_fills));
    }
    if let Form::Claimed { asks_extensions } = form {
        gaps.push(claims(access::most_policies(asks_extensions)));
    }
    gaps
}

/// `supplementalGroups: []` is refused under `MustRunAs`; the newer server shows CEL no empty lists.
fn empty_groups(policy: &PlannedPolicy<'_>) -> Option<Gap> {
    let rule = policy.rules.iter().find(|rule| speaks_of_empty_groups(&rule.constraint))?;
    Some(Gap {
        code: "empty-supplemental-groups",
        policy: Some(policy.name.to_owned()),
        control: Some(rule.control),
        message:
            "an explicitly empty `supplementalGroups` was refused; native policies cannot tell it from an absent one, \
                  which is filled in"
                .to_owned(),
        witness: Some(pod(json!({"supplementalGroups": []}))),
    })
}

fn speaks_of_empty_groups(constraint: &Constraint) -> bool {
    match constraint {
        Constraint::All(parts) | Constraint::Any(parts) => parts.iter().any(speaks_of_empty_groups),
        Constraint::Field(Field::SupplementalGroups, Test::Not(test)) => **test == Test::Empty,
        _ => false,
    }
}

/// Whether the policy writes what today's pods have a place for.
pub(super) fn fills_something(policy: &PlannedPolicy<'_>) -> bool {
    policy.fills.iter().any(|fill| *fill != Fill::CopySeccompToAnnotation)
}

fn lost_fills(policy: &PlannedPolicy<'_>) -> Gap {
    Gap {
        code: "fills-lost",
        policy: Some(policy.name.to_owned()),
        control: None,
        message:
            "what the policy fills in is not filled in before 1.36: such pods are admitted, and updated, as they are; \
                  write the values into the manifests"
                .to_owned(),
        witness: Some(pod(json!({}))),
    }
}

fn claims(most: usize) -> Gap {
    Gap {
        code: "claimed-policy-only",
        policy: None,
        control: None,
        message: format!(
            "only the policy that the annotation `kubernetes.io/psp` names is judged, where the plug-in tried all of them: \
             at most {most} policies can be asked for at admission; freeze the grants to have all of them tried"
        ),
        witness: Some(pod(json!({}))),
    }
}

/// The smallest pod with this security context.
fn pod(context: Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "witness", "namespace": "default"},
        "spec": {"securityContext": context, "containers": [{"name": "c", "image": "registry.example.com/app:1"}]},
    })
}
