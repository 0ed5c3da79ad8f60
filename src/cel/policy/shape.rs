//! What the API server refuses of a policy or binding besides its expressions: wrong types, and what policies from files
//! must not have.

use super::super::lint::Finding;
use serde_json::Value as Json;

/// Names that only policies from files have.
const STATIC_SUFFIX: &str = ".static.k8s.io";

/// The fields that are refused, with why.
pub(super) fn refused(document: &Json) -> Vec<(String, Finding)> {
    let mut found = Vec::new();
    let mut path = "spec".to_owned();
    if let Some(spec) = document.get("spec") {
        mistyped(spec, &mut path, &mut found);
    }
    let name = document.pointer("/metadata/name").and_then(Json::as_str).unwrap_or_default();
    for field in ["paramKind", "paramRef"] {
        let given = document.pointer(&format!("/spec/{field}")).is_some_and(Json::is_object);
        if given && name.ends_with(STATIC_SUFFIX) {
            found.push((format!("spec.{field}"), finding("is not supported for static manifests".to_owned())));
        }
    }
    found
}

/// Every scalar in the `spec` of a policy or binding is a text: YAML's `no`, `1` and `true` are none.
fn mistyped(value: &Json, path: &mut String, found: &mut Vec<(String, Finding)>) {
    let length = path.len();
    match value {
        Json::Object(fields) => {
            for (name, field) in fields {
                path.extend([".", name]);
                mistyped(field, path, found);
                path.truncate(length);
            }
        }
        Json::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                path.push_str(&format!("[{index}]"));
                mistyped(item, path, found);
                path.truncate(length);
            }
        }
        Json::Bool(_) | Json::Number(_) => {
            found.push((path.clone(), finding(format!("takes a string, not `{value}`: put it in quotes"))));
        }
        Json::Null | Json::String(_) => {}
    }
}

fn finding(message: String) -> Finding {
    Finding { message, line: 1, column: 1, since: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fields(document: &Json) -> Vec<String> {
        refused(document).into_iter().map(|(field, _)| field).collect()
    }

    #[test]
    fn words_that_yaml_reads_otherwise_are_refused() {
        let spec =
            json!({"matchResources": {"namespaceSelector": {"matchLabels": {"a/b": true}}}, "x": [null, "no", 1]});
        assert_eq!(
            fields(&json!({"spec": spec})),
            ["spec.matchResources.namespaceSelector.matchLabels.a/b", "spec.x[2]"]
        );
    }

    #[test]
    fn policies_from_files_take_no_parameters() {
        let policy = |name: &str| json!({"metadata": {"name": name}, "spec": {"paramKind": {"kind": "ConfigMap"}}});
        assert_eq!(fields(&policy("a.static.k8s.io")), ["spec.paramKind"]);
        assert_eq!(fields(&policy("a")), [""; 0]);
    }
}
