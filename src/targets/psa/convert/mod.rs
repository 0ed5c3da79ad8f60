//! From policies to labels: which level each namespace should get, why, and what no level can say.
//!
//! ```text
//! subjects ──► usable policies per namespace ─┐
//! probes ────► relation of each level to them ┼─► advice ──► recommend ──► documents, label.sh
//! given ─────► the level that pods pass ──────┘         └──► gaps
//! ```

mod advice;
mod documents;
mod gaps;
mod given;
mod old_server;
mod probes;
mod recommend;
mod relation;
mod subjects;

use serde_json::Value;

use super::{Level, PsaDecider, newest_minor};
use crate::input::printable;
use crate::plan::{Options, Plan};
use crate::targets::{Context, Decider, Emission, Target, api_group};

use advice::Adviser;
pub use advice::{Advice, Claim, NamespaceAdvice, advise};
pub use given::{BlockedPod, Given};
pub use recommend::Reasons;
use relation::Laboratory;
pub use relation::{Excess, LevelRelation, Refusal, Rung};
use subjects::Subjects;

/// The target `psa`: labels on namespaces.
pub struct Psa;

impl Target for Psa {
    fn name(&self) -> &'static str {
        "psa"
    }

    fn needs(&self) -> &'static str {
        "nothing: Kubernetes 1.25 has it built in"
    }

    fn residual(&self, _options: &Options) -> Vec<String> {
        [
            "A level belongs to a namespace: it treats all its subjects alike, whatever roles and bindings grant.",
            "Whoever may label a namespace chooses its level.",
            "Users, namespaces and runtime classes that the admission configuration exempts are not checked; the plug-in \
             knew no exemptions.",
            "Pods that run already are never checked again, and a workload that asks for refused pods is accepted: look for \
             its warnings and events.",
        ]
        .map(str::to_owned)
        .to_vec()
    }

    fn emit(&self, plan: &Plan<'_>) -> Emission {
        let laboratory = Laboratory::new(plan);
        let advice = Adviser::new(&laboratory).advice();
        let subjects = Subjects::new(plan);
        let names = advice.namespaces.iter().map(|advice| advice.namespace.as_str()).chain([""]);
        let usable: Vec<_> = names.map(|name| subjects.usable(name)).collect();
        Emission {
            documents: documents::documents(&advice, plan.namespaces),
            texts: vec![documents::script(&advice)],
            gaps: gaps::gaps(&laboratory, &usable),
            notes: notes(plan, &advice, &subjects),
            ..Emission::default()
        }
    }

    fn reads(&self, document: &Value) -> bool {
        let kind = document.get("kind").and_then(Value::as_str).unwrap_or_default();
        match api_group(document) {
            "" => kind == "Namespace",
            _ => matches!(kind, "AdmissionConfiguration" | "PodSecurityConfiguration"),
        }
    }

    fn read(&self, documents: &[Value], context: &Context<'_>) -> Box<dyn Decider> {
        Box::new(PsaDecider::read(documents, context))
    }
}

/// The namespace of the cluster's own pods.
const SYSTEM: &str = "kube-system";

fn notes(plan: &Plan<'_>, advice: &Advice, subjects: &Subjects<'_>) -> Vec<String> {
    let mut notes = vec![
        "a namespace's policies are all that its service accounts, the controllers, and users and groups with a grant there \
         or everywhere may use; `system:masters` and nodes are left out"
            .to_owned(),
        "levels are held against pods as PodSecurityPolicy leaves them; labels change no pod, so what it fills in must be \
         spelled out in the workloads, or filled in by another target"
            .to_owned(),
        "a policy that says nothing of AppArmor or SELinux lets every profile pass, and none can speak of host names in \
         probes or of Windows host processes; such silence is told as a difference, but is no reason to advise a looser level"
            .to_owned(),
        "what is called unproven was probed with one pod per value that matters, one control at a time (`boundary`), and no \
         probe showed a difference"
            .to_owned(),
        format!(
            "a namespace that is not named here gets the default of admission-configuration.yaml, `{}`; that file is for \
             `--admission-control-config-file` of the API server",
            advice.elsewhere.labels.enforce
        ),
    ];
    let is_known = advice.namespaces.iter().any(|advice| advice.namespace == SYSTEM);
    if !is_known && advice.elsewhere.labels.enforce.level != Level::Privileged {
        notes.push(format!(
            "`{SYSTEM}` is not among the input, so the default would hold there too, for the control plane's own pods as well: \
             give it with `kubectl get namespaces -o yaml`, or add it to `exemptions.namespaces` of admission-configuration.yaml"
        ));
    }
    let left_out = subjects.left_out();
    if !left_out.is_empty() {
        let names: Vec<&str> = left_out.iter().map(String::as_str).collect();
        notes.push(format!("granted policies everywhere, but counted in their own namespace only: {}; if one creates pods elsewhere, label that namespace by hand", listed(&names)));
    }
    if u64::from(plan.options.target_minor) > newest_minor() {
        notes.push(format!(
            "the standards are known here up to v1.{}; what is newer was judged as that version",
            newest_minor()
        ));
    }
    let odd: Vec<&str> = advice
        .namespaces
        .iter()
        .map(|advice| advice.namespace.as_str())
        .filter(|name| !documents::is_label(name))
        .collect();
    if !odd.is_empty() {
        notes.push(format!("no namespace can have these names, so they get no labels: {}", listed(&odd)));
    }
    notes
}

/// The names in backticks, the first few of many.
fn listed(names: &[&str]) -> String {
    const SHOWN: usize = 4;
    let shown: Vec<String> = names.iter().take(SHOWN).map(|name| format!("`{}`", printable(name))).collect();
    match names.len().checked_sub(SHOWN) {
        None | Some(0) => shown.join(", "),
        Some(more) => format!("{} and {more} more", shown.join(", ")),
    }
}
