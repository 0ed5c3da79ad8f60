//! The one thing defaulting needs of an image name: whether it means the tag `latest`.
//! Source: `k8s.io/kubernetes/pkg/util/parsers` over docker's reference grammar.

use std::sync::LazyLock;

use regex::Regex;

/// `[domain/]path[:tag][@digest]`; the tag and the digest are captured.
const GRAMMAR: &str = concat!(
    r"^(?:(?:localhost|localhost:[0-9]+|[a-zA-Z0-9-]+(?:\.[a-zA-Z0-9-]+)+(?::[0-9]+)?|[a-zA-Z0-9-]+:[0-9]+)/)?",
    r"[a-z0-9]+(?:(?:[._]|__|-*)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-*)[a-z0-9]+)*)*",
    r"(?::([A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?",
    r"(?:@([A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}))?$",
);

static REFERENCE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(GRAMMAR).ok());

/// True when the tag is `latest`, or left out without a digest in its place. False for what is no image name.
pub(super) fn means_latest(image: &str) -> bool {
    let Some(parts) = REFERENCE.as_ref().and_then(|grammar| grammar.captures(image)) else {
        return false;
    };
    match (parts.get(1), parts.get(2)) {
        (Some(tag), _) => tag.as_str() == "latest",
        (None, digest) => digest.is_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::means_latest;

    #[test]
    fn latest_is_the_tag_when_nothing_else_is_said() {
        for image in ["nginx", "nginx:latest", "example.com/a/b", "example.com:5000/b", "localhost/x", "a_b/c-d:latest"]
        {
            assert!(means_latest(image), "{image}");
        }
    }

    #[test]
    fn other_tags_digests_and_nonsense_are_not_latest() {
        let digest = format!("nginx@sha256:{}", "a".repeat(64));
        for image in ["nginx:1", "example.com:5000/b:v1", "", "Nginx", "a b", digest.as_str()] {
            assert!(!means_latest(image), "{image}");
        }
    }
}
