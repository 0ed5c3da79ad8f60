//! Who may `use` which policy, as the RBAC authorizer of Kubernetes 1.24 answers the PodSecurityPolicy plug-in.
//!
//! The plug-in asks for two identities, the pod's service account and the requester; a policy is usable if either may use
//! it in the request's namespace. [`Rbac`] is built once from roles and bindings of any version and then answers both
//! questions: what is usable for a request ([`Rbac::usable_by_request`]), and who was granted what ([`Rbac::grants`],
//! [`Rbac::policy_grants`], [`classes::classes`]). Objects that the API server refuses take no part
//! ([`Rbac::invalid_objects`]); what is merely odd is told ([`Rbac::problems`]). Other authorizers are not known here.

mod aggregation;
mod bootstrap;
mod catalog;
pub mod classes;
mod grants;
mod index_set;
mod lookup;
mod names;
mod objects;
mod problems;
mod roles;
mod rules;
pub(crate) mod selector;
mod validation;

pub use catalog::InvalidObject;
pub use grants::{Grant, Subject};
pub use index_set::{IndexSet, PolicySet};
pub(crate) use names::dns_label;
pub use objects::{ObjectRef, RbacKind};

pub use problems::{Problem, ProblemCode};

use catalog::Catalog;
use lookup::Lookup;
use serde_json::Value;
use std::collections::BTreeSet;

/// What is taken for granted about the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RbacOptions {
    /// Aggregated cluster roles get the rules that the controller would give them. Right for manifests, and without
    /// effect on a dump of a cluster whose controller is done; off, the rules count as they stand.
    pub aggregate: bool,
    /// The API server's own roles and bindings exist, `cluster-admin` for `system:masters` first of all.
    pub bootstrap: bool,
}

impl Default for RbacOptions {
    fn default() -> Self {
        Self { aggregate: true, bootstrap: true }
    }
}

/// The API group that policies left in 1.16, which the plug-in kept asking for.
const EXTENSIONS: &str = "extensions";

/// The resolved wiring of a cluster.
#[derive(Debug)]
pub struct Rbac {
    policies: Vec<String>,
    grants: Vec<Grant>,
    invalid: Vec<InvalidObject>,
    problems: Vec<Problem>,
    lookup: Lookup,
    by_group: Option<ByGroup>,
}

/// What is granted through each of the two API groups: kept where some rule names `extensions`.
#[derive(Debug)]
struct ByGroup {
    policy: (Lookup, Vec<Grant>),
    extensions: (Lookup, Vec<Grant>),
}

