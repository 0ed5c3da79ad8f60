//! The four annotations that are rules: the default and the allowed profiles of AppArmor and seccomp.
//!
//! An allowed list is split at commas without trimming. An empty value is no value, here as little as an absent one.

use super::ENOUGH;
use crate::field_error::{FieldError, go_quote};
use crate::psp::PodSecurityPolicy;

const APPARMOR_DEFAULT: &str = "apparmor.security.beta.kubernetes.io/defaultProfileName";
const APPARMOR_ALLOWED: &str = "apparmor.security.beta.kubernetes.io/allowedProfileNames";
const SECCOMP_DEFAULT: &str = "seccomp.security.alpha.kubernetes.io/defaultProfileName";
const SECCOMP_ALLOWED: &str = "seccomp.security.alpha.kubernetes.io/allowedProfileNames";

pub(super) fn errors(policy: &PodSecurityPolicy) -> Vec<FieldError> {
    let value = |key| policy.annotation(key).filter(|value| !value.is_empty());
    let mut errors = Vec::new();
    if let Some(profile) = value(APPARMOR_DEFAULT) {
        errors.extend(apparmor_error(APPARMOR_DEFAULT, profile, profile));
    }
    if let Some(list) = value(APPARMOR_ALLOWED) {
        let profiles = list.split(',');
        let found = profiles.filter_map(|profile| apparmor_error(APPARMOR_ALLOWED, list, profile));
        errors.extend(found.take(ENOUGH));
    }
    if let Some(profile) = value(SECCOMP_DEFAULT) {
        errors.extend(seccomp_errors(SECCOMP_DEFAULT, profile));
    }
    if let Some(list) = value(SECCOMP_ALLOWED) {
        let profiles = list.split(',').filter(|profile| *profile != "*");
        errors.extend(profiles.flat_map(|profile| seccomp_errors(SECCOMP_ALLOWED, profile)));
    }
    errors
}

/// The error shows the annotation's whole value, and the profile in its detail.
fn apparmor_error(key: &str, value: &str, profile: &str) -> Option<FieldError> {
    let known = matches!(profile, "" | "runtime/default" | "unconfined") || profile.starts_with("localhost/");
    (!known).then(|| {
        let detail = format!("invalid AppArmor profile name: {}", go_quote(profile));
        FieldError::invalid(field(key), go_quote(value), detail)
    })
}

fn seccomp_errors(key: &str, profile: &str) -> Vec<FieldError> {
    if matches!(profile, "runtime/default" | "docker/default" | "unconfined") {
        return Vec::new();
    }
    let invalid = |value: &str, detail| FieldError::invalid(field(key), go_quote(value), detail);
    let Some(path) = profile.strip_prefix("localhost/") else {
        return vec![invalid(profile, "must be a valid seccomp profile")];
    };
    let absolute = path.starts_with('/').then(|| invalid(path, "must be a relative path"));
    let steps_back = path.split('/').any(|step| step == "..");
    let steps_back = steps_back.then(|| invalid(path, "must not contain '..'"));
    absolute.into_iter().chain(steps_back).collect()
}

fn field(key: &str) -> String {
    format!("metadata.annotations[{key}]")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::check_policy;
    use super::*;

    fn check(key: &str, value: &str, expected: &[&str]) {
        let expected: Vec<String> = expected.iter().map(|error| format!("{}: {error}", field(key))).collect();
        let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        let metadata = json!({"name": "p", "annotations": {key: value}});
        check_policy(metadata, json!({}), &expected);
    }

    #[test]
    fn apparmor_profiles_are_named_in_full() {
        check(APPARMOR_DEFAULT, "localhost/", &[]);
        check(APPARMOR_ALLOWED, "runtime/default,,unconfined,localhost/../x", &[]);
        check(APPARMOR_DEFAULT, "a,b", &["Invalid value: \"a,b\": invalid AppArmor profile name: \"a,b\""]);
        check(
            APPARMOR_ALLOWED,
            "unconfined, unconfined,*",
            &[
                "Invalid value: \"unconfined, unconfined,*\": invalid AppArmor profile name: \" unconfined\"",
                "Invalid value: \"unconfined, unconfined,*\": invalid AppArmor profile name: \"*\"",
            ],
        );
    }

    #[test]
    fn seccomp_profiles_are_known_or_relative_paths() {
        check(SECCOMP_ALLOWED, "*,docker/default,localhost/,localhost/a/..b", &[]);
        check(SECCOMP_DEFAULT, "*", &["Invalid value: \"*\": must be a valid seccomp profile"]);
        check(
            SECCOMP_ALLOWED,
            "unconfined,,localhost//a/..",
            &[
                "Invalid value: \"\": must be a valid seccomp profile",
                "Invalid value: \"/a/..\": must be a relative path",
                "Invalid value: \"/a/..\": must not contain '..'",
            ],
        );
    }

    #[test]
    fn an_empty_value_is_no_rule() {
        for key in [APPARMOR_DEFAULT, APPARMOR_ALLOWED, SECCOMP_DEFAULT, SECCOMP_ALLOWED] {
            check(key, "", &[]);
        }
    }

    #[test]
    fn a_long_list_does_not_repeat_itself_without_end() {
        let list = "x,".repeat(10_000);
        let metadata = json!({"name": "p", "annotations": {APPARMOR_ALLOWED: list}});
        assert_eq!(super::super::testing::messages(metadata, json!({}), 24).len(), ENOUGH);
    }
}
