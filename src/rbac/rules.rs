//! What one rule says about policies: which may be used, or how closely it misses.
//!
//! Source: Kubernetes 1.24, `plugin/pkg/auth/authorizer/rbac/rbac.go` (`RuleAllows`). The plug-in asks for the verb `use`
//! on `podsecuritypolicies`, first in the group `policy`, then in `extensions`; all comparisons are exact.

use super::index_set::PolicySet;
use super::problems::ProblemCode;
use k8s_openapi::api::rbac::v1::PolicyRule;
use std::collections::BTreeMap;

/// The policies that something may use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Use {
    pub(crate) policies: PolicySet,
    /// Without `resourceNames`, policies that do not exist yet are meant as well.
    pub(crate) every_policy: bool,
}

/// Policy names with their positions.
pub(crate) type PolicyIndex<'a> = BTreeMap<&'a str, usize>;

/// The policies that the rule allows to use; `None` if it is not about using policies.
pub(crate) fn policies_to_use(rule: &PolicyRule, policies: &PolicyIndex<'_>) -> Option<Use> {
    if !names_the_verb(rule) || !names_the_group(rule) || !names_the_resource(rule) {
        return None;
    }
    let names = list(&rule.resource_names);
    let named = names.iter().filter_map(|name| policies.get(name.as_str()).copied());
    let every_policy = names.is_empty();
    Some(Use {
        policies: if every_policy { policies.values().copied().collect() } else { named.collect() },
        every_policy,
    })
}

/// Whether the rule lets use policies only if they are asked for in the API group `extensions`.
pub(crate) fn names_extensions_alone(rule: &PolicyRule) -> bool {
    let groups = list(&rule.api_groups);
    let alone = has_any(groups, &["extensions"]) && !has_any(groups, &["policy", "*"]);
    alone && names_the_verb(rule) && names_the_resource(rule)
}

fn names_the_verb(rule: &PolicyRule) -> bool {
    has_any(&rule.verbs, &["use", "*"])
}

fn names_the_group(rule: &PolicyRule) -> bool {
    has_any(list(&rule.api_groups), &["policy", "extensions", "*"])
}

fn names_the_resource(rule: &PolicyRule) -> bool {
    has_any(list(&rule.resources), &["podsecuritypolicies", "*"])
}

fn list(values: &Option<Vec<String>>) -> &[String] {
    values.as_deref().unwrap_or_default()
}

fn has_any(values: &[String], wanted: &[&str]) -> bool {
    values.iter().any(|value| wanted.contains(&value.as_str()))
}

/// What is odd about a rule that is, or looks as if it were, about using policies.
pub(crate) fn oddities(rule: &PolicyRule, policies: &PolicyIndex<'_>) -> Vec<(ProblemCode, String)> {
    let exact = list(&rule.resources).iter().any(|name| name == "podsecuritypolicies");
    if !exact {
        return misspelt_resource(rule).into_iter().collect();
    }
    match (names_the_group(rule), names_the_verb(rule)) {
        (false, true) => vec![wrong_group(rule)],
        (true, false) => vec![wrong_verb(rule)],
        (true, true) => list(&rule.resource_names).iter().filter_map(|name| odd_name(name, policies)).collect(),
        (false, false) => Vec::new(),
    }
}

fn misspelt_resource(rule: &PolicyRule) -> Option<(ProblemCode, String)> {
    if names_the_resource(rule) || !names_the_verb(rule) {
        return None;
    }
    let close = |name: &&String| {
        let plain = name.to_ascii_lowercase();
        let plain = plain.split('/').next().unwrap_or_default();
        matches!(plain, "podsecuritypolicies" | "podsecuritypolicy" | "psp" | "psps")
    };
    let everything = |name: &&String| name.as_str() == "*/*" && names_the_group(rule);
    let name = list(&rule.resources).iter().find(|name| close(name) || everything(name))?;
    let text = format!("the resource `{name}` is not `podsecuritypolicies`: the rule grants no policy");
    Some((ProblemCode::MisspeltResource, text))
}

