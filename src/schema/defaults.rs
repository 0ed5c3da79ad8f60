//! What the API server fills in before admission sees an object. Source: `pkg/apis/core/v1/{defaults,conversion}.go`,
//! Kubernetes 1.24.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use super::image::means_latest;
use super::table::{Known, Shape, StructId, Type};

/// Gives `object` the values that the API server of 1.24 fills in for its type, wherever they stand: a Deployment's
/// template gets them as well as a Pod. Values of a wrong type are left alone. Idempotent.
pub fn apply_defaults(of: StructId, object: &mut Value) {
    if let (true, Value::Object(fields)) = (REACHING.contains(&of), object) {
        fill(of, fields);
    }
}

/// Whether defaults may be filled in under a key of some object, be it one of the requests that are made of limits; `within`
/// is the key under which the object stands.
pub fn may_be_filled_in(key: &str, within: &str) -> bool {
    let constants = DEFAULTS.iter().map(|(_, field, _)| *field);
    let computed = COMPUTED.iter().flat_map(|(_, _, fields)| fields.iter().copied());
    within == "requests" || constants.chain(computed).any(|field| field == key)
}

enum Constant {
    Text(&'static str),
    Number(i64),
    Bool(bool),
    Empty,
}

/// Type, field, value. A pointer field gets its value when it is absent, any other also when it is zero.
const DEFAULTS: &[(&str, &str, Constant)] = &[
    ("v1.PodSpec", "dnsPolicy", Constant::Text("ClusterFirst")),
    ("v1.PodSpec", "restartPolicy", Constant::Text("Always")),
    ("v1.PodSpec", "securityContext", Constant::Empty),
    ("v1.PodSpec", "terminationGracePeriodSeconds", Constant::Number(30)),
    ("v1.PodSpec", "schedulerName", Constant::Text("default-scheduler")),
    ("v1.Container", "terminationMessagePath", Constant::Text("/dev/termination-log")),
    ("v1.Container", "terminationMessagePolicy", Constant::Text("File")),
    ("v1.EphemeralContainer", "terminationMessagePath", Constant::Text("/dev/termination-log")),
    ("v1.EphemeralContainer", "terminationMessagePolicy", Constant::Text("File")),
    ("v1.ContainerPort", "protocol", Constant::Text("TCP")),
    ("v1.ObjectFieldSelector", "apiVersion", Constant::Text("v1")),
    ("v1.Probe", "timeoutSeconds", Constant::Number(1)),
    ("v1.Probe", "periodSeconds", Constant::Number(10)),
    ("v1.Probe", "successThreshold", Constant::Number(1)),
    ("v1.Probe", "failureThreshold", Constant::Number(3)),
    ("v1.HTTPGetAction", "path", Constant::Text("/")),
    ("v1.HTTPGetAction", "scheme", Constant::Text("HTTP")),
    ("v1.GRPCAction", "service", Constant::Text("")),
    ("v1.HostPathVolumeSource", "type", Constant::Text("")),
    ("v1.SecretVolumeSource", "defaultMode", Constant::Number(0o644)),
    ("v1.ConfigMapVolumeSource", "defaultMode", Constant::Number(0o644)),
    ("v1.DownwardAPIVolumeSource", "defaultMode", Constant::Number(0o644)),
    ("v1.ProjectedVolumeSource", "defaultMode", Constant::Number(0o644)),
    ("v1.ServiceAccountTokenProjection", "expirationSeconds", Constant::Number(3600)),
    ("v1.ISCSIVolumeSource", "iscsiInterface", Constant::Text("default")),
    ("v1.RBDVolumeSource", "pool", Constant::Text("rbd")),
    ("v1.RBDVolumeSource", "user", Constant::Text("admin")),
    ("v1.RBDVolumeSource", "keyring", Constant::Text("/etc/ceph/keyring")),
    ("v1.AzureDiskVolumeSource", "cachingMode", Constant::Text("ReadWrite")),
    ("v1.AzureDiskVolumeSource", "kind", Constant::Text("Shared")),
    ("v1.AzureDiskVolumeSource", "fsType", Constant::Text("ext4")),
    ("v1.AzureDiskVolumeSource", "readOnly", Constant::Bool(false)),
    ("v1.ScaleIOVolumeSource", "storageMode", Constant::Text("ThinProvisioned")),
    ("v1.ScaleIOVolumeSource", "fsType", Constant::Text("xfs")),
    ("v1.PersistentVolumeClaimSpec", "volumeMode", Constant::Text("Filesystem")),
    ("policy/v1beta1.PodSecurityPolicySpec", "allowPrivilegeEscalation", Constant::Bool(true)),
    ("extensions/v1beta1.PodSecurityPolicySpec", "allowPrivilegeEscalation", Constant::Bool(true)),
];

/// Defaults that depend on other values of the same object.
type Compute = fn(&mut Map<String, Value>);

/// Types whose defaults are more than a constant, and the fields that get them.
const COMPUTED: &[(&str, Compute, &[&str])] = &[
    ("v1.Pod", pod, &["spec", "enableServiceLinks", "requests"]),
    ("v1.PodTemplateSpec", drop_init_container_annotations, &[]),
    ("v1.PodSpec", pod_spec, &["serviceAccountName", "serviceAccount", "hostPort"]),
    ("v1.Container", image_pull_policy, &["imagePullPolicy"]),
    ("v1.EphemeralContainer", image_pull_policy, &["imagePullPolicy"]),
    ("v1.Volume", volume_source, &["emptyDir"]),
    ("v1.Namespace", namespace_label, &["metadata", "labels", "kubernetes.io/metadata.name"]),
];

/// A type's own defaults.
#[derive(Default)]
struct Own {
    /// Field, whether it is a pointer, value.
    constants: Vec<(&'static str, bool, Value)>,
    computed: Option<Compute>,
}

static OWN: LazyLock<BTreeMap<StructId, Own>> = LazyLock::new(|| {
    let mut all: BTreeMap<StructId, Own> = BTreeMap::new();
    for (owner, field, value) in DEFAULTS {
        if let Some(id) = StructId::named(owner) {
            let pointer = id.get().field(field).is_some_and(|field| field.of.pointer);
            all.entry(id).or_default().constants.push((field, pointer, value.json()));
        }
    }
    for (owner, compute, _) in COMPUTED {
        if let Some(id) = StructId::named(owner) {
            all.entry(id).or_default().computed = Some(*compute);
        }
    }
    all
});

/// The types that have defaults themselves or somewhere inside.
static REACHING: LazyLock<BTreeSet<StructId>> = LazyLock::new(|| {
    let mut reaching: BTreeSet<StructId> = OWN.keys().copied().collect();
    loop {
        let holds = |id: &StructId| {
            id.get().fields.iter().any(|field| inner_struct(&field.of).is_some_and(|id| reaching.contains(&id)))
        };
        let more: Vec<StructId> = StructId::all().filter(|id| !reaching.contains(id) && holds(id)).collect();
        if more.is_empty() {
            return reaching;
        }
        reaching.extend(more);
    }
});

fn inner_struct(of: &Type) -> Option<StructId> {
    match &of.shape {
        Shape::Struct(id) => Some(*id),
        Shape::List(element) | Shape::Map(element) => inner_struct(element),
        _ => None,
    }
}

fn fill(id: StructId, fields: &mut Map<String, Value>) {
    if let Some(own) = OWN.get(&id) {
        if let Some(compute) = own.computed {
            compute(fields);
        }
        for (field, pointer, value) in &own.constants {
            if fields.get(*field).is_none_or(|now| is_unset(now, *pointer)) {
                fields.insert((*field).to_owned(), value.clone());
            }
        }
    }
    let of = id.get();
    for (name, value) in fields.iter_mut() {
        let inner = of.field(name).and_then(|field| inner_struct(&field.of));
        if let Some(inner) = inner.filter(|inner| REACHING.contains(inner)) {
            fill_each(inner, value);
        }
    }
}

/// The value is one such struct, or a list of them.
fn fill_each(id: StructId, value: &mut Value) {
    match value {
        Value::Object(fields) => fill(id, fields),
        Value::Array(items) => items.iter_mut().filter_map(Value::as_object_mut).for_each(|item| fill(id, item)),
        _ => {}
    }
}

fn is_unset(value: &Value, pointer: bool) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => !pointer && text.is_empty(),
        Value::Number(number) => !pointer && number.as_i64() == Some(0),
        _ => false,
    }
}

