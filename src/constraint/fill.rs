//! What a policy writes into a pod that is silent.
//!
//! Fills of different controls write different places and read only what they write, so their order has no meaning.

use std::borrow::Cow;
use std::sync::Arc;

use crate::pod_view::{Capabilities, Container, Fact, Field, PodView, Scope, Seccomp};
use crate::psp::SeLinuxOptions;

/// One thing a policy fills in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fill {
    /// Writes `value` where `at` is absent, unless the field `unless_set` is set. A container's value is written to the
    /// container, never to the pod.
    SetIfAbsent {
        /// Where it is written.
        at: Field,
        /// What is written.
        value: Setting,
        /// A field that stands in for `at`.
        unless_set: Option<Field>,
    },
    /// Adds capabilities to every container: `add` except what the container drops, and `drop`. If that changes either
    /// list, both are sorted and freed of duplicates; otherwise they stay as they are.
    Capabilities {
        /// `defaultAddCapabilities`
        add: Vec<String>,
        /// `requiredDropCapabilities`
        drop: Vec<String>,
    },
    /// Writes the pod's seccomp field into its annotation, where that is absent or empty. Every policy does so.
    CopySeccompToAnnotation,
}

/// A value to fill in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setting {
    /// A boolean.
    Bool(bool),
    /// An id.
    Int(i64),
    /// A list with one id.
    Ints(Vec<i64>),
    /// A name or profile.
    Text(String),
    /// A whole SELinux context.
    SeLinux(SeLinuxOptions),
}

impl Fill {
    /// Fills `value` in where `at` is absent.
    pub fn set(at: Field, value: Setting) -> Self {
        Self::SetIfAbsent { at, value, unless_set: None }
    }

    /// Applies the fill and tells whether it changed the pod.
    pub fn apply<'a>(&'a self, pod: &mut PodView<'a>) -> bool {
        match self {
            Self::SetIfAbsent { at, value, unless_set } => set_if_absent(pod, *at, value, *unless_set),
            Self::Capabilities { add, drop } => {
                let add_to = |container| add_capabilities(container, add, drop);
                pod.containers.iter_mut().map(add_to).fold(false, |any, changed| any | changed)
            }
            Self::CopySeccompToAnnotation => copy_seccomp(&mut pod.seccomp),
        }
    }
}

fn set_if_absent<'a>(pod: &mut PodView<'a>, at: Field, value: &'a Setting, unless_set: Option<Field>) -> bool {
    if at.scope() == Scope::Pod {
        return pod.fact(at) == Fact::Absent && set_on_pod(pod, at, value);
    }
    let mut changed = false;
    for index in 0..pod.containers.len() {
        if is_silent(pod, index, at, unless_set)
            && let Some(container) = pod.containers.get_mut(index)
        {
            changed |= set_on_container(container, at, value);
        }
    }
    changed
}

fn is_silent(pod: &PodView<'_>, index: usize, at: Field, unless_set: Option<Field>) -> bool {
    let is_silent = |container| {
        let absent = |field| pod.container_fact(container, field) == Fact::Absent;
        absent(at) && unless_set.is_none_or(absent)
    };
    pod.containers.get(index).is_some_and(is_silent)
}

fn set_on_pod<'a>(pod: &mut PodView<'a>, at: Field, value: &'a Setting) -> bool {
    match (at, value) {
        (Field::FsGroup, Setting::Int(id)) => pod.fs_group = Some(*id),
        (Field::SupplementalGroups, Setting::Ints(ids)) => pod.supplemental_groups = Some(Arc::from(ids.as_slice())),
        (Field::PodSeLinuxLevel, Setting::SeLinux(options)) => pod.se_linux = Some(options.into()),
        (Field::PodSeccomp, Setting::Text(profile)) => pod.seccomp.annotation = Some(Cow::Borrowed(profile)),
        (Field::RuntimeClassName, Setting::Text(name)) => pod.runtime_class_name = Some(name),
        _ => return false,
    }
    true
}

fn set_on_container<'a>(container: &mut Container<'a>, at: Field, value: &'a Setting) -> bool {
    match (at, value) {
        (Field::RunAsUser, Setting::Int(id)) => container.run_as_user = Some(*id),
        (Field::RunAsGroup, Setting::Int(id)) => container.run_as_group = Some(*id),
        (Field::RunAsNonRoot, Setting::Bool(value)) => container.run_as_non_root = Some(*value),
        (Field::AppArmor, Setting::Text(profile)) => container.app_armor = Some(profile),
        (Field::ReadOnlyRootFilesystem, Setting::Bool(value)) => container.read_only_root_filesystem = Some(*value),
        (Field::AllowPrivilegeEscalation, Setting::Bool(value)) => container.allow_privilege_escalation = Some(*value),
        _ => return false,
    }
    true
}

fn copy_seccomp(seccomp: &mut Seccomp<'_>) -> bool {
    let annotated = seccomp.annotation.as_deref().is_some_and(|profile| !profile.is_empty());
    match &seccomp.field {
        Some(field) if !annotated && !field.is_empty() => {
            seccomp.annotation = Some(field.clone());
            true
        }
        _ => false,
    }
}

fn add_capabilities<'a>(container: &mut Container<'a>, default_add: &'a [String], required_drop: &'a [String]) -> bool {
    let empty = Capabilities::default();
    let own = container.capabilities.as_ref().unwrap_or(&empty);
    let absent_from = |list: &[&str], name: &str| !list.contains(&name);
    let added = default_add.iter().filter(|name| absent_from(&own.drop, name) && absent_from(&own.add, name));
    let dropped = required_drop.iter().filter(|name| absent_from(&own.drop, name));
    let (added, dropped): (Vec<_>, Vec<_>) = (added.collect(), dropped.collect());
    if added.is_empty() && dropped.is_empty() {
        return false;
    }
    let capabilities = Capabilities { add: union(&own.add, added), drop: union(&own.drop, dropped) };
    container.capabilities = Some(capabilities);
    true
}

fn union<'a>(own: &[&'a str], more: Vec<&'a String>) -> Vec<&'a str> {
    let mut list: Vec<&str> = own.iter().copied().chain(more.into_iter().map(String::as_str)).collect();
    list.sort_unstable();
    list.dedup();
    list
}
