//! `readOnlyRootFilesystem`: whether containers must have a read-only root.
//!
//! * Policy field: `spec.readOnlyRootFilesystem`, absent means `false`: anything goes.
//! * Pod field: `<container>.securityContext.readOnlyRootFilesystem`.
//! * Fills in `true` where the container is silent.

use super::{Control, Denials, Parsed, Requirement};
use crate::constraint::{Axis, Constraint, Fill, Items, Place, Setting, Test};
use crate::field_error::FieldError;
use crate::pod_view::{Container, Field, PodView};
use crate::psp::PodSecurityPolicy;
use crate::release::Release;

pub(super) static CONTROL: Control =
    Control { name: "readOnlyRootFilesystem", owns: &[Field::ReadOnlyRootFilesystem], parse };

fn parse(policy: &PodSecurityPolicy, _: &Release) -> Parsed {
    let required = policy.spec.read_only_root_filesystem;
    Ok(required.then(|| Box::new(ReadOnly) as _))
}

struct ReadOnly;

impl Requirement for ReadOnly {
    fn fills(&self) -> Vec<Fill> {
        vec![Fill::set(Field::ReadOnlyRootFilesystem, Setting::Bool(true))]
    }

    fn admit_container(&self, _: &PodView<'_>, container: &Container<'_>, denials: &mut Denials) {
        if container.read_only_root_filesystem == Some(false) {
            denials.add(|| {
                let field = format!("{container}.securityContext.readOnlyRootFilesystem");
                FieldError::invalid(field, false, "ReadOnlyRootFilesystem must be set to true")
            });
        }
    }

    fn constraint(&self) -> Constraint {
        let not_writable = Test::not(Test::Is(false));
        Constraint::each(Items::Containers, Constraint::Field(Field::ReadOnlyRootFilesystem, not_writable))
    }

    fn boundary(&self) -> Vec<Axis> {
        vec![Axis::bools(Place::ContainerContext("readOnlyRootFilesystem"))]
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{check, filled, lowering_is_faithful};
    use super::*;

    #[test]
    fn a_silent_container_gets_a_read_only_root() {
        let policy = json!({"readOnlyRootFilesystem": true});
        let pod = json!({"containers": [{}], "initContainers": [{}], "ephemeralContainers": [{}]});
        let read_only = json!([{"securityContext": {"readOnlyRootFilesystem": true}}]);
        let expected = json!({"containers": read_only, "initContainers": read_only, "ephemeralContainers": read_only});
        assert_eq!(filled(&CONTROL, policy, pod), expected);
    }

    #[test]
    fn an_explicit_writable_root_is_refused() {
        check(
            &CONTROL,
            json!({"readOnlyRootFilesystem": true}),
            json!({"containers": [{"securityContext": {"readOnlyRootFilesystem": false}}]}),
            &[
                "spec.containers[0].securityContext.readOnlyRootFilesystem: Invalid value: false: ReadOnlyRootFilesystem must be set to true",
            ],
        );
    }

    #[test]
    fn a_policy_without_it_demands_nothing() {
        let pod = json!({"containers": [{"securityContext": {"readOnlyRootFilesystem": false}}]});
        check(&CONTROL, json!({"readOnlyRootFilesystem": false}), pod, &[]);
    }

    #[test]
    fn the_constraint_says_what_the_check_says() {
        lowering_is_faithful(&CONTROL, &[json!({"readOnlyRootFilesystem": true})]);
    }
}
