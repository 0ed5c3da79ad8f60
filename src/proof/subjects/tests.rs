use serde_json::json;

use super::*;
use crate::plan::{Options, Plan, RbacMode};
use crate::rbac::RbacOptions;
use crate::release::Release;
use crate::targets::gatekeeper::Gatekeeper;
use crate::targets::kyverno::{Kyverno, KyvernoClusterPolicy};
use crate::targets::psa::Psa;
use crate::targets::vap::Vap;
use crate::targets::{Context, Target};

/// Three policies, bound in namespaces and everywhere to users, groups and service accounts of the same and of others.
fn cluster() -> Cluster {
    let any = json!({"rule": "RunAsAny"});
    let policy = |name: &str| {
        let spec = json!({"runAsUser": any, "seLinux": any, "fsGroup": any, "supplementalGroups": any});
        json!({"apiVersion": "policy/v1beta1", "kind": "PodSecurityPolicy", "metadata": {"name": name}, "spec": spec})
    };
    let role = |name: &str| {
        let rule = json!({"apiGroups": ["policy"], "resources": ["podsecuritypolicies"], "resourceNames": [name], "verbs": ["use"]});
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": [rule]})
    };
    let bound = |place: Option<&str>, policy: &str, kind: &str, home: Option<&str>, subject: &str| {
        let of_binding = if place.is_some() { "RoleBinding" } else { "ClusterRoleBinding" };
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": of_binding,
            "metadata": {"name": format!("{policy}-{subject}").replace(':', "-"), "namespace": place},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": policy},
            "subjects": [{"kind": kind, "name": subject, "namespace": home}]})
    };
    let rbac = [
        role("one"),
        role("two"),
        role("three"),
        bound(None, "one", "User", None, "alice"),
        bound(Some("shop"), "two", "Group", None, "system:serviceaccounts:shop"),
        bound(Some("shop"), "three", "ServiceAccount", Some("shop"), "till"),
        bound(Some("shop"), "one", "ServiceAccount", Some("bank"), "clerk"),
        bound(Some("bank"), "two", "Group", None, "tellers"),
        bound(Some("bank"), "three", "User", None, "till"),
    ];
    Cluster::new(&["one", "two", "three"].map(policy), &rbac, Release::default(), RbacOptions::default()).unwrap()
}

/// The same situations, of which any name may matter.
struct AnyName<'s>(Box<dyn Situations + 's>);

impl Situations for AnyName<'_> {
    fn of(&self, subject: &Subject) -> Vec<u8> {
        self.0.of(subject)
    }

    fn mentioned(&self) -> BTreeSet<String> {
        self.0.mentioned()
    }
}

#[test]
fn names_that_a_namespace_does_not_leave_open_are_nobodys() {
    let cluster = cluster();
    let targets: [&dyn Target; 5] = [&Vap, &Kyverno, &KyvernoClusterPolicy, &Gatekeeper, &Psa];
    for (target, rbac) in targets.into_iter().flat_map(|target| [(target, RbacMode::Live), (target, RbacMode::Frozen)])
    {
        let options = Options { rbac: Some(rbac), ..Options::default() };
        let plan = Plan::new(&cluster, options.clone());
        let documents: Vec<Value> = target.emit(&plan).documents.into_iter().map(|it| it.document).collect();
        let context = Context { namespaces: &[], rbac: cluster.rbac(), target_minor: options.target_minor };
        let decider = target.read(&documents, &context);
        let few = classes(&cluster, &[], &|namespace| decider.situations(namespace));
        let all = classes(&cluster, &[], &|namespace| Some(Box::new(AnyName(decider.situations(namespace)?))));
        assert_eq!(few, all, "{} {rbac:?}", target.name());
        assert!(few.len() > 3, "{}", target.name());
        let open = decider.situations("bank").and_then(|situations| situations.left_open("bank")).unwrap();
        assert!(!open.contains("system:serviceaccount:bank:clerk"), "{} {rbac:?}: {open:?}", target.name());
    }
}
