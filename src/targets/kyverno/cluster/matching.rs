//! `match` and `exclude`: which requests a rule is about.
//!
//! Source: `pkg/engine/utils/match.go`. The parts of a block are joined by *and*, the values of a part by *or*.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use crate::cel::policy::{Request, selector};

/// Blocks of which any, or all, must match.
#[derive(Debug)]
pub(super) struct Blocks {
    all: bool,
    blocks: Vec<Json>,
}

/// What a block may say, besides `resources`.
const PARTS: [&str; 2] = ["resources", "subjects"];
/// What `resources` may say.
const RESOURCES: [&str; 7] = ["kinds", "operations", "name", "names", "namespaces", "selector", "namespaceSelector"];

impl Blocks {
    /// Reads the field; where something is not understood, its place and why.
    pub(super) fn read(field: Option<&Json>, path: &str) -> Result<Self, (String, String)> {
        let field = field.cloned().unwrap_or_default();
        let (all, blocks) = match (field.get("any"), field.get("all")) {
            (Some(any), _) => (false, any.as_array().cloned().unwrap_or_default()),
            (None, Some(all)) => (true, all.as_array().cloned().unwrap_or_default()),
            (None, None) => {
                (false, field.as_object().is_some_and(|it| !it.is_empty()).then_some(field).into_iter().collect())
            }
        };
        for block in &blocks {
            known(block, &PARTS, path)?;
            known(block.get("resources").unwrap_or(&Json::Null), &RESOURCES, path)?;
            for key in ["selector", "namespaceSelector"] {
                let labels = block.pointer(&format!("/resources/{key}/matchLabels"));
                if labels.is_some_and(|labels| labels.to_string().contains(['*', '?'])) {
                    let why = "wildcards in labels cannot be evaluated here";
                    return Err((format!("{path}.resources.{key}"), why.to_owned()));
                }
            }
        }
        Ok(Self { all, blocks })
    }

    /// What in them depends on more than on who asks and where, or cannot be told for all names.
    pub(super) fn what_is_not_of_the_requester(&self) -> Option<&'static str> {
        let of_pod = ["/resources/name", "/resources/names", "/resources/selector"];
        let has =
            |pointer: &str| self.blocks.iter().any(|block| block.pointer(pointer).is_some_and(|it| !it.is_null()));
        if of_pod.into_iter().any(has) {
            return Some("it selects pods by their labels or names");
        }
        let is_pattern = self.mentioned().iter().any(|name| name.contains(['*', '?']));
        is_pattern.then_some("patterns of names are not understood for all subjects")
    }

    /// Whether a namespace's labels decide.
    pub(super) fn asks_namespace(&self) -> bool {
        self.blocks.iter().any(|block| block.pointer("/resources/namespaceSelector").is_some_and(|it| !it.is_null()))
    }

    /// The names of namespaces and subjects in them.
    pub(super) fn mentioned(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for block in &self.blocks {
            let namespaces = texts(block, "namespaces").unwrap_or_default();
            names.extend(namespaces.into_iter().map(str::to_owned));
            for subject in block.get("subjects").and_then(Json::as_array).into_iter().flatten() {
                let text = |key: &str| subject.get(key).and_then(Json::as_str).unwrap_or_default();
                if text("kind") == "ServiceAccount" {
                    let account = [text("namespace"), text("name")];
                    names.insert(format!("system:serviceaccount:{}", account.join(":")));
                    names.extend(account.map(str::to_owned));
                } else {
                    names.insert(text("name").to_owned());
                }
            }
        }
        names.remove("");
        names
    }

    /// Whether the request matches; no blocks match nothing.
    pub(super) fn match_request(&self, request: &Request, namespace: &Json) -> bool {
        let mut blocks = self.blocks.iter().map(|block| matches(block, request, namespace));
        !self.blocks.is_empty() && if self.all { blocks.all(|it| it) } else { blocks.any(|it| it) }
    }
}

fn known(value: &Json, keys: &[&str], path: &str) -> Result<(), (String, String)> {
    match value.as_object().into_iter().flatten().find(|(key, _)| !keys.contains(&key.as_str())) {
        Some((key, _)) => Err((format!("{path}.{key}"), "this cannot be evaluated here".to_owned())),
        None => Ok(()),
    }
}

