//! Properties of the evaluation, over recorded policies, wiring and pods drawn at random: controls commute, the order of
//! what is read has no meaning, decisions repeat, and an admitted pod is not filled in again.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::Index;
use psp_migrate::admission::{AdmissionPolicy, Operation, Verdict};
use psp_migrate::cluster::{Cluster, Outcome, Request};
use psp_migrate::controls::{CONTROLS, Denials};
use psp_migrate::pod_view::PodView;
use psp_migrate::rbac::RbacOptions;
use psp_migrate::release::Release;
use serde_json::Value;
use support::{Recorded, admission_pod};

static CASES: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let files = ["psp-core", "psp-adversarial", "psp-rbac"];
    files.iter().flat_map(|name| Recorded::read(name).cases).collect()
});

/// A recorded case with one of its requests that create a pod.
fn drawn() -> impl Strategy<Value = (&'static Value, Asked)> {
    let creates = |case: &'static Value, index: &Index| {
        let requests = case["requests"].as_array().unwrap().iter();
        let requests: Vec<&Value> = requests.filter(|request| request.get("oldPod").is_none()).collect();
        (!requests.is_empty()).then(|| Asked::new(case, requests[index.index(requests.len())]))
    };
    any::<(Index, Index)>().prop_filter_map("a case creates pods", move |(case, request)| {
        let case = case.get(CASES.as_slice());
        Some((case, creates(case, &request)?))
    })
}

#[derive(Debug)]
struct Asked {
    namespace: String,
    user: String,
    groups: Vec<String>,
    pod: Value,
}

impl Asked {
    fn new(case: &Value, request: &Value) -> Self {
        Self {
            namespace: request["namespace"].as_str().unwrap().to_owned(),
            user: request["user"].as_str().unwrap().to_owned(),
            groups: serde_json::from_value(request["groups"].clone()).unwrap_or_default(),
            pod: admission_pod(case, request, "pod"),
        }
    }

    fn request(&self) -> Request<'_> {
        Request {
            namespace: &self.namespace,
            user: &self.user,
            groups: &self.groups,
            subresource: "",
            pod: &self.pod,
            operation: Operation::Create,
            old_pod: None,
        }
    }

    fn view(&self) -> PodView<'_> {
        PodView::read(&self.pod, &Release::default()).unwrap()
    }
}

fn cluster<'v>(objects: impl Iterator<Item = &'v Value> + Clone) -> Cluster {
    let policies = objects.clone().filter(|object| object["kind"] == "PodSecurityPolicy");
    let options = RbacOptions { aggregate: false, bootstrap: false };
    Cluster::new(policies, objects, Release::default(), options).unwrap()
}

fn recorded_cluster(case: &'static Value) -> Cluster {
    cluster(case["objects"].as_array().unwrap().iter())
}

/// The pod after the controls' fills, and what they deny, sorted; the controls are asked in the order of `order`.
fn asked_in_order<'a>(policy: &'a AdmissionPolicy, pod: &PodView<'a>, order: &[usize]) -> (PodView<'a>, Vec<String>) {
    let names = order.iter().map(|index| CONTROLS[*index].name);
    let requirements = names.filter_map(|name| policy.requirements().iter().find(|(control, _)| control.name == name));
    let requirements: Vec<_> = requirements.map(|(control, requirement)| (control.name, requirement)).collect();
    let mut filled = pod.clone();
    for (name, requirement) in &requirements {
        // The policy's own fills live as long as the policy.
        for fill in policy.fills().iter().filter(|fill| requirement.fills().contains(fill)) {
            assert_eq!(fill.changes(&filled), fill.clone().apply(&mut filled.clone()), "{name}");
            fill.apply(&mut filled);
        }
    }
    let mut denials = Denials::collected();
    for (_, requirement) in &requirements {
        requirement.admit_pod(&filled, &mut denials);
        for (index, volume) in filled.volumes.iter().enumerate() {
            requirement.admit_volume(&filled, index, volume, &mut denials);
        }
        for container in &filled.containers {
            requirement.admit_container(&filled, container, &mut denials);
        }
    }
    let mut denials: Vec<String> = denials.into_errors().iter().map(ToString::to_string).collect();
    denials.sort();
    (filled, denials)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn controls_commute(
        (case, asked) in drawn(),
        order in Just((0..CONTROLS.len()).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let cluster = recorded_cluster(case);
        let view = asked.view();
        let natural: Vec<usize> = (0..CONTROLS.len()).collect();
        for policy in cluster.plugin().policies() {
            prop_assert_eq!(asked_in_order(policy, &view, &order), asked_in_order(policy, &view, &natural));
        }
    }

    #[test]
    fn the_order_of_objects_has_no_meaning((case, asked) in drawn(), seed in any::<u64>()) {
        let ordered = recorded_cluster(case);
        let mut objects: Vec<&Value> = case["objects"].as_array().unwrap().iter().collect();
        objects.sort_by_key(|object| seed.wrapping_mul(object.to_string().len() as u64 | 1).rotate_left(17));
        // Of two objects of one name the last counts, so such a case has an order.
        let name = |object: &&Value| (object["kind"].to_string(), object["metadata"].to_string());
        let mut names: Vec<_> = objects.iter().map(name).collect();
        names.sort();
        prop_assume!(names.windows(2).all(|pair| pair[0] != pair[1]));
        let shuffled = cluster(objects.into_iter());
        let view = asked.view();
        prop_assert_eq!(ordered.decide(&asked.request(), &view), shuffled.decide(&asked.request(), &view));
    }

    #[test]
    fn a_decision_repeats((case, asked) in drawn()) {
        let cluster = recorded_cluster(case);
        let view = asked.view();
        let other = recorded_cluster(case);
        let first = cluster.decide(&asked.request(), &view);
        prop_assert_eq!(&first, &cluster.decide(&asked.request(), &view));
        prop_assert_eq!(&first, &other.decide(&asked.request(), &view));
    }

    /// What the API server does between the phases is part of the result, so this holds without exception.
    #[test]
    fn an_admitted_pod_is_not_filled_in_again((case, asked) in drawn()) {
        let cluster = recorded_cluster(case).without_pod_validation();
        let view = asked.view();
        if let Outcome::Decided(Verdict::Admitted { validated_by, pod, .. }) = cluster.decide(&asked.request(), &view) {
            let policy = &cluster.plugin().policies()[validated_by];
            let filling = policy.fills().iter().find(|fill| fill.changes(&pod));
            prop_assert!(filling.is_none(), "{} fills {:?}", policy.name(), filling);
            let usable = cluster.usable(&asked.request(), &view);
            let update = Request { operation: Operation::Update, ..asked.request() };
            let again = cluster.decide_usable(&update, &pod, &usable);
            let Verdict::Admitted { pod: again, .. } = again else { panic!("the update of the result is denied: {again:?}") };
            prop_assert_eq!(again, pod);
        }
    }
}
