//! The patches as lines of a POSIX shell, for workloads that run.

use serde_json::Value;

use super::patch::Patch;
use super::{Relying, Survey, identity, label};
use crate::shell::{one_line, quoted};
use crate::targets::EmittedText;

const HEAD: &str = "\
#!/bin/sh
# Writes into running workloads what they rely on. First try it with: sh patch.sh --dry-run=server
# Controllers then replace the pods, step by step. Where a chart or a repository owns the manifests, change those instead.
set -eu
cd \"$(dirname \"$0\")\"
";

/// `patch.sh`
pub(super) fn script(survey: &Survey<'_>) -> EmittedText {
    let mut text = HEAD.to_owned();
    for relying in &survey.relying {
        let object = &relying.reliance.object.value;
        let count = relying.values().len();
        let values = if count == 1 { "1 value".to_owned() } else { format!("{count} values") };
        text += &format!("\n# {}: {values}, see reliance.md\n", one_line(&label(object)));
        text += &match (&relying.patch, why_not(object)) {
            (None, _) => "# It has no name: change its manifest.\n".to_owned(),
            (Some(_), Some(why)) => format!("# {why}\n"),
            (Some((file, patch)), None) => command(relying, object, file, patch),
        };
    }
    EmittedText { file: "patch.sh".to_owned(), text }
}

/// Why a stored object of this kind cannot be patched.
fn why_not(object: &Value) -> Option<&'static str> {
    match identity(object).0 {
        "Pod" => Some("A running pod cannot be changed: create it anew from its manifest."),
        "Job" => Some("A job's template cannot be changed: create it anew from its manifest."),
        _ => None,
    }
}

fn command(relying: &Relying<'_>, object: &Value, file: &str, patch: &Patch) -> String {
    let (kind, _, name) = identity(object);
    let patch = match patch {
        Patch::Strategic(_) => format!("--type=strategic --patch-file={}", quoted(file)),
        Patch::Json(operations) => format!("--type=json --patch={}", quoted(&operations.to_string())),
    };
    let namespace = quoted(&relying.reliance.request.namespace);
    format!("kubectl patch \"$@\" --namespace={namespace} {} {} {patch}\n", kind.to_ascii_lowercase(), quoted(name))
}
