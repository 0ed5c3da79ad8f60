//! What each role lets its holders use, and in which role that was written.

use super::aggregation::aggregate;
use super::catalog::{Catalog, Key};
use super::index_set::{IndexSet, PolicySet};
use super::objects::{ObjectRef, RbacKind, Role};
use super::problems::{Problem, ProblemCode};
use super::rules::{PolicyIndex, Use, oddities, policies_to_use};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Policies that a role lets its holders use; never none.
#[derive(Debug)]
pub(crate) struct RoleUse {
    pub(crate) uses: Use,
    /// The role itself, or the one that it was aggregated from.
    pub(crate) written_in: Arc<ObjectRef>,
}

/// The uses of every role. With `aggregating`, aggregated roles get the rules that the controller would give them.
pub(crate) fn role_uses<'a>(
    catalog: &'a Catalog,
    aggregating: bool,
    policies: &PolicyIndex<'_>,
    problems: &mut Vec<Problem>,
) -> BTreeMap<&'a Key, Vec<RoleUse>> {
    let written = Written::new(catalog, policies);
    let writers = written.writers(aggregating, problems);
    let roles = catalog.roles.iter().zip(writers).enumerate();
    let uses = roles.map(|(i, ((key, role), writers))| {
        if role.id.source.is_some() {
            problems.extend(written.problems(i, role, &writers, policies));
        }
        (key, written.role_uses(&writers))
    });
    uses.collect()
}

/// The roles as they were written, in the catalogue's order, and the policies that their own rules let use.
struct Written<'a> {
    roles: Vec<&'a Role>,
    uses: Vec<Use>,
}

impl<'a> Written<'a> {
    fn new(catalog: &'a Catalog, policies: &PolicyIndex<'_>) -> Self {
        let roles: Vec<&Role> = catalog.roles.values().collect();
        let uses = roles.iter().map(|role| uses(role, policies)).collect();
        Self { roles, uses }
    }

    /// For each role the roles whose written rules it has.
    fn writers(&self, aggregating: bool, problems: &mut Vec<Problem>) -> Vec<IndexSet> {
        let itself = |role: usize| IndexSet::from_iter([role]);
        let mut all: Vec<IndexSet> = (0..self.roles.len()).map(itself).collect();
        if !aggregating {
            return all;
        }
        // The keys sort by kind, then by name: cluster roles stand together, in the controller's order.
        let of_cluster = |role: &&&Role| role.id.kind == RbacKind::ClusterRole;
        let first = self.roles.iter().take_while(|role| !of_cluster(role)).count();
        let cluster_roles: Vec<&Role> = self.roles.iter().filter(of_cluster).copied().collect();
        let aggregated = aggregate(&cluster_roles);
        let shifted = |writers: &IndexSet| writers.iter().map(|role| first + role).collect();
        for (slot, writers) in all.iter_mut().skip(first).zip(&aggregated.writers) {
            *slot = shifted(writers);
        }
        for (role, before) in &aggregated.moving {
            let now = all.get(first + role).map(|writers| self.usable(writers));
            let restless = now != Some(self.usable(&shifted(before)));
            problems.extend(self.roles.get(first + role).filter(|_| restless).map(|role| unsettled(role)));
        }
        all
    }

    fn by_writer(&self, writers: &IndexSet) -> impl Iterator<Item = (&'a Role, &Use)> {
        writers.iter().filter_map(|role| Some((*self.roles.get(role)?, self.uses.get(role)?)))
    }

    fn usable(&self, writers: &IndexSet) -> PolicySet {
        let mut usable = PolicySet::default();
        self.by_writer(writers).for_each(|(_, uses)| usable.union_with(&uses.policies));
        usable
    }

    fn role_uses(&self, writers: &IndexSet) -> Vec<RoleUse> {
        let granting = self.by_writer(writers).filter(|(_, uses)| !uses.policies.is_empty());
        let entry = |(role, uses): (&Role, &Use)| RoleUse { uses: uses.clone(), written_in: Arc::clone(&role.id) };
        granting.map(entry).collect()
    }

