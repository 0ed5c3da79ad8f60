//! `authorizer`: builds a question step by step and puts it to the scope's [`Authorize`].
//!
//! Source: `k8s.io/apiserver/pkg/cel/library/authz.go`.

use super::formats::{is_dns1123_label, is_dns1123_subdomain};
use super::{Declaration, Library, Outcome, declare};
use crate::cel::authorizer::{Attributes, Decision, Identity};
use crate::cel::error::EvalError;
use crate::cel::eval::Runtime;
use crate::cel::value::{Opaque, Value};
use std::any::Any;
use std::sync::Arc;

pub(crate) static AUTHORIZER: Library = Library { introduced: 27, functions: &FUNCTIONS };
pub(crate) static SELECTORS: Library = Library { introduced: 31, functions: &SELECTOR_FUNCTIONS };

static FUNCTIONS: [Declaration; 12] = [
    declare(
        "path",
        &["kubernetes.authorization.Authorizer.(string) -> kubernetes.authorization.PathCheck"],
        |_, args| step(args, Question::at_path),
    ),
    declare(
        "group",
        &["kubernetes.authorization.Authorizer.(string) -> kubernetes.authorization.GroupCheck"],
        |_, args| step(args, Question::in_group),
    ),
    declare(
        "serviceAccount",
        &["kubernetes.authorization.Authorizer.(string, string) -> kubernetes.authorization.Authorizer"],
        service_account,
    ),
    declare(
        "resource",
        &["kubernetes.authorization.GroupCheck.(string) -> kubernetes.authorization.ResourceCheck"],
        resource,
    ),
    declare("subresource", RESOURCE_STEP, |_, args| step(args, Question::of_subresource)),
    declare("namespace", RESOURCE_STEP, |_, args| step(args, Question::in_namespace)),
    declare("name", RESOURCE_STEP, |_, args| step(args, Question::named)),
    declare(
        "check",
        &[
            "kubernetes.authorization.PathCheck.(string) -> kubernetes.authorization.Decision",
            "kubernetes.authorization.ResourceCheck.(string) -> kubernetes.authorization.Decision",
        ],
        check,
    ),
    declare("errored", &["kubernetes.authorization.Decision.() -> bool"], |_, args| {
        answer(args, |decision| Value::Bool(decision.error.is_some()))
    }),
    declare("error", &["kubernetes.authorization.Decision.() -> string"], |_, args| {
        answer(args, |decision| Value::string(decision.error.as_deref().unwrap_or_default()))
    }),
    declare("allowed", &["kubernetes.authorization.Decision.() -> bool"], |_, args| {
        answer(args, |decision| Value::Bool(decision.allowed))
    }),
    declare("reason", &["kubernetes.authorization.Decision.() -> string"], |_, args| {
        answer(args, |decision| Value::string(decision.reason.as_str()))
    }),
];

const RESOURCE_STEP: &[&str] =
    &["kubernetes.authorization.ResourceCheck.(string) -> kubernetes.authorization.ResourceCheck"];

static SELECTOR_FUNCTIONS: [Declaration; 2] = [
    declare("fieldSelector", RESOURCE_STEP, |_, _| {
        Err(EvalError::unknown("`fieldSelector` of an authorizer check", 0))
    }),
    declare("labelSelector", RESOURCE_STEP, |_, _| {
        Err(EvalError::unknown("`labelSelector` of an authorizer check", 0))
    }),
];

/// A question as far as it has been put.
#[derive(Debug, Clone)]
struct Question {
    stage: Stage,
    identity: Arc<Identity>,
    group: Arc<str>,
    resource: Arc<str>,
    subresource: Arc<str>,
    namespace: Arc<str>,
    name: Arc<str>,
    path: Arc<str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Authorizer,
    Path,
    Group,
    Resource,
}