impl Rbac {
    /// Resolves roles and bindings for the named policies, which are known by their position from here on: listed in
    /// byte order, sets iterate in the plug-in's order. Objects of other kinds are passed over, and positions among the
    /// objects come back as [`ObjectRef::source`].
    pub fn build<'a>(
        objects: impl IntoIterator<Item = &'a Value>,
        policies: &[impl AsRef<str>],
        options: RbacOptions,
    ) -> Self {
        let objects: Vec<&Value> = objects.into_iter().collect();
        let mut catalog = Catalog::new(objects.iter().copied(), options.bootstrap);
        let index = policies.iter().map(AsRef::as_ref).zip(0..).collect();
        let through = |other: &str| {
            let mut catalog = Catalog::new(objects.iter().copied(), options.bootstrap);
            catalog.forget_api_group(other);
            let uses = roles::role_uses(&catalog, options.aggregate, &index, &mut Vec::new());
            let grants = grants::grants(&catalog, &uses, &mut Vec::new());
            (Lookup::new(&grants), grants)
        };
        let by_group =
            catalog.names_extensions().then(|| ByGroup { policy: through(EXTENSIONS), extensions: through("policy") });
        let mut problems = std::mem::take(&mut catalog.problems);
        let uses = roles::role_uses(&catalog, options.aggregate, &index, &mut problems);
        let grants = grants::grants(&catalog, &uses, &mut problems);
        problems.sort();
        problems.dedup();
        Self {
            policies: policies.iter().map(|name| name.as_ref().to_owned()).collect(),
            by_group,
            lookup: Lookup::new(&grants),
            grants,
            invalid: catalog.invalid,
            problems,
        }
    }

    /// What a user in these groups may use in a namespace.
    pub fn usable(&self, namespace: &str, user: &str, groups: &[impl AsRef<str>]) -> PolicySet {
        let mut usable = PolicySet::default();
        self.lookup.add_user(namespace, user, &mut usable);
        for group in groups {
            self.lookup.add_group(namespace, group.as_ref(), &mut usable);
        }
        usable
    }

    /// What a pod's service account may use in the pod's namespace. The plug-in gives it the two groups of service
    /// accounts and no other, not even `system:authenticated`.
    pub fn usable_by_account(&self, namespace: &str, name: &str) -> &PolicySet {
        self.lookup.service_account(namespace, name)
    }

    /// What one of the two identities of a request may use; a pod without a service account has only the requester.
    pub fn usable_by_request(
        &self,
        namespace: &str,
        service_account: Option<&str>,
        user: &str,
        groups: &[impl AsRef<str>],
    ) -> PolicySet {
        let mut usable = self.usable(namespace, user, groups);
        if let Some(name) = service_account.filter(|name| !name.is_empty()) {
            usable.union_with(self.usable_by_account(namespace, name));
        }
        usable
    }

    /// Whether some rule about policies names the API group `extensions`, so that asking for `policy` does not suffice.
    pub fn asks_extensions(&self) -> bool {
        self.by_group.is_some()
    }

    /// Whether a user in these groups may use the policy of this name, asked for in one of the two API groups; an empty
    /// name asks for all policies. `None` if the objects do not tell.
    pub fn may_use(
        &self,
        api_group: &str,
        policy: &str,
        namespace: &str,
        user: &str,
        groups: &[String],
    ) -> Option<bool> {
        let (lookup, grants) = match (&self.by_group, api_group) {
            (Some(by_group), "policy") => (&by_group.policy.0, &by_group.policy.1),
            (Some(by_group), EXTENSIONS) => (&by_group.extensions.0, &by_group.extensions.1),
            (None, "policy") => (&self.lookup, &self.grants),
            _ => return None,
        };
        if let Some(position) = self.policies.iter().position(|known| known == policy) {
            let mut usable = PolicySet::default();
            lookup.add_user(namespace, user, &mut usable);
            groups.iter().for_each(|group| lookup.add_group(namespace, group, &mut usable));
            return Some(usable.contains(position));
        }
        let is_meant = |grant: &Grant| match &grant.subject {
            Subject::User(name) => name == user,
            Subject::Group(name) => groups.contains(name),
        };
        let is_here = |grant: &Grant| grant.namespace.as_deref().is_none_or(|place| place == namespace);
        Some(grants.iter().any(|grant| grant.every_policy && is_meant(grant) && is_here(grant)))
    }

    /// The names of the policies in a set, in its order.
    pub fn names<'a>(&'a self, set: &'a PolicySet) -> impl Iterator<Item = &'a str> {
        set.iter().filter_map(|policy| self.policies.get(policy).map(String::as_str))
    }

    /// Every grant with the binding and roles that it comes through, sorted by subject.
    pub fn grants(&self) -> &[Grant] {
        &self.grants
    }

    /// Who may use a policy and where: sorted, and without what a grant to the same subject everywhere includes.
    pub fn policy_grants(&self, policy: usize) -> Vec<GrantAtom> {
        let granting = self.grants.iter().filter(|grant| grant.policies.contains(policy));
        let atom = |grant: &Grant| GrantAtom { subject: grant.subject.clone(), namespace: grant.namespace.clone() };
        let atoms: BTreeSet<GrantAtom> = granting.map(atom).collect();
        let mut needed: Vec<GrantAtom> = Vec::with_capacity(atoms.len());
        // A grant everywhere sorts before the grants of the same subject in namespaces.
        for atom in atoms {
            let everywhere = |last: &GrantAtom| last.namespace.is_none() && last.subject == atom.subject;
            if !needed.last().is_some_and(everywhere) {
                needed.push(atom);
            }
        }
        needed
    }

    /// The objects that API validation refuses.
    pub fn invalid_objects(&self) -> &[InvalidObject] {
        &self.invalid
    }

    /// What is odd, sorted by object.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Everybody and everywhere that some grant names.
    pub fn mentioned(&self) -> Mentioned<'_> {
        self.mentioned_in(|_| true)
    }

    /// The same for the grants everywhere and those in some namespaces.
    pub fn mentioned_in(&self, counts: impl Fn(&str) -> bool) -> Mentioned<'_> {
        let mut mentioned = Mentioned::default();
        for grant in self.grants.iter().filter(|grant| grant.namespace.as_deref().is_none_or(&counts)) {
            mentioned.namespaces.extend(grant.namespace.as_deref());
            mentioned.namespaces.extend(grant.subject.as_accounts_of_namespace());
            match (&grant.subject, grant.subject.as_service_account()) {
                (_, Some((namespace, name))) => {
                    mentioned.service_accounts.insert((namespace, name));
                    mentioned.namespaces.insert(namespace);
                }
                (Subject::User(name), None) => drop(mentioned.users.insert(name)),
                (Subject::Group(name), None) => drop(mentioned.groups.insert(name)),
            }
        }
        mentioned
    }
}

/// One way to be allowed a policy: to be the subject, in the namespace (`None`: in any).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct GrantAtom {
    /// Who; service accounts are users, see [`Subject::as_service_account`].
    pub subject: Subject,
    /// Where.
    pub namespace: Option<String>,
}

/// The names that occur in grants. Whoever and wherever else is treated like "anyone else".
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mentioned<'a> {
    /// Users that are no service accounts.
    pub users: BTreeSet<&'a str>,
    /// Groups, those of service accounts included.
    pub groups: BTreeSet<&'a str>,
    /// Namespace and name of service accounts.
    pub service_accounts: BTreeSet<(&'a str, &'a str)>,
    /// Namespaces of grants and of service accounts, alone or as a group.
    pub namespaces: BTreeSet<&'a str>,
}

#[cfg(test)]
mod tests;
