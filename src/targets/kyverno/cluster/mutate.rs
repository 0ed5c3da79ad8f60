//! What a rule that mutates makes of a pod.
//!
//! Source: `pkg/engine/handlers/mutation/common.go`, `pkg/engine/mutate/mutation.go`. The loops of a rule run in order, each on
//! what the one before left; within a loop the request shows the pod as it was before the loop.

use serde_json::{Value as Json, json};

use super::patch;
use super::preconditions::Preconditions;
use super::query::{Problem, Query, parse};
use super::substitute::{Template, Variables};

/// A JSON patch, or one for each element of lists.
#[derive(Debug)]
pub(super) enum Mutation {
    /// `patchesJson6902`
    Patch(Template),
    /// `foreach`
    Loops(Vec<Loop>),
}

/// One loop.
#[derive(Debug)]
pub(super) struct Loop {
    list: Query,
    preconditions: Preconditions,
    patch: Template,
}

const LOOP: [&str; 3] = ["list", "preconditions", "patchesJson6902"];

impl Mutation {
    /// Reads `mutate`; where something is not understood, its place and why.
    pub(super) fn read(mutate: &Json, path: &str) -> Result<Self, (String, String)> {
        let fields = mutate.as_object().into_iter().flatten().map(|(key, value)| (key.as_str(), value));
        match fields.collect::<Vec<_>>().as_slice() {
            [("patchesJson6902", Json::String(text))] => {
                let at = |why| (format!("{path}.patchesJson6902"), why);
                Ok(Self::Patch(read_patch(text).map_err(at)?))
            }
            [("foreach", Json::Array(loops))] => {
                let read = |(index, it)| Loop::read(it, &format!("{path}.foreach[{index}]"));
                Ok(Self::Loops(loops.iter().enumerate().map(read).collect::<Result<_, _>>()?))
            }
            other => {
                let names: Vec<&str> = other.iter().map(|(key, _)| *key).collect();
                Err((path.to_owned(), format!("`{}` cannot be evaluated here", names.join("`, `"))))
            }
        }
    }

    /// The pod after it. `variables` then show that pod.
    pub(super) fn apply(&self, pod: &Json, variables: &mut Variables) -> Result<Json, Problem> {
        match self {
            Self::Patch(patch) => patched(pod, patch, variables),
            Self::Loops(loops) => {
                let mut pod = pod.clone();
                for each in loops {
                    let changed = each.apply(&pod, variables)?;
                    if changed != pod {
                        show(variables, &changed);
                        pod = changed;
                    }
                }
                Ok(pod)
            }
        }
    }
}

/// The text of a patch. Kyverno reads it as YAML before it takes it for JSON, and refuses the policy where YAML has no such
/// escape.
fn read_patch(text: &str) -> Result<Template, String> {
    let halves = text.match_indices("\\u").filter_map(|(at, _)| text.get(at + 2..at + 4));
    let is_half = |start: &str| u8::from_str_radix(start, 16).is_ok_and(|byte| (0xd8..=0xdf).contains(&byte));
    if halves.into_iter().any(is_half) {
        return Err("Kyverno refuses the escape of half a character: write the character itself".to_owned());
    }
    Template::read(text)
}

impl Loop {
    fn read(each: &Json, path: &str) -> Result<Self, (String, String)> {
        if let Some((key, _)) = each.as_object().into_iter().flatten().find(|(key, _)| !LOOP.contains(&key.as_str())) {
            return Err((format!("{path}.{key}"), "this cannot be evaluated here".to_owned()));
        }
        let text = |key: &str| each.get(key).and_then(Json::as_str).unwrap_or_default();
        Ok(Self {
            list: parse(text("list")).map_err(|why| (format!("{path}.list"), why))?,
            preconditions: Preconditions::read(each.get("preconditions"), &format!("{path}.preconditions"))?,
            patch: read_patch(text("patchesJson6902")).map_err(|why| (format!("{path}.patchesJson6902"), why))?,
        })
    }

    /// What it goes through.
    pub(super) fn list(&self) -> &Query {
        &self.list
    }

    /// What must hold of an element.
    pub(super) fn preconditions(&self) -> &Preconditions {
        &self.preconditions
    }

    /// The patch for an element.
    pub(super) fn patch(&self) -> &Template {
        &self.patch
    }

    fn apply(&self, pod: &Json, variables: &mut Variables) -> Result<Json, Problem> {
        let elements = match variables.value(&self.list)? {
            Json::Array(elements) => elements,
            one => vec![one],
        };
        let mut pod = pod.clone();
        for (index, element) in elements.into_iter().enumerate() {
            if element.is_null() {
                continue;
            }
            variables.element.insert("element".to_owned(), element);
            variables.element.insert("elementIndex".to_owned(), json!(index));
            let outcome = match self.preconditions.hold(variables) {
                Ok(true) => patched(&pod, &self.patch, variables).map(|changed| pod = changed),
                Ok(false) => Ok(()),
                Err(problem) => Err(problem),
            };
            variables.element.clear();
            outcome?;
        }
        Ok(pod)
    }
}

fn patched(pod: &Json, patch: &Template, variables: &Variables) -> Result<Json, Problem> {
    let Json::String(text) = patch.value(variables)? else {
        return Err(Problem::Unknown("a patch that is no text".to_owned()));
    };
    patch::apply(pod, &text).map_err(Problem::Error)
}

/// Has the variables show this pod as the request's.
pub(super) fn show(variables: &mut Variables, pod: &Json) {
    if let Some(Json::Object(request)) = variables.request.get_mut("request") {
        request.insert("object".to_owned(), pod.clone());
    }
}
