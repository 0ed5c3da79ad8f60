//! The closed list of what a constraint can speak about, and how each is read from a pod.

use super::{Container, PodView, Volume};

/// One fact of a pod, of one of its containers or volumes, or of one item in their lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// `spec.hostNetwork`
    HostNetwork,
    /// `spec.hostPID`
    HostPid,
    /// `spec.hostIPC`
    HostIpc,
    /// `spec.runtimeClassName`
    RuntimeClassName,
    /// `spec.securityContext.fsGroup`
    FsGroup,
    /// `spec.securityContext.supplementalGroups` as a whole: absent, empty or not
    SupplementalGroups,
    /// `spec.securityContext.seLinuxOptions.user`, absent only with the whole object
    PodSeLinuxUser,
    /// `spec.securityContext.seLinuxOptions.role`
    PodSeLinuxRole,
    /// `spec.securityContext.seLinuxOptions.type`
    PodSeLinuxType,
    /// `spec.securityContext.seLinuxOptions.level`
    PodSeLinuxLevel,
    /// The pod's seccomp profile, see [`PodView::seccomp_profile`]
    PodSeccomp,
    /// A group in `spec.securityContext.supplementalGroups`
    SupplementalGroup,
    /// A name in `spec.securityContext.sysctls`
    Sysctl,
    /// The policy's word for a volume's source
    VolumeType,
    /// The volume holds nothing but a service account's token sources
    TokenVolume,
    /// The path of a hostPath volume
    HostPath,
    /// Some container mounts the volume without `readOnly: true`
    WritableMount,
    /// The driver of a flexVolume
    FlexDriver,
    /// The driver of an inline CSI volume
    CsiDriver,
    /// `securityContext.privileged`
    Privileged,
    /// The effective `runAsUser`: the container's, else the pod's
    RunAsUser,
    /// The effective `runAsGroup`
    RunAsGroup,
    /// The effective `runAsNonRoot`
    RunAsNonRoot,
    /// The container's own `seLinuxOptions.user`, absent only with the whole object
    SeLinuxUser,
    /// The container's own `seLinuxOptions.role`
    SeLinuxRole,
    /// The container's own `seLinuxOptions.type`
    SeLinuxType,
    /// The container's own `seLinuxOptions.level`
    SeLinuxLevel,
    /// The container's AppArmor annotation; absent also if empty
    AppArmor,
    /// The container's effective seccomp profile, see [`PodView::effective_seccomp_profile`]
    Seccomp,
    /// `securityContext.procMount`
    ProcMount,
    /// An entry of `securityContext.capabilities.add`
    AddedCapability,
    /// A `hostPort` greater than 0
    HostPort,
    /// `securityContext.readOnlyRootFilesystem`
    ReadOnlyRootFilesystem,
    /// `securityContext.allowPrivilegeEscalation`
    AllowPrivilegeEscalation,
}

/// What a field is a fact of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// The pod.
    Pod,
    /// One of its containers, of any list.
    Container,
    /// One of its volumes.
    Volume,
    /// One item of a list: a group, a sysctl, a capability, a port.
    Item,
}

/// The value of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact<'v> {
    /// Not set.
    Absent,
    /// A boolean.
    Bool(bool),
    /// An id or a port.
    Int(i64),
    /// A name, a path, a profile.
    Text(&'v str),
    /// A list, of which only the length is a fact of its own.
    List(usize),
}

impl Field {
    /// All fields.
    pub const ALL: [Self; 34] = [
        Self::HostNetwork,
        Self::HostPid,
        Self::HostIpc,
        Self::RuntimeClassName,
        Self::FsGroup,
        Self::SupplementalGroups,
        Self::PodSeLinuxUser,
        Self::PodSeLinuxRole,
        Self::PodSeLinuxType,
        Self::PodSeLinuxLevel,
        Self::PodSeccomp,
        Self::SupplementalGroup,
        Self::Sysctl,
        Self::VolumeType,
        Self::TokenVolume,
        Self::HostPath,
        Self::WritableMount,
        Self::FlexDriver,
        Self::CsiDriver,
        Self::Privileged,
        Self::RunAsUser,
        Self::RunAsGroup,
        Self::RunAsNonRoot,
        Self::SeLinuxUser,
        Self::SeLinuxRole,
        Self::SeLinuxType,
        Self::SeLinuxLevel,
        Self::AppArmor,
        Self::Seccomp,
        Self::ProcMount,
        Self::AddedCapability,
        Self::HostPort,
        Self::ReadOnlyRootFilesystem,
        Self::AllowPrivilegeEscalation,
    ];

