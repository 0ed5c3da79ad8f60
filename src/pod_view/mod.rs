//! What PodSecurityPolicy can see of a pod, read once and borrowed from the manifest.
//!
//! A view is taken of a pod after API defaulting. Presence matters everywhere: an absent value is filled in or inherited,
//! a present one never is. Containers stand in the order in which the plug-in walks them: init, regular, ephemeral.

mod field;
mod read;
mod volume_sources;
mod write;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

pub use field::{Fact, Field, Scope};
pub use read::ReadError;
pub use volume_sources::{VOLUME_SOURCES, smallest_source};

use crate::psp::SeLinuxOptions;

/// Annotation with the pod's seccomp profile.
pub const POD_SECCOMP_ANNOTATION: &str = "seccomp.security.alpha.kubernetes.io/pod";
/// Prefix of the annotation with one container's seccomp profile.
pub const CONTAINER_SECCOMP_ANNOTATION: &str = "container.seccomp.security.alpha.kubernetes.io/";
/// Prefix of the annotation with one container's AppArmor profile.
pub const APP_ARMOR_ANNOTATION: &str = "container.apparmor.security.beta.kubernetes.io/";
/// Annotation that names the policy that admitted the pod.
pub const PSP_ANNOTATION: &str = "kubernetes.io/psp";

/// One pod, as far as a policy can judge or change it.
#[derive(Debug, Clone, PartialEq)]
pub struct PodView<'a> {
    /// `metadata.annotations["kubernetes.io/psp"]`.
    pub psp_annotation: Option<&'a str>,
    /// `spec.serviceAccountName`, or its alias `serviceAccount`; empty when neither is set.
    pub service_account_name: &'a str,
    /// `spec.hostNetwork`.
    pub host_network: bool,
    /// `spec.hostPID`.
    pub host_pid: bool,
    /// `spec.hostIPC`.
    pub host_ipc: bool,
    /// `spec.runtimeClassName`; an empty name counts as set.
    pub runtime_class_name: Option<&'a str>,
    /// `spec.securityContext.runAsUser`.
    pub run_as_user: Option<i64>,
    /// `spec.securityContext.runAsGroup`.
    pub run_as_group: Option<i64>,
    /// `spec.securityContext.runAsNonRoot`.
    pub run_as_non_root: Option<bool>,
    /// `spec.securityContext.seLinuxOptions`.
    pub se_linux: Option<SeLinux<'a>>,
    /// `spec.securityContext.fsGroup`.
    pub fs_group: Option<i64>,
    /// `spec.securityContext.supplementalGroups`; an empty list is not an absent one.
    pub supplemental_groups: Option<Arc<[i64]>>,
    /// Names in `spec.securityContext.sysctls`.
    pub sysctls: Arc<[&'a str]>,
    /// The pod's own seccomp profile.
    pub seccomp: Seccomp<'a>,
    /// `spec.volumes`.
    pub volumes: Arc<[Volume<'a>]>,
    /// Init, regular and ephemeral containers, in this order.
    pub containers: Vec<Container<'a>>,
}

/// A seccomp profile as field and as annotation.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Seccomp<'a> {
    /// `securityContext.seccompProfile` in the annotation's spelling; empty if the field is there but has no spelling.
    pub field: Option<Cow<'a, str>>,
    /// The annotation, if the key is there.
    pub annotation: Option<Cow<'a, str>>,
}

/// An SELinux context; absent parts are empty.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the parts of an SELinux context")]
pub struct SeLinux<'a> {
    pub user: &'a str,
    pub role: &'a str,
    pub type_: &'a str,
    pub level: &'a str,
}

impl<'a> From<&'a SeLinuxOptions> for SeLinux<'a> {
    fn from(options: &'a SeLinuxOptions) -> Self {
        Self { user: &options.user, role: &options.role, type_: &options.type_, level: &options.level }
    }
}

/// One volume.
#[derive(Debug, Clone, PartialEq)]
pub struct Volume<'a> {
    /// The volume's name, to which mounts refer.
    pub name: &'a str,
    /// The policy's word for the volume's source (`hostPath`, `cephFS`, …); empty for a source unknown to 1.24.
    pub kind: &'static str,
    /// `hostPath.path` of a hostPath volume.
    pub host_path: Option<&'a str>,
    /// `flexVolume.driver` of a flexVolume.
    pub flex_driver: Option<&'a str>,
    /// `csi.driver` of an inline CSI volume.
    pub csi_driver: Option<&'a str>,
    /// A projected volume that holds nothing but what a service account's token volume holds.
    pub holds_only_token_sources: bool,
}

