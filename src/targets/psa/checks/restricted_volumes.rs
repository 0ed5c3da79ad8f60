//! `restrictedVolumes` (restricted, v1.0): only volumes that carry no host or network storage by themselves.
//!
//! Fields: a volume passes if it has any allowed source that is not null, whatever other sources it names; else its type
//! is the first source of upstream's list that is there, or `unknown`. A server makes a volume without a source an
//! `emptyDir` before admission.

use serde_json::Value;

use super::text::{plural, push_quoted, set};
use super::{Check, Revision};
use crate::targets::psa::level::Level;
use crate::targets::psa::pod::{PodFacts, fields, string_at};

pub(super) const CHECK: Check = Check {
    id: "restrictedVolumes",
    level: Level::Restricted,
    overrides: Some("hostPathVolumes"),
    reason: |_| "restricted volume types",
    revisions: &[Revision { since: 0, violated: |pod| pod.volumes.iter().any(bad), detail }],
};

const ALLOWED: [&str; 9] = [
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
];

const RESTRICTED: [&str; 21] = [
    "hostPath",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "gitRepo",
    "nfs",
    "iscsi",
    "glusterfs",
    "rbd",
    "flexVolume",
    "cinder",
    "cephfs",
    "flocker",
    "fc",
    "azureFile",
    "vsphereVolume",
    "quobyte",
    "azureDisk",
    "photonPersistentDisk",
    "portworxVolume",
    "scaleIO",
    "storageos",
];

fn bad(volume: &Value) -> bool {
    !fields(Some(volume)).any(|(source, _)| ALLOWED.contains(&source))
}

fn kind(volume: &Value) -> &'static str {
    let there = |source: &&str| volume.get(*source).is_some_and(|source| !source.is_null());
    RESTRICTED.into_iter().find(there).unwrap_or("unknown")
}

fn detail(pod: &PodFacts<'_>, out: &mut String) {
    let volumes = || pod.volumes.iter().filter(|volume| bad(volume));
    let kinds = set(volumes().map(kind));
    let count = volumes().count();
    out.push_str(plural(count, "volume ", "volumes "));
    push_quoted(out, volumes().map(|volume| string_at(volume, "name")));
    out.push_str(plural(count, " uses ", " use "));
    out.push_str(plural(kinds.len(), "restricted volume type ", "restricted volume types "));
    push_quoted(out, kinds);
}

#[cfg(test)]
mod tests {
    use super::super::fixture::expect;
    use super::*;
    use serde_json::json;

    #[test]
    fn volumes_keep_their_order_and_types_are_a_sorted_set() {
        let volumes = json!([
            {"name": "v1", "hostPath": {}}, {"name": "v0", "nfs": {}}, {"name": "v2"}, {"name": "v3", "hostPath": {}, "secret": {}},
        ]);
        let text = "restricted volume types (volumes \"v1\", \"v0\", \"v2\" use restricted volume types \"hostPath\", \
                    \"nfs\", \"unknown\")";
        expect(&CHECK, 0, &[("/spec/volumes", volumes)], text);
    }

    #[test]
    fn each_allowed_source_passes_unless_null() {
        for source in ALLOWED {
            expect(&CHECK, 0, &[("/spec/volumes", json!([{"name": "v", source: {}}]))], "");
            let text = "restricted volume types (volume \"v\" uses restricted volume type \"unknown\")";
            expect(&CHECK, 0, &[("/spec/volumes", json!([{"name": "v", source: null}]))], text);
        }
    }

    #[test]
    fn each_restricted_source_is_named_and_the_first_one_counts() {
        for source in RESTRICTED {
            let volume = json!({"name": "v", "storageos": {}, source: {}});
            let text = format!("restricted volume types (volume \"v\" uses restricted volume type \"{source}\")");
            expect(&CHECK, 37, &[("/spec/volumes", json!([volume]))], &text);
        }
    }
}
