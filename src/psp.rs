//! PodSecurityPolicy objects (`policy/v1beta1`, `extensions/v1beta1`) as the API server stores them.
//!
//! The types keep what validation can tell apart (an absent range list from an empty one) and nothing else. `null` is
//! absence; in a list or a map it is the empty value, as for Go. Source: `k8s.io/api/policy/v1beta1/types.go` at v0.24.17;
//! defaulting: `pkg/apis/policy/v1beta1/defaults.go`.

pub mod validation;

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::release::Release;

/// One PodSecurityPolicy.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PodSecurityPolicy {
    /// Name and annotations; a namespace, if given, has no meaning.
    #[serde(deserialize_with = "null_is_default")]
    pub metadata: Metadata,
    /// What the policy allows and fills in.
    #[serde(deserialize_with = "null_is_default")]
    pub spec: Spec,
}

/// The parts of `metadata` that PodSecurityPolicy reads.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Metadata {
    /// The policy's name: RBAC grants it by name, and names give the order of choice.
    #[serde(deserialize_with = "null_is_default")]
    pub name: String,
    /// What the server completes to a name where none is given.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "String::is_empty")]
    pub generate_name: String,
    /// Read by validation alone.
    #[serde(deserialize_with = "texts", skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Seccomp and AppArmor rules live here.
    #[serde(deserialize_with = "texts", skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// `spec` of a policy; each field's meaning is in the control that reads it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are the API's own, and each control documents the fields it reads")]
pub struct Spec {
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "is_false")]
    pub privileged: bool,
    #[serde(deserialize_with = "list", skip_serializing_if = "Vec::is_empty")]
    pub default_add_capabilities: Vec<String>,
    #[serde(deserialize_with = "list", skip_serializing_if = "Vec::is_empty")]
    pub required_drop_capabilities: Vec<String>,
    #[serde(deserialize_with = "list", skip_serializing_if = "Vec::is_empty")]
    pub allowed_capabilities: Vec<String>,
    #[serde(deserialize_with = "list", skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<String>,
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "is_false")]
    pub host_network: bool,
    #[serde(deserialize_with = "list", skip_serializing_if = "Vec::is_empty")]
    pub host_ports: Vec<HostPortRange>,
    #[serde(rename = "hostPID", deserialize_with = "null_is_default", skip_serializing_if = "is_false")]
    pub host_pid: bool,
    #[serde(rename = "hostIPC", deserialize_with = "null_is_default", skip_serializing_if = "is_false")]
    pub host_ipc: bool,
    #[serde(deserialize_with = "null_is_default")]
    pub se_linux: SeLinuxStrategy,
    #[serde(deserialize_with = "null_is_default")]
    pub run_as_user: IdStrategy,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_as_group: Option<IdStrategy>,
    #[serde(deserialize_with = "null_is_default")]
    pub supplemental_groups: IdStrategy,
    #[serde(deserialize_with = "null_is_default")]
    pub fs_group: IdStrategy,
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "is_false")]
    pub read_only_root_filesystem: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_allow_privilege_escalation: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_privilege_escalation: Option<bool>,
    #[serde(deserialize_with = "list", skip_serializing_if = "Vec::is_empty")]
    pub allowed_host_paths: Vec<AllowedHostPath>,
    #[serde(deserialize_with = "list", skip_serializing_if = "Vec::is_empty")]
    pub allowed_flex_volumes: Vec<AllowedFlexVolume>,
    #[serde(rename = "allowedCSIDrivers", deserialize_with = "list", skip_serializing_if = "Vec::is_empty")]
    pub allowed_csi_drivers: Vec<AllowedCsiDriver>,
    #[serde(deserialize_with = "list", skip_serializing_if = "Vec::is_empty")]
    pub allowed_unsafe_sysctls: Vec<String>,
    #[serde(deserialize_with = "list", skip_serializing_if = "Vec::is_empty")]
    pub forbidden_sysctls: Vec<String>,
    #[serde(deserialize_with = "list", skip_serializing_if = "Vec::is_empty")]
    pub allowed_proc_mount_types: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runtime_class: Option<RuntimeClassStrategy>,
}

impl Spec {
    /// `allowPrivilegeEscalation` with the API's default, `true`.
    pub fn allows_privilege_escalation(&self) -> bool {
        self.allow_privilege_escalation.unwrap_or(true)
    }
}

/// A range of host ports, both ends included. Nothing validates it: an inverted range never matches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "lowest and highest port of the range")]
pub struct HostPortRange {
    #[serde(deserialize_with = "null_is_default")]
    pub min: i32,
    #[serde(deserialize_with = "null_is_default")]
    pub max: i32,
}

/// A range of user or group ids, both ends included; an absent end is 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "lowest and highest id of the range")]
pub struct IdRange {
    #[serde(deserialize_with = "null_is_default")]
    pub min: i64,
    #[serde(deserialize_with = "null_is_default")]
    pub max: i64,
}

