//! Gatekeeper: one generic Rego template, one constraint with the cluster's policies and grants, mutators for what is
//! filled in.
//!
//! Gatekeeper joins constraints by *and*, policies of a cluster are joined by *or*: so all of them live in one constraint.
//! Deciding evaluates the documents that are read back as Gatekeeper does: matching, parameter defaults, enforcement
//! actions, mutators, and the template's program: Rego in an interpreter, CEL in the API server's way.
//!
//! The template is the file `templates/gatekeeper/podsecuritypolicyset.rego`, the same for every cluster. It has one rule
//! for each control, named as the control is. All that is about a cluster stands in the constraint's `spec.parameters`:
//!
//! * `policies`, in the order of their names, each by itself: `name`; `spec`, the policy's own settings under the names of
//!   its API, one for each control or its parts, API defaults filled in; `annotations`, the four that set profiles; and
//!   `grants`, each with `users`, `groups` and `namespaces`, none of which means everywhere. A pod passes if one policy
//!   admits it to whom a grant of that policy names, and nothing else of the list has a say in it: a constraint with one
//!   policy left in is that policy's own decision.
//! * settings of all policies: `defaulting`, `auditUnknownUser`, `coverEphemeralContainers`, `judgeEphemeralContainers`,
//!   `exemptTokenVolumes`, `safeSysctls`; see [`schema`].

mod answers;
mod constraint;
mod decide;
mod emit;
mod grants;
mod judge;
mod lint;
mod matching;
mod mutators;
mod native;
mod notes;
mod review;
mod schema;
mod side;
mod suite;
mod template;

pub use decide::Documents;

use serde_json::Value;

use crate::plan::{Options, Plan};
use crate::targets::{Context, Decider, Emission, EmittedText, Target, TestCase, api_group};

/// The target `gatekeeper`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Gatekeeper;

impl Target for Gatekeeper {
    fn name(&self) -> &'static str {
        "gatekeeper"
    }

    fn needs(&self) -> &'static str {
        "Gatekeeper, best 3.23 or newer"
    }

    fn residual(&self, _options: &Options) -> Vec<String> {
        notes::residual()
    }

    fn emit(&self, plan: &Plan<'_>) -> Emission {
        emit::emission(plan)
    }

    fn test_files(&self, emission: &Emission, cases: &[TestCase<'_>]) -> Vec<EmittedText> {
        suite::files(emission, cases)
    }

    fn reads(&self, document: &Value) -> bool {
        api_group(document).ends_with(".gatekeeper.sh")
    }

    fn read(&self, documents: &[Value], context: &Context<'_>) -> Box<dyn Decider> {
        Box::new(Documents::read(documents, context.namespaces))
    }
}

/// The text at a JSON pointer.
fn text_at<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str)
}

/// The list at a JSON pointer, empty if there is none.
fn list_at<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}
