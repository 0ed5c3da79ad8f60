//! Reading a [`PodView`] from a manifest.
//!
//! `null` is absence, as in Go's JSON decoding. A value of the wrong type is an error: the API server would refuse to
//! decode the pod.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::volume_sources::VOLUME_SOURCES;
use super::{
    APP_ARMOR_ANNOTATION, CONTAINER_SECCOMP_ANNOTATION, Capabilities, Container, ContainerList, Mount,
    POD_SECCOMP_ANNOTATION, PSP_ANNOTATION, PodView, SeLinux, Seccomp, Volume,
};
use crate::release::Release;

/// A value that the API server could not decode.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` in `{parent}` must be {expected}")]
pub struct ReadError {
    /// The key of the enclosing object, e.g. `securityContext`.
    pub parent: String,
    /// The key of the bad value.
    pub key: String,
    /// What the API expects there.
    pub expected: &'static str,
}

type Read<T> = Result<T, ReadError>;

impl<'a> PodView<'a> {
    /// Reads a pod as `release` decodes it: what that release does not know is not there.
    ///
    /// # Errors
    /// The first value that has the wrong type.
    pub fn read(pod: &'a Value, release: &Release) -> Result<Self, ReadError> {
        let pod = Object::root(pod)?;
        let annotations = pod.object("metadata")?.object("annotations")?;
        let spec = pod.object("spec")?;
        let context = spec.object("securityContext")?;
        Ok(Self {
            psp_annotation: annotations.text(PSP_ANNOTATION)?,
            service_account_name: service_account_name(&spec)?,
            host_network: spec.bool("hostNetwork")?.unwrap_or_default(),
            host_pid: spec.bool("hostPID")?.unwrap_or_default(),
            host_ipc: spec.bool("hostIPC")?.unwrap_or_default(),
            runtime_class_name: spec.text("runtimeClassName")?,
            run_as_user: context.int("runAsUser")?,
            run_as_group: context.int("runAsGroup")?,
            run_as_non_root: context.bool("runAsNonRoot")?,
            se_linux: read_se_linux(&context)?,
            fs_group: context.int("fsGroup")?,
            supplemental_groups: context.ints("supplementalGroups")?.map(Into::into),
            sysctls: context
                .objects("sysctls")?
                .iter()
                .map(|s| Ok(s.text("name")?.unwrap_or_default()))
                .collect::<Read<_>>()?,
            seccomp: Seccomp {
                field: read_seccomp_field(&context, release)?,
                annotation: annotations.text(POD_SECCOMP_ANNOTATION)?.map(Cow::Borrowed),
            },
            volumes: spec.objects("volumes")?.iter().map(read_volume).collect::<Read<_>>()?,
            containers: read_containers(&spec, &annotations, release)?,
        })
    }
}

fn service_account_name<'a>(spec: &Object<'a>) -> Read<&'a str> {
    let name = spec.text("serviceAccountName")?.filter(|name| !name.is_empty());
    Ok(name.or(spec.text("serviceAccount")?).unwrap_or_default())
}

fn read_containers<'a>(spec: &Object<'a>, annotations: &Object<'a>, release: &Release) -> Read<Vec<Container<'a>>> {
    let mut containers = Vec::new();
    for list in ContainerList::ALL {
        for (index, container) in spec.objects(list.name())?.iter().enumerate() {
            containers.push(read_container(list, index, container, annotations, release)?);
        }
    }
    Ok(containers)
}

