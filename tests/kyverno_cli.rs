//! Kyverno's own command line, held against the evaluation in this program, over recorded requests with their users: the
//! emitted documents, and the files that `convert --with-tests` writes beside them, denials and changed pods both.
//!
//! It needs the command line (1.19) and minutes, so it runs only when asked for:
//! `KYVERNO=path/to/kyverno cargo test --test kyverno_cli -- --ignored --nocapture`. `REQUESTS` is how many (default 6000).

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use psp_migrate::admission::Operation;
use psp_migrate::plan::{Options, Plan};
use psp_migrate::targets::kyverno::{Kyverno, KyvernoClusterPolicy};
use psp_migrate::targets::{AdmissionRequest, Context, Target, TestCase};
use psp_migrate::yaml::to_yaml;
use serde_json::{Value, json};
use support::hostile::TEXTS;
use support::recorded::cluster;
use support::{Recorded, admission_pod, pod_name};

const FILES: [&str; 3] = ["psp-core", "psp-rbac", "psp-boundary"];

/// Each recorded case gives at most so many requests: its pods to create, each as several of its requesters.
const MOST: usize = PODS * REQUESTERS;
const PODS: usize = 10;
const REQUESTERS: usize = 3;

#[test]
#[ignore = "needs the Kyverno command line and takes minutes"]
fn kyverno_agrees_about_validating_and_mutating_policies() {
    check(&Kyverno);
}

#[test]
#[ignore = "needs the Kyverno command line and takes minutes"]
fn kyverno_agrees_about_cluster_policies() {
    check(&KyvernoClusterPolicy);
}

fn check(target: &dyn Target) {
    let kyverno = std::env::var_os("KYVERNO").expect("KYVERNO names the program");
    let wanted: usize = std::env::var("REQUESTS").map_or(6000, |text| text.parse().expect("REQUESTS is a number"));
    let name = format!("psp-migrate-{}-{}", target.name(), std::process::id());
    let folder = Folder(std::env::temp_dir().join(name));
    let mut counts = Counts::default();
    for name in FILES {
        let recorded = Recorded::read(name);
        let every = (recorded.cases.len() * FILES.len() * MOST / wanted).max(1);
        for (index, case) in recorded.cases.iter().step_by(every).enumerate() {
            write_case(&folder.0.join(format!("{name}-{index:04}")), case, target, &mut counts);
        }
    }
    for (index, text) in TEXTS.iter().enumerate() {
        write_case(&folder.0.join(format!("hostile-{index:04}")), &support::hostile::case(text), target, &mut counts);
    }
    assert!(counts.allowed > 0 && counts.denied > 0 && counts.changed > 0);
    let run = Command::new(kyverno).args(["test", "--remove-color", "--fail-only"]).arg(&folder.0).output().unwrap();
    let text = String::from_utf8_lossy(&run.stdout);
    let summary = text.lines().rfind(|line| line.starts_with("Test Summary")).unwrap_or("no summary");
    eprintln!(
        "{}: {} requests, {} let through, {} refused, {} pods changed; kyverno test says: {summary}",
        target.name(),
        counts.allowed + counts.denied,
        counts.allowed,
        counts.denied,
        counts.changed,
    );
    let failed: Vec<&str> =
        text.lines().filter(|line| line.contains("Fail") || line.contains("rror")).take(20).collect();
    assert!(run.status.success(), "{}\n{}", failed.join("\n"), String::from_utf8_lossy(&run.stderr));
    let told = counts.allowed + counts.denied + counts.changed;
    assert!(summary.contains(&format!("0 out of {told} tests failed")), "{told} results were expected: {summary}");
}

