//! `volumes`, `allowedHostPaths`, `allowedFlexVolumes` and `allowedCSIDrivers`.

use super::{invalid_text, metadata::go_lower, names, too_long};
use crate::field_error::{FieldError, go_quote};
use crate::psp::{AllowedCsiDriver, AllowedHostPath, Spec};
use crate::release::Release;

/// In the order of upstream's messages.
const TYPES: [&str; 30] = [
    "*",
    "awsElasticBlockStore",
    "azureDisk",
    "azureFile",
    "cephFS",
    "cinder",
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "fc",
    "flexVolume",
    "flocker",
    "gcePersistentDisk",
    "gitRepo",
    "glusterfs",
    "hostPath",
    "iscsi",
    "nfs",
    "persistentVolumeClaim",
    "photonPersistentDisk",
    "portworxVolume",
    "projected",
    "quobyte",
    "rbd",
    "scaleIO",
    "secret",
    "storageos",
    "vsphereVolume",
];

/// Volume types that the release does not know. The path carries no index.
pub(super) fn type_errors(spec: &Spec, release: &Release) -> Vec<FieldError> {
    let has_ephemeral = release.minor >= 19;
    let mut types = TYPES.to_vec();
    types.retain(|name| *name != "ephemeral" || has_ephemeral);
    let unknown = spec.volumes.iter().filter(|name| !types.contains(&name.as_str()));
    unknown.map(|name| FieldError::not_supported("spec.volumes", name, &types)).collect()
}

/// What is wrong with the entries that narrow single volume types.
pub(super) fn source_errors(spec: &Spec, release: &Release) -> Vec<FieldError> {
    let mut errors = host_path_errors(&spec.allowed_host_paths);
    errors.extend(flex_errors(spec));
    let drivers = spec.allowed_csi_drivers.iter().enumerate();
    errors.extend(drivers.flat_map(|(i, driver)| csi_errors(i, driver, release)));
    errors
}

/// Upstream stops at the first empty prefix.
fn host_path_errors(paths: &[AllowedHostPath]) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for (i, AllowedHostPath { path_prefix, .. }) in paths.iter().enumerate() {
        let field = format!("spec.allowedHostPaths[{i}]");
        if path_prefix.is_empty() {
            errors.push(FieldError::required(field, "is required"));
            break;
        }
        if path_prefix.split('/').any(|step| step == "..") {
            errors.push(FieldError::invalid(field, go_quote(path_prefix), "must not contain '..'"));
        }
    }
    errors
}

/// Upstream's path names the list twice.
fn flex_errors(spec: &Spec) -> impl Iterator<Item = FieldError> {
    let drivers = spec.allowed_flex_volumes.iter().enumerate();
    let unnamed = drivers.filter(|(_, volume)| volume.driver.is_empty());
    unnamed.map(|(i, _)| {
        let field = format!("spec.allowedFlexVolumes.allowedFlexVolumes[{i}].driver");
        FieldError::required(field, "must specify a driver")
    })
}

/// Upstream's path names the list twice, the second time in the singular; an empty name breaks two rules.
fn csi_errors(i: usize, driver: &AllowedCsiDriver, release: &Release) -> Vec<FieldError> {
    const MAX: usize = 63;
    let name = driver.name.as_str();
    let field = format!("spec.allowedCSIDrivers.allowedCSIDriver[{i}].name");
    let missing = name.is_empty().then(|| FieldError::required(field.as_str(), ""));
    let long = (name.len() > MAX).then(|| too_long(&field, MAX, release));
    let shape = names::dns_subdomain(&go_lower(name), release);
    missing.into_iter().chain(long).chain(invalid_text(&field, name, shape)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{check, check_release, messages, shape};
    use super::*;

    #[test]
    fn types_are_spelled_as_in_policies() {
        check(json!({"volumes": TYPES}), &[]);
        let errors = messages(json!({"name": "p"}), json!({"volumes": ["cephfs", "all", "nfs", ""]}), 24);
        let starts = ["cephfs", "all", ""].map(|name| {
            format!("spec.volumes: Unsupported value: \"{name}\": supported values: \"*\", \"awsElasticBlockStore\", ")
        });
        assert_eq!(errors.len(), starts.len());
        assert!(errors.iter().zip(&starts).all(|(error, start)| error.starts_with(start)));
    }

    #[test]
    fn ephemeral_volumes_came_with_1_19() {
        let errors = |minor| messages(json!({"name": "p"}), json!({"volumes": ["ephemeral"]}), minor);
        assert_eq!(errors(19), [""; 0]);
        assert_eq!(errors(18).len(), 1);
        assert!(errors(18)[0].contains("\"emptyDir\", \"fc\""));
    }

    #[test]
    fn host_paths_take_no_step_back() {
        check(
            json!({"allowedHostPaths": [{"pathPrefix": "a/..b"}, {"pathPrefix": "../.."}, {"pathPrefix": "/a/.."}]}),
            &[
                "spec.allowedHostPaths[1]: Invalid value: \"../..\": must not contain '..'",
                "spec.allowedHostPaths[2]: Invalid value: \"/a/..\": must not contain '..'",
            ],
        );
    }

    #[test]
    fn nothing_is_said_behind_an_empty_prefix() {
        check(
            json!({"allowedHostPaths": [{"pathPrefix": ".."}, {"readOnly": true}, {"pathPrefix": ".."}, {}]}),
            &[
                "spec.allowedHostPaths[0]: Invalid value: \"..\": must not contain '..'",
                "spec.allowedHostPaths[1]: Required value: is required",
            ],
        );
    }

    #[test]
    fn flex_drivers_have_any_name() {
        check(
            json!({"allowedFlexVolumes": [{"driver": "A/_"}, {}]}),
            &["spec.allowedFlexVolumes.allowedFlexVolumes[1].driver: Required value: must specify a driver"],
        );
    }

    #[test]
    fn csi_drivers_are_subdomains_of_63_bytes_in_any_case() {
        let field = "spec.allowedCSIDrivers.allowedCSIDriver[0].name";
        let check = |name: &str, expected: &[&str], minor| {
            let expected: Vec<String> = expected.iter().map(|error| format!("{field}: {error}")).collect();
            let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
            let spec = json!({"allowedCSIDrivers": [{"name": name}]});
            check_release(json!({"name": "p"}), spec, &expected, minor);
        };
        check("EBS.csi.aws.com", &[], 24);
        let wrong = |name: &str| format!("Invalid value: \"{name}\": {}", shape("subdomain"));
        check("", &["Required value", &wrong("")], 24);
        let long = "_".repeat(64);
        check(&long, &["Too long: must have at most 63 bytes", &wrong(&long)], 24);
        check(&"A".repeat(64), &["Too long: must have at most 63 characters"], 16);
    }
}
