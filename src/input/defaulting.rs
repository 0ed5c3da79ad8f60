//! What happens to a pod before PodSecurityPolicy sees it: API defaulting, and the ServiceAccount plug-in.

use serde_json::{Map, Value, json};

use crate::schema::{apply_defaults, may_be_filled_in, object_type};

/// Makes `pod` what the API server of 1.24 decodes from it: all defaults filled in. Idempotent.
pub fn default_pod(pod: &mut Value) {
    if let Some(of) = object_type("v1", "Pod") {
        apply_defaults(of, pod);
    }
}

/// The pod as somebody would write it: without what [`default_pod`] fills in again, and without the older alias of
/// `serviceAccountName`.
pub fn without_defaults(pod: &Value) -> Value {
    let mut written = pod.clone();
    let name = written.pointer("/spec/serviceAccountName").cloned();
    if let Some(spec) = written.get_mut("spec").and_then(Value::as_object_mut)
        && spec.get("serviceAccount") == name.as_ref()
    {
        spec.remove("serviceAccount");
    }
    let mut defaulted = written.clone();
    default_pod(&mut defaulted);
    let mut pointers = Vec::new();
    push_pointers(&written, "", &mut pointers);
    for pointer in pointers.iter().rev().filter(|pointer| may_come_back(pointer)) {
        let mut again = written.clone();
        remove(&mut again, pointer);
        default_pod(&mut again);
        // What is not filled in again at its place need not be compared as a whole.
        if again.pointer(pointer) == defaulted.pointer(pointer) && again == defaulted {
            remove(&mut written, pointer);
        }
    }
    written
}

/// Whether [`default_pod`] may fill in what stands there.
fn may_come_back(pointer: &str) -> bool {
    let mut steps = pointer.rsplit('/');
    let (key, within) = (steps.next().unwrap_or_default(), steps.next().unwrap_or_default());
    may_be_filled_in(&key.replace("~1", "/").replace("~0", "~"), within)
}

/// The pointers of all keys of all objects, each after that of the object it stands in.
fn push_pointers(value: &Value, at: &str, pointers: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields.iter().map(|(key, value)| (escaped(key), value)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(index, value)| (index.to_string(), value)).collect(),
        _ => return,
    };
    for (step, child) in children {
        let pointer = format!("{at}/{step}");
        if value.is_object() {
            pointers.push(pointer.clone());
        }
        push_pointers(child, &pointer, pointers);
    }
}

fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

fn remove(root: &mut Value, pointer: &str) {
    let Some((parent, key)) = pointer.rsplit_once('/') else { return };
    if let Some(Value::Object(fields)) = root.pointer_mut(parent) {
        fields.shift_remove(&key.replace("~1", "/").replace("~0", "~"));
    }
}

/// Where a service account's token is mounted.
const TOKEN_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// The first 1.x release that mounts a projected token by default; those before mount a secret.
const PROJECTED_SINCE: u32 = 21;

/// What the ServiceAccount plug-in of release 1.`minor` makes of a new, defaulted pod: its account's name, the volume
/// with the token and its mounts, pull secrets. `account` is the ServiceAccount object; without it the account counts as
/// existing without settings. Names that the server draws at random end in `xxxxx`. Mirror pods stay as they are.
///
/// Source: `plugin/pkg/admission/serviceaccount/admission.go`.
pub fn admit_service_account(pod: &mut Value, account: Option<&Value>, minor: u32) {
    let is_mirror = pod.pointer("/metadata/annotations/kubernetes.io~1config.mirror").is_some_and(|it| !it.is_null());
    let Some(spec) = pod.get_mut("spec").and_then(Value::as_object_mut).filter(|_| !is_mirror) else {
        return;
    };
    let name = account_name(spec);
    let wish =
        |object: Option<&Value>| object.and_then(|it| it.get("automountServiceAccountToken")).and_then(Value::as_bool);
    let automount =
        spec.get("automountServiceAccountToken").and_then(Value::as_bool).or_else(|| wish(account)).unwrap_or(true);
    if automount {
        mount_token(spec, &Token::of(&name, account, minor));
    }
    copy_pull_secrets(spec, account);
}

/// The name of the pod's account, which is `default` when it names none.
pub fn account_name(spec: &mut Map<String, Value>) -> String {
    let given = spec.get("serviceAccountName").and_then(Value::as_str).filter(|name| !name.is_empty());
    let name = given.unwrap_or("default").to_owned();
    for field in ["serviceAccountName", "serviceAccount"] {
        spec.insert(field.to_owned(), name.clone().into());
    }
    name
}

