//! `allowPrivilegeEscalation`: whether containers may gain more privileges than their parent process.
//!
//! * Policy fields: `spec.allowPrivilegeEscalation`, absent means `true`; `spec.defaultAllowPrivilegeEscalation`.
//! * Pod field: `<container>.securityContext.allowPrivilegeEscalation`.
//! * Fills in the default where a container is silent, be it `true` or `false`; without a default, `false` if escalation
//!   is not allowed.
//!
//! The `false` that is filled in on a privileged container is admitted here, and then refused by the API server.

use super::{Control, Denials, Parsed, Requirement};
use crate::constraint::{Axis, Constraint, Fill, Items, Place, Setting, Test};
use crate::field_error::FieldError;
use crate::pod_view::{Container, Field, PodView};
use crate::psp::PodSecurityPolicy;
use crate::release::Release;

pub(super) static CONTROL: Control =
    Control { name: "allowPrivilegeEscalation", owns: &[Field::AllowPrivilegeEscalation], parse };

fn parse(policy: &PodSecurityPolicy, _: &Release) -> Parsed {
    let allowed = policy.spec.allows_privilege_escalation();
    let without_default = (!allowed).then_some(false);
    let fill = policy.spec.default_allow_privilege_escalation.or(without_default);
    Ok((!allowed || fill.is_some()).then(|| Box::new(Escalation { allowed, fill }) as _))
}

struct Escalation {
    allowed: bool,
    fill: Option<bool>,
}

impl Requirement for Escalation {
    fn fills(&self) -> Vec<Fill> {
        let fill = |value| Fill::set(Field::AllowPrivilegeEscalation, Setting::Bool(value));
        self.fill.map(fill).into_iter().collect()
    }

    fn admit_container(&self, _: &PodView<'_>, container: &Container<'_>, denials: &mut Denials) {
        if !self.allowed && container.allow_privilege_escalation == Some(true) {
            denials.add(|| {
                let field = format!("{container}.securityContext.allowPrivilegeEscalation");
                let detail = "Allowing privilege escalation for containers is not allowed";
                FieldError::invalid(field, true, detail)
            });
        }
    }

    fn constraint(&self) -> Constraint {
        if self.allowed {
            return Constraint::Always;
        }
        // A default of `true` that is not allowed: the API refuses such a policy, and silence would be refused with it.
        let test = match self.fill {
            Some(true) => Test::Is(false),
            _ => Test::not(Test::Is(true)),
        };
        Constraint::each(Items::Containers, Constraint::Field(Field::AllowPrivilegeEscalation, test))
    }

    fn boundary(&self) -> Vec<Axis> {
        vec![Axis::bools(Place::ContainerContext("allowPrivilegeEscalation"))]
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::{check, filled, lowering_is_faithful};
    use super::*;

    fn container(value: bool) -> Value {
        json!({"containers": [{"securityContext": {"allowPrivilegeEscalation": value}}]})
    }

    #[test]
    fn absent_means_allowed() {
        check(&CONTROL, json!({}), container(true), &[]);
        let silent = json!({"containers": [{}]});
        assert_eq!(filled(&CONTROL, json!({}), silent.clone()), silent);
    }

    #[test]
    fn a_default_is_filled_in_even_where_escalation_is_allowed() {
        for value in [true, false] {
            let policy = json!({"defaultAllowPrivilegeEscalation": value});
            assert_eq!(filled(&CONTROL, policy, json!({"containers": [{}]})), container(value));
        }
    }

    #[test]
    fn forbidding_fills_in_false() {
        let policy = json!({"allowPrivilegeEscalation": false});
        assert_eq!(filled(&CONTROL, policy, json!({"containers": [{}]})), container(false));
    }

    #[test]
    fn an_explicit_true_is_refused() {
        check(
            &CONTROL,
            json!({"allowPrivilegeEscalation": false, "defaultAllowPrivilegeEscalation": false}),
            container(true),
            &[
                "spec.containers[0].securityContext.allowPrivilegeEscalation: Invalid value: true: Allowing privilege escalation for containers is not allowed",
            ],
        );
    }

    #[test]
    fn the_constraint_says_what_the_check_says() {
        lowering_is_faithful(
            &CONTROL,
            &[
                json!({"allowPrivilegeEscalation": false}),
                json!({"allowPrivilegeEscalation": false, "defaultAllowPrivilegeEscalation": false}),
                json!({"allowPrivilegeEscalation": false, "defaultAllowPrivilegeEscalation": true}),
                json!({"defaultAllowPrivilegeEscalation": true}),
                json!({"defaultAllowPrivilegeEscalation": false}),
            ],
        );
    }
}
