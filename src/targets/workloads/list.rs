//! Who relies on what: for people, and for programs.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::patch::Patch;
use super::reliance::SeccompForm;
use super::{Reliances, Relying, Survey, label};
use crate::changes::{Change, changes};
use crate::report::text::escaped;
use crate::schema::Segment;
use crate::targets::EmittedText;

/// What the reader must know about the patches.
pub(super) fn notes(survey: &Survey<'_>) -> Vec<String> {
    let mut notes = vec![summary(survey)];
    let forms: BTreeSet<SeccompForm> = survey.relying.iter().filter_map(|relying| relying.written_seccomp()).collect();
    notes.extend(forms.into_iter().map(|form| seccomp_note(form).to_owned()));
    if survey.relying.iter().any(Relying::writes_app_armor) {
        notes.push(
            "default AppArmor profiles are written as annotations: the old server knows nothing else, and a server since \
             1.30 carries them over into the field"
                .to_owned(),
        );
    }
    let is_pod = |relying: &&Relying<'_>| relying.reliance.request.owner.is_none();
    let pods = survey.relying.iter().filter(is_pod).count();
    if pods > 0 {
        notes.push(format!(
            "{} no controller: patched with what somebody gets whom no binding names, and a running one cannot be \
             patched but only created anew",
            if pods == 1 { "1 pod has".to_owned() } else { format!("{pods} pods have") }
        ));
    }
    notes.push(
        "only what stands in the input is patched: a workload that comes later must hold the values itself, or is refused \
         by an engine that only validates"
            .to_owned(),
    );
    notes
}

/// The one line that tells the outcome.
pub(super) fn summary(survey: &Survey<'_>) -> String {
    let Reliances { relying, all, .. } = survey.reliances();
    let mut text = format!(
        "{relying} of {all} pods and workloads {} on values that policies fill in",
        if relying == 1 { "relies" } else { "rely" }
    );
    if survey.made > 0 {
        text += &format!("; {} more were made by controllers from one of these, which is patched instead", survey.made);
    }
    text
}

fn seccomp_note(form: SeccompForm) -> &'static str {
    match form {
        SeccompForm::Field => {
            "default seccomp profiles are written as `seccompProfile`, which every server since 1.19 knows; up to 1.26 the \
             server repeats it in the pod's annotation by itself"
        }
        SeccompForm::Both => {
            "some default seccomp profiles are written as field and as annotation, because another policy would fill the \
             pod in as long as the annotation is missing; the annotation may go once the old server is gone"
        }
        SeccompForm::Annotation => {
            "some default seccomp profiles are written as annotations, because the old server has no field for them or the \
             profile has no spelling as one; a server since 1.27 ignores the annotation"
        }
    }
}

impl Relying<'_> {
    /// The single values that are written.
    pub(super) fn values(&self) -> Vec<Change> {
        let changes = changes(&self.reliance.object.value, &self.reliance.patched);
        changes.iter().flat_map(Change::leaves).collect()
    }

    fn written_seccomp(&self) -> Option<SeccompForm> {
        let writes = |word: &str| self.values().iter().any(|change| change.path.to_string().contains(word));
        (writes("seccomp")).then_some(self.reliance.seccomp)
    }

    fn writes_app_armor(&self) -> bool {
        self.values().iter().any(|change| change.path.to_string().contains("container.apparmor"))
    }

    /// The path of a change with the containers by their names: `spec.containers[web].securityContext.runAsUser`.
    fn shown_path(&self, change: &Change) -> String {
        let mut at = Some(&self.reliance.object.value);
        let mut text = String::new();
        for segment in &change.path.0 {
            let next = crate::changes::value_at(at.unwrap_or(&Value::Null), std::slice::from_ref(segment));
            match segment {
                Segment::Index(index) => {
                    let name = next.and_then(|element| element.get("name")).and_then(Value::as_str);
                    text += &name.map_or_else(|| format!("[{index}]"), |name| format!("[{name}]"));
                }
                Segment::Field(name) | Segment::Key(name) if name.contains(['.', '/']) => text += &format!("[{name}]"),
                Segment::Field(name) | Segment::Key(name) if text.is_empty() => text += name,
                Segment::Field(name) | Segment::Key(name) => text += &format!(".{name}"),
            }
            at = next;
        }
        text
    }
}

