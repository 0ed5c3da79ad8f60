//! Namespaces that nobody has shown: where their labels matter, there is no answer.

use super::document::Policy;
use super::matching;
use super::outcome::AdmissionOutcome;
use super::request::{Request, Surroundings};
use serde_json::Value as Json;

/// The one label that is known of every namespace.
const NAME: &str = "kubernetes.io/metadata.name";

/// Whether a policy or one of its bindings looks at more of a namespace than its name.
pub(super) fn matters(policy: &Policy) -> bool {
    let constraints = std::iter::once(policy.constraints());
    let resources = policy.bindings.iter().filter_map(|binding| binding.pointer("/spec/matchResources"));
    constraints.chain(resources).any(selects_by_label)
        || policy.programs().any(|program| program.source().contains("namespaceObject"))
}

fn selects_by_label(constraints: &Json) -> bool {
    let at = |pointer: &str| constraints.pointer(pointer);
    let labels = at("/namespaceSelector/matchLabels").and_then(Json::as_object);
    let expressions = at("/namespaceSelector/matchExpressions").and_then(Json::as_array);
    labels.is_some_and(|labels| labels.keys().any(|key| key != NAME))
        || expressions.into_iter().flatten().any(|expression| expression.get("key").is_none_or(|key| key != NAME))
}

/// Notes the policies to which a namespace matters that is not known.
pub(super) fn note_unknown(
    policies: &[Policy],
    request: &Request,
    surroundings: &Surroundings<'_>,
    outcome: &mut AdmissionOutcome,
) {
    if surroundings.namespace_object.is_some() || request.namespace.is_empty() || request.is_for_namespace() {
        return;
    }
    let asking = policies.iter().filter(|policy| policy.asks_namespace && !policy.bindings.is_empty());
    for policy in asking.filter(|policy| matching::selects_resource(policy.constraints(), request)) {
        let name = crate::input::printable(&request.namespace);
        outcome.cannot(&policy.name, format!("the namespace `{name}` is not among the input, and its labels decide"));
    }
}
