//! The names that an admission expression may use and the fields of their types.
//!
//! Source: `k8s.io/apiserver/pkg/admission/plugin/cel/compile.go`.

use super::{Env, Host, Role};
use crate::cel::eval::{is_patch_type, is_type_name};
use crate::cel::types::Type;
use std::sync::Arc;

/// `TYPE.field: type`, one line per field.
const FIELDS: &str = "\
AdmissionRequest.kind: kubernetes.GroupVersionKind
AdmissionRequest.resource: kubernetes.GroupVersionResource
AdmissionRequest.subResource: string
AdmissionRequest.requestKind: kubernetes.GroupVersionKind
AdmissionRequest.requestResource: kubernetes.GroupVersionResource
AdmissionRequest.requestSubResource: string
AdmissionRequest.name: string
AdmissionRequest.namespace: string
AdmissionRequest.operation: string
AdmissionRequest.userInfo: kubernetes.UserInfo
AdmissionRequest.dryRun: bool
AdmissionRequest.options: dyn
GroupVersionKind.group: string
GroupVersionKind.version: string
GroupVersionKind.kind: string
GroupVersionResource.group: string
GroupVersionResource.version: string
GroupVersionResource.resource: string
UserInfo.username: string
UserInfo.uid: string
UserInfo.groups: list(string)
UserInfo.extra: map(string, list(string))
Namespace.metadata: kubernetes.NamespaceMetadata
Namespace.spec: kubernetes.NamespaceSpec
Namespace.status: kubernetes.NamespaceStatus
NamespaceMetadata.name: string
NamespaceMetadata.generateName: string
NamespaceMetadata.namespace: string
NamespaceMetadata.labels: map(string, string)
NamespaceMetadata.annotations: map(string, string)
NamespaceMetadata.UID: string
NamespaceMetadata.creationTimestamp: timestamp
NamespaceMetadata.deletionGracePeriodSeconds: int
NamespaceMetadata.deletionTimestamp: timestamp
NamespaceMetadata.generation: int
NamespaceMetadata.resourceVersion: string
NamespaceMetadata.finalizers: list(string)
NamespaceSpec.finalizers: list(string)
NamespaceStatus.conditions: list(kubernetes.NamespaceCondition)
NamespaceStatus.phase: string
NamespaceCondition.status: string
NamespaceCondition.type: string
NamespaceCondition.lastTransitionTime: timestamp
NamespaceCondition.message: string
NamespaceCondition.reason: string
";

/// The type of the variables' holder.
pub(super) const VARIABLES: &str = "kubernetes.variables";

/// The type of a field, `None` if the type has no such field.
pub(super) fn field(env: &Env, type_name: &str, field: &str) -> Option<Type> {
    if type_name == VARIABLES {
        return env.variables.iter().rfind(|(name, _)| name == field).map(|(_, t)| declared(t));
    }
    if type_name == "JSONPatch" {
        return match field {
            "op" | "path" | "from" => Some(Type::String),
            "value" => Some(Type::Dyn),
            _ => None,
        };
    }
    if is_patch_type(type_name) {
        return Some(Type::Dyn);
    }
    if env.host == Host::Kyverno
        && type_name == "kubernetes.AdmissionRequest"
        && ["object", "oldObject"].contains(&field)
    {
        return Some(Type::Dyn);
    }
    let wanted = format!("{}.{field}: ", type_name.strip_prefix("kubernetes.")?);
    FIELDS.lines().find_map(|line| line.strip_prefix(&wanted)).and_then(Type::read)
}

/// The type that a variable of an inferred type is declared with: everything but plain types is `dyn`.
fn declared(t: &Type) -> Type {
    match t {
        Type::List(element) => Type::list(declared(element)),
        Type::Map(key, value) => Type::map(declared(key), declared(value)),
        Type::Optional(_) | Type::Object(_) | Type::Meta(_) | Type::Param(_) | Type::Var(_) | Type::Error => Type::Dyn,
        plain => plain.clone(),
    }
}

/// The type of a name.
pub(super) fn name(env: &Env, role: Role, name: &str) -> Option<Type> {
    match name {
        "object" | "oldObject" => Some(Type::Dyn),
        "request" => Some(Type::object("kubernetes.AdmissionRequest")),
        "namespaceObject" => Some(Type::object("kubernetes.Namespace")),
        "params" => env.params.then_some(Type::Dyn),
        "authorizer" => has_authorizer(env, role).then(|| Type::object("kubernetes.authorization.Authorizer")),
        "authorizer.requestResource" => {
            has_authorizer(env, role).then(|| Type::object("kubernetes.authorization.ResourceCheck"))
        }
        "variables" => has_variables(env, role).then(|| Type::object(VARIABLES)),
        "dyn" => Some(meta(Type::Dyn)),
        name if is_type_name(name) => Some(meta(Type::object(name))),
        name if role.is_mutation() && is_patch_type(name) => Some(meta(Type::object(name))),
        _ => None,
    }
}

fn has_authorizer(env: &Env, role: Role) -> bool {
    env.host == Host::ApiServer && role.has_authorizer()
}

/// A policy without variables is compiled without the name.
fn has_variables(env: &Env, role: Role) -> bool {
    match role {
        Role::MatchCondition => env.host == Host::Kyverno && !env.variables.is_empty(),
        Role::Variable | Role::MutationVariable => true,
        _ => !env.variables.is_empty(),
    }
}

fn meta(inner: Type) -> Type {
    Type::Meta(Arc::new(inner))
}

/// Whether a struct literal of this type exists.
pub(super) fn is_struct(role: Role, type_name: &str) -> bool {
    role.is_mutation() && is_patch_type(type_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_type_reads() {
        for line in FIELDS.lines() {
            let (_, notation) = line.split_once(": ").unwrap();
            assert!(Type::read(notation).is_some(), "{line}");
        }
    }

    #[test]
    fn variables_are_declared_with_plain_types() {
        let env = Env { variables: vec![("a".into(), Type::list(Type::object("JSONPatch")))], ..Env::default() };
        assert_eq!(field(&env, VARIABLES, "a"), Some(Type::list(Type::Dyn)));
        assert_eq!(field(&env, VARIABLES, "b"), None);
        assert_eq!(field(&env, "kubernetes.UserInfo", "extra"), Type::read("map(string, list(string))"));
    }
}
