//! What holds of every control.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::testing::{for_each_boundary_pod, policy};
use super::*;

/// Policies of which at least one demands something of each control.
fn policies() -> [Value; 3] {
    let ranges = json!([{"min": 1, "max": 2}, {"min": 5, "max": 5}]);
    let must = json!({"rule": "MustRunAs", "ranges": ranges});
    let strict = json!({
        "annotations": {
            "seccomp.security.alpha.kubernetes.io/allowedProfileNames": "runtime/default,localhost/a",
            "seccomp.security.alpha.kubernetes.io/defaultProfileName": "docker/default",
            "apparmor.security.beta.kubernetes.io/allowedProfileNames": "runtime/default,localhost/a",
            "apparmor.security.beta.kubernetes.io/defaultProfileName": "runtime/default",
        },
        "defaultAddCapabilities": ["CHOWN"],
        "requiredDropCapabilities": ["KILL", "MKNOD"],
        "allowedCapabilities": ["NET_ADMIN"],
        "volumes": ["secret", "hostPath", "csi", "flexVolume"],
        "hostPorts": [{"min": 80, "max": 80}, {"min": 8000, "max": 8080}],
        "seLinux": {"rule": "MustRunAs", "seLinuxOptions": {"type": "t", "level": "s0:c1,c2"}},
        "runAsUser": must, "runAsGroup": must, "supplementalGroups": must, "fsGroup": must,
        "readOnlyRootFilesystem": true,
        "allowPrivilegeEscalation": false,
        "allowedHostPaths": [{"pathPrefix": "/var/log", "readOnly": true}, {"pathPrefix": "/var/log/app"}],
        "allowedFlexVolumes": [{"driver": "a/b"}],
        "allowedCSIDrivers": [{"name": "d"}],
        "allowedUnsafeSysctls": ["net.core.*"],
        "forbiddenSysctls": ["kernel.*"],
        "runtimeClass": {"allowedRuntimeClassNames": ["a"], "defaultRuntimeClassName": "a"},
    });
    let not_root = json!({"runAsUser": {"rule": "MustRunAsNonRoot"}, "defaultAllowPrivilegeEscalation": true});
    [strict, not_root, json!({})]
}

/// What each policy demands of the control.
fn requirements(control: &Control) -> Vec<Box<dyn Requirement>> {
    let parse = |spec| (control.parse)(&policy(spec), &Release::default()).unwrap();
    policies().into_iter().filter_map(parse).collect()
}

fn names(controls: &[&Control]) -> Vec<&'static str> {
    controls.iter().map(|control| control.name).collect()
}

#[test]
fn every_control_has_a_name_and_a_file_of_that_name() {
    let stem = |name: &str| name.replace('_', "").to_lowercase();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/controls");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut files: Vec<_> = files.map(|file| stem(file.to_str().unwrap().trim_end_matches(".rs"))).collect();
    files.retain(|file| !["mod", "contract", "testing", "denials", "groups", "drivers"].contains(&file.as_str()));
    let mut controls: Vec<_> = CONTROLS.iter().map(|control| stem(control.name)).collect();
    files.sort_unstable();
    controls.sort_unstable();
    assert_eq!(files, controls);
}

#[test]
fn every_field_has_one_owner() {
    let mut owners: BTreeMap<Field, Vec<&str>> = Field::ALL.map(|field| (field, Vec::new())).into();
    for control in CONTROLS {
        for field in control.owns {
            owners.get_mut(field).unwrap().push(control.name);
        }
    }
    owners.retain(|_, names| names.len() != 1);
    assert_eq!(owners, BTreeMap::new());
}

#[test]
fn a_constraint_speaks_of_owned_fields_only() {
    fn fields(constraint: &Constraint) -> Vec<Field> {
        match constraint {
            Constraint::Always | Constraint::Never(_) => Vec::new(),
            Constraint::All(parts) | Constraint::Any(parts) => parts.iter().flat_map(fields).collect(),
            Constraint::Each(_, part) => fields(part),
            Constraint::Field(field, _) => vec![*field],
        }
    }
    for control in CONTROLS {
        for requirement in requirements(control) {
            let strangers = fields(&requirement.constraint());
            let strangers = strangers.iter().find(|field| !control.owns.contains(field));
            assert_eq!(strangers, None, "{}", control.name);
        }
    }
}

#[test]
fn what_is_filled_in_changes_some_boundary_pod() {
    for control in CONTROLS {
        for requirement in requirements(control) {
            for fill in requirement.fills() {
                let mut changes = 0;
                for_each_boundary_pod(&requirement.boundary(), |pod| {
                    let mut view = PodView::read(pod, &Release::default()).unwrap();
                    changes += usize::from(fill.apply(&mut view));
                });
                assert!(changes > 0, "{}: {fill:?}", control.name);
            }
        }
    }
}

#[test]
fn a_boundary_stays_small() {
    for control in CONTROLS {
        for requirement in requirements(control) {
            let pods: usize = requirement.boundary().iter().map(|axis| axis.values.len()).product();
            assert!(pods <= 5_000, "{}: {pods}", control.name);
        }
    }
}

#[test]
fn the_orders_name_exactly_the_controls_that_judge_there() {
    let judging = |deny: fn(&dyn Requirement, &PodView<'_>, &mut Denials)| -> Vec<&str> {
        let judges =
            |control: &&Control| requirements(control).iter().any(|r| denies_some_boundary_pod(r.as_ref(), deny));
        names(&CONTROLS.into_iter().filter(judges).collect::<Vec<_>>())
    };
    let mut pod_order = [names(&BEFORE_VOLUMES), names(&AFTER_VOLUMES)].concat();
    let mut of_pods = judging(|requirement, pod, denials| requirement.admit_pod(pod, denials));
    pod_order.sort_unstable();
    of_pods.sort_unstable();
    assert_eq!(of_pods, pod_order);
    let of_volumes = judging(|requirement, pod, denials| {
        for (index, volume) in pod.volumes.iter().enumerate() {
            requirement.admit_volume(pod, index, volume, denials);
        }
    });
    assert_eq!(of_volumes, names(&VOLUMES));
    let of_containers = judging(|requirement, pod, denials| {
        for container in &pod.containers {
            requirement.admit_container(pod, container, denials);
        }
    });
    assert_eq!(of_containers, names(CONTROLS.get(..11).unwrap()));
}

fn denies_some_boundary_pod(
    requirement: &dyn Requirement,
    deny: fn(&dyn Requirement, &PodView<'_>, &mut Denials),
) -> bool {
    let mut denials = Denials::counted();
    for_each_boundary_pod(&requirement.boundary(), |pod| {
        let view = PodView::read(pod, &Release::default()).unwrap();
        deny(requirement, &view, &mut denials);
    });
    denials.count() > 0
}
