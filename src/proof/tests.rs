use serde_json::{Value, json};

use super::*;
use crate::admission::{Operation, Verdict};
use crate::cluster::Cluster;
use crate::pod_view::PodView;
use crate::rbac::{PolicySet, RbacOptions};
use crate::release::Release;

fn cluster(policies: &[Value]) -> Cluster {
    let policies: Vec<Value> = policies
        .iter()
        .enumerate()
        .map(|(at, spec)| {
            let any = json!({"rule": "RunAsAny"});
            let mut full = json!({"seLinux": any, "runAsUser": any, "supplementalGroups": any, "fsGroup": any});
            for (key, value) in spec.as_object().unwrap() {
                full[key] = value.clone();
            }
            json!({"apiVersion": "policy/v1beta1", "kind": "PodSecurityPolicy", "metadata": {"name": format!("p{at}")}, "spec": full})
        })
        .collect();
    Cluster::new(&policies, [], Release::default(), RbacOptions::default()).unwrap()
}

fn decide(cluster: &Cluster, pod: &Value) -> Option<Value> {
    let view = PodView::read(pod, cluster.plugin().release()).unwrap();
    match cluster.plugin().decide(Operation::Create, &view, |_| true) {
        Verdict::Admitted { pod: result, .. } => {
            let mut pod = pod.clone();
            result.write_into(&view, &mut pod);
            Some(modern::in_todays_terms(&pod, false))
        }
        _ => None,
    }
}

fn all(cluster: &Cluster) -> PolicySet {
    (0..cluster.plugin().policies().len()).collect()
}

/// Two sets of policies, compared for somebody who may use them all.
fn compared(first: &[Value], second: &[Value]) -> Proof {
    let (first, second) = (cluster(first), cluster(second));
    let replay = |pod: &Value| {
        let difference = match (decide(&first, pod), decide(&second, pod)) {
            (Some(one), Some(other)) => (one != other).then_some(Difference::FilledDifferently),
            (Some(_), None) => Some(Difference::Stricter),
            (None, Some(_)) => Some(Difference::Looser),
            (None, None) => None,
        };
        Replay { is_comparable: true, difference }
    };
    prove(&Question {
        first: &UsablePolicies::new(&first, &all(&first)),
        second: &UsablePolicies::new(&second, &all(&second)),
        place: Place { namespace: "default".to_owned(), account: "default".to_owned() },
        target_minor: 37,
        compares: Compares::Pods,
        replay: &replay,
    })
}

fn restricted() -> Value {
    json!({"privileged": false, "allowPrivilegeEscalation": false, "requiredDropCapabilities": ["ALL"],
        "volumes": ["configMap", "emptyDir", "projected", "secret", "downwardAPI", "persistentVolumeClaim"],
        "runAsUser": {"rule": "MustRunAsNonRoot"}, "supplementalGroups": {"rule": "MustRunAs", "ranges": [{"min": 1, "max": 65535}]},
        "fsGroup": {"rule": "MustRunAs", "ranges": [{"min": 1, "max": 65535}]}, "readOnlyRootFilesystem": false})
}

#[test]
fn a_set_of_policies_equals_itself() {
    let privileged = json!({"privileged": true, "hostNetwork": true, "volumes": ["*"], "allowedCapabilities": ["*"]});
    for set in [
        vec![],
        vec![json!({})],
        vec![restricted()],
        vec![privileged.clone(), restricted()],
        vec![restricted(), privileged],
    ] {
        let proof = compared(&set, &set);
        assert_eq!((proof.relation, proof.pods_equal, proof.reasons), (Relation::Equal, Some(true), vec![]));
    }
}

#[test]
fn one_bound_apart_is_found() {
    let mut other = restricted();
    other["fsGroup"]["ranges"][0]["max"] = json!(65534);
    let proof = compared(&[restricted()], &[other]);
    assert_eq!(proof.relation, Relation::Stricter, "{proof:?}");
    assert_eq!(proof.witnesses[0].1["spec"]["securityContext"]["fsGroup"], 65535);
}
