//! Which updates of a pod are judged at all.

use serde_json::Value;

use crate::targets::psa::pod::string_at;

/// Whether an update changes what the plug-in cares about: the number of containers or init containers, an image at the
/// same place in either list, or an ephemeral container that is new or has another image. Nothing else counts, not even
/// the annotations that checks read.
pub(super) fn is_significant(pod: &Value, old: &Value) -> bool {
    ["containers", "initContainers"].into_iter().any(|list| images(pod, list).ne(images(old, list)))
        || entries(pod, "ephemeralContainers").iter().any(|container| is_new(container, old))
}

fn is_new(container: &Value, old: &Value) -> bool {
    let name = string_at(container, "name");
    let known = entries(old, "ephemeralContainers").iter().find(|other| string_at(other, "name") == name);
    known.is_none_or(|known| string_at(known, "image") != string_at(container, "image"))
}

fn images<'a>(pod: &'a Value, list: &str) -> impl Iterator<Item = &'a str> {
    entries(pod, list).iter().map(|container| string_at(container, "image"))
}

fn entries<'a>(pod: &'a Value, list: &str) -> &'a [Value] {
    let list = pod.get("spec").and_then(|spec| spec.get(list)).and_then(Value::as_array);
    list.map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod() -> Value {
        json!({"metadata": {}, "spec": {
            "initContainers": [{"name": "i", "image": "1"}],
            "containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "2"}],
            "ephemeralContainers": [{"name": "e", "image": "1"}],
        }})
    }

    fn edited(pointer: &str, value: Value) -> bool {
        let mut new = pod();
        *new.pointer_mut(pointer).unwrap() = value;
        is_significant(&new, &pod())
    }

    #[test]
    fn images_count_by_place() {
        assert!(edited("/spec/containers/1/image", json!("3")));
        assert!(edited("/spec/initContainers/0/image", json!("3")));
        assert!(edited("/spec/containers", json!([{"name": "b", "image": "2"}, {"name": "a", "image": "1"}])));
        assert!(edited("/spec/containers", json!([{"name": "a", "image": "1"}])));
        assert!(!edited("/spec/containers/0/name", json!("z")));
    }

    #[test]
    fn ephemeral_containers_count_by_name() {
        assert!(edited("/spec/ephemeralContainers/0/image", json!("2")));
        assert!(edited("/spec/ephemeralContainers/0/name", json!("f")));
        assert!(!edited("/spec/ephemeralContainers", json!([])));
    }

    #[test]
    fn everything_else_does_not_count() {
        let annotations = json!({"annotations": {"container.apparmor.security.beta.kubernetes.io/a": "unconfined"}});
        assert!(!edited("/metadata", annotations));
        assert!(!edited("/spec/containers/0", json!({"image": "1", "securityContext": {"privileged": true}})));
    }
}
