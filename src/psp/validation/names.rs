//! What the API server says of names, label keys and label values that it does not accept.
//!
//! Source: `k8s.io/apimachinery`, `pkg/util/validation/validation.go`. Every function returns the messages, none if the
//! text is fine; lengths are in bytes, as upstream counts them although its messages speak of characters.

use crate::release::Release;

const SUBDOMAIN_FORMAT: &str = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
const QUALIFIED_FORMAT: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const QUALIFIED_EXAMPLES: [&str; 3] = ["MyName", "my.name", "123-abc"];
const QUALIFIED: &str =
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";

/// A DNS-1123 subdomain: names of most objects.
pub(super) fn dns_subdomain(name: &str, release: &Release) -> Vec<String> {
    let kind = match release.minor {
        ..=19 => "DNS-1123",
        _ => "lowercase RFC 1123",
    };
    let wrong = format!(
        "a {kind} subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with \
         an alphanumeric character"
    );
    let fits = name.split('.').all(is_dns_label);
    let shape = (!fits).then(|| mismatch(&wrong, SUBDOMAIN_FORMAT, &["example.com"]));
    too_long(name, 253).into_iter().chain(shape).collect()
}

/// A qualified name, `name` or `prefix/name`: keys of labels and annotations.
pub(super) fn qualified_name(key: &str, release: &Release) -> Vec<String> {
    let (prefix, name) = match key.split_once('/') {
        Some((_, name)) if name.contains('/') => return vec![too_many_slashes()],
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    let prefix = prefix.map(|prefix| match prefix {
        "" => vec!["must be non-empty".to_owned()],
        _ => dns_subdomain(prefix, release),
    });
    let prefix = prefix.into_iter().flatten().map(|text| format!("prefix part {text}"));
    prefix.chain(name_part(name).map(|text| format!("name part {text}"))).collect()
}

fn name_part(name: &str) -> impl Iterator<Item = String> {
    let empty = name.is_empty().then(|| "must be non-empty".to_owned());
    let shape = (!is_qualified(name)).then(|| mismatch(QUALIFIED, QUALIFIED_FORMAT, &QUALIFIED_EXAMPLES));
    empty.into_iter().chain(too_long(name, 63)).chain(shape)
}

fn too_many_slashes() -> String {
    let shape = mismatch(QUALIFIED, QUALIFIED_FORMAT, &QUALIFIED_EXAMPLES);
    format!("a qualified name {shape} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')")
}

/// The value of a label.
pub(super) fn label_value(value: &str) -> Vec<String> {
    let wrong = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must \
                 start and end with an alphanumeric character";
    let format = format!("({QUALIFIED_FORMAT})?");
    let fits = value.is_empty() || is_qualified(value);
    let shape = (!fits).then(|| mismatch(wrong, &format, &["MyValue", "my_value", "12345"]));
    too_long(value, 63).into_iter().chain(shape).collect()
}

fn is_dns_label(text: &str) -> bool {
    let edge = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    framed(text, edge, |byte| edge(byte) || byte == b'-')
}

fn is_qualified(text: &str) -> bool {
    let edge = |byte: u8| byte.is_ascii_alphanumeric();
    framed(text, edge, |byte| edge(byte) || matches!(byte, b'-' | b'_' | b'.'))
}

/// Not empty, with stricter demands on the first and the last byte.
pub(super) fn framed(text: &str, edge: impl Fn(u8) -> bool, inside: impl Fn(u8) -> bool) -> bool {
    let bytes = text.as_bytes();
    let edges = [bytes.first(), bytes.last()];
    edges.iter().all(|byte| byte.is_some_and(|&byte| edge(byte))) && bytes.iter().all(|&byte| inside(byte))
}

fn too_long(text: &str, limit: usize) -> Option<String> {
    (text.len() > limit).then(|| format!("must be no more than {limit} characters"))
}

/// Go's rendering leaves a comma before each `or`, and one before `regex`.
fn mismatch(wrong: &str, format: &str, examples: &[&str]) -> String {
    let examples: Vec<String> = examples.iter().map(|example| format!("'{example}', ")).collect();
    let examples = examples.join(" or ");
    format!("{wrong} (e.g. {examples}regex used for validation is '{format}')")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex::Regex;

    use super::*;

    /// The messages quote the regular expression that upstream matches with.
    fn quoted_regex(message: &str) -> Regex {
        let (_, rest) = message.split_once("validation is '").unwrap();
        let (format, _) = rest.rsplit_once("')").unwrap();
        Regex::new(&format!("^({format})$")).unwrap()
    }

    proptest! {
        #[test]
        fn the_quoted_regular_expressions_are_obeyed(text in "[-aZ0._é\n]{0,5}") {
            let release = Release::default();
            let fits = |message: &str| quoted_regex(message).is_match(&text);
            prop_assert_eq!(dns_subdomain(&text, &release).is_empty(), fits(&dns_subdomain("-", &release)[0]));
            prop_assert_eq!(qualified_name(&text, &release).is_empty(), fits(&qualified_name("-", &release)[0]));
            prop_assert_eq!(label_value(&text).is_empty(), fits(&label_value("-")[0]));
        }
    }

    #[test]
    fn earlier_releases_speak_of_dns_1123() {
        for (minor, start) in [(19, "a DNS-1123 subdomain must"), (20, "a lowercase RFC 1123 subdomain must")] {
            let release = Release { minor, ..Release::default() };
            assert!(dns_subdomain("A", &release)[0].starts_with(start));
            assert!(qualified_name("A/a", &release)[0].starts_with(&format!("prefix part {start}")));
        }
    }

    #[test]
    fn length_comes_before_shape() {
        let release = Release::default();
        assert_eq!(dns_subdomain(&"a".repeat(253), &release), [""; 0]);
        let messages = dns_subdomain(&"A".repeat(254), &release);
        assert_eq!(messages[0], "must be no more than 253 characters");
        assert_eq!(messages.len(), 2);
        let messages = label_value(&"_".repeat(64));
        assert_eq!(messages[0], "must be no more than 63 characters");
        assert_eq!(messages.len(), 2);
    }

    #[test]
    fn both_parts_of_a_key_are_checked() {
        let starts = [
            ("a", &[][..]),
            ("a.b/C_d", &[]),
            ("/", &["prefix part must be non-empty", "name part must be non-empty", "name part must consist"]),
            ("a/b/c", &["a qualified name must consist"]),
        ];
        for (key, starts) in starts {
            let messages = qualified_name(key, &Release::default());
            assert_eq!(messages.len(), starts.len(), "{messages:?}");
            assert!(messages.iter().zip(starts).all(|(message, start)| message.starts_with(start)));
        }
    }
}
