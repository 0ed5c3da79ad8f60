//! Where each field of the algebra stands in a pod, as CEL.

use super::{At, Names};
use crate::cel::print::Expr;
use crate::constraint::Items;
use crate::pod_view::{APP_ARMOR_ANNOTATION, Fact, Field};

/// How a field is read.
pub(super) enum Source {
    /// A value that is always there.
    Always(Expr),
    /// A condition.
    Truth(Expr),
    /// The type of this volume.
    Kind(Expr),
    /// A text within an optional object, empty if the object lacks it, absent only with the object.
    Part { object: Expr, text: Expr },
    /// An optional value, an optional value that is present when it is, and what its absence counts as.
    Optional { value: Expr, present: Expr, absent: Fact<'static> },
}

impl Source {
    fn optional(value: Expr) -> Self {
        Self::Optional { present: value.clone(), value, absent: Fact::Absent }
    }
}

/// `object.spec`
pub(super) fn spec(names: &Names) -> Expr {
    Expr::name(names.pod).field("spec")
}

fn pod_context(names: &Names, key: &str) -> Expr {
    spec(names).optional_field("securityContext").optional_field(key)
}

fn container_context(at: &At<'_>, key: &str) -> Expr {
    at.container.clone().optional_field("securityContext").optional_field(key)
}

/// A list of capabilities of the container at hand.
pub(super) fn capabilities(at: &At<'_>, list: &str) -> Expr {
    container_context(at, "capabilities").optional_field(list).method("orValue", [Expr::list([])])
}

/// The list, and what its items are called.
pub(super) fn items(items: Items, at: &At<'_>) -> (Expr, &'static str) {
    let or_none = |list: Expr| list.method("orValue", [Expr::list([])]);
    match items {
        Items::Containers => (Expr::name(at.names.containers), "c"),
        Items::Volumes => (or_none(spec(at.names).optional_field("volumes")), "volume"),
        Items::Sysctls => (or_none(pod_context(at.names, "sysctls")), "x"),
        Items::SupplementalGroups => (or_none(pod_context(at.names, "supplementalGroups")), "x"),
        Items::AddedCapabilities => (capabilities(at, "add"), "x"),
        Items::HostPorts => (or_none(at.container.clone().optional_field("ports")), "x"),
    }
}

/// Where a field stands.
pub(super) fn source(field: Field, at: &At<'_>) -> Source {
    let names = at.names;
    let inherited = |key| Source::optional(container_context(at, key).method("or", [pod_context(names, key)]));
    let own = |key| Source::optional(container_context(at, key));
    let volume = || Expr::name("volume");
    match field {
        Field::HostNetwork => host(names, "hostNetwork"),
        Field::HostPid => host(names, "hostPID"),
        Field::HostIpc => host(names, "hostIPC"),
        Field::RuntimeClassName => Source::optional(spec(names).optional_field("runtimeClassName")),
        Field::FsGroup => Source::optional(pod_context(names, "fsGroup")),
        Field::SupplementalGroups => Source::optional(pod_context(names, "supplementalGroups")),
        Field::PodSeLinuxUser => part(pod_context(names, "seLinuxOptions"), "user"),
        Field::PodSeLinuxRole => part(pod_context(names, "seLinuxOptions"), "role"),
        Field::PodSeLinuxType => part(pod_context(names, "seLinuxOptions"), "type"),
        Field::PodSeLinuxLevel => part(pod_context(names, "seLinuxOptions"), "level"),
        Field::PodSeccomp => seccomp(pod_context(names, "seccompProfile")),
        Field::SupplementalGroup | Field::AddedCapability => Source::Always(Expr::name("x")),
        Field::Sysctl => Source::Always(Expr::name("x").field("name")),
        Field::HostPort => Source::Optional {
            value: Expr::name("x").optional_field("hostPort"),
            present: Expr::name("x").optional_field("hostPort"),
            absent: Fact::Absent,
        },
        Field::VolumeType => Source::Kind(volume()),
        Field::TokenVolume => Source::Truth(holds_only_token_sources(volume())),
        Field::WritableMount => Source::Truth(is_mounted_writable(names, volume())),
        Field::HostPath => part(volume().optional_field("hostPath"), "path"),
        Field::FlexDriver => part(volume().optional_field("flexVolume"), "driver"),
        Field::CsiDriver => part(volume().optional_field("csi"), "driver"),
        Field::Privileged => own("privileged"),
        Field::RunAsUser => inherited("runAsUser"),
        Field::RunAsGroup => inherited("runAsGroup"),
        Field::RunAsNonRoot => inherited("runAsNonRoot"),
        Field::SeLinuxUser => part(container_context(at, "seLinuxOptions"), "user"),
        Field::SeLinuxRole => part(container_context(at, "seLinuxOptions"), "role"),
        Field::SeLinuxType => part(container_context(at, "seLinuxOptions"), "type"),
        Field::SeLinuxLevel => part(container_context(at, "seLinuxOptions"), "level"),
        Field::AppArmor => app_armor(at),
        Field::Seccomp => {
            seccomp(container_context(at, "seccompProfile").method("or", [pod_context(names, "seccompProfile")]))
        }
        Field::ProcMount => own("procMount"),
        Field::ReadOnlyRootFilesystem => own("readOnlyRootFilesystem"),
        Field::AllowPrivilegeEscalation => own("allowPrivilegeEscalation"),
    }
}

fn host(names: &Names, key: &str) -> Source {
    let value = spec(names).optional_field(key);
    Source::Optional { present: value.clone(), value, absent: Fact::Bool(false) }
}

fn part(object: Expr, key: &str) -> Source {
    Source::Part { object, text: Expr::name("o").optional_field(key).method("orValue", [Expr::string("")]) }
}

/// An optional profile in the spelling of annotations; empty if it has none.
fn profile(profile: Expr) -> Expr {
    let is = |name: &str| Expr::name("p").field("type").equals(Expr::string(name));
    let file = Expr::name("p").field("localhostProfile");
    let localhost = Expr::concat([Expr::string("localhost/"), file.clone()]);
    let other = Expr::and([is("Localhost"), file.has()]).then_else(localhost, Expr::string(""));
    let other = is("Unconfined").then_else(Expr::string("unconfined"), other);
    let text = is("RuntimeDefault").then_else(Expr::string("runtime/default"), other);
    profile.method("optMap", [Expr::name("p"), text])
}

fn seccomp(profiles: Expr) -> Source {
    Source::Optional { present: profiles.clone(), value: profile(profiles), absent: Fact::Absent }
}

/// The container's field, else its annotation unless empty, else the pod's field.
fn app_armor(at: &At<'_>) -> Source {
    let name = at.container.clone().field("name");
    let key = Expr::concat([Expr::string(APP_ARMOR_ANNOTATION), name]);
    let annotations = Expr::name(at.names.pod).field("metadata").optional_field("annotations");
    let annotation = annotations.optional_index(key).method("orValue", [Expr::string("")]);
    let annotation = Expr::call("optional.ofNonZeroValue", [annotation]);
    let first = |own: Expr, pod: Expr| own.method("or", [annotation.clone()]).method("or", [pod]);
    let (own, pod) = (container_context(at, "appArmorProfile"), pod_context(at.names, "appArmorProfile"));
    let value = first(profile(own.clone()), profile(pod.clone()));
    Source::Optional { value, present: first(own, pod), absent: Fact::Absent }
}

/// Nothing but what the service account's token volume holds.
fn holds_only_token_sources(volume: Expr) -> Expr {
    let projected = volume.field("projected");
    let sources = projected.clone().optional_field("sources").method("orValue", [Expr::list([])]);
    let source = Expr::verbatim(
        "(has(s.serviceAccountToken) || has(s.configMap) || has(s.downwardAPI)) \
         && (!has(s.serviceAccountToken) || s.serviceAccountToken.?path.orValue('') == 'token' && s.serviceAccountToken.?audience.orValue('') == '') \
         && (!has(s.configMap) || s.configMap.?name.orValue('') == 'kube-root-ca.crt') \
         && (!has(s.downwardAPI) || s.downwardAPI.?items.orValue([]).all(i, i.?path.orValue('') == 'namespace' \
         && i.?fieldRef.?apiVersion.orValue('v1') == 'v1' && i.?fieldRef.?fieldPath.orValue('') == 'metadata.namespace'))",
    );
    Expr::and([projected.has(), sources.all("s", source)])
}

/// Some container mounts the volume without `readOnly: true`.
fn is_mounted_writable(names: &Names, volume: Expr) -> Expr {
    let is_this = Expr::name("m").field("name").equals(volume.field("name"));
    let read_only = Expr::name("m").optional_field("readOnly").method("orValue", [Expr::bool(false)]);
    let writable = read_only.equals(Expr::bool(false));
    let mounts = Expr::name("c").optional_field("volumeMounts").method("orValue", [Expr::list([])]);
    Expr::name(names.containers).exists("c", mounts.exists("m", Expr::and([is_this, writable])))
}
