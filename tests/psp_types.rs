//! Our policy types against those that k8s-openapi generates from Kubernetes' own schema.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test may panic")]

use k8s_psp::api::core::v1::SELinuxOptions;
use k8s_psp::api::policy::v1beta1 as upstream;
use k8s_psp::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::Index;
use psp_migrate::psp::PodSecurityPolicy;
use serde_json::{Map, Value, json};

proptest! {
    /// Whatever the manifest spells out, both types read the same policy from it.
    #[test]
    fn reading_agrees_with_the_generated_types(policy in policies(), spelled in any::<[Index; 23]>()) {
        let manifest = spell_out(serde_json::to_value(&policy).unwrap(), &spelled);
        let generated: upstream::PodSecurityPolicy = serde_json::from_value(manifest.clone()).unwrap();
        let rewritten = serde_json::to_value(generated).unwrap();
        prop_assert_eq!(read(&manifest), read(&rewritten));
        prop_assert_eq!(read(&manifest), read(&serde_json::to_value(&policy).unwrap()));
    }

    /// Our types drop no field, and write what the generated types read.
    #[test]
    fn writing_loses_nothing(policy in policies()) {
        let mut written = serde_json::to_value(read(&serde_json::to_value(&policy).unwrap())).unwrap();
        written["apiVersion"] = json!("policy/v1beta1");
        written["kind"] = json!("PodSecurityPolicy");
        let back: upstream::PodSecurityPolicy = serde_json::from_value(written).unwrap();
        prop_assert_eq!(back, policy);
    }
}

/// The generated types do not take such nulls; the API server does.
#[test]
fn a_null_in_a_list_or_map_is_the_empty_value() {
    let spec = |text: Value, map: Value| {
        json!({"volumes": [text], "allowedHostPaths": [map], "runAsUser": {"ranges": [map]},
               "runtimeClass": {"allowedRuntimeClassNames": [text]}})
    };
    let nulls = json!({"metadata": {"annotations": {"a": null}, "labels": {"a": null}}, "spec": spec(json!(null), json!(null))});
    let empty =
        json!({"metadata": {"annotations": {"a": ""}, "labels": {"a": ""}}, "spec": spec(json!(""), json!({}))});
    assert_eq!(read(&nulls), read(&empty));
    assert_eq!(read(&nulls).spec.run_as_user.ranges().len(), 1);
}

fn read(manifest: &Value) -> PodSecurityPolicy {
    PodSecurityPolicy::from_value(manifest).unwrap()
}

/// Fields that mean the same when absent, `null` or as given here.
const NEUTRAL: [(&str, &str); 2] = [
    ("metadata", r#"{"generateName": "", "labels": {}, "annotations": {}}"#),
    (
        "spec",
        r#"{"allowPrivilegeEscalation": null, "allowedCSIDrivers": [], "allowedCapabilities": [],
            "allowedFlexVolumes": [], "allowedHostPaths": [], "allowedProcMountTypes": [], "allowedUnsafeSysctls": [],
            "defaultAddCapabilities": [], "defaultAllowPrivilegeEscalation": null, "forbiddenSysctls": [],
            "hostIPC": false, "hostNetwork": false, "hostPID": false, "hostPorts": [], "privileged": false,
            "readOnlyRootFilesystem": false, "requiredDropCapabilities": [], "runAsGroup": null,
            "runtimeClass": null, "volumes": []}"#,
    ),
];

/// Writes absent fields out, in one of the ways that mean the same.
fn spell_out(mut manifest: Value, choices: &[Index]) -> Value {
    let mut choices = choices.iter().cycle();
    for (place, fields) in NEUTRAL {
        let object = manifest[place].as_object_mut().unwrap();
        for (field, neutral) in serde_json::from_str::<Map<String, Value>>(fields).unwrap() {
            match choices.next().unwrap().index(3) {
                0 => {}
                1 => _ = object.entry(field).or_insert(Value::Null),
                _ => _ = object.entry(field).or_insert(neutral),
            }
        }
    }
    manifest
}

/// Policies without a field spelled out that means the same when absent.
fn policies() -> impl Strategy<Value = upstream::PodSecurityPolicy> {
    (metadata(), spec()).prop_map(|(metadata, spec)| upstream::PodSecurityPolicy { metadata, spec: Some(spec) })
}

fn metadata() -> impl Strategy<Value = ObjectMeta> {
    let map = || of(proptest::collection::btree_map(text(), ".{0,3}", 1..3));
    (text(), of(text()), map(), map()).prop_map(|(name, generate_name, labels, annotations)| ObjectMeta {
        name: Some(name),
        generate_name,
        labels,
        annotations,
        ..ObjectMeta::default()
    })
}

