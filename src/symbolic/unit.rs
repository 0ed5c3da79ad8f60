//! The parts of a pod: the smallest that statements are taken to depend on.

use serde_json::{Map, Value, json};

use crate::constraint::Place;
use crate::pod_view::{CONTAINER_SECCOMP_ANNOTATION, POD_SECCOMP_ANNOTATION};

/// A part of a pod. What lies deeper, e.g. the `level` in `seLinuxOptions`, belongs to its unit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unit {
    /// A key of `metadata`, of its `annotations` or `labels`, of `spec`, or of its `securityContext`.
    Pod(Vec<String>),
    /// A key of a container, or of its `securityContext`.
    Container(Vec<String>),
    /// The annotation of this prefix for a container.
    ContainerAnnotation(String),
    /// A volume.
    Volume,
    /// Whether and how containers mount a volume.
    Mount,
}

/// What API validation looks at together, as far as filling in can make it refuse a pod.
pub(super) fn validated_units() -> [Vec<Unit>; 6] {
    [
        ["privileged", "allowPrivilegeEscalation", "capabilities"].map(Unit::context).to_vec(),
        vec![Unit::context("runAsUser")],
        vec![Unit::context("runAsGroup")],
        vec![Unit::pod_context("fsGroup")],
        vec![Unit::pod_context("supplementalGroups")],
        vec![
            Unit::pod_context("seccompProfile"),
            Unit::annotation(POD_SECCOMP_ANNOTATION),
            Unit::context("seccompProfile"),
            Unit::ContainerAnnotation(CONTAINER_SECCOMP_ANNOTATION.to_owned()),
        ],
    ]
}

/// The names of the lists of containers.
pub(crate) const CONTAINER_LISTS: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];

/// The keys under which maps or objects hold units instead of being one.
fn holds_units(path: &[&str]) -> bool {
    matches!(path, [] | ["metadata"] | ["spec"] | ["metadata", "annotations" | "labels"] | ["spec", "securityContext"])
}

/// What a path through a pod names; `[]` stands for the items of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// A unit, and where in it.
    Unit(Unit, Vec<String>),
    /// An object that holds units.
    Parent,
    /// The list of containers or volumes itself.
    Elements,
    /// One container as a whole.
    Container,
    /// The name by which containers and volumes refer to each other.
    Name,
    /// More than units: the whole pod, its metadata or its spec.
    Everything,
}

impl Unit {
    /// An annotation of the pod.
    pub fn annotation(key: &str) -> Self {
        Self::Pod(owned(&["metadata", "annotations", key]))
    }

    /// A key of the pod's security context.
    pub fn pod_context(key: &str) -> Self {
        Self::Pod(owned(&["spec", "securityContext", key]))
    }

    /// A key of a container's security context.
    pub fn context(key: &str) -> Self {
        Self::Container(owned(&["securityContext", key]))
    }

    /// The unit that a path leads to.
    pub fn named(path: &[String]) -> Named {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        match path.as_slice() {
            ["spec", list] if CONTAINER_LISTS.contains(list) => Named::Elements,
            ["spec", "volumes"] => Named::Elements,
            ["spec", list, "[]", within @ ..] if CONTAINER_LISTS.contains(list) => in_container(within),
            ["spec", "volumes", "[]", "name"] => Named::Name,
            ["spec", "volumes", "[]", within @ ..] => Named::Unit(Self::Volume, owned(within)),
            [] | ["metadata"] | ["spec"] => Named::Everything,
            path if holds_units(path) => Named::Parent,
            path => {
                let length = (1..=path.len()).find(|length| !path.get(..*length).is_some_and(holds_units));
                let (unit, within) = path.split_at(length.unwrap_or(path.len()));
                Named::Unit(Self::Pod(owned(unit)), owned(within))
            }
        }
    }

    /// Whether it belongs to a container.
    pub fn is_of_container(&self) -> bool {
        matches!(self, Self::Container(_) | Self::ContainerAnnotation(_))
    }

