//! What the old server does with pods, and how pods reach it.

use serde_json::{Value, json};

use crate::admission::{Operation, Verdict};
use crate::cluster::Cluster;
use crate::input::{admit_service_account, default_pod};
use crate::pod_view::PodView;
use crate::rbac::PolicySet;

/// How the old server ends a request for a pod.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Ending {
    /// It lets the pod in, as it is then.
    Admitted(Value),
    /// No policy admits it.
    Denied,
    /// The pod is no pod, or becomes none by what the policy fills in.
    Invalid,
}

/// The pod as admission sees it: defaulted, with its service account's token.
pub(super) fn seen(cluster: &Cluster, pod: &Value) -> Value {
    let mut pod = pod.clone();
    default_pod(&mut pod);
    admit_service_account(&mut pod, None, u32::from(cluster.plugin().release().minor));
    pod
}

/// What becomes of a pod of somebody who may use these policies.
pub(super) fn decide(cluster: &Cluster, seen: &Value, usable: &PolicySet) -> Ending {
    decide_with(cluster, seen, |policy| cluster.may_use(policy, usable))
}

/// What becomes of a pod of somebody who may use the policies, by position in the plug-in, for which `usable` is true.
pub(super) fn decide_with(cluster: &Cluster, seen: &Value, usable: impl Fn(usize) -> bool) -> Ending {
    let Ok(view) = PodView::read(seen, cluster.plugin().release()) else {
        return Ending::Invalid;
    };
    match cluster.plugin().decide(Operation::Create, &view, usable) {
        Verdict::Admitted { pod: after, .. } => {
            let mut pod = seen.clone();
            after.write_into(&view, &mut pod);
            Ending::Admitted(pod)
        }
        Verdict::Denied { .. } => Ending::Denied,
        Verdict::Invalid { .. } => Ending::Invalid,
    }
}

/// The smallest pod that the API server takes.
pub(super) fn plain() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "witness"},
        "spec": {"containers": [{"name": "c", "image": "example"}]},
    })
}
