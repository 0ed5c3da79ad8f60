//! The one place where control tests call the code.

use serde_json::{Value, json};

use super::{Control, Denials, Requirement};
use crate::constraint::{Axis, Constraint, Fill, boundary_pods};
use crate::pod_view::PodView;
use crate::psp::PodSecurityPolicy;
use crate::release::Release;

/// A policy with the given `spec` and the rules every policy must name.
pub(crate) fn policy(spec: Value) -> PodSecurityPolicy {
    let any = json!({"rule": "RunAsAny"});
    let mut full = json!({"seLinux": any, "runAsUser": any, "supplementalGroups": any, "fsGroup": any});
    let mut manifest = json!({"metadata": {"name": "p"}});
    for (key, value) in spec.as_object().cloned().unwrap_or_default() {
        match key.as_str() {
            "annotations" => manifest["metadata"]["annotations"] = value,
            _ => full[key] = value,
        }
    }
    manifest["spec"] = full;
    PodSecurityPolicy::from_value(&manifest).unwrap()
}

fn requirement(control: &Control, spec: Value, release: &Release) -> Option<Box<dyn Requirement>> {
    (control.parse)(&policy(spec).stored(release), release).unwrap()
}

/// Why the plug-in drops the policy.
#[track_caller]
pub(crate) fn unusable(control: &Control, spec: Value) -> String {
    let release = Release::default();
    match (control.parse)(&policy(spec).stored(&release), &release) {
        Ok(_) => panic!("the policy is usable"),
        Err(why) => why.to_string(),
    }
}

/// A pod manifest with the given `spec`; annotations are given under `annotations`, container names are added.
fn pod(spec: Value) -> Value {
    let mut spec = spec.as_object().cloned().unwrap_or_default();
    let annotations = spec.remove("annotations").unwrap_or(json!({}));
    for (list, letter) in [("initContainers", "i"), ("containers", "c"), ("ephemeralContainers", "e")] {
        let containers = spec.get_mut(list).and_then(Value::as_array_mut);
        for (index, container) in containers.into_iter().flatten().enumerate() {
            container["name"] = json!(format!("{letter}{index}"));
        }
    }
    json!({"metadata": {"name": "p", "annotations": annotations}, "spec": spec})
}

/// Fills, then admits, and compares the denials.
#[track_caller]
pub(crate) fn check(control: &Control, policy: Value, spec: Value, denials: &[&str]) {
    check_release(control, policy, spec, denials, Release::default());
}

/// As [`check`], for another release.
#[track_caller]
pub(crate) fn check_release(control: &Control, policy: Value, spec: Value, denials: &[&str], release: Release) {
    assert_eq!(denials_in(&release, control, policy, spec), denials);
}

/// The denials after filling.
pub(crate) fn denials(control: &Control, policy: Value, spec: Value) -> Vec<String> {
    denials_in(&Release::default(), control, policy, spec)
}

fn denials_in(release: &Release, control: &Control, policy: Value, spec: Value) -> Vec<String> {
    let pod = pod(spec);
    let view = PodView::read(&pod, release).unwrap();
    let requirement = requirement(control, policy, release);
    requirement.map(|requirement| fill_then_admit(requirement.as_ref(), &view)).unwrap_or_default()
}

/// The pod's `spec` (and `annotations`, if any) after filling.
pub(crate) fn filled(control: &Control, policy: Value, spec: Value) -> Value {
    let mut pod = pod(spec);
    let before = pod.clone();
    let view = PodView::read(&before, &Release::default()).unwrap();
    let fills = requirement(control, policy, &Release::default()).map(|r| r.fills()).unwrap_or_default();
    let mut after = view.clone();
    for fill in &fills {
        fill.apply(&mut after);
    }
    after.write_into(&view, &mut pod);
    let mut spec = pod["spec"].take();
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        for container in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            container.as_object_mut().unwrap().shift_remove("name");
        }
    }
    if pod["metadata"]["annotations"] != json!({}) {
        spec["annotations"] = pod["metadata"]["annotations"].take();
    }
    spec
}

fn fill_then_admit(requirement: &dyn Requirement, pod: &PodView<'_>) -> Vec<String> {
    let fills = requirement.fills();
    let mut filled = pod.clone();
    for fill in &fills {
        fill.apply(&mut filled);
    }
    let mut denials = Denials::collected();
    requirement.admit_pod(&filled, &mut denials);
    for (index, volume) in filled.volumes.iter().enumerate() {
        requirement.admit_volume(&filled, index, volume, &mut denials);
    }
    for container in &filled.containers {
        requirement.admit_container(&filled, container, &mut denials);
    }
    denials.into_errors().iter().map(ToString::to_string).collect()
}

/// Over the whole boundary of each policy's requirement, in each container list: the constraint holds of a pod exactly
/// when the pod is admitted after filling, filling twice changes nothing more, and filling does not change whether the
/// constraint holds. Fails if the boundary holds no admitted or no denied pod although the constraint is not constant.
#[track_caller]
pub(crate) fn lowering_is_faithful(control: &Control, policies: &[Value]) {
    lowering_is_faithful_in(Release::default(), control, policies);
}

/// As [`lowering_is_faithful`], for another release.
#[track_caller]
pub(crate) fn lowering_is_faithful_in(release: Release, control: &Control, policies: &[Value]) {
    for spec in policies {
        let Some(requirement) = requirement(control, spec.clone(), &release) else {
            continue;
        };
        let constraint = requirement.constraint();
        let (mut admitted, mut denied) = (0, 0);
        for_each_boundary_pod(&requirement.boundary(), |pod| {
            let view = PodView::read(pod, &release).unwrap();
            let denials = fill_then_admit(requirement.as_ref(), &view);
            assert_eq!(constraint.holds(&view), denials.is_empty(), "{spec}\n{pod}\n{constraint:?}\n{denials:?}");
            filling_is_settled(&requirement.fills(), &constraint, &view);
            *(if denials.is_empty() { &mut admitted } else { &mut denied }) += 1;
        });
        let constant = matches!(constraint, Constraint::Always | Constraint::Never(_));
        assert!(constant || (admitted > 0 && denied > 0), "{spec}: {admitted} admitted, {denied} denied");
    }
}

fn filling_is_settled(fills: &[Fill], constraint: &Constraint, pod: &PodView<'_>) {
    let mut filled = pod.clone();
    for fill in fills {
        let expected = fill.changes(&filled);
        assert_eq!(fill.apply(&mut filled), expected, "{fill:?} of {pod:?}");
    }
    let mut again = filled.clone();
    assert!(!fills.iter().any(|fill| fill.apply(&mut again)), "filling twice changes {filled:?} to {again:?}");
    assert_eq!(constraint.holds(pod), constraint.holds(&filled), "filling changes the verdict on {pod:?}");
}

/// Calls `test` with every combination of the axes' values, in each container list.
pub(crate) fn for_each_boundary_pod(axes: &[Axis], mut test: impl FnMut(&Value)) {
    for list in ["containers", "initContainers", "ephemeralContainers"] {
        boundary_pods(axes, list).for_each(|pod| test(&pod));
    }
}
