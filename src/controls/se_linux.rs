//! `seLinux`: which SELinux context pods and containers run in.
//!
//! * Policy field: `spec.seLinux` with rule `MustRunAs` (the context in `seLinuxOptions`) or `RunAsAny`.
//! * Pod fields: `seLinuxOptions` of the pod, and of each container, which replaces the pod's wholly, not part by part.
//! * `MustRunAs` fills in the whole context on the pod. An empty object is not absent: it is not replaced, and on a
//!   container it hides the pod's.
//!
//! User, role and type are compared exactly, levels as in [`same_level`]. A container without a context of its own is
//! held to the pod's, and told of again. Source: `pkg/security/podsecuritypolicy/selinux`.

use serde_json::{Value, json};

use super::{Control, Denials, Parsed, Requirement, Unusable};
use crate::constraint::{Axis, Constraint, Fill, Items, Place, Setting, Test, same_level};
use crate::field_error::{FieldError, go_quote};
use crate::pod_view::{Container, Field, PodView, SeLinux};
use crate::psp::{PodSecurityPolicy, SeLinuxOptions};
use crate::release::Release;

pub(super) static CONTROL: Control = Control {
    name: "seLinux",
    owns: &[
        Field::PodSeLinuxUser,
        Field::PodSeLinuxRole,
        Field::PodSeLinuxType,
        Field::PodSeLinuxLevel,
        Field::SeLinuxUser,
        Field::SeLinuxRole,
        Field::SeLinuxType,
        Field::SeLinuxLevel,
    ],
    parse,
};

fn parse(policy: &PodSecurityPolicy, _: &Release) -> Parsed {
    let strategy = &policy.spec.se_linux;
    match (strategy.rule.as_str(), &strategy.se_linux_options) {
        ("MustRunAs", None) => Err(Unusable("MustRunAs requires SELinuxOptions".to_owned())),
        ("MustRunAs", Some(options)) => Ok(Some(Box::new(MustRunAs(options.clone())))),
        ("RunAsAny", _) => Ok(None),
        (rule, _) => Err(Unusable(format!("Unrecognized SELinuxContext strategy type {rule}"))),
    }
}

struct MustRunAs(SeLinuxOptions);

impl MustRunAs {
    /// Compares each part, in upstream's order. `path` is what holds `seLinuxOptions`.
    fn compare(&self, path: &dyn std::fmt::Display, context: SeLinux<'_>, denials: &mut Denials) {
        let required = SeLinux::from(&self.0);
        let parts = [
            ("level", context.level, required.level),
            ("role", context.role, required.role),
            ("type", context.type_, required.type_),
            ("user", context.user, required.user),
        ];
        for (part, value, required) in parts {
            let same = if part == "level" { same_level(required, value) } else { value == required };
            if !same {
                denials.add(|| {
                    let field = format!("{path}.seLinuxOptions.{part}");
                    FieldError::invalid(field, go_quote(value), format!("must be {required}"))
                });
            }
        }
    }

    /// The four parts of a context are the required ones, or the context is absent.
    fn required_parts(&self, [user, role, type_, level]: [Field; 4]) -> Constraint {
        let equals = |field, part: &String| Constraint::absent_or(field, Test::OneOf(vec![part.clone()]));
        Constraint::all([
            equals(user, &self.0.user),
            equals(role, &self.0.role),
            equals(type_, &self.0.type_),
            Constraint::absent_or(level, Test::SameLevel(self.0.level.clone())),
        ])
    }

    /// Absent, empty, the required context, and contexts that differ in one part or only in spelling.
    fn contexts(&self) -> Vec<Value> {
        let SeLinuxOptions { user, role, type_, level } = &self.0;
        let context = |user: &str, role: &str, type_: &str, level: &str| json!({"user": user, "role": role, "type": type_, "level": level});
        let reordered = level.split_once(':').map(|(sensitivity, categories)| {
            let reversed: Vec<_> = categories.rsplit(',').collect();
            format!("{sensitivity}:{}", reversed.join(","))
        });
        let other = |part: &str| format!("{part}x");
        let levels =
            [Some(level.clone()), reordered, Some(format!("{level},")), Some(format!("{level}:")), Some(String::new())];
        let levels = levels.iter().flatten().map(|level| context(user, role, type_, level));
        let differing = [
            context(&other(user), role, type_, level),
            context(user, &other(role), type_, level),
            context(user, role, &other(type_), level),
            context("", role, type_, &other(level)),
        ];
        [Value::Null, json!({})].into_iter().chain(levels).chain(differing).collect()
    }
}

