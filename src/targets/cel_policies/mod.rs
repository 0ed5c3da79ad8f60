//! What policies in CEL have in common, whichever engine runs them: the rules as variables, the choice among policies, the
//! message of a refusal, who may use a policy, and the pod as an engine sees it.

pub(super) mod frozen;
pub(super) mod gaps;
pub(super) mod message;
pub(super) mod pods;
pub(super) mod rules;
pub(super) mod server;
pub(super) mod stored;
pub(super) mod verdicts;

use serde_json::{Value, json};

use crate::cel::print::Expr;
use crate::constraint::Fill;
use crate::plan::PlannedPolicy;
use crate::pod_view::PSP_ANNOTATION;

/// Updates that change nothing but owner references, finalizers and managed fields are let through, as the plug-in did.
/// What the server itself keeps equal or counts up is not compared.
pub(in crate::targets) const CHANGES_THE_POD: &str = "request.operation != 'UPDATE' || request.?subResource.orValue('') != '' || object.spec != oldObject.spec \
    || !object.metadata.all(k, k in ['ownerReferences', 'finalizers', 'managedFields', 'resourceVersion', 'generation'] \
    || k in oldObject.metadata && object.metadata[k] == oldObject.metadata[k]) \
    || !oldObject.metadata.all(k, k in ['ownerReferences', 'finalizers', 'managedFields', 'resourceVersion', 'generation'] \
    || k in object.metadata)";

/// [`PSP_ANNOTATION`] as a JSON pointer.
pub(in crate::targets) const POINTER: &str = "/metadata/annotations/kubernetes.io~1psp";

/// Requests for pods.
pub(in crate::targets) fn resource_rule(operations: &[&str], resource: &str) -> Value {
    json!({"apiGroups": [""], "apiVersions": ["v1"], "operations": operations, "resources": [resource]})
}

/// Whether the policy writes what today's pods have a place for.
pub(in crate::targets) fn fills_something(policy: &PlannedPolicy<'_>) -> bool {
    policy.fills.iter().any(|fill| *fill != Fill::CopySeccompToAnnotation)
}

/// The first name whose condition holds, else an empty one.
pub(in crate::targets) fn choose<'e, C>(candidates: C) -> Expr
where
    C: IntoIterator<Item = (&'e Expr, &'e str)>,
    C::IntoIter: DoubleEndedIterator,
{
    let none = Expr::string("");
    candidates
        .into_iter()
        .rev()
        .fold(none, |rest, (condition, name)| condition.clone().then_else(Expr::string(name), rest))
}

/// The annotation that names the admitting policy, optional.
pub(in crate::targets) fn psp_annotation() -> Expr {
    Expr::name("object").field("metadata").optional_field("annotations").optional_field(PSP_ANNOTATION)
}

/// Writes the annotation.
pub(in crate::targets) fn write_mark(choice: Expr) -> Expr {
    let add = |path: &str, value: Expr| {
        let op = [("op", Expr::string("add")), ("path", Expr::string(path)), ("value", value)];
        Expr::list([Expr::object("JSONPatch", op)])
    };
    let has_parent = Expr::name("object").field("metadata").field("annotations").has();
    let parent = Expr::map([(Expr::string(PSP_ANNOTATION), choice.clone())]);
    has_parent.then_else(add(POINTER, choice), add("/metadata/annotations", parent))
}

/// Takes the annotation away.
pub(in crate::targets) fn unmark() -> Expr {
    let remove = Expr::object("JSONPatch", [("op", Expr::string("remove")), ("path", Expr::string(POINTER))]);
    psp_annotation().method("hasValue", []).then_else(Expr::list([remove]), Expr::list([]))
}
