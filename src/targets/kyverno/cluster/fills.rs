//! What the chosen policy fills in, as JSON patches.

use serde_json::{Value, json};

use super::condition::{Condition, escaped, text};
use super::emit::{preconditions, rule};
use super::inherited::element_silent;
use super::print;
use crate::constraint::{Fill, Setting};
use crate::plan::PlannedPolicy;
use crate::pod_view::Field;
use crate::targets::cel_rules::profile_parts;

const LISTS: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];

/// The rules with which a policy fills in; `None` if something cannot be said.
pub(super) fn fill_rules(policy: &PlannedPolicy<'_>, name: &str, chosen: &Condition) -> Option<Vec<Value>> {
    let mut rules = Vec::new();
    let mut loops = Vec::new();
    for fill in policy.fills {
        match fill {
            Fill::CopySeccompToAnnotation => {}
            Fill::Capabilities { add, drop } => loops.extend(capabilities(add, drop)),
            Fill::SetIfAbsent { at, value, unless_set } => {
                let Some(value) = setting(*at, value) else { continue };
                match place_of_pod(*at) {
                    Some((context, key)) => {
                        let silent = print::pod_has(context, key).negated();
                        let path = context.trim_start_matches("request.object").replace('.', "/");
                        let patch = format!("[{}]", add_patch(&format!("{path}/{key}"), &literal(&value)));
                        let mutate = json!({"patchesJson6902": patch});
                        rules.extend(rule(&format!("{name}-{key}"), vec![chosen.clone(), silent], mutate));
                    }
                    None => {
                        let fields: Vec<Field> = [*at].into_iter().chain(*unless_set).collect();
                        let silent = element_silent(&fields)?;
                        let patch = |path: &str| add_patch(&format!("{path}/{}", container_key(*at)), &literal(&value));
                        loops.extend(for_containers(vec![silent], patch));
                    }
                }
            }
        }
    }
    if !loops.is_empty() {
        rules.extend(rule(&format!("{name}-containers"), vec![chosen.clone()], json!({"foreach": loops})));
    }
    Some(rules)
}

/// The context and the key of a field of the pod itself that can be filled in.
pub(super) fn place_of_pod(at: Field) -> Option<(&'static str, &'static str)> {
    const CONTEXT: &str = "request.object.spec.securityContext";
    Some(match at {
        Field::RuntimeClassName => ("request.object.spec", "runtimeClassName"),
        Field::FsGroup => (CONTEXT, "fsGroup"),
        Field::SupplementalGroups => (CONTEXT, "supplementalGroups"),
        Field::PodSeLinuxLevel => (CONTEXT, "seLinuxOptions"),
        Field::PodSeccomp => (CONTEXT, "seccompProfile"),
        _ => return None,
    })
}

fn container_key(at: Field) -> &'static str {
    match at {
        Field::RunAsUser => "runAsUser",
        Field::RunAsGroup => "runAsGroup",
        Field::RunAsNonRoot => "runAsNonRoot",
        Field::AppArmor => "appArmorProfile",
        Field::ReadOnlyRootFilesystem => "readOnlyRootFilesystem",
        _ => "allowPrivilegeEscalation",
    }
}

/// What is written for a field, if it has a place.
pub(super) fn setting(at: Field, value: &Setting) -> Option<Value> {
    Some(match (at, value) {
        (Field::PodSeccomp | Field::AppArmor, Setting::Text(text)) => {
            profile_parts(text)?.into_iter().map(|(key, text)| (key.to_owned(), json!(text))).collect()
        }
        (_, Setting::Text(text)) => json!(text),
        (_, Setting::Bool(value)) => json!(value),
        (_, Setting::Int(id)) => json!(id),
        (_, Setting::Ints(ids)) => json!(ids),
        (_, Setting::SeLinux(options)) => {
            let parts =
                [("user", &options.user), ("role", &options.role), ("type", &options.type_), ("level", &options.level)];
            let parts = parts.into_iter().filter(|(_, text)| !text.is_empty());
            parts.map(|(key, text)| (key.to_owned(), json!(text))).collect()
        }
    })
}

/// JSON in which no text means anything to Kyverno.
fn literal(value: &Value) -> String {
    match value {
        Value::String(text) => format!("\"{}\"", escaped(text)),
        Value::Array(items) => format!("[{}]", items.iter().map(literal).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(key, value)| format!("\"{}\": {}", escaped(key), literal(value)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// An operation; missing parents are made by Kyverno.
fn add_patch(path: &str, value: &str) -> String {
    format!(r#"{{"op": "add", "path": "{path}", "value": {value} }}"#)
}

/// A loop over each list of containers, for those of which the conditions hold.
fn for_containers(conditions: Vec<Condition>, patch: impl Fn(&str) -> String) -> Vec<Value> {
    let Some(preconditions) = preconditions(conditions) else {
        return Vec::new();
    };
    let loop_over = |list: &str| {
        let patch = patch(&format!("/spec/{list}/{{{{elementIndex}}}}/securityContext"));
        json!({
            "list": format!("request.object.spec.{list} || `[]`"),
            "preconditions": preconditions,
            "patchesJson6902": format!("[{patch}]"),
        })
    };
    LISTS.into_iter().map(loop_over).collect()
}

/// Both lists with what is filled in, sorted and without duplicates; a list that stays empty is not written.
fn capabilities(add: &[String], drop: &[String]) -> Vec<Value> {
    const CONTEXT: &str = "element.securityContext";
    let list = |key: &str| format!("({CONTEXT}.capabilities.{key} || `[]`)");
    let literal = |name: &String| format!("`[\"{}\"]`", escaped(name));
    let added =
        add.iter().map(|name| format!("(!contains({}, {}) && {} || `[]`)", list("drop"), text(name), literal(name)));
    let sorted = |key: &str, more: Vec<String>| {
        let all = format!("[{}][]", [list(key)].into_iter().chain(more).collect::<Vec<_>>().join(", "));
        format!("sort(keys(object_from_lists({all}, {all})))")
    };
    let (new_add, new_drop) = (sorted("add", added.collect()), sorted("drop", drop.iter().map(literal).collect()));
    let unsettled = print::capabilities_settled(CONTEXT, add, drop).negated();
    let empty = |list: &str| Condition::Of(format!("!{list}"));
    let (no_add, no_drop) = (empty(&new_add), empty(&new_drop));
    // What a text of the pod's says is not evaluated again: `{{-`.
    let written = |path: &str, key: &str, list: &str| {
        add_patch(&format!("{path}/capabilities/{key}"), &format!("{{{{- to_string({list}) }}}}"))
    };
    let both = |path: &str| format!("{}, {}", written(path, "add", &new_add), written(path, "drop", &new_drop));
    let cases = [
        for_containers(vec![unsettled.clone(), no_add.clone().negated(), no_drop.clone().negated()], both),
        for_containers(vec![unsettled.clone(), no_add.clone().negated(), no_drop.clone()], |path| {
            written(path, "add", &new_add)
        }),
        for_containers(vec![unsettled, no_add, no_drop.negated()], |path| written(path, "drop", &new_drop)),
    ];
    cases.concat()
}
