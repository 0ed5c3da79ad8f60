//! Classes of subjects: those whom roles and bindings, and the target's documents, treat alike.
//!
//! A subject is a namespace, a pod's service account and a requester. Every name that a grant or a document mentions is
//! one, and of the others, who are all alike, there is one of each kind. In each namespace accounts are sorted out beside a
//! requester whom nobody mentions, requesters beside an account that nobody mentions, and what is left is combined.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::cluster::Cluster;
use crate::input::Creator;
use crate::rbac::PolicySet;
use crate::requests::{anyone, impersonated};
use crate::symbolic::{Situations, Subject};
use crate::validity::is_subdomain;

/// Subjects who are decided about alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Class {
    /// One of them.
    pub subject: Subject,
    /// All of them, as far as names tell them apart.
    pub members: Vec<Subject>,
    /// The policies that they may use.
    pub usable: PolicySet,
}

/// An account or a namespace that no name stands for.
const ANOTHER: &str = "any-other";

/// What tells subjects apart.
type Key = (PolicySet, Vec<u8>);

/// The classes of a cluster, the target's documents read by `situations`, namespace by namespace.
pub fn classes<'s>(
    cluster: &Cluster,
    namespaces: &[Value],
    situations: &dyn Fn(&str) -> Option<Box<dyn Situations + 's>>,
) -> Vec<Class> {
    let mut classes: BTreeMap<Key, Class> = BTreeMap::new();
    let written = situations("default").map(|situations| situations.mentioned()).unwrap_or_default();
    for namespace in all_namespaces(cluster, namespaces, &written) {
        let situations = situations(&namespace);
        let key = |subject: &Subject| {
            let usable = cluster.rbac().usable_by_request(
                &subject.namespace,
                Some(&subject.account),
                &subject.user,
                &subject.groups,
            );
            let written = situations.as_ref().map(|situations| situations.of(subject)).unwrap_or_default();
            (usable, written)
        };
        for subject in subjects(cluster, &namespace, &written, &key) {
            let key = key(&subject);
            let usable = key.0.clone();
            let class = classes.entry(key);
            let class = class.or_insert_with(|| Class { subject: subject.clone(), members: Vec::new(), usable });
            class.members.push(subject);
        }
    }
    classes.into_values().collect()
}

fn all_namespaces(cluster: &Cluster, given: &[Value], written: &BTreeSet<String>) -> BTreeSet<String> {
    let given = given.iter().filter_map(|namespace| namespace.pointer("/metadata/name")?.as_str());
    let named = cluster.rbac().mentioned().namespaces.into_iter().chain(given).chain(["default", ANOTHER]);
    named.map(str::to_owned).chain(written.iter().filter(|name| is_label(name)).cloned()).collect()
}

/// Whether a text can be a namespace's name.
fn is_label(name: &str) -> bool {
    let of_label = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !name.is_empty() && name.len() <= 63 && name.chars().all(of_label)
}

/// The subjects of a namespace: one for each account and requester that `key` tells apart.
fn subjects(
    cluster: &Cluster,
    namespace: &str,
    written: &BTreeSet<String>,
    key: &impl Fn(&Subject) -> Key,
) -> Vec<Subject> {
    let subject = |account: &str, requester: &Creator| Subject {
        namespace: namespace.to_owned(),
        account: account.to_owned(),
        user: requester.user.clone(),
        groups: requester.groups.clone(),
    };
    let mentioned = cluster.rbac().mentioned();
    let named = mentioned.service_accounts.iter().filter(|(home, _)| *home == namespace).map(|(_, name)| *name);
    let accounts = [ANOTHER, "default"].into_iter().chain(named).chain(written.iter().map(String::as_str));
    // No account has another name, whatever grants and documents say.
    let accounts: BTreeSet<&str> = accounts.filter(|name| is_subdomain(name)).collect();
    let mut seen = BTreeSet::new();
    let others_first = [ANOTHER].into_iter().chain(accounts.into_iter().filter(|name| *name != ANOTHER));
    let accounts: Vec<&str> = others_first.filter(|name| seen.insert(key(&subject(name, &anyone())))).collect();
    let mut seen = BTreeSet::new();
    let mut requesters = requesters(cluster, written);
    requesters.retain(|requester| seen.insert(key(&subject(ANOTHER, requester))));
    accounts.iter().flat_map(|account| requesters.iter().map(|requester| subject(account, requester))).collect()
}

fn requesters(cluster: &Cluster, written: &BTreeSet<String>) -> Vec<Creator> {
    let mentioned = cluster.rbac().mentioned();
    let accounts = mentioned.service_accounts.iter();
    let accounts = accounts.map(|(namespace, name)| format!("system:serviceaccount:{namespace}:{name}"));
    let users: BTreeSet<String> =
        mentioned.users.iter().map(|user| (*user).to_owned()).chain(accounts).chain(written.iter().cloned()).collect();
    let groups: BTreeSet<String> =
        mentioned.groups.iter().map(|group| (*group).to_owned()).chain(written.iter().cloned()).collect();
    let users = users.iter().map(|user| impersonated(user, &[]));
    let of_group = |group: &String| impersonated("", std::slice::from_ref(group));
    [anyone()].into_iter().chain(users).chain(groups.iter().map(of_group)).collect()
}
