//! The pods that a policy is tried with.

use serde_json::{Map, Value, json};

use crate::input::default_pod;
use crate::pod_view::{APP_ARMOR_ANNOTATION, POD_SECCOMP_ANNOTATION, VOLUME_SOURCES, smallest_source};
use crate::psp::PodSecurityPolicy;

/// What a pod of one container says beyond its name and image.
#[derive(Debug, Clone, Default)]
pub(super) struct Change {
    annotations: Map<String, Value>,
    spec: Map<String, Value>,
    container: Map<String, Value>,
    context: Map<String, Value>,
}

impl Change {
    fn annotation(key: impl Into<String>, value: &str) -> Self {
        let annotations = Map::from_iter([(key.into(), json!(value))]);
        Self { annotations, ..Self::default() }
    }

    fn seccomp(profile: &str) -> Self {
        Self::annotation(POD_SECCOMP_ANNOTATION, profile)
    }

    fn app_armor(profile: &str) -> Self {
        Self::annotation(format!("{APP_ARMOR_ANNOTATION}c"), profile)
    }

    fn spec(fields: Value) -> Self {
        Self { spec: object(fields), ..Self::default() }
    }

    fn container(fields: Value) -> Self {
        Self { container: object(fields), ..Self::default() }
    }

    fn context(fields: Value) -> Self {
        Self { context: object(fields), ..Self::default() }
    }

    fn volume(kind: &str, source: Value) -> Self {
        let mut mounted =
            Self::container(json!({"volumeMounts": [{"name": "v", "mountPath": "/v", "readOnly": true}]}));
        mounted.spec = object(json!({"volumes": [{"name": "v", kind: source}]}));
        mounted
    }

    /// Both, the other's values first.
    pub(super) fn with(&self, other: &Self) -> Self {
        let mut both = self.clone();
        both.annotations.extend(other.annotations.clone());
        both.spec.extend(other.spec.clone());
        both.container.extend(other.container.clone());
        both.context.extend(other.context.clone());
        both
    }

    /// The pod, as the API server decodes it.
    pub(super) fn pod(&self) -> Value {
        let mut container = object(json!({"name": "c", "image": "i"}));
        container.extend(self.container.clone());
        container.insert("securityContext".to_owned(), Value::Object(self.context.clone()));
        let mut spec = self.spec.clone();
        spec.insert("containers".to_owned(), json!([container]));
        let mut pod = json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "probe", "annotations": self.annotations}, "spec": spec});
        default_pod(&mut pod);
        pod
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// How many constants of one list of a policy are tried.
const MOST: usize = 64;

/// The pods that do nothing but what a policy may demand of every pod, the silent one first.
pub(super) fn bases(policy: &PodSecurityPolicy) -> Vec<Change> {
    let or_nothing = |changes: Vec<Change>| [vec![Change::default()], changes].concat();
    let few = |key, change: fn(&str) -> Change| names(policy, key).take(4).map(change).collect();
    let seccomp = or_nothing(few(SECCOMP_ALLOWED, Change::seccomp));
    let app_armor = or_nothing(few(APP_ARMOR_ALLOWED, Change::app_armor));
    let proc_mounts = policy.spec.allowed_proc_mount_types.iter().take(4);
    let proc_mounts = or_nothing(proc_mounts.map(|kind| Change::context(json!({"procMount": kind}))).collect());
    let pairs = seccomp.iter().flat_map(|a| app_armor.iter().map(|b| a.with(b)));
    pairs.flat_map(|pair| proc_mounts.iter().map(move |c| pair.with(c)).collect::<Vec<_>>()).collect()
}

const SECCOMP_ALLOWED: &str = "seccomp.security.alpha.kubernetes.io/allowedProfileNames";
const APP_ARMOR_ALLOWED: &str = "apparmor.security.beta.kubernetes.io/allowedProfileNames";

fn names<'p>(policy: &'p PodSecurityPolicy, key: &str) -> impl Iterator<Item = &'p str> {
    policy.annotation(key).into_iter().flat_map(|list| list.split(','))
}

/// For each check of the standards, pods that break it in one way each; and one pod that says nothing.
pub(super) fn probes(policy: &PodSecurityPolicy) -> Vec<Change> {
    [constant(), profiles(policy), containers(policy), volumes(policy)].concat()
}

