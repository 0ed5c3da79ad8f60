//! What the checks look at: the facts of one pod, borrowed from its JSON and read in one pass.
//!
//! Objects are taken as the API server hands them to admission: defaulting has happened before. Null counts as absent. A
//! value of the wrong JSON type counts as absent too: the API server would not have decoded the object. A list's entry
//! that is no object is an empty one.

use serde_json::{Map, Value};

/// The facts of one pod or pod template (any object with `metadata` and `spec`).
#[derive(Debug, Default)]
pub(crate) struct PodFacts<'a> {
    /// `metadata.annotations`
    pub annotations: Option<&'a Map<String, Value>>,
    /// `spec.os.name` is exactly `windows`.
    pub windows: bool,
    /// `spec.hostUsers` is explicitly false.
    pub user_namespace: bool,
    /// `spec.hostNetwork`
    pub host_network: bool,
    /// `spec.hostPID`
    pub host_pid: bool,
    /// `spec.hostIPC`
    pub host_ipc: bool,
    /// `spec.securityContext`, as far as containers have the same fields.
    pub security: SecurityFacts<'a>,
    /// `spec.securityContext.sysctls`
    pub sysctls: &'a [Value],
    /// `spec.volumes`
    pub volumes: &'a [Value],
    /// Init containers, containers, ephemeral containers, in this order.
    pub containers: Vec<ContainerFacts<'a>>,
}

/// The fields that pod and container security contexts share.
#[derive(Debug, Default)]
pub(crate) struct SecurityFacts<'a> {
    /// `appArmorProfile.type`, empty when the profile has none.
    pub app_armor: Option<&'a str>,
    /// `seccompProfile.type`, empty when the profile has none.
    pub seccomp: Option<&'a str>,
    /// `seLinuxOptions.type`
    pub se_linux_type: &'a str,
    /// `seLinuxOptions.user`
    pub se_linux_user: &'a str,
    /// `seLinuxOptions.role`
    pub se_linux_role: &'a str,
    /// `windowsOptions.hostProcess`
    pub host_process: bool,
    /// `runAsNonRoot`
    pub run_as_non_root: Option<bool>,
    /// `runAsUser` is 0.
    pub runs_as_user_zero: bool,
}

/// The facts of one container of any kind.
#[derive(Debug, Default)]
pub(crate) struct ContainerFacts<'a> {
    /// `name`
    pub name: &'a str,
    /// `securityContext`, as far as pods have the same fields.
    pub security: SecurityFacts<'a>,
    /// `securityContext.privileged`
    pub privileged: bool,
    /// `securityContext.allowPrivilegeEscalation`
    pub allow_privilege_escalation: Option<bool>,
    /// `securityContext.procMount`
    pub proc_mount: Option<&'a str>,
    /// `securityContext.capabilities.add`
    pub add: &'a [Value],
    /// `securityContext.capabilities.drop`
    pub drop: &'a [Value],
    /// `ports[].hostPort`, without zeros.
    pub host_ports: Vec<i64>,
    /// Every `host` of an HTTP or TCP probe or lifecycle handler, without empty ones.
    pub hosts: Vec<&'a str>,
}

impl<'a> PodFacts<'a> {
    /// Reads the facts of a pod or pod template.
    pub(crate) fn read(object: &'a Value) -> Self {
        let mut facts = Self::default();
        let [mut init, mut regular, mut ephemeral]: [&[Value]; 3] = [&[]; 3];
        for (key, value) in fields(object.get("spec")) {
            match key {
                "initContainers" => init = items(value),
                "containers" => regular = items(value),
                "ephemeralContainers" => ephemeral = items(value),
                "volumes" => facts.volumes = items(value),
                "securityContext" => facts.read_security_context(value),
                "hostNetwork" => facts.host_network = is_true(value),
                "hostPID" => facts.host_pid = is_true(value),
                "hostIPC" => facts.host_ipc = is_true(value),
                "hostUsers" => facts.user_namespace = value.as_bool() == Some(false),
                "os" => facts.windows = string_at(value, "name") == "windows",
                _ => {}
            }
        }
        let annotations = object.get("metadata").and_then(|metadata| metadata.get("annotations"));
        facts.annotations = annotations.and_then(Value::as_object);
        let all = init.iter().chain(regular).chain(ephemeral);
        facts.containers = all.map(ContainerFacts::read).collect();
        facts
    }

    fn read_security_context(&mut self, context: &'a Value) {
        for (key, value) in fields(Some(context)) {
            match key {
                "sysctls" => self.sysctls = items(value),
                _ => self.security.read_field(key, value),
            }
        }
    }

    /// An annotation's value; null is the empty string, as in every string map of the API.
    pub(crate) fn annotation(&self, key: &str) -> Option<&'a str> {
        self.annotations?.get(key).and_then(annotation_text)
    }

    /// Every annotation whose key starts with `prefix`, in no particular order.
    pub(crate) fn annotations_under(&self, prefix: &'static str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let all = self.annotations.into_iter().flatten();
        all.filter(move |(key, _)| key.starts_with(prefix))
            .filter_map(|(key, value)| Some((key.as_str(), annotation_text(value)?)))
    }
}

