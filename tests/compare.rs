//! `compare`: two sets of rules held against each other for all pods.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]

mod support;

use serde_json::{Value, json};
use support::folder::Scratch;
use support::program::{Run, run};

fn compare(arguments: &[&str]) -> (Value, i32) {
    let Run { stdout, stderr, code } = run(&[&["compare", "--format", "json"], arguments].concat());
    (serde_json::from_str(&stdout).unwrap_or_else(|error| unreachable!("{error}: {stdout}{stderr}")), code)
}

#[test]
fn an_edit_that_loosens_is_shown_with_a_pod_for_whom_it_concerns() {
    let (found, code) = compare(&["golden/compare/before.yaml", "golden/compare/after.yaml"]);
    assert_eq!((&found["relation"], code), (&json!("looser"), 1));
    let classes = found["classes"].as_array().unwrap();
    let differing: Vec<&Value> = classes.iter().filter(|class| class["relation"] != "equal").collect();
    assert_eq!(differing.len(), 1, "{found}");
    let developers = differing[0]["subjects"].as_array().unwrap().iter();
    assert!(developers.clone().any(|subject| subject["groups"].as_array().unwrap().contains(&json!("developers"))));
    let witness = &differing[0]["witnesses"][0];
    assert_eq!(witness["difference"], "looser");
    assert!(witness["first"].as_str().unwrap().contains("must be read-only"), "{witness}");
    assert_eq!(witness["second"], "admitted by `logs`");
    let pod = &witness["pod"];
    assert_eq!(pod["spec"]["volumes"][0]["hostPath"]["path"], "/var/log/app");
    assert_ne!(pod["spec"]["containers"][0]["volumeMounts"][0]["readOnly"], true);
    let edited: Vec<&Value> = found["policies"].as_array().unwrap().iter().map(|pair| &pair["first"]).collect();
    assert_eq!(edited, ["logs"], "`web` was not edited");
}

#[test]
fn an_edit_seen_from_the_other_end_is_stricter() {
    let (found, code) = compare(&["golden/compare/after.yaml", "golden/compare/before.yaml"]);
    assert_eq!((&found["relation"], code), (&json!("stricter"), 1));
}

#[test]
fn a_set_is_equal_to_itself() {
    let (found, code) = compare(&["golden/compare/before.yaml", "golden/compare/before.yaml"]);
    assert_eq!((&found["relation"], code), (&json!("equal"), 0));
    assert_eq!(found["policies"], json!([]));
}

#[test]
fn one_policy_may_replace_three() {
    let (found, code) = compare(&["golden/compare/alike.yaml", "golden/compare/merged.yaml"]);
    assert_eq!((&found["relation"], code), (&json!("equal"), 0), "{found}");
}

#[test]
fn policies_that_say_the_same_or_less_are_named() {
    let (found, code) = compare(&["golden/compare/alike.yaml"]);
    assert_eq!(code, 0);
    let pairs = found["policies"].as_array().unwrap().iter();
    let advice = |pair: &Value| pair["advice"].as_str().unwrap().to_owned();
    let advice: Vec<String> = pairs.map(advice).collect();
    assert_eq!(
        advice,
        [
            "whatever `narrow` admits `any-secret` admits too; without `narrow` nothing changes for anybody",
            "`secret-any` and `any-secret` are the same; without `secret-any` nothing changes for anybody",
            "whatever `narrow` admits `secret-any` admits too; without `narrow` nothing changes for anybody",
        ]
    );
}

#[test]
fn policies_that_other_people_may_use_cannot_go() {
    let Run { stdout, code, .. } = run(&["compare", "golden/mutants/choice.yaml"]);
    assert_eq!(code, 0);
    assert!(stdout.contains("but not everybody who may use `c-untouched` may use `d-privileged`"), "{stdout}");
}

#[test]
fn a_translation_may_replace_its_policies() {
    let scratch = Scratch::new();
    let out = scratch.path().to_str().unwrap();
    assert_eq!(run(&["convert", "golden/compare/merged.yaml", "--to", "vap", "-o", out]).code, 0);
    let (found, code) = compare(&["golden/compare/merged.yaml", out]);
    let (other, _) = compare(&["golden/compare/after.yaml", out]);
    assert_eq!((&found["relation"], code), (&json!("equal"), 0), "{found}");
    // `merged.yaml` grants nothing, so developers lose what they had; `system:masters` may use everything, and gain `emptyDir`.
    let relations = |group: &str| -> std::collections::BTreeSet<&str> {
        let is_member = |class: &&Value| class["subjects"][0]["groups"][0] == group;
        let classes = other["classes"].as_array().unwrap().iter();
        classes.filter(is_member).map(|class| class["relation"].as_str().unwrap()).collect()
    };
    assert_eq!(relations("developers"), ["stricter"].into());
    assert_eq!(relations("system:masters"), ["incomparable"].into());
    assert_eq!(other["relation"], "incomparable");
}

#[test]
fn what_cannot_be_compared_is_named() {
    let Run { stderr, code, .. } = run(&["compare", "psa:stern", "golden/compare/before.yaml"]);
    assert!(code == 2 && stderr.contains("`stern`") && stderr.contains("privileged, baseline, restricted"), "{stderr}");
    let Run { stderr, code, .. } = run(&["compare", "golden/example/samples", "golden/compare/before.yaml"]);
    assert!(code == 2 && stderr.contains("neither PodSecurityPolicies nor documents"), "{stderr}");
}
