//! A pod of the old server in the terms of a newer one.
//!
//! Since 1.24 seccomp annotations lost their effect (1.27), AppArmor got a field (1.30; its annotations are carried over
//! into it), and pods got fields that the old server drops. An empty list of supplemental groups, which a plug-in inside
//! the server could tell from an absent one, is left out of what CEL and webhooks are shown. Tried on a 1.37 server;
//! sources: KEP-135 (seccomp), KEP-24 (AppArmor).

use serde_json::{Map, Value, json};

use crate::admission::api_validation;
use crate::cel::normalise::{normalised, pod_pointers};
use crate::field_error::go_quote;
use crate::input::printable;
use crate::pod_view::{
    APP_ARMOR_ANNOTATION, CONTAINER_SECCOMP_ANNOTATION, ContainerList, POD_SECCOMP_ANNOTATION, PSP_ANNOTATION, PodView,
};
use crate::release::Release;
use crate::schema::{FindingKind, check, object_type};

/// Why a server of this minor version sees another pod than 1.24 does, one reason each; none if it sees the same.
pub fn differences(pod: &Value, target_minor: u8) -> Vec<String> {
    let mut reasons = Vec::new();
    if target_minor >= 27 {
        reasons.extend(inert_annotations(pod));
    }
    if pod.pointer("/spec/securityContext/supplementalGroups").and_then(Value::as_array).is_some_and(Vec::is_empty) {
        let reason = "`spec.securityContext.supplementalGroups` is empty, which no policy outside of the server can tell \
                      from absent";
        reasons.push(reason.to_owned());
    }
    if let Some(pod_type) = object_type("v1", "Pod") {
        let newer =
            check(pod_type, pod).into_iter().filter(|finding| matches!(finding.kind, FindingKind::NewerThan124));
        reasons.extend(newer.map(|finding| format!("`{}` is unknown to 1.24, which drops it", finding.path)));
    }
    reasons
}

/// Seccomp annotations that no field repeats: the old server carried them over into the field, or refused the pod where
/// they contradict it.
fn inert_annotations(pod: &Value) -> Vec<String> {
    let annotations = pod.pointer("/metadata/annotations").and_then(Value::as_object);
    let seccomp = |key: &&String| *key == POD_SECCOMP_ANNOTATION || key.starts_with(CONTAINER_SECCOMP_ANNOTATION);
    let keys = annotations.into_iter().flat_map(Map::keys).filter(seccomp);
    let is_repeated = |key: &str| {
        let annotation = annotations.and_then(|annotations| annotations.get(key));
        field_profile(pod, key).zip(annotation).is_some_and(|(field, annotation)| repeats(field, annotation))
    };
    let inert = keys.filter(|key| !is_repeated(key));
    inert.map(|key| format!("the annotation `{}` has had no effect since 1.27", printable(key))).collect()
}

/// Whether a seccomp field says the same as an annotation.
fn repeats(field: &Value, annotation: &Value) -> bool {
    let text = |key: &str| field.get(key).and_then(Value::as_str).unwrap_or_default();
    match (text("type"), annotation.as_str().unwrap_or_default()) {
        ("RuntimeDefault", "runtime/default" | "docker/default") | ("Unconfined", "unconfined") => true,
        ("Localhost", annotation) => annotation.strip_prefix("localhost/") == Some(text("localhostProfile")),
        _ => false,
    }
}

/// The seccomp field that stands for an annotation, if it is set.
fn field_profile<'p>(pod: &'p Value, key: &str) -> Option<&'p Value> {
    let context = match key.strip_prefix(CONTAINER_SECCOMP_ANNOTATION) {
        None => pod.pointer("/spec/securityContext")?,
        Some(name) => containers(pod)
            .find(|container| container.get("name").is_some_and(|n| n == name))?
            .get("securityContext")?,
    };
    context.get("seccompProfile").filter(|profile| !profile.is_null())
}

/// The pod with its seccomp and AppArmor annotations turned into fields, empty parts and zero values left out, and without the annotation
/// that names the policy unless that counts.
pub fn in_todays_terms(pod: &Value, with_psp_annotation: bool) -> Value {
    let mut pod = pod.clone();
    let annotations = pod.pointer_mut("/metadata/annotations").map(Value::take).unwrap_or_default();
    let mut kept = Map::new();
    for (key, value) in annotations.as_object().cloned().unwrap_or_default() {
        if key == POD_SECCOMP_ANNOTATION || key.starts_with(CONTAINER_SECCOMP_ANNOTATION) {
            continue;
        }
        match key.strip_prefix(APP_ARMOR_ANNOTATION) {
            Some(name) => set_app_armor(&mut pod, name, value.as_str().unwrap_or_default()),
            None if key == PSP_ANNOTATION && !with_psp_annotation => {}
            None => drop(kept.insert(key, value)),
        }
    }
    if let Some(metadata) = pod.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert("annotations".to_owned(), Value::Object(kept));
    }
    without_empties(normalised(pod, &pod_pointers))
}

