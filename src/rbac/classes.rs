//! Classes: subjects that may use the same policies, hence are admitted alike.
//!
//! A subject stands for one identity: a service account as the pod's, in its own namespace with the groups that the plug-in
//! gives it; users and groups as requesters, who are authenticated besides. A request's usable set is the union over its
//! two identities. Whoever no grant names is in a class too.

use super::grants::Subject;
use super::index_set::PolicySet;
use super::{Mentioned, Rbac};
use std::collections::{BTreeMap, BTreeSet};

/// The group of everybody but anonymous users.
const AUTHENTICATED: &str = "system:authenticated";

/// One identity in one place. Without a namespace it stands for all those that no other member with its name covers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Member {
    /// The pod's service account.
    ServiceAccount {
        /// The namespace of the account and the pod.
        namespace: String,
        /// The account.
        name: String,
    },
    /// Every service account of the namespace, as the pod's, that is no other member.
    OtherServiceAccounts {
        /// The namespace of the account and the pod.
        namespace: Option<String>,
    },
    /// A requester by name; service accounts as requesters go by their full user name.
    User {
        /// The user name.
        name: String,
        /// The pod's namespace.
        namespace: Option<String>,
    },
    /// A requester in this group and, of those that grants name, no other but `system:authenticated`.
    Group {
        /// The group.
        name: String,
        /// The pod's namespace.
        namespace: Option<String>,
    },
    /// An authenticated requester whom no grant names.
    AnyoneElse {
        /// The pod's namespace.
        namespace: Option<String>,
    },
}

/// Everybody with the same usable policies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Class {
    /// The policies, in the plug-in's order.
    pub usable: PolicySet,
    /// The identities, sorted.
    pub members: Vec<Member>,
}

/// The classes of the given service accounts (namespace, name) and namespaces together with everybody that grants name,
/// in an order that depends on nothing but the sets.
pub fn classes(rbac: &Rbac, accounts: &[(&str, &str)], namespaces: &[&str]) -> Vec<Class> {
    let places = Places::new(rbac);
    let mentioned = rbac.mentioned();
    let mut by_set: BTreeMap<PolicySet, Vec<Member>> = BTreeMap::new();
    let mut add = |(usable, member): (PolicySet, Member)| by_set.entry(usable).or_default().push(member);
    pod_identities(rbac, &mentioned, accounts, namespaces, &mut add);
    requesters(rbac, &mentioned, &places, &mut add);
    let class = |(usable, mut members): (PolicySet, Vec<Member>)| {
        members.sort();
        Class { usable, members }
    };
    by_set.into_iter().map(class).collect()
}

/// In which namespaces each subject was granted something.
struct Places<'a>(BTreeMap<&'a Subject, BTreeSet<&'a str>>);

impl<'a> Places<'a> {
    fn new(rbac: &'a Rbac) -> Self {
        let mut places: BTreeMap<_, BTreeSet<&str>> = BTreeMap::new();
        for grant in rbac.grants() {
            let here = places.entry(&grant.subject).or_default();
            here.extend(grant.namespace.as_deref());
        }
        Self(places)
    }

    /// The namespaces in which some of the subjects has its own grants, and one `None` for all others.
    fn of(&self, subjects: &[Subject]) -> BTreeSet<Option<&'a str>> {
        let granted = subjects.iter().filter_map(|subject| self.0.get(subject)).flatten();
        granted.copied().map(Some).chain([None]).collect()
    }
}

/// A name that no namespace can have, so that only grants that count everywhere apply.
const ELSEWHERE: &str = "";

fn pod_identities(
    rbac: &Rbac,
    mentioned: &Mentioned<'_>,
    accounts: &[(&str, &str)],
    namespaces: &[&str],
    add: &mut impl FnMut((PolicySet, Member)),
) {
    let accounts: BTreeSet<_> = mentioned.service_accounts.iter().chain(accounts).collect();
    for (namespace, name) in &accounts {
        let member = Member::ServiceAccount { namespace: (*namespace).to_owned(), name: (*name).to_owned() };
        add((rbac.usable_by_account(namespace, name).clone(), member));
    }
    let with_accounts = accounts.iter().map(|(namespace, _)| namespace);
    let all = mentioned.namespaces.iter().chain(namespaces).chain(with_accounts);
    let all: BTreeSet<Option<&str>> = all.copied().map(Some).chain([None]).collect();
    for namespace in all {
        let usable = rbac.usable_by_account(namespace.unwrap_or(ELSEWHERE), "").clone();
        let namespace = namespace.map(str::to_owned);
        add((usable, Member::OtherServiceAccounts { namespace }));
    }
}