    /// The field's name in the API: from `spec` on for a fact of the pod, else in the container or volume. `type` of a
    /// volume, its token sources and its mounts are facts without a field of their own.
    pub fn name(self) -> &'static str {
        match self {
            Self::HostNetwork => "spec.hostNetwork",
            Self::HostPid => "spec.hostPID",
            Self::HostIpc => "spec.hostIPC",
            Self::RuntimeClassName => "spec.runtimeClassName",
            Self::FsGroup => "spec.securityContext.fsGroup",
            Self::SupplementalGroups => "spec.securityContext.supplementalGroups",
            Self::PodSeLinuxUser => "spec.securityContext.seLinuxOptions.user",
            Self::PodSeLinuxRole => "spec.securityContext.seLinuxOptions.role",
            Self::PodSeLinuxType => "spec.securityContext.seLinuxOptions.type",
            Self::PodSeLinuxLevel => "spec.securityContext.seLinuxOptions.level",
            Self::PodSeccomp => "spec.securityContext.seccompProfile",
            Self::SupplementalGroup => "spec.securityContext.supplementalGroups[*]",
            Self::Sysctl => "spec.securityContext.sysctls[*].name",
            Self::VolumeType => "type",
            Self::TokenVolume => "only token sources",
            Self::HostPath => "hostPath.path",
            Self::WritableMount => "mounted writable",
            Self::FlexDriver => "flexVolume.driver",
            Self::CsiDriver => "csi.driver",
            Self::Privileged => "securityContext.privileged",
            Self::RunAsUser => "securityContext.runAsUser",
            Self::RunAsGroup => "securityContext.runAsGroup",
            Self::RunAsNonRoot => "securityContext.runAsNonRoot",
            Self::SeLinuxUser => "securityContext.seLinuxOptions.user",
            Self::SeLinuxRole => "securityContext.seLinuxOptions.role",
            Self::SeLinuxType => "securityContext.seLinuxOptions.type",
            Self::SeLinuxLevel => "securityContext.seLinuxOptions.level",
            Self::AppArmor => "container.apparmor.security.beta.kubernetes.io/*",
            Self::Seccomp => "securityContext.seccompProfile",
            Self::ProcMount => "securityContext.procMount",
            Self::AddedCapability => "securityContext.capabilities.add[*]",
            Self::HostPort => "ports[*].hostPort",
            Self::ReadOnlyRootFilesystem => "securityContext.readOnlyRootFilesystem",
            Self::AllowPrivilegeEscalation => "securityContext.allowPrivilegeEscalation",
        }
    }

    /// What the field is a fact of.
    pub fn scope(self) -> Scope {
        match self {
            Self::SupplementalGroup | Self::Sysctl | Self::AddedCapability | Self::HostPort => Scope::Item,
            field if field <= Self::PodSeccomp => Scope::Pod,
            field if field <= Self::CsiDriver => Scope::Volume,
            _ => Scope::Container,
        }
    }
}

impl PodView<'_> {
    /// The pod's own value of a field of scope [`Scope::Pod`]; absent for every other field.
    pub fn fact(&self, field: Field) -> Fact<'_> {
        match field {
            Field::HostNetwork => Fact::Bool(self.host_network),
            Field::HostPid => Fact::Bool(self.host_pid),
            Field::HostIpc => Fact::Bool(self.host_ipc),
            Field::RuntimeClassName => text(self.runtime_class_name),
            Field::FsGroup => int(self.fs_group),
            Field::SupplementalGroups => {
                self.supplemental_groups.as_ref().map_or(Fact::Absent, |list| Fact::List(list.len()))
            }
            Field::PodSeLinuxUser => text(self.se_linux.map(|options| options.user)),
            Field::PodSeLinuxRole => text(self.se_linux.map(|options| options.role)),
            Field::PodSeLinuxType => text(self.se_linux.map(|options| options.type_)),
            Field::PodSeLinuxLevel => text(self.se_linux.map(|options| options.level)),
            Field::PodSeccomp => text(self.seccomp_profile()),
            _ => Fact::Absent,
        }
    }

    /// A container's value of a field of scope [`Scope::Container`]; absent for every other field.
    pub fn container_fact<'v>(&'v self, container: &'v Container<'_>, field: Field) -> Fact<'v> {
        match field {
            Field::Privileged => bool(container.privileged),
            Field::RunAsUser => int(self.effective_run_as_user(container)),
            Field::RunAsGroup => int(self.effective_run_as_group(container)),
            Field::RunAsNonRoot => bool(self.effective_run_as_non_root(container)),
            Field::SeLinuxUser => text(container.se_linux.map(|options| options.user)),
            Field::SeLinuxRole => text(container.se_linux.map(|options| options.role)),
            Field::SeLinuxType => text(container.se_linux.map(|options| options.type_)),
            Field::SeLinuxLevel => text(container.se_linux.map(|options| options.level)),
            Field::AppArmor => text(container.app_armor.filter(|profile| !profile.is_empty())),
            Field::Seccomp => text(self.effective_seccomp_profile(container)),
            Field::ProcMount => text(container.proc_mount),
            Field::ReadOnlyRootFilesystem => bool(container.read_only_root_filesystem),
            Field::AllowPrivilegeEscalation => bool(container.allow_privilege_escalation),
            _ => Fact::Absent,
        }
    }

    /// A volume's value of a field of scope [`Scope::Volume`]; absent for every other field.
    pub fn volume_fact<'v>(&self, volume: &'v Volume<'_>, field: Field) -> Fact<'v> {
        match field {
            Field::VolumeType => Fact::Text(volume.kind),
            Field::TokenVolume => Fact::Bool(volume.holds_only_token_sources),
            Field::HostPath => text(volume.host_path),
            Field::WritableMount => Fact::Bool(self.mounts_writable(volume)),
            Field::FlexDriver => text(volume.flex_driver),
            Field::CsiDriver => text(volume.csi_driver),
            _ => Fact::Absent,
        }
    }
}

fn bool<'v>(value: Option<bool>) -> Fact<'v> {
    value.map_or(Fact::Absent, Fact::Bool)
}

fn int<'v>(value: Option<i64>) -> Fact<'v> {
    value.map_or(Fact::Absent, Fact::Int)
}

fn text(value: Option<&str>) -> Fact<'_> {
    value.map_or(Fact::Absent, Fact::Text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_fields_share_a_name() {
        let names: std::collections::BTreeSet<_> = Field::ALL.iter().map(|field| field.name()).collect();
        assert_eq!(names.len(), Field::ALL.len());
    }

    #[test]
    fn every_field_is_listed_once_and_in_order() {
        assert!(Field::ALL.is_sorted_by(|a, b| a < b));
        assert_eq!(Field::ALL.last(), Some(&Field::AllowPrivilegeEscalation));
    }
}
