//! `runtimeClass`: names of RuntimeClass objects or a lone `*`, and a default among them.

use std::collections::BTreeSet;

use super::{invalid_text, names, print_texts};
use crate::field_error::{FieldError, go_quote};
use crate::psp::{RuntimeClassStrategy, Spec};
use crate::release::Release;

const ALLOWED: &str = "spec.runtimeClass.allowedRuntimeClassNames";
const DEFAULT: &str = "spec.runtimeClass.defaultRuntimeClassName";

pub(super) fn errors(spec: &Spec, release: &Release) -> Vec<FieldError> {
    let strategy = spec.runtime_class.as_ref();
    strategy.map(|strategy| strategy_errors(strategy, release)).unwrap_or_default()
}

fn strategy_errors(strategy: &RuntimeClassStrategy, release: &Release) -> Vec<FieldError> {
    let list = &strategy.allowed_runtime_class_names;
    let mut allowed = BTreeSet::new();
    let mut errors = Vec::new();
    for (i, name) in list.iter().enumerate() {
        let field = format!("{ALLOWED}[{i}]");
        if name != "*" {
            errors.extend(name_errors(&field, name, release));
        }
        if !allowed.insert(name.as_str()) {
            errors.push(FieldError::duplicate(field, go_quote(name)));
        }
    }
    if let Some(name) = &strategy.default_runtime_class_name {
        errors.extend(name_errors(DEFAULT, name, release));
        if !allowed.contains(name.as_str()) && !allowed.contains("*") {
            let detail = format!("default {} must be allowed", go_quote(name));
            errors.push(FieldError::required(ALLOWED, detail));
        }
    }
    if allowed.contains("*") && list.len() > 1 {
        let detail = "if '*' is present, must not specify other RuntimeClass names";
        errors.push(FieldError::invalid(ALLOWED, print_texts("string", list), detail));
    }
    errors
}

fn name_errors(field: &str, name: &str, release: &Release) -> impl Iterator<Item = FieldError> {
    invalid_text(field, name, names::dns_subdomain(name, release))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::{check as check_spec, shape};

    fn check(strategy: Value, expected: &[&str]) {
        check_spec(json!({"runtimeClass": strategy}), expected);
    }

    #[test]
    fn names_are_distinct_subdomains() {
        let wrong =
            format!("spec.runtimeClass.allowedRuntimeClassNames[1]: Invalid value: \"B\": {}", shape("subdomain"));
        let twice = "spec.runtimeClass.allowedRuntimeClassNames[2]: Duplicate value: \"a\"";
        check(json!({"allowedRuntimeClassNames": ["a", "B", "a"]}), &[&wrong, twice]);
        check(json!({}), &[]);
    }

    #[test]
    fn the_default_is_allowed() {
        check(json!({"allowedRuntimeClassNames": ["*"], "defaultRuntimeClassName": "a"}), &[]);
        let missing = "spec.runtimeClass.allowedRuntimeClassNames: Required value: default \"a\" must be allowed";
        check(json!({"defaultRuntimeClassName": "a"}), &[missing]);
        let wrong = format!("spec.runtimeClass.defaultRuntimeClassName: Invalid value: \"*\": {}", shape("subdomain"));
        check(json!({"allowedRuntimeClassNames": ["*"], "defaultRuntimeClassName": "*"}), &[&wrong]);
    }

    #[test]
    fn a_star_stands_alone() {
        check(
            json!({"allowedRuntimeClassNames": ["*", "a"]}),
            &[
                "spec.runtimeClass.allowedRuntimeClassNames: Invalid value: []string{\"*\", \"a\"}: if '*' is present, must not specify other RuntimeClass names",
            ],
        );
    }
}
