//! Patches that write into pods and workloads what PodSecurityPolicy fills in, so that engines which only validate are
//! enough.
//!
//! This target judges no requests: it changes manifests. Every patch is decided about again before it is written: the same
//! policies must admit the patched manifest without filling anything in, and the pod must end as it did before. Reading
//! back does the same with whatever stands in a folder: patches are applied to the given manifests, whole manifests take
//! their place.

mod check;
mod component;
mod list;
mod patch;
mod reliance;
mod script;
mod strategic;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    AdmissionRequest, Checked, Context, Decider, Emission, Emitted, Gap, Rewrite, Target, TargetVerdict, Unsupported,
};
use crate::cluster::Cluster;
use crate::input::Sourced;
use crate::plan::{Options, Plan};
use crate::requests::Manifests;
use patch::Patch;
use reliance::{Finding, Reliance};

/// The target `workloads`.
#[derive(Debug, Clone, Copy)]
pub struct Workloads;

impl Target for Workloads {
    fn name(&self) -> &'static str {
        "workloads"
    }

    fn fills_in(&self, _options: &Options) -> bool {
        true
    }

    fn judges(&self) -> bool {
        false
    }

    fn needs(&self) -> &'static str {
        "nothing; goes with an engine that only validates"
    }

    fn residual(&self, _options: &Options) -> Vec<String> {
        vec![
            "Only what was given is patched: what somebody creates by hand or from elsewhere must spell the values out itself."
                .to_owned(),
        ]
    }

    fn emit(&self, plan: &Plan<'_>) -> Emission {
        let Some(manifests) = plan.manifests else { return Emission::default() };
        emission(&Survey::of(plan.cluster, manifests))
    }

    fn reads(&self, _document: &Value) -> bool {
        false
    }

    fn read<'a>(&self, documents: &[Value], _context: &Context<'a>) -> Box<dyn Decider + 'a> {
        Box::new(NoJudge(documents.iter().map(unjudged).collect()))
    }

    fn check(&self, documents: &[Value], plan: &Plan<'_>) -> Option<Vec<Checked>> {
        let checked = plan.manifests.map(|manifests| check::check(plan.cluster, manifests, documents));
        Some(checked.unwrap_or_default())
    }
}

/// How many of a plan's manifests rely on what policies fill in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reliances {
    /// Those that do.
    pub relying: usize,
    /// All that were looked at.
    pub all: usize,
    /// Those whose pods no policy admits.
    pub not_admitted: usize,
}

/// How many of a plan's manifests rely on what policies fill in.
pub fn reliances(plan: &Plan<'_>) -> Reliances {
    let survey = plan.manifests.map(|manifests| Survey::of(plan.cluster, manifests));
    survey.map(|survey| survey.reliances()).unwrap_or_default()
}

/// What becomes of every manifest of the input.
struct Survey<'a> {
    relying: Vec<Relying<'a>>,
    not_admitted: Vec<(&'a Sourced<Value>, String)>,
    not_provable: Vec<(&'a Sourced<Value>, String)>,
    untouched: usize,
    /// Objects that a controller made from another manifest of the input: that one is patched.
    made: usize,
}

/// A manifest that relies on fills, with the patch that names it.
struct Relying<'a> {
    reliance: Reliance<'a>,
    /// The patch and the file it goes to; `None` for an object without a name.
    patch: Option<(String, Patch)>,
}

impl<'a> Survey<'a> {
    fn of(cluster: &Cluster, manifests: &'a Manifests) -> Self {
        let mut survey =
            Self { relying: Vec::new(), not_admitted: Vec::new(), not_provable: Vec::new(), untouched: 0, made: 0 };
        let names: BTreeSet<_> = manifests.objects().iter().map(|object| identity(&object.value)).collect();
        let mut files = BTreeMap::new();
        for object in manifests.objects() {
            if maker(&object.value).is_some_and(|maker| names.contains(&maker)) {
                survey.made += 1;
                continue;
            }
            match reliance::finding(cluster, manifests, object) {
                Finding::Untouched => survey.untouched += 1,
                Finding::NotAdmitted(why) => survey.not_admitted.push((object, why)),
                Finding::NotProvable { policy } => survey.not_provable.push((object, policy)),
                Finding::Relies(reliance) => {
                    let patch = patch::patch(&reliance).map(|patch| (file_name(&object.value, &mut files), patch));
                    survey.relying.push(Relying { reliance: *reliance, patch });
                }
            }
        }
        survey
    }
}

impl Survey<'_> {
    fn reliances(&self) -> Reliances {
        let (relying, not_admitted) = (self.relying.len() + self.not_provable.len(), self.not_admitted.len());
        Reliances { relying, all: relying + not_admitted + self.untouched, not_admitted }
    }
}