fn requesters(rbac: &Rbac, mentioned: &Mentioned<'_>, places: &Places<'_>, add: &mut impl FnMut((PolicySet, Member))) {
    let named = mentioned.users.iter().map(|&name| Requester::user(name));
    let accounts = mentioned.service_accounts.iter();
    let accounts = accounts.map(|(namespace, name)| Requester::account(namespace, name));
    let groups = mentioned.groups.iter().filter(|name| **name != AUTHENTICATED);
    let groups = groups.map(|&name| Requester::group(name));
    for requester in named.chain(accounts).chain(groups).chain([Requester::anyone()]) {
        for namespace in places.of(&requester.subjects()) {
            let groups = &requester.groups;
            let usable = rbac.usable(namespace.unwrap_or(ELSEWHERE), &requester.user, groups);
            add((usable, requester.member(namespace)));
        }
    }
}

/// A user and its groups, and how to call them.
struct Requester {
    user: String,
    groups: Vec<String>,
    kind: Kind,
}

enum Kind {
    User,
    Group,
    Anyone,
}

impl Requester {
    fn new(user: String, groups: &[&str], kind: Kind) -> Self {
        let groups = groups.iter().map(|&group| group.to_owned()).collect();
        Self { user, groups, kind }
    }

    fn user(name: &str) -> Self {
        let group = match name {
            "system:anonymous" => "system:unauthenticated",
            _ => AUTHENTICATED,
        };
        Self::new(name.to_owned(), &[group], Kind::User)
    }

    fn account(namespace: &str, name: &str) -> Self {
        let user = Subject::service_account(namespace, name).name().to_owned();
        let own = format!("system:serviceaccounts:{namespace}");
        Self::new(user, &["system:serviceaccounts", &own, AUTHENTICATED], Kind::User)
    }

    fn group(name: &str) -> Self {
        match name {
            "system:unauthenticated" => Self::new(String::new(), &[name], Kind::Group),
            _ => Self::new(String::new(), &[name, AUTHENTICATED], Kind::Group),
        }
    }

    fn anyone() -> Self {
        Self::new(String::new(), &[AUTHENTICATED], Kind::Anyone)
    }

    fn subjects(&self) -> Vec<Subject> {
        let groups = self.groups.iter().cloned().map(Subject::Group);
        groups.chain([Subject::User(self.user.clone())]).collect()
    }

    fn member(&self, namespace: Option<&str>) -> Member {
        let namespace = namespace.map(str::to_owned);
        match self.kind {
            Kind::User => Member::User { name: self.user.clone(), namespace },
            Kind::Group => Member::Group { name: self.groups.first().cloned().unwrap_or_default(), namespace },
            Kind::Anyone => Member::AnyoneElse { namespace },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rbac::RbacOptions;
    use crate::rbac::tests::{binding, role};

    fn show(member: &Member) -> String {
        let place = |namespace: &Option<String>| namespace.clone().unwrap_or_else(|| "*".to_owned());
        match member {
            Member::ServiceAccount { namespace, name } => format!("sa {namespace}/{name}"),
            Member::OtherServiceAccounts { namespace } => format!("sas {}", place(namespace)),
            Member::User { name, namespace } => format!("user {name} in {}", place(namespace)),
            Member::Group { name, namespace } => format!("group {name} in {}", place(namespace)),
            Member::AnyoneElse { namespace } => format!("anyone in {}", place(namespace)),
        }
    }

    fn check(bindings: &[serde_json::Value], expected: &[(&[usize], &[&str])]) {
        let roles = [role("p", &["p"]), role("q", &["q"])];
        let options = RbacOptions { bootstrap: false, ..RbacOptions::default() };
        let rbac = Rbac::build(roles.iter().chain(bindings), &["p", "q"], options);
        let classes = classes(&rbac, &[("a", "web")], &["b"]);
        let found = classes.iter().map(|class| {
            let usable: Vec<usize> = class.usable.iter().collect();
            (usable, class.members.iter().map(show).collect::<Vec<_>>())
        });
        let expected =
            expected.iter().map(|(set, members)| (set.to_vec(), members.iter().map(ToString::to_string).collect()));
        assert_eq!(found.collect::<Vec<_>>(), expected.collect::<Vec<(_, Vec<String>)>>());
    }

    #[test]
    fn nobody_named_is_one_class() {
        let all = ["sa a/web", "sas *", "sas a", "sas b", "anyone in *"];
        check(&[], &[(&[], &all)]);
    }

    #[test]
    fn grants_split_by_namespace_and_add_up() {
        let bindings = [
            binding(Some("b"), "p", &["Group system:authenticated"]),
            binding(None, "q", &["User alice", "ServiceAccount a/job"]),
        ];
        let none = ["sa a/web", "sas *", "sas a", "sas b", "anyone in *"];
        let job = "user system:serviceaccount:a:job";
        let everywhere = ["sa a/job", "user alice in *", &format!("{job} in *")];
        let both = ["user alice in b", &format!("{job} in b")];
        check(&bindings, &[(&[], &none), (&[0], &["anyone in b"]), (&[1], &everywhere), (&[0, 1], &both)]);
    }
}
