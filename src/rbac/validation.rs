//! The API server's validation of roles and bindings: objects that it refuses never existed.
//!
//! Source: Kubernetes 1.24, `pkg/apis/rbac/validation/validation.go`. Of the metadata, what can matter here is checked:
//! name, namespace and labels; not annotations, owners, finalizers and managed fields.

use super::names;
use super::objects::{Binding, GROUP, Object, ObjectRef, RbacKind, Role};
use crate::field_error::{FieldError, go_quote};
use k8s_openapi::api::rbac::v1::{PolicyRule, RoleRef, Subject};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use std::collections::BTreeMap;

/// Why the API server refuses the object; empty if it does not.
pub(crate) fn errors(object: &Object) -> Vec<FieldError> {
    match object {
        Object::Role(role) => role_errors(role),
        Object::Binding(binding) => binding_errors(binding),
    }
}

fn role_errors(role: &Role) -> Vec<FieldError> {
    let namespaced = role.id.kind.is_namespaced();
    let mut errors = metadata_errors(&role.id, &role.labels);
    for (i, rule) in role.rules.iter().enumerate() {
        errors.extend(rule_errors(rule, namespaced, &format!("rules[{i}]")));
    }
    errors.extend(role.selectors.as_deref().map(aggregation_errors).unwrap_or_default());
    errors
}

fn metadata_errors(id: &ObjectRef, labels: &BTreeMap<String, String>) -> Vec<FieldError> {
    let mut errors = invalid("metadata.name", &id.name, names::path_segment(&id.name));
    if id.name.is_empty() {
        errors.push(FieldError::required("metadata.name", "name or generateName is required"));
    }
    let namespace = id.namespace.iter();
    errors.extend(namespace.flat_map(|text| invalid("metadata.namespace", text, names::dns_label(text))));
    errors.extend(label_errors(labels, "metadata.labels"));
    errors
}

fn label_errors(labels: &BTreeMap<String, String>, path: &str) -> Vec<FieldError> {
    let pairs = labels.iter();
    pairs
        .flat_map(|(key, value)| {
            let mut errors = invalid(path, key, names::label_key(key));
            errors.extend(invalid(path, value, names::label_value(value)));
            errors
        })
        .collect()
}

fn rule_errors(rule: &PolicyRule, namespaced: bool, path: &str) -> Vec<FieldError> {
    let missing = |list: &Option<Vec<String>>| list.as_ref().is_none_or(Vec::is_empty);
    let mut errors = Vec::new();
    if rule.verbs.is_empty() {
        let detail = "verbs must contain at least one value";
        errors.push(FieldError::required(format!("{path}.verbs"), detail));
    }
    if let Some(urls) = rule.non_resource_urls.as_ref().filter(|urls| !urls.is_empty()) {
        let resource_fields = [&rule.api_groups, &rule.resources, &rule.resource_names];
        let mixed = resource_fields.into_iter().any(|list| !missing(list));
        errors.extend(url_errors(urls, namespaced, mixed, &format!("{path}.nonResourceURLs")));
        return errors;
    }
    if missing(&rule.api_groups) {
        let detail = "resource rules must supply at least one api group";
        errors.push(FieldError::required(format!("{path}.apiGroups"), detail));
    }
    if missing(&rule.resources) {
        let detail = "resource rules must supply at least one resource";
        errors.push(FieldError::required(format!("{path}.resources"), detail));
    }
    errors
}

fn url_errors(urls: &[String], namespaced: bool, mixed: bool, path: &str) -> Vec<FieldError> {
    let quoted: Vec<String> = urls.iter().map(|url| go_quote(url)).collect();
    let value = format!("[]string{{{}}}", quoted.join(", "));
    let details = [
        (namespaced, "namespaced rules cannot apply to non-resource URLs"),
        (mixed, "rules cannot apply to both regular resources and non-resource URLs"),
    ];
    let wrong = details.into_iter().filter(|(wrong, _)| *wrong);
    wrong.map(|(_, detail)| FieldError::invalid(path, &value, detail)).collect()
}

