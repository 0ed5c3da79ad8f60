//! Strategic merge patches of pods and workloads, as `kubectl patch` and Kustomize apply them.
//!
//! Maps are merged, lists of named things are merged by the field that names them, and every other list is replaced.
//! Directives (`$patch` and its kin) are not known here.

use serde_json::{Map, Value, json};

use crate::changes::{Change, value_at};
use crate::requests::pod_path;
use crate::schema::Segment;

/// Lists below a pod's `spec` that are merged, and the field that names an element. Source: `k8s.io/api/core/v1`
/// (`patchMergeKey`).
const MERGED_BY: [(&str, &str); 11] = [
    ("containers", "name"),
    ("initContainers", "name"),
    ("ephemeralContainers", "name"),
    ("volumes", "name"),
    ("env", "name"),
    ("volumeMounts", "mountPath"),
    ("volumeDevices", "devicePath"),
    ("ports", "containerPort"),
    ("imagePullSecrets", "name"),
    ("hostAliases", "ip"),
    ("topologySpreadConstraints", "topologyKey"),
];

/// API versions whose lists Kustomize knows; of others it would replace them.
const KNOWN_TO_KUSTOMIZE: [&str; 4] = ["v1", "apps/v1", "batch/v1", "batch/v1beta1"];

/// The patch that makes `before` into `after`; `None` where lists or versions do not allow one.
pub(super) fn patch(before: &Value, after: &Value, changes: &[Change]) -> Option<Value> {
    let api_version = before.get("apiVersion")?.as_str()?;
    if !KNOWN_TO_KUSTOMIZE.contains(&api_version) {
        return None;
    }
    let mut patch = identity(before)?;
    for change in changes {
        write(&mut patch, before, change)?;
    }
    (apply(before, &patch).as_ref() == Ok(after)).then_some(patch)
}

/// The kind and name by which a patch finds its object.
fn identity(object: &Value) -> Option<Value> {
    let name = object.pointer("/metadata/name").and_then(Value::as_str).filter(|name| !name.is_empty())?;
    let mut metadata = Map::from_iter([("name".to_owned(), json!(name))]);
    metadata.extend(object.pointer("/metadata/namespace").map(|namespace| ("namespace".to_owned(), namespace.clone())));
    Some(json!({"apiVersion": object.get("apiVersion")?, "kind": object.get("kind")?, "metadata": metadata}))
}

/// Writes a change into a patch. An element of a list stands there with its name, after all its elders: a patch that left
/// them out would put it before them.
fn write(patch: &mut Value, before: &Value, change: &Change) -> Option<()> {
    let (last, parents) = change.path.0.split_last()?;
    let mut at = patch;
    for (depth, segment) in parents.iter().enumerate() {
        at = match segment {
            Segment::Field(name) | Segment::Key(name) => {
                let next = parents.get(depth + 1).unwrap_or(last);
                let empty = if matches!(next, Segment::Index(_)) { json!([]) } else { json!({}) };
                let is_list = empty.is_array();
                let list = at.as_object_mut()?.entry(name.clone()).or_insert(empty);
                if is_list {
                    name_all(list, value_at(before, parents.get(..=depth)?)?, name)?;
                }
                list
            }
            Segment::Index(index) => at.get_mut(index)?,
        };
    }
    match last {
        Segment::Field(name) | Segment::Key(name) => {
            at.as_object_mut()?.insert(name.clone(), change.value.clone());
            Some(())
        }
        Segment::Index(_) => None,
    }
}

/// Gives a list in a patch one named element for each that the object has.
fn name_all(list: &mut Value, elements: &Value, field: &str) -> Option<()> {
    let key = merge_key(field)?;
    let list = list.as_array_mut().filter(|list| list.is_empty());
    if let Some(list) = list {
        for element in elements.as_array()? {
            list.push(json!({key: element.get(key)?}));
        }
    }
    Some(())
}

fn merge_key(list: &str) -> Option<&'static str> {
    MERGED_BY.iter().find(|(name, _)| *name == list).map(|(_, key)| *key)
}

/// The object after a patch.
///
/// # Errors
/// Where in the patch something stands that is not understood.
pub(super) fn apply(object: &Value, patch: &Value) -> Result<Value, String> {
    let pod = pod_path(object).unwrap_or_default();
    let depth = pod.split('/').skip(1).count() + 1;
    let mut merged = object.clone();
    merge(&mut merged, patch, &mut Vec::new(), depth)?;
    Ok(merged)
}