fn copy_pull_secrets(spec: &mut Map<String, Value>, account: Option<&Value>) {
    let is_list = |value: Option<&Value>| value.and_then(Value::as_array).is_some_and(|list| !list.is_empty());
    let secrets = account.and_then(|account| account.get("imagePullSecrets"));
    if let (Some(secrets), true, false) = (secrets, is_list(secrets), is_list(spec.get("imagePullSecrets"))) {
        spec.insert("imagePullSecrets".to_owned(), secrets.clone());
    }
}

/// The volume that holds the token.
struct Token {
    /// A volume whose name begins so is taken for the token's.
    prefix: String,
    name: String,
    source: (&'static str, Value),
}

impl Token {
    fn of(account_name: &str, account: Option<&Value>, minor: u32) -> Self {
        if minor >= PROJECTED_SINCE {
            return Self {
                prefix: "kube-api-access-".to_owned(),
                name: "kube-api-access-xxxxx".to_owned(),
                source: ("projected", projected()),
            };
        }
        let prefix = format!("{account_name}-token-");
        let secrets = account.and_then(|account| account.get("secrets")).and_then(Value::as_array);
        let mut names = secrets.into_iter().flatten().filter_map(|secret| secret.get("name")).filter_map(Value::as_str);
        let name = names.find(|name| name.starts_with(&prefix)).map_or_else(|| format!("{prefix}xxxxx"), str::to_owned);
        let source = json!({"secretName": name, "defaultMode": 0o644});
        Self { prefix, name, source: ("secret", source) }
    }
}

fn projected() -> Value {
    json!({"defaultMode": 0o644, "sources": [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]}}]})
}

/// Ephemeral containers get no mount; and the volume comes last, only if some container needed it.
fn mount_token(spec: &mut Map<String, Value>, token: &Token) {
    let volumes = spec.get("volumes").and_then(Value::as_array).into_iter().flatten();
    let mut names = volumes.filter_map(|volume| volume.get("name")).filter_map(Value::as_str);
    let existing = names.find(|name| name.starts_with(&token.prefix)).map(str::to_owned);
    let mount = json!({"name": existing.as_ref().unwrap_or(&token.name), "readOnly": true, "mountPath": TOKEN_PATH});
    let mut needed = false;
    for kind in ["initContainers", "containers"] {
        for container in spec.get_mut(kind).and_then(Value::as_array_mut).into_iter().flatten() {
            needed |= container.as_object_mut().is_some_and(|container| add_mount(container, &mount));
        }
    }
    if needed && existing.is_none() {
        let (kind, source) = &token.source;
        push(spec, "volumes", json!({"name": token.name, *kind: source}));
    }
}

/// Mounts it unless the container mounts something at the same place; true if it did.
fn add_mount(container: &mut Map<String, Value>, mount: &Value) -> bool {
    let mounts = container.get("volumeMounts").and_then(Value::as_array).into_iter().flatten();
    let taken = mounts.filter_map(|mount| mount.get("mountPath")).any(|path| path == TOKEN_PATH);
    if !taken {
        push(container, "volumeMounts", mount.clone());
    }
    !taken
}

