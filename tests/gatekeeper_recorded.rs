//! The emitted Gatekeeper documents, read back and evaluated, held against the decisions of the real plug-in of Kubernetes
//! 1.24.17.
//!
//! Gatekeeper validates what mutation left behind. So an admitted CREATE is judged as the plug-in filled it in, a denied one
//! as it was submitted, and an UPDATE as it came. Where mutators are emitted, the submitted pod goes through them first.
//!
//! A debug build takes a sample; a release build, or `PSP_MIGRATE_ALL=1`, takes everything.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

use psp_migrate::admission::Operation;
use psp_migrate::cluster::{Cluster, Request};
use psp_migrate::controls::CONTROLS;
use psp_migrate::modern;
use psp_migrate::plan::{Options, Plan};
use psp_migrate::pod_view::PodView;
use psp_migrate::rbac::RbacOptions;
use psp_migrate::release::Release;
use psp_migrate::targets::gatekeeper::{Documents, Gatekeeper};
use psp_migrate::targets::{AdmissionRequest, Decider, Target};
use serde_json::{Value, json};
use support::{Recorded, admission_pod};

#[test]
fn one_policy_field_at_a_time() {
    check("psp-boundary");
}

#[test]
fn drawn_policies_wiring_and_pods() {
    check("psp-core");
}

#[test]
fn odd_annotations_and_missing_parts() {
    check("psp-adversarial");
}

#[test]
fn wiring() {
    check("psp-rbac");
}

#[test]
fn updates_of_admitted_pods() {
    check("psp-updates");
}

#[test]
fn every_control_is_a_rule_of_the_template() {
    let rego = include_str!("../templates/gatekeeper/podsecuritypolicyset.rego");
    let missing = CONTROLS.iter().filter(|control| !rego.contains(&format!("\n{}(policy) = ", control.name)));
    assert_eq!(missing.map(|control| control.name).collect::<Vec<_>>(), Vec::<&str>::new());
}

/// How many requests were compared in which way, and what differed.
#[derive(Default)]
struct Tally {
    filled: usize,
    denied: usize,
    updates: usize,
    assumed: usize,
    mutated: usize,
    untouched: usize,
    prepared: usize,
    unwritable: usize,
    seen_otherwise: usize,
    wrong: Vec<String>,
}

fn check(name: &str) {
    let recorded = Recorded::read(name);
    let mut tally = Tally::default();
    let all = !cfg!(debug_assertions) || std::env::var_os("PSP_MIGRATE_ALL").is_some();
    let every = if all { 1 } else { 20 };
    for case in recorded.cases.iter().step_by(every) {
        Checked::new(case).check(case, &mut tally);
    }
    let Tally { filled, denied, updates, assumed, mutated, untouched, prepared, unwritable, seen_otherwise, wrong } =
        tally;
    eprintln!(
        "{name}: {filled} filled, {denied} denied, {updates} updates, {assumed} with defaulting assumed, {mutated} through \
         the mutators, {untouched} as they are; {prepared} changed by the API server between the phases, {unwritable} that \
         no webhook can be sent, {seen_otherwise} otherwise for an annotation that mutators do not see; every {every}. case of {}",
        recorded.origin
    );
    let shown = wrong.iter().take(5).cloned().collect::<Vec<_>>().join("\n");
    assert!(wrong.is_empty(), "{name}: {} differ\n{shown}", wrong.len());
    assert!(filled + denied + updates > 0, "{name}: nothing was compared");
}

struct Checked {
    cluster: Cluster,
    require: Documents,
    assume: Documents,
    /// Where mutators stand in for every fill.
    mutating: Option<Documents>,
}

impl Checked {
    fn new(case: &Value) -> Self {
        let objects = case["objects"].as_array().unwrap();
        let policies = objects.iter().filter(|object| object["kind"] == "PodSecurityPolicy");
        let options = RbacOptions { aggregate: case["options"]["aggregate"] == true, bootstrap: false };
        let cluster = Cluster::new(policies, objects, Release::default(), options).unwrap().without_pod_validation();
        let plan = Plan::new(&cluster, Options::default());
        let emission = Gatekeeper.emit(&plan);
        let mutates = emission.documents.len() > 2 && emission.gaps.iter().all(|gap| gap.code != "fills-lost");
        let is_mutator = |document: &Value| document["apiVersion"].as_str().unwrap().starts_with("mutations.");
        let all: Vec<Value> = emission.documents.into_iter().map(|emitted| emitted.document).collect();
        let mutating = mutates.then(|| Documents::read(&all, &[]).without_pod_validation());
        let mut documents: Vec<Value> = all.into_iter().filter(|document| !is_mutator(document)).collect();
        let require = Documents::read(&documents, &[]).without_pod_validation();
        documents[1]["spec"]["parameters"]["defaulting"] = json!("Assume");
        let assume = Documents::read(&documents, &[]).without_pod_validation();
        assert_eq!(require.unsupported(), []);
        Self { cluster, require, assume, mutating }
    }

    fn check(&self, case: &Value, tally: &mut Tally) {
        let requests = case["requests"].as_array().unwrap().iter();
        for (index, (request, decision)) in requests.zip(case["decisions"].as_array().unwrap()).enumerate() {
            if let Err(difference) = self.compare(case, request, decision, tally) {
                tally.wrong.push(format!("{} request {index}: {difference}", case["id"]));
            }
        }
    }

