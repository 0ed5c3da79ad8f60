//! Capability names: plain strings to the plug-in, compared byte by byte.

use super::{Looked, Oddity, listed};

pub(super) const ODDITIES: &[Oddity] = &[
    Oddity { code: "capability-prefix", find: with_prefix },
    Oddity { code: "capability-case", find: in_lower_case },
    Oddity { code: "capability-all", find: all },
];

fn names<'l>(looked: &'l Looked<'_>) -> impl Iterator<Item = &'l str> {
    let spec = &looked.policy.spec;
    let lists = [&spec.allowed_capabilities, &spec.default_add_capabilities, &spec.required_drop_capabilities];
    lists.into_iter().flatten().map(String::as_str)
}

fn with_prefix(looked: &Looked<'_>) -> Option<String> {
    let odd: Vec<&str> = names(looked).filter(|name| name.to_ascii_uppercase().starts_with("CAP_")).collect();
    let text = format!(
        "{} is written with `CAP_`, and names are compared byte by byte: it is not the capability that pods name without \
         the prefix",
        listed(odd.iter().copied())
    );
    (!odd.is_empty()).then_some(text)
}

fn in_lower_case(looked: &Looked<'_>) -> Option<String> {
    let odd: Vec<&str> = names(looked).filter(|name| name.chars().any(char::is_lowercase)).collect();
    let text = format!(
        "{} is written in lower case, and names are compared byte by byte: it is not the capability that pods name in \
         upper case",
        listed(odd.iter().copied())
    );
    (!odd.is_empty()).then_some(text)
}

fn all(looked: &Looked<'_>) -> Option<String> {
    let text = "`ALL` in `allowedCapabilities` is no wildcard: it allows `add: [ALL]` and no other name, where `*` would \
                allow every name";
    let allowed = &looked.policy.spec.allowed_capabilities;
    let has = |wanted: &str| allowed.iter().any(|name| name == wanted);
    (has("ALL") && !has("*")).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::codes;
    use super::*;

    fn found(spec: Value) -> Vec<&'static str> {
        codes(ODDITIES, spec)
    }

    #[test]
    fn only_plain_upper_case_names_match_what_pods_write() {
        assert!(found(json!({"allowedCapabilities": ["NET_ADMIN"], "requiredDropCapabilities": ["ALL"]})).is_empty());
        assert_eq!(found(json!({"requiredDropCapabilities": ["CAP_KILL"]})), ["capability-prefix"]);
        assert_eq!(found(json!({"defaultAddCapabilities": ["chown"]})), ["capability-case"]);
    }

    #[test]
    fn all_is_a_name_in_the_allowed_list() {
        assert_eq!(found(json!({"allowedCapabilities": ["ALL"]})), ["capability-all"]);
        assert!(found(json!({"allowedCapabilities": ["ALL", "*"]})).is_empty());
    }
}
