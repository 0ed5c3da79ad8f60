//! Which policies count in a namespace: all that somebody who can create pods there may use.
//!
//! Counted are the service accounts of the namespace, the controllers, and users and groups that are granted something in
//! the namespace or everywhere. Left out is who is granted policies everywhere but creates no pods here: `system:masters`
//! (it may do anything), nodes (they only mirror what already runs), and service accounts of other namespaces. A grant in
//! the namespace itself always counts.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::input::Creator;
use crate::plan::Plan;
use crate::rbac::{Grant, PolicySet, Subject};

/// The groups of service accounts, and of everybody but anonymous users.
const ACCOUNTS: &str = "system:serviceaccounts";
const AUTHENTICATED: &str = "system:authenticated";
const UNAUTHENTICATED: &str = "system:unauthenticated";

/// The controllers that create pods.
const CONTROLLERS: [&str; 5] = [
    "replicaset-controller",
    "statefulset-controller",
    "daemon-set-controller",
    "job-controller",
    "replication-controller",
];

/// What is usable in one namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Usable {
    /// Every set that a request can come with: its service account's and its requester's together.
    pub sets: BTreeSet<PolicySet>,
    /// All of them together.
    pub union: PolicySet,
    /// Each policy of the union with those who bring it.
    pub through: BTreeMap<String, Vec<String>>,
}

/// Everybody who may use something.
pub(super) struct Subjects<'a> {
    plan: &'a Plan<'a>,
    /// Namespace and name of the accounts that grants or pods name.
    accounts: BTreeSet<(&'a str, &'a str)>,
}

impl<'a> Subjects<'a> {
    pub(super) fn new(plan: &'a Plan<'a>) -> Self {
        let of_pods = plan.requests.iter().filter_map(|request| {
            let account = request.pod.pointer("/spec/serviceAccountName").and_then(Value::as_str)?;
            Some((request.namespace.as_str(), account))
        });
        Self { plan, accounts: plan.rbac.mentioned().service_accounts.into_iter().chain(of_pods).collect() }
    }

    /// What is usable in a namespace; the empty name stands for any namespace that nothing is said about.
    pub(super) fn usable(&self, namespace: &str) -> Usable {
        let grants: Vec<&Grant> = self.plan.rbac.grants().iter().filter(|grant| counts(grant, namespace)).collect();
        let requesters: BTreeSet<&Subject> = grants.iter().map(|grant| &grant.subject).collect();
        let mut asking: BTreeSet<PolicySet> =
            requesters.into_iter().map(|subject| self.of_requester(namespace, subject)).collect();
        asking.extend(CONTROLLERS.map(|name| {
            let Creator { user, groups } = Creator::controller(name);
            self.plan.rbac.usable(namespace, &user, &groups)
        }));
        asking.insert(self.plan.rbac.usable(namespace, "", &[AUTHENTICATED]));
        let sets: BTreeSet<PolicySet> =
            self.of_accounts(namespace).iter().flat_map(|own| asking.iter().map(|set| joined(own, set))).collect();
        let union = sets.iter().fold(PolicySet::default(), |all, set| joined(&all, set));
        Usable { sets, through: self.through(&grants, &union), union }
    }

    /// What the pods of a namespace bring along.
    fn of_accounts(&self, namespace: &str) -> BTreeSet<PolicySet> {
        let names = self.accounts.iter().filter(|(home, _)| *home == namespace).map(|(_, name)| *name);
        names.chain([""]).map(|name| self.plan.rbac.usable_by_account(namespace, name).clone()).collect()
    }

    fn of_requester(&self, namespace: &str, subject: &Subject) -> PolicySet {
        let home = subject.as_service_account().map(|(home, _)| home).or_else(|| subject.as_accounts_of_namespace());
        let of_home = home.map(|home| format!("{ACCOUNTS}:{home}"));
        let (user, own) = match subject {
            Subject::User(name) => (name.as_str(), None),
            Subject::Group(name) => ("", Some(name.as_str())),
        };
        let anonymous = user == "system:anonymous" || own == Some(UNAUTHENTICATED);
        let everybody = if anonymous { UNAUTHENTICATED } else { AUTHENTICATED };
        let groups: Vec<&str> =
            own.into_iter().chain(of_home.as_deref()).chain(home.map(|_| ACCOUNTS)).chain([everybody]).collect();
        self.plan.rbac.usable(namespace, user, &groups)
    }

    fn through(&self, grants: &[&Grant], union: &PolicySet) -> BTreeMap<String, Vec<String>> {
        let bringing = |policy: usize| {
            let subjects =
                grants.iter().filter(|grant| grant.policies.contains(policy)).map(|grant| grant.subject.to_string());
            subjects.collect::<BTreeSet<String>>().into_iter().collect()
        };
        union
            .iter()
            .zip(self.plan.rbac.names(union))
            .map(|(policy, name)| (name.to_owned(), bringing(policy)))
            .collect()
    }

    /// Service accounts that are granted something everywhere and therefore count in their own namespace only.
    pub(super) fn left_out(&self) -> Vec<String> {
        let elsewhere = self.plan.rbac.grants().iter().filter(|grant| grant.namespace.is_none());
        let left_out = elsewhere.filter(|grant| grant.subject.as_service_account().is_some() && !counts(grant, ""));
        left_out.map(|grant| grant.subject.to_string()).collect::<BTreeSet<_>>().into_iter().collect()
    }
}

/// Whether a grant is one to somebody who creates pods in the namespace.
fn counts(grant: &Grant, namespace: &str) -> bool {
    let (subject, here) = (&grant.subject, grant.namespace.as_deref());
    if subject.name() == "system:masters" || here.is_some_and(|here| here != namespace) {
        return false;
    }
    let home = subject.as_service_account().map(|(home, _)| home).or_else(|| subject.as_accounts_of_namespace());
    let is_node = subject.name() == "system:nodes" || subject.name().starts_with("system:node:");
    here.is_some() || home.map_or(!is_node, |home| home == namespace) || subject.includes_a_controller()
}

fn joined(a: &PolicySet, b: &PolicySet) -> PolicySet {
    let mut both = a.clone();
    both.union_with(b);
    both
}
