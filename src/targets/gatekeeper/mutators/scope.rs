//! Where the fills of exactly one policy can apply: only there may a mutator write them, which knows no users.
//!
//! Members of `system:masters` may use every policy wherever they are, so a place where somebody else may use one is never
//! theirs: it counts as that policy's, and what becomes of their own pods is told ([`super::masters`]).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::plan::{Plan, PlannedPolicy};
use crate::rbac::{GrantAtom, Subject};

/// The group of whoever the API server lets do everything.
pub(super) const MASTERS: &str = "system:masters";

/// Where a policy is the only one that counts.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Scope<'a> {
    /// Everywhere but in these namespaces.
    AllBut(BTreeSet<&'a str>),
    /// In these namespaces.
    Only(BTreeSet<&'a str>),
}

impl<'a> Scope<'a> {
    /// The scope as a `spec.match`.
    pub(super) fn matching(&self) -> Value {
        let mut matching = json!({"scope": "Namespaced", "kinds": [{"apiGroups": [""], "kinds": ["Pod"]}]});
        let given = match self {
            Self::AllBut(namespaces) if namespaces.is_empty() => None,
            Self::AllBut(namespaces) => Some(("excludedNamespaces", namespaces)),
            Self::Only(namespaces) => Some(("namespaces", namespaces)),
        };
        if let (Some(map), Some((key, namespaces))) = (matching.as_object_mut(), given) {
            map.insert(key.to_owned(), json!(namespaces));
        }
        matching
    }

    /// Whether a namespace is in it; `None` stands for one that no grant names.
    pub(super) fn has(&self, namespace: Option<&'a str>) -> bool {
        match (self, namespace) {
            (Self::AllBut(others), Some(namespace)) => !others.contains(namespace),
            (Self::AllBut(_), None) => true,
            (Self::Only(namespaces), Some(namespace)) => namespaces.contains(namespace),
            (Self::Only(_), None) => false,
        }
    }
}

/// Who may use which policies, by position, at one place.
#[derive(Debug, Default, Clone)]
pub(super) struct Usable {
    others: BTreeSet<usize>,
    pub(super) masters: BTreeSet<usize>,
}

impl Usable {
    fn add(&mut self, policy: usize, grant: &GrantAtom) {
        let set = if is_of_masters(grant) { &mut self.masters } else { &mut self.others };
        set.insert(policy);
    }

    fn with(&self, more: &Self) -> Self {
        Self { others: &self.others | &more.others, masters: &self.masters | &more.masters }
    }

    /// The only policy that anybody may use here, masters aside where others may use one.
    pub(super) fn only(&self) -> Option<usize> {
        let counted = if self.others.is_empty() { &self.masters } else { &self.others };
        counted.first().copied().filter(|_| counted.len() == 1)
    }
}

/// The places that grants tell apart: each namespace that one names, and, as `None`, every other.
pub(super) fn places<'a>(plan: &'a Plan<'_>) -> BTreeMap<Option<&'a str>, Usable> {
    let mut granted: BTreeMap<Option<&str>, Usable> = BTreeMap::from([(None, Usable::default())]);
    for (index, policy) in plan.policies.iter().enumerate() {
        for grant in &policy.grants {
            granted.entry(grant.namespace.as_deref()).or_default().add(index, grant);
        }
    }
    let everywhere = granted.get(&None).cloned().unwrap_or_default();
    granted.into_iter().map(|(place, usable)| (place, usable.with(&everywhere))).collect()
}

/// For each policy, by position, where it is alone. A policy that is nowhere alone is not there.
pub(super) fn scopes<'a>(places: &BTreeMap<Option<&'a str>, Usable>) -> BTreeMap<usize, Scope<'a>> {
    let elsewhere = places.get(&None).and_then(Usable::only);
    let mut scopes = BTreeMap::new();
    if let Some(policy) = elsewhere {
        let others = places.iter().filter(|(_, usable)| usable.only() != Some(policy));
        scopes.insert(policy, Scope::AllBut(others.filter_map(|(place, _)| *place).collect()));
    }
    for (place, usable) in places {
        let (Some(namespace), Some(policy)) = (place, usable.only().filter(|only| elsewhere != Some(*only))) else {
            continue;
        };
        if let Scope::Only(namespaces) = scopes.entry(policy).or_insert_with(|| Scope::Only(BTreeSet::new())) {
            namespaces.insert(*namespace);
        }
    }
    scopes
}

