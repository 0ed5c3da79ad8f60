//! Binding chains: from a subject through a binding and a role to the policies that it may use.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::rbac::classes::Member;
use crate::rbac::{Grant, Rbac, Subject};

/// One way in which somebody comes to use policies.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Chain {
    /// Who the binding names: `ServiceAccount NAMESPACE/NAME`, `User NAME` or `Group NAME`.
    pub subject: String,
    /// The binding, as `Kind/name` or `Kind/namespace/name`.
    pub binding: String,
    /// The role that it gives.
    pub role: String,
    /// The role in which the rule was written, if the bound role aggregates it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aggregated_from: Option<String>,
    /// The policies, in the plug-in's order.
    pub policies: Vec<String>,
}

/// The chains through which members of a class come to their policies, sorted and without repetitions.
pub(super) fn chains(rbac: &Rbac, members: &[Member]) -> Vec<Chain> {
    let identities: Vec<(BTreeSet<Subject>, Option<&str>)> = members.iter().map(identity).collect();
    let applies = |grant: &&Grant| {
        identities.iter().any(|(subjects, place)| {
            let here = grant.namespace.is_none() || grant.namespace.as_deref() == *place;
            here && subjects.contains(&grant.subject)
        })
    };
    let chains: BTreeSet<Chain> = rbac.grants().iter().filter(applies).map(|grant| Chain::of(rbac, grant)).collect();
    chains.into_iter().collect()
}

impl Chain {
    fn of(rbac: &Rbac, grant: &Grant) -> Self {
        Self {
            subject: grant.subject.to_string(),
            binding: grant.binding.to_string(),
            role: grant.role.to_string(),
            aggregated_from: grant.aggregated_from.as_ref().map(ToString::to_string),
            policies: rbac.names(&grant.policies).map(str::to_owned).collect(),
        }
    }
}

/// Everything that a member is to a binding, and where.
fn identity(member: &Member) -> (BTreeSet<Subject>, Option<&str>) {
    let group = |name: &str| Subject::Group(name.to_owned());
    let of_accounts = |namespace: Option<&str>| {
        let own = namespace.map(|namespace| group(&format!("system:serviceaccounts:{namespace}")));
        own.into_iter().chain([group("system:serviceaccounts")])
    };
    match member {
        Member::ServiceAccount { namespace, name } => {
            let user = Subject::service_account(namespace, name);
            (of_accounts(Some(namespace)).chain([user]).collect(), Some(namespace))
        }
        Member::OtherServiceAccounts { namespace } => {
            (of_accounts(namespace.as_deref()).collect(), namespace.as_deref())
        }
        Member::User { name, namespace } => {
            let user = Subject::User(name.clone());
            let home = user.as_service_account().map(|(home, _)| home.to_owned());
            let account = home.iter().flat_map(|home| of_accounts(Some(home)));
            let everybody = if name == "system:anonymous" { "system:unauthenticated" } else { "system:authenticated" };
            (account.chain([group(everybody), user.clone()]).collect(), namespace.as_deref())
        }
        Member::Group { name, namespace } => {
            let everybody = (name != "system:unauthenticated").then(|| group("system:authenticated"));
            (everybody.into_iter().chain([group(name)]).collect(), namespace.as_deref())
        }
        Member::AnyoneElse { namespace } => ([group("system:authenticated")].into(), namespace.as_deref()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::rbac::RbacOptions;
    use crate::rbac::classes::classes;

    fn objects() -> Vec<Value> {
        let bind = |name: &str, subject: Value| {
            json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": name},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "r"}, "subjects": [subject]})
        };
        vec![
            json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "r"},
                "rules": [{"apiGroups": ["policy"], "resources": ["podsecuritypolicies"], "resourceNames": ["p"], "verbs": ["use"]}]}),
            bind("accounts", json!({"kind": "Group", "name": "system:serviceaccounts:n"})),
            bind("alice", json!({"kind": "User", "name": "alice"})),
        ]
    }

    #[test]
    fn every_usable_policy_comes_through_some_chain() {
        let rbac = Rbac::build(&objects(), &["p"], RbacOptions { bootstrap: false, ..RbacOptions::default() });
        for class in classes(&rbac, &[("n", "x"), ("m", "x")], &["n", "m"]) {
            for member in &class.members {
                let found = chains(&rbac, std::slice::from_ref(member));
                let through: BTreeSet<&str> =
                    found.iter().flat_map(|chain| chain.policies.iter().map(String::as_str)).collect();
                let usable: BTreeSet<&str> = rbac.names(&class.usable).collect();
                assert_eq!(through, usable, "{member:?}");
            }
        }
    }
}
