//! What each role lets its holders use, and in which role that was written.

use super::aggregation::{HeldRule, aggregate};
use super::catalog::{Catalog, Key};
use super::objects::{ObjectRef, RbacKind, Role};
use super::policy_set::PolicySet;
use super::problems::{Problem, ProblemCode};
use super::rules::{PolicyIndex, Use, oddities, policies_to_use};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Policies that a role lets its holders use.
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
    let held = held_rules(catalog, aggregating, problems);
    let mut all = BTreeMap::new();
    for ((key, role), rules) in catalog.roles.iter().zip(held) {
        let uses = uses(&rules, policies);
        if role.id.source.is_some() {
            problems.extend(role_problems(role, &rules, &uses, policies));
        }
        all.insert(key, uses);
    }
    all
}

/// The rules of every role, in the catalogue's order.
fn held_rules<'a>(catalog: &'a Catalog, aggregating: bool, problems: &mut Vec<Problem>) -> Vec<Vec<HeldRule<'a>>> {
    let own = |role: &'a Role| {
        let rules = role.rules.iter();
        rules.map(|rule| HeldRule { rule, written_in: role }).collect()
    };
    if !aggregating {
        return catalog.roles.values().map(own).collect();
    }
    let of_cluster = |role: &&Role| role.id.kind == RbacKind::ClusterRole;
    // The keys sort by kind, then by name: cluster roles stand together, in the controller's order.
    let cluster_roles: Vec<&Role> = catalog.roles.values().filter(of_cluster).collect();
    let aggregated = aggregate(&cluster_roles);
    problems.extend(aggregated.unsettled.iter().map(|role| unsettled(role)));
    let mut of_cluster_roles = aggregated.rules.into_iter();
    let roles = catalog.roles.values();
    roles
        .map(|role| match role.id.kind {
            RbacKind::ClusterRole => of_cluster_roles.next().unwrap_or_default(),
            _ => own(role),
        })
        .collect()
}

fn unsettled(role: &Role) -> Problem {
    let message = "it aggregates roles that aggregate it, and its rules never come to rest: what it grants is a matter of \
                   time";
    Problem::new(&role.id, ProblemCode::AggregationUnsettled, message)
}

/// One entry per role that rules were written in.
fn uses(rules: &[HeldRule<'_>], policies: &PolicyIndex<'_>) -> Vec<RoleUse> {
    let mut by_origin: BTreeMap<&Arc<ObjectRef>, Use> = BTreeMap::new();
    for held in rules {
        let Some(found) = policies_to_use(held.rule, policies) else {
            continue;
        };
        let uses = by_origin.entry(&held.written_in.id).or_default();
        uses.policies.union_with(&found.policies);
        uses.every_policy |= found.every_policy;
    }
    let granting = by_origin.into_iter().filter(|(_, uses)| !uses.policies.is_empty());
    granting
        .map(|(origin, uses)| RoleUse {
            uses,
            written_in: Arc::clone(origin),
        })
        .collect()
}

fn role_problems(role: &Role, held: &[HeldRule<'_>], uses: &[RoleUse], policies: &PolicyIndex<'_>) -> Vec<Problem> {
    let own = held.iter().filter(|held| held.written_in.id == role.id);
    let odd = own.flat_map(|held| oddities(held.rule, policies));
    let odd = odd.map(|(code, message)| Problem::new(&role.id, code, message));
    odd.chain(replaced(role, uses, policies)).collect()
}

/// The complaint of an aggregating role whose own rules would let policies be used, had the controller kept them.
fn replaced(role: &Role, uses: &[RoleUse], policies: &PolicyIndex<'_>) -> Option<Problem> {
    let mut held = PolicySet::default();
    uses.iter().for_each(|entry| held.union_with(&entry.uses.policies));
    let written = role.rules.iter().filter_map(|rule| policies_to_use(rule, policies));
    let lost = |found: &Use| !held.includes(&found.policies);
    let message =
        "it aggregates other roles, so the rules written in it are replaced by theirs: what it grants here is lost";
    let replaced = role.selectors.is_some() && written.into_iter().any(|found| lost(&found));
    replaced.then(|| Problem::new(&role.id, ProblemCode::RulesReplaced, message))
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
        let lines = uses
            .iter()
            .flat_map(|(key, uses)| uses.iter().map(|entry| line(key, entry)));
        assert_eq!(lines.collect::<Vec<_>>(), expected);
        assert_eq!(problems.iter().map(|problem| problem.code).collect::<Vec<_>>(), codes);
    }

    #[test]
    fn aggregated_rules_name_their_origin_and_replace_written_ones() {
        let roles = [
            cluster_role("all", "", "p", Some("x")),
            cluster_role("one", "x", "q", None),
        ];
        check(
            &roles,
            true,
            &["all [1] one", "one [1] one"],
            &[ProblemCode::RulesReplaced],
        );
        check(&roles, false, &["all [0] all", "one [1] one"], &[]);
    }

    #[test]
    fn a_role_that_names_no_existing_policy_grants_nothing() {
        let roles = [cluster_role("a", "", "gone", None)];
        check(&roles, true, &[], &[ProblemCode::UnknownPolicy]);
    }
}
