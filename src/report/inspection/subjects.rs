//! Who may use what, subject by subject.
//!
//! A service account counts as the account of pods in its own namespace, with the two groups that the plug-in gives it. A
//! user or group counts as a requester, who is authenticated besides. Whoever and wherever else is told by the row of the
//! group `system:authenticated` without a namespace, if anybody grants it anything.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::rbac::{PolicySet, Rbac, Subject};

/// What one subject may use in one namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SubjectReport {
    /// The pod's namespace; none is every namespace in which the subject has no row of its own.
    pub namespace: Option<String>,
    /// The subject.
    #[serde(flatten)]
    pub who: Who,
    /// The names of the policies, in the plug-in's order.
    pub usable: Vec<String>,
}

/// A subject.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Who {
    /// A pod's service account.
    ServiceAccount(String),
    /// A requester.
    User(String),
    /// A requester in this group and no other but `system:authenticated`.
    Group(String),
}

/// The rows of the given service accounts and of everybody whom a grant names: service accounts by namespace and name,
/// then users, then groups.
pub(super) fn reports(rbac: &Rbac, accounts: &BTreeSet<(String, String)>) -> Vec<SubjectReport> {
    let mentioned = rbac.mentioned();
    let given = accounts.iter().map(|(namespace, name)| (namespace.as_str(), name.as_str()));
    let accounts: BTreeSet<(&str, &str)> = mentioned.service_accounts.iter().copied().chain(given).collect();
    let mut reports: Vec<SubjectReport> = accounts.into_iter().map(|account| account_report(rbac, account)).collect();
    let away = accounts_away_from_home(rbac);
    let users: BTreeSet<&str> = mentioned.users.iter().copied().chain(away).collect();
    for user in users {
        reports.extend(requester_reports(
            rbac,
            &mentioned.namespaces,
            user,
            &groups_of(user),
            &Who::User(user.to_owned()),
        ));
    }
    for group in &mentioned.groups {
        let groups = if *group == UNAUTHENTICATED { vec![*group] } else { vec![*group, AUTHENTICATED] };
        let groups: Vec<String> = groups.into_iter().map(str::to_owned).collect();
        reports.extend(requester_reports(rbac, &mentioned.namespaces, "", &groups, &Who::Group((*group).to_owned())));
    }
    reports
}

const AUTHENTICATED: &str = "system:authenticated";
const UNAUTHENTICATED: &str = "system:unauthenticated";

/// A name that no namespace can have, so that only grants that count everywhere apply.
const ELSEWHERE: &str = "";

fn account_report(rbac: &Rbac, (namespace, name): (&str, &str)) -> SubjectReport {
    SubjectReport {
        namespace: Some(namespace.to_owned()),
        who: Who::ServiceAccount(name.to_owned()),
        usable: names(rbac, rbac.usable_by_account(namespace, name)),
    }
}

/// The user names of service accounts that were granted something in another namespace: there, only their own requests
/// count.
fn accounts_away_from_home(rbac: &Rbac) -> impl Iterator<Item = &str> {
    rbac.grants().iter().filter_map(|grant| {
        let (home, _) = grant.subject.as_service_account()?;
        let elsewhere = grant.namespace.as_deref().is_some_and(|namespace| namespace != home);
        elsewhere.then(|| grant.subject.name())
    })
}

/// The groups that a requester has by name alone.
fn groups_of(user: &str) -> Vec<String> {
    let own = match Subject::User(user.to_owned()).as_service_account() {
        Some((namespace, _)) => {
            vec!["system:serviceaccounts".to_owned(), format!("system:serviceaccounts:{namespace}")]
        }
        None => Vec::new(),
    };
    let everybody = if user == "system:anonymous" { UNAUTHENTICATED } else { AUTHENTICATED };
    own.into_iter().chain([everybody.to_owned()]).collect()
}

