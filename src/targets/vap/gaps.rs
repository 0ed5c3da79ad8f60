//! What native policies cannot say, each with a pod that shows it.

use serde_json::json;

use super::access;
use super::emit::Form;
use crate::plan::{Plan, PlannedPolicy};
use crate::targets::Gap;
use crate::targets::cel_policies::fills_something;
use crate::targets::cel_policies::gaps::{empty_groups, witness};

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

fn lost_fills(policy: &PlannedPolicy<'_>) -> Gap {
    Gap {
        code: "fills-lost",
        policy: Some(policy.name.to_owned()),
        control: None,
        message:
            "what the policy fills in is not filled in before 1.36: such pods are admitted, and updated, as they are; \
                  write the values into the manifests"
                .to_owned(),
        witness: Some(witness(json!({}))),
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
        witness: Some(witness(json!({}))),
    }
}