impl Requirement for MustRunAs {
    fn fills(&self) -> Vec<Fill> {
        vec![Fill::set(Field::PodSeLinuxLevel, Setting::SeLinux(self.0.clone()))]
    }

    fn admit_pod(&self, pod: &PodView<'_>, denials: &mut Denials) {
        if let Some(context) = pod.se_linux {
            self.compare(&"spec.securityContext", context, denials);
        }
    }

    fn admit_container(&self, pod: &PodView<'_>, container: &Container<'_>, denials: &mut Denials) {
        if let Some(context) = pod.effective_se_linux(container) {
            self.compare(&format_args!("{container}.securityContext"), context, denials);
        }
    }

    fn constraint(&self) -> Constraint {
        use Field::*;
        let pod = self.required_parts([PodSeLinuxUser, PodSeLinuxRole, PodSeLinuxType, PodSeLinuxLevel]);
        let own = self.required_parts([SeLinuxUser, SeLinuxRole, SeLinuxType, SeLinuxLevel]);
        Constraint::all([pod, Constraint::each(Items::Containers, own)])
    }

    fn boundary(&self) -> Vec<Axis> {
        vec![
            Axis::new(Place::PodContext("seLinuxOptions"), self.contexts()),
            Axis::new(Place::ContainerContext("seLinuxOptions"), self.contexts()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, filled, lowering_is_faithful, unusable};
    use super::*;

    fn policy(options: Value) -> Value {
        json!({"seLinux": {"rule": "MustRunAs", "seLinuxOptions": options}})
    }

    #[test]
    fn an_absent_context_is_filled_in_on_the_pod() {
        let options = json!({"user": "u", "level": "s0:c1,c2"});
        let pod = json!({"containers": [{}]});
        let expected = json!({"containers": [{}], "securityContext": {"seLinuxOptions": options}});
        assert_eq!(filled(&CONTROL, policy(options), pod), expected);
    }

    #[test]
    fn an_empty_context_is_told_of_for_the_pod_and_for_each_inheriting_container() {
        let pod = json!({"securityContext": {"seLinuxOptions": {}}, "containers": [{}]});
        let parts = [("level", "s0"), ("role", "r"), ("type", "t"), ("user", "u")];
        let denials = ["spec", "spec.containers[0]"].map(|at| {
            parts.map(|(part, value)| {
                format!("{at}.securityContext.seLinuxOptions.{part}: Invalid value: \"\": must be {value}")
            })
        });
        let denials: Vec<&str> = denials.iter().flatten().map(String::as_str).collect();
        let options = json!({"user": "u", "role": "r", "type": "t", "level": "s0"});
        check(&CONTROL, policy(options), pod, &denials);
    }

    #[test]
    fn an_empty_context_of_a_container_hides_the_pods() {
        let pod = json!({
            "securityContext": {"seLinuxOptions": {"type": "t"}},
            "initContainers": [{"securityContext": {"seLinuxOptions": {}}}],
        });
        check(
            &CONTROL,
            policy(json!({"type": "t"})),
            pod,
            &["spec.initContainers[0].securityContext.seLinuxOptions.type: Invalid value: \"\": must be t"],
        );
    }

    #[test]
    fn categories_stand_in_any_order() {
        let pod = json!({"securityContext": {"seLinuxOptions": {"level": "s0:c2,c1"}}, "containers": [{}]});
        check(&CONTROL, policy(json!({"level": "s0:c1,c2"})), pod, &[]);
    }

    #[test]
    fn any_rule_ignores_options() {
        let policy = json!({"seLinux": {"rule": "RunAsAny", "seLinuxOptions": {"type": "t"}}});
        let pod = json!({"securityContext": {"seLinuxOptions": {"type": "x"}}});
        check(&CONTROL, policy, pod, &[]);
    }

    #[test]
    fn missing_options_drop_the_policy() {
        let policy = json!({"seLinux": {"rule": "MustRunAs"}});
        assert_eq!(unusable(&CONTROL, policy), "MustRunAs requires SELinuxOptions");
        let policy = json!({"seLinux": {"rule": "MayRunAs"}});
        assert_eq!(unusable(&CONTROL, policy), "Unrecognized SELinuxContext strategy type MayRunAs");
    }

    #[test]
    fn the_constraint_says_what_the_check_says() {
        lowering_is_faithful(
            &CONTROL,
            &[
                policy(json!({})),
                policy(json!({"user": "u", "role": "r", "type": "t", "level": "s0:c2,c1"})),
                policy(json!({"level": "s0"})),
                policy(json!({"type": "t", "level": "s0:"})),
            ],
        );
    }
}