fn push(fields: &mut Map<String, Value>, list: &str, element: Value) {
    let value = fields.entry(list).or_insert(Value::Null);
    if value.is_null() {
        *value = json!([]);
    }
    if let Some(list) = value.as_array_mut() {
        list.push(element);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(spec: Value, account: Option<&Value>, minor: u32) -> Value {
        let mut pod = json!({ "spec": spec });
        admit_service_account(&mut pod, account, minor);
        pod["spec"].take()
    }

    #[test]
    fn all_that_defaults_fill_in_may_come_back() {
        let written = json!({"spec": {"serviceAccountName": "web", "hostNetwork": true,
            "volumes": [{"name": "v"}, {"name": "h", "hostPath": {"path": "/"}}, {"name": "s", "secret": {}}, {"name": "p",
                "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}, {"downwardAPI": {"items": [
                    {"path": "n", "fieldRef": {"fieldPath": "metadata.name"}}]}}]}}],
            "containers": [{"name": "c", "image": "i", "ports": [{"containerPort": 1}],
                "resources": {"limits": {"cpu": "1", "example.com/x": "2"}}, "livenessProbe": {"httpGet": {"port": 1}}}],
            "ephemeralContainers": [{"name": "e"}]}});
        let mut defaulted = written.clone();
        default_pod(&mut defaulted);
        let mut pointers = Vec::new();
        push_pointers(&defaulted, "", &mut pointers);
        let filled_in: Vec<_> = pointers.iter().filter(|pointer| written.pointer(pointer).is_none()).collect();
        assert!(filled_in.len() >= 30, "{filled_in:?}");
        let lost: Vec<_> = filled_in.iter().filter(|pointer| !may_come_back(pointer)).collect();
        assert!(lost.is_empty(), "{lost:?}");
        assert_eq!(without_defaults(&defaulted), written);
    }

    #[test]
    fn the_token_is_the_last_volume_and_mounted_everywhere() {
        let spec = json!({"volumes": [{"name": "v"}], "initContainers": [{"name": "i"}], "containers": [{"name": "c", "volumeMounts": [{"name": "v"}]}],
            "ephemeralContainers": [{"name": "e"}]});
        let spec = admitted(spec, None, 24);
        assert_eq!(spec["serviceAccountName"], "default");
        assert_eq!(spec["volumes"][1]["name"], "kube-api-access-xxxxx");
        assert_eq!(spec["volumes"][1]["projected"]["sources"][0]["serviceAccountToken"]["expirationSeconds"], 3607);
        let mount = json!({"name": "kube-api-access-xxxxx", "readOnly": true, "mountPath": TOKEN_PATH});
        assert_eq!(spec["initContainers"][0]["volumeMounts"], json!([mount]));
        assert_eq!(spec["containers"][0]["volumeMounts"][1], mount);
        assert!(spec["ephemeralContainers"][0].get("volumeMounts").is_none());
    }

    #[test]
    fn a_pod_is_shown_as_it_was_written() {
        let written = json!({
            "metadata": {"name": "p", "annotations": {"a/b~c": ""}},
            "spec": {
                "hostNetwork": true, "serviceAccountName": "web", "automountServiceAccountToken": false,
                "securityContext": {"runAsUser": 0},
                "containers": [{"name": "c", "image": "i", "ports": [{"containerPort": 80}], "securityContext": {"privileged": false}}],
                "volumes": [{"name": "v", "hostPath": {"path": "/x"}}],
            },
        });
        let mut admitted = written.clone();
        default_pod(&mut admitted);
        admit_service_account(&mut admitted, None, 24);
        assert_ne!(admitted, written);
        assert_eq!(without_defaults(&admitted), written);
    }

    #[test]
    fn the_pods_wish_beats_the_accounts() {
        let containers = json!([{"name": "c"}]);
        let no = json!({"automountServiceAccountToken": false});
        assert!(admitted(json!({"containers": containers}), Some(&no), 24).get("volumes").is_none());
        assert!(
            admitted(json!({"containers": containers, "automountServiceAccountToken": true}), Some(&no), 24)
                .get("volumes")
                .is_some()
        );
        assert!(
            admitted(json!({"containers": containers, "automountServiceAccountToken": false}), None, 24)
                .get("volumes")
                .is_none()
        );
    }

    #[test]
    fn what_is_mounted_at_the_place_stays() {
        let containers = json!([{"name": "c", "volumeMounts": [{"name": "mine", "mountPath": TOKEN_PATH}]}]);
        let spec = admitted(json!({ "containers": containers }), None, 24);
        assert!(spec.get("volumes").is_none());
        assert_eq!(spec["containers"], containers);
    }

    #[test]
    fn an_existing_token_volume_is_used() {
        let spec =
            admitted(json!({"volumes": [{"name": "kube-api-access-abcde"}], "containers": [{"name": "c"}]}), None, 24);
        assert_eq!(spec["volumes"].as_array().unwrap().len(), 1);
        assert_eq!(spec["containers"][0]["volumeMounts"][0]["name"], "kube-api-access-abcde");
    }

    #[test]
    fn releases_before_1_21_mount_a_secret() {
        let account = json!({"secrets": [{"name": "dockercfg"}, {"name": "web-token-7kq2p"}]});
        let spec = admitted(json!({"serviceAccountName": "web", "containers": [{"name": "c"}]}), Some(&account), 20);
        let expected =
            json!({"name": "web-token-7kq2p", "secret": {"secretName": "web-token-7kq2p", "defaultMode": 420}});
        assert_eq!(spec["volumes"][0], expected);
        let spec = admitted(json!({"containers": [{"name": "c"}]}), None, 20);
        assert_eq!(spec["volumes"][0]["secret"]["secretName"], "default-token-xxxxx");
    }

    #[test]
    fn pull_secrets_are_copied_when_the_pod_has_none() {
        let account = json!({"imagePullSecrets": [{"name": "a"}]});
        assert_eq!(admitted(json!({}), Some(&account), 24)["imagePullSecrets"], json!([{"name": "a"}]));
        let own = json!([{"name": "b"}]);
        assert_eq!(admitted(json!({"imagePullSecrets": own}), Some(&account), 24)["imagePullSecrets"], own);
    }

    #[test]
    fn mirror_pods_stay_as_they_are() {
        let pod = json!({"metadata": {"annotations": {"kubernetes.io/config.mirror": "x"}}, "spec": {"containers": [{"name": "c"}]}});
        let mut admitted = pod.clone();
        admit_service_account(&mut admitted, None, 24);
        assert_eq!(admitted, pod);
    }
}
