//! What the API server says of names, label keys and label values that it does not accept.
//!
//! Source: `k8s.io/apimachinery` v0.24, `pkg/util/validation` and `pkg/api/validation/path`. Every function returns the
//! messages, none if the text is fine.

const LABEL_FORMAT: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const SUBDOMAIN_FORMAT: &str = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
const QUALIFIED_FORMAT: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const QUALIFIED: &str =
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";

/// Names of roles and bindings: anything that can be a segment of a URL path.
pub(crate) fn path_segment(name: &str) -> Vec<String> {
    if name == "." || name == ".." {
        return vec![format!("may not be '{name}'")];
    }
    let found = |part: &&str| name.contains(part);
    let message = |part| format!("may not contain '{part}'");
    ["/", "%"].into_iter().filter(found).map(message).collect()
}

/// Namespace names.
pub(crate) fn dns_label(name: &str) -> Vec<String> {
    let wrong = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start \
                 and end with an alphanumeric character";
    let shape = mismatch(is_dns_label(name), wrong, LABEL_FORMAT, &["my-name", "123-abc"]);
    too_long(name, 63).into_iter().chain(shape).collect()
}

/// Service account names and the part of a label key before the slash.
pub(crate) fn dns_subdomain(name: &str) -> Vec<String> {
    let wrong = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and \
                 must start and end with an alphanumeric character";
    let fits = name.split('.').all(is_dns_label);
    let shape = mismatch(fits, wrong, SUBDOMAIN_FORMAT, &["example.com"]);
    too_long(name, 253).into_iter().chain(shape).collect()
}

/// Label keys: `name` or `prefix/name`.
pub(crate) fn label_key(key: &str) -> Vec<String> {
    let (prefix, name) = match key.split_once('/') {
        Some((_, name)) if name.contains('/') => return vec![too_many_slashes()],
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    let prefix = prefix.map(|prefix| match prefix {
        "" => vec!["must be non-empty".to_owned()],
        _ => dns_subdomain(prefix),
    });
    let prefix = prefix.into_iter().flatten().map(|text| format!("prefix part {text}"));
    prefix.chain(qualified_part(name).map(|text| format!("name part {text}"))).collect()
}

fn qualified_part(name: &str) -> impl Iterator<Item = String> {
    let empty = name.is_empty().then(|| "must be non-empty".to_owned());
    let examples = ["MyName", "my.name", "123-abc"];
    let shape = mismatch(is_qualified(name), QUALIFIED, QUALIFIED_FORMAT, &examples);
    empty.into_iter().chain(too_long(name, 63)).chain(shape)
}

fn too_many_slashes() -> String {
    let examples = ["MyName", "my.name", "123-abc"];
    let shape = mismatch(false, QUALIFIED, QUALIFIED_FORMAT, &examples).unwrap_or_default();
    format!("a qualified name {shape} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')")
}

/// Label values.
pub(crate) fn label_value(value: &str) -> Vec<String> {
    let wrong = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and \
                 must start and end with an alphanumeric character";
    let fits = value.is_empty() || is_qualified(value);
    let format = format!("({QUALIFIED_FORMAT})?");
    let shape = mismatch(fits, wrong, &format, &["MyValue", "my_value", "12345"]);
    too_long(value, 63).into_iter().chain(shape).collect()
}

fn is_dns_label(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    framed(text, inner, |b| inner(b) || b == b'-')
}

fn is_qualified(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric();
    framed(text, inner, |b| inner(b) || matches!(b, b'-' | b'_' | b'.'))
}

/// Not empty, with stricter demands on the first and the last byte.
fn framed(text: &str, edge: impl Fn(u8) -> bool, inside: impl Fn(u8) -> bool) -> bool {
    let bytes = text.as_bytes();
    let edges = [bytes.first(), bytes.last()];
    edges.iter().all(|byte| byte.is_some_and(|&byte| edge(byte))) && bytes.iter().all(|&byte| inside(byte))
}

fn too_long(text: &str, limit: usize) -> Option<String> {
    (text.len() > limit).then(|| format!("must be no more than {limit} characters"))
}

/// Go's rendering leaves a comma before each `or`, and one before `regex`.
fn mismatch(fits: bool, wrong: &str, format: &str, examples: &[&str]) -> Option<String> {
    let examples: Vec<String> = examples.iter().map(|example| format!("'{example}', ")).collect();
    let examples = examples.join(" or ");
    (!fits).then(|| format!("{wrong} (e.g. {examples}regex used for validation is '{format}')"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(messages: &[String], starts: &[&str]) {
        assert_eq!(messages.len(), starts.len(), "{messages:?}");
        let pairs = messages.iter().zip(starts);
        pairs.for_each(|(message, start)| assert!(message.starts_with(start), "{message}"));
    }

    #[test]
    fn path_segments_refuse_dots_slashes_and_percent() {
        check(&path_segment("system:node"), &[]);
        check(&path_segment(".."), &["may not be '..'"]);
        check(&path_segment("a%/b"), &["may not contain '/'", "may not contain '%'"]);
    }

    #[test]
    fn labels_and_subdomains_are_lower_case() {
        check(&dns_label("a-1"), &[]);
        check(&dns_label("a.b"), &["a lowercase RFC 1123 label must"]);
        check(&dns_subdomain("a.b-c.1"), &[]);
        let long = "A".repeat(300);
        check(&dns_subdomain(&long), &["must be no more than 253", "a lowercase RFC 1123 sub"]);
        let text = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start \
                    and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is \
                    '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
        assert_eq!(dns_label("-"), [text]);
    }

    #[test]
    fn label_keys_may_have_one_prefix() {
        check(&label_key("rbac.authorization.k8s.io/aggregate-to-edit"), &[]);
        check(&label_key("a/b/c"), &["a qualified name must consist"]);
        check(
            &label_key("/"),
            &["prefix part must be non-empty", "name part must be non-empty", "name part must consist"],
        );
        check(&label_value(""), &[]);
        check(&label_value("a b"), &["a valid label must be an empty string"]);
    }
}
