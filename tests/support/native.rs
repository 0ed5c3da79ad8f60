//! What tests of native policies share.

use std::collections::BTreeMap;

use psp_migrate::modern;
use serde_json::{Map, Value, json};

/// What admission can change, in today's terms.
pub fn changeable(pod: &Value) -> Value {
    let pod = modern::in_todays_terms(pod, true);
    let mut shown = json!({"annotations": pod["metadata"]["annotations"]});
    let spec = &pod["spec"];
    for key in ["securityContext", "runtimeClassName"] {
        shown[key] = spec[key].clone();
    }
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        let contexts = spec[list].as_array().into_iter().flatten();
        let contexts = contexts.map(|container| json!([container["name"], container["securityContext"]]));
        shown[list] = contexts.collect();
    }
    sorted(&shown)
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields: BTreeMap<&String, Value> = fields.iter().map(|(key, value)| (key, sorted(value))).collect();
            let fields: Map<String, Value> = fields.into_iter().map(|(key, value)| (key.clone(), value)).collect();
            Value::Object(fields)
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        other => other.clone(),
    }
}
