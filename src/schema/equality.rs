//! Equality as the API server means it (apimachinery's `Semantic.DeepEqual`), on JSON.
//!
//! An absent list, map or plain value equals an empty or zero one; an absent pointer equals nothing but absence.
//! Quantities compare by value, times by instant. Fields that 1.24 does not know are not there.

use k8s_openapi::jiff::Timestamp;
use serde_json::{Map, Value};

use super::quantity;
use super::table::{Known, Shape, StructId, Type, object_type};

/// A path of field names, as [`semantically_equal`] takes it: `["metadata", "finalizers"]`.
pub type Fields<'a> = &'a [&'a str];

/// True when the API server would see no difference between `a` and `b`, except in the fields named by `ignoring`.
/// Both are compared as they are: apply defaults first if only one of them has been through the server.
pub fn semantically_equal(of: StructId, a: &Value, b: &Value, ignoring: &[Fields<'_>]) -> bool {
    structs_equal(of, Some(a), Some(b), ignoring)
}

/// What an update may change without being looked at, and what the registry makes equal before admission looks.
const GARBAGE_COLLECTION: &[Fields<'_>] = &[
    &["apiVersion"],
    &["kind"],
    &["status"],
    &["metadata", "ownerReferences"],
    &["metadata", "finalizers"],
    &["metadata", "selfLink"],
    &["metadata", "managedFields"],
    &["metadata", "resourceVersion"],
    &["metadata", "uid"],
    &["metadata", "creationTimestamp"],
    &["metadata", "generation"],
];

/// True when updating the Pod `old` to `new` touches nothing that admission cares for: the plug-in ignores such an
/// update. Both pods have the API's defaults. Source: `pkg/registry/rbac/helpers.go` (`IsOnlyMutatingGCFields`).
pub fn only_garbage_collection_fields_changed(old: &Value, new: &Value) -> bool {
    let is_pod = object_type("v1", "Pod");
    old == new || is_pod.is_some_and(|pod| semantically_equal(pod, old, new, GARBAGE_COLLECTION))
}

fn structs_equal(of: StructId, a: Option<&Value>, b: Option<&Value>, ignoring: &[Fields<'_>]) -> bool {
    of.get().fields.iter().filter(|field| field.known != Known::After124).all(|field| {
        let inside = |path: &Fields<'_>| {
            path.split_first().filter(|(first, _)| **first == field.name).map(|(_, rest)| rest.len())
        };
        if ignoring.iter().any(|path| inside(path) == Some(0)) {
            return true;
        }
        let deeper: Vec<Fields<'_>> =
            ignoring.iter().filter(|path| inside(path).is_some()).filter_map(|path| path.get(1..)).collect();
        values_equal(&field.of, member(a, field.name), member(b, field.name), &deeper)
    })
}

fn member<'a>(object: Option<&'a Value>, name: &str) -> Option<&'a Value> {
    object.and_then(|object| object.get(name)).filter(|value| !value.is_null())
}

fn values_equal(of: &Type, a: Option<&Value>, b: Option<&Value>, ignoring: &[Fields<'_>]) -> bool {
    match (a, b) {
        (None, None) => return true,
        (None, Some(_)) | (Some(_), None) if of.pointer => return false,
        (Some(a), Some(b)) if ignoring.is_empty() && a == b => return true,
        _ => {}
    }
    match &of.shape {
        Shape::Struct(id) => structs_equal(*id, a, b, ignoring),
        Shape::List(element) => lists_equal(element, items(a), items(b)),
        Shape::Map(element) => maps_equal(element, a.and_then(Value::as_object), b.and_then(Value::as_object)),
        Shape::Bool => truth(a) == truth(b),
        Shape::Int32 | Shape::Int64 => number(a) == number(b),
        Shape::String | Shape::Bytes => text(a) == text(b),
        Shape::IntOrString => (number(a), text(a)) == (number(b), text(b)),
        Shape::Quantity => quantities(a, b, quantity::nanos),
        Shape::Time => instant(a) == instant(b),
        Shape::Any => a == b,
    }
}

fn lists_equal(element: &Type, a: &[Value], b: &[Value]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| values_equal(element, present(a), present(b), &[]))
}

fn maps_equal(element: &Type, a: Option<&Map<String, Value>>, b: Option<&Map<String, Value>>) -> bool {
    // Maps of quantities are requests and limits, which the server rounds up to thousandths.
    let same = |a: &Value, b: &Value| match element.shape {
        Shape::Quantity => quantities(present(a), present(b), quantity::millis),
        _ => values_equal(element, present(a), present(b), &[]),
    };
    a.map_or(0, Map::len) == b.map_or(0, Map::len)
        && a.into_iter()
            .flatten()
            .all(|(key, value)| b.and_then(|b| b.get(key)).is_some_and(|other| same(value, other)))
}

fn present(value: &Value) -> Option<&Value> {
    Some(value).filter(|value| !value.is_null())
}

