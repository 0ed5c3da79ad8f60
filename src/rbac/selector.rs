//! Label selectors.
//!
//! Source: `k8s.io/apimachinery` v0.24, `pkg/labels/selector.go` (`Requirement.Matches`).

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use std::collections::BTreeMap;

/// Whether every demand is met; a selector without demands selects everything.
pub(crate) fn selects(selector: &LabelSelector, labels: &BTreeMap<String, String>) -> bool {
    let mut equal = selector.match_labels.iter().flatten();
    let mut demands = selector.match_expressions.iter().flatten();
    equal.all(|(key, value)| labels.get(key) == Some(value)) && demands.all(|demand| meets(demand, labels))
}

fn meets(demand: &LabelSelectorRequirement, labels: &BTreeMap<String, String>) -> bool {
    let value = labels.get(&demand.key);
    let listed = |value: &String| demand.values.as_ref().is_some_and(|values| values.contains(value));
    match demand.operator.as_str() {
        "In" => value.is_some_and(listed),
        "NotIn" => !value.is_some_and(listed),
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn check(selector: Value, labels: Value, expected: bool) {
        let selector: LabelSelector = serde_json::from_value(selector).unwrap();
        let labels: BTreeMap<String, String> = serde_json::from_value(labels).unwrap();
        assert_eq!(selects(&selector, &labels), expected, "{selector:?} {labels:?}");
    }

    fn demand(operator: &str, values: &[&str]) -> Value {
        json!({"matchExpressions": [{"key": "k", "operator": operator, "values": values}]})
    }

    #[test]
    fn an_empty_selector_selects_everything() {
        check(json!({}), json!({}), true);
        check(json!({}), json!({"k": "a"}), true);
    }

    #[test]
    fn all_demands_must_be_met() {
        let both =
            json!({"matchLabels": {"k": "a", "l": "b"}, "matchExpressions": [{"key": "m", "operator": "Exists"}]});
        check(both.clone(), json!({"k": "a", "l": "b", "m": ""}), true);
        check(both.clone(), json!({"k": "a", "l": "b"}), false);
        check(both, json!({"k": "a", "l": "x", "m": ""}), false);
    }

    #[test]
    fn operators_treat_an_absent_label_as_upstream_does() {
        check(demand("In", &["a", "b"]), json!({"k": "b"}), true);
        check(demand("In", &["a", "b"]), json!({}), false);
        check(demand("NotIn", &["a"]), json!({}), true);
        check(demand("NotIn", &["a"]), json!({"k": "a"}), false);
        check(demand("DoesNotExist", &[]), json!({"l": "a"}), true);
        check(demand("DoesNotExist", &[]), json!({"k": ""}), false);
        check(demand("Gt", &["1"]), json!({"k": "2"}), false);
    }
}
