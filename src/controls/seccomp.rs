//! Seccomp: which profiles filter system calls.
//!
//! * Policy annotations: the allowed profiles, split at commas and nothing else, and the default profile. `*` allows
//!   everything. An absent key allows no profile at all, not even the policy's own default.
//! * Pod fields and annotations: see [`PodView::seccomp_profile`] and [`PodView::effective_seccomp_profile`], which have
//!   different precedence. Both levels are judged: a profile of the pod once for the pod and once more for each container
//!   that inherits it, and a profile of a container never satisfies the check of the pod.
//! * Every policy writes the pod's field into the pod's annotation; then the default is filled in where the pod is
//!   silent. A field that has no spelling as annotation is judged as an empty profile, and not replaced.
//!
//! `runtime/default` and `docker/default` are one profile from 1.19. Before, the two are unrelated, and only annotations
//! exist. Source: `pkg/security/podsecuritypolicy/seccomp`.

use serde_json::{Value, json};

use super::{Control, Denials, Parsed, Requirement};
use crate::constraint::{Axis, Constraint, Fill, Items, Place, Setting, Test};
use crate::field_error::FieldError;
use crate::pod_view::{CONTAINER_SECCOMP_ANNOTATION, Container, Field, POD_SECCOMP_ANNOTATION, PodView};
use crate::psp::PodSecurityPolicy;
use crate::release::Release;

pub(super) static CONTROL: Control = Control { name: "seccomp", owns: &[Field::PodSeccomp, Field::Seccomp], parse };

const ALLOWED: &str = "seccomp.security.alpha.kubernetes.io/allowedProfileNames";
const DEFAULT: &str = "seccomp.security.alpha.kubernetes.io/defaultProfileName";
/// The two names of the runtime's own profile.
const RUNTIME_DEFAULT: [&str; 2] = ["runtime/default", "docker/default"];

fn parse(policy: &PodSecurityPolicy, release: &Release) -> Parsed {
    let raw = policy.annotation(ALLOWED);
    let has_fields = release.has_seccomp_fields();
    let requirement = Seccomp {
        fill: policy.annotation(DEFAULT).unwrap_or_default().to_owned(),
        any: raw.is_some_and(|raw| raw.split(',').any(|profile| profile == "*")),
        allowed: raw.map(|raw| allowed_profiles(raw, has_fields)).unwrap_or_default(),
        raw: raw.unwrap_or_default().to_owned(),
        has_fields,
    };
    let free = requirement.any && requirement.fills().is_empty();
    Ok((!free).then(|| Box::new(requirement) as _))
}

fn allowed_profiles(raw: &str, has_fields: bool) -> Vec<String> {
    let mut allowed: Vec<String> = Vec::new();
    for profile in raw.split(',').filter(|profile| *profile != "*") {
        if has_fields && RUNTIME_DEFAULT.contains(&profile) {
            allowed.extend(RUNTIME_DEFAULT.map(str::to_owned));
        } else {
            allowed.push(profile.to_owned());
        }
    }
    allowed.sort_unstable();
    allowed.dedup();
    allowed
}

struct Seccomp {
    /// The default profile; empty for none.
    fill: String,
    any: bool,
    allowed: Vec<String>,
    /// The allowed profiles as the annotation has them.
    raw: String,
    has_fields: bool,
}

impl Seccomp {
    fn admits(&self, profile: &str) -> bool {
        let nothing_listed = self.allowed.is_empty() && profile.is_empty();
        self.any || nothing_listed || self.allowed.iter().any(|allowed| allowed == profile)
    }

    fn judge(&self, profile: Option<&str>, key: impl FnOnce() -> String, denials: &mut Denials) {
        let profile = profile.unwrap_or_default();
        if !self.admits(profile) {
            denials.add(|| {
                let detail = if self.allowed.is_empty() {
                    "seccomp may not be set".to_owned()
                } else {
                    let raw = &self.raw;
                    format!("{profile} is not an allowed seccomp profile. Valid values are {raw}")
                };
                FieldError::forbidden(format!("pod.metadata.annotations[{}]", key()), detail)
            });
        }
    }

    /// Absent, a field without a spelling, and one field on each side of what is allowed.
    fn fields(&self) -> Vec<Value> {
        let localhost = self.allowed.iter().filter_map(|profile| profile.strip_prefix("localhost/"));
        let localhost = localhost.chain(["other"]);
        let localhost = localhost.map(|file| {
            let field = json!({"type": "Localhost", "localhostProfile": file});
            (format!("localhost/{file}"), field)
        });
        let fixed = [("runtime/default", "RuntimeDefault"), ("unconfined", "Unconfined")];
        let fixed = fixed.map(|(profile, kind)| (profile.to_owned(), json!({"type": kind})));
        let (allowed, refused): (Vec<_>, Vec<_>) =
            fixed.into_iter().chain(localhost).partition(|(profile, _)| self.admits(profile));
        let sides = [allowed, refused].into_iter().filter_map(|side| side.into_iter().next());
        let sides = sides.map(|(_, field)| field);
        [Value::Null, json!({"type": "Localhost"})].into_iter().chain(sides).collect()
    }

