//! What is left of a role without its grants of policies.

use serde_json::{Value, json};

use crate::stored::as_manifest;

/// What becomes of a role.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Fate {
    /// It does not speak of policies.
    Untouched,
    /// It grants nothing else.
    Goes,
    /// It grants more; this is what it grants then.
    Cut(Value),
    /// It speaks of policies, and is better left alone.
    Stays(&'static str),
}

/// What becomes of a role.
pub(super) fn fate(role: &Value) -> Fate {
    let rules: &[Value] = role.get("rules").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if !rules.iter().any(speaks_of_policies) {
        return Fate::Untouched;
    }
    if role.get("aggregationRule").is_some_and(|rule| !rule.is_null()) {
        return Fate::Stays("its rules are gathered from other roles, and go when those do");
    }
    let left: Vec<Value> = rules.iter().filter_map(without_policies).collect();
    if left.is_empty() {
        return Fate::Goes;
    }
    if left == rules {
        return Fate::Stays("it grants whole API groups with `*`, and policies among them");
    }
    let mut role = as_manifest(role);
    if let Some(fields) = role.as_object_mut() {
        fields.insert("apiVersion".to_owned(), json!("rbac.authorization.k8s.io/v1"));
        fields.insert("rules".to_owned(), json!(left));
    }
    Fate::Cut(role)
}

/// Whether a resource is that of policies, or a subresource of it.
fn is_policies(resource: &Value) -> bool {
    let name = resource.as_str().unwrap_or_default();
    name == "podsecuritypolicies" || name.starts_with("podsecuritypolicies/")
}

fn speaks_of_policies(rule: &Value) -> bool {
    let mentions = list(rule, "resources").iter().any(is_policies);
    mentions || (has(rule, "resources", "*") && has(rule, "verbs", "use"))
}

/// The rule without policies; `None` if nothing is left of it. A `*` may mean anything, and stays.
fn without_policies(rule: &Value) -> Option<Value> {
    let left: Vec<&Value> = list(rule, "resources").iter().filter(|resource| !is_policies(resource)).collect();
    if left.len() == list(rule, "resources").len() {
        return Some(rule.clone());
    }
    if left.is_empty() {
        return None;
    }
    let mut rule = rule.clone();
    if let Some(resources) = rule.get_mut("resources") {
        *resources = json!(left);
    }
    Some(rule)
}

fn list<'v>(rule: &'v Value, key: &str) -> &'v [Value] {
    rule.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn has(rule: &Value, key: &str, word: &str) -> bool {
    list(rule, key).iter().any(|value| value == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(rules: Value) -> Value {
        json!({"apiVersion": "rbac.authorization.k8s.io/v1beta1", "kind": "ClusterRole",
            "metadata": {"name": "r", "resourceVersion": "7"}, "rules": rules})
    }

    fn rule(groups: Value, resources: Value, verbs: Value) -> Value {
        json!({"apiGroups": groups, "resources": resources, "verbs": verbs})
    }

    #[test]
    fn a_role_that_grants_nothing_else_goes() {
        let psp = |group: &str| rule(json!([group]), json!(["podsecuritypolicies"]), json!(["use"]));
        assert_eq!(fate(&role(json!([psp("policy"), psp("extensions")]))), Fate::Goes);
        assert_eq!(fate(&role(json!([psp("apps")]))), Fate::Goes, "no other group has such a resource");
        assert_eq!(fate(&role(json!([]))), Fate::Untouched);
        assert_eq!(fate(&role(json!([rule(json!([""]), json!(["pods"]), json!(["get"]))]))), Fate::Untouched);
    }

    #[test]
    fn a_role_that_grants_more_keeps_exactly_that() {
        let pods = rule(json!([""]), json!(["pods"]), json!(["get"]));
        let both =
            rule(json!(["policy"]), json!(["podsecuritypolicies", "poddisruptionbudgets"]), json!(["get", "use"]));
        let left = rule(json!(["policy"]), json!(["poddisruptionbudgets"]), json!(["get", "use"]));
        let Fate::Cut(cut) = fate(&role(json!([pods, both]))) else { panic!("it is not cut") };
        let expected = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": {"name": "r"}, "rules": [pods, left]});
        assert_eq!(cut, expected);
    }

    #[test]
    fn wildcards_and_aggregates_stay() {
        let all = rule(json!(["*"]), json!(["*"]), json!(["use"]));
        assert!(matches!(fate(&role(json!([all]))), Fate::Stays(_)));
        let mut aggregate = role(json!([rule(json!(["policy"]), json!(["podsecuritypolicies"]), json!(["use"]))]));
        aggregate["aggregationRule"] = json!({"clusterRoleSelectors": []});
        assert!(matches!(fate(&aggregate), Fate::Stays(_)));
    }
}
