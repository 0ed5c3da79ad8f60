//! What CEL cannot say of a pod, whichever engine runs it.

use serde_json::{Value, json};

use crate::constraint::{Constraint, Test};
use crate::plan::PlannedPolicy;
use crate::pod_view::Field;
use crate::targets::Gap;

/// `supplementalGroups: []` is refused under `MustRunAs`; the newer server shows CEL no empty lists.
pub(in crate::targets) fn empty_groups(policy: &PlannedPolicy<'_>) -> Option<Gap> {
    let rule = policy.rules.iter().find(|rule| speaks_of_empty_groups(&rule.constraint))?;
    Some(Gap {
        code: "empty-supplemental-groups",
        policy: Some(policy.name.to_owned()),
        control: Some(rule.control),
        message:
            "an explicitly empty `supplementalGroups` was refused; policies in CEL cannot tell it from an absent one, \
                  which is filled in"
                .to_owned(),
        witness: Some(witness(json!({"supplementalGroups": []}))),
    })
}

fn speaks_of_empty_groups(constraint: &Constraint) -> bool {
    match constraint {
        Constraint::All(parts) | Constraint::Any(parts) => parts.iter().any(speaks_of_empty_groups),
        Constraint::Field(Field::SupplementalGroups, Test::Not(test)) => **test == Test::Empty,
        _ => false,
    }
}

/// The smallest pod with this security context.
pub(in crate::targets) fn witness(context: Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "witness", "namespace": "default"},
        "spec": {"securityContext": context, "containers": [{"name": "c", "image": "registry.example.com/app:1"}]},
    })
}
