//! Mutations of labels and of the configuration.

use serde_json::{Value, json};

use super::documents::{replaced, set};
use super::{Mutant, Original};

/// Levels, versions and the names of labels, and the cluster's default.
pub fn labels(original: &Original) -> Vec<Mutant> {
    let documents = &original.documents;
    let label = |name: &str| format!("/metadata/labels/pod-security.kubernetes.io~1{name}");
    let labelled =
        |what: &str, name: &str, value: Value| original.mutant(what, set(documents, "Namespace", &label(name), &value));
    let default = |what: &str, key: &str, value: &str| {
        let pointer = format!("/plugins/0/configuration/defaults/{key}");
        original.mutant(what, set(documents, "AdmissionConfiguration", &pointer, &json!(value)))
    };
    let mut misspelled = set(documents, "Namespace", &label("enforce"), &Value::Null);
    misspelled = set(&misspelled, "Namespace", &label("enforced"), &json!("baseline"));
    let mut warned = set(documents, "Namespace", &label("enforce"), &json!("privileged"));
    warned = set(&warned, "Namespace", &label("warn"), &json!("restricted"));
    vec![
        labelled("a level too loose", "enforce", json!("privileged")),
        labelled("a level too strict", "enforce", json!("restricted")),
        labelled("no level", "enforce", Value::Null),
        labelled("a level that there is none of", "enforce", json!("Baseline")),
        labelled("an old version", "enforce-version", json!("v1.0")),
        labelled("a version that there is none of", "enforce-version", json!("1.30")),
        original.mutant("the label misspelled", misspelled),
        original.mutant("the level is only warned of", warned),
        original.mutant("another namespace is labelled", replaced(documents, "Namespace", "team", "other")),
        default("a default too loose", "enforce", "privileged"),
    ]
}
