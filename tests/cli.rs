//! The commands as a user types them.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]

mod support;

use std::path::Path;

use serde_json::Value;
use support::program::{Run, ndjson, run, run_with};

const ATTACKER: &str = "system:serviceaccount:psp-example:malicious-user";

#[test]
fn the_readme_shows_what_is_printed() {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let arguments = ["evaluate", "golden/example/manifests", "--pods", "golden/example/samples", "--as", ATTACKER];
    assert!(readme.contains(&format!("cargo run --release --locked -- {}", arguments.join(" "))));
    let Run { stdout, stderr, code } = run(&arguments);
    assert_eq!(code, 0);
    assert!(readme.contains(&format!("{stdout}{stderr}")), "{stdout}{stderr}");
}

#[test]
fn a_denial_fails_only_when_asked() {
    let arguments = ["evaluate", "golden/example/manifests", "--pods", "golden/example/samples", "--as", ATTACKER];
    assert_eq!(run(&arguments).code, 0);
    assert_eq!(run(&[&arguments[..], &["--fail-on", "denied"]].concat()).code, 1);
}

#[test]
fn root_pods_are_for_admins_only() {
    let cluster = "golden/example/root-by-admin/cluster.yaml";
    let pod = ["--pods", "golden/example/root-by-admin/root.yaml", "--format", "ndjson"];
    let verdict = |user: &[&str]| {
        let decision = ndjson(&run(&[&["evaluate", cluster], &pod[..], user].concat()).stdout).remove(0);
        (decision["verdict"].clone(), decision["policy"].clone())
    };
    assert_eq!(verdict(&["--as", "dev"]), ("denied".into(), Value::Null));
    assert_eq!(verdict(&["--as", "admin", "--as-group", "cluster-admins"]), ("admitted".into(), "root-allowed".into()));
}

#[test]
fn without_the_plug_in_nothing_is_looked_at() {
    let arguments = ["evaluate", "golden/example", "--format", "ndjson", "--admission-plugin", "off"];
    let Run { stdout, stderr, .. } = run(&arguments);
    assert!(ndjson(&stdout).iter().all(|decision| decision["verdict"] == "ignored"));
    assert!(stderr.contains("the plug-in is off"), "{stderr}");
}

#[test]
fn with_no_policy_at_all_every_pod_is_denied() {
    let pod = "golden/example/samples/quiet.yaml";
    let decision = ndjson(&run(&["evaluate", pod, "--format", "ndjson"]).stdout).remove(0);
    let message = "pods \"quiet-pod\" is forbidden: PodSecurityPolicy: no providers available to validate pod request";
    assert_eq!((decision["verdict"].as_str(), decision["message"].as_str()), (Some("denied"), Some(message)));
}

#[test]
fn older_releases_speak_in_their_own_words() {
    let arguments =
        ["evaluate", "golden/example/manifests", "--pods", "golden/example/samples/attack.yaml", "--as", ATTACKER];
    let decision =
        ndjson(&run(&[&arguments[..], &["--psp-version", "1.18", "--format", "ndjson"]].concat()).stdout).remove(0);
    let message = decision["message"].as_str().unwrap();
    let start =
        "pods \"attacking-pod\" is forbidden: unable to validate against any pod security policy: [spec.volumes[0]: ";
    assert!(message.starts_with(start), "{message}");
}

#[test]
fn a_broken_document_does_not_stop_the_others() {
    let input = "kind: Pod\napiVersion: v1\nmetadata: {name: a}\nspec: {containers: []}\n---\na: [\n---\nkind: Pod\napiVersion: v1\nmetadata: {name: b}\n";
    let broken = run_with(&["evaluate", "-", "--format", "ndjson"], input);
    assert_eq!((broken.code, ndjson(&broken.stdout).len()), (2, 2), "{}", broken.stderr);
    assert!(broken.stderr.contains("-:7:1"), "{}", broken.stderr);
    assert_eq!(run_with(&["evaluate", "-", "--keep-going"], input).code, 0);
}

#[test]
fn a_path_that_does_not_exist_is_no_empty_cluster() {
    let Run { code, stderr, .. } = run(&["inspect", "nowhere"]);
    assert_eq!(code, 2);
    assert!(stderr.contains("cannot read `nowhere`"), "{stderr}");
}

#[test]
fn an_admission_review_brings_its_own_requester() {
    let pod =
        r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":{"containers":[{"name":"c","image":"i"}]}}"#;
    let review = format!(
        r#"{{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{{"uid":"u","operation":"CREATE","namespace":"psp-example","name":"p",
        "resource":{{"group":"","version":"v1","resource":"pods"}},"userInfo":{{"username":"{ATTACKER}","groups":["system:authenticated"]}},"object":{pod}}}}}"#
    );
    let arguments = ["evaluate", "golden/example/manifests", "--pods", "-", "--format", "ndjson"];
    let decision = ndjson(&run_with(&arguments, &review).stdout).remove(0);
    assert_eq!((decision["verdict"].as_str(), decision["user"].as_str()), (Some("admitted"), Some(ATTACKER)));
    assert_eq!(decision["serviceAccount"], "", "an AdmissionReview's pod is taken as admission saw it");
}

#[test]
fn converting_twice_changes_nothing_and_foreign_files_stay() {
    let folder = std::env::temp_dir().join(format!("psp-migrate-cli-{}", std::process::id()));
    let out = folder.to_str().unwrap();
    let arguments = ["convert", "golden/example/manifests", "--to", "vap", "-o", out, "--no-verify"];
    let first = run(&arguments);
    assert!(first.stderr.contains("0 unchanged"), "{}", first.stderr);
    assert!(run(&arguments).stderr.contains("0 files written"));
    std::fs::write(folder.join("psp-validating-policy.yaml"), "mine").unwrap();
    let refused = run(&arguments);
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("not overwriting"), "{}", refused.stderr);
    assert_eq!(run(&[&arguments[..], &["--force"]].concat()).code, 0);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn the_worked_example_verifies_as_equal() {
    let arguments = ["verify", "golden/example/manifests", "--pods", "golden/example/samples", "--format", "json"];
    for target in ["vap", "gatekeeper"] {
        let Run { code, stdout, .. } = run(&[&arguments[..], &["--to", target]].concat());
        let found: Value = serde_json::from_str(&stdout).unwrap();
        assert_eq!((code, &found["targets"][0]["relation"]), (0, &Value::from("equal")), "{target}: {stdout}");
    }
}

#[test]
fn a_missing_document_shows() {
    for target in ["vap", "gatekeeper"] {
        let folder = std::env::temp_dir().join(format!("psp-migrate-cut-{target}-{}", std::process::id()));
        let out = folder.to_str().unwrap();
        assert_eq!(run(&["convert", "golden/example/manifests", "--to", target, "-o", out, "--no-verify"]).code, 0);
        let verify = [
            "verify",
            "golden/example/manifests",
            "--pods",
            "golden/example/samples",
            "--to",
            target,
            "--against",
            out,
        ];
        assert_eq!(run(&verify).code, 0);
        let files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        let documents = files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "yaml"));
        for file in documents {
            let kept = std::fs::read(file).unwrap();
            std::fs::remove_file(file).unwrap();
            assert_eq!(run(&verify).code, 1, "{}", file.display());
            std::fs::write(file, kept).unwrap();
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
