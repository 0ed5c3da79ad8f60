//! Something that stands where texts ask whether anything does, or whether a list or a map holds anything.

use serde_json::{Value, json};

use super::cells::{has_right_type, is_known};
use super::facet::capabilities_unit;
use crate::pod_view::{APP_ARMOR_ANNOTATION, CONTAINER_SECCOMP_ANNOTATION, POD_SECCOMP_ANNOTATION};
use crate::schema::{field_names, object_type};
use crate::symbolic::{Unit, with};

/// What may stand at a place of a unit, beside what stands there in the values that are known.
pub(super) fn present(unit: &Unit, within: &[String], values: &[Value]) -> Vec<Value> {
    if within.is_empty() && is_profile(unit) {
        let has_form = |form: &Value| values.iter().any(|value| form_of(value) == form_of(form));
        return profiles(unit).into_iter().filter(|form| !has_form(form)).collect();
    }
    let known: Vec<&Value> =
        values.iter().flat_map(|value| found_at(value, within)).filter(|value| !value.is_null()).collect();
    let holds_nothing = !known.iter().any(|value| holds(value));
    let of = |leaf: &Value| with(&Value::Null, within, leaf.clone());
    let mut leaves = Vec::new();
    if known.is_empty() {
        leaves.extend([json!(true), json!(false), json!(1), json!("other"), json!({}), json!([])]);
    }
    if holds_nothing {
        let maps = fields(unit, within).into_iter().flat_map(|field| {
            [json!(true), json!(1), json!("other"), json!({})].map(|value| json!({field.clone(): value}))
        });
        let map = maps.chain([json!({"other": "other"})]).find(|map| is_known(unit, &of(map)));
        let items = [smallest_item(unit, within), json!("other"), json!(1)];
        let list = items.into_iter().map(|item| json!([item])).find(|list| has_right_type(unit, &of(list)));
        leaves.extend(map.into_iter().chain(list));
    }
    leaves.retain(|leaf| has_right_type(unit, &of(leaf)));
    leaves
}

/// The fields of the object at a place.
fn fields(unit: &Unit, within: &[String]) -> Vec<String> {
    let above: &[&str] = match unit {
        Unit::Pod(_) => &[],
        Unit::Container(_) => &["spec", "containers", "[]"],
        Unit::Volume => &["spec", "volumes", "[]"],
        Unit::ContainerAnnotation(_) | Unit::Mount => return Vec::new(),
    };
    let own = match unit {
        Unit::Pod(path) | Unit::Container(path) => path.as_slice(),
        _ => &[],
    };
    let path: Vec<String> =
        above.iter().map(|&step| step.to_owned()).chain(own.iter().chain(within).cloned()).collect();
    object_type("v1", "Pod").map(|pod| field_names(pod, &path)).unwrap_or_default()
}

/// A text that the API server takes at any place of the unit that takes texts, and that nobody mentions.
pub(super) fn other(unit: &Unit) -> &'static str {
    match unit {
        _ if *unit == capabilities_unit() => "OTHER",
        Unit::Pod(path) if path.last().is_some_and(|last| last == "sysctls") => "other.other",
        _ if is_profile(unit) && profiles(unit).iter().all(Value::is_string) => "localhost/other",
        _ => "other",
    }
}

/// Whether the unit is a profile of seccomp or AppArmor, which is one of a few.
fn is_profile(unit: &Unit) -> bool {
    match unit {
        Unit::ContainerAnnotation(prefix) => {
            [APP_ARMOR_ANNOTATION, CONTAINER_SECCOMP_ANNOTATION].contains(&prefix.as_str())
        }
        Unit::Pod(path) | Unit::Container(path) => path
            .last()
            .is_some_and(|last| ["seccompProfile", "appArmorProfile", POD_SECCOMP_ANNOTATION].contains(&last.as_str())),
        Unit::Volume | Unit::Mount => false,
    }
}

/// The type of a profile, or what an annotation says in its place.
fn form_of(profile: &Value) -> Option<&str> {
    let text = profile.get("type").unwrap_or(profile).as_str()?;
    Some(text.split_once('/').map_or(text, |(form, _)| form))
}

fn profiles(unit: &Unit) -> Vec<Value> {
    let field = [
        json!({"type": "RuntimeDefault"}),
        json!({"type": "Unconfined"}),
        json!({"type": "Localhost", "localhostProfile": "other"}),
    ];
    let annotation = [json!("runtime/default"), json!("unconfined"), json!("localhost/other")];
    let of_field = has_right_type(unit, &json!({"type": "Unconfined"}));
    if of_field { field.to_vec() } else { annotation.to_vec() }
}

/// All that a value holds at a place within it, `[]` standing for the items of a list.
pub(super) fn found_at<'v>(value: &'v Value, within: &[String]) -> Vec<&'v Value> {
    let Some((step, rest)) = within.split_first() else { return vec![value] };
    let further: Vec<&Value> = match step.as_str() {
        "[]" => value.as_array().into_iter().flatten().collect(),
        step => value.get(step).into_iter().collect(),
    };
    further.into_iter().flat_map(|value| found_at(value, rest)).collect()
}

/// Whether a list or a map holds anything.
fn holds(value: &Value) -> bool {
    value.as_array().is_some_and(|items| !items.is_empty()) || value.as_object().is_some_and(|map| !map.is_empty())
}

/// A list with the smallest item, of those lists whose items the API server does not take empty.
pub(super) fn smallest_list(unit: &Unit) -> Option<Value> {
    let item = smallest_item(unit, &[]);
    let list = json!([item]);
    (item != json!({}) && has_right_type(unit, &list)).then_some(list)
}

/// The smallest item of a list that the API server takes.
fn smallest_item(unit: &Unit, within: &[String]) -> Value {
    let list = match (within.last(), unit) {
        (Some(last), _) => Some(last),
        (None, Unit::Pod(path) | Unit::Container(path)) => path.last(),
        (None, _) => None,
    };
    match list.map(String::as_str).unwrap_or_default() {
        "tolerations" => json!({"operator": "Exists"}),
        "hostAliases" => json!({"ip": "127.0.0.1"}),
        "imagePullSecrets" | "schedulingGates" | "resourceClaims" => json!({"name": "other"}),
        "sysctls" => json!({"name": "kernel.msgmax", "value": "1"}),
        "env" => json!({"name": "OTHER"}),
        "envFrom" => json!({"configMapRef": {"name": "other"}}),
        "ports" => json!({"containerPort": 1}),
        "volumeDevices" => json!({"name": "other", "devicePath": "/dev/other"}),
        "topologySpreadConstraints" => {
            json!({"maxSkew": 1, "topologyKey": "other", "whenUnsatisfiable": "DoNotSchedule"})
        }
        "readinessGates" => json!({"conditionType": "other"}),
        "ownerReferences" => json!({"apiVersion": "v1", "kind": "Other", "name": "other", "uid": "other"}),
        _ => json!({}),
    }
}