impl Opaque for Question {
    fn type_name(&self) -> &'static str {
        match self.stage {
            Stage::Authorizer => "kubernetes.authorization.Authorizer",
            Stage::Path => "kubernetes.authorization.PathCheck",
            Stage::Group => "kubernetes.authorization.GroupCheck",
            Stage::Resource => "kubernetes.authorization.ResourceCheck",
        }
    }

    fn equals(&self, _: &dyn Opaque) -> Option<bool> {
        None
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Opaque for Decision {
    fn type_name(&self) -> &'static str {
        "kubernetes.authorization.Decision"
    }

    fn equals(&self, _: &dyn Opaque) -> Option<bool> {
        None
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Question {
    fn of(identity: Identity) -> Self {
        let none: Arc<str> = Arc::from("");
        Self {
            stage: Stage::Authorizer,
            identity: Arc::new(identity),
            group: none.clone(),
            resource: none.clone(),
            subresource: none.clone(),
            namespace: none.clone(),
            name: none.clone(),
            path: none,
        }
    }

    fn at_path(self, path: Arc<str>) -> Self {
        Self { stage: Stage::Path, path, ..self }
    }

    fn in_group(self, group: Arc<str>) -> Self {
        Self { stage: Stage::Group, group, ..self }
    }

    fn of_resource(self, resource: Arc<str>) -> Self {
        Self { stage: Stage::Resource, resource, ..self }
    }

    fn of_subresource(self, subresource: Arc<str>) -> Self {
        Self { subresource, ..self }
    }

    fn in_namespace(self, namespace: Arc<str>) -> Self {
        Self { namespace, ..self }
    }

    fn named(self, name: Arc<str>) -> Self {
        Self { name, ..self }
    }

    fn attributes(&self, verb: &str) -> Attributes {
        match self.stage {
            Stage::Path => Attributes::Path { verb: verb.to_owned(), path: self.path.to_string() },
            _ => Attributes::Resource {
                verb: verb.to_owned(),
                group: self.group.to_string(),
                resource: self.resource.to_string(),
                subresource: self.subresource.to_string(),
                namespace: self.namespace.to_string(),
                name: self.name.to_string(),
            },
        }
    }
}

/// The variable `authorizer` for a requester.
pub(crate) fn authorizer_value(identity: Identity) -> Value {
    Value::Opaque(Arc::new(Question::of(identity)))
}

/// The variable `authorizer.requestResource`.
pub(crate) fn request_resource_value(
    identity: Identity,
    [group, resource, subresource, namespace, name]: [&str; 5],
) -> Value {
    let question = Question::of(identity).in_group(group.into()).of_resource(resource.into());
    let question = question.of_subresource(subresource.into()).in_namespace(namespace.into()).named(name.into());
    Value::Opaque(Arc::new(question))
}

fn question(args: &[Value]) -> Result<(Question, &[Value]), EvalError> {
    let Some((Value::Opaque(opaque), rest)) = args.split_first() else {
        return Err(EvalError::no_such_overload());
    };
    let question = opaque.as_any().downcast_ref::<Question>().ok_or_else(EvalError::no_such_overload)?;
    Ok((question.clone(), rest))
}

fn step(args: &[Value], next: fn(Question, Arc<str>) -> Question) -> Outcome {
    let (question, [Value::String(text)]) = question(args)? else {
        return Err(EvalError::no_such_overload());
    };
    Ok(Value::Opaque(Arc::new(next(question, text.clone()))))
}

fn resource(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    match args {
        [_, Value::String(name)] if name.trim().is_empty() => Err(EvalError::runtime("resource must not be empty")),
        _ => step(args, Question::of_resource),
    }
}

fn service_account(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    let [_, Value::String(namespace), Value::String(name)] = args else {
        return Err(EvalError::no_such_overload());
    };
    if !is_dns1123_subdomain(name) {
        return Err(EvalError::runtime("Invalid service account name"));
    }
    if !is_dns1123_label(namespace) {
        return Err(EvalError::runtime("Invalid service account namespace"));
    }
    Ok(authorizer_value(Identity::service_account(namespace, name)))
}

fn check(runtime: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    let (question, [Value::String(verb)]) = question(args)? else {
        return Err(EvalError::no_such_overload());
    };
    runtime.charge_check()?;
    let Some(authorize) = runtime.scope.authorize() else {
        return Err(EvalError::unknown("an authorizer check without an authorizer", 0));
    };
    let decision = authorize.authorize(&question.identity, &question.attributes(verb));
    Ok(Value::Opaque(Arc::new(decision)))
}

fn answer(args: &[Value], part: fn(&Decision) -> Value) -> Outcome {
    match args {
        [Value::Opaque(opaque)] => {
            opaque.as_any().downcast_ref::<Decision>().map(part).ok_or_else(EvalError::no_such_overload)
        }
        _ => Err(EvalError::no_such_overload()),
    }
}
