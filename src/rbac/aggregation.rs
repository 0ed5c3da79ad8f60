//! Aggregated cluster roles: what the aggregation controller makes of `aggregationRule`.
//!
//! Source: Kubernetes 1.24, `pkg/controller/clusterroleaggregation`. Rules written into an aggregating role are replaced
//! as soon as its selectors find any; a role never aggregates itself; roles that aggregate aggregating roles settle over
//! several rounds, here in name order.
//!
//! A role's rules are always whole sets of rules that were written in some role, so the rounds move sets of *writers*
//! about and never look at a rule.

use super::index_set::IndexSet;
use super::objects::Role;
use super::selector::selects;

/// What the controller leaves behind; roles go by their position among those given.
pub(crate) struct Aggregated {
    /// For each role, the roles whose written rules it has now.
    pub(crate) writers: Vec<IndexSet>,
    /// The roles that were still changing when the search was given up, with the writers they had before the last change.
    /// The real controller might never stop.
    pub(crate) moving: Vec<(usize, IndexSet)>,
}

/// The rules of cluster roles, given in name order, once the controller has nothing left to do.
pub(crate) fn aggregate(roles: &[&Role]) -> Aggregated {
    let written = |(i, role): (usize, &&Role)| (!role.rules.is_empty()).then_some(i).into_iter().collect();
    let mut writers: Vec<IndexSet> = roles.iter().enumerate().map(written).collect();
    let sources: Vec<(usize, Vec<usize>)> = (0..roles.len()).filter_map(|i| sources(roles, i)).collect();
    let moving = settle(&mut writers, &sources);
    Aggregated { writers, moving }
}

/// The roles that an aggregating role takes its rules from.
fn sources(roles: &[&Role], aggregating: usize) -> Option<(usize, Vec<usize>)> {
    let selectors = roles.get(aggregating)?.selectors.as_deref()?;
    let selected = |role: &Role| selectors.iter().any(|selector| selects(selector, &role.labels));
    let others = roles.iter().enumerate();
    let others = others.filter(|(i, role)| *i != aggregating && selected(role));
    Some((aggregating, others.map(|(i, _)| i).collect()))
}

/// A bound on the work, far beyond any cluster: that many sets are united in about a second.
const MOST_UNIONS: usize = 50_000_000;

/// Runs the controller until nothing changes and returns the roles that would go on changing, as they were before.
fn settle(writers: &mut [IndexSet], sources: &[(usize, Vec<usize>)]) -> Vec<(usize, IndexSet)> {
    let unions: usize = sources.iter().map(|(_, from)| from.len()).sum();
    // A chain needs one round a role; only roles that aggregate each other in a circle can need more.
    let rounds = (2 * sources.len() + 2).min(MOST_UNIONS / unions.max(1) + 1);
    let mut moving = Vec::new();
    for _ in 0..rounds {
        moving.clear();
        for (role, from) in sources {
            let found = union(writers, from);
            let current = writers.get_mut(*role);
            if let Some(current) = current.filter(|current| !found.is_empty() && **current != found) {
                moving.push((*role, std::mem::replace(current, found)));
            }
        }
        if moving.is_empty() {
            break;
        }
    }
    moving
}

fn union(writers: &[IndexSet], from: &[usize]) -> IndexSet {
    let mut found = IndexSet::default();
    let sets = from.iter().filter_map(|&role| writers.get(role));
    sets.for_each(|set| found.union_with(set));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rbac::objects::{Object, read};
    use serde_json::{Value, json};

    /// A cluster role with one rule per verb; `selects` are values of the label `in`.
    fn role(name: &str, label: &str, verbs: &[&str], selects: &[&str]) -> Role {
        let rule = |verb: &&str| json!({"verbs": [verb], "apiGroups": [""], "resources": ["pods"]});
        let rules: Vec<Value> = verbs.iter().map(rule).collect();
        let selector = |value: &&str| json!({"matchLabels": {"in": value}});
        let selectors: Vec<Value> = selects.iter().map(selector).collect();
        let mut role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": {"name": name, "labels": {"in": label}}, "rules": rules});
        if !selects.is_empty() {
            role["aggregationRule"] = json!({"clusterRoleSelectors": selectors});
        }
        match read(&role, None).unwrap().unwrap() {
            Object::Role(role) => role,
            Object::Binding(_) => panic!("not a role"),
        }
    }

    /// Expects `name=writer,…` per role, and the names of the moving ones.
    fn check(roles: &[Role], expected: &[&str], moving: &[&str]) {
        let roles: Vec<&Role> = roles.iter().collect();
        let aggregated = aggregate(&roles);
        let name = |role: usize| roles[role].id.name.as_str();
        let line = |(role, writers): (usize, &IndexSet)| {
            let writers: Vec<&str> = writers.iter().map(name).collect();
            format!("{}={}", name(role), writers.join(","))
        };
        let lines: Vec<String> = aggregated.writers.iter().enumerate().map(line).collect();
        assert_eq!(lines, expected);
        let names: Vec<&str> = aggregated.moving.iter().map(|(role, _)| name(*role)).collect();
        assert_eq!(names, moving);
    }

    #[test]
    fn chains_settle_over_several_rounds() {
        let roles = [role("a", "", &[], &["b"]), role("b", "b", &[], &["c"]), role("c", "c", &["use"], &[])];
        check(&roles, &["a=c", "b=c", "c=c"], &[]);
    }

    #[test]
    fn written_rules_stay_until_a_selector_finds_some() {
        let roles = [
            role("a", "", &["old"], &["x"]),
            role("b", "", &["old"], &["c", "e"]),
            role("c", "c", &["new"], &[]),
            role("e", "e", &[], &[]),
        ];
        check(&roles, &["a=a", "b=c", "c=c", "e="], &[]);
    }

    #[test]
    fn a_role_never_aggregates_itself() {
        check(&[role("a", "a", &["own"], &["a"])], &["a=a"], &[]);
        let pair = [role("a", "a", &["own"], &["a"]), role("b", "a", &["use"], &[])];
        check(&pair, &["a=b", "b=b"], &[]);
    }

    #[test]
    fn a_circle_may_never_rest() {
        let pair = [role("a", "a", &["x"], &["b"]), role("b", "b", &["y"], &["a"])];
        check(&pair, &["a=b", "b=b"], &[]);
        let three = [role("a", "a", &["x"], &["b"]), role("b", "b", &["y"], &["c"]), role("c", "c", &["z"], &["a"])];
        let all: Vec<&Role> = three.iter().collect();
        assert_eq!(aggregate(&all).moving.len(), 3);
    }
}