fn aggregation_errors(selectors: &[LabelSelector]) -> Vec<FieldError> {
    let path = "aggregationRule.clusterRoleSelectors";
    if selectors.is_empty() {
        let detail = "at least one clusterRoleSelector required if aggregationRule is non-nil";
        return vec![FieldError::required(path, detail)];
    }
    let selectors = selectors.iter().enumerate();
    selectors.flat_map(|(i, selector)| selector_errors(selector, &format!("{path}[{i}]"))).collect()
}

fn selector_errors(selector: &LabelSelector, path: &str) -> Vec<FieldError> {
    let mut errors: Vec<FieldError> = Vec::new();
    if let Some(labels) = &selector.match_labels {
        errors.extend(label_errors(labels, &format!("{path}.matchLabels")));
    }
    let requirements = selector.match_expressions.as_deref().unwrap_or_default();
    for (i, requirement) in requirements.iter().enumerate() {
        errors.extend(requirement_errors(requirement, &format!("{path}.matchExpressions[{i}]")));
    }
    // Values are looked at only when the selector is built, which then says no more than this.
    let values = requirements.iter().flat_map(|r| r.values.iter().flatten());
    if !errors.is_empty() || values.into_iter().any(|value| !names::label_value(value).is_empty()) {
        errors.push(FieldError::invalid(path, go_quote("null"), "invalid label selector."));
    }
    errors
}

fn requirement_errors(requirement: &LabelSelectorRequirement, path: &str) -> Vec<FieldError> {
    let has_values = requirement.values.as_ref().is_some_and(|values| !values.is_empty());
    let values = format!("{path}.values");
    let wrong = match requirement.operator.as_str() {
        "In" | "NotIn" => {
            (!has_values).then(|| FieldError::required(values, "must be specified when `operator` is 'In' or 'NotIn'"))
        }
        "Exists" | "DoesNotExist" => has_values.then(|| {
            let detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
            FieldError::forbidden(values, detail)
        }),
        other => {
            let detail = "not a valid selector operator";
            Some(FieldError::invalid(format!("{path}.operator"), go_quote(other), detail))
        }
    };
    let key = &requirement.key;
    wrong.into_iter().chain(invalid(&format!("{path}.key"), key, names::label_key(key))).collect()
}

fn binding_errors(binding: &Binding) -> Vec<FieldError> {
    let namespaced = binding.id.kind == RbacKind::RoleBinding;
    let mut errors = metadata_errors(&binding.id, &binding.labels);
    errors.extend(role_ref_errors(&binding.role_ref, namespaced));
    for (i, subject) in binding.subjects.iter().enumerate() {
        errors.extend(subject_errors(subject, namespaced, &format!("subjects[{i}]")));
    }
    errors
}

fn role_ref_errors(role: &RoleRef, namespaced: bool) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let group = role.api_group.as_deref().unwrap_or_default();
    if group != GROUP {
        errors.push(FieldError::not_supported("roleRef.apiGroup", group, &[GROUP]));
    }
    let kinds: &[&str] = if namespaced { &["Role", "ClusterRole"] } else { &["ClusterRole"] };
    if !kinds.contains(&role.kind.as_str()) {
        errors.push(FieldError::not_supported("roleRef.kind", &role.kind, kinds));
    }
    if role.name.is_empty() {
        errors.push(FieldError::required("roleRef.name", ""));
    }
    errors.extend(invalid("roleRef.name", &role.name, names::path_segment(&role.name)));
    errors
}

fn subject_errors(subject: &Subject, namespaced: bool, path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let name = format!("{path}.name");
    if subject.name.is_empty() {
        errors.push(FieldError::required(&name, ""));
    }
    let group = subject.api_group.as_deref().unwrap_or_default();
    let expected = match subject.kind.as_str() {
        "User" | "Group" => GROUP,
        "ServiceAccount" => "",
        other => {
            let kinds = ["ServiceAccount", "User", "Group"];
            errors.push(FieldError::not_supported(format!("{path}.kind"), other, &kinds));
            return errors;
        }
    };
    if subject.kind == "ServiceAccount" && !subject.name.is_empty() {
        errors.extend(invalid(&name, &subject.name, names::dns_subdomain(&subject.name)));
    }
    if group != expected {
        errors.push(FieldError::not_supported(format!("{path}.apiGroup"), group, &[expected]));
    }
    let nowhere = subject.namespace.as_ref().is_none_or(String::is_empty);
    if subject.kind == "ServiceAccount" && !namespaced && nowhere {
        errors.push(FieldError::required(format!("{path}.namespace"), ""));
    }
    errors
}

