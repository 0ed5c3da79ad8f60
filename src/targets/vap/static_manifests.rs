//! Admission control from files: policies that are in force before the API server serves, and that nobody can remove
//! through it.
//!
//! Source: KEP-5793, `k8s.io/apiserver/pkg/admission/plugin/policy/manifest/loader`. The API server reads one folder for
//! each plug-in, the folder's own files only, and refuses to start when it finds another kind there.

use serde_json::{Value, json};

use crate::targets::Emitted;

/// What every name must end with; through the API nobody can create such a name.
pub(super) const SUFFIX: &str = ".static.k8s.io";

/// Where the configuration looks for the folders, on every control-plane node.
const ROOT: &str = "/etc/kubernetes/psp-migrate";

/// The first minor version that reads policies from files, behind a feature gate.
pub const SINCE: u8 = 36;

/// The plug-ins: the kind of their policies, and the folder.
const PLUGINS: [(&str, &str); 2] =
    [("ValidatingAdmissionPolicy", "validating"), ("MutatingAdmissionPolicy", "mutating")];

/// Puts each document into its plug-in's folder, and adds the configuration that names the folders.
pub(super) fn place(documents: &mut Vec<Emitted>) {
    let mut plugins = Vec::new();
    for (plugin, folder) in PLUGINS {
        let own = documents.iter_mut().filter(|emitted| kind(&emitted.document).starts_with(plugin));
        let mut found = false;
        for emitted in own {
            emitted.file = format!("{folder}/{}", emitted.file);
            found = true;
        }
        if found {
            plugins.push(configuration(plugin, folder));
        }
    }
    let document = json!({
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AdmissionConfiguration",
        "plugins": plugins,
    });
    documents.push(Emitted { file: "admission-configuration.yaml".to_owned(), document });
}

fn configuration(plugin: &str, folder: &str) -> Value {
    json!({"name": plugin, "configuration": {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": format!("{plugin}Configuration"),
        "staticManifestsDir": format!("{ROOT}/{folder}"),
    }})
}

fn kind(document: &Value) -> &str {
    document.get("kind").and_then(Value::as_str).unwrap_or_default()
}

/// What the reader of the report must know.
pub(super) fn notes(target_minor: u8) -> Vec<String> {
    let mut notes = vec![format!(
        "policies from files: copy the folders to `{ROOT}` on every control-plane node and start each API server with \
         `--admission-control-config-file=admission-configuration.yaml`, its plug-ins joined with those of a configuration \
         that is already in use; policies are then in force from the first request on, and the API cannot remove them"
    )];
    if target_minor == SINCE {
        notes.push(format!("on a 1.{SINCE} server this needs the feature gate `ManifestBasedAdmissionControlConfig`"));
    }
    notes
}
