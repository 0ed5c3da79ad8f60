//! Whether the API server would take a pod that was put together from edits. Known are the rules that such a pod can run
//! into, not all of API validation.

use serde_json::Value;

use crate::modern;
use crate::pod_view::{APP_ARMOR_ANNOTATION, CONTAINER_SECCOMP_ANNOTATION, POD_SECCOMP_ANNOTATION, VOLUME_SOURCES};

/// Whether a witness may look like this. A pod that the old server and the new one do not see alike is none either.
pub fn is_valid(pod: &Value, target_minor: u8) -> bool {
    let at = |pointer: &str| pod.pointer(pointer).unwrap_or(&Value::Null);
    let is_sound = |container: &Value| is_sound_container(container, at("/spec/hostNetwork") == true);
    modern::containers(pod).all(is_sound)
        && items(at("/spec/volumes")).iter().all(is_sound_volume)
        && mounts_are_known(pod)
        && items(at("/spec/securityContext/sysctls")).iter().all(is_sound_sysctl)
        && is_distinct(items(at("/spec/securityContext/sysctls")), "name")
        && is_sound_profile(at("/spec/securityContext/seccompProfile"))
        && is_sound_profile(at("/spec/securityContext/appArmorProfile"))
        && ["runAsUser", "runAsGroup", "fsGroup"].iter().all(|id| is_id(at(&format!("/spec/securityContext/{id}"))))
        && items(at("/spec/securityContext/supplementalGroups")).iter().all(is_id)
        && at("/spec/runtimeClassName").as_str().is_none_or(is_subdomain)
        && annotations_are_profiles(at("/metadata/annotations"))
        && modern::differences(pod, target_minor).is_empty()
}

fn is_sound_container(container: &Value, on_host_network: bool) -> bool {
    let at = |key: &str| container.pointer(&format!("/securityContext/{key}")).unwrap_or(&Value::Null);
    let adds_admin = items(at("capabilities/add")).iter().any(|name| name == "CAP_SYS_ADMIN");
    let escalates = at("privileged") == true || adds_admin;
    // What is not `Default` needs a user namespace, of which 1.24 knows nothing.
    let proc_mount = at("procMount").as_str().is_none_or(|kind| kind == "Default");
    let ports = items(container.get("ports").unwrap_or(&Value::Null));
    let matching = |port: &Value| port.get("hostPort").is_none_or(|host| port.get("containerPort") == Some(host));
    proc_mount
        && !(escalates && at("allowPrivilegeEscalation") == false)
        && is_sound_profile(at("seccompProfile"))
        && is_sound_profile(at("appArmorProfile"))
        && is_id(at("runAsUser"))
        && is_id(at("runAsGroup"))
        && is_distinct(ports, "hostPort")
        && ports.iter().all(has_ports)
        && (!on_host_network || ports.iter().all(matching))
}

/// Whether an id is absent or one that the API takes.
fn is_id(id: &Value) -> bool {
    id.as_i64().is_none_or(|id| (0..=i64::from(i32::MAX)).contains(&id))
}

/// Whether a container's port is one that there is, and the host's too, which may be absent or 0.
fn has_ports(port: &Value) -> bool {
    let number = |key: &str| port.get(key).and_then(Value::as_i64);
    number("containerPort").is_some_and(|port| (1..=65_535).contains(&port))
        && number("hostPort").is_none_or(|port| (0..=65_535).contains(&port))
}

fn is_sound_volume(volume: &Value) -> bool {
    let text = |pointer: &str| volume.pointer(pointer).and_then(Value::as_str);
    let path = text("/hostPath/path");
    let sources = VOLUME_SOURCES.iter().filter(|(key, _)| volume.get(key).is_some_and(|source| !source.is_null()));
    sources.count() < 2
        && path.is_none_or(|path| !path.is_empty() && path.split('/').all(|part| part != ".."))
        && text("/flexVolume/driver").is_none_or(|driver| !driver.is_empty())
        && text("/csi/driver").is_none_or(is_subdomain)
}

fn mounts_are_known(pod: &Value) -> bool {
    let volumes = items(pod.pointer("/spec/volumes").unwrap_or(&Value::Null));
    let mut mounts =
        modern::containers(pod).flat_map(|container| items(container.get("volumeMounts").unwrap_or(&Value::Null)));
    mounts.all(|mount| volumes.iter().any(|volume| volume.get("name") == mount.get("name")))
}

/// A profile has a type, and names a file below the kubelet's folder with `Localhost` and with nothing else.
fn is_sound_profile(profile: &Value) -> bool {
    let text = |key: &str| profile.get(key).and_then(Value::as_str);
    let is_below = |path: &str| !path.is_empty() && !path.starts_with('/') && path.split('/').all(|part| part != "..");
    match text("type") {
        Some("Localhost") => text("localhostProfile").is_some_and(is_below),
        Some("RuntimeDefault" | "Unconfined") => profile.get("localhostProfile").is_none_or(Value::is_null),
        _ => profile.is_null(),
    }
}

