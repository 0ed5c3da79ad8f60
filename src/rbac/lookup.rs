//! Grants by name, so that a request costs a handful of hash look-ups however many bindings there are.

use super::grants::{Grant, Subject};
use super::policy_set::PolicySet;
use std::collections::HashMap;

/// What users and groups may use.
#[derive(Debug, Default)]
pub(crate) struct Lookup {
    users: HashMap<String, Reach>,
    groups: HashMap<String, Reach>,
}

/// What one subject may use: everywhere, and besides in some namespaces.
#[derive(Debug, Default)]
struct Reach {
    everywhere: PolicySet,
    in_namespace: HashMap<String, PolicySet>,
}

impl Lookup {
    pub(crate) fn new(grants: &[Grant]) -> Self {
        let mut lookup = Self::default();
        for grant in grants {
            let reach = match &grant.subject {
                Subject::User(name) => lookup.users.entry(name.clone()).or_default(),
                Subject::Group(name) => lookup.groups.entry(name.clone()).or_default(),
            };
            let set = match &grant.namespace {
                Some(namespace) => reach.in_namespace.entry(namespace.clone()).or_default(),
                None => &mut reach.everywhere,
            };
            set.union_with(&grant.policies);
        }
        lookup
    }

    pub(crate) fn add_user(&self, namespace: &str, name: &str, usable: &mut PolicySet) {
        if let Some(reach) = self.users.get(name) {
            reach.add(namespace, usable);
        }
    }

    pub(crate) fn add_group(&self, namespace: &str, name: &str, usable: &mut PolicySet) {
        if let Some(reach) = self.groups.get(name) {
            reach.add(namespace, usable);
        }
    }
}

impl Reach {
    fn add(&self, namespace: &str, usable: &mut PolicySet) {
        usable.union_with(&self.everywhere);
        if let Some(here) = self.in_namespace.get(namespace) {
            usable.union_with(here);
        }
    }
}
