//! `appArmorProfile` (baseline, v1.0): only the runtime's or a local AppArmor profile may be asked for.
//!
//! Fields: `securityContext.appArmorProfile.type` of pod and containers must be absent, `RuntimeDefault` or `Localhost`;
//! a profile without a type is refused. Annotations: every key under `container.apparmor.security.beta.kubernetes.io/`,
//! whether or not a container has that name, must be empty, `runtime/default` or start with `localhost/`.

use super::text::{plural, push_quoted, push_setters, set};
use super::{Check, Revision};
use crate::field_error::go_quote;
use crate::targets::psa::level::Level;
use crate::targets::psa::pod::{ContainerFacts, PodFacts, SecurityFacts};

pub(super) const CHECK: Check = Check {
    id: "appArmorProfile",
    level: Level::Baseline,
    overrides: None,
    reason: |pod| {
        let count = set(bad_types(pod)).len() + bad_annotations(pod).count();
        plural(count, "forbidden AppArmor profile", "forbidden AppArmor profiles")
    },
    revisions: &[Revision {
        since: 0,
        violated: |pod| bad_types(pod).next().is_some() || bad_annotations(pod).next().is_some(),
        detail,
    }],
};

const ANNOTATION_PREFIX: &str = "container.apparmor.security.beta.kubernetes.io/";

fn bad_type<'a>(security: &SecurityFacts<'a>) -> Option<&'a str> {
    security.app_armor.filter(|kind| !matches!(*kind, "RuntimeDefault" | "Localhost"))
}

fn bad(container: &ContainerFacts<'_>) -> bool {
    bad_type(&container.security).is_some()
}

fn bad_types<'a>(pod: &PodFacts<'a>) -> impl Iterator<Item = &'a str> {
    let containers = pod.containers.iter().filter_map(|container| bad_type(&container.security));
    bad_type(&pod.security).into_iter().chain(containers)
}

fn bad_annotations<'a>(pod: &PodFacts<'a>) -> impl Iterator<Item = (&'a str, &'a str)> {
    let all = pod.annotations_under(ANNOTATION_PREFIX);
    all.filter(|(_, value)| !value.is_empty() && *value != "runtime/default" && !value.starts_with("localhost/"))
}

fn detail(pod: &PodFacts<'_>, out: &mut String) {
    let some_field = bad_types(pod).next().is_some();
    push_setters(out, pod, bad_type(&pod.security).is_some(), bad);
    let mut annotations: Vec<String> =
        bad_annotations(pod).map(|(key, value)| format!("{key}={}", go_quote(value))).collect();
    annotations.sort_unstable();
    if !annotations.is_empty() {
        out.push_str(if some_field { " and " } else { "" });
        out.push_str(plural(annotations.len(), "annotation", "annotations"));
    }
    out.push_str(" must not set AppArmor profile type to ");
    push_quoted(out, set(bad_types(pod)).into_iter().chain(annotations.iter().map(String::as_str)));
}

#[cfg(test)]
mod tests {
    use super::super::fixture::expect;
    use super::*;
    use serde_json::json;

    #[test]
    fn types_and_annotations_are_listed_in_two_sorted_runs() {
        let edits = [
            ("/spec/securityContext/appArmorProfile", json!({"type": "Unconfined"})),
            ("/spec/containers/0/securityContext/appArmorProfile", json!({"type": ""})),
            ("/metadata/annotations/container.apparmor.security.beta.kubernetes.io~1z", json!("unconfined")),
            ("/metadata/annotations/container.apparmor.security.beta.kubernetes.io~1", json!("bogus")),
        ];
        let text = "forbidden AppArmor profiles (pod and container \"c\" and annotations must not set AppArmor profile \
                    type to \"\", \"Unconfined\", \"container.apparmor.security.beta.kubernetes.io/=\"bogus\"\", \
                    \"container.apparmor.security.beta.kubernetes.io/z=\"unconfined\"\")";
        expect(&CHECK, 0, &edits, text);
    }

    #[test]
    fn one_annotation_is_one_profile() {
        let key = "/metadata/annotations/container.apparmor.security.beta.kubernetes.io~1c";
        let text = "forbidden AppArmor profile (annotation must not set AppArmor profile type to \
                    \"container.apparmor.security.beta.kubernetes.io/c=\"x\"\")";
        expect(&CHECK, 37, &[(key, json!("x"))], text);
    }

    #[test]
    fn runtime_local_and_empty_profiles_pass() {
        for value in ["", "runtime/default", "localhost/", "localhost/a"] {
            let key = "/metadata/annotations/container.apparmor.security.beta.kubernetes.io~1c";
            expect(&CHECK, 0, &[(key, json!(value))], "");
        }
        for kind in ["RuntimeDefault", "Localhost"] {
            expect(&CHECK, 0, &[("/spec/securityContext/appArmorProfile/type", json!(kind))], "");
        }
    }
}
