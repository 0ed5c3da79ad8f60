//! Pods made of edits: every combination of the values that matter to one control, each written into a pod.

use serde_json::{Map, Value, json};

use super::{Axis, Place};

/// The name of the container that edits are written into, and of the volume that they write.
const CONTAINER: &str = "c";
const VOLUME: &str = "v";

/// One value at one place of a pod. `null` is absence and writes nothing, except at [`Place::Mount`].
#[derive(Debug, Clone, PartialEq)]
pub struct Edit {
    /// Where the value goes.
    pub at: Place,
    /// What goes there.
    pub value: Value,
}

/// Every combination of the axes' values. The first is the first value of every axis.
pub fn combinations(axes: &[Axis]) -> impl Iterator<Item = Vec<Edit>> {
    let count = axes.iter().map(|axis| axis.values.len()).try_fold(1_usize, usize::checked_mul);
    (0..count.unwrap_or(usize::MAX)).map(|combination| {
        let mut rest = combination;
        let edit = |axis: &Axis| {
            let length = axis.values.len().max(1);
            let value = axis.values.get(rest % length).cloned().unwrap_or_default();
            rest /= length;
            Edit { at: axis.at, value }
        };
        axes.iter().map(edit).collect()
    })
}

/// A pod for every combination of the axes' values, with one container, in the list of this name. Nothing else is set.
pub fn boundary_pods(axes: &[Axis], list: &'static str) -> impl Iterator<Item = Value> {
    combinations(axes).map(move |edits| {
        let mut pod = json!({"metadata": {"name": "p"}, "spec": {list: [{"name": CONTAINER, "image": "example"}]}});
        for edit in &edits {
            edit.write(&mut pod, list);
        }
        pod
    })
}

impl Edit {
    /// Writes the value into a pod; what is a container's goes into the first of the list of this name.
    pub fn write(&self, pod: &mut Value, list: &str) {
        let value = self.value.clone();
        if self.at == Place::Mount {
            return mount(pod, list, value);
        }
        if value.is_null() {
            return;
        }
        match self.at {
            Place::Spec(key) => set(pod, &["spec"], key, value),
            Place::PodContext(key) => set(pod, &["spec", "securityContext"], key, value),
            Place::Container(key) => in_container(pod, list, &[], key, value),
            Place::ContainerContext(key) => in_container(pod, list, &["securityContext"], key, value),
            Place::Annotation(key) => set(pod, &["metadata", "annotations"], key, value),
            Place::ContainerAnnotation(prefix) => {
                set(pod, &["metadata", "annotations"], &format!("{prefix}{CONTAINER}"), value);
            }
            Place::Volume => {
                let mut volume: Map<String, Value> = value.as_object().cloned().unwrap_or_default();
                volume.insert("name".to_owned(), json!(VOLUME));
                set(pod, &["spec"], "volumes", json!([volume]));
            }
            Place::Mount => {}
        }
    }
}

fn mount(pod: &mut Value, list: &str, read_only: Value) {
    let mount = match read_only {
        Value::String(_) => return,
        Value::Null => json!({"name": VOLUME}),
        read_only => json!({"name": VOLUME, "readOnly": read_only}),
    };
    in_container(pod, list, &[], "volumeMounts", json!([mount]));
}

fn in_container(pod: &mut Value, list: &str, path: &[&str], key: &str, value: Value) {
    let containers = pod.get_mut("spec").and_then(|spec| spec.get_mut(list));
    if let Some(container) = containers.and_then(|containers| containers.get_mut(0)) {
        set(container, path, key, value);
    }
}

/// Sets `key` in the object at `path`, which is made where it is absent.
fn set(root: &mut Value, path: &[&str], key: &str, value: Value) {
    let mut object = root;
    for step in path {
        let Some(map) = object.as_object_mut() else { return };
        object = map.entry(*step).or_insert_with(|| json!({}));
    }
    if let Some(map) = object.as_object_mut() {
        map.insert(key.to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_combination_comes_once() {
        let axes = [
            Axis::bools(Place::ContainerContext("privileged")),
            Axis::new(Place::Spec("hostPID"), [json!(true)]),
            Axis::bools(Place::PodContext("runAsNonRoot")),
        ];
        let mut pods: Vec<String> = boundary_pods(&axes, "initContainers").map(|pod| pod.to_string()).collect();
        assert_eq!(pods.len(), 9);
        pods.sort();
        pods.dedup();
        assert_eq!(pods.len(), 9);
        assert!(pods.iter().all(|pod| pod.contains(r#""hostPID":true"#) && pod.contains("initContainers")));
    }

    #[test]
    fn null_means_absent_but_for_mounts() {
        let axes = [
            Axis::new(Place::Volume, [json!({"hostPath": {"path": "/"}})]),
            Axis::new(Place::Mount, [Value::Null, json!("unmounted")]),
            Axis::new(Place::Annotation("a"), [Value::Null]),
        ];
        let pods: Vec<Value> = boundary_pods(&axes, "containers").collect();
        let spec = |container: Value| json!({"containers": [container], "volumes": [{"hostPath": {"path": "/"}, "name": "v"}]});
        assert_eq!(pods[0]["spec"], spec(json!({"name": "c", "image": "example", "volumeMounts": [{"name": "v"}]})));
        assert_eq!(pods[1]["spec"], spec(json!({"name": "c", "image": "example"})));
        assert_eq!(pods[0]["metadata"], json!({"name": "p"}));
    }

    #[test]
    fn an_axis_without_values_makes_no_pod() {
        assert_eq!(boundary_pods(&[Axis::new(Place::Volume, [])], "containers").count(), 0);
    }
}
