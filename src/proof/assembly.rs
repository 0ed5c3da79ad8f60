//! A pod put together from values of its units.

use serde_json::{Value, json};

use crate::input::default_pod;
use crate::symbolic::{CONTAINER_LISTS, Unit};

/// A value of a unit; `null` for absence.
pub(super) type Edit = (Unit, Value);

/// Where pods are submitted, and as whom.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The namespace.
    pub namespace: String,
    /// The service account; empty for a pod that names none.
    pub account: String,
}

/// A volume of an assembly.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Volume {
    pub source: Value,
    /// The list whose first container mounts it, and `readOnly` of the mount.
    pub mount: Option<(usize, Value)>,
}

/// The parts of a pod. Containers stand by list: regular ones, then init containers.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Assembly {
    pub pod: Vec<Edit>,
    pub containers: [Vec<Vec<Edit>>; 2],
    pub volumes: Vec<Volume>,
    /// Items of lists of the pod itself.
    pub items: Vec<Edit>,
}

impl Assembly {
    /// The pod, with the API server's defaults.
    pub fn pod(&self, place: &Place) -> Value {
        let mut pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": place.namespace},
            "spec": {"automountServiceAccountToken": false, "serviceAccountName": place.account,
                "serviceAccount": place.account, "containers": []},
        });
        for (unit, value) in &self.pod {
            unit.write(&mut pod, "", 0, value);
        }
        for (at, containers) in self.containers.iter().enumerate() {
            self.write_containers(&mut pod, at, containers);
        }
        self.write_volumes(&mut pod);
        for (unit, value) in &self.items {
            append(&mut pod, unit, value);
        }
        default_pod(&mut pod);
        pod
    }

    fn write_containers(&self, pod: &mut Value, list: usize, containers: &[Vec<Edit>]) {
        let mounted = self.volumes.iter().any(|volume| volume.mount.as_ref().is_some_and(|(at, _)| *at == list));
        let count = containers.len().max(usize::from(list == 0 || mounted));
        let (Some(key), Some(letter)) = (CONTAINER_LISTS.get(list), ["c", "i"].get(list)) else { return };
        if count == 0 {
            return;
        }
        let named = (0..count).map(|index| json!({"name": format!("{letter}{index}"), "image": "image"}));
        set(pod, key, named.collect());
        for (index, edits) in containers.iter().enumerate() {
            for (unit, value) in edits {
                unit.write(pod, key, index, value);
            }
        }
    }

    fn write_volumes(&self, pod: &mut Value) {
        for (index, volume) in self.volumes.iter().enumerate() {
            let name = format!("v{index}");
            let mut written = volume.source.as_object().cloned().unwrap_or_default();
            written.insert("name".to_owned(), json!(name));
            push(pod.pointer_mut("/spec"), "volumes", Value::Object(written));
            let Some((list, read_only)) = &volume.mount else { continue };
            let mut mount = json!({"name": name, "mountPath": format!("/mnt/{name}")});
            if let (Some(fields), false) = (mount.as_object_mut(), read_only.is_null()) {
                fields.insert("readOnly".to_owned(), read_only.clone());
            }
            let key = CONTAINER_LISTS.get(*list).copied().unwrap_or_default();
            push(pod.pointer_mut(&format!("/spec/{key}/0")), "volumeMounts", mount);
        }
    }
}

fn set(pod: &mut Value, key: &str, value: Value) {
    if let Some(spec) = pod.get_mut("spec").and_then(Value::as_object_mut) {
        spec.insert(key.to_owned(), value);
    }
}

fn push(object: Option<&mut Value>, key: &str, item: Value) {
    let list = object.and_then(Value::as_object_mut).map(|it| it.entry(key).or_insert_with(|| json!([])));
    if let Some(list) = list.and_then(Value::as_array_mut) {
        list.push(item);
    }
}

/// Appends an item to a list of the pod.
fn append(pod: &mut Value, unit: &Unit, item: &Value) {
    let Unit::Pod(path) = unit else { return };
    let found = path.iter().try_fold(&*pod, |value, step| value.get(step));
    let mut list = found.and_then(Value::as_array).cloned().unwrap_or_default();
    list.push(item.clone());
    unit.write(pod, "", 0, &Value::Array(list));
}