/// What keys lead to, one below the other.
fn at<'v>(value: &'v Json, keys: &[&str]) -> Option<&'v Json> {
    keys.iter().try_fold(value, |value, key| value.get(key))
}

fn texts<'b>(block: &'b Json, key: &str) -> Option<Vec<&'b str>> {
    let list = at(block, &["resources", key])?.as_array()?;
    (!list.is_empty()).then(|| list.iter().filter_map(Json::as_str).collect())
}

fn matches(block: &Json, request: &Request, namespace: &Json) -> bool {
    let text = |key: &str| at(&request.object, &["metadata", key]).and_then(Json::as_str).unwrap_or_default();
    let name = match text("name") {
        "" => text("generateName"),
        name => name,
    };
    let is_any = |key: &str, value: &str| texts(block, key).is_none_or(|all| all.iter().any(|it| glob(it, value)));
    let operations = texts(block, "operations");
    let subjects = block.get("subjects").and_then(Json::as_array).filter(|subjects| !subjects.is_empty());
    let selects = |key: &str, object: &Json| {
        at(block, &["resources", key]).is_none_or(|wanted| {
            let labels = at(object, &["metadata", "labels"]).and_then(Json::as_object);
            selector::matches(wanted, labels).unwrap_or(false)
        })
    };
    operations.is_none_or(|all| all.contains(&request.operation.as_str()))
        && texts(block, "kinds").is_none_or(|kinds| kinds.iter().any(|kind| kind_matches(kind, &request.subresource)))
        && at(block, &["resources", "name"]).and_then(Json::as_str).is_none_or(|wanted| glob(wanted, name))
        && is_any("names", name)
        && is_any("namespaces", &request.namespace)
        && selects("selector", &request.object)
        && selects("namespaceSelector", namespace)
        && subjects.is_none_or(|subjects| subjects.iter().any(|subject| is(subject, request)))
}

/// `Pod`, `v1/Pod`, `Pod/ephemeralcontainers`, `*`. A rule for pods also gets their ephemeral containers.
fn kind_matches(kind: &str, subresource: &str) -> bool {
    let kind = kind.strip_prefix("v1/").or_else(|| kind.strip_prefix("*/")).unwrap_or(kind);
    let (kind, wanted) = kind.split_once(['/', '.']).unwrap_or((kind, ""));
    glob(kind, "Pod") && (glob(wanted, subresource) || wanted.is_empty() && subresource == "ephemeralcontainers")
}

/// The requester is the subject.
fn is(subject: &Json, request: &Request) -> bool {
    let text = |key: &str| subject.get(key).and_then(Json::as_str).unwrap_or_default();
    request.requester_seen.note();
    let identity = &request.identity;
    match text("kind") {
        "ServiceAccount" => {
            glob(&format!("system:serviceaccount:{}:{}", text("namespace"), text("name")), &identity.user)
        }
        "User" => glob(text("name"), &identity.user),
        "Group" => identity.groups.iter().any(|group| glob(text("name"), group)),
        _ => false,
    }
}

/// `*` is any text, `?` one character; nothing escapes them.
fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let mut reached = vec![false; text.len() + 1];
    if let Some(first) = reached.first_mut() {
        *first = true;
    }
    for c in pattern {
        let before = reached.clone();
        let mut any = false;
        for (index, now) in reached.iter_mut().enumerate() {
            let was = |index: usize| before.get(index).copied().unwrap_or_default();
            any |= was(index);
            let steps = index.checked_sub(1).is_some_and(|back| was(back) && (c == '?' || text.get(back) == Some(&c)));
            *now = if c == '*' { any } else { steps };
        }
    }
    reached.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_know_two_wildcards_and_no_escape() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("a*c", "abbc", true),
            ("a*c", "abb", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*a*b*", "xaxbx", true),
            ("\\*", "*", false),
        ] {
            assert_eq!(glob(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn kinds_of_pods() {
        assert!(
            kind_matches("Pod", "")
                && kind_matches("v1/Pod", "")
                && kind_matches("*", "")
                && kind_matches("Pod", "ephemeralcontainers")
        );
        assert!(
            kind_matches("Pod/ephemeralcontainers", "ephemeralcontainers")
                && kind_matches("Pod.ephemeralcontainers", "ephemeralcontainers")
        );
        assert!(
            !kind_matches("Pod/ephemeralcontainers", "")
                && !kind_matches("Deployment", "")
                && !kind_matches("Pod", "status")
        );
    }
}