/// What a newer server says when it refuses to create a pod, as far as filling it in can be the cause.
pub(crate) fn refusal(pod: &Value, name: &str) -> Option<String> {
    let mut view = PodView::read(pod, &Release::default()).ok()?;
    // Seccomp annotations are held against fields no more.
    view.seccomp.annotation = None;
    view.containers.iter_mut().for_each(|container| container.seccomp.annotation = None);
    let errors: Vec<String> = api_validation(&view).iter().map(ToString::to_string).collect();
    let first = errors.first()?;
    let list = if errors.len() == 1 { first.clone() } else { format!("[{}]", errors.join(", ")) };
    Some(format!("Pod {} is invalid: {list}", go_quote(name)))
}

/// The AppArmor annotations as containers and profiles.
pub(crate) fn app_armor_annotations(annotations: &Map<String, Value>) -> Vec<(String, String)> {
    let found = annotations.iter().filter_map(|(key, value)| {
        let name = key.strip_prefix(APP_ARMOR_ANNOTATION)?;
        Some((name.to_owned(), value.as_str().unwrap_or_default().to_owned()))
    });
    found.collect()
}

/// Carries an AppArmor annotation over into the field of its container, unless that is set.
pub(crate) fn set_app_armor(pod: &mut Value, container: &str, profile: &str) {
    let field = match (profile, profile.strip_prefix("localhost/")) {
        ("runtime/default", _) => json!({"type": "RuntimeDefault"}),
        ("unconfined", _) => json!({"type": "Unconfined"}),
        (_, Some(file)) => json!({"type": "Localhost", "localhostProfile": file}),
        _ => return,
    };
    for list in ContainerList::ALL {
        let list = pod.get_mut("spec").and_then(|spec| spec.get_mut(list.name())).and_then(Value::as_array_mut);
        for found in list.into_iter().flatten().filter(|it| it.get("name").is_some_and(|name| name == container)) {
            let context = found.as_object_mut().map(|it| it.entry("securityContext").or_insert_with(|| json!({})));
            if let Some(context) = context.and_then(Value::as_object_mut) {
                context.entry("appArmorProfile").or_insert_with(|| field.clone());
            }
        }
    }
}

pub(crate) fn containers(pod: &Value) -> impl Iterator<Item = &Value> {
    let lists = ContainerList::ALL.into_iter().filter_map(move |list| pod.get("spec")?.get(list.name())?.as_array());
    lists.flatten()
}

/// The value without nulls, empty objects and empty lists.
fn without_empties(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.into_iter().map(|(key, value)| (key, without_empties(value)));
            Value::Object(kept.filter(|(_, value)| !is_empty(value)).collect())
        }
        Value::Array(items) => items.into_iter().map(without_empties).collect(),
        other => other,
    }
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_object().is_some_and(Map::is_empty) || value.as_array().is_some_and(Vec::is_empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_list_of_groups_is_seen_as_none() {
        let with = |groups: Value| json!({"spec": {"securityContext": {"supplementalGroups": groups}}});
        assert_eq!(differences(&with(json!([])), 30).len(), 1);
        assert!(differences(&with(json!([1])), 30).is_empty() && differences(&with(Value::Null), 30).is_empty());
    }

    #[test]
    fn a_seccomp_annotation_without_its_field_is_seen_otherwise() {
        let pod = json!({"metadata": {"annotations": {POD_SECCOMP_ANNOTATION: "runtime/default"}}, "spec": {}});
        assert_eq!(differences(&pod, 30).len(), 1);
        assert!(differences(&pod, 26).is_empty());
        let mut with_field = pod;
        with_field["spec"]["securityContext"] = json!({"seccompProfile": {"type": "RuntimeDefault"}});
        assert!(differences(&with_field, 30).is_empty());
        with_field["spec"]["securityContext"]["seccompProfile"] = json!({"type": "Unconfined"});
        assert_eq!(differences(&with_field, 30).len(), 1, "the old server refuses it, the newer one takes the field");
    }

    #[test]
    fn app_armor_annotations_become_fields() {
        let key = format!("{APP_ARMOR_ANNOTATION}c");
        let pod = json!({"metadata": {"annotations": {key: "localhost/x"}}, "spec": {"containers": [{"name": "c"}]}});
        let profile = json!({"type": "Localhost", "localhostProfile": "x"});
        assert_eq!(in_todays_terms(&pod, true)["spec"]["containers"][0]["securityContext"]["appArmorProfile"], profile);
    }
}
