//! `allowedHostPaths`: which paths of the node a pod may mount, and which only read-only.
//!
//! * Policy field: `spec.allowedHostPaths`, prefixes with `readOnly`; absent or empty means every path, writable.
//! * Pod fields: `hostPath.path` of a volume, and the mounts of that volume in every container.
//! * Fills nothing in.
//!
//! The list does not admit hostPath volumes, and does restrict them where `volumes` says `*`. One matching prefix that is
//! not read-only admits writing, whatever the others say. A read-only volume that nobody mounts passes. See
//! [`PathPrefix`] for what a prefix matches. Source: `pkg/security/podsecuritypolicy/util` (`AllowsHostVolumePath`).
//!
//! Before 1.23 upstream does not look at the mounts of ephemeral containers. The constraint does, in every release: a pod
//! cannot be created with ephemeral containers.

use serde_json::json;

use super::{Control, Denials, Parsed, Requirement};
use crate::constraint::{Axis, Constraint, Items, PathPrefix, Place, Test};
use crate::field_error::{FieldError, go_quote};
use crate::pod_view::{ContainerList, Field, PodView, Volume};
use crate::psp::{AllowedHostPath, PodSecurityPolicy};
use crate::release::Release;

pub(super) static CONTROL: Control =
    Control { name: "allowedHostPaths", owns: &[Field::HostPath, Field::WritableMount], parse };

fn parse(policy: &PodSecurityPolicy, release: &Release) -> Parsed {
    let entries = &policy.spec.allowed_host_paths;
    if entries.is_empty() {
        return Ok(None);
    }
    let (read_only, writable): (Vec<_>, Vec<_>) = entries.iter().partition(|entry| entry.read_only);
    let prefixes =
        |entries: Vec<&AllowedHostPath>| entries.iter().map(|entry| PathPrefix::new(&entry.path_prefix)).collect();
    Ok(Some(Box::new(HostPaths {
        writable: prefixes(writable),
        read_only: prefixes(read_only),
        sees_ephemeral: release.validates_ephemeral_containers(),
    })))
}

struct HostPaths {
    writable: Vec<PathPrefix>,
    read_only: Vec<PathPrefix>,
    /// Mounts of ephemeral containers count.
    sees_ephemeral: bool,
}

impl HostPaths {
    fn deny_writable_mounts(&self, pod: &PodView<'_>, volume: &Volume<'_>, denials: &mut Denials) {
        let seen = |list| self.sees_ephemeral || list != ContainerList::Ephemeral;
        for container in pod.containers.iter().filter(|container| seen(container.list)) {
            let mounts = container.mounts.iter().enumerate();
            for (index, _) in mounts.filter(|(_, mount)| mount.name == volume.name && !mount.read_only) {
                denials.add(|| {
                    let field = format!("{container}.volumeMounts[{index}].readOnly");
                    FieldError::invalid(field, false, "must be read-only")
                });
            }
        }
    }
}

impl Requirement for HostPaths {
    fn admit_volume(&self, pod: &PodView<'_>, index: usize, volume: &Volume<'_>, denials: &mut Denials) {
        let Some(path) = volume.host_path else { return };
        let lies_under = |prefixes: &[PathPrefix]| prefixes.iter().any(|prefix| prefix.contains(path));
        if lies_under(&self.writable) {
            return;
        }
        if lies_under(&self.read_only) {
            return self.deny_writable_mounts(pod, volume, denials);
        }
        denials.add(|| {
            let field = format!("spec.volumes[{index}].hostPath.pathPrefix");
            FieldError::invalid(field, go_quote(path), "is not allowed to be used")
        });
    }

    fn constraint(&self) -> Constraint {
        let under = |prefixes: &[PathPrefix]| {
            let test = |prefixes| Constraint::Field(Field::HostPath, Test::Under(prefixes));
            (!prefixes.is_empty()).then(|| test(prefixes.to_vec()))
        };
        let mounts = Constraint::Field(Field::WritableMount, Test::not(Test::Is(true)));
        let read_only = under(&self.read_only).map(|under| Constraint::all([under, mounts]));
        let other = Constraint::Field(Field::HostPath, Test::Absent);
        let one = Constraint::any([other].into_iter().chain(under(&self.writable)).chain(read_only));
        Constraint::each(Items::Volumes, one)
    }

