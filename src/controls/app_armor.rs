//! AppArmor: which profiles confine containers.
//!
//! * Policy annotations: the allowed profiles, split at commas and nothing else; an absent key means everything goes, an
//!   empty value means nothing does. The default profile, which need not be an allowed one.
//! * Pod annotation: one per container; an empty one counts as absent.
//! * Fills in the default where a container has no profile.
//!
//! With the key there, a container must have a profile. There are no wildcards and no aliases. Annotations for containers
//! that do not exist are not looked at. Source: `pkg/security/podsecuritypolicy/apparmor`.

use super::{Control, Denials, Parsed, Requirement};
use crate::constraint::{Axis, Constraint, Fill, Items, Place, Setting, Test};
use crate::field_error::{FieldError, go_quote};
use crate::pod_view::{APP_ARMOR_ANNOTATION, Container, Field, PodView};
use crate::psp::PodSecurityPolicy;
use crate::release::Release;

pub(super) static CONTROL: Control = Control { name: "appArmor", owns: &[Field::AppArmor], parse };

const ALLOWED: &str = "apparmor.security.beta.kubernetes.io/allowedProfileNames";
const DEFAULT: &str = "apparmor.security.beta.kubernetes.io/defaultProfileName";

fn parse(policy: &PodSecurityPolicy, _: &Release) -> Parsed {
    let fill = policy.annotation(DEFAULT).filter(|profile| !profile.is_empty());
    let fill = fill.map(str::to_owned);
    let allowed = policy.annotation(ALLOWED).map(str::to_owned);
    Ok((fill.is_some() || allowed.is_some()).then(|| Box::new(AppArmor { fill, allowed }) as _))
}

struct AppArmor {
    fill: Option<String>,
    /// The allowed profiles as the annotation has them; `None` for any.
    allowed: Option<String>,
}

fn allows(allowed: &str, profile: &str) -> bool {
    !profile.is_empty() && allowed.split(',').any(|listed| listed == profile)
}

impl Requirement for AppArmor {
    fn fills(&self) -> Vec<Fill> {
        let fill = |profile: &String| Fill::set(Field::AppArmor, Setting::Text(profile.clone()));
        self.fill.iter().map(fill).collect()
    }

    fn admit_container(&self, _: &PodView<'_>, container: &Container<'_>, denials: &mut Denials) {
        let Some(allowed) = &self.allowed else { return };
        let profile = container.app_armor.unwrap_or_default();
        if !allows(allowed, profile) {
            denials.add(|| {
                let detail = if profile.is_empty() {
                    "AppArmor profile must be set".to_owned()
                } else {
                    let list = go_quote(allowed);
                    format!("{profile} is not an allowed profile. Allowed values: {list}")
                };
                let key = format!("{APP_ARMOR_ANNOTATION}{}", container.name);
                FieldError::forbidden(format!("pod.metadata.annotations[{key}]"), detail)
            });
        }
    }

    fn constraint(&self) -> Constraint {
        let Some(allowed) = &self.allowed else {
            return Constraint::Always;
        };
        let fill_passes = self.fill.as_ref().is_some_and(|profile| allows(allowed, profile));
        let listed = Test::OneOf(allowed.split(',').map(str::to_owned).collect());
        Constraint::each(Items::Containers, Constraint::defaulted(Field::AppArmor, listed, fill_passes))
    }

    fn boundary(&self) -> Vec<Axis> {
        let allowed = self.allowed.iter().flat_map(|allowed| allowed.split(','));
        let known = ["runtime/default", "unconfined", "localhost/*"];
        let names: Vec<String> = allowed.chain(known).map(str::to_owned).collect();
        let names = names.iter().chain(&self.fill);
        vec![Axis::names(Place::ContainerAnnotation(APP_ARMOR_ANNOTATION), names)]
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::{check, denials, filled, lowering_is_faithful};
    use super::*;

    fn policy(allowed: Option<&str>, default: Option<&str>) -> Value {
        let annotations = [(ALLOWED, allowed), (DEFAULT, default)];
        let given = annotations.iter().filter_map(|(key, value)| Some((*key, (*value)?)));
        json!({"annotations": given.collect::<std::collections::BTreeMap<_, _>>()})
    }

    fn pod(profile: &str) -> Value {
        json!({"containers": [{}], "annotations": {"container.apparmor.security.beta.kubernetes.io/c0": profile}})
    }

    const MUST_BE_SET: &str = "pod.metadata.annotations[container.apparmor.security.beta.kubernetes.io/c0]: Forbidden: AppArmor profile must be set";

    #[test]
    fn an_absent_key_allows_everything() {
        check(&CONTROL, json!({}), pod("anything"), &[]);
        check(&CONTROL, policy(None, Some("runtime/default")), pod("anything"), &[]);
    }

    #[test]
    fn a_present_key_demands_a_profile() {
        for allowed in ["runtime/default", "", ","] {
            check(&CONTROL, policy(Some(allowed), None), json!({"containers": [{}]}), &[MUST_BE_SET]);
            check(&CONTROL, policy(Some(allowed), None), pod(""), &[MUST_BE_SET]);
        }
    }

    #[test]
    fn profiles_are_compared_literally() {
        check(
            &CONTROL,
            policy(Some("localhost/*, unconfined"), None),
            pod("unconfined"),
            &[
                "pod.metadata.annotations[container.apparmor.security.beta.kubernetes.io/c0]: Forbidden: unconfined is not an allowed profile. Allowed values: \"localhost/*, unconfined\"",
            ],
        );
    }

    #[test]
    fn the_default_replaces_an_absent_or_empty_profile() {
        let policy = policy(None, Some("runtime/default"));
        assert_eq!(filled(&CONTROL, policy.clone(), pod("")), pod("runtime/default"));
        assert_eq!(filled(&CONTROL, policy.clone(), json!({"containers": [{}]})), pod("runtime/default"));
        assert_eq!(filled(&CONTROL, policy, pod("unconfined")), pod("unconfined"));
    }

    #[test]
    fn a_default_outside_the_list_refuses_silent_pods() {
        check(
            &CONTROL,
            policy(Some("unconfined"), Some("runtime/default")),
            json!({"containers": [{}]}),
            &[
                "pod.metadata.annotations[container.apparmor.security.beta.kubernetes.io/c0]: Forbidden: runtime/default is not an allowed profile. Allowed values: \"unconfined\"",
            ],
        );
    }

    #[test]
    fn profiles_of_unknown_containers_are_not_looked_at() {
        let ghost = json!({
            "containers": [{}],
            "annotations": {
                "container.apparmor.security.beta.kubernetes.io/c0": "unconfined",
                "container.apparmor.security.beta.kubernetes.io/ghost": "other",
            },
        });
        check(&CONTROL, policy(Some("unconfined"), None), ghost, &[]);
    }

    #[test]
    fn the_constraint_says_what_the_check_says() {
        lowering_is_faithful(
            &CONTROL,
            &[
                policy(Some("runtime/default,localhost/a"), None),
                policy(Some("runtime/default"), Some("runtime/default")),
                policy(Some("unconfined,"), Some("runtime/default")),
                policy(None, Some("localhost/a")),
            ],
        );
    }

    #[test]
    fn an_empty_list_admits_no_pod() {
        for profile in ["", "unconfined", "runtime/default", "*"] {
            let denied = denials(&CONTROL, policy(Some(""), Some("unconfined")), pod(profile));
            assert_eq!(denied.len(), 1, "{profile}");
        }
    }
}
