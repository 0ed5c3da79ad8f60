//! Native policies on a real API server: does it accept every emitted document, and does it decide about recorded requests
//! as the evaluator says?
//!
//! Needs a script that runs a command beside a server of the given version: `SCRIPT VERSION [FLAG]… -- COMMAND`, where the
//! command finds `kubectl` and a `KUBECONFIG` that may impersonate anybody. `tests/engines/replay.py` is that command.
//!
//! ```sh
//! PSP_MIGRATE_CLUSTER=…/cluster cargo test --test vap_server -- --ignored --nocapture
//! ```
//!
//! `PSP_MIGRATE_MINOR` has the server act as an older one (default 37), and `PSP_MIGRATE_EVERY` takes every nth recorded
//! case (default 20, some 3,000 requests in all).

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use psp_migrate::admission::Operation;
use psp_migrate::cluster::Cluster;
use psp_migrate::plan::{Options, Plan, RbacMode};
use psp_migrate::rbac::RbacOptions;
use psp_migrate::release::Release;
use psp_migrate::targets::vap::{NativePolicies, Vap};
use psp_migrate::targets::{AdmissionRequest, Context, Decider, Target};
use serde_json::{Value, json};
use support::native::changeable;
use support::{Recorded, admission_pod, pod_name};

#[test]
#[ignore = "needs a real API server"]
fn a_server_decides_as_the_evaluator_says() {
    let script =
        PathBuf::from(std::env::var_os("PSP_MIGRATE_CLUSTER").expect("PSP_MIGRATE_CLUSTER is the server's script"));
    let every = std::env::var("PSP_MIGRATE_EVERY").map_or(20_usize, |text| text.parse().expect("a number"));
    let mut cases = Vec::new();
    for (name, every) in [("psp-core", every), ("psp-boundary", (every * 2).div_ceil(5)), ("psp-rbac", every)] {
        let recorded = Recorded::read(name);
        let sample = recorded.cases.iter().step_by(every).enumerate();
        cases
            .extend(sample.map(|(index, case)| {
                server_case(case, if index % 2 == 0 { RbacMode::Live } else { RbacMode::Frozen })
            }));
    }
    cases.extend([RbacMode::Live, RbacMode::Frozen].map(|mode| server_case(&many_policies(), mode)));
    let answers = replay(&script, &cases);
    assert_eq!(answers.len(), cases.len(), "the server did not answer for every case");
    let mut tally = Tally::default();
    for (case, answer) in cases.iter().zip(&answers) {
        tally.take(case, answer);
    }
    eprintln!("{} cases; {:?}", cases.len(), tally.counts);
    tally.other_words.iter().take(5).for_each(|words| eprintln!("other words: {words}"));
    let shown = tally.wrong.iter().take(8).cloned().collect::<Vec<_>>().join("\n\n");
    assert!(tally.wrong.is_empty(), "{} differ\n{shown}", tally.wrong.len());
}

/// The minor version that the server has.
fn minor() -> u8 {
    std::env::var("PSP_MIGRATE_MINOR").map_or(37, |text| text.parse().expect("a number"))
}

/// The case as the server gets it: the emitted documents in place of the policies, and our decisions.
fn server_case(case: &Value, mode: RbacMode) -> Value {
    let objects = case["objects"].as_array().unwrap();
    let policies = objects.iter().filter(|object| object["kind"] == "PodSecurityPolicy");
    // No controller aggregates roles on that server, and its own roles exist.
    let options = RbacOptions { aggregate: false, bootstrap: true };
    let cluster = Cluster::new(policies, objects, Release::default(), options).unwrap();
    let plan = Plan::new(&cluster, Options { rbac: Some(mode), target_minor: minor(), ..Options::default() });
    let documents: Vec<Value> = Vap.emit(&plan).documents.into_iter().map(|emitted| emitted.document).collect();
    let context = Context { namespaces: &[], rbac: cluster.rbac(), target_minor: minor() };
    let native = NativePolicies::read(&documents, &context);
    let objects = objects.iter().filter(|object| object["kind"] != "PodSecurityPolicy").cloned();
    let mut objects: Vec<Value> = objects.chain(documents.iter().cloned()).collect();
    for object in &mut objects {
        if object["apiVersion"] == "rbac.authorization.k8s.io/v1beta1" {
            object["apiVersion"] = json!("rbac.authorization.k8s.io/v1");
        }
    }
    let mut requests = case["requests"].as_array().unwrap().clone();
    requests.iter_mut().for_each(for_server);
    let decisions: Vec<Value> = requests.iter().map(|request| decision(case, request, &native)).collect();
    json!({"id": format!("{} {mode:?}", case["id"]), "objects": objects, "requests": requests, "decisions": decisions})
}