    fn boundary(&self) -> Vec<Axis> {
        let prefixes = self.writable.iter().chain(&self.read_only);
        let mut paths: Vec<_> = prefixes.flat_map(|prefix| paths_around(prefix.as_str())).collect();
        paths.extend(["", "/", "//", "x", "/x"].map(str::to_owned));
        paths.sort_unstable();
        paths.dedup();
        let other = json!({"emptyDir": {}});
        let volumes = paths.iter().map(|path| json!({"hostPath": {"path": path}}));
        let mounts = [json!("unmounted"), json!(null), json!(true), json!(false)];
        vec![Axis::new(Place::Volume, [other].into_iter().chain(volumes)), Axis::new(Place::Mount, mounts)]
    }
}

/// The prefix itself, what continues it with and without a slash, its parent, and spellings that only a cleaning
/// comparison would take for the same.
fn paths_around(prefix: &str) -> [String; 9] {
    let parent = prefix.rsplit_once('/').map_or("", |(parent, _)| parent);
    [
        prefix.to_owned(),
        format!("{prefix}/"),
        format!("{prefix}//"),
        format!("{prefix}/x"),
        format!("{prefix}//x"),
        format!("{prefix}x"),
        format!("{prefix}/../x"),
        format!("/{prefix}"),
        parent.to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::testing::{check, check_release, lowering_is_faithful};
    use super::*;

    fn policy(entries: &[(&str, bool)]) -> Value {
        let entry = |(prefix, read_only): &(&str, bool)| json!({"pathPrefix": prefix, "readOnly": read_only});
        json!({"allowedHostPaths": entries.iter().map(entry).collect::<Vec<_>>()})
    }

    fn pod(path: &str, list: &str, mounts: Value) -> Value {
        json!({"volumes": [{"name": "h", "hostPath": {"path": path}}], list: [{}, {"volumeMounts": mounts}]})
    }

    #[test]
    fn a_prefix_ends_at_a_slash_and_nothing_is_cleaned() {
        for path in ["/foo", "/foo/", "/foo//", "/foo/x", "/foo/../etc"] {
            check(&CONTROL, policy(&[("/foo", false)]), pod(path, "containers", json!([])), &[]);
        }
        for path in ["/food", "//foo", "foo", "/", ""] {
            check(
                &CONTROL,
                policy(&[("/foo/", false)]),
                pod(path, "containers", json!([])),
                &[&format!(
                    "spec.volumes[0].hostPath.pathPrefix: Invalid value: \"{path}\": is not allowed to be used"
                )],
            );
        }
    }

    #[test]
    fn read_only_is_asked_of_every_mount() {
        let mounts = json!([{"name": "h"}, {"name": "other"}, {"name": "h", "readOnly": true}, {"name": "h", "readOnly": false}]);
        check(
            &CONTROL,
            policy(&[("/foo", true)]),
            pod("/foo", "initContainers", mounts),
            &[
                "spec.initContainers[1].volumeMounts[0].readOnly: Invalid value: false: must be read-only",
                "spec.initContainers[1].volumeMounts[3].readOnly: Invalid value: false: must be read-only",
            ],
        );
        check(&CONTROL, policy(&[("/foo", true)]), pod("/foo", "containers", json!([])), &[]);
    }

    #[test]
    fn one_writable_entry_suffices_in_any_order() {
        let pod = pod("/foo/x", "containers", json!([{"name": "h"}]));
        check(&CONTROL, policy(&[("/foo", true), ("/", false)]), pod.clone(), &[]);
        check(&CONTROL, policy(&[("/foo/x", false), ("/foo", true)]), pod, &[]);
    }

    #[test]
    fn mounts_of_ephemeral_containers_count_from_1_23() {
        let pod = pod("/foo", "ephemeralContainers", json!([{"name": "h"}]));
        let denial = "spec.ephemeralContainers[1].volumeMounts[0].readOnly: Invalid value: false: must be read-only";
        let policy = policy(&[("/foo", true)]);
        check_release(&CONTROL, policy.clone(), pod.clone(), &[denial], "1.23".parse().unwrap());
        check_release(&CONTROL, policy, pod, &[], "1.22".parse().unwrap());
    }

    #[test]
    fn other_volumes_are_not_looked_at() {
        let pod = json!({"volumes": [{"name": "e", "emptyDir": {}}]});
        check(&CONTROL, policy(&[("/foo", true)]), pod, &[]);
    }

    #[test]
    fn the_constraint_says_what_the_check_says() {
        lowering_is_faithful(
            &CONTROL,
            &[
                policy(&[("/foo", false)]),
                policy(&[("/foo/", true), ("/foo/bar", false)]),
                policy(&[("/", true)]),
                policy(&[("/foo//", false), ("relative", true)]),
                policy(&[]),
            ],
        );
    }
}