impl Constant {
    fn json(&self) -> Value {
        match self {
            Self::Text(text) => json!(text),
            Self::Number(number) => json!(number),
            Self::Bool(truth) => json!(truth),
            Self::Empty => json!({}),
        }
    }
}

/// The object at `key`, which is made when it is absent; `None` when something else stands there.
fn object_at<'a>(fields: &'a mut Map<String, Value>, key: &str) -> Option<&'a mut Map<String, Value>> {
    let value = fields.entry(key).or_insert(Value::Null);
    if value.is_null() {
        *value = json!({});
    }
    value.as_object_mut()
}

fn objects_at<'a>(fields: &'a mut Map<String, Value>, key: &str) -> impl Iterator<Item = &'a mut Map<String, Value>> {
    fields.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten().filter_map(Value::as_object_mut)
}

/// What a Pod gets and a template does not.
fn pod(pod: &mut Map<String, Value>) {
    drop_init_container_annotations(pod);
    let Some(spec) = object_at(pod, "spec") else { return };
    if spec.get("enableServiceLinks").is_none_or(Value::is_null) {
        spec.insert("enableServiceLinks".to_owned(), Value::Bool(true));
    }
    for kind in ["initContainers", "containers"] {
        objects_at(spec, kind).for_each(requests_from_limits);
    }
}

