//! API validation of PodSecurityPolicy objects, message for message: a policy with errors was never stored and takes no
//! part in admission.
//!
//! Source: `pkg/apis/policy/validation/validation.go` of Kubernetes 1.24 and what it calls; the texts that differed in
//! earlier releases follow the release. From 1.16 to 1.24 these are the only differences:
//!
//! * volume type `ephemeral`: from 1.19;
//! * `a DNS-1123 subdomain must …` instead of `a lowercase RFC 1123 subdomain must …`: to 1.19;
//! * `must have at most N characters` instead of `… bytes`: in 1.16.
//!
//! Host ports, names of capabilities, repeated volume types and the content of `seLinuxOptions` are not validated.

mod annotations;
mod identities;
mod metadata;
mod names;
mod privileges;
mod runtime_class;
mod sysctls;
#[cfg(test)]
mod testing;
mod volumes;

use super::PodSecurityPolicy;
use crate::field_error::{FieldError, go_quote};
use crate::release::Release;

/// How many errors are reported where upstream's grow with the product of two lengths (each repeats a whole annotation,
/// or stands for a pair of entries). Upstream has no such limit.
const ENOUGH: usize = 100;

/// What the API server says when the policy is created, in its order; empty if the server accepts it.
///
/// Expects the policy as the registry is about to store it: [`PodSecurityPolicy::stored`].
pub fn validate(policy: &PodSecurityPolicy, release: &Release) -> Vec<FieldError> {
    let spec = &policy.spec;
    [
        metadata::errors(&policy.metadata, release),
        annotations::errors(policy),
        identities::errors(spec),
        volumes::type_errors(spec, release),
        privileges::errors(spec),
        volumes::source_errors(spec, release),
        sysctls::errors(spec),
        runtime_class::errors(spec, release),
    ]
    .concat()
}

/// One `Invalid value` per message about a text.
fn invalid_text(field: &str, text: &str, messages: Vec<String>) -> impl Iterator<Item = FieldError> {
    let errors = messages.into_iter();
    errors.map(move |message| FieldError::invalid(field, go_quote(text), message))
}

/// `Too long`, in the release's words.
fn too_long(field: &str, limit: usize, release: &Release) -> FieldError {
    let mut error = FieldError::too_long(field, limit);
    if release.minor == 16 {
        error.detail = format!("must have at most {limit} characters").into();
    }
    error
}

/// Go's `%#v` of a slice of strings.
fn print_texts(element: &str, texts: &[String]) -> String {
    let quoted: Vec<String> = texts.iter().map(|text| go_quote(text)).collect();
    format!("[]{element}{{{}}}", quoted.join(", "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::testing::policy;
    use super::*;

    /// The causes that an API server 1.24.17 listed for a policy with every kind of fault.
    #[test]
    fn errors_come_in_the_order_of_the_server() {
        let metadata = json!({"name": "A", "labels": {"-": ""}, "annotations": {
            "seccomp.security.alpha.kubernetes.io/allowedProfileNames": "x",
            "seccomp.security.alpha.kubernetes.io/defaultProfileName": "x",
            "apparmor.security.beta.kubernetes.io/allowedProfileNames": "x",
            "apparmor.security.beta.kubernetes.io/defaultProfileName": "x"}});
        let bad = json!({"ranges": [{"min": 1}]});
        let spec = json!({"runAsUser": bad, "runAsGroup": {}, "seLinux": {}, "supplementalGroups": bad, "fsGroup": {},
            "volumes": ["x"], "requiredDropCapabilities": ["a"], "allowedCapabilities": ["*", "a"],
            "defaultAddCapabilities": ["a"], "defaultAllowPrivilegeEscalation": true, "allowPrivilegeEscalation": false,
            "allowedProcMountTypes": ["x"], "allowedHostPaths": [{"pathPrefix": ".."}], "allowedFlexVolumes": [{}],
            "allowedCSIDrivers": [{}], "allowedUnsafeSysctls": ["*", "A"], "forbiddenSysctls": ["", "*"],
            "runtimeClass": {"allowedRuntimeClassNames": ["*", "*", "A"], "defaultRuntimeClassName": "A"}});
        let release = Release::default();
        let errors = validate(&policy(metadata, spec).stored(&release), &release);
        let fields: Vec<&str> = errors.iter().map(|error| error.field.as_str()).collect();
        let recorded = [
            "metadata.name",
            "metadata.labels",
            "metadata.annotations[apparmor.security.beta.kubernetes.io/defaultProfileName]",
            "metadata.annotations[apparmor.security.beta.kubernetes.io/allowedProfileNames]",
            "metadata.annotations[seccomp.security.alpha.kubernetes.io/defaultProfileName]",
            "metadata.annotations[seccomp.security.alpha.kubernetes.io/allowedProfileNames]",
            "spec.runAsUser.rule",
            "spec.runAsUser.ranges[0].min",
            "spec.runAsGroup.rule",
            "spec.seLinux.rule",
            "spec.supplementalGroups.rule",
            "spec.supplementalGroups.ranges[0].min",
            "spec.fsGroup.rule",
            "spec.volumes",
            "requiredDropCapabilities",
            "defaultAddCapabilities",
            "allowedCapabilities",
            "spec.defaultAllowPrivilegeEscalation",
            "spec.allowedHostPaths[0]",
            "spec.allowedFlexVolumes.allowedFlexVolumes[0].driver",
            "spec.allowedCSIDrivers.allowedCSIDriver[0].name",
            "spec.allowedCSIDrivers.allowedCSIDriver[0].name",
            "spec.allowedUnsafeSysctls[1]",
            "spec.allowedUnsafeSysctls.items",
            "spec.forbiddenSysctls[0]",
            "spec.forbiddenSysctls.items",
            "spec.forbiddenSysctls[0]",
            "spec.allowedUnsafeSysctls[0]",
            "spec.allowedUnsafeSysctls[1]",
            "spec.runtimeClass.allowedRuntimeClassNames[1]",
            "spec.runtimeClass.allowedRuntimeClassNames[2]",
            "spec.runtimeClass.defaultRuntimeClassName",
            "spec.runtimeClass.allowedRuntimeClassNames",
        ];
        assert_eq!(fields, recorded);
    }
}