/// Every field is named, so that a field which the generated types gain does not go untested.
fn spec() -> impl Strategy<Value = upstream::PodSecurityPolicySpec> {
    let flags = (yes(), yes(), yes(), yes(), yes());
    let escalation = (any::<Option<bool>>(), any::<Option<bool>>());
    let lists = (texts(), texts(), texts(), texts(), texts(), texts(), texts());
    (flags, escalation, lists, entries(), strategies()).prop_map(|(flags, escalation, lists, entries, strategies)| {
        let (host_ipc, host_network, host_pid, privileged, read_only_root_filesystem) = flags;
        let (allow_privilege_escalation, default_allow_privilege_escalation) = escalation;
        let (run_as_user, run_as_group, supplemental_groups, fs_group, se_linux, runtime_class) = strategies;
        let (allowed_csi_drivers, allowed_flex_volumes, allowed_host_paths, host_ports) = entries;
        upstream::PodSecurityPolicySpec {
            allow_privilege_escalation,
            allowed_csi_drivers,
            allowed_capabilities: lists.0,
            allowed_flex_volumes,
            allowed_host_paths,
            allowed_proc_mount_types: lists.1,
            allowed_unsafe_sysctls: lists.2,
            default_add_capabilities: lists.3,
            default_allow_privilege_escalation,
            forbidden_sysctls: lists.4,
            fs_group,
            host_ipc,
            host_network,
            host_pid,
            host_ports,
            privileged,
            read_only_root_filesystem,
            required_drop_capabilities: lists.5,
            run_as_group,
            run_as_user,
            runtime_class,
            se_linux,
            supplemental_groups,
            volumes: lists.6,
        }
    })
}

type Entries = (
    Option<Vec<upstream::AllowedCSIDriver>>,
    Option<Vec<upstream::AllowedFlexVolume>>,
    Option<Vec<upstream::AllowedHostPath>>,
    Option<Vec<upstream::HostPortRange>>,
);

fn entries() -> impl Strategy<Value = Entries> {
    let csi = text().prop_map(|name| upstream::AllowedCSIDriver { name });
    let flex = text().prop_map(|driver| upstream::AllowedFlexVolume { driver });
    let path = (text(), yes())
        .prop_map(|(path_prefix, read_only)| upstream::AllowedHostPath { path_prefix: Some(path_prefix), read_only });
    let port = any::<(i32, i32)>().prop_map(|(min, max)| upstream::HostPortRange { min, max });
    (few(csi), few(flex), few(path), few(port))
}

type Strategies = (
    upstream::RunAsUserStrategyOptions,
    Option<upstream::RunAsGroupStrategyOptions>,
    upstream::SupplementalGroupsStrategyOptions,
    upstream::FSGroupStrategyOptions,
    upstream::SELinuxStrategyOptions,
    Option<upstream::RuntimeClassStrategyOptions>,
);

fn strategies() -> impl Strategy<Value = Strategies> {
    let user = (text(), ranges()).prop_map(|(rule, ranges)| upstream::RunAsUserStrategyOptions { rule, ranges });
    let group = (text(), ranges()).prop_map(|(rule, ranges)| upstream::RunAsGroupStrategyOptions { rule, ranges });
    let supplemental = (text(), ranges())
        .prop_map(|(rule, ranges)| upstream::SupplementalGroupsStrategyOptions { rule: Some(rule), ranges });
    let fs =
        (text(), ranges()).prop_map(|(rule, ranges)| upstream::FSGroupStrategyOptions { rule: Some(rule), ranges });
    let runtime = (proptest::collection::vec(text(), 0..3), of(text())).prop_map(|(allowed, default)| {
        upstream::RuntimeClassStrategyOptions {
            allowed_runtime_class_names: allowed,
            default_runtime_class_name: default,
        }
    });
    (user, of(group), supplemental, fs, se_linux(), of(runtime))
}

fn se_linux() -> impl Strategy<Value = upstream::SELinuxStrategyOptions> {
    let options = (of(text()), of(text()), of(text()), of(text()));
    let options = options.prop_map(|(level, role, type_, user)| SELinuxOptions { level, role, type_, user });
    (text(), of(options))
        .prop_map(|(rule, se_linux_options)| upstream::SELinuxStrategyOptions { rule, se_linux_options })
}

/// An absent list, an empty one, or ranges: validation tells them apart.
fn ranges() -> impl Strategy<Value = Option<Vec<upstream::IDRange>>> {
    let range = any::<(i64, i64)>().prop_map(|(min, max)| upstream::IDRange { min, max });
    of(proptest::collection::vec(range, 0..3))
}

fn few<T: std::fmt::Debug>(entry: impl Strategy<Value = T>) -> impl Strategy<Value = Option<Vec<T>>> {
    of(proptest::collection::vec(entry, 1..3))
}

fn texts() -> impl Strategy<Value = Option<Vec<String>>> {
    few(text())
}

fn text() -> impl Strategy<Value = String> {
    ".{1,3}"
}

/// `false` is what an absent flag means.
fn yes() -> impl Strategy<Value = Option<bool>> {
    of(Just(true))
}
