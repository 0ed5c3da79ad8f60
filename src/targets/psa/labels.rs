//! Namespace labels and what they ask for.
//!
//! Source: `k8s.io/pod-security-admission/api/helpers.go` (`PolicyToEvaluate`). Labels are never an error on their own: a
//! policy always comes out. A wrong `enforce` falls back to restricted, a wrong `audit` or `warn` to privileged, a wrong
//! version to `latest`.

use std::str::FromStr;

use serde_json::Value;

use super::level::{Level, LevelVersion, Version};
use crate::field_error::{FieldError, go_quote};

/// The prefix of the labels, and of the audit annotations as the API server records them.
pub const PREFIX: &str = "pod-security.kubernetes.io/";
/// The label that refuses pods.
pub const ENFORCE: &str = "pod-security.kubernetes.io/enforce";
/// The version of [`ENFORCE`].
pub const ENFORCE_VERSION: &str = "pod-security.kubernetes.io/enforce-version";
/// The label that records violations in the audit log.
pub const AUDIT: &str = "pod-security.kubernetes.io/audit";
/// The version of [`AUDIT`].
pub const AUDIT_VERSION: &str = "pod-security.kubernetes.io/audit-version";
/// The label that warns users.
pub const WARN: &str = "pod-security.kubernetes.io/warn";
/// The version of [`WARN`].
pub const WARN_VERSION: &str = "pod-security.kubernetes.io/warn-version";

/// What a namespace, or a cluster by default, asks for in each of the three modes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Refuse pods that violate it.
    pub enforce: LevelVersion,
    /// Annotate the audit events of pods and workloads that violate it.
    pub audit: LevelVersion,
    /// Warn about pods and workloads that violate it.
    pub warn: LevelVersion,
}

impl Default for Policy {
    fn default() -> Self {
        Self { enforce: LevelVersion::PRIVILEGED, audit: LevelVersion::PRIVILEGED, warn: LevelVersion::PRIVILEGED }
    }
}

impl Policy {
    /// Whether no mode asks for anything.
    pub fn is_privileged(&self) -> bool {
        self.is_equivalent(&Self::default())
    }

    /// Whether each mode of the two asks for the same.
    pub fn is_equivalent(&self, other: &Self) -> bool {
        self.enforce.is_equivalent(&other.enforce)
            && self.audit.is_equivalent(&other.audit)
            && self.warn.is_equivalent(&other.warn)
    }

    /// The six labels that ask for exactly this, whatever the cluster's defaults are.
    pub fn labels(&self) -> [(&'static str, String); 6] {
        [
            (ENFORCE, self.enforce.level.to_string()),
            (ENFORCE_VERSION, self.enforce.version.to_string()),
            (AUDIT, self.audit.level.to_string()),
            (AUDIT_VERSION, self.audit.version.to_string()),
            (WARN, self.warn.level.to_string()),
            (WARN_VERSION, self.warn.version.to_string()),
        ]
    }
}

/// The policy that a namespace's labels (an object, or null) ask for, with the errors found in them.
///
/// Each label counts by itself: a version label alone moves the default level to another version. `warn` follows a valid
/// `enforce` label that is stricter, unless it has a label of its own.
pub fn policy_to_evaluate(labels: &Value, defaults: &Policy) -> (Policy, Vec<FieldError>) {
    let mut errors = Vec::new();
    let enforce = read::<Level>(labels, ENFORCE, &mut errors);
    let enforce_version = read::<Version>(labels, ENFORCE_VERSION, &mut errors);
    let audit = read::<Level>(labels, AUDIT, &mut errors);
    let audit_version = read::<Version>(labels, AUDIT_VERSION, &mut errors);
    let warn = read::<Level>(labels, WARN, &mut errors);
    let warn_version = read::<Version>(labels, WARN_VERSION, &mut errors);

    let mut policy = Policy {
        enforce: resolve(enforce, enforce_version, defaults.enforce, Level::Restricted),
        audit: resolve(audit, audit_version, defaults.audit, Level::Privileged),
        warn: resolve(warn, warn_version, defaults.warn, Level::Privileged),
    };
    let enforced = matches!(enforce, Label::Valid(_));
    if warn == Label::Absent && enforced && policy.enforce.level > policy.warn.level {
        policy.warn.level = policy.enforce.level;
        if warn_version == Label::Absent {
            policy.warn.version = policy.enforce.version;
        }
    }
    (policy, errors)
}

#[derive(Clone, Copy, PartialEq)]
enum Label<T> {
    Absent,
    Valid(T),
    Invalid,
}

impl<T> Label<T> {
    fn or(self, default: T, fallback: T) -> T {
        match self {
            Self::Absent => default,
            Self::Valid(value) => value,
            Self::Invalid => fallback,
        }
    }
}

fn resolve(level: Label<Level>, version: Label<Version>, default: LevelVersion, fallback: Level) -> LevelVersion {
    LevelVersion { level: level.or(default.level, fallback), version: version.or(default.version, Version::Latest) }
}

fn read<T: FromStr<Err: ToString>>(labels: &Value, key: &str, errors: &mut Vec<FieldError>) -> Label<T> {
    let Some(text) = text(labels, key) else {
        return Label::Absent;
    };
    match text.parse() {
        Ok(value) => Label::Valid(value),
        Err(error) => {
            let field = format!("metadata.labels[{key}]");
            errors.push(FieldError::invalid(field, go_quote(text), error.to_string()));
            Label::Invalid
        }
    }
}

/// A label's value; null is the empty string, as in every string map of the API.
fn text<'a>(labels: &'a Value, key: &str) -> Option<&'a str> {
    match labels.get(key)? {
        Value::String(text) => Some(text),
        Value::Null => Some(""),
        _ => None,
    }
}

