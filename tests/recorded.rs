//! Every decision that the real plug-in of Kubernetes 1.24.17 took on recorded requests, held against ours: verdict,
//! phase, chosen policy, exact message and resulting pod.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]

mod support;

use std::collections::BTreeMap;

use psp_migrate::admission::{Operation, Phase, Verdict};
use psp_migrate::cluster::{Cluster, Outcome, PolicyState, Request};
use psp_migrate::pod_view::PodView;
use psp_migrate::rbac::RbacOptions;
use psp_migrate::release::Release;
use serde_json::{Map, Value, json};
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
fn pods_as_manifests() {
    check("psp-manifests");
}

#[test]
fn worked_examples() {
    check("psp-example");
}

fn check(name: &str) {
    let recorded = Recorded::read(name);
    let mut compared = 0;
    let mut wrong = Vec::new();
    for case in &recorded.cases {
        let cluster = cluster(case);
        wrong.extend(compare_invalid(case, &cluster));
        let requests = case["requests"].as_array().unwrap().iter();
        for (index, (request, decision)) in requests.zip(case["decisions"].as_array().unwrap()).enumerate() {
            compared += 1;
            if let Err(difference) = compare(case, &cluster, request, decision) {
                wrong.push(format!("{} request {index}: {difference}", case["id"]));
            }
        }
    }
    eprintln!("{name}: {compared} requests of {} cases compared, from {}", recorded.cases.len(), recorded.origin);
    let shown = wrong.iter().take(5).cloned().collect::<Vec<_>>().join("\n");
    assert!(wrong.is_empty(), "{name}: {} of {compared} differ\n{shown}", wrong.len());
    assert!(!recorded.cases.is_empty(), "{name}: nothing was compared");
}

fn cluster(case: &Value) -> Cluster {
    let objects = case["objects"].as_array().unwrap();
    let policies = objects.iter().filter(|object| object["kind"] == "PodSecurityPolicy");
    let options = RbacOptions { aggregate: case["options"]["aggregate"] == true, bootstrap: false };
    let cluster = Cluster::new(policies, objects, Release::default(), options).unwrap();
    if case["options"]["validatePod"] == true { cluster } else { cluster.without_pod_validation() }
}

fn compare_invalid(case: &Value, cluster: &Cluster) -> Option<String> {
    let mut ours = BTreeMap::new();
    for known in cluster.policies() {
        if let PolicyState::Invalid(errors) = &known.state {
            let mut messages: Vec<String> = errors.iter().map(ToString::to_string).collect();
            messages.sort();
            ours.insert(format!("PodSecurityPolicy/{}", known.name()), json!(messages));
        }
    }
    let recorded = case["invalidObjects"].as_object().cloned().unwrap_or_default().into_iter();
    let theirs: BTreeMap<_, _> = recorded.filter(|(key, _)| key.starts_with("PodSecurityPolicy/")).collect();
    (ours != theirs).then(|| format!("{}: invalid policies\n   ours {ours:?}\n theirs {theirs:?}", case["id"]))
}

fn compare(case: &Value, cluster: &Cluster, request: &Value, recorded: &Value) -> Result<(), String> {
    let pod = admission_pod(case, request, "pod");
    let old_pod = request.get("oldPod").map(|_| admission_pod(case, request, "oldPod"));
    let groups: Vec<String> = serde_json::from_value(request["groups"].clone()).unwrap_or_default();
    let ours = Request {
        namespace: request["namespace"].as_str().unwrap(),
        user: request["user"].as_str().unwrap(),
        groups: &groups,
        subresource: request["subresource"].as_str().unwrap_or_default(),
        pod: &pod,
        operation: if old_pod.is_some() { Operation::Update } else { Operation::Create },
        old_pod: old_pod.as_ref(),
    };
    let view = PodView::read(&pod, &Release::default()).unwrap();
    if let Some(recorded) = recorded.get("usable") {
        let usable = cluster.usable(&ours, &view);
        same("usable", json!(cluster.rbac().names(&usable).collect::<Vec<_>>()), recorded.clone())?;
    }
    match cluster.decide(&ours, &view) {
        Outcome::Ignored(_) => same("ignored", json!(true), recorded["ignored"].clone()),
        Outcome::Decided(verdict) => {
            same("ignored", Value::Null, recorded["ignored"].clone())?;
            compare_verdict(cluster, &pod, &view, &verdict, recorded)
        }
    }
}

