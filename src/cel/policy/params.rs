//! The parameters that a binding gives to its policy.

use super::request::Request;
use super::selector;
use serde_json::Value as Json;

/// The parameter objects to evaluate with, one after the other; `Null` stands for none. Empty where nothing is found and
/// that is allowed: then the policy does not run.
///
/// # Errors
///
/// What is wrong with the binding, as the API server says it.
pub(super) fn collect(policy: &Json, binding: &Json, request: &Request, objects: &[Json]) -> Result<Vec<Json>, String> {
    let (Some(kind), Some(reference)) = (policy.pointer("/spec/paramKind"), binding.pointer("/spec/paramRef")) else {
        return Ok(vec![Json::Null]);
    };
    let text =
        |object: &'_ Json, pointer: &str| object.pointer(pointer).and_then(Json::as_str).unwrap_or_default().to_owned();
    let of_kind = |object: &&Json| {
        text(object, "/apiVersion") == text(kind, "/apiVersion") && text(object, "/kind") == text(kind, "/kind")
    };
    let candidates: Vec<&Json> = objects.iter().filter(of_kind).collect();
    let namespaced = candidates.iter().any(|object| !text(object, "/metadata/namespace").is_empty());
    let named = text(reference, "/namespace");
    let namespace = if named.is_empty() { request.namespace.clone() } else { named };
    if namespaced && namespace.is_empty() {
        return Err("cannot use namespaced paramRef in policy binding that matches cluster-scoped resources".into());
    }
    let mut found = Vec::new();
    for candidate in candidates {
        let here = !namespaced || text(candidate, "/metadata/namespace") == namespace;
        if here && refers(reference, candidate)? {
            found.push(candidate.clone());
        }
    }
    if found.is_empty() && text(reference, "/parameterNotFoundAction") == "Deny" {
        return Err("no params found for policy binding with `Deny` parameterNotFoundAction".into());
    }
    Ok(found)
}

fn refers(reference: &Json, object: &Json) -> Result<bool, String> {
    let name = reference.get("name").and_then(Json::as_str).filter(|name| !name.is_empty());
    match (name, reference.get("selector").filter(|selector| !selector.is_null())) {
        (Some(_), Some(_)) => Err("paramRef.name and paramRef.selector are mutually exclusive".into()),
        (Some(name), None) => Ok(object.pointer("/metadata/name").and_then(Json::as_str) == Some(name)),
        (None, Some(wanted)) => selector::matches(wanted, object.pointer("/metadata/labels").and_then(Json::as_object)),
        (None, None) => Err("one of name or selector must be provided".into()),
    }
}