/// One row for all namespaces, and one for each in which the subject may use something else.
fn requester_reports(
    rbac: &Rbac,
    namespaces: &BTreeSet<&str>,
    user: &str,
    groups: &[String],
    who: &Who,
) -> Vec<SubjectReport> {
    let report = |namespace: Option<&str>, usable: &PolicySet| SubjectReport {
        namespace: namespace.map(str::to_owned),
        who: who.clone(),
        usable: names(rbac, usable),
    };
    let elsewhere = rbac.usable(ELSEWHERE, user, groups);
    let mut reports = vec![report(None, &elsewhere)];
    for namespace in namespaces {
        let here = rbac.usable(namespace, user, groups);
        if here != elsewhere {
            reports.push(report(Some(namespace), &here));
        }
    }
    reports
}

fn names(rbac: &Rbac, usable: &PolicySet) -> Vec<String> {
    rbac.names(usable).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::rbac::RbacOptions;

    fn use_role(policy: &str) -> Value {
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": policy},
            "rules": [{"apiGroups": ["policy"], "resources": ["podsecuritypolicies"], "resourceNames": [policy], "verbs": ["use"]}]})
    }

    fn bind(policy: &str, namespace: Option<&str>, subject: Value) -> Value {
        let kind = if namespace.is_some() { "RoleBinding" } else { "ClusterRoleBinding" };
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind,
            "metadata": {"name": format!("{policy}-{}", subject["name"].as_str().unwrap()), "namespace": namespace},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": policy}, "subjects": [subject]})
    }

    fn rows(objects: &[Value], accounts: &[(&str, &str)]) -> Vec<String> {
        let options = RbacOptions { bootstrap: false, ..RbacOptions::default() };
        let rbac = Rbac::build(objects, &["a", "b"], options);
        let accounts = accounts.iter().map(|(namespace, name)| ((*namespace).to_owned(), (*name).to_owned()));
        let rows = reports(&rbac, &accounts.collect());
        rows.iter().map(|row| serde_json::to_string(row).unwrap().replace('"', "")).collect()
    }

    #[test]
    fn pods_accounts_are_not_authenticated() {
        let everybody =
            bind("a", None, json!({"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": AUTHENTICATED}));
        let expected = [
            "{namespace:n,serviceAccount:default,usable:[]}",
            "{namespace:null,group:system:authenticated,usable:[a]}",
        ];
        assert_eq!(rows(&[use_role("a"), everybody], &[("n", "default")]), expected);
    }

    #[test]
    fn a_namespace_has_a_row_only_where_it_differs() {
        let alice = json!({"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "alice"});
        let bob = json!({"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "bob"});
        let objects = [
            use_role("a"),
            use_role("b"),
            bind("a", None, alice.clone()),
            bind("b", Some("n"), alice),
            bind("b", Some("m"), bob),
        ];
        let expected = [
            "{namespace:null,user:alice,usable:[a]}",
            "{namespace:n,user:alice,usable:[a,b]}",
            "{namespace:null,user:bob,usable:[]}",
            "{namespace:m,user:bob,usable:[b]}",
        ];
        assert_eq!(rows(&objects, &[]), expected);
    }

    #[test]
    fn an_account_that_is_granted_something_elsewhere_counts_there_as_a_user() {
        let account = json!({"kind": "ServiceAccount", "namespace": "home", "name": "x"});
        let expected = [
            "{namespace:home,serviceAccount:x,usable:[]}",
            "{namespace:null,user:system:serviceaccount:home:x,usable:[]}",
            "{namespace:away,user:system:serviceaccount:home:x,usable:[a]}",
        ];
        assert_eq!(rows(&[use_role("a"), bind("a", Some("away"), account)], &[]), expected);
    }

    #[test]
    fn anonymous_requesters_are_not_authenticated() {
        assert_eq!(groups_of("system:anonymous"), [UNAUTHENTICATED]);
        assert_eq!(groups_of("alice"), [AUTHENTICATED]);
        assert_eq!(
            groups_of("system:serviceaccount:n:x"),
            ["system:serviceaccounts", "system:serviceaccounts:n", AUTHENTICATED]
        );
    }
}