/// The list that a container stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ContainerList {
    /// `spec.initContainers`
    Init,
    /// `spec.containers`
    Regular,
    /// `spec.ephemeralContainers`
    Ephemeral,
}

impl ContainerList {
    /// All lists, in the order in which the plug-in walks them.
    pub const ALL: [Self; 3] = [Self::Init, Self::Regular, Self::Ephemeral];

    /// The list's name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Init => "initContainers",
            Self::Regular => "containers",
            Self::Ephemeral => "ephemeralContainers",
        }
    }
}

/// One container. `run_as_user` and the like are the container's own values; see [`PodView::effective_run_as_user`] and
/// its siblings for what applies.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "fields are named as in the API")]
pub struct Container<'a> {
    pub list: ContainerList,
    /// Position in its own list.
    pub index: usize,
    pub name: &'a str,
    pub privileged: Option<bool>,
    pub run_as_user: Option<i64>,
    pub run_as_group: Option<i64>,
    pub run_as_non_root: Option<bool>,
    pub se_linux: Option<SeLinux<'a>>,
    pub capabilities: Option<Capabilities<'a>>,
    pub read_only_root_filesystem: Option<bool>,
    pub allow_privilege_escalation: Option<bool>,
    pub proc_mount: Option<&'a str>,
    pub seccomp: Seccomp<'a>,
    /// The container's AppArmor annotation, if the key is there.
    pub app_armor: Option<&'a str>,
    /// Host ports that are set (greater than 0).
    pub host_ports: Arc<[i32]>,
    pub mounts: Arc<[Mount<'a>]>,
}

/// `securityContext.capabilities` of a container.
#[derive(Debug, Clone, Default, PartialEq)]
#[expect(missing_docs, reason = "fields are named as in the API")]
pub struct Capabilities<'a> {
    pub add: Vec<&'a str>,
    pub drop: Vec<&'a str>,
}

/// One entry of a container's `volumeMounts`.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "fields are named as in the API")]
pub struct Mount<'a> {
    pub name: &'a str,
    pub read_only: bool,
}

impl<'a> PodView<'a> {
    /// The container's `runAsUser`, else the pod's.
    pub fn effective_run_as_user(&self, container: &Container<'_>) -> Option<i64> {
        container.run_as_user.or(self.run_as_user)
    }

    /// The container's `runAsGroup`, else the pod's.
    pub fn effective_run_as_group(&self, container: &Container<'_>) -> Option<i64> {
        container.run_as_group.or(self.run_as_group)
    }

    /// The container's `runAsNonRoot`, else the pod's.
    pub fn effective_run_as_non_root(&self, container: &Container<'_>) -> Option<bool> {
        container.run_as_non_root.or(self.run_as_non_root)
    }

    /// The container's `seLinuxOptions`, else the pod's, as a whole: parts are not mixed.
    pub fn effective_se_linux(&self, container: &Container<'a>) -> Option<SeLinux<'a>> {
        container.se_linux.or(self.se_linux)
    }

    /// The pod's seccomp profile as the pod-level check sees it: the annotation unless empty, else the field; `None` if
    /// nothing is set at all, and then a policy's default applies.
    pub fn seccomp_profile(&self) -> Option<&str> {
        let annotation = self.seccomp.annotation.as_deref().filter(|profile| !profile.is_empty());
        annotation.or(self.seccomp.field.as_deref())
    }

    /// The container's seccomp profile as the container-level check sees it: its field, else its annotation (even an
    /// empty one), else the pod's field, else the pod's annotation. `None` if nothing is set.
    pub fn effective_seccomp_profile<'s>(&'s self, container: &'s Container<'_>) -> Option<&'s str> {
        let own = container.seccomp.field.as_deref().or(container.seccomp.annotation.as_deref());
        let inherited = || {
            let annotation = self.seccomp.annotation.as_deref().filter(|profile| !profile.is_empty());
            self.seccomp.field.as_deref().or(annotation)
        };
        own.or_else(inherited)
    }

    /// Some container mounts the volume without `readOnly: true`.
    pub fn mounts_writable(&self, volume: &Volume<'_>) -> bool {
        let mounts = self.containers.iter().flat_map(|container| container.mounts.iter());
        mounts.filter(|mount| mount.name == volume.name).any(|mount| !mount.read_only)
    }
}

impl fmt::Display for Container<'_> {
    /// The container's path, e.g. `spec.initContainers[0]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("spec.")?;
        f.write_str(self.list.name())?;
        f.write_str("[")?;
        fmt::Display::fmt(&self.index, f)?;
        f.write_str("]")
    }
}
