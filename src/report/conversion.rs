//! What `convert` wrote: `report.md` for people, `report.json` for programs.

use serde_json::{Value, json};

use crate::cluster::{Cluster, PolicyState};
use crate::report::text::{escaped, fenced};
use crate::targets::{Emission, Gap};
use crate::yaml::to_yaml;

/// The report as Markdown.
pub fn markdown(cluster: &Cluster, emissions: &[(&str, Emission)]) -> String {
    let used = cluster.plugin().policies().len();
    let mut out = format!(
        "# Moving off PodSecurityPolicy\n\n{used} of {} policies take part. What was written for each target, what it cannot \
         say, and what to know before applying it.\n",
        cluster.policies().len()
    );
    out.push_str("\n| policy | takes part |\n|---|---|\n");
    for known in cluster.policies() {
        out.push_str(&format!("| {} | {} |\n", escaped(known.name()), escaped(&state(&known.state))));
    }
    for (target, emission) in emissions {
        out.push_str(&section(target, emission));
    }
    out.push_str(&format!(
        "\n## Next\n\nHold the policies against PodSecurityPolicy before applying them:\n\n```sh\npsp-migrate verify MANIFESTS \
         --pods SAMPLES --against OUT --to {}\n```\n",
        emissions.iter().map(|(target, _)| *target).collect::<Vec<_>>().join(",")
    ));
    out
}

fn state(state: &PolicyState) -> String {
    match state {
        PolicyState::Used => "yes".to_owned(),
        PolicyState::Dropped(why) => format!("no: the plug-in passes over it ({why})"),
        PolicyState::Invalid(errors) => {
            let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
            format!("no: the API server refuses it ({})", texts.join("; "))
        }
    }
}

fn section(target: &str, emission: &Emission) -> String {
    let mut out = format!("\n## {target}\n\n");
    let mut files: Vec<&str> = emission.documents.iter().map(|document| document.file.as_str()).collect();
    files.extend(emission.texts.iter().map(|text| text.file.as_str()));
    files.dedup();
    for file in files {
        out.push_str(&format!("* `{}`\n", file.replace('`', "'")));
    }
    for note in &emission.notes {
        out.push_str(&format!("\n{}\n", escaped(note)));
    }
    if emission.gaps.is_empty() {
        out.push_str("\nThere is nothing that this target cannot say.\n");
    }
    emission.gaps.iter().for_each(|gap| out.push_str(&gap_text(gap)));
    out
}

fn gap_text(gap: &Gap) -> String {
    let mut out = format!("\n### Gap: {}\n\n{}\n", gap.code, escaped(&gap.message));
    if let Some(pod) = &gap.witness {
        out.push_str("\nA pod that shows it:\n");
        out.push_str(&fenced(&to_yaml(pod).unwrap_or_default()));
    }
    out
}

/// The report as one object.
pub fn json(cluster: &Cluster, emissions: &[(&str, Emission)]) -> Value {
    let policy = |known: &crate::cluster::KnownPolicy| json!({"name": known.name(), "used": known.state == PolicyState::Used, "state": state(&known.state)});
    let gap = |gap: &Gap| json!({"code": gap.code, "policy": gap.policy, "control": gap.control, "message": gap.message, "witness": gap.witness});
    let target = |(target, emission): &(&str, Emission)| {
        json!({
            "target": target,
            "files": emission.documents.iter().map(|document| document.file.as_str()).collect::<std::collections::BTreeSet<_>>(),
            "notes": emission.notes,
            "gaps": emission.gaps.iter().map(gap).collect::<Vec<_>>(),
        })
    };
    json!({
        "policies": cluster.policies().iter().map(policy).collect::<Vec<_>>(),
        "targets": emissions.iter().map(target).collect::<Vec<_>>(),
    })
}