/// Whether a label is there, whatever its value.
pub(crate) fn has_label(labels: &Value, key: &str) -> bool {
    text(labels, key).is_some()
}

/// Several errors as one text: a single one bare, several in brackets.
pub(crate) fn aggregate(errors: &[FieldError]) -> String {
    let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
    match texts.as_slice() {
        [one] => one.clone(),
        several => format!("[{}]", several.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn effective(labels: Value) -> [String; 3] {
        let full: serde_json::Map<String, Value> = labels
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, value)| (format!("{PREFIX}{key}"), value.clone()))
            .collect();
        let (policy, _) = policy_to_evaluate(&Value::Object(full), &Policy::default());
        [policy.enforce, policy.audit, policy.warn].map(|mode| mode.to_string())
    }

    #[test]
    fn warn_follows_a_stricter_enforce() {
        let baseline = json!({"enforce": "baseline"});
        assert_eq!(effective(baseline), ["baseline:latest", "privileged:latest", "baseline:latest"]);
        let pinned = json!({"enforce": "baseline", "enforce-version": "v1.22"});
        assert_eq!(effective(pinned), ["baseline:v1.22", "privileged:latest", "baseline:v1.22"]);
        let own_version = json!({"enforce": "baseline", "enforce-version": "v1.22", "warn-version": "latest"});
        assert_eq!(effective(own_version), ["baseline:v1.22", "privileged:latest", "baseline:latest"]);
    }

    #[test]
    fn warn_does_not_follow_when_it_has_a_label_or_enforce_is_invalid() {
        let own = json!({"enforce": "baseline", "warn": "privileged"});
        assert_eq!(effective(own), ["baseline:latest", "privileged:latest", "privileged:latest"]);
        let wrong = json!({"enforce": "baseline", "warn": "foo"});
        assert_eq!(effective(wrong), ["baseline:latest", "privileged:latest", "privileged:latest"]);
        let invalid = json!({"enforce": "foo"});
        assert_eq!(effective(invalid), ["restricted:latest", "privileged:latest", "privileged:latest"]);
    }

    #[test]
    fn a_version_label_alone_moves_the_default_level() {
        let defaults =
            Policy { enforce: LevelVersion { level: Level::Baseline, version: Version::Latest }, ..Policy::default() };
        let (policy, errors) = policy_to_evaluate(&json!({ENFORCE_VERSION: "v1.20"}), &defaults);
        assert_eq!(policy.enforce.to_string(), "baseline:v1.20");
        assert_eq!(policy.warn.to_string(), "privileged:latest");
        assert!(errors.is_empty());
    }

    #[test]
    fn errors_come_in_the_order_of_the_modes() {
        let labels = json!({WARN_VERSION: "1.2", AUDIT: "", ENFORCE: "Baseline", ENFORCE_VERSION: "v1.2.3\""});
        let (policy, errors) = policy_to_evaluate(&labels, &Policy::default());
        assert_eq!(policy.enforce.to_string(), "restricted:latest");
        assert_eq!(
            aggregate(&errors),
            "[metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: \"Baseline\": must be one of \
             privileged, baseline, restricted, metadata.labels[pod-security.kubernetes.io/enforce-version]: Invalid \
             value: \"v1.2.3\\\"\": must be \"latest\" or \"v1.x\", metadata.labels[pod-security.kubernetes.io/audit]: \
             Invalid value: \"\": must be one of privileged, baseline, restricted, \
             metadata.labels[pod-security.kubernetes.io/warn-version]: Invalid value: \"1.2\": must be \"latest\" or \
             \"v1.x\"]"
        );
    }

    #[test]
    fn printed_labels_read_back_under_any_defaults() {
        let policy = Policy {
            enforce: LevelVersion { level: Level::Baseline, version: Version::Minor(25) },
            audit: LevelVersion::PRIVILEGED,
            warn: LevelVersion::PRIVILEGED,
        };
        let strict = Policy { audit: policy.enforce, ..policy };
        let labels: serde_json::Map<String, Value> =
            policy.labels().into_iter().map(|(key, value)| (key.to_string(), value.into())).collect();
        assert_eq!(policy_to_evaluate(&Value::Object(labels), &strict), (policy, vec![]));
    }
}