    /// What is odd about the rules that a role kept, or about its losing them.
    fn problems(&self, i: usize, role: &Role, writers: &IndexSet, policies: &PolicyIndex<'_>) -> Vec<Problem> {
        let problem = |(code, message)| Problem::new(&role.id, code, message);
        if writers.contains(i) {
            let odd = role.rules.iter().flat_map(|rule| oddities(rule, policies));
            return odd.map(problem).collect();
        }
        let lost = self.uses.get(i).is_some_and(|own| !self.usable(writers).includes(&own.policies));
        let message = "it aggregates other roles, so the rules written in it are replaced by theirs: what it grants here \
                       is lost";
        let lost = lost.then(|| problem((ProblemCode::RulesReplaced, message.to_owned())));
        lost.into_iter().collect()
    }
}

/// What the rules written in a role let use.
fn uses(role: &Role, policies: &PolicyIndex<'_>) -> Use {
    let mut uses = Use::default();
    for found in role.rules.iter().filter_map(|rule| policies_to_use(rule, policies)) {
        uses.policies.union_with(&found.policies);
        uses.every_policy |= found.every_policy;
    }
    uses
}

fn unsettled(role: &Role) -> Problem {
    let message = "it aggregates roles that aggregate it, and its rules never come to rest: what it grants is a matter of \
                   time";
    Problem::new(&role.id, ProblemCode::AggregationUnsettled, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn cluster_role(name: &str, label: &str, policy: &str, aggregates: Option<&str>) -> Value {
        let rule = json!({"verbs": ["use"], "apiGroups": ["policy"], "resources": ["podsecuritypolicies"],
            "resourceNames": [policy]});
        let mut role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": {"name": name, "labels": {"in": label}}, "rules": [rule]});
        if let Some(value) = aggregates {
            role["aggregationRule"] = json!({"clusterRoleSelectors": [{"matchLabels": {"in": value}}]});
        }
        role
    }

    fn check(roles: &[Value], aggregating: bool, expected: &[&str], codes: &[ProblemCode]) {
        let catalog = Catalog::new(roles, false);
        let policies = PolicyIndex::from([("p", 0), ("q", 1)]);
        let mut problems = Vec::new();
        let uses = role_uses(&catalog, aggregating, &policies, &mut problems);
        let line = |key: &Key, entry: &RoleUse| {
            let policies: Vec<usize> = entry.uses.policies.iter().collect();
            format!("{} {policies:?} {}", key.2, entry.written_in.name)
        };
        let lines = uses.iter().flat_map(|(key, uses)| uses.iter().map(|entry| line(key, entry)));
        assert_eq!(lines.collect::<Vec<_>>(), expected);
        assert_eq!(problems.iter().map(|problem| problem.code).collect::<Vec<_>>(), codes);
    }

    #[test]
    fn aggregated_rules_name_their_origin_and_replace_written_ones() {
        let roles = [cluster_role("all", "", "p", Some("x")), cluster_role("one", "x", "q", None)];
        check(&roles, true, &["all [1] one", "one [1] one"], &[ProblemCode::RulesReplaced]);
        check(&roles, false, &["all [0] all", "one [1] one"], &[]);
    }

    #[test]
    fn a_circle_is_told_where_it_changes_what_may_be_used() {
        let circle = |policies: [&str; 3]| {
            [("a", "b"), ("b", "c"), ("c", "a")].map(|(name, from)| {
                let policy = policies[usize::from(name.as_bytes()[0] - b'a')];
                cluster_role(name, name, policy, Some(from))
            })
        };
        let catalog = Catalog::new(&circle(["p", "q", "gone"]), false);
        let mut problems = Vec::new();
        role_uses(&catalog, true, &PolicyIndex::from([("p", 0), ("q", 1)]), &mut problems);
        assert!(problems.iter().any(|problem| problem.code == ProblemCode::AggregationUnsettled));
        let same = ["a [0] c", "b [0] b", "c [0] c"];
        check(&circle(["p", "p", "p"]), true, &same, &[]);
    }

    #[test]
    fn a_role_that_names_no_existing_policy_grants_nothing() {
        let roles = [cluster_role("a", "", "gone", None)];
        check(&roles, true, &[], &[ProblemCode::UnknownPolicy]);
    }
}