/// `reliance.md`
pub(super) fn markdown(survey: &Survey<'_>) -> EmittedText {
    let mut out = format!("# Who relies on what\n\n{}.\n", summary(survey));
    if !survey.relying.is_empty() {
        out += "\n| workload | field | value | policy |\n|---|---|---|---|\n";
        for relying in &survey.relying {
            for change in relying.values() {
                let cells = [
                    label(&relying.reliance.object.value),
                    relying.shown_path(&change),
                    value_text(&change),
                    relying.reliance.policy.clone(),
                ];
                out += &format!("| {} |\n", cells.map(|cell| escaped(&cell)).join(" | "));
            }
        }
    }
    out +=
        &section("Not admitted", "PodSecurityPolicy refuses these; there is nothing to fill in.", &survey.not_admitted);
    let unproven: Vec<_> =
        survey.not_provable.iter().map(|(object, policy)| (*object, format!("relies on `{policy}`"))).collect();
    out += &section(
        "Without a patch",
        "With the values written into them the policies decide otherwise: look at these by hand.",
        &unproven,
    );
    out += "\n## To know\n\n";
    notes(survey).iter().skip(1).for_each(|note| out += &format!("* {}\n", escaped(note)));
    EmittedText { file: "reliance.md".to_owned(), text: out }
}

fn value_text(change: &Change) -> String {
    match &change.before {
        Some(before) if !before.is_null() => format!("{} (was {before})", change.value),
        _ => change.value.to_string(),
    }
}

fn section(title: &str, words: &str, objects: &[(&crate::input::Sourced<Value>, String)]) -> String {
    if objects.is_empty() {
        return String::new();
    }
    let mut out = format!("\n## {title}\n\n{words}\n\n| workload | where | why |\n|---|---|---|\n");
    for (object, why) in objects {
        let cells = [label(&object.value), object.source.to_string(), why.clone()];
        out += &format!("| {} |\n", cells.map(|cell| escaped(&cell)).join(" | "));
    }
    out
}

/// `reliance.json`
pub(super) fn json(survey: &Survey<'_>) -> EmittedText {
    let value = |relying: &Relying<'_>, change: &Change| json!({"field": relying.shown_path(change), "value": change.value, "before": change.before});
    let workload = |relying: &Relying<'_>| {
        let reliance = &relying.reliance;
        json!({
            "workload": label(&reliance.object.value),
            "namespace": reliance.request.namespace,
            "source": reliance.object.source.to_string(),
            "serviceAccount": reliance.request.pod.pointer("/spec/serviceAccountName"),
            "requester": reliance.request.requester.user,
            "policy": reliance.policy,
            "values": relying.values().iter().map(|change| value(relying, change)).collect::<Vec<_>>(),
            "patch": relying.patch.as_ref().map(|(file, patch)| match patch {
                Patch::Strategic(_) => file.as_str(),
                Patch::Json(_) => "kustomization.yaml",
            }),
        })
    };
    let other = |(object, why): &(&crate::input::Sourced<Value>, String), key: &str| json!({"workload": label(&object.value), "source": object.source.to_string(), key: why});
    let all = json!({
        "relying": survey.relying.iter().map(workload).collect::<Vec<_>>(),
        "withoutPatch": survey.not_provable.iter().map(|it| other(it, "policy")).collect::<Vec<_>>(),
        "notAdmitted": survey.not_admitted.iter().map(|it| other(it, "message")).collect::<Vec<_>>(),
        "untouched": survey.untouched,
        "madeByControllers": survey.made,
    });
    EmittedText { file: "reliance.json".to_owned(), text: format!("{all:#}\n") }
}
