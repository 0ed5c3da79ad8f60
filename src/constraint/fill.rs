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

    /// Whether the fill would change the pod.
    pub fn changes(&self, pod: &PodView<'_>) -> bool {
        match self {
            Self::SetIfAbsent { at, .. } if at.scope() == Scope::Pod => pod.fact(*at) == Fact::Absent,
            Self::SetIfAbsent { at, unless_set, .. } => {
                pod.containers.iter().any(|container| is_silent(pod, container, *at, *unless_set))
            }
            Self::Capabilities { add, drop } => {
                let lacks_some = |container: &Container<'_>| {
                    let own = container.capabilities.as_ref().unwrap_or(&NO_CAPABILITIES);
                    missing_adds(own, add).next().is_some() || missing_drops(own, drop).next().is_some()
                };
                pod.containers.iter().any(lacks_some)
            }
            Self::CopySeccompToAnnotation => seccomp_to_copy(&pod.seccomp).is_some(),
        }
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
        let silent = pod.containers.get(index).is_some_and(|container| is_silent(pod, container, at, unless_set));
        if let Some(container) = pod.containers.get_mut(index).filter(|_| silent) {
            changed |= set_on_container(container, at, value);
        }
    }
    changed
}

fn is_silent(pod: &PodView<'_>, container: &Container<'_>, at: Field, unless_set: Option<Field>) -> bool {
    let absent = |field| pod.container_fact(container, field) == Fact::Absent;
    absent(at) && unless_set.is_none_or(absent)
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
    let Some(profile) = seccomp_to_copy(seccomp).cloned() else {
        return false;
    };
    seccomp.annotation = Some(profile);
    true
}

/// The field's profile, where the annotation is to take it over.
fn seccomp_to_copy<'s, 'a>(seccomp: &'s Seccomp<'a>) -> Option<&'s Cow<'a, str>> {
    let annotated = seccomp.annotation.as_deref().is_some_and(|profile| !profile.is_empty());
    seccomp.field.as_ref().filter(|field| !annotated && !field.is_empty())
}

static NO_CAPABILITIES: Capabilities<'static> = Capabilities { add: Vec::new(), drop: Vec::new() };

fn add_capabilities<'a>(container: &mut Container<'a>, default_add: &'a [String], required_drop: &'a [String]) -> bool {
    let own = container.capabilities.as_ref().unwrap_or(&NO_CAPABILITIES);
    let added: Vec<_> = missing_adds(own, default_add).collect();
    let dropped: Vec<_> = missing_drops(own, required_drop).collect();
    if added.is_empty() && dropped.is_empty() {
        return false;
    }
    container.capabilities = Some(Capabilities { add: union(&own.add, added), drop: union(&own.drop, dropped) });
    true
}

fn missing_adds<'p>(own: &Capabilities<'_>, default_add: &'p [String]) -> impl Iterator<Item = &'p str> {
    missing_drops(own, default_add).filter(|name| !own.add.contains(name))
}

fn missing_drops<'p>(own: &Capabilities<'_>, required_drop: &'p [String]) -> impl Iterator<Item = &'p str> {
    required_drop.iter().map(String::as_str).filter(|name| !own.drop.contains(name))
}

fn union<'a>(own: &[&'a str], more: Vec<&'a str>) -> Vec<&'a str> {
    let mut list = [own, &more].concat();
    list.sort_unstable();
    list.dedup();
    list
}
