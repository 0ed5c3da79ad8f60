//! Differences, grouped: hundreds of pods that show the same thing are one line with one pod to try.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Agreement, Difference};
use crate::report::diff::{Line, changed_lines};
use crate::report::text::counted;
use crate::yaml::to_yaml;

/// Differences of one kind, about the same fields, of requests that may use the same policies.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DifferenceGroup {
    /// What kind of difference it is.
    pub kind: Agreement,
    /// What the differences are about: the fields that the refusing side names, without positions in lists.
    pub about: Vec<String>,
    /// How many requests differ like this.
    pub count: usize,
    /// The smallest pod that shows it, given pods first.
    pub witness: Difference,
}

/// The groups, kind by kind; those with a given pod first, then those with most requests.
pub(crate) fn grouped(differences: &[Difference]) -> Vec<DifferenceGroup> {
    let mut groups: BTreeMap<(Agreement, Vec<String>), (usize, &Difference)> = BTreeMap::new();
    for difference in differences {
        let key = (difference.kind, about(difference));
        let (count, witness) = groups.entry(key).or_insert((0, difference));
        *count += 1;
        if rank(difference) < rank(witness) {
            *witness = difference;
        }
    }
    let group = |((kind, about), (count, witness)): (_, (usize, &Difference))| DifferenceGroup {
        kind,
        about,
        count,
        witness: witness.clone(),
    };
    let mut groups: Vec<DifferenceGroup> = groups.into_iter().map(group).collect();
    groups.sort_by_key(|group| (group.kind, group.witness.source.is_empty(), std::cmp::Reverse(group.count)));
    groups
}

impl DifferenceGroup {
    /// What kind of difference it is, and how often it was found.
    pub(crate) fn title(&self) -> String {
        let what = match self.kind {
            Agreement::Agree => "no difference",
            Agreement::Stricter => "stricter: PodSecurityPolicy admits, the target denies",
            Agreement::Looser => "looser: PodSecurityPolicy denies, the target admits",
            Agreement::FilledDifferently => "both admit, with different pods",
            Agreement::SeenOtherwise => "the newer server sees another pod",
            Agreement::NotEvaluated => "could not be evaluated",
        };
        format!("{what} ({})", counted(self.count, "request"))
    }
}

/// Pods that somebody really has come first, then the smallest.
fn rank(difference: &Difference) -> (bool, usize) {
    (difference.source.is_empty(), difference.pod.to_string().len())
}

/// The fields that PodSecurityPolicy names, else what the target says or why there is nothing to compare.
fn about(difference: &Difference) -> Vec<String> {
    let said = match difference.kind {
        Agreement::SeenOtherwise | Agreement::NotEvaluated => &difference.reasons,
        Agreement::FilledDifferently => &difference.filled_differently(),
        _ if !difference.fields.is_empty() => &difference.fields,
        Agreement::Looser => &vec!["no policy is usable".to_owned()],
        _ => &difference.target_messages,
    };
    let mut about: Vec<String> = said.iter().map(|text| without_positions(text)).collect();
    about.sort();
    about.dedup();
    about
}

/// `spec.containers[0].image` and `spec.containers[1].image` are about the same.
fn without_positions(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('[') {
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        out.push_str(before);
        match after.get(digits..).and_then(|after| after.strip_prefix(']')).filter(|_| digits > 0) {
            Some(after) => {
                out.push_str("[*]");
                rest = after;
            }
            None => {
                out.push('[');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

impl Difference {
    /// Where the two resulting pods differ, as RFC 6902 paths.
    fn filled_differently(&self) -> Vec<String> {
        let (Some(psp), Some(target)) = (&self.psp_pod, &self.target_pod) else { return Vec::new() };
        let patch = json_patch::diff(psp, target);
        patch.0.iter().map(|operation| numberless(operation.path().as_ref())).collect()
    }

    /// What to look at: where both sides fill in, the two resulting pods; else what the pod has beyond a plain one.
    pub(crate) fn lines(&self) -> Vec<Line> {
        let yaml = |pod: &Value| to_yaml(pod).unwrap_or_default();
        match (&self.psp_pod, &self.target_pod) {
            (Some(psp), Some(target)) => changed_lines(&yaml(psp), &yaml(target)),
            _ => match changed_lines(&yaml(&plain(&self.pod)), &yaml(&self.pod)) {
                lines if lines.is_empty() => yaml(&self.pod).lines().map(|line| Line::Same(line.to_owned())).collect(),
                lines => lines,
            },
        }
    }

    /// What the lines show.
    pub(crate) fn caption(&self) -> &'static str {
        match self.psp_pod {
            Some(_) => "The pod as PodSecurityPolicy leaves it (-) and as the target leaves it (+)",
            None => "A pod to try; what makes it one is marked +",
        }
    }
}

fn numberless(pointer: &str) -> String {
    let part = |part: &str| if part.parse::<usize>().is_ok() { "*".to_owned() } else { part.to_owned() };
    pointer.split('/').map(part).collect::<Vec<_>>().join("/")
}

/// Name, account and images of a pod.
fn plain(pod: &Value) -> Value {
    let keep = |object: &Value, keys: &[&str]| -> Map<String, Value> {
        let entries = object.as_object().into_iter().flatten();
        entries
            .filter(|(key, _)| keys.contains(&key.as_str()))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    };
    let containers = |list: &Value| -> Value {
        list.as_array()
            .into_iter()
            .flatten()
            .map(|container| Value::Object(keep(container, &["name", "image"])))
            .collect()
    };
    let mut out = keep(pod, &["apiVersion", "kind"]);
    if let Some(metadata) = pod.get("metadata") {
        out.insert("metadata".to_owned(), Value::Object(keep(metadata, &["name", "namespace", "generateName"])));
    }
    let empty = json!({});
    let spec = pod.get("spec").unwrap_or(&empty);
    let mut kept = Map::new();
    for (key, value) in spec.as_object().into_iter().flatten() {
        match key.as_str() {
            "containers" => drop(kept.insert(key.clone(), containers(value))),
            "serviceAccountName" | "serviceAccount" | "automountServiceAccountToken" => {
                kept.insert(key.clone(), value.clone());
            }
            _ => {}
        }
    }
    out.insert("spec".to_owned(), Value::Object(kept));
    Value::Object(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_in_lists_do_not_make_another_group() {
        assert_eq!(without_positions("spec.containers[12].ports[0].hostPort"), "spec.containers[*].ports[*].hostPort");
        assert_eq!(without_positions("metadata.annotations[a/b]"), "metadata.annotations[a/b]");
        assert_eq!(without_positions("a[1"), "a[1");
    }

    #[test]
    fn a_plain_pod_keeps_what_no_policy_looks_at() {
        let pod = json!({"metadata": {"name": "p", "annotations": {"a": "b"}},
            "spec": {"hostPID": true, "containers": [{"name": "c", "image": "i", "securityContext": {}}]}});
        let plain = json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
        assert_eq!(super::plain(&pod), plain);
    }
}