fn wrong_group(rule: &PolicyRule) -> (ProblemCode, String) {
    let groups = list(&rule.api_groups).join("`, `");
    let text =
        format!("the API group `{groups}` holds no policies, only `policy` and `extensions` do: the rule grants none");
    (ProblemCode::WrongGroup, text)
}

fn wrong_verb(rule: &PolicyRule) -> (ProblemCode, String) {
    let verbs = rule.verbs.join("`, `");
    let text = format!("the verbs `{verbs}` do not let anybody use a policy, only `use` does");
    (ProblemCode::WrongVerb, text)
}

fn odd_name(name: &str, policies: &PolicyIndex<'_>) -> Option<(ProblemCode, String)> {
    if policies.contains_key(name) {
        return None;
    }
    if name.contains('*') {
        let text =
            format!("the resource name `{name}` is taken literally, `*` is no wildcard here: it grants no policy");
        return Some((ProblemCode::WildcardName, text));
    }
    let text = format!("there is no policy `{name}`");
    Some((ProblemCode::UnknownPolicy, text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// `change` replaces fields of a rule that lets use the policies `a` and `b` of `a`, `b`, `c`.
    fn check(change: Value, usable: Option<&[usize]>, odd: &[ProblemCode]) {
        let mut rule = json!({"verbs": ["use"], "apiGroups": ["policy"], "resources": ["podsecuritypolicies"],
            "resourceNames": ["a", "b"]});
        for (key, value) in change.as_object().unwrap() {
            rule[key] = value.clone();
        }
        let rule: PolicyRule = serde_json::from_value(rule).unwrap();
        let index = PolicyIndex::from([("a", 0), ("b", 1), ("c", 2)]);
        let found = policies_to_use(&rule, &index).map(|found| found.policies.iter().collect::<Vec<_>>());
        assert_eq!(found.as_deref(), usable, "{change}");
        let codes: Vec<ProblemCode> = oddities(&rule, &index).into_iter().map(|(code, _)| code).collect();
        assert_eq!(codes, odd, "{change}");
    }

    #[test]
    fn both_groups_and_all_wildcards_grant() {
        check(json!({}), Some(&[0, 1]), &[]);
        check(json!({"apiGroups": ["", "extensions"]}), Some(&[0, 1]), &[]);
        let stars = json!({"apiGroups": ["*"], "verbs": ["*"], "resources": ["*"]});
        check(stars, Some(&[0, 1]), &[]);
        check(json!({"resourceNames": null}), Some(&[0, 1, 2]), &[]);
        check(json!({"resourceNames": []}), Some(&[0, 1, 2]), &[]);
    }

    #[test]
    fn near_misses_grant_nothing() {
        check(json!({"apiGroups": ["apps"]}), None, &[ProblemCode::WrongGroup]);
        check(json!({"apiGroups": [""]}), None, &[ProblemCode::WrongGroup]);
        check(json!({"verbs": ["Use", "list"]}), None, &[ProblemCode::WrongVerb]);
        for name in ["podsecuritypolicy", "PodSecurityPolicy", "podsecuritypolicies/use", "*/*"] {
            check(json!({"resources": [name]}), None, &[ProblemCode::MisspeltResource]);
        }
        check(json!({"resources": ["pods", "*/podsecuritypolicies"], "apiGroups": [""]}), None, &[]);
    }

    #[test]
    fn resource_names_are_literal() {
        let names = json!({"resourceNames": ["*", "c", "a-*", "gone"]});
        let odd = [ProblemCode::WildcardName, ProblemCode::WildcardName, ProblemCode::UnknownPolicy];
        check(names, Some(&[2]), &odd);
        check(json!({"resourceNames": [""]}), Some(&[]), &[ProblemCode::UnknownPolicy]);
    }
}
