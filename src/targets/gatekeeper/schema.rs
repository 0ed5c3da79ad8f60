//! The schema of the constraint's parameters, every level typed.

use serde_json::{Map, Value, json};

/// `spec.parameters` of the constraint.
pub(super) fn parameters_schema() -> Value {
    let word = |description: &str, words: &[&str], default: &str| json!({"type": "string", "enum": words, "default": default, "description": description});
    let flag =
        |description: &str, default: bool| json!({"type": "boolean", "default": default, "description": description});
    object(&[
        (
            "defaulting",
            word(
                "Require: a pod must hold what a policy would fill in. Assume: judge it as if it had been filled in (CREATE only).",
                &["Require", "Assume"],
                "Require",
            ),
        ),
        (
            "auditUnknownUser",
            word(
                "What an audit, which knows no requester, makes of a policy that is granted to users: deny, anyGrant counts every grant in the namespace, skip reports nothing.",
                &["deny", "anyGrant", "skip"],
                "deny",
            ),
        ),
        ("coverEphemeralContainers", flag("Also judge updates of pods/ephemeralcontainers.", false)),
        ("judgeEphemeralContainers", flag("Judge the ephemeral containers that a pod has.", true)),
        ("exemptTokenVolumes", flag("secret also allows the projected volume with the service account's token.", true)),
        ("safeSysctls", texts()),
        ("policies", list(policy())),
    ])
}

fn policy() -> Value {
    let annotations = json!({"type": "object", "additionalProperties": {"type": "string"}});
    let grant = object(&[("users", texts()), ("groups", texts()), ("namespaces", texts())]);
    let mut policy =
        object(&[("name", text()), ("annotations", annotations), ("grants", list(grant)), ("spec", policy_spec())]);
    if let Some(map) = policy.as_object_mut() {
        map.insert("required".to_owned(), json!(["name", "spec"]));
    }
    policy
}

fn policy_spec() -> Value {
    let context = object(&[("user", text()), ("role", text()), ("type", text()), ("level", text())]);
    let runtime_class = object(&[("allowedRuntimeClassNames", texts()), ("defaultRuntimeClassName", text())]);
    object(&[
        ("privileged", flag()),
        ("defaultAddCapabilities", texts()),
        ("requiredDropCapabilities", texts()),
        ("allowedCapabilities", texts()),
        ("volumes", texts()),
        ("hostNetwork", flag()),
        ("hostPorts", list(range())),
        ("hostPID", flag()),
        ("hostIPC", flag()),
        ("seLinux", object(&[("rule", text()), ("seLinuxOptions", context)])),
        ("runAsUser", ids()),
        ("runAsGroup", ids()),
        ("supplementalGroups", ids()),
        ("fsGroup", ids()),
        ("readOnlyRootFilesystem", flag()),
        ("defaultAllowPrivilegeEscalation", flag()),
        ("allowPrivilegeEscalation", flag()),
        ("allowedHostPaths", list(object(&[("pathPrefix", text()), ("readOnly", flag())]))),
        ("allowedFlexVolumes", list(object(&[("driver", text())]))),
        ("allowedCSIDrivers", list(object(&[("name", text())]))),
        ("allowedUnsafeSysctls", texts()),
        ("forbiddenSysctls", texts()),
        ("allowedProcMountTypes", texts()),
        ("runtimeClass", runtime_class),
    ])
}

fn object(properties: &[(&str, Value)]) -> Value {
    let properties: Map<_, _> = properties.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    json!({"type": "object", "properties": properties})
}

fn list(items: Value) -> Value {
    json!({"type": "array", "items": items})
}

fn text() -> Value {
    json!({"type": "string"})
}

fn flag() -> Value {
    json!({"type": "boolean"})
}

fn texts() -> Value {
    list(text())
}

fn ids() -> Value {
    object(&[("rule", text()), ("ranges", list(range()))])
}

fn range() -> Value {
    let id = || json!({"type": "integer", "format": "int64"});
    object(&[("min", id()), ("max", id())])
}
