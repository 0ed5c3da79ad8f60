//! `runtimeClass`: which runtime classes a pod may name.
//!
//! * Policy field: `spec.runtimeClass`; absent means anything goes, an empty `allowedRuntimeClassNames` means no name
//!   does. `*` allows every name.
//! * Pod field: `spec.runtimeClassName`; absent always passes, an empty name counts as set.
//! * Fills in `defaultRuntimeClassName` where the pod names none.

use super::{Control, Denials, Parsed, Requirement};
use crate::constraint::{Axis, Constraint, Fill, Place, Setting, Test};
use crate::field_error::{FieldError, go_quote};
use crate::pod_view::{Field, PodView};
use crate::psp::PodSecurityPolicy;
use crate::release::Release;

pub(super) static CONTROL: Control = Control { name: "runtimeClass", owns: &[Field::RuntimeClassName], parse };

fn parse(policy: &PodSecurityPolicy, _: &Release) -> Parsed {
    let Some(strategy) = &policy.spec.runtime_class else {
        return Ok(None);
    };
    let names = &strategy.allowed_runtime_class_names;
    let allowed = (!names.iter().any(|name| name == "*")).then(|| names.clone());
    let fill = strategy.default_runtime_class_name.clone();
    Ok((allowed.is_some() || fill.is_some()).then(|| Box::new(RuntimeClass { allowed, fill }) as _))
}

struct RuntimeClass {
    /// The names that a pod may use; `None` for any.
    allowed: Option<Vec<String>>,
    fill: Option<String>,
}

impl RuntimeClass {
    fn allows(&self, name: &str) -> bool {
        let listed = |names: &Vec<String>| names.iter().any(|allowed| allowed == name);
        self.allowed.as_ref().is_none_or(listed)
    }
}

impl Requirement for RuntimeClass {
    fn fills(&self) -> Vec<Fill> {
        let fill = |name: &String| Fill::set(Field::RuntimeClassName, Setting::Text(name.clone()));
        self.fill.iter().map(fill).collect()
    }

    fn admit_pod(&self, pod: &PodView<'_>, denials: &mut Denials) {
        if let Some(name) = pod.runtime_class_name
            && !self.allows(name)
        {
            denials.add(|| FieldError::invalid("spec.runtimeClassName", go_quote(name), ""));
        }
    }

    fn constraint(&self) -> Constraint {
        let Some(allowed) = &self.allowed else {
            return Constraint::Always;
        };
        let fill_passes = self.fill.as_ref().is_none_or(|name| self.allows(name));
        Constraint::defaulted(Field::RuntimeClassName, Test::OneOf(allowed.clone()), fill_passes)
    }

    fn boundary(&self) -> Vec<Axis> {
        let names = self.allowed.iter().flatten().chain(&self.fill);
        vec![Axis::names(Place::Spec("runtimeClassName"), names)]
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::{check, filled, lowering_is_faithful};
    use super::*;

    fn policy(allowed: &[&str]) -> Value {
        json!({"runtimeClass": {"allowedRuntimeClassNames": allowed}})
    }

    #[test]
    fn an_empty_list_admits_no_name() {
        check(&CONTROL, policy(&[]), json!({}), &[]);
        check(
            &CONTROL,
            json!({"runtimeClass": {}}),
            json!({"runtimeClassName": "q"}),
            &["spec.runtimeClassName: Invalid value: \"q\""],
        );
    }

    #[test]
    fn an_empty_name_counts_as_set() {
        check(
            &CONTROL,
            policy(&["a"]),
            json!({"runtimeClassName": ""}),
            &["spec.runtimeClassName: Invalid value: \"\""],
        );
    }

    #[test]
    fn without_the_field_every_name_passes() {
        check(&CONTROL, json!({}), json!({"runtimeClassName": "q"}), &[]);
        check(&CONTROL, policy(&["*"]), json!({"runtimeClassName": "q"}), &[]);
    }

    #[test]
    fn the_default_is_filled_in_even_where_every_name_passes() {
        let policy = json!({"runtimeClass": {"allowedRuntimeClassNames": ["*"], "defaultRuntimeClassName": "a"}});
        let expected = json!({"runtimeClassName": "a"});
        assert_eq!(filled(&CONTROL, policy.clone(), json!({})), expected);
        let own = json!({"runtimeClassName": "b"});
        assert_eq!(filled(&CONTROL, policy, own.clone()), own);
    }

    #[test]
    fn the_constraint_says_what_the_check_says() {
        let default = |allowed: Value| json!({"runtimeClass": {"allowedRuntimeClassNames": allowed, "defaultRuntimeClassName": "a"}});
        lowering_is_faithful(
            &CONTROL,
            &[
                policy(&[]),
                policy(&["a", "b"]),
                policy(&["*"]),
                default(json!(["a", "b"])),
                default(json!(["b"])),
                default(json!(["*"])),
            ],
        );
    }
}
