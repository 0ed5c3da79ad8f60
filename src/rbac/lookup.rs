//! Grants by name, so that a request costs a handful of hash look-ups however many bindings there are.

use super::grants::{Grant, Subject};
use super::index_set::PolicySet;
use std::collections::{BTreeSet, HashMap};

/// What users, groups and pods' service accounts may use.
#[derive(Debug, Default)]
pub(crate) struct Lookup {
    users: HashMap<String, Reach>,
    groups: HashMap<String, Reach>,
    homes: HashMap<String, Home>,
    elsewhere: Home,
}

/// What one subject may use: everywhere, and besides in some namespaces.
#[derive(Debug, Default)]
struct Reach {
    everywhere: PolicySet,
    in_namespace: HashMap<String, PolicySet>,
}

/// What the pods of one namespace may use by their service accounts, all groups counted.
#[derive(Debug, Default)]
struct Home {
    named: HashMap<String, PolicySet>,
    others: PolicySet,
}

impl Lookup {
    pub(crate) fn new(grants: &[Grant]) -> Self {
        let mut lookup = Self::default();
        grants.iter().for_each(|grant| lookup.add(grant));
        lookup.elsewhere.others = lookup.pod_account("", "");
        let namespaces: BTreeSet<&str> = grants.iter().flat_map(namespaces).collect();
        for namespace in namespaces {
            let others = lookup.pod_account(namespace, "");
            lookup.homes.entry(namespace.to_owned()).or_default().others = others;
        }
        for (namespace, name) in grants.iter().filter_map(|grant| grant.subject.as_service_account()) {
            let usable = lookup.pod_account(namespace, name);
            let home = lookup.homes.entry(namespace.to_owned()).or_default();
            home.named.insert(name.to_owned(), usable);
        }
        lookup
    }

    fn add(&mut self, grant: &Grant) {
        let reach = match &grant.subject {
            Subject::User(name) => self.users.entry(name.clone()).or_default(),
            Subject::Group(name) => self.groups.entry(name.clone()).or_default(),
        };
        let set = match &grant.namespace {
            Some(namespace) => reach.in_namespace.entry(namespace.clone()).or_default(),
            None => &mut reach.everywhere,
        };
        set.union_with(&grant.policies);
    }

    /// What a pod's service account may use. The plug-in gives it the two groups of service accounts and no other.
    fn pod_account(&self, namespace: &str, name: &str) -> PolicySet {
        let mut usable = PolicySet::default();
        self.add_user(namespace, Subject::service_account(namespace, name).name(), &mut usable);
        self.add_group(namespace, "system:serviceaccounts", &mut usable);
        self.add_group(namespace, &format!("system:serviceaccounts:{namespace}"), &mut usable);
        usable
    }

    pub(crate) fn service_account(&self, namespace: &str, name: &str) -> &PolicySet {
        let home = self.homes.get(namespace).unwrap_or(&self.elsewhere);
        home.named.get(name).unwrap_or(&home.others)
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

/// Every namespace in which the grant may matter to the accounts at home there.
fn namespaces(grant: &Grant) -> impl Iterator<Item = &str> {
    let account = grant.subject.as_service_account().map(|(namespace, _)| namespace);
    let group = grant.subject.as_accounts_of_namespace();
    [grant.namespace.as_deref(), account, group].into_iter().flatten()
}

impl Reach {
    fn add(&self, namespace: &str, usable: &mut PolicySet) {
        usable.union_with(&self.everywhere);
        if let Some(here) = self.in_namespace.get(namespace) {
            usable.union_with(here);
        }
    }
}
