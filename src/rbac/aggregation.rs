//! Aggregated cluster roles: what the aggregation controller makes of `aggregationRule`.
//!
//! Source: Kubernetes 1.24, `pkg/controller/clusterroleaggregation`. Rules written into an aggregating role are replaced
//! as soon as its selectors find any; a role never aggregates itself; roles that aggregate aggregating roles settle over
//! several rounds, here in name order.

use super::objects::Role;
use super::selector::selects;
use k8s_openapi::api::rbac::v1::PolicyRule;
use std::collections::{BTreeMap, HashMap};

/// A rule that a role has, and the role that it was written in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HeldRule<'a> {
    pub(crate) rule: &'a PolicyRule,
    pub(crate) written_in: &'a Role,
}

/// What the controller leaves behind.
pub(crate) struct Aggregated<'a> {
    /// The rules of each role, in the order of the roles given.
    pub(crate) rules: Vec<Vec<HeldRule<'a>>>,
    /// The roles that were still changing when the search was given up; the real controller would never stop.
    pub(crate) unsettled: Vec<&'a Role>,
}

/// The rules of cluster roles, given in name order, once the controller has nothing left to do.
pub(crate) fn aggregate<'a>(roles: &[&'a Role]) -> Aggregated<'a> {
    let mut numbering = Numbering::default();
    let own = |(i, role): (usize, &&'a Role)| role.rules.iter().map(|rule| (numbering.number(rule), i)).collect();
    let mut held: Vec<Held> = roles.iter().enumerate().map(own).collect();
    let sources: Vec<(usize, Vec<usize>)> = (0..roles.len()).filter_map(|i| sources(roles, i)).collect();
    let unsettled = settle(&mut held, &sources);
    let resolve = |(&rule, &role): (&usize, &usize)| {
        Some(HeldRule {
            rule: numbering.rules.get(rule).copied()?,
            written_in: roles.get(role).copied()?,
        })
    };
    Aggregated {
        rules: held
            .iter()
            .map(|rules| rules.iter().filter_map(resolve).collect())
            .collect(),
        unsettled: unsettled.into_iter().filter_map(|i| roles.get(i).copied()).collect(),
    }
}

/// The numbers of the rules that a role holds, each with the position of the role that it was written in.
type Held = BTreeMap<usize, usize>;

/// Rules by number: equal rules have equal numbers, whether empty lists are spelt out or not.
#[derive(Default)]
struct Numbering<'a> {
    numbers: HashMap<[&'a [String]; 5], usize>,
    rules: Vec<&'a PolicyRule>,
}

impl<'a> Numbering<'a> {
    fn number(&mut self, rule: &'a PolicyRule) -> usize {
        let list = |values: &'a Option<Vec<String>>| values.as_deref().unwrap_or_default();
        let key = [
            rule.verbs.as_slice(),
            list(&rule.api_groups),
            list(&rule.resources),
            list(&rule.resource_names),
            list(&rule.non_resource_urls),
        ];
        *self.numbers.entry(key).or_insert_with(|| {
            self.rules.push(rule);
            self.rules.len() - 1
        })
    }
}

/// The roles that an aggregating role takes its rules from.
fn sources(roles: &[&Role], aggregating: usize) -> Option<(usize, Vec<usize>)> {
    let selectors = roles.get(aggregating)?.selectors.as_deref()?;
    let selected = |role: &Role| selectors.iter().any(|selector| selects(selector, &role.labels));
    let others = roles.iter().enumerate();
    let others = others.filter(|(i, role)| *i != aggregating && selected(role));
    Some((aggregating, others.map(|(i, _)| i).collect()))
}

/// Runs the controller until nothing changes and returns the roles that would go on changing forever.
fn settle(held: &mut [Held], sources: &[(usize, Vec<usize>)]) -> Vec<usize> {
    let mut changing = Vec::new();
    // A chain needs one round a role; only roles that aggregate each other in a circle can need more.
    for _ in 0..2 * sources.len() + 2 {
        changing.clear();
        let mut moved = false;
        for (role, from) in sources {
            let found = collect(held, from);
            let Some(current) = held
                .get_mut(*role)
                .filter(|current| !found.is_empty() && **current != found)
            else {
                continue;
            };
            // That rules have another origin is news for reports alone: the controller would see no change.
            moved = true;
            if !current.keys().eq(found.keys()) {
                changing.push(*role);
            }
            *current = found;
        }
        if !moved {
            break;
        }
    }
    changing
}

fn collect(held: &[Held], from: &[usize]) -> Held {
    let mut found = Held::new();
    for (&rule, &written_in) in from.iter().filter_map(|&role| held.get(role)).flatten() {
        found.entry(rule).or_insert(written_in);
    }
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

    /// Expects `name=verb@origin,…` per role and the names of the unsettled ones.
    fn check(roles: &[Role], expected: &[&str], unsettled: &[&str]) {
        let roles: Vec<&Role> = roles.iter().collect();
        let aggregated = aggregate(&roles);
        let text = |held: &HeldRule<'_>| format!("{}@{}", held.rule.verbs[0], held.written_in.id.name);
        let lines = roles.iter().zip(&aggregated.rules).map(|(role, rules)| {
            let rules: Vec<String> = rules.iter().map(text).collect();
            format!("{}={}", role.id.name, rules.join(","))
        });
        assert_eq!(lines.collect::<Vec<_>>(), expected);
        let names: Vec<&str> = aggregated.unsettled.iter().map(|role| role.id.name.as_str()).collect();
        assert_eq!(names, unsettled);
    }

    #[test]
    fn chains_settle_over_several_rounds() {
        let roles = [
            role("a", "", &[], &["b"]),
            role("b", "b", &[], &["c"]),
            role("c", "c", &["use"], &[]),
        ];
        check(&roles, &["a=use@c", "b=use@c", "c=use@c"], &[]);
    }

    #[test]
    fn written_rules_stay_until_a_selector_finds_some() {
        let roles = [
            role("a", "", &["old"], &["x"]),
            role("b", "", &["old"], &["c"]),
            role("c", "c", &["new"], &[]),
        ];
        check(&roles, &["a=old@a", "b=new@c", "c=new@c"], &[]);
    }

    #[test]
    fn a_role_never_aggregates_itself() {
        check(&[role("a", "a", &["own"], &["a"])], &["a=own@a"], &[]);
    }

    #[test]
    fn stored_results_are_traced_back() {
        let roles = [
            role("a", "", &["use"], &["b"]),
            role("b", "b", &["use"], &["c"]),
            role("c", "c", &["use"], &[]),
        ];
        check(&roles, &["a=use@c", "b=use@c", "c=use@c"], &[]);
    }

    #[test]
    fn a_circle_that_never_rests_is_told() {
        let roles = [
            role("a", "a", &["x"], &["b"]),
            role("b", "b", &["y"], &["c"]),
            role("c", "c", &["z"], &["a"]),
        ];
        let all: Vec<&Role> = roles.iter().collect();
        assert_eq!(aggregate(&all).unsettled.len(), 3);
        let pair = [role("a", "a", &["x"], &["b"]), role("b", "b", &["y"], &["a"])];
        check(&pair, &["a=y@b", "b=y@b"], &[]);
    }
}