fn read_container<'a>(
    list: ContainerList,
    index: usize,
    container: &Object<'a>,
    annotations: &Object<'a>,
    release: &Release,
) -> Read<Container<'a>> {
    let context = container.object("securityContext")?;
    let name = container.text("name")?.unwrap_or_default();
    Ok(Container {
        list,
        index,
        name,
        privileged: context.bool("privileged")?,
        run_as_user: context.int("runAsUser")?,
        run_as_group: context.int("runAsGroup")?,
        run_as_non_root: context.bool("runAsNonRoot")?,
        se_linux: read_se_linux(&context)?,
        capabilities: read_capabilities(&context)?,
        read_only_root_filesystem: context.bool("readOnlyRootFilesystem")?,
        allow_privilege_escalation: context.bool("allowPrivilegeEscalation")?,
        proc_mount: context.text("procMount")?,
        seccomp: Seccomp {
            field: read_seccomp_field(&context, release)?,
            annotation: annotations.suffixed(CONTAINER_SECCOMP_ANNOTATION, name)?.map(Cow::Borrowed),
        },
        app_armor: annotations.suffixed(APP_ARMOR_ANNOTATION, name)?,
        host_ports: read_host_ports(container)?.into(),
        mounts: container.objects("volumeMounts")?.iter().map(read_mount).collect::<Read<_>>()?,
    })
}

fn read_mount<'a>(mount: &Object<'a>) -> Read<Mount<'a>> {
    Ok(Mount { name: mount.text("name")?.unwrap_or_default(), read_only: mount.bool("readOnly")?.unwrap_or_default() })
}

fn read_host_ports(container: &Object<'_>) -> Read<Vec<i32>> {
    let mut ports = Vec::new();
    for port in container.objects("ports")? {
        if let Some(host_port) = port.int("hostPort")?
            && host_port > 0
        {
            ports.push(i32::try_from(host_port).map_err(|_| port.error("hostPort", "a 32-bit integer"))?);
        }
    }
    Ok(ports)
}

fn read_capabilities<'a>(context: &Object<'a>) -> Read<Option<Capabilities<'a>>> {
    let Some(capabilities) = context.present("capabilities")? else {
        return Ok(None);
    };
    Ok(Some(Capabilities { add: capabilities.texts("add")?, drop: capabilities.texts("drop")? }))
}

fn read_se_linux<'a>(context: &Object<'a>) -> Read<Option<SeLinux<'a>>> {
    let Some(options) = context.present("seLinuxOptions")? else {
        return Ok(None);
    };
    Ok(Some(SeLinux {
        user: options.text("user")?.unwrap_or_default(),
        role: options.text("role")?.unwrap_or_default(),
        type_: options.text("type")?.unwrap_or_default(),
        level: options.text("level")?.unwrap_or_default(),
    }))
}

/// The field in the annotation's spelling; empty if it has none.
fn read_seccomp_field<'a>(context: &Object<'a>, release: &Release) -> Read<Option<Cow<'a, str>>> {
    if !release.has_seccomp_fields() {
        return Ok(None);
    }
    let Some(profile) = context.present("seccompProfile")? else {
        return Ok(None);
    };
    let localhost = profile.text("localhostProfile")?;
    Ok(Some(match (profile.text("type")?.unwrap_or_default(), localhost) {
        ("Unconfined", _) => Cow::Borrowed("unconfined"),
        ("RuntimeDefault", _) => Cow::Borrowed("runtime/default"),
        ("Localhost", Some(file)) => Cow::Owned(format!("localhost/{file}")),
        _ => Cow::Borrowed(""),
    }))
}

fn read_volume<'a>(volume: &Object<'a>) -> Read<Volume<'a>> {
    let mut read = Volume {
        name: volume.text("name")?.unwrap_or_default(),
        kind: "",
        host_path: None,
        flex_driver: None,
        csi_driver: None,
        holds_only_token_sources: false,
    };
    for (key, kind) in VOLUME_SOURCES {
        let Some(source) = volume.present(key)? else { continue };
        read.kind = kind;
        match kind {
            "hostPath" => read.host_path = Some(source.text("path")?.unwrap_or_default()),
            "flexVolume" => read.flex_driver = Some(source.text("driver")?.unwrap_or_default()),
            "csi" => read.csi_driver = Some(source.text("driver")?.unwrap_or_default()),
            "projected" => read.holds_only_token_sources = holds_only_token_sources(&source)?,
            _ => {}
        }
        break;
    }
    Ok(read)
}

