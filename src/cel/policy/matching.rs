//! Whether `matchConstraints` or `matchResources` select a request.
//!
//! Source: `k8s.io/apiserver/pkg/admission/plugin/policy/matching` and `…/webhook/predicates/rules`. Equivalent resources
//! (`matchPolicy: Equivalent`) are not looked for: pods and their workloads have one version each since 1.25.

use super::request::{Request, Surroundings};
use super::selector;
use serde_json::{Map, Value as Json};

/// Whether these constraints select the request. An object with no `resourceRules` selects by its selectors alone.
///
/// # Errors
///
/// A selector that does not parse.
pub(crate) fn matches(constraints: &Json, request: &Request, surroundings: &Surroundings<'_>) -> Result<bool, String> {
    let namespace = match_namespace(constraints, request, surroundings);
    let object = match_object(constraints, request);
    if namespace == Ok(false) || object == Ok(false) {
        return Ok(false);
    }
    if !selects_resource(constraints, request) {
        return Ok(false);
    }
    Ok(namespace? && object?)
}

/// Whether the rules of these constraints select the request, selectors aside.
pub(super) fn selects_resource(constraints: &Json, request: &Request) -> bool {
    let rules = |field: &str| constraints.get(field).and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    if rules("excludeResourceRules").iter().any(|rule| rule_matches(rule, request)) {
        return false;
    }
    let included = rules("resourceRules");
    included.is_empty() || included.iter().any(|rule| rule_matches(rule, request))
}

fn match_namespace(constraints: &Json, request: &Request, surroundings: &Surroundings<'_>) -> Result<bool, String> {
    let Some(wanted) = constraints.get("namespaceSelector").filter(|wanted| !selector::is_empty(wanted)) else {
        return Ok(true);
    };
    if request.is_for_namespace() {
        let object = if request.object.is_null() { &request.old_object } else { &request.object };
        return selector::matches(wanted, labels(object));
    }
    if request.namespace.is_empty() {
        return Ok(true);
    }
    selector::matches(wanted, labels(&request.namespace_object(surroundings)))
}

fn match_object(constraints: &Json, request: &Request) -> Result<bool, String> {
    let Some(wanted) = constraints.get("objectSelector").filter(|wanted| !selector::is_empty(wanted)) else {
        return Ok(true);
    };
    for object in [&request.object, &request.old_object] {
        if !object.is_null() && selector::matches(wanted, labels(object))? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn labels(object: &Json) -> Option<&Map<String, Json>> {
    object.pointer("/metadata/labels").and_then(Json::as_object)
}

fn rule_matches(rule: &Json, request: &Request) -> bool {
    let listed = |field: &str, wanted: &str| texts(rule, field).any(|text| text == "*" || text == wanted);
    let names: Vec<&str> = texts(rule, "resourceNames").collect();
    scope_matches(rule, request)
        && listed("operations", &request.operation)
        && listed("apiGroups", &request.group)
        && listed("apiVersions", &request.version)
        && texts(rule, "resources").any(|resource| resource_matches(resource, request))
        && (names.is_empty() || names.contains(&request.name.as_str()))
}

fn texts<'a>(rule: &'a Json, field: &str) -> impl Iterator<Item = &'a str> {
    rule.get(field).and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str)
}

fn scope_matches(rule: &Json, request: &Request) -> bool {
    let namespaced = !request.namespace.is_empty() && !request.is_for_namespace();
    match rule.get("scope").and_then(Json::as_str) {
        None | Some("*") => true,
        Some("Namespaced") => namespaced,
        Some("Cluster") => !namespaced,
        Some(_) => false,
    }
}

/// `pods`, `pods/status`, `pods/*`, `*`, `*/*`
fn resource_matches(wanted: &str, request: &Request) -> bool {
    let (resource, subresource) = wanted.split_once('/').unwrap_or((wanted, ""));
    (resource == "*" || resource == request.resource) && (subresource == "*" || subresource == request.subresource)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cel::authorizer::{DenyAll, Identity};
    use serde_json::json;

    fn selects(constraints: Json) -> bool {
        let pod = json!({"metadata": {"name": "p", "labels": {"app": "x"}}});
        let request = Request::create_pod("team", Identity::default(), pod);
        let namespace = json!({"metadata": {"labels": {"env": "prod"}}});
        let surroundings = Surroundings {
            authorize: &DenyAll,
            namespace_object: Some(&namespace),
            params: &[],
            redefault: &|pod| Ok(pod.into()),
        };
        matches(&constraints, &request, &surroundings).unwrap()
    }

    fn rule(operations: &[&str], groups: &[&str], resources: &[&str]) -> Json {
        json!({"apiGroups": groups, "apiVersions": ["v1"], "operations": operations, "resources": resources})
    }

    #[test]
    fn rules_select_by_operation_group_and_resource() {
        let with = |rule: Json| selects(json!({"resourceRules": [rule]}));
        assert!(with(rule(&["CREATE"], &[""], &["pods"])) && with(rule(&["*"], &["*"], &["*"])));
        assert!(with(rule(&["*"], &[""], &["pods/*"])) && with(rule(&["*"], &[""], &["*/*"])));
        assert!(!with(rule(&["UPDATE"], &[""], &["pods"])) && !with(rule(&["*"], &["apps"], &["pods"])));
        assert!(!with(rule(&["*"], &[""], &["pods/status"])) && !with(rule(&["*"], &[""], &["*/status"])));
        let mut named = rule(&["*"], &[""], &["pods"]);
        named["resourceNames"] = json!(["q"]);
        assert!(!with(named.clone()));
        named["resourceNames"] = json!(["q", "p"]);
        named["scope"] = json!("Namespaced");
        assert!(with(named.clone()));
        named["scope"] = json!("Cluster");
        assert!(!with(named));
    }

    #[test]
    fn exclusions_and_selectors_narrow() {
        let pods = rule(&["*"], &[""], &["pods"]);
        assert!(!selects(json!({"resourceRules": [pods], "excludeResourceRules": [pods]})));
        assert!(selects(json!({"namespaceSelector": {"matchLabels": {"env": "prod"}}})));
        assert!(selects(json!({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "team"}}})));
        assert!(!selects(json!({"namespaceSelector": {"matchLabels": {"env": "dev"}}})));
        assert!(selects(json!({"objectSelector": {"matchLabels": {"app": "x"}}})));
        assert!(!selects(json!({"objectSelector": {"matchLabels": {"app": "y"}}})));
    }
}