/// More policies than can be asked for at admission, each with a user id of its own.
fn many_policies() -> Value {
    let any = json!({"rule": "RunAsAny"});
    let policy = |id: i64| {
        let user = json!({"rule": "MustRunAs", "ranges": [{"min": id, "max": id}]});
        json!({"apiVersion": "policy/v1beta1", "kind": "PodSecurityPolicy", "metadata": {"name": format!("p{id:02}")},
            "spec": {"seLinux": any, "supplementalGroups": any, "fsGroup": any, "runAsUser": user, "volumes": ["*"]}})
    };
    let (group, api) = ("rbac.authorization.k8s.io", "rbac.authorization.k8s.io/v1");
    let rule = json!({"apiGroups": ["policy"], "resources": ["podsecuritypolicies"], "verbs": ["use"]});
    let wiring = [
        json!({"apiVersion": api, "kind": "ClusterRole", "metadata": {"name": "many"}, "rules": [rule]}),
        json!({"apiVersion": api, "kind": "ClusterRoleBinding", "metadata": {"name": "many"},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "many"},
            "subjects": [{"kind": "User", "apiGroup": group, "name": "alice"}]}),
    ];
    let request = |user: &str, context: Value| {
        let spec = json!({"securityContext": context, "containers": [{"name": "c", "image": "i"}]});
        json!({"namespace": "default", "user": user, "groups": ["system:authenticated"],
            "pod": {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec}})
    };
    let ids = [1, 14, 15, 29, 33, 34].map(|id| json!({"runAsUser": id}));
    let requests = ids
        .into_iter()
        .chain([json!({})])
        .flat_map(|context| [request("alice", context.clone()), request("bob", context)]);
    let objects: Vec<Value> = (1..=33).map(policy).chain(wiring).collect();
    json!({"id": "many", "objects": objects, "requests": requests.collect::<Vec<_>>()})
}

/// The ServiceAccount plug-in is to find nothing to do.
fn for_server(request: &mut Value) {
    for which in ["pod", "oldPod"] {
        if let Some(spec) = request.get_mut(which).and_then(|pod| pod.get_mut("spec")) {
            spec["automountServiceAccountToken"] = json!(false);
            if spec["serviceAccountName"].as_str().unwrap_or_default().is_empty() {
                spec["serviceAccountName"] = json!("default");
            }
        }
    }
}

fn decision(case: &Value, request: &Value, native: &dyn Decider) -> Value {
    let pod = admission_pod(case, request, "pod");
    let old_pod = request.get("oldPod").map(|_| admission_pod(case, request, "oldPod"));
    let groups: Vec<String> = serde_json::from_value(request["groups"].clone()).unwrap_or_default();
    let verdict = native.decide(&AdmissionRequest {
        namespace: request["namespace"].as_str().unwrap(),
        name: pod_name(&pod),
        user: request["user"].as_str().unwrap(),
        groups: &groups,
        operation: if old_pod.is_some() { Operation::Update } else { Operation::Create },
        subresource: request["subresource"].as_str().unwrap_or_default(),
        object: &pod,
        old_object: old_pod.as_ref(),
    });
    assert_eq!(verdict.unsupported, [], "{}", case["id"]);
    json!({"allowed": verdict.allowed, "error": verdict.messages.first(), "pod": changeable(&verdict.pod)})
}

/// The server's answers, case by case.
fn replay(script: &Path, cases: &[Value]) -> Vec<Value> {
    let folder = std::env::temp_dir().join(format!("psp-migrate-server-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("cases.ndjson");
    let lines: Vec<String> = cases.iter().map(ToString::to_string).collect();
    fs::write(&file, lines.join("\n")).unwrap();
    let emulated = (minor() < 37).then(|| format!("--emulated-version=1.{}", minor()));
    let replay = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/engines/replay.py");
    let command = [Path::new("python3"), &replay, &file];
    let output = Command::new(script)
        .arg("1.37")
        .args(emulated)
        .arg("--")
        .args(command)
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    fs::remove_dir_all(&folder).unwrap();
    assert!(output.status.success(), "{}", output.status);
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

const OTHER_WORDS: &str = "denied alike, other words";

#[derive(Debug, Default)]
struct Tally {
    counts: BTreeMap<&'static str, usize>,
    wrong: Vec<String>,
    other_words: Vec<String>,
}

impl Tally {
    fn take(&mut self, case: &Value, answer: &Value) {
        let ours = |(object, _): &(&String, &Value)| object.contains("AdmissionPolicy");
        for (object, message) in answer["refused"].as_object().into_iter().flatten().filter(ours) {
            self.count("documents refused");
            self.wrong.push(format!("{}: {object} is refused: {message}", case["id"]));
        }
        let decisions = answer["decisions"].as_array().unwrap();
        for (index, (theirs, mine)) in decisions.iter().zip(case["decisions"].as_array().unwrap()).enumerate() {
            let request = &case["requests"][index];
            match relation(mine, theirs) {
                Ok(word) => {
                    if word == OTHER_WORDS {
                        self.other_words.push(format!("{}\n       not: {}", theirs["error"], mine["error"]));
                    }
                    self.count(word);
                }
                Err(what) => {
                    self.count("differ");
                    self.wrong.push(format!("{} request {index}: {what}\n   {request}", case["id"]));
                }
            }
        }
    }

    fn count(&mut self, word: &'static str) {
        *self.counts.entry(word).or_default() += 1;
    }
}

fn relation(mine: &Value, theirs: &Value) -> Result<&'static str, String> {
    if theirs.is_null() {
        return Ok("cannot be put to a server");
    }
    if theirs["code"] != 403 && theirs["allowed"] == false {
        return Ok("refused by API validation");
    }
    if mine["allowed"] != theirs["allowed"] {
        return Err(format!("allowed {}\n   ours {}\n theirs {}", theirs["allowed"], mine["error"], theirs["error"]));
    }
    if theirs["allowed"] == false {
        return Ok(if mine["error"] == theirs["error"] { "denied alike, same words" } else { OTHER_WORDS });
    }
    let pod = changeable(&theirs["pod"]);
    if mine["pod"] == pod {
        Ok("admitted alike, same pod")
    } else {
        Err(format!("pods\n   ours {}\n theirs {pod}", mine["pod"]))
    }
}
