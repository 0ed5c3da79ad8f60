//! Each given request as somebody of every class of requesters would send it, and updates of the pods that this creates.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use super::updates::{self, Tidied};
use crate::cluster::Cluster;
use crate::input::Creator;
use crate::rbac::{PolicySet, Rbac};
use crate::requests::{PodRequest, anyone, impersonated};

/// How many given requests are paired at a time.
const AT_ONCE: usize = 64;

/// The given requests, and each of them again as somebody of every other class of requesters in its namespace; behind them
/// updates of the pods that they create.
pub fn with_every_requester(cluster: &Cluster, given: &[PodRequest]) -> Vec<PodRequest> {
    of_every_requester(cluster, given, <[_]>::to_vec)
}

/// What `each` makes of the requests of [`with_every_requester`], in their order. It is given those that one of the given
/// ones leads to, and answers with as many values. Only few of all requests exist at the same time.
pub fn of_every_requester<T: Send>(
    cluster: &Cluster,
    given: &[PodRequest],
    each: impl Fn(&[PodRequest]) -> Vec<T> + Sync,
) -> Vec<T> {
    let requesters = Requesters::new(cluster.rbac(), given);
    let mut tidied = Tidied::default();
    let (mut of_creates, mut of_updates) = (Vec::new(), Vec::new());
    for some in given.chunks(AT_ONCE) {
        let create = |request: &PodRequest| {
            let creates = requesters.paired(request);
            let created = updates::created(cluster, &creates);
            (creates, created)
        };
        let update = |(mut requests, created): (Vec<PodRequest>, Vec<_>)| {
            let creates = requests.len();
            requests.extend(updates::all(&requests, &created));
            let mut made = each(&requests);
            let of_updates = made.split_off(creates.min(made.len()));
            (made, of_updates)
        };
        // What garbage collection touches is settled in the order of the requests; where nothing is left to settle, each
        // request's pods are made, looked at and forgotten before the next one's.
        let is_settled = |request: &PodRequest| {
            let mut asking = std::iter::once(&request.requester).chain(requesters.others(request));
            asking.all(|requester| tidied.has(request, requester))
        };
        let made: Vec<(Vec<T>, Vec<T>)> = if some.iter().all(is_settled) {
            some.par_iter().map(|request| update(create(request))).collect()
        } else {
            let mut created: Vec<_> = some.par_iter().map(create).collect();
            created.iter_mut().for_each(|(creates, created)| tidied.note(creates, created));
            created.into_par_iter().map(update).collect()
        };
        for (creates, updates) in made {
            of_creates.extend(creates);
            of_updates.extend(updates);
        }
    }
    of_creates.extend(of_updates);
    of_creates
}

/// For each namespace one requester for each set of policies that requesters may use in it.
struct Requesters<'a> {
    rbac: &'a Rbac,
    in_namespace: BTreeMap<&'a str, Vec<(Creator, PolicySet)>>,
}

impl<'a> Requesters<'a> {
    fn new(rbac: &'a Rbac, given: &'a [PodRequest]) -> Self {
        let everybody = everybody(rbac);
        let namespaces: BTreeSet<&str> = given.iter().map(|request| request.namespace.as_str()).collect();
        let of_namespace = |namespace: &'a str| {
            let mut seen = BTreeSet::new();
            let usable = |requester: &Creator| rbac.usable(namespace, &requester.user, &requester.groups);
            let all = everybody.iter().map(|requester| (requester, usable(requester)));
            let unlike = all.filter(|(_, usable)| seen.insert(usable.clone()));
            (namespace, unlike.map(|(requester, usable)| (requester.clone(), usable)).collect())
        };
        Self { rbac, in_namespace: namespaces.into_par_iter().map(of_namespace).collect() }
    }

    /// The request, and the same from everybody who may use other policies.
    fn paired(&self, request: &PodRequest) -> Vec<PodRequest> {
        let again = |requester: &Creator| PodRequest { requester: requester.clone(), ..request.clone() };
        std::iter::once(request.clone()).chain(self.others(request).map(again)).collect()
    }

    /// Those who may use other policies than the requester.
    fn others<'r>(&'r self, request: &'r PodRequest) -> impl Iterator<Item = &'r Creator> {
        let own = self.rbac.usable(&request.namespace, &request.requester.user, &request.requester.groups);
        let others = self.in_namespace.get(request.namespace.as_str()).into_iter().flatten();
        others.filter(move |(_, usable)| *usable != own).map(|(requester, _)| requester)
    }
}

/// Everybody whom a grant mentions, and anybody else.
fn everybody(rbac: &Rbac) -> Vec<Creator> {
    let mentioned = rbac.mentioned();
    let users = mentioned.users.iter().map(|user| impersonated(user, &[]));
    let accounts = mentioned
        .service_accounts
        .iter()
        .map(|(namespace, name)| impersonated(&format!("system:serviceaccount:{namespace}:{name}"), &[]));
    let groups = mentioned
        .groups
        .iter()
        .filter(|group| !group.starts_with("system:"))
        .map(|group| Creator { groups: vec![(*group).to_owned(), "system:authenticated".to_owned()], ..anyone() });
    users.chain(accounts).chain(groups).chain([anyone()]).collect()
}