/// Every source is one that the ServiceAccount plug-in writes (`UTIL:IsOnlyServiceAccountTokenSources`). A volume
/// without sources passes, and so does a source that holds a secret beside one of the three: upstream looks no further.
fn holds_only_token_sources(projected: &Object<'_>) -> Read<bool> {
    for source in projected.objects("sources")? {
        if !is_token_source(&source)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn is_token_source(source: &Object<'_>) -> Read<bool> {
    let token = source.present("serviceAccountToken")?;
    let config_map = source.present("configMap")?;
    let downward = source.present("downwardAPI")?;
    if let Some(token) = &token
        && (token.text("path")? != Some("token") || !token.text("audience")?.unwrap_or_default().is_empty())
    {
        return Ok(false);
    }
    if let Some(config_map) = &config_map
        && config_map.text("name")? != Some("kube-root-ca.crt")
    {
        return Ok(false);
    }
    if let Some(downward) = &downward {
        for item in downward.objects("items")? {
            if !is_namespace_item(&item)? {
                return Ok(false);
            }
        }
    }
    Ok(token.is_some() || config_map.is_some() || downward.is_some())
}

fn is_namespace_item(item: &Object<'_>) -> Read<bool> {
    let Some(field) = item.present("fieldRef")? else {
        return Ok(false);
    };
    // The API defaults an absent `apiVersion` to `v1`.
    let version = field.text("apiVersion")?.filter(|version| !version.is_empty()).unwrap_or("v1");
    Ok(item.text("path")? == Some("namespace")
        && version == "v1"
        && field.text("fieldPath")? == Some("metadata.namespace"))
}

/// A JSON object, none if absent, and the key it stands under, for errors.
struct Object<'a> {
    map: Option<&'a Map<String, Value>>,
    key: &'a str,
}

impl<'a> Object<'a> {
    fn root(value: &'a Value) -> Read<Self> {
        Self::from(value, "", "pod")
    }

    fn from(value: &'a Value, parent: &str, key: &'a str) -> Read<Self> {
        match value {
            Value::Null => Ok(Self { map: None, key }),
            Value::Object(map) => Ok(Self { map: Some(map), key }),
            _ => Err(ReadError { parent: parent.to_owned(), key: key.to_owned(), expected: "an object" }),
        }
    }

    fn value(&self, key: &str) -> Option<&'a Value> {
        self.map?.get(key).filter(|value| !value.is_null())
    }

    fn error(&self, key: &str, expected: &'static str) -> ReadError {
        ReadError { parent: self.key.to_owned(), key: key.to_owned(), expected }
    }

    fn get<T>(&self, key: &str, expected: &'static str, read: impl FnOnce(&'a Value) -> Option<T>) -> Read<Option<T>> {
        let read = |value| read(value).ok_or_else(|| self.error(key, expected));
        self.value(key).map(read).transpose()
    }

    fn bool(&self, key: &str) -> Read<Option<bool>> {
        self.get(key, "true or false", Value::as_bool)
    }

    fn int(&self, key: &str) -> Read<Option<i64>> {
        self.get(key, "an integer", Value::as_i64)
    }

    fn text(&self, key: &str) -> Read<Option<&'a str>> {
        self.get(key, "a string", Value::as_str)
    }

    /// The value under `prefix` + `suffix`; no key is built where no key starts with the prefix.
    fn suffixed(&self, prefix: &str, suffix: &str) -> Read<Option<&'a str>> {
        let Some(map) = self.map else { return Ok(None) };
        let found = map.iter().find(|(key, _)| key.strip_prefix(prefix) == Some(suffix));
        match found {
            None | Some((_, Value::Null)) => Ok(None),
            Some((_, Value::String(text))) => Ok(Some(text)),
            Some((key, _)) => Err(self.error(key, "a string")),
        }
    }

    fn ints(&self, key: &str) -> Read<Option<Vec<i64>>> {
        self.get(key, "a list of integers", |value| value.as_array()?.iter().map(Value::as_i64).collect())
    }

    fn texts(&self, key: &str) -> Read<Vec<&'a str>> {
        let texts =
            self.get(key, "a list of strings", |value| value.as_array()?.iter().map(Value::as_str).collect())?;
        Ok(texts.unwrap_or_default())
    }

    /// The object under `key`, an absent one if the key is absent.
    fn object(&self, key: &'a str) -> Read<Self> {
        Self::from(self.value(key).unwrap_or(&Value::Null), self.key, key)
    }

    /// The object under `key`, if it is there.
    fn present(&self, key: &'static str) -> Read<Option<Object<'a>>> {
        self.value(key).map(|value| Object::from(value, self.key, key)).transpose()
    }

    fn objects(&self, key: &'static str) -> Read<Vec<Object<'a>>> {
        let Some(value) = self.value(key) else {
            return Ok(Vec::new());
        };
        let Value::Array(items) = value else {
            return Err(self.error(key, "a list"));
        };
        items.iter().map(|item| Object::from(item, self.key, key)).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(pod: Value, test: impl Fn(PodView<'_>)) {
        test(PodView::read(&pod, &Release::default()).unwrap());
    }

    fn volume(source: Value) -> Value {
        json!({"spec": {"volumes": [source]}})
    }

    #[test]
    fn containers_stand_in_the_order_of_the_walk() {
        let pod = json!({"spec": {"containers": [{"name": "c"}], "ephemeralContainers": [{"name": "e"}], "initContainers": [{"name": "i"}]}});
        check(pod, |view| assert_eq!(view.containers.iter().map(|c| c.name).collect::<Vec<_>>(), ["i", "c", "e"]));
    }

    #[test]
    fn the_first_source_names_the_volume() {
        check(volume(json!({"emptyDir": {}, "hostPath": {"path": "/x"}})), |view| {
            assert_eq!((view.volumes[0].kind, view.volumes[0].host_path), ("hostPath", Some("/x")));
        });
    }

    #[test]
    fn cephfs_is_spelled_differently_in_a_policy() {
        check(volume(json!({"cephfs": {}})), |view| assert_eq!(view.volumes[0].kind, "cephFS"));
    }

    #[test]
    fn a_projected_volume_without_sources_holds_only_token_sources() {
        check(volume(json!({"projected": {}})), |view| assert!(view.volumes[0].holds_only_token_sources));
        check(volume(json!({"projected": {"sources": [{"secret": {}}]}})), |view| {
            assert!(!view.volumes[0].holds_only_token_sources);
        });
    }

    #[test]
    fn null_is_absent() {
        check(
            json!({"spec": {"containers": [{"name": "c", "securityContext": null}], "runtimeClassName": null}}),
            |view| {
                assert_eq!((view.runtime_class_name, view.containers[0].privileged), (None, None));
            },
        );
    }

    #[test]
    fn a_value_of_the_wrong_type_is_named() {
        let pod = json!({"spec": {"containers": [{"securityContext": {"privileged": "yes"}}]}});
        let error = PodView::read(&pod, &Release::default()).unwrap_err();
        assert_eq!(error.to_string(), "`privileged` in `securityContext` must be true or false");
    }

    #[test]
    fn seccomp_fields_are_unknown_before_1_19() {
        let pod = json!({"spec": {"securityContext": {"seccompProfile": {"type": "RuntimeDefault"}}}});
        let read = |minor| PodView::read(&pod, &Release { minor, ..Release::default() }).unwrap().seccomp.field;
        assert_eq!(read(18), None);
        assert_eq!(read(19).as_deref(), Some("runtime/default"));
    }
}
