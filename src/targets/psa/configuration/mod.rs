//! The plug-in's configuration file: `PodSecurityConfiguration`, alone or inside an `AdmissionConfiguration`.
//!
//! Source: `k8s.io/pod-security-admission/admission/api` (three versions of one shape) and `k8s.io/apiserver`'s admission
//! configuration. Reading is strict: an unknown field or a value of the wrong type is an error, as it is for the API
//! server. Fields given twice are the YAML reader's to refuse. A path to another file is never followed.

mod read;
mod validate;

use serde_json::{Map, Value, json};

use super::admission::{Admission, Exemptions};
use super::labels::Policy;
use crate::field_error::FieldError;
use read::{Fields, absent};

const GROUP: &str = "pod-security.admission.config.k8s.io";
const VERSIONS: [&str; 3] = ["v1", "v1beta1", "v1alpha1"];
const SERVER_VERSIONS: [&str; 3] =
    ["apiserver.config.k8s.io/v1", "apiserver.config.k8s.io/v1alpha1", "apiserver.k8s.io/v1alpha1"];

/// Why a configuration cannot be used; the API server would not start with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigurationError {
    /// The document is of another kind or of an unknown version.
    #[error("`{api_version}` `{kind}` is no PodSecurity configuration; give a PodSecurityConfiguration of {GROUP}/v1")]
    UnknownDocument {
        /// Its `apiVersion`.
        api_version: String,
        /// Its `kind`.
        kind: String,
    },
    /// A field that the document's kind does not have.
    #[error("unknown field `{0}`; remove it or correct its name")]
    UnknownField(String),
    /// A value of the wrong JSON type.
    #[error("`{field}` must be {expected}")]
    WrongType {
        /// Where it is.
        field: String,
        /// What should be there.
        expected: &'static str,
    },
    /// The plug-in's configuration is in another file.
    #[error("the configuration of PodSecurity is in the file `{0}`; give that file instead")]
    Elsewhere(String),
    /// Values that the API server refuses, with its messages.
    #[error("{}", super::labels::aggregate(.0))]
    Invalid(Vec<FieldError>),
}

impl Admission {
    /// Reads a configuration document; null stands for an empty file, which leaves everything at its default.
    ///
    /// # Errors
    ///
    /// When an API server would not start with it, or when it only points to another file.
    pub fn from_configuration(document: &Value) -> Result<Self, ConfigurationError> {
        if document.is_null() {
            return Ok(Self::default());
        }
        let fields = Fields::of(document, "")?;
        let (api_version, kind) = (fields.string("apiVersion")?, fields.string("kind")?);
        let version = api_version.strip_prefix(GROUP).and_then(|rest| rest.strip_prefix('/'));
        match kind {
            "PodSecurityConfiguration" if version.is_some_and(|version| VERSIONS.contains(&version)) => {
                pod_security(&fields)
            }
            "AdmissionConfiguration" if SERVER_VERSIONS.contains(&api_version) => plug_in(&fields),
            _ => Err(ConfigurationError::UnknownDocument {
                api_version: api_version.to_string(),
                kind: kind.to_string(),
            }),
        }
    }

    /// The `PodSecurityConfiguration` (v1) that says the same. The server's version is not part of it.
    pub fn configuration(&self) -> Value {
        let Policy { enforce, audit, warn } = self.defaults;
        let lists = [
            ("usernames", &self.exemptions.usernames),
            ("runtimeClasses", &self.exemptions.runtime_classes),
            ("namespaces", &self.exemptions.namespaces),
        ];
        let exemptions: Map<String, Value> =
            lists.into_iter().map(|(key, list)| (key.to_string(), list.clone().into())).collect();
        json!({
            "apiVersion": format!("{GROUP}/v1"),
            "kind": "PodSecurityConfiguration",
            "defaults": {
                "enforce": enforce.level.as_str(),
                "enforce-version": enforce.version.to_string(),
                "audit": audit.level.as_str(),
                "audit-version": audit.version.to_string(),
                "warn": warn.level.as_str(),
                "warn-version": warn.version.to_string(),
            },
            "exemptions": exemptions,
        })
    }

    /// The `AdmissionConfiguration` that holds [`Self::configuration`]: the file that `--admission-control-config-file`
    /// names.
    pub fn admission_configuration(&self) -> Value {
        json!({
            "apiVersion": "apiserver.config.k8s.io/v1",
            "kind": "AdmissionConfiguration",
            "plugins": [{"name": "PodSecurity", "configuration": self.configuration()}],
        })
    }
}

/// The first plug-in of that name counts, and what it holds comes before the file that it names.
fn plug_in(document: &Fields<'_>) -> Result<Admission, ConfigurationError> {
    document.only(&["apiVersion", "kind", "plugins"])?;
    let mut found = None;
    for plug_in in document.objects("plugins")? {
        plug_in.only(&["name", "path", "configuration"])?;
        let path = plug_in.string("path")?;
        if plug_in.string("name")? == "PodSecurity" && found.is_none() {
            found = Some((plug_in.get("configuration"), path));
        }
    }
    match found {
        Some((Some(configuration), _)) => {
            let fields = Fields::of(configuration, "")?;
            match fields.string("kind")? {
                "AdmissionConfiguration" => Err(ConfigurationError::UnknownDocument {
                    api_version: fields.string("apiVersion")?.to_string(),
                    kind: "AdmissionConfiguration".to_string(),
                }),
                _ => Admission::from_configuration(configuration),
            }
        }
        Some((None, path)) if !path.is_empty() => Err(ConfigurationError::Elsewhere(path.to_string())),
        _ => Ok(Admission::default()),
    }
}