fn requests_from_limits(container: &mut Map<String, Value>) {
    let Some(resources) = container.get_mut("resources").and_then(Value::as_object_mut) else {
        return;
    };
    let Some(limits) = resources.get("limits").and_then(Value::as_object).cloned() else {
        return;
    };
    if let Some(requests) = object_at(resources, "requests") {
        for (name, limit) in limits {
            requests.entry(name).or_insert(limit);
        }
    }
}

/// Annotations of releases before init containers were a field.
fn drop_init_container_annotations(object: &mut Map<String, Value>) {
    let metadata = object.get_mut("metadata").and_then(Value::as_object_mut);
    let Some(annotations) = metadata.and_then(|it| it.get_mut("annotations")).and_then(Value::as_object_mut) else {
        return;
    };
    for version in ["alpha", "beta"] {
        annotations.shift_remove(&format!("pod.{version}.kubernetes.io/init-containers"));
        annotations.shift_remove(&format!("pod.{version}.kubernetes.io/init-container-statuses"));
    }
}

fn pod_spec(spec: &mut Map<String, Value>) {
    alias_service_account(spec);
    if spec.get("hostNetwork") == Some(&Value::Bool(true)) {
        // Ephemeral containers cannot have ports, and are left out upstream too.
        for kind in ["initContainers", "containers"] {
            objects_at(spec, kind).for_each(host_ports_from_container_ports);
        }
    }
}

/// `serviceAccount` is the old name of `serviceAccountName`: it counts when the new one is empty, then mirrors it.
fn alias_service_account(spec: &mut Map<String, Value>) {
    let text = |field: &str| spec.get(field).and_then(Value::as_str).filter(|name| !name.is_empty()).map(str::to_owned);
    if let Some(name) = text("serviceAccountName").or_else(|| text("serviceAccount")) {
        spec.insert("serviceAccountName".to_owned(), Value::String(name.clone()));
        spec.insert("serviceAccount".to_owned(), Value::String(name));
    }
}

fn host_ports_from_container_ports(container: &mut Map<String, Value>) {
    for port in objects_at(container, "ports") {
        let unset = port.get("hostPort").is_none_or(|host_port| is_unset(host_port, false));
        if let (true, Some(container_port)) = (unset, port.get("containerPort").cloned()) {
            port.insert("hostPort".to_owned(), container_port);
        }
    }
}

fn image_pull_policy(container: &mut Map<String, Value>) {
    if container.get("imagePullPolicy").is_none_or(|policy| is_unset(policy, false)) {
        let image = container.get("image").and_then(Value::as_str).unwrap_or("");
        let policy = if means_latest(image) { "Always" } else { "IfNotPresent" };
        container.insert("imagePullPolicy".to_owned(), json!(policy));
    }
}

fn volume_source(volume: &mut Map<String, Value>) {
    // A field that 1.24 does not know is no source to it.
    let known = |name: &str| {
        StructId::named("v1.Volume")
            .and_then(|id| id.get().field(name))
            .is_some_and(|field| field.known != Known::After124)
    };
    if !volume.iter().any(|(name, source)| name != "name" && !source.is_null() && known(name)) {
        volume.insert("emptyDir".to_owned(), json!({}));
    }
}

fn namespace_label(namespace: &mut Map<String, Value>) {
    let Some(metadata) = object_at(namespace, "metadata") else {
        return;
    };
    let Some(name) = metadata.get("name").cloned().filter(Value::is_string) else {
        return;
    };
    if let Some(labels) = object_at(metadata, "labels") {
        labels.insert("kubernetes.io/metadata.name".to_owned(), name);
    }
}