fn invalid(path: &str, value: &str, details: Vec<String>) -> Vec<FieldError> {
    let details = details.into_iter();
    details.map(|detail| FieldError::invalid(path, go_quote(value), detail)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rbac::objects::read;
    use serde_json::{Value, json};

    fn check(kind: &str, mut object: Value, expected: &[&str]) {
        object["apiVersion"] = json!("rbac.authorization.k8s.io/v1");
        object["kind"] = json!(kind);
        if object.get("metadata").is_none() {
            object["metadata"] = json!({"name": "n", "namespace": "team"});
        }
        let object = read(&object, None).unwrap().unwrap();
        let messages: Vec<String> = errors(&object).iter().map(ToString::to_string).collect();
        assert_eq!(messages, expected);
    }

    #[test]
    fn rules_need_verbs_groups_and_resources() {
        let rules = json!({"rules": [{"verbs": [], "apiGroups": ["policy"], "resources": ["x"]}, {"verbs": ["use"]}]});
        let expected = [
            "rules[0].verbs: Required value: verbs must contain at least one value",
            "rules[1].apiGroups: Required value: resource rules must supply at least one api group",
            "rules[1].resources: Required value: resource rules must supply at least one resource",
        ];
        check("ClusterRole", rules, &expected);
    }

    #[test]
    fn urls_belong_to_cluster_roles_and_stand_alone() {
        let rules = json!({"rules": [{"verbs": ["get"], "nonResourceURLs": ["/a", "/b"], "resourceNames": ["x"]}]});
        let mixed = "rules[0].nonResourceURLs: Invalid value: []string{\"/a\", \"/b\"}: rules cannot apply to both regular \
                     resources and non-resource URLs";
        let namespaced = "rules[0].nonResourceURLs: Invalid value: []string{\"/a\", \"/b\"}: namespaced rules cannot apply \
                          to non-resource URLs";
        check("ClusterRole", rules.clone(), &[mixed]);
        check("Role", rules, &[namespaced, mixed]);
    }

    #[test]
    fn cluster_role_bindings_take_cluster_roles_and_full_account_names() {
        let object = json!({"roleRef": {"kind": "Role", "name": "r"}, "subjects": [
            {"kind": "ServiceAccount", "name": "a"}, {"kind": "User", "name": "u", "apiGroup": "x"}, {"kind": "user"}]});
        let group = "subjects[1].apiGroup: Unsupported value: \"x\": supported values: \"rbac.authorization.k8s.io\"";
        let kind =
            "subjects[2].kind: Unsupported value: \"user\": supported values: \"ServiceAccount\", \"User\", \"Group\"";
        let expected = [
            "roleRef.kind: Unsupported value: \"Role\": supported values: \"ClusterRole\"",
            "subjects[0].namespace: Required value",
            group,
            "subjects[2].name: Required value",
            kind,
        ];
        check("ClusterRoleBinding", object.clone(), &expected);
        check("RoleBinding", object, &expected[2..]);
    }

    #[test]
    fn selectors_are_checked_and_then_built() {
        let selectors = json!([{"matchExpressions": [{"key": "a", "operator": "In"}]}, {},
            {"matchExpressions": [{"key": "a", "operator": "In", "values": ["b c"]}]}]);
        let path = "aggregationRule.clusterRoleSelectors";
        let expected = [
            format!(
                "{path}[0].matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'"
            ),
            format!("{path}[0]: Invalid value: \"null\": invalid label selector."),
            format!("{path}[2]: Invalid value: \"null\": invalid label selector."),
        ];
        let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        check("ClusterRole", json!({"aggregationRule": {"clusterRoleSelectors": selectors}}), &expected);
        let none =
            format!("{path}: Required value: at least one clusterRoleSelector required if aggregationRule is non-nil");
        check("ClusterRole", json!({"aggregationRule": {}}), &[&none]);
    }

    #[test]
    fn a_name_is_required() {
        let expected = ["metadata.name: Required value: name or generateName is required"];
        check("Role", json!({"metadata": {}}), &expected);
        check("Role", json!({"metadata": {"generateName": "r-"}}), &[]);
    }
}
