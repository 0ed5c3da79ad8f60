//! `allowedUnsafeSysctls` and `forbiddenSysctls`: names or prefix patterns, none in both lists.

use super::{ENOUGH, names};
use crate::field_error::{FieldError, go_quote};
use crate::psp::Spec;

const ALLOWED: &str = "spec.allowedUnsafeSysctls";
const FORBIDDEN: &str = "spec.forbiddenSysctls";
const MAX: usize = 253;
const FORMAT: &str = r"([a-z0-9]([-_a-z0-9]*[a-z0-9])?\.)*([a-z0-9][-_a-z0-9]*)?[a-z0-9*]";

pub(super) fn errors(spec: &Spec) -> Vec<FieldError> {
    let (allowed, forbidden) = (&spec.allowed_unsafe_sysctls, &spec.forbidden_sysctls);
    let mut errors = list_errors(ALLOWED, allowed);
    errors.extend(list_errors(FORBIDDEN, forbidden));
    errors.extend(overlaps(allowed, forbidden).take(ENOUGH));
    errors
}

fn list_errors(field: &str, sysctls: &[String]) -> Vec<FieldError> {
    let entries = sysctls.iter().enumerate();
    let mut errors: Vec<FieldError> = entries.filter_map(|(i, name)| entry_error(field, i, name)).collect();
    // Of the well-formed entries only `*` starts with a star.
    if sysctls.len() > 1 && sysctls.iter().any(|name| name == "*") {
        let detail = "if '*' is present, must not specify other sysctls";
        errors.push(FieldError::forbidden(format!("{field}.items"), detail));
    }
    errors
}

fn entry_error(field: &str, i: usize, name: &str) -> Option<FieldError> {
    let invalid = |detail: String| FieldError::invalid(format!("{field}[{i}]"), go_quote(name), detail);
    if name.is_empty() {
        return Some(invalid("empty sysctl not allowed".to_owned()));
    }
    let fits = name.len() <= MAX && is_pattern(name);
    (!fits).then(|| invalid(format!("must have at most {MAX} characters and match regex {FORMAT}")))
}

/// Whether the text matches [`FORMAT`]: segments between dots, of which the last may end in `*`, or in nothing but it.
fn is_pattern(text: &str) -> bool {
    let edge = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let inside = |byte: u8| edge(byte) || matches!(byte, b'-' | b'_');
    let is_segment = |segment: &str| names::framed(segment, edge, inside);
    let (parents, last) = match text.rsplit_once('.') {
        Some((parents, last)) => (Some(parents), last),
        None => (None, text),
    };
    let last_fits = match last.strip_suffix('*') {
        Some(prefix) => prefix.bytes().all(inside) && prefix.bytes().next().is_none_or(edge),
        None => is_segment(last),
    };
    last_fits && parents.is_none_or(|parents| parents.split('.').all(is_segment))
}

/// The entry that the other list's entry covers is to blame; if they are equal, the allowed one.
fn overlaps(allowed: &[String], forbidden: &[String]) -> impl Iterator<Item = FieldError> {
    let allowed = allowed.iter().enumerate();
    allowed.flat_map(move |(i, a)| {
        let forbidden = forbidden.iter().enumerate();
        forbidden.filter_map(move |(j, f)| {
            let blame = |field: String, name: &str, other: &str| {
                FieldError::invalid(field, go_quote(name), format!("sysctl overlaps with {other}"))
            };
            if covers(f, a) {
                Some(blame(format!("{ALLOWED}[{i}]"), a, f))
            } else {
                covers(a, f).then(|| blame(format!("{FORBIDDEN}[{j}]"), f, a))
            }
        })
    })
}

/// Whether `pattern` stands for all that `other`, a name or a pattern itself, stands for.
fn covers(pattern: &str, other: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => other.strip_suffix('*').unwrap_or(other).starts_with(prefix),
        None => pattern == other,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex::Regex;
    use serde_json::json;

    use super::super::testing::{check, messages};
    use super::*;

    proptest! {
        #[test]
        fn patterns_obey_the_quoted_regular_expression(text in "[-a0._*A\n]{1,6}") {
            let regex = Regex::new(&format!("^{FORMAT}$")).unwrap();
            prop_assert_eq!(is_pattern(&text), regex.is_match(&text));
        }
    }

    #[test]
    fn entries_are_names_or_patterns() {
        let detail = format!("must have at most 253 characters and match regex {FORMAT}");
        let long = "a".repeat(254);
        check(
            json!({"allowedUnsafeSysctls": ["net.core.so*", "kernel.*", "", "a/b"], "forbiddenSysctls": ["**", long]}),
            &[
                "spec.allowedUnsafeSysctls[2]: Invalid value: \"\": empty sysctl not allowed",
                &format!("spec.allowedUnsafeSysctls[3]: Invalid value: \"a/b\": {detail}"),
                &format!("spec.forbiddenSysctls[0]: Invalid value: \"**\": {detail}"),
                &format!("spec.forbiddenSysctls[1]: Invalid value: \"{long}\": {detail}"),
            ],
        );
    }

    #[test]
    fn a_star_stands_alone() {
        check(json!({"forbiddenSysctls": ["*"]}), &[]);
        check(
            json!({"forbiddenSysctls": ["*", "*"]}),
            &["spec.forbiddenSysctls.items: Forbidden: if '*' is present, must not specify other sysctls"],
        );
    }

    #[test]
    fn the_covered_entry_is_to_blame() {
        let pair = |allowed: &str, forbidden: &str, expected: &[&str]| {
            check(json!({"allowedUnsafeSysctls": [allowed], "forbiddenSysctls": [forbidden]}), expected);
        };
        let on_allowed = |a: &str, f: &str| {
            let error = format!("spec.allowedUnsafeSysctls[0]: Invalid value: \"{a}\": sysctl overlaps with {f}");
            pair(a, f, &[&error]);
        };
        let on_forbidden = |a: &str, f: &str| {
            let error = format!("spec.forbiddenSysctls[0]: Invalid value: \"{f}\": sysctl overlaps with {a}");
            pair(a, f, &[&error]);
        };
        on_allowed("a", "a");
        on_allowed("a*", "a*");
        on_allowed("ab*", "a*");
        on_allowed("ab", "a*");
        on_forbidden("a*", "ab*");
        on_forbidden("a*", "ab");
        on_forbidden("a*", "a");
        pair("a", "ab", &[]);
        pair("ab*", "ac*", &[]);
    }

    #[test]
    fn long_lists_do_not_multiply_without_end() {
        let list = vec!["a"; 1000];
        let spec = json!({"allowedUnsafeSysctls": list, "forbiddenSysctls": list});
        assert_eq!(messages(json!({"name": "p"}), spec, 24).len(), ENOUGH);
    }
}