    fn compare(&self, case: &Value, request: &Value, recorded: &Value, tally: &mut Tally) -> Result<(), String> {
        let mut pod = admission_pod(case, request, "pod");
        let mut old = request.get("oldPod").map(|_| admission_pod(case, request, "oldPod"));
        let subresource = request["subresource"].as_str().unwrap_or_default();
        if old.is_some() || !subresource.is_empty() {
            // A pod that the server stored has its profile in both places; the plug-in denies the update of one that has not.
            let prepared = annotate_seccomp(&mut pod) | old.as_mut().is_some_and(annotate_seccomp);
            let expected =
                if prepared { self.updates(request, &pod, old.as_ref()) } else { recorded["allowed"] == true };
            tally.prepared += usize::from(prepared);
            tally.updates += 1;
            return same("update", self.asks(&self.require, request, &pod, old.as_ref()), expected);
        }
        if pod.pointer("/spec/securityContext/supplementalGroups") == Some(&json!([])) {
            // The API server writes no empty list: a webhook sees a pod that names no groups.
            tally.unwritable += 1;
        } else {
            tally.assumed += 1;
            same("assumed", self.asks(&self.assume, request, &pod, None), recorded["stage"] != "admit")?;
            // No server creates a pod with ephemeral containers, so nothing fills them in.
            let creatable = pod["spec"].get("ephemeralContainers").is_none();
            if let Some(mutating) = self.mutating.as_ref().filter(|_| creatable) {
                let ours = self.asks(mutating, request, &pod, None);
                match same("mutated", ours, recorded["stage"] != "admit") {
                    // The old server carried seccomp annotations over into fields; mutators fill the empty field.
                    Err(_) if !modern::differences(&pod, 37).is_empty() => tally.seen_otherwise += 1,
                    result => result.map(|()| tally.mutated += 1)?,
                }
            }
        }
        let annotated = {
            let mut pod = pod.clone();
            annotate_seccomp(&mut pod);
            pod
        };
        tally.untouched += 1;
        same(
            "untouched",
            self.asks(&self.require, request, &annotated, None),
            self.admits_untouched(request, &annotated),
        )?;
        match recorded["allowed"] == true {
            true => {
                tally.filled += 1;
                same("filled", self.asks(&self.require, request, &self.filled(request, &pod), None), true)
            }
            false => {
                tally.denied += 1;
                same("denied", self.asks(&self.require, request, &pod, None), false)
            }
        }
    }

    fn asks(&self, decider: &dyn Decider, request: &Value, pod: &Value, old: Option<&Value>) -> bool {
        let groups: Vec<String> = serde_json::from_value(request["groups"].clone()).unwrap_or_default();
        let verdict = decider.decide(&AdmissionRequest {
            namespace: request["namespace"].as_str().unwrap(),
            name: "",
            user: request["user"].as_str().unwrap(),
            groups: &groups,
            operation: if old.is_some() { Operation::Update } else { Operation::Create },
            subresource: request["subresource"].as_str().unwrap_or_default(),
            object: pod,
            old_object: old,
        });
        assert_eq!(verdict.allowed, verdict.messages.is_empty());
        verdict.allowed
    }

    /// The plug-in's choice among the policies that the request may use.
    fn decided<T>(&self, request: &Value, pod: &Value, ask: impl Fn(&Cluster, &Request<'_>, &PodView<'_>) -> T) -> T {
        let groups: Vec<String> = serde_json::from_value(request["groups"].clone()).unwrap_or_default();
        let asked = Request {
            namespace: request["namespace"].as_str().unwrap(),
            user: request["user"].as_str().unwrap(),
            groups: &groups,
            subresource: request["subresource"].as_str().unwrap_or_default(),
            pod,
            operation: Operation::Create,
            old_pod: None,
        };
        ask(&self.cluster, &asked, &PodView::read(pod, &Release::default()).unwrap())
    }

    fn admits_untouched(&self, request: &Value, pod: &Value) -> bool {
        self.decided(request, pod, |cluster, asked, view| {
            let usable = cluster.usable(asked, view);
            cluster.plugin().chosen(Operation::Update, view, |policy| cluster.may_use(policy, &usable)).is_some()
        })
    }

    fn updates(&self, request: &Value, pod: &Value, old: Option<&Value>) -> bool {
        let ignored =
            self.decided(request, pod, |cluster, asked, _| cluster.ignores(&Request { old_pod: old, ..*asked }));
        ignored.is_some() || self.admits_untouched(request, pod)
    }

    fn filled(&self, request: &Value, pod: &Value) -> Value {
        self.decided(request, pod, |cluster, asked, view| {
            let psp_migrate::cluster::Outcome::Decided(psp_migrate::admission::Verdict::Admitted {
                pod: filled, ..
            }) = cluster.decide(asked, view)
            else {
                panic!("the recording admits the pod");
            };
            let mut result = pod.clone();
            filled.write_into(view, &mut result);
            result
        })
    }
}

/// Brings the pod's annotation in step with its seccomp field, as the API server does on CREATE.
fn annotate_seccomp(pod: &mut Value) -> bool {
    let profile = &pod["spec"]["securityContext"]["seccompProfile"];
    let text = match (profile["type"].as_str(), profile["localhostProfile"].as_str()) {
        (Some("RuntimeDefault"), _) => "runtime/default".to_owned(),
        (Some("Unconfined"), _) => "unconfined".to_owned(),
        (Some("Localhost"), Some(file)) => format!("localhost/{file}"),
        _ => return false,
    };
    let key = "seccomp.security.alpha.kubernetes.io/pod";
    let annotated = pod["metadata"]["annotations"][key].as_str().is_some_and(|profile| !profile.is_empty());
    if !annotated {
        pod["metadata"]["annotations"][key] = json!(text);
    }
    !annotated
}

fn same(what: &str, ours: bool, theirs: bool) -> Result<(), String> {
    if ours == theirs { Ok(()) } else { Err(format!("{what}: ours {ours}, theirs {theirs}")) }
}
