//! Where exactly one policy can admit a pod: only there may its fills be written by a mutator, which knows no users.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::plan::{Plan, PlannedPolicy};

/// Where a policy is the only one that anybody may use.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Scope<'a> {
    /// Everywhere but in these namespaces.
    AllBut(BTreeSet<&'a str>),
    /// In these namespaces.
    Only(BTreeSet<&'a str>),
}

impl Scope<'_> {
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
}

/// For each policy, by position, where it is alone. A policy that is nowhere alone is not there.
pub(super) fn scopes<'a>(plan: &'a Plan<'_>) -> BTreeMap<usize, Scope<'a>> {
    let (mut everywhere, mut by_namespace) = (BTreeSet::new(), BTreeMap::<&str, BTreeSet<usize>>::new());
    for (index, policy) in plan.policies.iter().enumerate() {
        for grant in &policy.grants {
            match grant.namespace.as_deref() {
                None => everywhere.insert(index),
                Some(namespace) => by_namespace.entry(namespace).or_default().insert(index),
            };
        }
    }
    let mut everywhere_policies = everywhere.iter();
    match (everywhere_policies.next(), everywhere_policies.next()) {
        (Some(only), None) => {
            let shared = |(_, policies): &(&&str, &BTreeSet<usize>)| policies.iter().any(|policy| policy != only);
            let others = by_namespace.iter().filter(shared).map(|(namespace, _)| *namespace).collect();
            BTreeMap::from([(*only, Scope::AllBut(others))])
        }
        (None, _) => alone_in(&by_namespace),
        _ => BTreeMap::new(),
    }
}

fn alone_in<'a>(by_namespace: &BTreeMap<&'a str, BTreeSet<usize>>) -> BTreeMap<usize, Scope<'a>> {
    let mut alone: BTreeMap<usize, BTreeSet<&str>> = BTreeMap::new();
    for (namespace, policies) in by_namespace {
        if let (Some(only), 1) = (policies.first(), policies.len()) {
            alone.entry(*only).or_default().insert(namespace);
        }
    }
    alone.into_iter().map(|(policy, namespaces)| (policy, Scope::Only(namespaces))).collect()
}

/// Whether the policy is alone wherever somebody may use it.
pub(super) fn covers(scope: Option<&Scope<'_>>, policy: &PlannedPolicy<'_>) -> bool {
    policy.grants.iter().all(|grant| match (scope, grant.namespace.as_deref()) {
        (None, _) => false,
        (Some(Scope::AllBut(others)), None) => others.is_empty(),
        (Some(Scope::AllBut(others)), Some(namespace)) => !others.contains(namespace),
        (Some(Scope::Only(_)), None) => false,
        (Some(Scope::Only(namespaces)), Some(namespace)) => namespaces.contains(namespace),
    })
}
