//! Capabilities, `defaultAllowPrivilegeEscalation` and `allowedProcMountTypes`.

use std::collections::BTreeSet;

use super::print_texts;
use crate::field_error::{FieldError, go_quote};
use crate::psp::Spec;

pub(super) fn errors(spec: &Spec) -> Vec<FieldError> {
    let mut errors = capability_errors(spec);
    errors.extend(escalation_error(spec));
    errors.extend(proc_mount_errors(spec));
    errors
}

/// Upstream's paths lack `spec.` here.
fn capability_errors(spec: &Spec) -> Vec<FieldError> {
    let drops = &spec.required_drop_capabilities;
    let mut errors = Vec::new();
    if !drops.is_empty() && spec.allowed_capabilities.iter().any(|name| name == "*") {
        let detail = "must be empty when all capabilities are allowed by a wildcard";
        let value = print_texts("core.Capability", drops);
        errors.push(FieldError::invalid("requiredDropCapabilities", value, detail));
    }
    let drops = drops.iter().map(String::as_str).collect();
    errors.extend(dropped("defaultAddCapabilities", &spec.default_add_capabilities, &drops));
    errors.extend(dropped("allowedCapabilities", &spec.allowed_capabilities, &drops));
    errors
}

fn dropped(field: &str, names: &[String], drops: &BTreeSet<&str>) -> impl Iterator<Item = FieldError> {
    let names = names.iter().filter(|name| drops.contains(name.as_str()));
    names.map(move |name| {
        let detail = format!("capability is listed in {field} and requiredDropCapabilities");
        FieldError::invalid(field, go_quote(name), detail)
    })
}

fn escalation_error(spec: &Spec) -> Option<FieldError> {
    let wrong = spec.default_allow_privilege_escalation == Some(true) && !spec.allows_privilege_escalation();
    wrong.then(|| {
        let detail =
            "Cannot set DefaultAllowPrivilegeEscalation to true without also setting AllowPrivilegeEscalation to true";
        FieldError::invalid("spec.defaultAllowPrivilegeEscalation", true, detail)
    })
}

fn proc_mount_errors(spec: &Spec) -> impl Iterator<Item = FieldError> {
    const TYPES: [&str; 2] = ["Default", "Unmasked"];
    let types = spec.allowed_proc_mount_types.iter().enumerate();
    let unknown = types.filter(|(_, name)| !TYPES.contains(&name.as_str()));
    unknown.map(|(i, name)| FieldError::not_supported(format!("spec.allowedProcMountTypes[{i}]"), name, &TYPES))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{check, policy};
    use super::super::validate;
    use crate::release::Release;

    #[test]
    fn a_dropped_capability_is_neither_added_nor_allowed() {
        let error = |list: &str, name: &str| {
            format!("{list}: Invalid value: \"{name}\": capability is listed in {list} and requiredDropCapabilities")
        };
        check(
            json!({"requiredDropCapabilities": ["A", "B"], "defaultAddCapabilities": ["a", "B"],
                   "allowedCapabilities": ["A", "A", "ALL"]}),
            &[
                &error("defaultAddCapabilities", "B"),
                &error("allowedCapabilities", "A"),
                &error("allowedCapabilities", "A"),
            ],
        );
    }

    #[test]
    fn nothing_is_dropped_where_everything_is_allowed() {
        check(
            json!({"requiredDropCapabilities": ["A", "A"], "allowedCapabilities": ["B", "*"]}),
            &[
                "requiredDropCapabilities: Invalid value: []core.Capability{\"A\", \"A\"}: must be empty when all capabilities are allowed by a wildcard",
            ],
        );
        check(json!({"requiredDropCapabilities": [], "allowedCapabilities": ["*"]}), &[]);
    }

    #[test]
    fn escalation_by_default_must_be_allowed() {
        check(json!({"defaultAllowPrivilegeEscalation": true}), &[]);
        check(json!({"defaultAllowPrivilegeEscalation": false, "allowPrivilegeEscalation": false}), &[]);
        check(
            json!({"defaultAllowPrivilegeEscalation": true, "allowPrivilegeEscalation": false}),
            &[
                "spec.defaultAllowPrivilegeEscalation: Invalid value: true: Cannot set DefaultAllowPrivilegeEscalation to true without also setting AllowPrivilegeEscalation to true",
            ],
        );
    }

    #[test]
    fn proc_mount_types_count_only_behind_their_gate() {
        let spec = json!({"allowedProcMountTypes": ["Unmasked", "*"]});
        check(spec.clone(), &[]);
        let release = Release { proc_mount_type: true, ..Release::default() };
        let policy = policy(json!({"name": "p"}), spec).stored(&release);
        let messages: Vec<String> = validate(&policy, &release).iter().map(ToString::to_string).collect();
        assert_eq!(
            messages,
            ["spec.allowedProcMountTypes[1]: Unsupported value: \"*\": supported values: \"Default\", \"Unmasked\""]
        );
    }
}