/// Whether the policy is alone wherever somebody may use it, masters aside if others may.
pub(super) fn covers(scope: Option<&Scope<'_>>, policy: &PlannedPolicy<'_>) -> bool {
    let only_masters = policy.grants.iter().all(is_of_masters);
    let mut counted = policy.grants.iter().filter(|grant| only_masters || !is_of_masters(grant));
    counted.all(|grant| match (scope, grant.namespace.as_deref()) {
        (Some(Scope::AllBut(others)), None) => others.is_empty(),
        (Some(scope), namespace) => scope.has(namespace),
        (None, _) => false,
    })
}

fn is_of_masters(grant: &GrantAtom) -> bool {
    matches!(&grant.subject, Subject::Group(name) if name == MASTERS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Cluster;
    use crate::plan::Options;
    use crate::rbac::RbacOptions;
    use crate::release::Release;

    /// Policies `p`, `q` and `r`, with these grants: the policy, the subject's kind and name, the namespace.
    fn scopes_of<T>(grants: &[[&str; 4]], look: impl FnOnce(&BTreeMap<usize, Scope<'_>>) -> T) -> T {
        let any = json!({"rule": "RunAsAny"});
        let spec = json!({"seLinux": any, "runAsUser": any, "fsGroup": any, "supplementalGroups": any});
        let policy = |name: &str| json!({"apiVersion": "policy/v1beta1", "kind": "PodSecurityPolicy", "metadata": {"name": name}, "spec": spec});
        let api = "rbac.authorization.k8s.io";
        let role = |name: &str| {
            let rule = json!({"apiGroups": ["policy"], "resources": ["podsecuritypolicies"], "verbs": ["use"],
                "resourceNames": [name]});
            json!({"apiVersion": format!("{api}/v1"), "kind": "ClusterRole", "metadata": {"name": name}, "rules": [rule]})
        };
        let binding = |(index, [policy, kind, name, namespace]): (usize, &[&str; 4])| {
            let of = if namespace.is_empty() { "ClusterRoleBinding" } else { "RoleBinding" };
            let metadata = json!({"name": format!("b{index}"), "namespace": namespace});
            json!({"apiVersion": format!("{api}/v1"), "kind": of, "metadata": metadata,
                "roleRef": {"apiGroup": api, "kind": "ClusterRole", "name": policy},
                "subjects": [{"apiGroup": api, "kind": kind, "name": name}]})
        };
        let policies = ["p", "q", "r"].map(policy);
        let mut objects: Vec<Value> = ["p", "q", "r"].map(role).into();
        objects.extend(grants.iter().enumerate().map(binding));
        let options = RbacOptions { aggregate: false, bootstrap: true };
        let cluster = Cluster::new(&policies, &objects, Release::default(), options).unwrap();
        let plan = Plan::new(&cluster, Options::default());
        let places = places(&plan);
        look(&scopes(&places))
    }

    fn text(grants: &[[&str; 4]]) -> String {
        scopes_of(grants, |scopes| format!("{scopes:?}"))
    }

    #[test]
    fn masters_are_left_aside_where_others_may_use_a_policy() {
        assert_eq!(text(&[["p", "Group", "system:authenticated", ""]]), "{0: AllBut({})}");
        assert_eq!(text(&[["p", "Group", "a", "x"], ["q", "Group", "b", "y"]]), "{0: Only({\"x\"}), 1: Only({\"y\"})}");
    }

    #[test]
    fn where_only_masters_are_they_count() {
        assert_eq!(text(&[]), "{}");
    }

    #[test]
    fn a_policy_that_somebody_shares_is_not_alone() {
        let everywhere = ["p", "Group", "a", ""];
        assert_eq!(text(&[everywhere, ["q", "User", "u", ""]]), "{}");
        assert_eq!(text(&[everywhere, ["q", "User", "u", "x"]]), "{0: AllBut({\"x\"})}");
    }
}
