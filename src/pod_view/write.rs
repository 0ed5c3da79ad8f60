//! Writing what admission changed back into the manifest.
//!
//! Only what differs between the two views is touched, so everything a view does not hold stays as it was.

use serde_json::{Map, Value, json};

use super::{
    APP_ARMOR_ANNOTATION, CONTAINER_SECCOMP_ANNOTATION, Capabilities, Container, POD_SECCOMP_ANNOTATION,
    PSP_ANNOTATION, PodView, SeLinux,
};

impl PodView<'_> {
    /// Writes the differences between `before` (a view of `pod`) and `self` into `pod`.
    ///
    /// Admission sets and never unsets; a value that `self` lacks stays as it is.
    pub fn write_into(&self, before: &PodView<'_>, pod: &mut Value) {
        self.write_annotations(before, pod);
        if self.runtime_class_name != before.runtime_class_name {
            set(pod, &["spec"], "runtimeClassName", json!(self.runtime_class_name));
        }
        self.write_context(before, pod);
        for (container, was) in self.containers.iter().zip(&before.containers) {
            let list = pod.get_mut("spec").and_then(|spec| spec.get_mut(container.list.name()));
            if let Some(manifest) = list.and_then(|list| list.get_mut(container.index)) {
                container.write_into(was, manifest);
            }
        }
    }

    fn write_annotations(&self, before: &PodView<'_>, pod: &mut Value) {
        let mut annotate = |key: &str, now: Option<&str>, was: Option<&str>| {
            if now != was {
                set(pod, &["metadata", "annotations"], key, json!(now));
            }
        };
        annotate(PSP_ANNOTATION, self.psp_annotation, before.psp_annotation);
        annotate(POD_SECCOMP_ANNOTATION, self.seccomp.annotation.as_deref(), before.seccomp.annotation.as_deref());
        for (now, was) in self.containers.iter().zip(&before.containers) {
            let seccomp = format!("{CONTAINER_SECCOMP_ANNOTATION}{}", now.name);
            annotate(&seccomp, now.seccomp.annotation.as_deref(), was.seccomp.annotation.as_deref());
            annotate(&format!("{APP_ARMOR_ANNOTATION}{}", now.name), now.app_armor, was.app_armor);
        }
    }

    fn write_context(&self, before: &PodView<'_>, pod: &mut Value) {
        let mut write = |changed: bool, key: &str, value: Value| {
            if changed {
                set(pod, &["spec", "securityContext"], key, value);
            }
        };
        write(self.fs_group != before.fs_group, "fsGroup", json!(self.fs_group));
        let groups = self.supplemental_groups.as_deref();
        write(self.supplemental_groups != before.supplemental_groups, "supplementalGroups", json!(groups));
        write(self.se_linux != before.se_linux, "seLinuxOptions", se_linux_json(self.se_linux));
        let profile = self.seccomp.field.as_deref();
        write(self.seccomp.field != before.seccomp.field, "seccompProfile", seccomp_json(profile));
    }
}

impl Container<'_> {
    fn write_into(&self, before: &Container<'_>, manifest: &mut Value) {
        let mut write = |changed: bool, key: &str, value: Value| {
            if changed {
                set(manifest, &["securityContext"], key, value);
            }
        };
        write(self.run_as_user != before.run_as_user, "runAsUser", json!(self.run_as_user));
        write(self.run_as_group != before.run_as_group, "runAsGroup", json!(self.run_as_group));
        write(self.run_as_non_root != before.run_as_non_root, "runAsNonRoot", json!(self.run_as_non_root));
        write(self.capabilities != before.capabilities, "capabilities", capabilities_json(self.capabilities.as_ref()));
        let read_only = self.read_only_root_filesystem;
        write(read_only != before.read_only_root_filesystem, "readOnlyRootFilesystem", json!(read_only));
        let escalation = self.allow_privilege_escalation;
        write(escalation != before.allow_privilege_escalation, "allowPrivilegeEscalation", json!(escalation));
        write(self.proc_mount != before.proc_mount, "procMount", json!(self.proc_mount));
        let profile = self.seccomp.field.as_deref();
        write(self.seccomp.field != before.seccomp.field, "seccompProfile", seccomp_json(profile));
    }
}

/// Sets `key` in the object at `path`, which is created where it is absent.
fn set(root: &mut Value, path: &[&str], key: &str, value: Value) {
    let mut object = root;
    for step in path {
        let Some(map) = object.as_object_mut() else { return };
        let child = map.entry(*step).or_insert(Value::Null);
        if child.is_null() {
            *child = Value::Object(Map::new());
        }
        object = child;
    }
    if let Some(map) = object.as_object_mut() {
        map.insert(key.to_owned(), value);
    }
}

fn capabilities_json(capabilities: Option<&Capabilities<'_>>) -> Value {
    let mut json = Map::new();
    for (key, list) in capabilities.iter().flat_map(|both| [("add", &both.add), ("drop", &both.drop)]) {
        if !list.is_empty() {
            json.insert(key.to_owned(), json!(list));
        }
    }
    Value::Object(json)
}

fn se_linux_json(options: Option<SeLinux<'_>>) -> Value {
    let options = options.unwrap_or_default();
    let parts = [("user", options.user), ("role", options.role), ("type", options.type_), ("level", options.level)];
    parts.into_iter().filter(|(_, part)| !part.is_empty()).map(|(key, part)| (key.to_owned(), json!(part))).collect()
}

fn seccomp_json(profile: Option<&str>) -> Value {
    match profile {
        Some("unconfined") => json!({"type": "Unconfined"}),
        Some("runtime/default") => json!({"type": "RuntimeDefault"}),
        Some(profile) => match profile.strip_prefix("localhost/") {
            Some(file) => json!({"type": "Localhost", "localhostProfile": file}),
            None => Value::Null,
        },
        None => Value::Null,
    }
}
