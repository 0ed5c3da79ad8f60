//! The mutators of a plan: what a policy fills in, where no other policy can admit the pod.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::masters::filled_otherwise;
use super::scope::{covers, places, scopes};
use crate::constraint::{Fill, Setting};
use crate::plan::{Plan, PlannedPolicy};
use crate::pod_view::{ContainerList, Field};
use crate::targets::{Emission, Emitted, Gap};

/// The longest name of a mutator.
const MAX_NAME: usize = 63;

/// Adds the mutators of a plan, and what they leave undone.
pub(in super::super) fn mutators(plan: &Plan<'_>, emission: &mut Emission) {
    let places = places(plan);
    let scopes = scopes(&places);
    for (index, policy) in plan.policies.iter().enumerate() {
        let scope = scopes.get(&index);
        if let Some(scope) = scope {
            let matching = scope.matching();
            let parts = written(policy).flat_map(Part::of);
            emission.documents.extend(parts.map(|part| part.emitted(policy.name, &matching)));
            emission.gaps.extend(written(policy).filter_map(|fill| inexact(policy.name, fill)));
        }
        if writes(policy) && !policy.grants.is_empty() && !covers(scope, policy) {
            emission.gaps.push(lost(policy));
        }
    }
    if scopes.keys().any(|index| plan.policies.get(*index).is_some_and(writes)) {
        emission.gaps.extend(filled_otherwise(plan, &places));
    }
}

/// What a mutator can write of a policy's fills.
fn written<'p>(policy: &'p PlannedPolicy<'_>) -> impl Iterator<Item = &'p Fill> {
    policy.fills.iter().filter(|fill| **fill != Fill::CopySeccompToAnnotation)
}

/// Whether a policy fills in what a mutator can write.
pub(super) fn writes(policy: &PlannedPolicy<'_>) -> bool {
    written(policy).next().is_some()
}

/// One place that a mutator writes.
struct Part {
    /// What the mutator's name ends in.
    suffix: String,
    location: String,
    value: Written,
}

enum Written {
    /// Where nothing is.
    Absent(Value),
    /// Members of a list, in any case.
    Members(Value),
}

impl Part {
    /// The places that a fill writes. Ids and profiles go to the pod: containers inherit them.
    fn of(fill: &Fill) -> Vec<Self> {
        match fill {
            Fill::SetIfAbsent { at, value, .. } => place(*at, value),
            Fill::Capabilities { add, drop } => {
                let lists = [("add", add), ("drop", drop)].into_iter().filter(|(_, names)| !names.is_empty());
                lists
                    .flat_map(|(list, names)| {
                        containers(&format!("capabilities.{list}"), || Written::Members(json!(names)))
                    })
                    .collect()
            }
            Fill::CopySeccompToAnnotation => Vec::new(),
        }
    }

    fn emitted(self, policy: &str, matching: &Value) -> Emitted {
        let name = mutator_name(policy, &self.suffix);
        let target = json!({"groups": [""], "versions": ["v1"], "kinds": ["Pod"], "operations": ["CREATE"]});
        let (kind, parameters) = match self.value {
            Written::Absent(value) => {
                let absent = json!({"subPath": self.location, "condition": "MustNotExist"});
                ("Assign", json!({"pathTests": [absent], "assign": {"value": value}}))
            }
            Written::Members(names) => ("ModifySet", json!({"operation": "merge", "values": {"fromList": names}})),
        };
        let document = json!({
            "apiVersion": "mutations.gatekeeper.sh/v1",
            "kind": kind,
            "metadata": {"name": name},
            "spec": {"applyTo": [target], "match": matching, "location": self.location, "parameters": parameters},
        });
        Emitted { file: format!("psp-mutator-{name}.yaml"), document }
    }
}

fn place(at: Field, value: &Setting) -> Vec<Part> {
    let pod = |field: &str, value| {
        let location = format!("spec.securityContext.{field}");
        vec![Part { suffix: field.to_ascii_lowercase(), location, value: Written::Absent(value) }]
    };
    match (at, value) {
        (Field::FsGroup, Setting::Int(id)) => pod("fsGroup", json!(id)),
        (Field::SupplementalGroups, Setting::Ints(ids)) => pod("supplementalGroups", json!(ids)),
        (Field::PodSeLinuxLevel, Setting::SeLinux(options)) => pod("seLinuxOptions", json!(options)),
        (Field::RunAsUser, Setting::Int(id)) => pod("runAsUser", json!(id)),
        (Field::RunAsGroup, Setting::Int(id)) => pod("runAsGroup", json!(id)),
        (Field::RunAsNonRoot, Setting::Bool(value)) => pod("runAsNonRoot", json!(value)),
        (Field::PodSeccomp, Setting::Text(profile)) => pod("seccompProfile", profile_field(profile)),
        (Field::AppArmor, Setting::Text(profile)) => pod("appArmorProfile", profile_field(profile)),
        (Field::RuntimeClassName, Setting::Text(name)) => vec![Part {
            suffix: "runtimeclassname".to_owned(),
            location: "spec.runtimeClassName".to_owned(),
            value: Written::Absent(json!(name)),
        }],
        (Field::ReadOnlyRootFilesystem, Setting::Bool(value)) => {
            containers("readOnlyRootFilesystem", || Written::Absent(json!(value)))
        }
        (Field::AllowPrivilegeEscalation, Setting::Bool(value)) => {
            containers("allowPrivilegeEscalation", || Written::Absent(json!(value)))
        }
        _ => Vec::new(),
    }
}

