//! `metadata`: name, labels, and the keys and size of the annotations.
//!
//! Source: `k8s.io/apimachinery`, `pkg/api/validation/objectmeta.go`. The server clears a namespace. Owner references,
//! finalizers and managed fields are not looked at.

use super::{invalid_text, names, too_long};
use crate::field_error::FieldError;
use crate::psp::Metadata;
use crate::release::Release;

const MAX_ANNOTATIONS: usize = 256 * 1024;

/// Five of the characters that the server draws from to complete a `generateName`.
const DRAWN: &str = "xxxxx";
const MAX_GENERATE_NAME: usize = 58;

pub(super) fn errors(metadata: &Metadata, release: &Release) -> Vec<FieldError> {
    let mut errors = name_errors(metadata, release);
    errors.extend(label_errors(metadata, release));
    errors.extend(annotation_errors(metadata, release));
    errors
}

fn name_errors(metadata: &Metadata, release: &Release) -> Vec<FieldError> {
    let base = metadata.generate_name.as_str();
    let subdomain = |field, text: &str, checked: &str| {
        invalid_text(field, text, names::dns_subdomain(checked, release)).collect::<Vec<_>>()
    };
    let mut errors = Vec::new();
    if !base.is_empty() {
        errors = subdomain("metadata.generateName", base, &masked(base));
    }
    match (metadata.name.as_str(), base) {
        ("", "") => errors.push(FieldError::required("metadata.name", "name or generateName is required")),
        ("", base) => {
            let name = base.get(..MAX_GENERATE_NAME).unwrap_or(base).to_owned() + DRAWN;
            errors.extend(subdomain("metadata.name", &name, &name));
        }
        (name, _) => errors.extend(subdomain("metadata.name", name, name)),
    }
    errors
}

/// A `generateName` may end in a dash. Upstream puts an `a` in the place of the last two characters, whatever the last
/// but one is.
fn masked(base: &str) -> String {
    let kept = base.strip_suffix('-').and_then(|rest| rest.strip_suffix(|c: char| c.is_ascii()));
    kept.map_or_else(|| base.to_owned(), |kept| format!("{kept}a"))
}

fn label_errors(metadata: &Metadata, release: &Release) -> impl Iterator<Item = FieldError> {
    const FIELD: &str = "metadata.labels";
    metadata.labels.iter().flat_map(|(key, value)| {
        let key_errors = invalid_text(FIELD, key, names::qualified_name(key, release));
        key_errors.chain(invalid_text(FIELD, value, names::label_value(value)))
    })
}

fn annotation_errors(metadata: &Metadata, release: &Release) -> Vec<FieldError> {
    const FIELD: &str = "metadata.annotations";
    let annotations = &metadata.annotations;
    let keys = annotations.keys();
    let mut errors: Vec<FieldError> =
        keys.flat_map(|key| invalid_text(FIELD, key, names::qualified_name(&go_lower(key), release))).collect();
    let size: usize = annotations.iter().map(|(key, value)| key.len() + value.len()).sum();
    if size > MAX_ANNOTATIONS {
        errors.push(too_long(FIELD, MAX_ANNOTATIONS, release));
    }
    errors
}

/// Go's `strings.ToLower`: character by character, each to a single one.
pub(super) fn go_lower(text: &str) -> String {
    text.chars().filter_map(|c| c.to_lowercase().next()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::{check_policy, check_release, shape};
    use super::*;

    fn check(metadata: Value, expected: &[&str]) {
        check_policy(metadata, json!({}), expected);
    }

    #[test]
    fn a_name_is_a_subdomain() {
        check(json!({"name": "a.b-c"}), &[]);
        let wrong = format!("metadata.name: Invalid value: \"A\": {}", shape("subdomain"));
        check(json!({"name": "A"}), &[&wrong]);
        check(json!({}), &["metadata.name: Required value: name or generateName is required"]);
    }

    #[test]
    fn a_name_can_be_generated() {
        check(json!({"generateName": "a-"}), &[]);
        check(
            json!({"generateName": "a".repeat(58) + "_"}),
            &[&format!("metadata.generateName: Invalid value: \"{}_\": {}", "a".repeat(58), shape("subdomain"))],
        );
        // The mask hides the dot, the completed name does not.
        let wrong = format!("metadata.name: Invalid value: \"a.-xxxxx\": {}", shape("subdomain"));
        check(json!({"generateName": "a.-"}), &[&wrong]);
        check(json!({"generateName": "a.-", "name": "a"}), &[]);
        let wrong = format!("metadata.generateName: Invalid value: \"é-\": {}", shape("subdomain"));
        check(json!({"generateName": "é-", "name": "a"}), &[&wrong]);
    }

    #[test]
    fn labels_are_checked_key_and_value() {
        check(json!({"name": "p", "labels": {"app.k8s.io/Name": "a_b", "empty": ""}}), &[]);
        let key = format!("metadata.labels: Invalid value: \"-\": name part {}", shape("name"));
        let value = format!("metadata.labels: Invalid value: \"a b\": {}", shape("value"));
        check(json!({"name": "p", "labels": {"-": "a b"}}), &[&key, &value]);
    }

    #[test]
    fn keys_of_annotations_may_be_upper_case() {
        check(json!({"name": "p", "annotations": {"EXAMPLE.com/A": "anything goes", "\u{212a}": ""}}), &[]);
        let key = format!("metadata.annotations: Invalid value: \"É\": name part {}", shape("name"));
        check(json!({"name": "p", "annotations": {"É": ""}}), &[&key]);
        let key = format!("metadata.labels: Invalid value: \"E/A\": prefix part {}", shape("subdomain"));
        check(json!({"name": "p", "labels": {"E/A": ""}}), &[&key]);
    }

    #[test]
    fn lower_case_is_one_character_for_one() {
        assert_eq!(go_lower("ABÉ\u{130}\u{212a}ΑΣ"), "abéikασ");
    }

    #[test]
    fn annotations_have_a_size() {
        let policy = |size: usize| json!({"name": "p", "annotations": {"a": "é".repeat(size / 2 - 1) + "x"}});
        check(policy(MAX_ANNOTATIONS), &[]);
        check(policy(MAX_ANNOTATIONS + 2), &["metadata.annotations: Too long: must have at most 262144 bytes"]);
        check_release(
            policy(MAX_ANNOTATIONS + 2),
            json!({}),
            &["metadata.annotations: Too long: must have at most 262144 characters"],
            16,
        );
    }
}