    /// The object that holds it, and that is made where it is absent: a security context, or the annotations.
    pub fn holder(&self) -> Option<String> {
        match self {
            Self::Container(path) if path.len() > 1 => Some("container".to_owned()),
            Self::Pod(path) if path.len() > 2 => path.get(1).cloned(),
            Self::ContainerAnnotation(_) => Some("annotations".to_owned()),
            Self::Pod(_) | Self::Container(_) | Self::Volume | Self::Mount => None,
        }
    }

    /// Writes its value into a pod; what is a container's goes into the one of this name. `null` writes nothing.
    pub fn write(&self, pod: &mut Value, list: &str, container: usize, value: &Value) {
        if value.is_null() {
            return;
        }
        match self {
            Self::Pod(path) => set(pod, path, value.clone()),
            Self::Container(path) => {
                if let Some(container) = container_at(pod, list, container) {
                    set(container, path, value.clone());
                }
            }
            Self::ContainerAnnotation(prefix) => {
                let name =
                    container_at(pod, list, container).and_then(|it| it.get("name")?.as_str().map(str::to_owned));
                let key = format!("{prefix}{}", name.unwrap_or_default());
                set(pod, &owned(&["metadata", "annotations", &key]), value.clone());
            }
            Self::Volume | Self::Mount => {}
        }
    }
}

impl Unit {
    /// Whether the unit is the same in two pods, which have the same containers.
    pub fn is_same(&self, one: &Value, other: &Value) -> bool {
        self.values(one) == self.values(other)
    }

    /// What a pod holds of it, each with where it stands.
    fn values<'p>(&self, pod: &'p Value) -> Vec<(&'p str, usize, &'p Value)> {
        let spec = pod.get("spec");
        let in_containers = |path: &[String]| {
            let lists = CONTAINER_LISTS.iter().filter_map(|list| Some((*list, spec?.get(list)?.as_array()?)));
            let containers =
                lists.flat_map(|(list, containers)| containers.iter().enumerate().map(move |it| (list, it)));
            containers.filter_map(|(list, (index, container))| Some((list, index, find(container, path)?))).collect()
        };
        match self {
            Self::Pod(path) => find(pod, path).map(|value| ("", 0, value)).into_iter().collect(),
            Self::Volume => spec.and_then(|spec| spec.get("volumes")).map(|value| ("", 0, value)).into_iter().collect(),
            Self::Container(path) => in_containers(path),
            Self::Mount => in_containers(&owned(&["volumeMounts"])),
            Self::ContainerAnnotation(prefix) => {
                let annotations = pod.pointer("/metadata/annotations").and_then(Value::as_object);
                let own = annotations.into_iter().flatten().filter(|(key, _)| key.starts_with(prefix.as_str()));
                let mut own: Vec<(&str, usize, &Value)> = own.map(|(key, value)| (key.as_str(), 0, value)).collect();
                own.sort_unstable_by_key(|(key, _, _)| *key);
                own
            }
        }
    }

    /// Makes the unit in one pod what it is in another, which has the same containers.
    pub fn graft(&self, from: &Value, into: &mut Value) {
        match self {
            Self::Pod(path) => replace(into, path, find(from, path).cloned()),
            Self::Volume => {
                let path = owned(&["spec", "volumes"]);
                replace(into, &path, find(from, &path).cloned());
            }
            Self::Container(path) => for_containers(from, into, path),
            Self::Mount => for_containers(from, into, &owned(&["volumeMounts"])),
            Self::ContainerAnnotation(prefix) => {
                let path = owned(&["metadata", "annotations"]);
                let key_of = |pod: &Value| -> Vec<String> {
                    let keys = find(pod, &path).and_then(Value::as_object).into_iter().flat_map(Map::keys);
                    keys.filter(|key| key.starts_with(prefix.as_str())).cloned().collect()
                };
                for key in key_of(from).into_iter().chain(key_of(into)) {
                    let path: Vec<String> = path.iter().cloned().chain([key]).collect();
                    replace(into, &path, find(from, &path).cloned());
                }
            }
        }
    }
}