fn constant() -> Vec<Change> {
    let pod = |fields: Value| Change::spec(json!({"securityContext": fields}));
    vec![
        Change::default(),
        Change::context(json!({"privileged": true, "allowPrivilegeEscalation": true})),
        Change::context(json!({"allowPrivilegeEscalation": true})),
        Change::context(json!({"procMount": "Unmasked"})),
        Change::context(json!({"runAsNonRoot": false})),
        Change::context(json!({"runAsUser": 0})),
        Change::context(json!({"capabilities": {"drop": []}})),
        Change::spec(json!({"hostNetwork": true})),
        Change::spec(json!({"hostPID": true})),
        Change::spec(json!({"hostIPC": true})),
        // The API server accepts host processes in the host's network only.
        pod(json!({"windowsOptions": {"hostProcess": true}})).with(&Change::spec(json!({"hostNetwork": true}))),
        pod(json!({"seLinuxOptions": {"type": "spc_t"}})),
        pod(json!({"seLinuxOptions": {"user": "system_u"}})),
        pod(json!({"seLinuxOptions": {"role": "system_r"}})),
        Change::container(json!({"livenessProbe": {"httpGet": {"host": "192.0.2.1", "port": 80}}})),
    ]
}

fn profiles(policy: &PodSecurityPolicy) -> Vec<Change> {
    let some = |own: [&'static str; 2], key| own.into_iter().chain(names(policy, key)).take(MOST);
    let seccomp = some(["unconfined", "runtime/default"], SECCOMP_ALLOWED).map(Change::seccomp);
    let app_armor = some(["unconfined", "localhost/probe"], APP_ARMOR_ALLOWED).map(Change::app_armor);
    seccomp.chain(app_armor).collect()
}

fn containers(policy: &PodSecurityPolicy) -> Vec<Change> {
    let spec = &policy.spec;
    let own = spec.allowed_capabilities.iter().chain(&spec.default_add_capabilities).map(String::as_str);
    let capabilities = ["SYS_ADMIN", "NET_RAW", "CHOWN", "NET_BIND_SERVICE"].into_iter().chain(own).take(MOST);
    let add = |name| Change::context(json!({"capabilities": {"add": [name], "drop": ["ALL"]}}));
    let ports = spec.host_ports.iter().map(|range| range.min.max(1)).chain([8080]).take(MOST);
    let port = |port| Change::container(json!({"ports": [{"containerPort": port, "hostPort": port}]}));
    let sysctls = spec.allowed_unsafe_sysctls.iter().map(|pattern| match pattern.strip_suffix('*') {
        Some(prefix) => format!("{prefix}probe"),
        None => pattern.clone(),
    });
    let sysctls = sysctls.take(MOST).chain(["kernel.msgmax".to_owned()]);
    let sysctl = |name| Change::spec(json!({"securityContext": {"sysctls": [{"name": name, "value": "1"}]}}));
    capabilities.map(add).chain(ports.map(port)).chain(sysctls.map(sysctl)).collect()
}

/// Every kind of volume that a policy can tell apart.
fn volumes(policy: &PodSecurityPolicy) -> Vec<Change> {
    let spec = &policy.spec;
    let prefixes = spec.allowed_host_paths.iter().map(|allowed| allowed.path_prefix.as_str());
    let paths = prefixes.take(MOST).chain(["/"]).map(|path| Change::volume("hostPath", json!({"path": path})));
    let driver = |kind, name| Change::volume(kind, json!({"driver": name}));
    let flex = spec.allowed_flex_volumes.iter().map(|allowed| allowed.driver.as_str()).take(MOST).chain(["example/d"]);
    let csi = spec.allowed_csi_drivers.iter().map(|allowed| allowed.name.as_str()).take(MOST).chain(["d.example"]);
    let others = VOLUME_SOURCES.map(|(kind, _)| Change::volume(kind, smallest_source(kind)));
    let drivers = flex.map(|name| driver("flexVolume", name)).chain(csi.map(|name| driver("csi", name)));
    paths.chain(drivers).chain(others).collect()
}
