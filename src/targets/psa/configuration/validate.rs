//! What the API server demands of the values.
//!
//! Source: `k8s.io/pod-security-admission/admission/api/validation`, `k8s.io/apimachinery/pkg/util/validation`.

use std::str::FromStr;

use super::ConfigurationError;
use super::read::Fields;
use crate::field_error::{FieldError, go_quote};
use crate::targets::psa::level::LevelVersion;

/// The level and version of one mode.
pub(super) fn mode(
    defaults: &Fields<'_>,
    [level, version]: [&str; 2],
    errors: &mut Vec<FieldError>,
) -> Result<LevelVersion, ConfigurationError> {
    let default = LevelVersion::PRIVILEGED;
    Ok(LevelVersion {
        level: value(defaults, level, errors)?.unwrap_or(default.level),
        version: value(defaults, version, errors)?.unwrap_or(default.version),
    })
}

fn value<T: FromStr<Err: ToString>>(
    fields: &Fields<'_>,
    key: &str,
    errors: &mut Vec<FieldError>,
) -> Result<Option<T>, ConfigurationError> {
    let text = fields.string(key)?;
    if text.is_empty() {
        return Ok(None);
    }
    let parsed = text.parse().map_err(|error: T::Err| {
        errors.push(FieldError::invalid(fields.path(key), go_quote(text), error.to_string()));
    });
    Ok(parsed.ok())
}

/// A list of exemptions: each entry valid, none twice.
pub(super) fn list(
    exemptions: &Fields<'_>,
    key: &str,
    complaints: fn(&str) -> Vec<String>,
    errors: &mut Vec<FieldError>,
) -> Result<Vec<String>, ConfigurationError> {
    let mut valid: Vec<String> = Vec::new();
    for (index, entry) in exemptions.strings(key)?.into_iter().enumerate() {
        let path = || format!("{}[{index}]", exemptions.path(key));
        let complaints = complaints(entry);
        if !complaints.is_empty() {
            errors.push(FieldError::invalid(path(), go_quote(entry), complaints.join(", ")));
        } else if valid.iter().any(|known| known == entry) {
            errors.push(FieldError::duplicate(path(), go_quote(entry)));
        } else {
            valid.push(entry.to_string());
        }
    }
    Ok(valid)
}

/// What is wrong with a user's name.
pub(super) fn username(name: &str) -> Vec<String> {
    let empty = name.is_empty().then(|| "username must not be empty".to_string());
    empty.into_iter().collect()
}

/// What is wrong with a namespace's name: it must be a DNS label.
pub(super) fn namespace(name: &str) -> Vec<String> {
    let mut complaints = too_long(name, 63);
    if !is_label(name) {
        complaints.push(if is_subdomain(name) {
            "must not contain dots".to_string()
        } else {
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end \
             with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is \
             '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
                .to_string()
        });
    }
    complaints
}

/// What is wrong with a runtime class's name: it must be a DNS subdomain.
pub(super) fn runtime_class(name: &str) -> Vec<String> {
    let mut complaints = too_long(name, 253);
    if !is_subdomain(name) {
        complaints.push(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start \
             and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
             '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
                .to_string(),
        );
    }
    complaints
}

fn too_long(name: &str, max: usize) -> Vec<String> {
    let long = (name.len() > max).then(|| format!("must be no more than {max} bytes"));
    long.into_iter().collect()
}

fn is_label(name: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !name.is_empty() && name.bytes().all(inside) && !name.starts_with('-') && !name.ends_with('-')
}

fn is_subdomain(name: &str) -> bool {
    name.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_dns_names() {
        for name in ["a", "0", "a-b", "kube-system"] {
            assert!(namespace(name).is_empty() && runtime_class(name).is_empty(), "{name}");
        }
        for name in ["", "-a", "a-", "A", "a_b", "a..b", ".a"] {
            assert_eq!((namespace(name).len(), runtime_class(name).len()), (1, 1), "{name}");
        }
        assert_eq!((namespace("a.b").len(), runtime_class("a.b").len()), (1, 0));
        assert_eq!(namespace(&"a".repeat(64)), ["must be no more than 63 bytes"]);
    }
}