fn items(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn truth(value: Option<&Value>) -> bool {
    value.and_then(Value::as_bool).unwrap_or(false)
}

fn number(value: Option<&Value>) -> i64 {
    value.and_then(Value::as_i64).unwrap_or(0)
}

fn text(value: Option<&Value>) -> &str {
    value.and_then(Value::as_str).unwrap_or("")
}

fn quantities(a: Option<&Value>, b: Option<&Value>, measure: fn(&str) -> Option<i128>) -> bool {
    let value = |quantity: Option<&Value>| match quantity {
        None => Some(0),
        Some(Value::String(text)) => measure(text),
        Some(other) => measure(&other.to_string()),
    };
    a == b || value(a) == value(b)
}

/// The instant; a text that is no time stays apart from every time and from every other text.
fn instant(time: Option<&Value>) -> (Option<Timestamp>, Option<&Value>) {
    match time.and_then(Value::as_str).and_then(|text| text.parse().ok()) {
        Some(instant) => (Some(instant), None),
        None => (None, time),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::defaults::apply_defaults;
    use super::*;

    fn equal(a: &Value, b: &Value) -> bool {
        let pod = object_type("v1", "Pod").unwrap();
        let forth = semantically_equal(pod, a, b, &[]);
        assert_eq!(forth, semantically_equal(pod, b, a, &[]), "{a} {b}");
        forth
    }

    #[test]
    fn absent_and_empty_lists_maps_and_plain_values_are_equal() {
        let empty = json!({"metadata": {"annotations": {}, "labels": null}, "spec": {"volumes": [], "hostPID": false, "nodeName": "", "nodeSelector": {}}});
        assert!(equal(&empty, &json!({})));
    }

    #[test]
    fn a_pointer_to_zero_is_not_absence() {
        for spec in [
            json!({"priority": 0}),
            json!({"runtimeClassName": ""}),
            json!({"securityContext": {}}),
            json!({"shareProcessNamespace": false}),
        ] {
            assert!(!equal(&json!({ "spec": spec }), &json!({})), "{spec}");
        }
    }

    #[test]
    fn quantities_and_times_compare_by_value() {
        let pod = |cpu: Value, time: &str| json!({"metadata": {"deletionTimestamp": time}, "spec": {"overhead": {"cpu": cpu}}});
        assert!(equal(&pod(json!("1"), "2022-01-01T00:00:00Z"), &pod(json!("1000m"), "2022-01-01T01:00:00+01:00")));
        assert!(equal(&pod(json!(1), "2022-01-01T00:00:00Z"), &pod(json!("1"), "2022-01-01T00:00:00Z")));
        assert!(!equal(&pod(json!("1"), "2022-01-01T00:00:00Z"), &pod(json!("1"), "2022-01-01T00:00:01Z")));
        assert!(!equal(&pod(json!("1"), "2022-01-01T00:00:00Z"), &pod(json!("2"), "2022-01-01T00:00:00Z")));
        assert!(!equal(&pod(json!("1"), "x"), &pod(json!("1"), "y")));
    }

    #[test]
    fn unknown_and_newer_fields_do_not_count() {
        assert!(equal(&json!({"spec": {"hostUsers": false, "frob": 1}}), &json!({"spec": {}})));
    }

    #[test]
    fn lists_are_ordered_and_maps_are_not() {
        let pod = |spec: Value| json!({ "spec": spec });
        assert!(!equal(
            &pod(json!({"containers": [{"name": "a"}, {"name": "b"}]})),
            &pod(json!({"containers": [{"name": "b"}, {"name": "a"}]}))
        ));
        assert!(equal(
            &pod(json!({"nodeSelector": {"a": "1", "b": "2"}})),
            &pod(json!({"nodeSelector": {"b": "2", "a": "1"}}))
        ));
        assert!(!equal(&pod(json!({"nodeSelector": {"a": "1"}})), &pod(json!({"nodeSelector": {"b": "1"}}))));
    }

    #[test]
    fn garbage_collection_fields_and_defaults_do_not_count() {
        let old = json!({"metadata": {"name": "p", "resourceVersion": "1"}, "spec": {"containers": [{"name": "c", "image": "i:1"}]}});
        let new = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "finalizers": ["x"], "ownerReferences": [{"name": "o"}]},
            "spec": {"dnsPolicy": "ClusterFirst", "containers": [{"name": "c", "image": "i:1", "imagePullPolicy": "IfNotPresent"}]}, "status": {"phase": "Running"}});
        let [old, new] = [old, new].map(|mut pod| {
            apply_defaults(object_type("v1", "Pod").unwrap(), &mut pod);
            pod
        });
        assert!(only_garbage_collection_fields_changed(&old, &new));
        let relabelled = json!({"metadata": {"name": "p", "labels": {"a": "b"}}, "spec": old["spec"]});
        assert!(!only_garbage_collection_fields_changed(&old, &relabelled));
    }
}
