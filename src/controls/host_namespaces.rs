//! `hostNetwork`, `hostPID`, `hostIPC`: which of the node's namespaces a pod may share.
//!
//! * Policy fields: `spec.hostNetwork`, `spec.hostPID`, `spec.hostIPC`, absent means `false`.
//! * Pod fields: the same names, absent passes.
//! * Fills nothing in.
//!
//! Upstream tells of `spec.securityContext`, where its internal pod keeps these fields.

use super::{Control, Denials, Parsed, Requirement};
use crate::constraint::{Axis, Constraint, Place, Test};
use crate::field_error::FieldError;
use crate::pod_view::{Fact, Field, PodView};
use crate::psp::PodSecurityPolicy;
use crate::release::Release;

pub(super) static CONTROL: Control =
    Control { name: "hostNamespaces", owns: &[Field::HostNetwork, Field::HostPid, Field::HostIpc], parse };

/// One of the node's namespaces.
#[derive(Clone, Copy)]
struct Namespace {
    field: Field,
    key: &'static str,
    words: &'static str,
}

const NETWORK: Namespace = Namespace { field: Field::HostNetwork, key: "hostNetwork", words: "Host network" };
const PID: Namespace = Namespace { field: Field::HostPid, key: "hostPID", words: "Host PID" };
const IPC: Namespace = Namespace { field: Field::HostIpc, key: "hostIPC", words: "Host IPC" };

fn parse(policy: &PodSecurityPolicy, _: &Release) -> Parsed {
    let spec = &policy.spec;
    let allowed = [(NETWORK, spec.host_network), (PID, spec.host_pid), (IPC, spec.host_ipc)];
    let forbidden = allowed.into_iter().filter(|(_, allowed)| !allowed);
    let forbidden: Vec<_> = forbidden.map(|(namespace, _)| namespace).collect();
    Ok((!forbidden.is_empty()).then(|| Box::new(Forbidden(forbidden)) as _))
}

struct Forbidden(Vec<Namespace>);

impl Requirement for Forbidden {
    fn admit_pod(&self, pod: &PodView<'_>, denials: &mut Denials) {
        for Namespace { field, key, words } in &self.0 {
            if pod.fact(*field) == Fact::Bool(true) {
                denials.add(|| {
                    let field = format!("spec.securityContext.{key}");
                    FieldError::invalid(field, true, format!("{words} is not allowed to be used"))
                });
            }
        }
    }

    fn constraint(&self) -> Constraint {
        let not_shared = |namespace: &Namespace| Constraint::Field(namespace.field, Test::not(Test::Is(true)));
        Constraint::all(self.0.iter().map(not_shared))
    }

    fn boundary(&self) -> Vec<Axis> {
        let axis = |namespace: &Namespace| Axis::bools(Place::Spec(namespace.key));
        self.0.iter().map(axis).collect()
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
            json!({"hostIPC": true, "hostPID": true, "hostNetwork": true}),
            &[
                "spec.securityContext.hostNetwork: Invalid value: true: Host network is not allowed to be used",
                "spec.securityContext.hostPID: Invalid value: true: Host PID is not allowed to be used",
                "spec.securityContext.hostIPC: Invalid value: true: Host IPC is not allowed to be used",
            ],
        );
    }

    #[test]
    fn each_is_allowed_alone() {
        check(
            &CONTROL,
            json!({"hostPID": true, "hostNetwork": true}),
            json!({"hostPID": true, "hostIPC": true, "hostNetwork": false}),
            &["spec.securityContext.hostIPC: Invalid value: true: Host IPC is not allowed to be used"],
        );
    }

    #[test]
    fn the_constraint_says_what_the_check_says() {
        lowering_is_faithful(
            &CONTROL,
            &[
                json!({}),
                json!({"hostNetwork": true}),
                json!({"hostPID": true, "hostIPC": true}),
                json!({"hostPID": true, "hostIPC": true, "hostNetwork": true}),
            ],
        );
    }
}