fn pod_security(document: &Fields<'_>) -> Result<Admission, ConfigurationError> {
    document.only(&["apiVersion", "kind", "defaults", "exemptions"])?;
    let defaults = Fields::of(document.get("defaults").unwrap_or(absent()), "defaults")?;
    defaults.only(&["enforce", "enforce-version", "audit", "audit-version", "warn", "warn-version"])?;
    let exemptions = Fields::of(document.get("exemptions").unwrap_or(absent()), "exemptions")?;
    exemptions.only(&["usernames", "runtimeClasses", "namespaces"])?;
    let mut errors = Vec::new();
    // In the order in which the API server complains.
    let enforce = validate::mode(&defaults, ["enforce", "enforce-version"], &mut errors)?;
    let warn = validate::mode(&defaults, ["warn", "warn-version"], &mut errors)?;
    let audit = validate::mode(&defaults, ["audit", "audit-version"], &mut errors)?;
    let namespaces = validate::list(&exemptions, "namespaces", validate::namespace, &mut errors)?;
    let runtime_classes = validate::list(&exemptions, "runtimeClasses", validate::runtime_class, &mut errors)?;
    let usernames = validate::list(&exemptions, "usernames", validate::username, &mut errors)?;
    if !errors.is_empty() {
        return Err(ConfigurationError::Invalid(errors));
    }
    Ok(Admission {
        defaults: Policy { enforce, audit, warn },
        exemptions: Exemptions { usernames, runtime_classes, namespaces },
        server: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(version: &str, rest: Value) -> Result<Admission, String> {
        let mut document = json!({"apiVersion": format!("{GROUP}/{version}"), "kind": "PodSecurityConfiguration"});
        let rest = rest.as_object().unwrap().clone();
        document.as_object_mut().unwrap().extend(rest);
        Admission::from_configuration(&document).map_err(|error| error.to_string())
    }

    #[test]
    fn missing_and_empty_defaults_are_privileged_latest() {
        for version in VERSIONS {
            let admission =
                read(version, json!({"defaults": {"enforce": "baseline", "warn": "", "audit": null}})).unwrap();
            assert_eq!(admission.defaults.enforce.to_string(), "baseline:latest");
            assert_eq!(admission.defaults.warn.to_string(), "privileged:latest");
            assert_eq!(admission.defaults.audit.to_string(), "privileged:latest");
        }
        assert_eq!(Admission::from_configuration(&Value::Null), Ok(Admission::default()));
    }

    #[test]
    fn what_is_printed_reads_back() {
        let exemptions = json!({"usernames": ["u"], "runtimeClasses": ["r.x"], "namespaces": ["n"]});
        let admission = read("v1", json!({"defaults": {"warn-version": "v1.25"}, "exemptions": exemptions})).unwrap();
        assert_eq!(Admission::from_configuration(&admission.configuration()), Ok(admission.clone()));
        assert_eq!(Admission::from_configuration(&admission.admission_configuration()), Ok(admission));
    }

    #[test]
    fn unknown_fields_and_types_are_errors() {
        let unknown = read("v1", json!({"defaults": {"enforced": "x"}}));
        assert_eq!(unknown.unwrap_err(), "unknown field `defaults.enforced`; remove it or correct its name");
        let wrong = read("v1", json!({"exemptions": {"usernames": "u"}}));
        assert_eq!(wrong.unwrap_err(), "`exemptions.usernames` must be a list");
        let wrong = read("v1", json!({"exemptions": {"usernames": [1]}}));
        assert_eq!(wrong.unwrap_err(), "`exemptions.usernames[0]` must be a string");
        assert!(read("v99", json!({})).unwrap_err().contains("config.k8s.io/v99"));
    }

    #[test]
    fn invalid_values_are_the_api_servers_errors() {
        let text = read(
            "v1",
            json!({"defaults": {"enforce": "x", "warn-version": "1.25"}, "exemptions": {
                "namespaces": ["a", "a.b", "a"], "runtimeClasses": ["A"], "usernames": [""],
            }}),
        );
        assert_eq!(
            text.unwrap_err(),
            "[defaults.enforce: Invalid value: \"x\": must be one of privileged, baseline, restricted, \
             defaults.warn-version: Invalid value: \"1.25\": must be \"latest\" or \"v1.x\", \
             exemptions.namespaces[1]: Invalid value: \"a.b\": must not contain dots, \
             exemptions.namespaces[2]: Duplicate value: \"a\", \
             exemptions.runtimeClasses[0]: Invalid value: \"A\": a lowercase RFC 1123 subdomain must consist of lower case \
             alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. \
             'example.com', regex used for validation is \
             '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*'), \
             exemptions.usernames[0]: Invalid value: \"\": username must not be empty]"
        );
    }

    #[test]
    fn a_path_elsewhere_is_not_followed() {
        let document = |plug_in: Value| json!({"apiVersion": "apiserver.config.k8s.io/v1", "kind": "AdmissionConfiguration", "plugins": [plug_in]});
        let elsewhere = document(json!({"name": "PodSecurity", "path": "psa.yaml"}));
        let error = ConfigurationError::Elsewhere("psa.yaml".into());
        assert_eq!(Admission::from_configuration(&elsewhere), Err(error));
        let other = document(json!({"name": "ImagePolicyWebhook", "path": "x"}));
        assert_eq!(Admission::from_configuration(&other), Ok(Admission::default()));
        let nested = document(json!({"name": "PodSecurity", "configuration": other}));
        assert!(Admission::from_configuration(&nested).is_err());
    }
}
