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
//! case (default 15: more than 200 cases with some 4,500 requests). To them come the policies of every file of the corpus
//! with its own pods and some around the policies' limits, and the cases of `golden/convert` that concern servers.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use psp_migrate::admission::Operation;
use psp_migrate::cluster::Cluster;
use psp_migrate::input::Inventory;
use psp_migrate::plan::{Enforcement, Options, Plan, RbacMode};
use psp_migrate::rbac::RbacOptions;
use psp_migrate::release::Release;
use psp_migrate::requests::{PodRequest, impersonated};
use psp_migrate::targets::vap::{NativePolicies, Vap};
use psp_migrate::targets::{AdmissionRequest, Context, Decider, Target};
use serde_json::{Value, json};
use support::corpus::{CorpusFile, corpus};
use support::native::changeable;
use support::program::run;
use support::sides::{Sides, takes_all};
use support::{Recorded, admission_pod, pod_name};

#[test]
#[ignore = "needs a real API server"]
fn a_server_decides_as_the_evaluator_says() {
    let script =
        PathBuf::from(std::env::var_os("PSP_MIGRATE_CLUSTER").expect("PSP_MIGRATE_CLUSTER is the server's script"));
    let every = std::env::var("PSP_MIGRATE_EVERY").map_or(15_usize, |text| text.parse().expect("a number"));
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
    let recorded = cases.len();
    let (files, origin) = corpus();
    cases.extend(files.iter().enumerate().map(|(index, file)| {
        let case = corpus_case(file, index, takes_all() || index % 8 == 0);
        server_case(&case, if index % 2 == 0 { RbacMode::Live } else { RbacMode::Frozen })
    }));
    let example = cases.len();
    cases.push(worked_example());
    cases.push(staged());
    let answers = replay(&script, &cases);
    assert_eq!(answers.len(), cases.len(), "the server did not answer for every case");
    let mut tally = Tally::default();
    for (case, answer) in cases.iter().zip(&answers) {
        tally.take(case, answer);
    }
    eprintln!("{recorded} recorded cases, {} files of {origin}; {:?}", files.len(), tally.counts);
    tally.other_words.iter().take(5).for_each(|words| eprintln!("other words: {words}"));
    let shown = tally.wrong.iter().take(8).cloned().collect::<Vec<_>>().join("\n\n");
    assert!(tally.wrong.is_empty(), "{} differ\n{shown}", tally.wrong.len());
    the_attack_is_denied(&answers[example]);
}

/// Through nothing but the emitted documents and the roles and bindings of old.
fn the_attack_is_denied(answer: &Value) {
    let [attack, quiet] = answer["decisions"].as_array().unwrap().as_slice() else { panic!("two pods: {answer}") };
    assert_eq!(attack["allowed"], false, "{attack}");
    assert!(attack["error"].as_str().unwrap().contains("psp-protect-docker: "), "{attack}");
    assert_eq!(quiet["allowed"], true, "{quiet}");
    if minor() >= 36 {
        assert_eq!(quiet["pod"]["metadata"]["annotations"]["kubernetes.io/psp"], "psp-protect-docker");
        assert_eq!(quiet["pod"]["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"], false);
    }
}

/// The minor version that the server has.
fn minor() -> u8 {
    std::env::var("PSP_MIGRATE_MINOR").map_or(37, |text| text.parse().expect("a number"))
}

/// The case as the server gets it: the emitted documents in place of the policies, and our decisions.
fn server_case(case: &Value, mode: RbacMode) -> Value {
    server_case_with(case, Options { rbac: Some(mode), target_minor: minor(), ..Options::default() })
}