/// A field in the security context of every container that a pod can be created with.
fn containers(field: &str, value: impl Fn() -> Written) -> Vec<Part> {
    let part = |list: ContainerList| Part {
        suffix: format!("{field}-{}", list.name()).to_ascii_lowercase(),
        location: format!("spec.{}[name: *].securityContext.{field}", list.name()),
        value: value(),
    };
    [ContainerList::Init, ContainerList::Regular].map(part).into()
}

/// The field that stands for a profile in the spelling of annotations.
fn profile_field(profile: &str) -> Value {
    match profile.strip_prefix("localhost/") {
        Some(file) => json!({"type": "Localhost", "localhostProfile": file}),
        None if profile == "unconfined" => json!({"type": "Unconfined"}),
        None => json!({"type": "RuntimeDefault"}),
    }
}

/// A name of its own for each policy and place; long ones keep a digest of the policy's name.
fn mutator_name(policy: &str, suffix: &str) -> String {
    let name = format!("psp-{policy}-{suffix}");
    if name.len() <= MAX_NAME {
        return name;
    }
    let digest: String = Sha256::digest(policy).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    format!("psp-{digest}-{suffix}")
}

/// What a mutator writes otherwise than the policy did.
fn inexact(policy: &str, fill: &Fill) -> Option<Gap> {
    let (code, control, message, spec) = match fill {
        Fill::SetIfAbsent { at: Field::SupplementalGroups, .. } => (
            "empty-supplemental-groups",
            "supplementalGroups",
            "a pod with an empty list of supplemental groups was denied; a webhook cannot tell it from a pod without the list, \
             which is filled in",
            json!({"securityContext": {"supplementalGroups": []}}),
        ),
        Fill::SetIfAbsent { at: Field::RunAsNonRoot, .. } => (
            "run-as-non-root-beside-user",
            "runAsUser",
            "`runAsNonRoot: true` is also written where a user id is set; the policy left it out there. Such a pod is admitted \
             alike and runs alike",
            json!({"securityContext": {"runAsUser": 1000}}),
        ),
        Fill::Capabilities { add, .. } if !add.is_empty() => (
            "capability-added-and-dropped",
            "capabilities",
            "a default capability is added even to a container that drops it by name; the policy left it out there",
            json!({"containers": [{"name": "c", "image": "image", "securityContext": {"capabilities": {"drop": add}}}]}),
        ),
        _ => return None,
    };
    Some(Gap {
        code,
        policy: Some(policy.to_owned()),
        control: Some(control),
        message: message.to_owned(),
        witness: Some(pod(spec)),
    })
}

fn pod(spec: Value) -> Value {
    pod_in("default", spec)
}

/// A pod with this specification, and a container if that names none.
pub(super) fn pod_in(namespace: &str, mut spec: Value) -> Value {
    if let Some(map) = spec.as_object_mut() {
        map.entry("containers").or_insert_with(|| json!([{"name": "c", "image": "image"}]));
    }
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "witness", "namespace": namespace}, "spec": spec})
}

/// What a policy filled in and nothing fills in any more.
fn lost(policy: &PlannedPolicy<'_>) -> Gap {
    let fills = policy.fills.iter().flat_map(Part::of).map(|part| format!("`{}`", part.location));
    let message = format!(
        "where others may use another policy, nothing fills in {}: mutators know no users. Pods that leave it out are denied \
         under this policy; write it into the workloads instead (target `workloads`)",
        fills.collect::<Vec<_>>().join(", ")
    );
    let witness = Some(pod(json!({})));
    Gap { code: "fills-lost", policy: Some(policy.name.to_owned()), control: None, message, witness }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_keep_a_digest() {
        assert_eq!(mutator_name("restricted", "fsgroup"), "psp-restricted-fsgroup");
        let (a, b) = (mutator_name(&"a".repeat(253), "fsgroup"), mutator_name(&"b".repeat(253), "fsgroup"));
        assert!(a.len() <= MAX_NAME && a != b);
    }

    #[test]
    fn the_longest_suffix_leaves_room_for_a_digest() {
        let parts = containers("allowPrivilegeEscalation", || Written::Absent(json!(true)));
        for part in parts {
            assert!(mutator_name(&"a".repeat(253), &part.suffix).len() <= MAX_NAME, "{}", part.suffix);
        }
    }
}