#[cfg(test)]
mod tests {
    use super::super::object_type;
    use super::*;

    fn defaulted(api_version: &str, kind: &str, mut object: Value) -> Value {
        let id = object_type(api_version, kind).unwrap();
        apply_defaults(id, &mut object);
        let once = object.clone();
        apply_defaults(id, &mut object);
        assert_eq!(object, once, "defaulting twice changes nothing more");
        object
    }

    #[test]
    fn every_line_names_a_field_of_the_table() {
        for (owner, field, _) in DEFAULTS {
            assert!(StructId::named(owner).and_then(|id| id.get().field(field)).is_some(), "{owner} {field}");
        }
        for (owner, ..) in COMPUTED {
            assert!(StructId::named(owner).is_some(), "{owner}");
        }
    }

    #[test]
    fn a_bare_pod_becomes_what_the_server_stores() {
        let pod = defaulted(
            "v1",
            "Pod",
            json!({"metadata": {"name": "a"}, "spec": {"containers": [{"name": "c", "image": "nginx"}]}}),
        );
        let expected = json!({"metadata": {"name": "a"}, "spec": {
            "containers": [{"name": "c", "image": "nginx", "imagePullPolicy": "Always",
                "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"}],
            "enableServiceLinks": true, "dnsPolicy": "ClusterFirst", "restartPolicy": "Always", "securityContext": {},
            "terminationGracePeriodSeconds": 30, "schedulerName": "default-scheduler"}});
        assert_eq!(pod, expected);
    }

    #[test]
    fn host_network_copies_container_ports_to_host_ports() {
        let spec = json!({"hostNetwork": true, "containers": [{"ports": [{"containerPort": 80}, {"containerPort": 81, "hostPort": 8081}]}],
            "initContainers": [{"ports": [{"containerPort": 82, "hostPort": 0}]}]});
        let pod = defaulted("v1", "Pod", json!({"spec": spec}));
        assert_eq!(pod["spec"]["containers"][0]["ports"][0]["hostPort"], 80);
        assert_eq!(pod["spec"]["containers"][0]["ports"][1]["hostPort"], 8081);
        assert_eq!(pod["spec"]["initContainers"][0]["ports"][0]["hostPort"], 82);
    }

    #[test]
    fn templates_get_defaults_but_no_requests() {
        let template = json!({"spec": {"containers": [{"resources": {"limits": {"cpu": 1}}}], "serviceAccount": "sa"}});
        let deployment = defaulted("apps/v1", "Deployment", json!({"spec": {"template": template}}));
        let spec = &deployment["spec"]["template"]["spec"];
        assert_eq!(spec["serviceAccountName"], "sa");
        assert_eq!(spec["dnsPolicy"], "ClusterFirst");
        assert!(spec["containers"][0]["resources"].get("requests").is_none());
        assert!(spec.get("enableServiceLinks").is_none());
    }

    #[test]
    fn volumes_get_a_source_and_its_defaults() {
        let volumes = json!([{"name": "a"}, {"name": "b", "secret": {}}, {"name": "c", "hostPath": {"path": "/"}}, {"name": "d", "emptyDir": null},
            {"name": "e", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}},
                {"downwardAPI": {"items": [{"fieldRef": {"fieldPath": "metadata.namespace"}}]}}]}}]);
        let pod = defaulted("v1", "Pod", json!({"spec": {"volumes": volumes}}));
        let volumes = &pod["spec"]["volumes"];
        assert_eq!(volumes[0], json!({"name": "a", "emptyDir": {}}));
        assert_eq!(volumes[1]["secret"]["defaultMode"], 420);
        assert_eq!(volumes[2]["hostPath"]["type"], "");
        assert_eq!(volumes[3], json!({"name": "d", "emptyDir": {}}));
        assert_eq!(volumes[4]["projected"]["sources"][0]["serviceAccountToken"]["expirationSeconds"], 3600);
        assert_eq!(volumes[4]["projected"]["sources"][1]["downwardAPI"]["items"][0]["fieldRef"]["apiVersion"], "v1");
    }

    #[test]
    fn wrong_types_are_left_alone() {
        for spec in [
            json!("x"),
            json!([1]),
            json!({"containers": "x", "volumes": [1, null, "a"], "initContainers": [{"ports": 1}], "hostNetwork": true}),
        ] {
            defaulted("v1", "Pod", json!({"metadata": [], "spec": spec}));
        }
        defaulted("v1", "Pod", json!("not an object"));
    }
}
