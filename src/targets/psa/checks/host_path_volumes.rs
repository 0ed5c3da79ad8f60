//! `hostPathVolumes` (baseline, v1.0): volumes from the host's file system are refused.
//!
//! Fields: `volumes[*].hostPath` must be absent or null.

use serde_json::Value;

use super::text::{plural, push_quoted};
use super::{Check, Revision};
use crate::targets::psa::level::Level;
use crate::targets::psa::pod::{PodFacts, fields, string_at};

pub(super) const CHECK: Check = Check {
    id: "hostPathVolumes",
    level: Level::Baseline,
    overrides: None,
    reason: |_| "hostPath volumes",
    revisions: &[Revision { since: 0, violated: |pod| pod.volumes.iter().any(bad), detail }],
};

fn bad(volume: &Value) -> bool {
    fields(Some(volume)).any(|(source, _)| source == "hostPath")
}

fn detail(pod: &PodFacts<'_>, out: &mut String) {
    let names = || pod.volumes.iter().filter(|volume| bad(volume)).map(|volume| string_at(volume, "name"));
    out.push_str(plural(names().count(), "volume ", "volumes "));
    push_quoted(out, names());
}

#[cfg(test)]
mod tests {
    use super::super::fixture::expect;
    use super::*;
    use serde_json::json;

    #[test]
    fn volumes_are_named_in_the_order_of_the_spec() {
        let volumes =
            json!([{"name": "b", "hostPath": {}}, {"name": "x", "emptyDir": {}}, {"name": "a", "hostPath": {}}]);
        expect(&CHECK, 0, &[("/spec/volumes", volumes)], "hostPath volumes (volumes \"b\", \"a\")");
        let volumes = json!([{"hostPath": {"path": "/"}, "secret": {}}]);
        expect(&CHECK, 0, &[("/spec/volumes", volumes)], "hostPath volumes (volume \"\")");
    }

    #[test]
    fn null_is_absent() {
        expect(&CHECK, 0, &[("/spec/volumes", json!([{"name": "a", "hostPath": null}, null]))], "");
    }
}