/// Lists are merged only below the pod's own `spec`, which stands at `depth`.
fn merge(into: &mut Value, patch: &Value, path: &mut Vec<String>, depth: usize) -> Result<(), String> {
    let Some(fields) = patch.as_object() else {
        *into = patch.clone();
        return Ok(());
    };
    if !into.is_object() {
        *into = json!({});
    }
    for (key, value) in fields {
        path.push(key.clone());
        if key.starts_with('$') {
            return Err(format!("the directive `{}` is not known", path.join(".")));
        }
        if let Some(object) = into.as_object_mut() {
            merge_field(object, key, value, path, depth)?;
        }
        path.pop();
    }
    Ok(())
}

fn merge_field(
    object: &mut Map<String, Value>,
    key: &str,
    value: &Value,
    path: &mut Vec<String>,
    depth: usize,
) -> Result<(), String> {
    let merged_by = merge_key(key).filter(|_| path.len() > depth);
    match (value, merged_by) {
        (Value::Null, _) => drop(object.shift_remove(key)),
        (Value::Array(elements), Some(name)) => {
            let list = object.entry(key).or_insert_with(|| json!([]));
            if !list.is_array() {
                *list = json!([]);
            }
            for element in elements {
                merge_element(list, element, name, path, depth)?;
            }
        }
        _ => merge(object.entry(key).or_insert(Value::Null), value, path, depth)?,
    }
    Ok(())
}

fn merge_element(
    list: &mut Value,
    element: &Value,
    name: &str,
    path: &mut Vec<String>,
    depth: usize,
) -> Result<(), String> {
    let wanted = element.get(name).ok_or_else(|| format!("an element of `{}` has no `{name}`", path.join(".")))?;
    let elements = list.as_array_mut().into_iter().flatten();
    let mut found: Vec<&mut Value> = elements.filter(|old| old.get(name) == Some(wanted)).collect();
    match found.as_mut_slice() {
        [one] => merge(one, element, path, depth),
        [] => {
            list.as_array_mut().into_iter().for_each(|list| list.push(element.clone()));
            Ok(())
        }
        _ => Err(format!("`{}` has several elements `{wanted}`", path.join("."))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::changes::changes;

    fn deployment(containers: Value) -> Value {
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "w", "namespace": "n", "labels": {"a": "b"}},
            "spec": {"template": {"spec": {"containers": containers}}}})
    }

    #[test]
    fn containers_are_merged_by_name_and_stand_in_their_order() {
        let before = deployment(json!([{"name": "a", "image": "x"}, {"name": "b", "image": "y"}]));
        let after = deployment(json!([{"name": "a", "image": "x"},
            {"name": "b", "image": "y", "securityContext": {"capabilities": {"drop": ["ALL"]}}}]));
        let patch = patch(&before, &after, &changes(&before, &after)).unwrap();
        let containers = json!([{"name": "a"}, {"name": "b", "securityContext": {"capabilities": {"drop": ["ALL"]}}}]);
        let expected = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "w", "namespace": "n"},
            "spec": {"template": {"spec": {"containers": containers}}}});
        assert_eq!(patch, expected);
    }

    #[test]
    fn names_that_do_not_tell_containers_apart_allow_no_patch() {
        let before = deployment(json!([{"name": "a"}, {"name": "a"}]));
        let after = deployment(json!([{"name": "a"}, {"name": "a", "securityContext": {}}]));
        assert_eq!(patch(&before, &after, &changes(&before, &after)), None);
        let old = |mut object: Value| {
            object["apiVersion"] = json!("extensions/v1beta1");
            object
        };
        let (before, after) =
            (old(deployment(json!([{"name": "a"}]))), old(deployment(json!([{"name": "a", "x": 1}]))));
        assert_eq!(patch(&before, &after, &changes(&before, &after)), None, "Kustomize would replace the list");
    }

    #[test]
    fn null_removes_and_directives_are_refused() {
        let object = deployment(json!([{"name": "a", "env": [{"name": "x", "value": "1"}]}]));
        let patch = json!({"metadata": {"labels": {"a": null}}, "spec": {"template": {"spec": {"containers":
            [{"name": "a", "env": [{"name": "y", "value": "2"}]}]}}}});
        let patched = apply(&object, &patch).unwrap();
        assert_eq!(patched["metadata"]["labels"], json!({}));
        assert_eq!(patched["spec"]["template"]["spec"]["containers"][0]["env"].as_array().unwrap().len(), 2);
        assert!(apply(&object, &json!({"spec": {"$patch": "delete"}})).unwrap_err().contains("spec.$patch"));
    }
}
