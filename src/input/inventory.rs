//! Everything that was read, by kind.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

use super::files::stream;
use super::kind::Class;
use super::parse::Parsed;
use super::position::{Source, Sourced};
use super::problem::{Problem, printable};

/// The objects of a cluster (or of a folder of manifests), in the order in which they were read.
///
/// Policies, RBAC objects, accounts and namespaces of the same name replace each other, as they would when applied one
/// after the other; a warning names both places if they differ. Pods, workloads and requests are all kept: they are
/// cases to judge.
#[derive(Debug, Default)]
pub struct Inventory {
    /// PodSecurityPolicies of `policy/v1beta1` and `extensions/v1beta1`.
    pub policies: Vec<Sourced<Value>>,
    /// ClusterRoles.
    pub cluster_roles: Vec<Sourced<Value>>,
    /// Roles.
    pub roles: Vec<Sourced<Value>>,
    /// ClusterRoleBindings.
    pub cluster_role_bindings: Vec<Sourced<Value>>,
    /// RoleBindings.
    pub role_bindings: Vec<Sourced<Value>>,
    /// ServiceAccounts.
    pub service_accounts: Vec<Sourced<Value>>,
    /// Namespaces.
    pub namespaces: Vec<Sourced<Value>>,
    /// Pods.
    pub pods: Vec<Sourced<Value>>,
    /// Deployments and everything else with a pod template.
    pub workloads: Vec<Sourced<Value>>,
    /// AdmissionReviews.
    pub admission_reviews: Vec<Sourced<Value>>,
    /// Audit events that carry the object of a request.
    pub audit_events: Vec<Sourced<Value>>,
    /// How many objects of other kinds were skipped.
    pub others: BTreeMap<String, usize>,
    /// What is wrong with the input, in its order.
    pub problems: Vec<Problem>,
    places: BTreeMap<Identity, usize>,
    repeated: BTreeMap<(&'static str, String), (usize, Source)>,
}

/// What makes two objects the same one: class, namespace, name.
type Identity = (Class, String, String);

/// More problems of the same words than this are only counted: a dump may repeat one a hundred thousand times.
const MOST_ALIKE: usize = 10;

impl Inventory {
    /// Reads everything below `paths`; see [`stream`].
    pub fn read(paths: &[PathBuf]) -> Self {
        let mut inventory = Self::default();
        stream(paths, |parsed| parsed, |parsed| inventory.add(parsed));
        inventory.finish();
        inventory
    }

    /// Adds the content of a document.
    pub fn add(&mut self, parsed: Parsed) {
        for (class, object) in parsed.objects {
            self.add_object(class, object);
        }
        for (kind, count) in parsed.others {
            *self.others.entry(kind).or_insert(0) += count;
        }
        for problem in parsed.problems {
            self.add_problem(problem);
        }
    }

    /// Says how many problems were only counted. To be called when everything is added.
    pub fn finish(&mut self) {
        for ((code, message), (count, first)) in std::mem::take(&mut self.repeated) {
            if let Some(more) = count.checked_sub(MOST_ALIKE).filter(|more| *more > 0) {
                let problem = Problem::warning(code, first, format!("{more} more times: {message}"));
                self.problems.push(problem);
            }
        }
    }

    fn add_problem(&mut self, problem: Problem) {
        let key = (problem.code, problem.message.clone());
        let (count, _) = self.repeated.entry(key).or_insert_with(|| (0, problem.source.clone()));
        *count += 1;
        // One advice per file is enough for a template.
        let again = problem.code == "template"
            && self.problems.iter().any(|it| it.code == "template" && it.source.file == problem.source.file);
        if *count <= MOST_ALIKE && !again {
            self.problems.push(problem);
        }
    }

    fn add_object(&mut self, class: Class, object: Sourced<Value>) {
        let identity = identity(class, &object.value);
        let place = identity.as_ref().and_then(|identity| self.places.get(identity).copied());
        let objects = self.of_class(class);
        if let Some(earlier) = place.and_then(|place| objects.get_mut(place)) {
            let differ = earlier.value != object.value;
            let earlier = std::mem::replace(earlier, object.clone());
            if differ {
                self.add_problem(replaced(&earlier, &object));
            }
            return;
        }
        objects.push(object);
        let place = objects.len() - 1;
        if let Some(identity) = identity {
            self.places.insert(identity, place);
        }
    }