    /// Absent, empty, each profile that the policy names, and others.
    fn annotations(&self) -> Vec<Value> {
        let named = self.allowed.iter().chain([&self.fill]).map(String::as_str);
        let mut profiles: Vec<&str> = named.chain(RUNTIME_DEFAULT).chain(["", "*", "localhost/other"]).collect();
        profiles.sort_unstable();
        profiles.dedup();
        [Value::Null].into_iter().chain(profiles.into_iter().map(Value::from)).collect()
    }
}

impl Requirement for Seccomp {
    fn fills(&self) -> Vec<Fill> {
        let copy = self.has_fields.then_some(Fill::CopySeccompToAnnotation);
        let default = || Fill::set(Field::PodSeccomp, Setting::Text(self.fill.clone()));
        copy.into_iter().chain((!self.fill.is_empty()).then(default)).collect()
    }

    fn admit_pod(&self, pod: &PodView<'_>, denials: &mut Denials) {
        self.judge(pod.seccomp_profile(), || POD_SECCOMP_ANNOTATION.to_owned(), denials);
    }

    fn admit_container(&self, pod: &PodView<'_>, container: &Container<'_>, denials: &mut Denials) {
        let key = || format!("{CONTAINER_SECCOMP_ANNOTATION}{}", container.name);
        self.judge(pod.effective_seccomp_profile(container), key, denials);
    }

    fn constraint(&self) -> Constraint {
        if self.any {
            return Constraint::Always;
        }
        let mut profiles = self.allowed.clone();
        if profiles.is_empty() {
            profiles.push(String::new());
        }
        let allowed = |field| {
            let fill_passes = self.admits(&self.fill);
            Constraint::defaulted(field, Test::OneOf(profiles.clone()), fill_passes)
        };
        let containers = Constraint::each(Items::Containers, allowed(Field::Seccomp));
        Constraint::all([allowed(Field::PodSeccomp), containers])
    }

