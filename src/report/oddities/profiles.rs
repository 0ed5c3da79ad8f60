//! Seccomp and AppArmor: annotations of the policy, each with a default that its own list may not hold.

use super::{Looked, Oddity};

pub(super) const ODDITIES: &[Oddity] = &[
    Oddity { code: "seccomp-default-refused", find: seccomp_default_refused },
    Oddity { code: "seccomp-must-be-set", find: seccomp_must_be_set },
    Oddity { code: "seccomp-may-not-be-set", find: seccomp_may_not_be_set },
    Oddity { code: "app-armor-default-refused", find: app_armor_default_refused },
    Oddity { code: "app-armor-must-be-set", find: app_armor_must_be_set },
];

const SECCOMP: &str = "seccomp.security.alpha.kubernetes.io";
const APP_ARMOR: &str = "apparmor.security.beta.kubernetes.io";

/// The default profile, none where it is empty, and the list of allowed ones, if there is one.
struct Profiles<'l> {
    default: Option<&'l str>,
    allowed: Option<Vec<&'l str>>,
}

impl<'l> Profiles<'l> {
    fn of(looked: &'l Looked<'_>, prefix: &str) -> Self {
        let annotation = |key| looked.policy.annotation(&format!("{prefix}/{key}"));
        Self {
            default: annotation("defaultProfileName").filter(|profile| !profile.is_empty()),
            allowed: annotation("allowedProfileNames").map(|list| list.split(',').collect()),
        }
    }

    fn allows(&self, profile: &str) -> bool {
        self.allowed.as_ref().is_some_and(|list| list.contains(&profile))
    }

    /// Seccomp alone has a wildcard, and two names for one profile.
    fn allows_seccomp(&self, profile: &str) -> bool {
        let runtime = ["docker/default", "runtime/default"];
        let alias = runtime.contains(&profile) && runtime.iter().any(|name| self.allows(name));
        self.allows("*") || self.allows(profile) || alias
    }
}

fn seccomp_default_refused(looked: &Looked<'_>) -> Option<String> {
    let profiles = Profiles::of(looked, SECCOMP);
    let default = profiles.default?;
    match &profiles.allowed {
        None => Some(format!(
            "the default seccomp profile `{default}` is filled in and then refused, because `allowedProfileNames` is missing: \
             the policy admits no pod"
        )),
        Some(_) if !profiles.allows_seccomp(default) => Some(format!(
            "the default seccomp profile `{default}` is not among the allowed ones: pods that set no profile are refused"
        )),
        Some(_) => None,
    }
}

fn seccomp_must_be_set(looked: &Looked<'_>) -> Option<String> {
    let profiles = Profiles::of(looked, SECCOMP);
    let silent_fails = profiles.default.is_none() && profiles.allowed.is_some() && !profiles.allows_seccomp("");
    let text = "seccomp profiles are listed and none is the default: pods that set no profile are refused";
    silent_fails.then(|| text.to_owned())
}

fn seccomp_may_not_be_set(looked: &Looked<'_>) -> Option<String> {
    let profiles = Profiles::of(looked, SECCOMP);
    let text = "no seccomp profile is allowed, not even `RuntimeDefault`: pods made ready for the level `restricted` are refused \
                as long as PodSecurityPolicy is on";
    (profiles.default.is_none() && profiles.allowed.is_none()).then(|| text.to_owned())
}

fn app_armor_default_refused(looked: &Looked<'_>) -> Option<String> {
    let profiles = Profiles::of(looked, APP_ARMOR);
    let default = profiles.default?;
    let text = format!(
        "the default AppArmor profile `{default}` is not among the allowed ones: pods that set no profile are refused"
    );
    (profiles.allowed.is_some() && !profiles.allows(default)).then_some(text)
}

fn app_armor_must_be_set(looked: &Looked<'_>) -> Option<String> {
    let profiles = Profiles::of(looked, APP_ARMOR);
    let text = "AppArmor profiles are listed and none is the default: pods that set no profile are refused";
    (profiles.default.is_none() && profiles.allowed.is_some()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::codes;
    use super::*;

    fn found(prefix: &str, default: Option<&str>, allowed: Option<&str>) -> Vec<&'static str> {
        let mut annotations = json!({});
        for (key, value) in [("defaultProfileName", default), ("allowedProfileNames", allowed)] {
            if let Some(value) = value {
                annotations[format!("{prefix}/{key}")] = json!(value);
            }
        }
        let all = codes(ODDITIES, json!({"annotations": annotations}));
        all.into_iter().filter(|code| prefix == SECCOMP || code.starts_with("app-armor")).collect()
    }

    #[test]
    fn a_seccomp_default_needs_a_place_in_the_list() {
        assert_eq!(found(SECCOMP, Some("runtime/default"), None), ["seccomp-default-refused"]);
        assert_eq!(found(SECCOMP, Some("unconfined"), Some("runtime/default")), ["seccomp-default-refused"]);
        assert!(found(SECCOMP, Some("docker/default"), Some("runtime/default")).is_empty());
        assert!(found(SECCOMP, Some("unconfined"), Some("*")).is_empty());
    }

    #[test]
    fn a_seccomp_list_without_a_default_refuses_silent_pods() {
        assert_eq!(found(SECCOMP, None, Some("runtime/default")), ["seccomp-must-be-set"]);
        assert!(found(SECCOMP, None, Some("*")).is_empty());
        assert!(found(SECCOMP, None, Some("")).is_empty());
    }

    #[test]
    fn without_seccomp_annotations_no_profile_may_be_set() {
        assert_eq!(found(SECCOMP, None, None), ["seccomp-may-not-be-set"]);
    }

    #[test]
    fn app_armor_is_free_without_a_list() {
        assert!(found(APP_ARMOR, None, None).is_empty());
        assert!(found(APP_ARMOR, Some("runtime/default"), None).is_empty());
        assert_eq!(found(APP_ARMOR, None, Some("runtime/default")), ["app-armor-must-be-set"]);
        assert_eq!(found(APP_ARMOR, Some("unconfined"), Some("runtime/default")), ["app-armor-default-refused"]);
    }
}
