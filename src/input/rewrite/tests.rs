//! What the text looks like afterwards.

use serde_json::json;

use super::super::{RawDocument, parse};
use super::*;

/// The text with `add` merged into every pod in it.
fn rewritten(text: &str, add: impl Fn(&mut Value)) -> (String, usize) {
    let file: Arc<str> = "f.yaml".into();
    let mut objects = Vec::new();
    for raw in Documents::new(text.as_bytes(), Arc::clone(&file)).flatten() {
        objects.extend(parse(&RawDocument { ..raw }).objects.into_iter().map(|(_, object)| object.value));
    }
    let after: Vec<Value> = objects
        .iter()
        .map(|object| {
            let mut object = object.clone();
            add(&mut object);
            object
        })
        .collect();
    let pairs: Vec<Replacement<'_>> =
        objects.iter().zip(&after).map(|(before, after)| Replacement { before, after }).collect();
    let found = rewrite(&file, text, &pairs);
    (found.text, found.refused.len())
}

fn harden(pod: &mut Value) {
    pod["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = json!(false);
}

#[track_caller]
fn check(text: &str, add: impl Fn(&mut Value), expected: &str) {
    assert_eq!(rewritten(text, add), (expected.to_owned(), 0));
}

#[test]
fn comments_and_order_stay() {
    let text = "\
# A pod.
apiVersion: v1
kind: Pod # kind
metadata: {name: p}
spec:
  containers:
  # The first.
  - name: a   # its name
    image: x

    # What comes next.
  volumes: [] # none
";
    let expected =
        text.replace("    image: x\n", "    image: x\n    securityContext:\n      allowPrivilegeEscalation: false\n");
    check(text, harden, &expected);
}

#[test]
fn block_scalars_end_where_they_end() {
    for (scalar, blank) in [("|", ""), ("|-", ""), (">", ""), ("|", "\n\n"), ("|+", "\n\n")] {
        let text = format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  containers:\n  - name: a\n    image: {scalar}\n      x\n{blank}  hostPID: true\n"
        );
        assert_eq!(rewritten(&text, harden).1, 0, "{text}");
    }
}

#[test]
fn values_in_brackets_stay_in_brackets() {
    let pod = |container: &str| {
        format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec: {{containers: [{container}]}} # end\n")
    };
    check(&pod("{name: a}"), harden, &pod("{name: a, securityContext: {allowPrivilegeEscalation: false}}"));
    check(
        &pod("{name: a, securityContext: {}}"),
        harden,
        &pod("{name: a, securityContext: {allowPrivilegeEscalation: false}}"),
    );
}

#[test]
fn empty_values_are_filled_where_they_stand() {
    for empty in ["", " null", " ~", " {}"] {
        let pod = |value: &str| {
            format!(
                "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - name: a\n    securityContext:{value} # why\n    image: x\n"
            )
        };
        check(&pod(empty), harden, &pod(" {allowPrivilegeEscalation: false}"));
    }
}

#[test]
fn lists_get_their_new_elements_in_between() {
    let pod = |list: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - name: a\n    securityContext:\n      capabilities:\n        drop:{list}\n"
        )
    };
    let drop = |list: Value| {
        move |pod: &mut Value| pod["spec"]["containers"][0]["securityContext"]["capabilities"]["drop"] = list.clone()
    };
    let (before, after) =
        ("\n        - B # b\n        - D", "\n        - A\n        - B # b\n        - C\n        - D\n        - E");
    check(&pod(before), drop(json!(["A", "B", "C", "D", "E"])), &pod(after));
    check(&pod("\n          - Z\n          - A"), drop(json!(["A", "Z"])), &pod("\n          - A\n          - Z"));
    check(&pod(" [Z]"), drop(json!(["A", "Z"])), &pod(" [A, Z]"));
}

#[test]
fn json_stays_json_and_keeps_its_indentation() {
    let text = "{\n    \"apiVersion\": \"v1\",\n    \"kind\": \"Pod\",\n    \"spec\": {\n        \"containers\": [\n            {\n                \"name\": \"a\"\n            }\n        ]\n    }\n}\n";
    let added = "\"name\": \"a\",\n                \"securityContext\": {\n                    \"allowPrivilegeEscalation\": false\n                }\n";
    check(text, harden, &text.replace("\"name\": \"a\"\n", added));
    let line = "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"spec\":{\"containers\":[{\"name\":\"a\"}]}}\n";
    check(
        line,
        harden,
        &line.replace("\"name\":\"a\"", "\"name\":\"a\", \"securityContext\":{\"allowPrivilegeEscalation\": false}"),
    );
}

#[test]
fn every_document_and_every_list_is_reached() {
    let text = "\
---
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Pod
  spec:
    containers: [{name: a}]
---
# Only a comment.
---
apiVersion: v1
kind: PodList
items:
- metadata: {name: b}
  spec: {containers: [{name: b}]}
";
    let added = ", securityContext: {allowPrivilegeEscalation: false}}]";
    check(text, harden, &text.replace("a}]", &format!("a{added}")).replace("b}]}", &format!("b{added}}}")));
}

#[test]
fn a_dump_of_a_cluster_is_rewritten_element_by_element() {
    let pod = |name: &str, more: &str| {
        format!(
            "        {{\n            \"apiVersion\": \"v1\",\n            \"kind\": \"Pod\",\n            \"metadata\": {{\"name\": \"{name}\"}},\n            \"spec\": {{\"containers\": [{{\"name\": \"{name}\"{more}}}]}}\n        }}"
        )
    };
    let dump = |more: &str| {
        let pods = [pod("a", more), pod("b", more)].join(",\n");
        format!("{{\n    \"apiVersion\": \"v1\",\n    \"items\": [\n{pods}\n    ],\n    \"kind\": \"List\"\n}}\n")
    };
    check(&dump(""), harden, &dump(", \"securityContext\": {\"allowPrivilegeEscalation\": false}"));
}

#[test]
fn blocks_that_end_together_go_on_from_the_inside() {
    let text = "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - name: a\n";
    let both = |pod: &mut Value| {
        pod["spec"]["securityContext"] = json!({"fsGroup": 1});
        harden(pod);
    };
    let container = "    securityContext:\n      allowPrivilegeEscalation: false\n";
    check(text, both, &format!("{text}{container}  securityContext:\n    fsGroup: 1\n"));
}

#[test]
fn windows_lines_and_a_missing_last_newline_stay() {
    let text = "apiVersion: v1\r\nkind: Pod\r\nspec:\r\n  containers:\r\n  - name: a";
    let expected = format!("{text}\r\n    securityContext:\r\n      allowPrivilegeEscalation: false");
    check(text, harden, &expected);
}

#[test]
fn an_alias_is_written_out_and_its_anchor_stays() {
    let text = "\
apiVersion: v1
kind: Pod
metadata:
  annotations: {a: &x b}
spec:
  securityContext: &c {runAsUser: 1}
  containers:
  - name: a
    securityContext: *c
";
    check(text, harden, &text.replace("*c", "{runAsUser: 1, allowPrivilegeEscalation: false}"));
}

#[test]
fn what_stands_elsewhere_too_is_refused_and_stays() {
    let text = "\
apiVersion: v1
kind: Pod
spec:
  initContainers:
  - {name: i, securityContext: &c {runAsUser: 1}}
  containers:
  - {name: a, securityContext: *c}
";
    let init = |pod: &mut Value| pod["spec"]["initContainers"][0]["securityContext"]["privileged"] = json!(false);
    assert_eq!(rewritten(text, init), (text.to_owned(), 1));
}