    fn boundary(&self) -> Vec<Axis> {
        let annotations =
            [Place::Annotation(POD_SECCOMP_ANNOTATION), Place::ContainerAnnotation(CONTAINER_SECCOMP_ANNOTATION)];
        let fields = [Place::PodContext("seccompProfile"), Place::ContainerContext("seccompProfile")];
        let annotations = annotations.map(|place| Axis::new(place, self.annotations()));
        let fields = fields.map(|place| Axis::new(place, self.fields()));
        annotations.into_iter().chain(fields.into_iter().filter(|_| self.has_fields)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, check_release, filled, lowering_is_faithful, lowering_is_faithful_in};
    use super::*;

    const POD_KEY: &str = "seccomp.security.alpha.kubernetes.io/pod";
    const CONTAINER_KEY: &str = "container.seccomp.security.alpha.kubernetes.io/c0";

    fn policy(allowed: Option<&str>, default: Option<&str>) -> Value {
        let annotations = [(ALLOWED, allowed), (DEFAULT, default)];
        let given = annotations.iter().filter_map(|(key, value)| Some((*key, (*value)?)));
        json!({"annotations": given.collect::<std::collections::BTreeMap<_, _>>()})
    }

    fn denied(keys: &[&str], detail: &str) -> Vec<String> {
        let denial = |key: &&str| format!("pod.metadata.annotations[{key}]: Forbidden: {detail}");
        keys.iter().map(denial).collect()
    }

    #[track_caller]
    fn refuses(policy: Value, pod: Value, keys: &[&str], detail: &str) {
        let denials = denied(keys, detail);
        check(&CONTROL, policy, pod, &denials.iter().map(String::as_str).collect::<Vec<_>>());
    }

    fn runtime_default() -> Value {
        json!({"securityContext": {"seccompProfile": {"type": "RuntimeDefault"}}, "containers": [{}]})
    }

    #[test]
    fn without_an_allowed_list_nothing_may_be_set() {
        refuses(json!({}), runtime_default(), &[POD_KEY, CONTAINER_KEY], "seccomp may not be set");
        let own = json!({"containers": [{"securityContext": {"seccompProfile": {"type": "RuntimeDefault"}}}]});
        refuses(json!({}), own, &[CONTAINER_KEY], "seccomp may not be set");
        check(&CONTROL, json!({}), json!({"containers": [{}]}), &[]);
    }

    #[test]
    fn a_default_without_an_allowed_list_refuses_every_silent_pod() {
        let policy = policy(None, Some("runtime/default"));
        refuses(policy, json!({"containers": [{}]}), &[POD_KEY, CONTAINER_KEY], "seccomp may not be set");
    }

    #[test]
    fn an_allowed_list_without_a_default_refuses_silent_pods() {
        let policy = policy(Some("runtime/default"), None);
        let detail = " is not an allowed seccomp profile. Valid values are runtime/default";
        refuses(policy.clone(), json!({"containers": [{}]}), &[POD_KEY, CONTAINER_KEY], detail);
        let own = json!({"containers": [{}], "annotations": {CONTAINER_KEY: "runtime/default"}});
        refuses(policy, own, &[POD_KEY], detail);
    }

    #[test]
    fn the_two_default_names_are_one_profile_from_1_19() {
        let policy = policy(Some("docker/default"), None);
        check(&CONTROL, policy.clone(), runtime_default(), &[]);
        let annotated = json!({"annotations": {POD_KEY: "runtime/default"}});
        let text = "runtime/default is not an allowed seccomp profile. Valid values are docker/default";
        let denials = denied(&[POD_KEY], text);
        let denials: Vec<&str> = denials.iter().map(String::as_str).collect();
        check(&CONTROL, policy.clone(), annotated.clone(), &[]);
        check_release(&CONTROL, policy, annotated, &denials, "1.18".parse().unwrap());
    }

    #[test]
    fn an_empty_allowed_profile_admits_the_empty_one_alone() {
        let policy = policy(Some(""), None);
        check(&CONTROL, policy.clone(), json!({"containers": [{}]}), &[]);
        let detail = "runtime/default is not an allowed seccomp profile. Valid values are ";
        refuses(policy, runtime_default(), &[POD_KEY, CONTAINER_KEY], detail);
    }

    #[test]
    fn the_pod_prefers_the_annotation_and_its_containers_the_field() {
        let pod = json!({
            "annotations": {POD_KEY: "runtime/default"},
            "securityContext": {"seccompProfile": {"type": "Unconfined"}},
            "containers": [{}],
        });
        let detail = "unconfined is not an allowed seccomp profile. Valid values are runtime/default";
        refuses(policy(Some("runtime/default"), None), pod.clone(), &[CONTAINER_KEY], detail);
        check(&CONTROL, policy(Some("*"), None), pod, &[]);
    }

    #[test]
    fn an_empty_annotation_of_a_container_overrides_the_pod() {
        let pod = json!({"annotations": {POD_KEY: "unconfined", CONTAINER_KEY: ""}, "containers": [{}]});
        let detail = " is not an allowed seccomp profile. Valid values are unconfined";
        refuses(policy(Some("unconfined"), None), pod, &[CONTAINER_KEY], detail);
    }

    #[test]
    fn every_policy_writes_the_field_into_the_annotation() {
        let mut expected = runtime_default();
        expected["annotations"] = json!({POD_KEY: "runtime/default"});
        assert_eq!(filled(&CONTROL, policy(Some("*"), Some("unconfined")), runtime_default()), expected);
        assert_eq!(filled(&CONTROL, json!({}), runtime_default()), expected);
    }

    #[test]
    fn the_default_is_written_where_the_pod_is_silent() {
        let policy = policy(Some("*"), Some("docker/default"));
        let expected = json!({"annotations": {POD_KEY: "docker/default"}});
        assert_eq!(filled(&CONTROL, policy.clone(), json!({})), expected);
        assert_eq!(filled(&CONTROL, policy, json!({"annotations": {POD_KEY: ""}})), expected);
    }

    #[test]
    fn a_field_without_a_spelling_is_judged_as_empty_and_not_replaced() {
        let pod = json!({"securityContext": {"seccompProfile": {"type": "Localhost"}}});
        let policy = policy(Some("unconfined"), Some("unconfined"));
        assert_eq!(filled(&CONTROL, policy.clone(), pod.clone()), pod);
        let detail = " is not an allowed seccomp profile. Valid values are unconfined";
        refuses(policy, pod, &[POD_KEY], detail);
    }

    #[test]
    fn the_constraint_says_what_the_check_says() {
        let policies = [
            json!({}),
            policy(Some("*"), None),
            policy(Some("*,unconfined"), Some("docker/default")),
            policy(Some(""), None),
            policy(Some("docker/default"), None),
            policy(Some("runtime/default,localhost/a"), Some("localhost/b")),
            policy(Some("runtime/default,localhost/*"), Some("docker/default")),
        ];
        lowering_is_faithful(&CONTROL, &policies);
        // Only a field without a spelling escapes such a policy, and before 1.19 there are no fields.
        lowering_is_faithful(&CONTROL, &[policy(None, Some("runtime/default"))]);
        lowering_is_faithful_in("1.18".parse().unwrap(), &CONTROL, &policies);
    }
}
