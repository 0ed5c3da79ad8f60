//! The roles and bindings that exist: readable, valid, one per name, and with what the API server adds to its own.

use super::bootstrap;
use super::objects::{Binding, Object, ObjectRef, RbacKind, Role, identify, read};
use super::problems::{Problem, ProblemCode};
use super::{rules, validation};
use k8s_openapi::api::rbac::v1::RoleRef;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// An object that API validation refuses, so that it takes no part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidObject {
    /// Which object.
    pub object: Arc<ObjectRef>,
    /// The API server's messages, sorted.
    pub messages: Vec<String>,
}

/// What tells one object from another. Objects whose names are still to be generated differ by where they were read.
pub(crate) type Key = (RbacKind, Option<String>, String, Option<usize>);

/// Everything that exists, by key.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    pub(crate) roles: BTreeMap<Key, Role>,
    pub(crate) bindings: BTreeMap<Key, Binding>,
    pub(crate) invalid: Vec<InvalidObject>,
    pub(crate) problems: Vec<Problem>,
}

impl Catalog {
    /// Reads objects; those of other kinds are passed over. Of two objects with one name the later counts.
    pub(crate) fn new<'a>(objects: impl IntoIterator<Item = &'a Value>, bootstrap: bool) -> Self {
        let mut catalog = Self::default();
        for (source, value) in objects.into_iter().enumerate() {
            catalog.add(value, source);
        }
        if bootstrap {
            bootstrap::objects().iter().for_each(|value| catalog.reconcile(value));
        }
        catalog.invalid.sort_by(|a, b| a.object.cmp(&b.object));
        catalog
    }

    /// Whether some rule lets use policies of the API group `extensions` alone.
    pub(crate) fn names_extensions(&self) -> bool {
        self.roles.values().flat_map(|role| &role.rules).any(rules::names_extensions_alone)
    }

    /// Takes an API group out of all rules.
    pub(crate) fn forget_api_group(&mut self, group: &str) {
        for rule in self.roles.values_mut().flat_map(|role| &mut role.rules) {
            rule.api_groups.iter_mut().for_each(|groups| groups.retain(|name| name != group));
        }
    }

    /// The role that a binding refers to, in its own namespace if it is a Role.
    pub(crate) fn bound_role(&self, binding: &Binding) -> Option<(&Key, &Role)> {
        let RoleRef { kind, name, .. } = &binding.role_ref;
        let (kind, namespace) = match kind.as_str() {
            "ClusterRole" => (RbacKind::ClusterRole, None),
            "Role" => (RbacKind::Role, binding.id.namespace.clone()),
            _ => return None,
        };
        self.roles.get_key_value(&(kind, namespace, name.clone(), None))
    }

    fn add(&mut self, value: &Value, source: usize) {
        match read(value, Some(source)) {
            Ok(None) => {}
            Ok(Some(object)) => self.accept(object),
            Err(error) => {
                if let Some(id) = identify(value, Some(source)) {
                    let message = format!("it cannot be read and takes no part: {error}");
                    self.report(&Arc::new(id), ProblemCode::Unreadable, message);
                }
            }
        }
    }

    fn accept(&mut self, object: Object) {
        let mut messages: Vec<String> = validation::errors(&object).iter().map(ToString::to_string).collect();
        messages.sort();
        let object_ref = match &object {
            Object::Role(role) => Arc::clone(&role.id),
            Object::Binding(binding) => Arc::clone(&binding.id),
        };
        if !messages.is_empty() {
            self.invalid.push(InvalidObject { object: object_ref, messages });
            return;
        }
        if self.replaces_another(object) {
            let message =
                "there is another object of this kind, namespace and name, and they differ: the last one counts";
            self.report(&object_ref, ProblemCode::Duplicate, message);
        }
    }

    /// Stores the object and tells whether a different one had its place.
    fn replaces_another(&mut self, object: Object) -> bool {
        match object {
            Object::Role(role) => {
                let content = |role: &Role| (role.labels.clone(), role.rules.clone(), role.selectors.clone());
                let new = content(&role);
                let old = self.roles.insert(key(&role.id, false), role);
                old.is_some_and(|old| content(&old) != new)
            }
            Object::Binding(binding) => {
                let content = |binding: &Binding| (binding.role_ref.clone(), binding.subjects.clone());
                let new = content(&binding);
                let old = self.bindings.insert(key(&binding.id, binding.name_is_generated), binding);
                old.is_some_and(|old| content(&old) != new)
            }
        }
    }

    /// As the API server does at every start: creates one of its own objects, or adds what is missing in it.
    fn reconcile(&mut self, value: &Value) {
        match read(value, None) {
            Ok(Some(Object::Role(own))) => match self.roles.get_mut(&key(&own.id, false)) {
                Some(role) => complete_role(role, own),
                None => drop(self.roles.insert(key(&own.id, false), own)),
            },
            Ok(Some(Object::Binding(own))) => match self.bindings.get_mut(&key(&own.id, false)) {
                // Another role cannot be patched in: the API server deletes such a binding and creates its own.
                Some(binding) if binding.role_ref == own.role_ref => {
                    add_missing(&mut binding.subjects, own.subjects);
                }
                _ => drop(self.bindings.insert(key(&own.id, false), own)),
            },
            Ok(None) | Err(_) => {}
        }
    }

    fn report(&mut self, object: &Arc<ObjectRef>, code: ProblemCode, message: impl Into<String>) {
        self.problems.push(Problem::new(object, code, message));
    }
}

