//! Classes of subjects: those whom roles and bindings, and the target's documents, treat alike.
//!
//! A subject is a namespace, a pod's service account and a requester. Every name that a grant or a document mentions is
//! one, and of the others, who are all alike, there is one of each kind. In each namespace accounts are sorted out beside a
//! requester whom nobody mentions, requesters beside an account that nobody mentions, and what is left is combined. Names
//! of which nothing is said there are nobody's: only those that the namespace leaves open are looked at.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;
use serde_json::Value;

use crate::cluster::Cluster;
use crate::input::Creator;
use crate::rbac::{Mentioned, PolicySet};
use crate::requests::{anyone, impersonated};
use crate::symbolic::{Situations, Subject, Unproven};
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
    /// Why it may be that some of them are decided about otherwise.
    pub doubt: Option<Unproven>,
}

/// An account or a namespace that no name stands for.
const ANOTHER: &str = "any-other";

/// What is read of the documents for one namespace is kept for at least so many more, where it is the same.
const NEIGHBOURS: usize = 16;

/// What tells subjects apart.
type Key = (PolicySet, Vec<u8>);

/// The subjects of a namespace, and why there may be others.
type Found = (Vec<(Key, Subject)>, Option<Unproven>);

/// The classes of a cluster, the target's documents read by `situations`, namespace by namespace.
pub fn classes<'s>(
    cluster: &Cluster,
    namespaces: &[Value],
    situations: &(dyn Fn(&str) -> Option<Box<dyn Situations + 's>> + Sync),
) -> Vec<Class> {
    let here = situations("default");
    let written = here.as_ref().map(|situations| situations.mentioned()).unwrap_or_default();
    let of_names = here.and_then(|situations| situations.doubt());
    let namespaces: Vec<String> = all_namespaces(cluster, namespaces, &written).into_iter().collect();
    let of_namespace = |known: &mut Option<Box<dyn Situations + 's>>, namespace: &String| {
        if !known.as_ref().is_some_and(|known| known.is_for(namespace)) {
            *known = situations(namespace);
        }
        let subjects = Place { cluster, namespace, situations: known.as_deref(), written: &written }.subjects();
        (subjects, known.as_ref().and_then(|situations| situations.doubt()).or_else(|| of_names.clone()))
    };
    let namespaces = namespaces.par_iter().with_min_len(NEIGHBOURS);
    let found: Vec<Found> = namespaces.map_init(|| None, of_namespace).collect();
    let mut classes: BTreeMap<Key, Class> = BTreeMap::new();
    for (subjects, doubt) in found {
        for (key, subject) in subjects {
            let usable = key.0.clone();
            let new = || Class { subject: subject.clone(), members: Vec::new(), usable, doubt: None };
            let class = classes.entry(key).or_insert_with(new);
            class.members.push(subject);
            class.doubt = class.doubt.take().or_else(|| doubt.clone());
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

/// A namespace, with what is said there.
struct Place<'p, 's> {
    cluster: &'p Cluster,
    namespace: &'p str,
    situations: Option<&'p (dyn Situations + 's)>,
    /// All names in the documents.
    written: &'p BTreeSet<String>,
}

impl Place<'_, '_> {
    fn subject(&self, account: &str, requester: &Creator) -> Subject {
        Subject {
            namespace: self.namespace.to_owned(),
            account: account.to_owned(),
            user: requester.user.clone(),
            groups: requester.groups.clone(),
        }
    }

    fn key(&self, subject: &Subject) -> Key {
        let Subject { namespace, account, user, groups } = subject;
        let usable = self.cluster.rbac().usable_by_request(namespace, Some(account), user, groups);
        (usable, self.situations.map(|situations| situations.of(subject)).unwrap_or_default())
    }

    /// One subject for each account and requester that are told apart, each with what tells it apart.
    fn subjects(&self) -> Vec<(Key, Subject)> {
        let open = self.situations.and_then(|situations| situations.left_open(self.namespace));
        let counts = |place: &str| open.as_ref().is_none_or(|open| place == self.namespace || open.contains(place));
        let granted = self.cluster.rbac().mentioned_in(counts);
        let written = open.as_ref().unwrap_or(self.written);
        let mut seen = BTreeSet::new();
        let mut accounts = accounts(self.namespace, &granted, written);
        accounts.retain(|name| seen.insert(self.key(&self.subject(name, &anyone()))));
        let mut seen = BTreeSet::new();
        let mut requesters = requesters(&granted, written);
        requesters.retain(|requester| seen.insert(self.key(&self.subject(ANOTHER, requester))));
        let all = accounts.iter().flat_map(|name| requesters.iter().map(|requester| self.subject(name, requester)));
        all.map(|subject| (self.key(&subject), subject)).collect()
    }
}

/// The service accounts of a namespace; first those that nobody mentions.
fn accounts<'n>(namespace: &str, granted: &Mentioned<'n>, written: &'n BTreeSet<String>) -> Vec<&'n str> {
    let named = granted.service_accounts.iter().filter(|(home, _)| *home == namespace).map(|(_, name)| *name);
    let accounts = ["default"].into_iter().chain(named).chain(written.iter().map(String::as_str));
    // No account has another name, whatever grants and documents say.
    let accounts: BTreeSet<&str> = accounts.filter(|name| *name != ANOTHER && is_subdomain(name)).collect();
    [ANOTHER].into_iter().chain(accounts).collect()
}

fn requesters(granted: &Mentioned<'_>, written: &BTreeSet<String>) -> Vec<Creator> {
    let accounts = granted.service_accounts.iter();
    let accounts = accounts.map(|(namespace, name)| format!("system:serviceaccount:{namespace}:{name}"));
    let users = granted.users.iter().map(|user| (*user).to_owned());
    let users: BTreeSet<String> = users.chain(accounts).chain(written.iter().cloned()).collect();
    let groups = granted.groups.iter().map(|group| (*group).to_owned());
    let groups: BTreeSet<String> = groups.chain(written.iter().cloned()).collect();
    let users = users.iter().map(|user| impersonated(user, &[]));
    let of_group = |group: &String| impersonated("", std::slice::from_ref(group));
    [anyone()].into_iter().chain(users).chain(groups.iter().map(of_group)).collect()
}

#[cfg(test)]
mod tests;