fn is_sound_sysctl(sysctl: &Value) -> bool {
    let name = sysctl.get("name").and_then(Value::as_str).unwrap_or_default();
    let of_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-');
    // The kernel's namespaces decide which ones a pod can have; others are refused by the kubelet.
    !name.is_empty() && name.chars().all(of_name) && name.split('.').all(|part| !part.is_empty()) && name.contains('.')
}

/// Whether annotations with AppArmor and seccomp profiles name one.
fn annotations_are_profiles(annotations: &Value) -> bool {
    let is_profile = |key: &str| {
        let prefixes = [APP_ARMOR_ANNOTATION, CONTAINER_SECCOMP_ANNOTATION, POD_SECCOMP_ANNOTATION];
        prefixes.iter().any(|prefix| key.starts_with(prefix))
    };
    let profiles = annotations.as_object().into_iter().flatten().filter(|(key, _)| is_profile(key));
    let mut profiles = profiles.filter_map(|(_, profile)| profile.as_str());
    profiles.all(|profile| {
        let file = profile.strip_prefix("localhost/").is_some_and(|file| !file.is_empty());
        file || matches!(profile, "runtime/default" | "unconfined")
    })
}

/// Whether a text can be the name of most things: lower case, digits, dots and dashes.
pub(crate) fn is_subdomain(name: &str) -> bool {
    let is_label = |label: &str| {
        let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        label.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
            && edge(label.chars().next())
            && edge(label.chars().next_back())
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

fn is_distinct(items: &[Value], key: &str) -> bool {
    let mut values: Vec<String> = items.iter().filter_map(|item| item.get(key)).map(Value::to_string).collect();
    values.sort_unstable();
    values.windows(2).all(|pair| pair.first() != pair.last())
}

fn items(list: &Value) -> &[Value] {
    list.as_array().map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn plain() -> Value {
        json!({"metadata": {"name": "witness"}, "spec": {"containers": [{"name": "c", "image": "example"}]}})
    }

    fn valid(pointer: &str, value: Value) -> bool {
        let mut pod = plain();
        pod["spec"]["securityContext"] = json!({});
        pod["spec"]["containers"][0]["securityContext"] = json!({});
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        pod.pointer_mut(parent).unwrap()[key] = value;
        is_valid(&pod, 30)
    }

    #[test]
    fn what_the_api_server_refuses_is_no_witness() {
        for (pointer, sound, broken) in [
            (
                "/spec/volumes",
                json!([{"name": "v", "hostPath": {"path": "/x"}}]),
                json!([{"name": "v", "hostPath": {"path": "/../x"}}]),
            ),
            (
                "/spec/volumes",
                json!([{"name": "v", "csi": {"driver": "a.b"}}]),
                json!([{"name": "v", "csi": {"driver": "*"}}]),
            ),
            (
                "/spec/volumes",
                json!([{"name": "v", "secret": {"secretName": "s"}, "hostPath": null}]),
                json!([{"name": "v", "secret": {"secretName": "s"}, "hostPath": {"path": "/x"}}]),
            ),
            (
                "/spec/securityContext/seccompProfile",
                json!({"type": "Localhost", "localhostProfile": "p"}),
                json!({"localhostProfile": "p"}),
            ),
            ("/spec/containers/0/securityContext/seccompProfile", json!({"type": "Unconfined"}), json!({"type": "x"})),
            ("/spec/runtimeClassName", json!("gvisor"), json!("GVISOR")),
            ("/spec/securityContext/sysctls", json!([{"name": "kernel.sem"}]), json!([{"name": "kernel.*"}])),
            ("/spec/securityContext/seccompProfile", json!({"type": "RuntimeDefault"}), json!({"type": "Localhost"})),
            (
                "/spec/containers/0/ports",
                json!([{"containerPort": 1, "hostPort": 1}]),
                json!([{"hostPort": 1}, {"hostPort": 1}]),
            ),
            ("/spec/containers/0/securityContext/procMount", json!("Default"), json!("Unmasked")),
            ("/spec/containers/0/volumeMounts", json!([]), json!([{"name": "v"}])),
        ] {
            assert!(valid(pointer, sound.clone()), "{pointer} {sound}");
            assert!(!valid(pointer, broken.clone()), "{pointer} {broken}");
        }
    }

    #[test]
    fn containers_of_every_list_are_looked_at() {
        for list in ["initContainers", "containers", "ephemeralContainers"] {
            let pod = |key: &str, value: Value| json!({"spec": {list: [{"name": "c", key: value}]}});
            assert!(!is_valid(&pod("securityContext", json!({"procMount": ""})), 30), "{list}");
            assert!(!is_valid(&pod("volumeMounts", json!([{"name": "v"}])), 30), "{list}");
            assert!(is_valid(&pod("securityContext", json!({"procMount": "Default"})), 30), "{list}");
        }
    }
}