fn for_containers(from: &Value, into: &mut Value, path: &[String]) {
    for list in CONTAINER_LISTS {
        let count = from.get("spec").and_then(|spec| spec.get(list)?.as_array()).map_or(0, Vec::len);
        for index in 0..count {
            let value = from.get("spec").and_then(|spec| find(spec.get(list)?.get(index)?, path)).cloned();
            if let Some(container) = container_at(into, list, index) {
                replace(container, path, value);
            }
        }
    }
}

fn find<'v>(root: &'v Value, path: &[String]) -> Option<&'v Value> {
    path.iter().try_fold(root, |value, step| value.get(step))
}

/// Sets the value at a path, or takes it away. Nothing is made in order to take away from it.
fn replace(root: &mut Value, path: &[String], value: Option<Value>) {
    match (value, path.split_last()) {
        (Some(value), _) => set(root, path, value),
        (None, Some((last, parents))) => {
            let parent = parents.iter().try_fold(root, |value, step| value.get_mut(step));
            if let Some(parent) = parent.and_then(Value::as_object_mut) {
                parent.shift_remove(last);
            }
        }
        (None, None) => {}
    }
}

impl From<Place> for Unit {
    fn from(place: Place) -> Self {
        match place {
            Place::Spec(key) => Self::Pod(owned(&["spec", key])),
            Place::PodContext(key) => Self::Pod(owned(&["spec", "securityContext", key])),
            Place::Container(key) => Self::Container(owned(&[key])),
            Place::ContainerContext(key) => Self::Container(owned(&["securityContext", key])),
            Place::Annotation(key) => Self::Pod(owned(&["metadata", "annotations", key])),
            Place::ContainerAnnotation(prefix) => Self::ContainerAnnotation(prefix.to_owned()),
            Place::Volume => Self::Volume,
            Place::Mount => Self::Mount,
        }
    }
}

fn in_container(within: &[&str]) -> Named {
    match within {
        [] => Named::Container,
        ["name"] | ["volumeMounts", "[]", "name"] => Named::Name,
        ["securityContext"] => Named::Parent,
        ["securityContext", key, rest @ ..] => {
            Named::Unit(Unit::Container(owned(&["securityContext", key])), owned(rest))
        }
        ["volumeMounts", rest @ ..] => Named::Unit(Unit::Mount, owned(rest)),
        [key, rest @ ..] => Named::Unit(Unit::Container(owned(&[key])), owned(rest)),
    }
}

fn owned(path: &[&str]) -> Vec<String> {
    path.iter().map(|&step| step.to_owned()).collect()
}

fn container_at<'p>(pod: &'p mut Value, list: &str, index: usize) -> Option<&'p mut Value> {
    pod.get_mut("spec")?.get_mut(list)?.get_mut(index)
}

/// Sets the value at a path of keys; objects on the way are made where they are absent.
fn set(root: &mut Value, path: &[String], value: Value) {
    let Some((last, parents)) = path.split_last() else { return };
    let mut object = root;
    for step in parents {
        let Some(map) = object.as_object_mut() else { return };
        object = map.entry(step.as_str()).or_insert_with(|| json!({}));
    }
    if let Some(map) = object.as_object_mut() {
        map.insert(last.clone(), value);
    }
}

/// The value with one more value at a place within it, `[]` for the first item of a list.
pub(crate) fn with(value: &Value, within: &[String], leaf: Value) -> Value {
    match within.split_first() {
        None => leaf,
        Some((step, rest)) if step == "[]" => {
            let first = value.get(0).cloned().unwrap_or_default();
            json!([with(&first, rest, leaf)])
        }
        Some((step, rest)) => {
            let mut map: Map<String, Value> = value.as_object().cloned().unwrap_or_default();
            let inner = map.get(step).cloned().unwrap_or_default();
            map.insert(step.clone(), with(&inner, rest, leaf));
            Value::Object(map)
        }
    }
}

impl std::fmt::Display for Unit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Pod(path) => f.write_str(&path.join(".")),
            Self::Container(path) => write!(f, "containers[].{}", path.join(".")),
            Self::ContainerAnnotation(prefix) => write!(f, "annotation {prefix}<container>"),
            Self::Volume => f.write_str("volumes[]"),
            Self::Mount => f.write_str("containers[].volumeMounts[]"),
        }
    }
}
