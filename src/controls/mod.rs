//! The controls of a PodSecurityPolicy: one file per control, each with everything there is to know about it.
//!
//! A control reads its fields of the policy into a [`Requirement`], which answers four questions: what is filled in, why
//! a pod is not admitted, what that means for a pod as submitted, and which values matter. A control knows nothing of
//! other controls, of engines, or of who may use a policy.

mod allow_privilege_escalation;
mod allowed_csi_drivers;
mod allowed_flex_volumes;
mod allowed_host_paths;
mod allowed_proc_mount_types;
mod app_armor;
mod capabilities;
mod denials;
mod drivers;
mod fs_group;
mod groups;
mod host_namespaces;
mod host_ports;
mod privileged;
mod read_only_root_filesystem;
mod run_as_group;
mod run_as_user;
mod runtime_class;
mod se_linux;
mod seccomp;
mod supplemental_groups;
mod sysctls;
mod volumes;

pub use denials::Denials;

use crate::constraint::{Axis, Constraint, Fill};
use crate::pod_view::{Container, Field, PodView, Volume};
use crate::psp::PodSecurityPolicy;
use crate::release::Release;

/// One control.
pub struct Control {
    /// The control's name, in the words of the PodSecurityPolicy API.
    pub name: &'static str,
    /// The facts of a pod that this control alone judges.
    pub owns: &'static [Field],
    /// Reads the control's fields of a policy: `None` if the policy leaves the control free and fills nothing in.
    pub parse: fn(&PodSecurityPolicy, &Release) -> Parsed,
}

/// What a policy demands of a control, if anything.
pub type Parsed = Result<Option<Box<dyn Requirement>>, Unusable>;

/// Why the plug-in silently drops a policy (`FACT:CreateStrategies`): its message, which no user of the cluster sees.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unusable(pub String);

/// What one policy demands of one control.
///
/// `admit_*` judge the pod after [`Requirement::fills`] were applied; each adds its denials in upstream's order.
pub trait Requirement: Send + Sync {
    /// What to write where the pod is silent.
    fn fills(&self) -> Vec<Fill> {
        Vec::new()
    }

    /// Why the pod itself is not admitted.
    fn admit_pod(&self, _pod: &PodView<'_>, _denials: &mut Denials) {}

    /// Why the volume at `index` is not admitted.
    fn admit_volume(&self, _pod: &PodView<'_>, _index: usize, _volume: &Volume<'_>, _denials: &mut Denials) {}

    /// Why the container is not admitted.
    fn admit_container(&self, _pod: &PodView<'_>, _container: &Container<'_>, _denials: &mut Denials) {}

    /// Fill-then-admit, stated of the pod as submitted.
    fn constraint(&self) -> Constraint;

    /// The constants that matter, and values just either side.
    fn boundary(&self) -> Vec<Axis>;
}

/// All controls, in the order in which the denials of a container are told ([`Requirement::admit_container`]).
pub static CONTROLS: [&Control; 20] = [
    &run_as_user::CONTROL,
    &run_as_group::CONTROL,
    &se_linux::CONTROL,
    &app_armor::CONTROL,
    &seccomp::CONTROL,
    &privileged::CONTROL,
    &allowed_proc_mount_types::CONTROL,
    &capabilities::CONTROL,
    &host_ports::CONTROL,
    &read_only_root_filesystem::CONTROL,
    &allow_privilege_escalation::CONTROL,
    &fs_group::CONTROL,
    &supplemental_groups::CONTROL,
    &host_namespaces::CONTROL,
    &sysctls::CONTROL,
    &volumes::CONTROL,
    &allowed_host_paths::CONTROL,
    &allowed_flex_volumes::CONTROL,
    &allowed_csi_drivers::CONTROL,
    &runtime_class::CONTROL,
];

/// The controls that judge the pod itself ([`Requirement::admit_pod`]), in order. Their denials come first, then those
/// of each volume, of [`AFTER_VOLUMES`], and of each container.
pub static BEFORE_VOLUMES: [&Control; 6] = [
    &fs_group::CONTROL,
    &supplemental_groups::CONTROL,
    &seccomp::CONTROL,
    &se_linux::CONTROL,
    &host_namespaces::CONTROL,
    &sysctls::CONTROL,
];

/// The controls that judge volumes ([`Requirement::admit_volume`]), in order. The first that denies a volume is the only
/// one to be told of for that volume.
pub static VOLUMES: [&Control; 4] =
    [&volumes::CONTROL, &allowed_host_paths::CONTROL, &allowed_flex_volumes::CONTROL, &allowed_csi_drivers::CONTROL];

/// The control that judges the pod itself ([`Requirement::admit_pod`]), and is told of after its volumes.
pub static AFTER_VOLUMES: [&Control; 1] = [&runtime_class::CONTROL];

#[cfg(test)]
mod contract;
#[cfg(test)]
pub(crate) mod testing;