fn key(id: &ObjectRef, name_is_generated: bool) -> Key {
    let source = id.source.filter(|_| name_is_generated);
    (id.kind, id.namespace.clone(), id.name.clone(), source)
}

fn complete_role(role: &mut Role, own: Role) {
    add_missing(&mut role.rules, own.rules);
    for (label, value) in own.labels {
        role.labels.entry(label).or_insert(value);
    }
    if let Some(selectors) = own.selectors {
        add_missing(role.selectors.get_or_insert_default(), selectors);
    }
}

fn add_missing<T: PartialEq>(list: &mut Vec<T>, wanted: Vec<T>) {
    for item in wanted {
        if !list.contains(&item) {
            list.push(item);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn role(name: &str, rules: Value) -> Value {
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": name},
            "rules": rules})
    }

    fn check(objects: &[Value], roles: &[&str], invalid: &[&str], problems: &[ProblemCode]) {
        let catalog = Catalog::new(objects, false);
        assert_eq!(catalog.roles.keys().map(|key| key.2.as_str()).collect::<Vec<_>>(), roles);
        let refused: Vec<String> = catalog.invalid.iter().map(|i| i.object.to_string()).collect();
        assert_eq!(refused, invalid);
        assert_eq!(catalog.problems.iter().map(|p| p.code).collect::<Vec<_>>(), problems);
    }

    #[test]
    fn the_last_of_two_counts_and_is_told_if_they_differ() {
        let one = role("a", json!([]));
        let other = role("a", json!([{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}]));
        check(&[one.clone(), one.clone()], &["a"], &[], &[]);
        check(&[one, other], &["a"], &[], &[ProblemCode::Duplicate]);
    }

    #[test]
    fn refused_and_unreadable_objects_do_not_exist() {
        check(&[role("a", json!([{"verbs": []}]))], &[], &["ClusterRole/a"], &[]);
        check(&[role("a", json!(7))], &[], &[], &[ProblemCode::Unreadable]);
        check(&[json!({"kind": "Pod"}), json!(null), json!([])], &[], &[], &[]);
    }

    #[test]
    fn the_api_server_completes_its_own_objects() {
        let weak = role("cluster-admin", json!([]));
        let bound = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": {"name": "cluster-admin"}, "roleRef": {"kind": "ClusterRole", "name": "weaker"}});
        let catalog = Catalog::new(&[weak, bound], true);
        let admin = (RbacKind::ClusterRole, None, "cluster-admin".to_owned(), None);
        assert_eq!(catalog.roles[&admin].rules[0].verbs, ["*"]);
        let binding = (RbacKind::ClusterRoleBinding, None, "cluster-admin".to_owned(), None);
        assert_eq!(catalog.bindings[&binding].role_ref.name, "cluster-admin");
        assert_eq!(catalog.bindings[&binding].subjects[0].name, "system:masters");
        assert!(catalog.problems.is_empty() && catalog.invalid.is_empty());
    }
}
