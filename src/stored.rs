//! Objects as a server stores them, and as somebody applies them.

use serde_json::Value;

/// What the API server keeps in an object's metadata and nobody applies.
const KEPT_BY_SERVER: [&str; 7] =
    ["creationTimestamp", "deletionTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid"];

/// The object without what only a server writes.
pub(crate) fn as_manifest(object: &Value) -> Value {
    let mut manifest = object.clone();
    if let Some(fields) = manifest.as_object_mut() {
        fields.shift_remove("status");
    }
    if let Some(metadata) = manifest.get_mut("metadata").and_then(Value::as_object_mut) {
        KEPT_BY_SERVER.iter().for_each(|key| drop(metadata.shift_remove(*key)));
    }
    manifest
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_of_the_server_stays() {
        let stored = json!({"kind": "Namespace", "metadata": {"name": "n", "uid": "u", "labels": {}}, "status": {}});
        assert_eq!(as_manifest(&stored), json!({"kind": "Namespace", "metadata": {"name": "n", "labels": {}}}));
    }
}
