//! What becomes of the pods that members of `system:masters` create themselves: mutators treat them like everybody's.
//!
//! The constraint knows users, so a member may still use every policy; only what is filled in beforehand is another.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::emit::{pod_in, writes};
use super::scope::{MASTERS, Usable};
use crate::admission::{Operation, Verdict};
use crate::cluster::{Outcome, Request};
use crate::plan::Plan;
use crate::pod_view::PodView;
use crate::targets::Gap;

/// That such a pod may end otherwise than it did, where there are mutators.
pub(super) fn filled_otherwise(plan: &Plan<'_>, places: &BTreeMap<Option<&str>, Usable>) -> Option<Gap> {
    let is_otherwise = |usable: &Usable| {
        let filled = usable.only();
        let fills = |policy: usize| plan.policies.get(policy).is_some_and(writes);
        let mut theirs = usable.masters.iter().filter(|policy| filled != Some(**policy));
        theirs.any(|policy| fills(*policy) || filled.is_some_and(fills))
    };
    let mut otherwise = places.iter().filter(|(_, usable)| is_otherwise(usable)).peekable();
    otherwise.peek()?;
    let witness = otherwise.find_map(|(place, usable)| witness(plan, places, *place, usable));
    let message = format!(
        "members of `{MASTERS}` may use every policy, and mutators know no users. Where everybody else has one policy, a pod \
         that a member creates itself gets what that policy fills in, whichever policy the plug-in would have chosen for it, \
         and may be refused for these values; what other policies filled in for members, such a pod must hold by itself. \
         Pods that controllers create for workloads are not concerned"
    );
    Some(Gap { code: "masters-filled-otherwise", policy: None, control: None, message, witness })
}

/// A pod for which the plug-in chooses another policy than the one whose fills it now gets.
fn witness(
    plan: &Plan<'_>,
    places: &BTreeMap<Option<&str>, Usable>,
    place: Option<&str>,
    usable: &Usable,
) -> Option<Value> {
    let unnamed = ["default", "any-other"].into_iter().find(|name| !places.contains_key(&Some(*name)));
    let namespace = place.or(unnamed)?;
    let containers = |context: Value| json!([{"name": "c", "image": "image", "securityContext": context}]);
    let specs = [
        json!({}),
        json!({"containers": containers(json!({"privileged": true}))}),
        json!({"securityContext": {"runAsUser": 0}}),
        json!({"hostNetwork": true}),
        json!({"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}),
    ];
    let mut pods = specs.into_iter().map(|spec| pod_in(namespace, spec));
    pods.find(|pod| chosen(plan, namespace, pod).is_some_and(|chosen| usable.only() != Some(chosen)))
}

/// The policy that the plug-in chooses for a member's pod.
fn chosen(plan: &Plan<'_>, namespace: &str, pod: &Value) -> Option<usize> {
    let groups = [MASTERS.to_owned(), "system:authenticated".to_owned()];
    let request = Request {
        namespace,
        user: "member",
        groups: &groups,
        subresource: "",
        pod,
        operation: Operation::Create,
        old_pod: None,
    };
    let view = PodView::read(pod, &plan.release).ok()?;
    match plan.cluster.decide(&request, &view) {
        Outcome::Decided(Verdict::Admitted { by, .. }) => Some(by),
        _ => None,
    }
}