type Identity<'v> = (&'v str, &'v str, &'v str);

/// Kind, namespace and name.
fn identity(object: &Value) -> Identity<'_> {
    let text = |pointer| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    (text("/kind"), text("/metadata/namespace"), text("/metadata/name"))
}

/// The object that a controller made this one from.
fn maker(object: &Value) -> Option<Identity<'_>> {
    let owners = object.pointer("/metadata/ownerReferences")?.as_array()?;
    let owner = owners.iter().find(|owner| owner.get("controller").and_then(Value::as_bool) == Some(true))?;
    let text = |key| owner.get(key).and_then(Value::as_str).unwrap_or_default();
    Some((text("kind"), identity(object).1, text("name")))
}

/// `Kind/namespace/name`, without a namespace where the manifest has none.
fn label(object: &Value) -> String {
    let (kind, namespace, name) = identity(object);
    let generated = || object.pointer("/metadata/generateName").and_then(Value::as_str).unwrap_or_default();
    let name = if name.is_empty() { format!("{}…", generated()) } else { name.to_owned() };
    if namespace.is_empty() { format!("{kind}/{name}") } else { format!("{kind}/{namespace}/{name}") }
}

/// A name for the object's file that no other has.
fn file_name(object: &Value, taken: &mut BTreeMap<String, usize>) -> String {
    let harmless =
        |c: char| if c.is_ascii_alphanumeric() || c == '-' || c == '.' { c.to_ascii_lowercase() } else { '-' };
    let slug: String = label(object).chars().map(harmless).take(180).collect();
    let count = taken.entry(slug.clone()).or_insert(0);
    *count += 1;
    if *count == 1 { format!("patches/{slug}.yaml") } else { format!("patches/{slug}--{count}.yaml") }
}

fn emission(survey: &Survey<'_>) -> Emission {
    let mut emission = Emission { gaps: gaps(survey), notes: list::notes(survey), ..Emission::default() };
    let patches = survey.relying.iter().filter_map(|relying| relying.patch.as_ref());
    for (file, patch) in patches {
        if let Patch::Strategic(document) = patch {
            emission.documents.push(Emitted { file: file.clone(), document: document.clone() });
        }
    }
    let component = component::component(survey);
    emission.documents.push(Emitted { file: "kustomization.yaml".to_owned(), document: component });
    emission.texts = vec![list::markdown(survey), list::json(survey), script::script(survey)];
    let rewrite = |relying: &Relying<'_>| Rewrite {
        source: relying.reliance.object.source.clone(),
        before: relying.reliance.object.value.clone(),
        after: relying.reliance.patched.clone(),
    };
    emission.rewrites = survey.relying.iter().map(rewrite).collect();
    emission
}

fn gaps(survey: &Survey<'_>) -> Vec<Gap> {
    let gap = |code, policy: &str, message: String, witness: &Value| Gap {
        code,
        policy: Some(policy.to_owned()),
        control: None,
        message,
        witness: Some(witness.clone()),
    };
    let unnamed = survey.relying.iter().filter(|relying| relying.patch.is_none()).map(|relying| {
        let Reliance { object, policy, .. } = &relying.reliance;
        let message = format!(
            "`{}` ({}) has no name by which a patch finds it: only the rewritten manifest holds the values",
            label(&object.value),
            object.source
        );
        gap("no-name", policy, message, &object.value)
    });
    let unproven = survey.not_provable.iter().map(|(object, policy)| {
        let message = format!(
            "`{}` ({}) relies on what `{policy}` fills in, and with the values written into it the policies decide otherwise",
            label(&object.value),
            object.source
        );
        gap("unproven", policy, message, &object.value)
    });
    unnamed.chain(unproven).collect()
}

/// Patches do not judge: whoever asks them gets no answer.
struct NoJudge(Vec<Unsupported>);

impl Decider for NoJudge {
    fn decide(&self, request: &AdmissionRequest<'_>) -> TargetVerdict {
        let unsupported = vec![Unsupported {
            document: "workloads".to_owned(),
            path: String::new(),
            why: "patches change manifests and judge no requests".to_owned(),
        }];
        TargetVerdict { pod: request.object.clone().into(), unsupported, ..TargetVerdict::default() }
    }

    fn unsupported(&self) -> &[Unsupported] {
        &self.0
    }
}

fn unjudged(document: &Value) -> Unsupported {
    Unsupported {
        document: label(document),
        path: String::new(),
        why: "a patch changes manifests and judges no requests".to_owned(),
    }
}