/// The rule of `runAsUser`, `runAsGroup`, `supplementalGroups` or `fsGroup`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct IdStrategy {
    /// `MustRunAs`, `MayRunAs`, `MustRunAsNonRoot` or `RunAsAny`, whichever the field knows.
    #[serde(deserialize_with = "null_is_default")]
    pub rule: String,
    /// The allowed ids; an empty list and an absent one print differently in validation messages.
    #[serde(deserialize_with = "list_if_any", skip_serializing_if = "Option::is_none")]
    pub ranges: Option<Vec<IdRange>>,
}

impl IdRange {
    /// Whether the id lies in the range.
    pub fn contains(self, id: i64) -> bool {
        self.min <= id && id <= self.max
    }
}

impl IdStrategy {
    /// The ranges, none where they are absent.
    pub fn ranges(&self) -> &[IdRange] {
        self.ranges.as_deref().unwrap_or_default()
    }
}

/// The rule of `seLinux`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct SeLinuxStrategy {
    /// `MustRunAs` or `RunAsAny`.
    #[serde(deserialize_with = "null_is_default")]
    pub rule: String,
    /// What `MustRunAs` demands and fills in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub se_linux_options: Option<SeLinuxOptions>,
}

/// An SELinux context; an absent part is the empty string.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the parts of an SELinux context")]
pub struct SeLinuxOptions {
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "String::is_empty")]
    pub user: String,
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "String::is_empty")]
    pub role: String,
    #[serde(rename = "type", deserialize_with = "null_is_default", skip_serializing_if = "String::is_empty")]
    pub type_: String,
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "String::is_empty")]
    pub level: String,
}

/// An allowed host path prefix.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct AllowedHostPath {
    /// The prefix, compared segment by segment.
    #[serde(deserialize_with = "null_is_default")]
    pub path_prefix: String,
    /// Whether every mount of such a volume must be read-only.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "is_false")]
    pub read_only: bool,
}

/// An allowed flexVolume driver.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AllowedFlexVolume {
    /// The driver's name, compared exactly.
    #[serde(deserialize_with = "null_is_default")]
    pub driver: String,
}

/// An allowed inline CSI driver.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AllowedCsiDriver {
    /// The driver's name, compared exactly.
    #[serde(deserialize_with = "null_is_default")]
    pub name: String,
}

/// The rule of `runtimeClass`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct RuntimeClassStrategy {
    /// Names a pod may set; `*` allows every name.
    #[serde(deserialize_with = "list")]
    pub allowed_runtime_class_names: Vec<String>,
    /// What is filled in where the pod names none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_runtime_class_name: Option<String>,
}

impl PodSecurityPolicy {
    /// Reads a policy from its manifest.
    ///
    /// # Errors
    /// A field of the wrong type, as serde tells it.
    pub fn from_value(manifest: &Value) -> Result<Self, serde_json::Error> {
        Self::deserialize(manifest)
    }

    /// The policy as the registry of `release` stores it: fields behind a disabled feature gate are cleared before
    /// validation (`pkg/api/podsecuritypolicy/util.go`, `DropDisabledFields`).
    #[must_use]
    pub fn stored(mut self, release: &Release) -> Self {
        if !release.proc_mount_type {
            self.spec.allowed_proc_mount_types.clear();
        }
        self
    }

    /// `spec` with its defaults filled in, and the annotations, as plain data.
    pub fn parameters(&self) -> Value {
        let mut policy = self.clone();
        policy.spec.allow_privilege_escalation = Some(self.spec.allows_privilege_escalation());
        let mut parameters = serde_json::to_value(&policy.spec).unwrap_or_default();
        if let Some(map) = parameters.as_object_mut() {
            map.insert("annotations".to_owned(), serde_json::json!(policy.metadata.annotations));
        }
        parameters
    }

    /// The value of an annotation, if the key is there.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.metadata.annotations.get(key).map(String::as_str)
    }
}

/// Ranges as Go prints them in messages: `[{1 2} {5 5}]`.
pub(crate) fn print_ranges(ranges: &[IdRange]) -> String {
    let list: Vec<String> = ranges.iter().map(|range| format!("{{{} {}}}", range.min, range.max)).collect();
    format!("[{}]", list.join(" "))
}

fn null_is_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

fn list<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    Ok(list_if_any(deserializer)?.unwrap_or_default())
}

fn list_if_any<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Vec<T>>, D::Error> {
    let list: Option<Vec<Option<T>>> = Option::deserialize(deserializer)?;
    Ok(list.map(|list| list.into_iter().map(Option::unwrap_or_default).collect()))
}

fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    let map: BTreeMap<String, Option<String>> = null_is_default(deserializer)?;
    Ok(map.into_iter().map(|(key, text)| (key, text.unwrap_or_default())).collect())
}

fn is_false(value: &bool) -> bool {
    !value
}