impl<'a> SecurityFacts<'a> {
    fn read_field(&mut self, key: &str, value: &'a Value) {
        match key {
            "appArmorProfile" => self.app_armor = profile_type(value),
            "seccompProfile" => self.seccomp = profile_type(value),
            "seLinuxOptions" => {
                for (key, value) in fields(Some(value)) {
                    let text = value.as_str().unwrap_or_default();
                    match key {
                        "type" => self.se_linux_type = text,
                        "user" => self.se_linux_user = text,
                        "role" => self.se_linux_role = text,
                        _ => {}
                    }
                }
            }
            "windowsOptions" => self.host_process = value.get("hostProcess").is_some_and(is_true),
            "runAsNonRoot" => self.run_as_non_root = value.as_bool(),
            "runAsUser" => self.runs_as_user_zero = value.as_f64() == Some(0.0),
            _ => {}
        }
    }
}

impl<'a> ContainerFacts<'a> {
    fn read(container: &'a Value) -> Self {
        let mut facts = Self::default();
        for (key, value) in fields(Some(container)) {
            match key {
                "name" => facts.name = value.as_str().unwrap_or_default(),
                "securityContext" => facts.read_security_context(value),
                "ports" => facts.host_ports = items(value).iter().filter_map(host_port).collect(),
                "livenessProbe" | "readinessProbe" | "startupProbe" => facts.read_hosts(value),
                "lifecycle" => {
                    for handler in ["postStart", "preStop"] {
                        value.get(handler).into_iter().for_each(|handler| facts.read_hosts(handler));
                    }
                }
                _ => {}
            }
        }
        facts
    }

    fn read_security_context(&mut self, context: &'a Value) {
        for (key, value) in fields(Some(context)) {
            match key {
                "privileged" => self.privileged = is_true(value),
                "allowPrivilegeEscalation" => self.allow_privilege_escalation = value.as_bool(),
                "procMount" => self.proc_mount = value.as_str(),
                "capabilities" => {
                    self.add = value.get("add").map(items).unwrap_or_default();
                    self.drop = value.get("drop").map(items).unwrap_or_default();
                }
                _ => self.security.read_field(key, value),
            }
        }
    }

    fn read_hosts(&mut self, handler: &'a Value) {
        for action in ["httpGet", "tcpSocket"] {
            let host = handler.get(action).map(|action| string_at(action, "host"));
            self.hosts.extend(host.filter(|host| !host.is_empty()));
        }
    }
}

/// The texts of a list of strings; an entry that is no string is an empty one.
pub(crate) fn strings(list: &[Value]) -> impl Iterator<Item = &str> {
    list.iter().map(|item| item.as_str().unwrap_or_default())
}

/// A string field of an object, empty when absent.
pub(crate) fn string_at<'a>(object: &'a Value, key: &str) -> &'a str {
    object.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// The fields of an object that are not null, in the object's order.
pub(crate) fn fields(object: Option<&Value>) -> impl Iterator<Item = (&str, &Value)> {
    let entries = object.and_then(Value::as_object).into_iter().flatten();
    entries.filter(|(_, value)| !value.is_null()).map(|(key, value)| (key.as_str(), value))
}

fn items(list: &Value) -> &[Value] {
    list.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn is_true(value: &Value) -> bool {
    value.as_bool() == Some(true)
}

fn host_port(port: &Value) -> Option<i64> {
    port.get("hostPort")?.as_i64().filter(|number| *number != 0)
}

fn profile_type(profile: &Value) -> Option<&str> {
    profile.is_object().then(|| string_at(profile, "type"))
}

fn annotation_text(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Some(text),
        Value::Null => Some(""),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn containers_come_init_first_and_ephemeral_last() {
        let pod = json!({"spec": {
            "ephemeralContainers": [{"name": "e"}], "containers": [{"name": "c"}, null], "initContainers": [{"name": "i"}],
        }});
        let names: Vec<_> = PodFacts::read(&pod).containers.iter().map(|c| c.name).collect();
        assert_eq!(names, ["i", "c", "", "e"]);
    }

    #[test]
    fn odd_shapes_read_as_absent() {
        for spec in [json!(null), json!([]), json!(3), json!({"containers": {"a": 1}, "securityContext": "x"})] {
            let pod = json!({"metadata": [], "spec": spec});
            let facts = PodFacts::read(&pod);
            assert!(facts.containers.is_empty() && facts.annotations.is_none(), "{pod}");
        }
    }

    #[test]
    fn a_profile_without_type_is_not_an_absent_profile() {
        let pod = json!({"spec": {"securityContext": {"seccompProfile": {}, "appArmorProfile": null}}});
        let facts = PodFacts::read(&pod);
        assert_eq!((facts.security.seccomp, facts.security.app_armor), (Some(""), None));
    }
}