#[derive(Default)]
struct Counts {
    allowed: usize,
    denied: usize,
    changed: usize,
}

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        if std::env::var_os("KEEP").is_none() {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

/// One policy and one set of pods, in one run: how many pods a second Kyverno's command line judges, and how many are judged
/// here. Starting the program is not counted.
#[test]
#[ignore = "needs the Kyverno command line, and means something in a release build only"]
fn emitted_policies_are_evaluated_faster_than_by_kyverno_apply() {
    let kyverno = std::env::var_os("KYVERNO").expect("KYVERNO names the program");
    let recorded = Recorded::read("psp-core");
    let case = recorded.cases.iter().max_by_key(|case| case["objects"].as_array().unwrap().len()).unwrap();
    let cluster = cluster(case);
    for target in [&Kyverno as &dyn Target, &KyvernoClusterPolicy] {
        let folder = Folder(std::env::temp_dir().join(format!("psp-migrate-speed-{}", std::process::id())));
        let emission = target.emit(&Plan::new(&cluster, Options::default()));
        let documents: Vec<Value> = emission.documents.iter().map(|emitted| emitted.document.clone()).collect();
        for emitted in &emission.documents {
            write(&folder.0.join("policies").join(&emitted.file), &to_yaml(&emitted.document).unwrap());
        }
        let requests: Vec<Owned> = requests(case).into_iter().cycle().take(1000).collect();
        write(&folder.0.join("user.yaml"), &user_info(&requests[0]));
        let apply = |count: usize| {
            let pods = requests.iter().take(count).enumerate().map(|(index, owned)| owned.named(index, &requests[0]));
            let pods: Vec<String> = pods.map(|pod| to_yaml(&pod).unwrap()).collect();
            write(&folder.0.join("pods.yaml"), &pods.join("---\n"));
            let path = |name: &str| folder.0.join(name);
            let start = Instant::now();
            let mut command = Command::new(&kyverno);
            command
                .args(["apply", "--remove-color", "--policy-report", "--output-format", "json"])
                .arg(path("policies"));
            let run = command.arg("-r").arg(path("pods.yaml")).arg("-u").arg(path("user.yaml")).output().unwrap();
            assert!(String::from_utf8_lossy(&run.stdout).contains("ClusterReport"), "{:?}", run);
            start.elapsed()
        };
        let theirs = (apply(requests.len()).saturating_sub(apply(1))).as_secs_f64() / (requests.len() - 1) as f64;
        let decider = target.read(&documents, &Context { namespaces: &[], rbac: cluster.rbac(), target_minor: 37 });
        let start = Instant::now();
        let denied = requests.iter().filter(|owned| !decider.decide(&owned.request()).allowed).count();
        let ours = start.elapsed().as_secs_f64() / requests.len() as f64;
        eprintln!(
            "{}: kyverno apply {:.0} pods/s, here {:.0} pods/s ({denied} of {} denied): {:.0} times as many",
            target.name(),
            1.0 / theirs,
            1.0 / ours,
            requests.len(),
            theirs / ours,
        );
        assert!(cfg!(debug_assertions) || theirs / ours >= 200.0, "{} is too slow", target.name());
    }
}

fn user_info(owned: &Owned) -> String {
    to_yaml(&json!({
        "apiVersion": "cli.kyverno.io/v1alpha1", "kind": "UserInfo",
        "userInfo": {"username": owned.user, "groups": owned.groups},
    }))
    .unwrap()
}

/// Writes the documents of a case and the test files that expect what is decided here.
fn write_case(folder: &Path, case: &Value, target: &dyn Target, counts: &mut Counts) {
    let cluster = cluster(case);
    let emission = target.emit(&Plan::new(&cluster, Options::default()));
    let documents: Vec<Value> = emission.documents.iter().map(|emitted| emitted.document.clone()).collect();
    let decider = target.read(&documents, &Context { namespaces: &[], rbac: cluster.rbac(), target_minor: 37 });
    let requests = requests(case);
    let cases: Vec<TestCase<'_>> = requests
        .iter()
        .map(|owned| TestCase { request: owned.request(), verdict: decider.decide(&owned.request()) })
        .collect();
    for emitted in &emission.documents {
        write(&folder.join(&emitted.file), &to_yaml(&emitted.document).unwrap());
    }
    for text in target.test_files(&emission, &cases) {
        if text.file.ends_with("kyverno-test.yaml") {
            counts.add(&serde_yaml_value(&text.text));
        }
        write(&folder.join(&text.file), &text.text);
    }
}

impl Counts {
    fn add(&mut self, test: &Value) {
        for row in test["results"].as_array().unwrap() {
            let count = row["resources"].as_array().unwrap().len();
            match (row.get("patchedResources"), row["result"].as_str()) {
                (Some(_), _) => self.changed += count,
                (None, Some("pass")) => self.allowed += count,
                _ => self.denied += count,
            }
        }
    }
}

fn serde_yaml_value(text: &str) -> Value {
    psp_migrate::input::objects_in_text(text).unwrap_or_default().into_iter().next().unwrap()
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[derive(Clone)]
struct Owned {
    namespace: String,
    user: String,
    groups: Vec<String>,
    pod: Value,
}

/// The pods of the requests to create some, each as several requesters.
fn requests(case: &Value) -> Vec<Owned> {
    let all = case["requests"].as_array().unwrap();
    let creates = || all.iter().filter(|request| request.get("oldPod").is_none());
    let mut requesters: Vec<(&Value, &Value)> = Vec::new();
    for request in creates() {
        let requester = (&request["user"], &request["groups"]);
        if !requesters.contains(&requester) && requesters.len() < REQUESTERS {
            requesters.push(requester);
        }
    }
    let pods = creates().step_by((creates().count() / PODS).max(1)).take(PODS);
    let owned = |request: &Value, (user, groups): &(&Value, &Value)| Owned {
        namespace: request["namespace"].as_str().unwrap().to_owned(),
        user: user.as_str().unwrap().to_owned(),
        groups: serde_json::from_value((*groups).clone()).unwrap_or_default(),
        pod: admission_pod(case, request, "pod"),
    };
    pods.flat_map(|request| requesters.iter().map(move |requester| owned(request, requester))).collect()
}

impl Owned {
    /// The pod under a name of its own.
    fn named(&self, index: usize, other: &Self) -> Value {
        let mut pod = self.pod.clone();
        pod["apiVersion"] = json!("v1");
        pod["kind"] = json!("Pod");
        pod["metadata"] = json!({"name": format!("pod-{index}"), "namespace": other.namespace});
        pod
    }

    fn request(&self) -> AdmissionRequest<'_> {
        AdmissionRequest {
            namespace: &self.namespace,
            name: pod_name(&self.pod),
            user: &self.user,
            groups: &self.groups,
            operation: Operation::Create,
            subresource: "",
            object: &self.pod,
            old_object: None,
        }
    }
}