fn server_case_with(case: &Value, options: Options) -> Value {
    let objects = case["objects"].as_array().unwrap();
    let policies = objects.iter().filter(|object| object["kind"] == "PodSecurityPolicy");
    // No controller aggregates roles on that server, and its own roles exist.
    let rbac = RbacOptions { aggregate: false, bootstrap: true };
    let cluster = Cluster::new(policies, objects, Release::default(), rbac).unwrap();
    let mode = options.rbac;
    let plan = Plan::new(&cluster, options);
    let documents: Vec<Value> = Vap.emit(&plan).documents.into_iter().map(|emitted| emitted.document).collect();
    let namespaces: Vec<Value> = objects.iter().filter(|object| object["kind"] == "Namespace").cloned().collect();
    let context = Context { namespaces: &namespaces, rbac: cluster.rbac(), target_minor: minor() };
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

/// A file of the corpus: its policies and wiring, its own pods, and some around the policies' limits where wanted.
fn corpus_case(file: &CorpusFile, number: usize, limits: bool) -> Value {
    const GIVEN: usize = 8;
    const LIMITS: usize = 16;
    let sides = Sides::read(std::slice::from_ref(&file.path));
    let inventory = Inventory::read(std::slice::from_ref(&file.path));
    let Inventory { policies, cluster_roles, roles, cluster_role_bindings, role_bindings, .. } = &inventory;
    let objects = policies.iter().chain(cluster_roles).chain(roles).chain(cluster_role_bindings).chain(role_bindings);
    let all = if limits { sides.requests(&Options::default()) } else { sides.given_requests() };
    let (given, made_up): (Vec<PodRequest>, Vec<PodRequest>) =
        all.into_iter().partition(|request| !request.source.file.is_empty());
    let every = |requests: &[PodRequest], most: usize| requests.len().div_ceil(most).max(1);
    let some = given.iter().step_by(every(&given, GIVEN)).chain(made_up.iter().step_by(every(&made_up, LIMITS)));
    json!({
        "id": file.name,
        "objects": objects.map(|object| object.value.clone()).collect::<Vec<_>>(),
        "requests": some.enumerate().map(|(index, request)| named(request_json(request), &format!("r{number}-{index}"))).collect::<Vec<_>>(),
    })
}

/// The request with a requester whom a server can impersonate, and a pod that it can store.
fn request_json(request: &PodRequest) -> Value {
    let user = if request.requester.user.is_empty() { "somebody" } else { &request.requester.user };
    let mut json = json!({
        "namespace": request.namespace, "user": user, "groups": request.requester.groups, "pod": request.pod,
    });
    if let Some(old) = &request.old_pod {
        json["oldPod"] = Value::clone(old);
    }
    for which in ["pod", "oldPod"] {
        if let Some(pod) = json.get_mut(which).and_then(Value::as_object_mut) {
            pod.insert("apiVersion".to_owned(), json!("v1"));
            pod.insert("kind".to_owned(), json!("Pod"));
        }
        for list in ["containers", "initContainers"] {
            let containers = json.pointer_mut(&format!("/{which}/spec/{list}")).and_then(Value::as_array_mut);
            for container in containers.into_iter().flatten().filter(|container| container.get("image").is_none()) {
                container["image"] = json!("image");
            }
        }
    }
    json
}

/// The request under a name of its own: old pods are all stored at once, those of other cases too.
fn named(mut request: Value, name: &str) -> Value {
    let is_update = request.get("oldPod").is_some();
    for which in ["pod", "oldPod"] {
        let metadata = request.pointer_mut(&format!("/{which}/metadata")).and_then(Value::as_object_mut);
        if let Some(metadata) = metadata.filter(|metadata| is_update || metadata.contains_key("name")) {
            metadata.insert("name".to_owned(), json!(name));
        }
    }
    request
}

/// The worked example as a user converts it, with the attack on it.
fn worked_example() -> Value {
    let sides = Sides::read(&[golden("example/manifests"), golden("example/samples")]);
    let inventory = Inventory::read(&[golden("example/manifests")]);
    let Inventory { policies, cluster_roles, cluster_role_bindings, .. } = &inventory;
    let objects = policies.iter().chain(cluster_roles).chain(cluster_role_bindings);
    let attacker = impersonated("system:serviceaccount:psp-example:malicious-user", &[]);
    let requests =
        sides.given.iter().map(|request| request_json(&PodRequest { requester: attacker.clone(), ..request.clone() }));
    let case = json!({
        "id": "worked example",
        "objects": objects.map(|object| object.value.clone()).collect::<Vec<_>>(),
        "requests": requests.collect::<Vec<_>>(),
    });
    server_case(&case, RbacMode::Live)
}

/// Refusals where the namespace asks for them, warnings elsewhere.
fn staged() -> Value {
    let input = [golden("convert/staged/input")];
    let (sides, inventory) = (Sides::read(&input), Inventory::read(&input));
    let Inventory { policies, cluster_roles, cluster_role_bindings, namespaces, .. } = &inventory;
    let objects = namespaces.iter().chain(policies).chain(cluster_roles).chain(cluster_role_bindings);
    let case = json!({
        "id": "staged",
        "objects": objects.map(|object| object.value.clone()).collect::<Vec<_>>(),
        "requests": sides.given.iter().map(request_json).collect::<Vec<_>>(),
    });
    server_case_with(&case, Options { enforcement: Enforcement::Staged, target_minor: minor(), ..Options::default() })
}

fn golden(below: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(below)
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

#[test]
#[ignore = "needs a real API server"]
fn policies_from_files_are_in_force_before_anybody_creates_them() {
    let script = std::env::var_os("PSP_MIGRATE_CLUSTER").expect("PSP_MIGRATE_CLUSTER is the server's script");
    let folder = std::env::temp_dir().join(format!("psp-migrate-static-{}", std::process::id()));
    let out = folder.to_str().unwrap();
    let converted =
        run(&["convert", "golden/convert/static-manifests/input", "--to", "vap", "--static-manifests", "-o", out]);
    assert_eq!(converted.code, 0, "{}", converted.stderr);
    let configuration = folder.join("admission-configuration.yaml");
    let text = fs::read_to_string(&configuration).unwrap().replace("/etc/kubernetes/psp-migrate", out);
    fs::write(&configuration, text).unwrap();
    let create = "kubectl create serviceaccount default >/dev/null; for p in privileged silent; do \
        kubectl create --dry-run=server -o json -f $0/$p.json 2>&1; done";
    for (name, context) in [("privileged", json!({"privileged": true})), ("silent", json!({}))] {
        let container = json!({"name": "c", "image": "i", "securityContext": context});
        let spec = json!({"containers": [container], "automountServiceAccountToken": false});
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default"}, "spec": spec});
        fs::write(folder.join(format!("{name}.json")), pod.to_string()).unwrap();
    }
    let flag = format!("--admission-control-config-file={}", configuration.display());
    let output = Command::new(script).args(["1.37", &flag, "--", "bash", "-c", create, out]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    fs::remove_dir_all(&folder).unwrap();
    let denied = "ValidatingAdmissionPolicy 'pod-security-policy.static.k8s.io' with binding \
        'pod-security-policy.static.k8s.io' denied request: PodSecurityPolicy: unable to admit pod: [only: ";
    assert!(text.contains(denied), "{text}");
    assert!(text.contains("\"readOnlyRootFilesystem\": true"), "{text}");
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
