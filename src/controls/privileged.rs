//! `privileged`: whether containers may run in privileged mode.
//!
//! * Policy field: `spec.privileged`, absent means `false`.
//! * Pod field: `<container>.securityContext.privileged`, absent passes.
//! * Fills nothing in.
//!
//! A policy that allows privileged containers implies nothing else: host namespaces, capabilities and volumes have
//! controls of their own.

use super::{Control, Denials, Parsed, Requirement};
use crate::constraint::{Axis, Constraint, Items, Place, Test};
use crate::field_error::FieldError;
use crate::pod_view::{Container, Field, PodView};
use crate::psp::PodSecurityPolicy;
use crate::release::Release;

pub(super) static CONTROL: Control = Control { name: "privileged", owns: &[Field::Privileged], parse };

fn parse(policy: &PodSecurityPolicy, _: &Release) -> Parsed {
    Ok((!policy.spec.privileged).then(|| Box::new(Unprivileged) as _))
}

struct Unprivileged;

impl Requirement for Unprivileged {
    fn admit_container(&self, _: &PodView<'_>, container: &Container<'_>, denials: &mut Denials) {
        if container.privileged == Some(true) {
            denials.add(|| {
                let field = format!("{container}.securityContext.privileged");
                FieldError::invalid(field, true, "Privileged containers are not allowed")
            });
        }
    }

    fn constraint(&self) -> Constraint {
        Constraint::each(Items::Containers, Constraint::Field(Field::Privileged, Test::not(Test::Is(true))))
    }

    fn boundary(&self) -> Vec<Axis> {
        vec![Axis::bools(Place::ContainerContext("privileged"))]
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{check, lowering_is_faithful};
    use super::*;

    #[test]
    fn absent_means_no() {
        check(
            &CONTROL,
            json!({}),
            json!({"containers": [{"securityContext": {"privileged": true}}]}),
            &[
                "spec.containers[0].securityContext.privileged: Invalid value: true: Privileged containers are not allowed",
            ],
        );
        check(&CONTROL, json!({}), json!({"containers": [{"securityContext": {"privileged": false}}, {}]}), &[]);
    }

    #[test]
    fn init_containers_count() {
        check(
            &CONTROL,
            json!({}),
            json!({"initContainers": [{"securityContext": {"privileged": true}}]}),
            &[
                "spec.initContainers[0].securityContext.privileged: Invalid value: true: Privileged containers are not allowed",
            ],
        );
    }

    #[test]
    fn allowed_means_free() {
        check(
            &CONTROL,
            json!({"privileged": true}),
            json!({"containers": [{"securityContext": {"privileged": true}}]}),
            &[],
        );
    }

    #[test]
    fn the_constraint_says_what_the_check_says() {
        lowering_is_faithful(&CONTROL, &[json!({}), json!({"privileged": true})]);
    }
}