fn compare_verdict(
    cluster: &Cluster,
    pod: &Value,
    view: &PodView<'_>,
    verdict: &Verdict<'_>,
    recorded: &Value,
) -> Result<(), String> {
    // A pod that no policy would have made valid is the business of API validation, most of which is not looked at here.
    if recorded["inputInvalid"] == true {
        return Ok(());
    }
    match verdict {
        Verdict::Admitted { by, validated_by, pod: result } => {
            same("allowed", json!(true), recorded["allowed"].clone())?;
            let name = |index: &usize| json!(cluster.plugin().policies()[*index].name());
            same("validatedBy", name(validated_by), recorded["validatedBy"].clone())?;
            let mut resulting = pod.clone();
            result.write_into(view, &mut resulting);
            let annotation = &resulting["metadata"]["annotations"]["kubernetes.io/psp"];
            same("psp", annotation.clone(), recorded.get("psp").cloned().unwrap_or(Value::Null))?;
            let _ = by;
            same("pod", changeable(&resulting), changeable(&recorded["pod"]))
        }
        Verdict::Denied { phase, refusal } => {
            let stage = if *phase == Phase::Admit { "admit" } else { "validate" };
            same("stage", json!(stage), recorded["stage"].clone())?;
            let message = refusal.message(support::pod_name(pod), *phase, cluster.plugin().release());
            same_message(refusal, &message, recorded["error"].as_str().unwrap_or_default())
        }
        Verdict::Invalid { .. } => same("stage", json!("api-validation"), recorded["stage"].clone()),
    }
}

/// The blocks of the policies may stand in any order.
fn same_message(refusal: &psp_migrate::admission::Refusal, ours: &str, theirs: &str) -> Result<(), String> {
    use psp_migrate::admission::Refusal;
    if ours == theirs {
        return Ok(());
    }
    let Refusal::Denials(blocks) = refusal else {
        return same("error", json!(ours), json!(theirs));
    };
    let text = |block: &Vec<psp_migrate::field_error::FieldError>| {
        block.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    };
    let mut rest = theirs.to_owned();
    for (_, block) in blocks {
        rest = rest.replacen(&text(block), "", 1);
    }
    let frame = ours.split_once('[').map(|(head, _)| format!("{head}[")).unwrap_or_default();
    let only_frame_is_left = rest.starts_with(&frame) && rest[frame.len()..].trim() == "]";
    if only_frame_is_left && ours.len() == theirs.len() {
        return Ok(());
    }
    same("error", json!(ours), json!(theirs))
}

fn same(what: &str, ours: Value, theirs: Value) -> Result<(), String> {
    if ours == theirs { Ok(()) } else { Err(format!("{what}\n   ours {ours}\n theirs {theirs}")) }
}

/// What admission can change, as the recording shows it; empty objects and absent ones are the same.
fn changeable(pod: &Value) -> Value {
    let spec = &pod["spec"];
    let mut shown = json!({
        "annotations": pod["metadata"]["annotations"],
        "securityContext": spec["securityContext"],
        "runtimeClassName": spec["runtimeClassName"],
    });
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        let containers = spec[list].as_array().into_iter().flatten();
        let contexts = containers.map(|c| json!({"name": c["name"], "securityContext": c["securityContext"]}));
        shown[list] = contexts.collect();
    }
    without_empties(shown)
}

fn without_empties(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.into_iter().map(|(key, value)| (key, without_empties(value)));
            Value::Object(kept.filter(|(_, value)| !is_empty(value)).collect::<Map<_, _>>())
        }
        Value::Array(items) => items.into_iter().map(without_empties).collect(),
        other => other,
    }
}

fn is_empty(value: &Value) -> bool {
    value.is_null()
        || value == ""
        || value.as_object().is_some_and(Map::is_empty)
        || value.as_array().is_some_and(Vec::is_empty)
}
