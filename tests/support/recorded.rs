//! A target's documents against every decision that the real plug-in took on recorded requests.

#![allow(dead_code, reason = "each test binary uses its own part")]

use std::collections::BTreeMap;

use psp_migrate::admission::Operation;
use psp_migrate::cluster::Cluster;
use psp_migrate::modern;
use psp_migrate::plan::{Options, Plan};
use psp_migrate::rbac::RbacOptions;
use psp_migrate::release::Release;
use psp_migrate::targets::{AdmissionRequest, Context, Decider, Target, TargetVerdict};
use serde_json::{Value, json};

use super::native::changeable;
use super::{Recorded, admission_pod, pod_name};

/// What was compared, and how it came out.
#[derive(Debug, Default)]
struct Tally {
    compared: usize,
    agreed: usize,
    exceptions: BTreeMap<&'static str, usize>,
    wrong: Vec<String>,
}

/// How documents are read back, without API validation of filled pods: most requests were recorded without.
pub type Read = for<'a, 'c> fn(&'a [Value], &'a Context<'c>) -> Box<dyn Decider + 'c>;

/// Emits for each recorded case, reads back, and holds every decision and resulting pod against the recorded one. A debug
/// build takes every `sample`th case.
pub fn compare(name: &str, sample: usize, target: &dyn Target, options: &Options, read: Read) {
    let recorded = Recorded::read(name);
    let all = !cfg!(debug_assertions) || std::env::var_os("PSP_MIGRATE_ALL").is_some();
    let every = if all { 1 } else { sample };
    let mut tally = Tally::default();
    for case in recorded.cases.iter().step_by(every) {
        check_case(case, target, options, read, &mut tally);
    }
    let Tally { compared, agreed, exceptions, wrong } = &tally;
    eprintln!(
        "{name} {}: {agreed} of {compared} requests agree, exceptions {exceptions:?}; every {every}. case of {}",
        target.name(),
        recorded.origin
    );
    let shown = wrong.iter().take(5).cloned().collect::<Vec<_>>().join("\n\n");
    assert!(wrong.is_empty(), "{name} {options:?}: {} of {compared} differ\n{shown}", wrong.len());
    assert!(*agreed > 0, "{name}: nothing was compared");
}

fn check_case(case: &Value, target: &dyn Target, options: &Options, read: Read, tally: &mut Tally) {
    let cluster = cluster(case);
    let plan = Plan::new(&cluster, options.clone());
    let emission = target.emit(&plan);
    let gaps: Vec<&str> = emission.gaps.iter().map(|gap| gap.code).collect();
    let documents: Vec<Value> = emission.documents.into_iter().map(|emitted| emitted.document).collect();
    let context = Context { namespaces: &[], rbac: cluster.rbac(), target_minor: 37 };
    let policies = read(&documents, &context);
    assert_eq!(policies.unsupported(), [], "{}: the engine would refuse", case["id"]);
    let requests = case["requests"].as_array().unwrap().iter();
    for (index, (request, decision)) in requests.zip(case["decisions"].as_array().unwrap()).enumerate() {
        tally.compared += 1;
        let pod = admission_pod(case, request, "pod");
        let (verdict, update) = decide(case, request, &pod, policies.as_ref());
        match difference(&verdict, decision, &pod) {
            None => tally.agreed += 1,
            Some(difference) => match exception(&pod, update, &verdict, &gaps) {
                Some(code) => *tally.exceptions.entry(code).or_default() += 1,
                None => tally.wrong.push(format!("{} request {index}: {difference}", case["id"])),
            },
        }
    }
}

/// The cluster of a case.
pub fn cluster(case: &Value) -> Cluster {
    let objects = case["objects"].as_array().unwrap();
    let policies = objects.iter().filter(|object| object["kind"] == "PodSecurityPolicy");
    let options = RbacOptions { aggregate: case["options"]["aggregate"] == true, bootstrap: false };
    let cluster = Cluster::new(policies, objects, Release::default(), options).unwrap();
    cluster.without_pod_validation()
}

fn decide(case: &Value, request: &Value, pod: &Value, policies: &dyn Decider) -> (TargetVerdict, bool) {
    let old_pod = request.get("oldPod").map(|_| admission_pod(case, request, "oldPod"));
    let groups: Vec<String> = serde_json::from_value(request["groups"].clone()).unwrap_or_default();
    let verdict = policies.decide(&AdmissionRequest {
        namespace: request["namespace"].as_str().unwrap(),
        name: pod_name(pod),
        user: request["user"].as_str().unwrap(),
        groups: &groups,
        operation: if old_pod.is_some() { Operation::Update } else { Operation::Create },
        subresource: request["subresource"].as_str().unwrap_or_default(),
        object: pod,
        old_object: old_pod.as_ref(),
    });
    (verdict, old_pod.is_some())
}

fn difference(ours: &TargetVerdict, recorded: &Value, submitted: &Value) -> Option<String> {
    if !ours.unsupported.is_empty() {
        return Some(format!("not evaluated: {:?}", ours.unsupported));
    }
    let allowed = recorded["allowed"] == true || recorded["ignored"] == true;
    if ours.allowed != allowed {
        return Some(format!("allowed {}, ours {:?}\n{submitted}", recorded["allowed"], ours.messages));
    }
    if !allowed || recorded["ignored"] == true || !recorded["pod"].is_object() {
        return None;
    }
    let (mine, theirs) = (changeable(&ours.pod), changeable(&recorded["pod"]));
    (mine != theirs).then(|| format!("pods\n   ours {mine}\n theirs {theirs}"))
}

/// Why the two servers need not agree, by a word for it.
fn exception(pod: &Value, update: bool, ours: &TargetVerdict, gaps: &[&str]) -> Option<&'static str> {
    if !modern::differences(pod, 37).is_empty() {
        return Some("seen otherwise");
    }
    let groups = pod.pointer("/spec/securityContext/supplementalGroups");
    if groups.is_some_and(|groups| *groups == json!([])) && gaps.contains(&"empty-supplemental-groups") {
        return Some("empty-supplemental-groups");
    }
    let annotation = &pod["metadata"]["annotations"]["seccomp.security.alpha.kubernetes.io/pod"];
    let field = pod.pointer("/spec/securityContext/seccompProfile");
    if update && ours.allowed && field.is_some() && annotation.as_str().unwrap_or_default().is_empty() {
        // The old server always wrote the field into the annotation, so its stored pods have both.
        return Some("seccomp field without annotation on update");
    }
    if field.is_some_and(|field| !is_spelled(field, annotation)) {
        // Recorded without API validation, which refuses such pods.
        return Some("seccomp annotation and field disagree");
    }
    None
}

fn is_spelled(field: &Value, annotation: &Value) -> bool {
    let localhost = format!("localhost/{}", field["localhostProfile"].as_str().unwrap_or_default());
    match (annotation.as_str().unwrap_or_default(), field["type"].as_str().unwrap_or_default()) {
        ("", _) | ("runtime/default" | "docker/default", "RuntimeDefault") | ("unconfined", "Unconfined") => true,
        (annotation, "Localhost") => annotation == localhost,
        _ => false,
    }
}
