//! JSON patches as ClusterPolicies apply them: parents that an addition lacks are made, and what is removed may be absent.
//!
//! Source: `pkg/engine/mutate/patch/patchJSON6902.go`, `evanphx/json-patch` v5 with `EnsurePathExistsOnAdd` and
//! `AllowMissingPathOnRemove`.

use json_patch::{Patch, PatchOperation};
use serde_json::Value as Json;

/// The pod after the patch, written as JSON or YAML.
///
/// # Errors
/// What is no patch, or cannot be applied.
pub(super) fn apply(pod: &Json, patch: &str) -> Result<Json, String> {
    let patch: Patch = match serde_json::from_str(patch) {
        Ok(patch) => patch,
        Err(_) => serde_yaml::from_str(patch).map_err(|error| format!("failed to decode patches: {error}"))?,
    };
    let mut pod = pod.clone();
    for operation in patch.0 {
        match &operation {
            PatchOperation::Add(add) => make_parents(&mut pod, add.path.as_str()),
            PatchOperation::Remove(remove) if pod.pointer(remove.path.as_str()).is_none() => continue,
            _ => {}
        }
        json_patch::patch(&mut pod, std::slice::from_ref(&operation)).map_err(|error| error.to_string())?;
    }
    Ok(pod)
}

/// Makes an object or a list wherever the path leads through nothing.
fn make_parents(document: &mut Json, path: &str) {
    let tokens: Vec<String> =
        path.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~")).collect();
    let mut at = document;
    for pair in tokens.windows(2) {
        let [token, next] = pair else { return };
        let is_index = |token: &str| token == "-" || token.parse::<usize>().is_ok();
        at = match at {
            Json::Object(fields) => {
                let child = fields.entry(token.as_str()).or_insert(Json::Null);
                if child.is_null() {
                    *child =
                        if is_index(next) { Json::Array(Vec::new()) } else { Json::Object(serde_json::Map::new()) };
                }
                child
            }
            Json::Array(items) => match token.parse::<usize>().ok().and_then(|index| items.get_mut(index)) {
                Some(child) => child,
                None => return,
            },
            _ => return,
        };
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn missing_parents_are_made() {
        let pod = json!({"spec": {"containers": [{"name": "c"}]}});
        let patched = apply(
            &pod,
            r#"[{"op": "add", "path": "/spec/containers/0/securityContext/capabilities/drop/-", "value": "ALL"}]"#,
        );
        let context = json!({"capabilities": {"drop": ["ALL"]}});
        assert_eq!(patched, Ok(json!({"spec": {"containers": [{"name": "c", "securityContext": context}]}})));
    }

    #[test]
    fn yaml_is_a_patch_too_and_what_is_absent_can_be_removed() {
        assert_eq!(
            apply(&json!({"a": 1}), "- op: remove\n  path: /b/c\n- op: replace\n  path: /a\n  value: 2\n"),
            Ok(json!({"a": 2}))
        );
        assert!(apply(&json!({}), "- op: replace\n  path: /a\n  value: 2\n").is_err());
        assert!(apply(&json!({}), "no patch").is_err());
    }
}
