//! `allowedProcMountTypes`: how much of `/proc` containers may see.
//!
//! * Policy field: `spec.allowedProcMountTypes`; absent or empty means `Default` alone.
//! * Pod field: `<container>.securityContext.procMount`; absent counts as `Default`, and is refused where a list leaves
//!   `Default` out.
//! * Fills nothing in.
//!
//! With the feature gate off, as it is by default, stored policies have no list.

use super::{Control, Denials, Parsed, Requirement};
use crate::constraint::{Axis, Constraint, Items, Place, Test};
use crate::field_error::{FieldError, go_quote};
use crate::pod_view::{Container, Field, PodView};
use crate::psp::PodSecurityPolicy;
use crate::release::Release;

pub(super) static CONTROL: Control = Control { name: "allowedProcMountTypes", owns: &[Field::ProcMount], parse };

const DEFAULT: &str = "Default";

fn parse(policy: &PodSecurityPolicy, _: &Release) -> Parsed {
    let listed = policy.spec.allowed_proc_mount_types.clone();
    let allowed = if listed.is_empty() { vec![DEFAULT.to_owned()] } else { listed };
    Ok(Some(Box::new(ProcMountTypes { allowed })))
}

struct ProcMountTypes {
    allowed: Vec<String>,
}

impl ProcMountTypes {
    fn allows(&self, proc_mount: &str) -> bool {
        self.allowed.iter().any(|allowed| allowed == proc_mount)
    }
}

impl Requirement for ProcMountTypes {
    fn admit_container(&self, _: &PodView<'_>, container: &Container<'_>, denials: &mut Denials) {
        let proc_mount = container.proc_mount.unwrap_or(DEFAULT);
        if !self.allows(proc_mount) {
            denials.add(|| {
                let field = format!("{container}.securityContext.procMount");
                FieldError::invalid(field, go_quote(proc_mount), "ProcMountType is not allowed")
            });
        }
    }

    fn constraint(&self) -> Constraint {
        let allowed = Test::OneOf(self.allowed.clone());
        let one = Constraint::defaulted(Field::ProcMount, allowed, self.allows(DEFAULT));
        Constraint::each(Items::Containers, one)
    }

    fn boundary(&self) -> Vec<Axis> {
        let known = [DEFAULT.to_owned(), "Unmasked".to_owned()];
        let names = self.allowed.iter().chain(&known);
        vec![Axis::names(Place::ContainerContext("procMount"), names)]
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::{check, check_release, lowering_is_faithful, lowering_is_faithful_in};
    use super::*;

    const GATE_ON: Release = Release { minor: 24, proc_mount_type: true };

    fn container(proc_mount: &str) -> Value {
        json!({"containers": [{"securityContext": {"procMount": proc_mount}}]})
    }

    #[test]
    fn a_stored_list_does_not_survive_the_disabled_gate() {
        check(
            &CONTROL,
            json!({"allowedProcMountTypes": ["Unmasked"]}),
            container("Unmasked"),
            &[
                "spec.containers[0].securityContext.procMount: Invalid value: \"Unmasked\": ProcMountType is not allowed",
            ],
        );
        check(&CONTROL, json!({}), json!({"containers": [{}, {"securityContext": {}}]}), &[]);
    }

    #[test]
    fn a_list_of_unmasked_alone_refuses_ordinary_containers() {
        let policy = json!({"allowedProcMountTypes": ["Unmasked"]});
        check_release(&CONTROL, policy.clone(), container("Unmasked"), &[], GATE_ON);
        check_release(
            &CONTROL,
            policy,
            json!({"initContainers": [{}]}),
            &[
                "spec.initContainers[0].securityContext.procMount: Invalid value: \"Default\": ProcMountType is not allowed",
            ],
            GATE_ON,
        );
    }

    #[test]
    fn the_constraint_says_what_the_check_says() {
        lowering_is_faithful(&CONTROL, &[json!({})]);
        lowering_is_faithful_in(
            GATE_ON,
            &CONTROL,
            &[
                json!({"allowedProcMountTypes": ["Unmasked"]}),
                json!({"allowedProcMountTypes": ["Unmasked", "Default"]}),
            ],
        );
    }
}
