//! The one place where validation's tests call the code.

use serde_json::{Value, json};

use super::validate;
use crate::psp::PodSecurityPolicy;
use crate::release::Release;

/// A policy with the rules every policy must name, unless `spec` gives others.
pub(super) fn policy(metadata: Value, spec: Value) -> PodSecurityPolicy {
    let any = json!({"rule": "RunAsAny"});
    let mut full = json!({"seLinux": any, "runAsUser": any, "supplementalGroups": any, "fsGroup": any});
    for (key, value) in spec.as_object().cloned().unwrap_or_default() {
        full[key] = value;
    }
    PodSecurityPolicy::from_value(&json!({"metadata": metadata, "spec": full})).unwrap()
}

/// The messages of a release 1.`minor`, in their order.
pub(super) fn messages(metadata: Value, spec: Value, minor: u8) -> Vec<String> {
    let release = Release { minor, ..Release::default() };
    let policy = policy(metadata, spec).stored(&release);
    validate(&policy, &release).iter().map(ToString::to_string).collect()
}

#[track_caller]
pub(super) fn check_release(metadata: Value, spec: Value, expected: &[&str], minor: u8) {
    assert_eq!(messages(metadata, spec, minor), expected);
}

#[track_caller]
pub(super) fn check_policy(metadata: Value, spec: Value, expected: &[&str]) {
    check_release(metadata, spec, expected, 24);
}

#[track_caller]
pub(super) fn check(spec: Value, expected: &[&str]) {
    check_policy(json!({"name": "p"}), spec, expected);
}

/// The texts about the shape of a `subdomain`, a `name` and a label's `value`, spelled out once.
pub(super) fn shape(kind: &str) -> &'static str {
    match kind {
        "subdomain" => {
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must \
             start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
             '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
        }
        "name" => {
            "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric \
             character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
             '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
        }
        _ => {
            "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must \
             start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for \
             validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
        }
    }
}