    fn of_class(&mut self, class: Class) -> &mut Vec<Sourced<Value>> {
        match class {
            Class::PodSecurityPolicy => &mut self.policies,
            Class::ClusterRole => &mut self.cluster_roles,
            Class::Role => &mut self.roles,
            Class::ClusterRoleBinding => &mut self.cluster_role_bindings,
            Class::RoleBinding => &mut self.role_bindings,
            Class::ServiceAccount => &mut self.service_accounts,
            Class::Namespace => &mut self.namespaces,
            Class::Pod => &mut self.pods,
            Class::Workload => &mut self.workloads,
            Class::AdmissionReview => &mut self.admission_reviews,
            Class::AuditEvent => &mut self.audit_events,
        }
    }
}

/// `None` for what is never replaced. A namespace on a cluster-scoped object means nothing.
fn identity(class: Class, object: &Value) -> Option<Identity> {
    let metadata = object.get("metadata");
    let text = |field: &str| metadata.and_then(|it| it.get(field)).and_then(Value::as_str).unwrap_or("").to_owned();
    match class {
        Class::Pod | Class::Workload | Class::AdmissionReview | Class::AuditEvent => None,
        Class::PodSecurityPolicy | Class::ClusterRole | Class::ClusterRoleBinding | Class::Namespace => {
            Some((class, String::new(), text("name")))
        }
        Class::Role | Class::RoleBinding | Class::ServiceAccount => Some((class, text("namespace"), text("name"))),
    }
}

fn replaced(earlier: &Sourced<Value>, later: &Sourced<Value>) -> Problem {
    let name = later.value.pointer("/metadata/name").and_then(Value::as_str).unwrap_or("");
    let kind = later.value.get("kind").and_then(Value::as_str).unwrap_or("");
    let message = format!("{kind} `{}` replaces the one at {}", printable(name), earlier.source);
    Problem::warning("duplicate-object", later.source.clone(), message)
        .help("the last one counts, as if they were applied in this order")
}

#[cfg(test)]
mod tests {
    use super::super::{RawDocument, parse};
    use super::*;

    fn inventory(texts: &[(&str, &str)]) -> Inventory {
        let mut inventory = Inventory::default();
        for (file, text) in texts {
            inventory.add(parse(&RawDocument { file: (*file).into(), first_line: 1, text: (*text).to_owned() }));
        }
        inventory.finish();
        inventory
    }

    #[test]
    fn the_last_of_two_objects_counts_and_a_warning_names_both() {
        let policy = |version: &str, privileged: bool| {
            format!(
                "apiVersion: {version}\nkind: PodSecurityPolicy\nmetadata: {{name: p, namespace: x}}\nspec: {{privileged: {privileged}}}\n"
            )
        };
        let (first, last) = (policy("extensions/v1beta1", true), policy("policy/v1beta1", false));
        let found = inventory(&[("a", &first), ("b", &last)]);
        assert_eq!(found.policies.len(), 1);
        assert_eq!(found.policies[0].value["spec"]["privileged"], false);
        assert!(
            found.problems[0].to_string().starts_with("b:1: warning: PodSecurityPolicy `p` replaces the one at a:1")
        );
        assert!(inventory(&[("a", &first), ("b", &first)]).problems.is_empty());
    }

    #[test]
    fn roles_of_different_namespaces_are_different() {
        let role = |namespace: &str| {
            format!(
                "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {{name: r, namespace: {namespace}}}\n"
            )
        };
        assert_eq!(inventory(&[("a", &role("n1")), ("b", &role("n2"))]).roles.len(), 2);
    }

    #[test]
    fn pods_of_the_same_name_are_all_kept() {
        let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n";
        assert_eq!(inventory(&[("a", pod), ("a", pod)]).pods.len(), 2);
    }

    #[test]
    fn repeated_problems_are_counted() {
        let pod = "apiVersion: v1\nkind: Pod\nbad: 1\n";
        let found = inventory(&vec![("a", pod); 100]);
        assert_eq!(found.problems.len(), MOST_ALIKE + 1);
        assert!(found.problems[MOST_ALIKE].message.starts_with("90 more times: unknown field `bad`"));
    }
}
