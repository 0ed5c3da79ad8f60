//! Who was granted which policies, where, and through what.
//!
//! Source: Kubernetes 1.24, `pkg/registry/rbac/validation/rule.go` (`VisitRulesFor`, `appliesToUser`). Cluster role bindings
//! count for every request, role bindings in their namespace; a role is looked up in the binding's namespace; the API
//! groups of subjects and role references are not consulted.

use super::bootstrap;
use super::catalog::{Catalog, Key};
use super::index_set::PolicySet;
use super::objects::{Binding, ObjectRef, RbacKind};
use super::problems::{Problem, ProblemCode};
use super::roles::RoleUse;
use k8s_openapi::api::rbac::v1 as api;
use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::sync::Arc;

/// Somebody who can be granted something. A service account is the user `system:serviceaccount:NAMESPACE:NAME`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// Everybody in the group.
    Group(String),
    /// The user of that name.
    User(String),
}

impl Subject {
    /// The user that a service account is.
    pub fn service_account(namespace: &str, name: &str) -> Self {
        Self::User(format!("system:serviceaccount:{namespace}:{name}"))
    }

    /// The namespace and name of the service account that this is.
    pub fn as_service_account(&self) -> Option<(&str, &str)> {
        match self {
            Self::User(name) => name.strip_prefix("system:serviceaccount:")?.split_once(':'),
            Self::Group(_) => None,
        }
    }

    /// The namespace whose service accounts this group is.
    pub fn as_accounts_of_namespace(&self) -> Option<&str> {
        match self {
            Self::Group(name) => name.strip_prefix("system:serviceaccounts:"),
            Self::User(_) => None,
        }
    }

    /// The user or group name.
    pub fn name(&self) -> &str {
        match self {
            Self::Group(name) | Self::User(name) => name,
        }
    }

    /// Who a subject of a binding is; `None` if nobody can be that.
    fn of(subject: &api::Subject, binding_namespace: Option<&str>) -> Option<Self> {
        match subject.kind.as_str() {
            "User" => Some(Self::User(subject.name.clone())),
            "Group" => Some(Self::Group(subject.name.clone())),
            "ServiceAccount" => {
                let own = subject.namespace.as_deref().filter(|namespace| !namespace.is_empty());
                Some(Self::service_account(own.or(binding_namespace)?, &subject.name))
            }
            _ => None,
        }
    }

    /// Whether some workload controller is, or is in, this subject.
    pub(crate) fn includes_a_controller(&self) -> bool {
        const CONTROLLERS: [&str; 5] = [
            "replicaset-controller",
            "statefulset-controller",
            "daemon-set-controller",
            "job-controller",
            "replication-controller",
        ];
        match self {
            Self::User(name) if name == "system:kube-controller-manager" => true,
            Self::User(_) => self
                .as_service_account()
                .is_some_and(|(namespace, name)| namespace == "kube-system" && CONTROLLERS.contains(&name)),
            Self::Group(name) => matches!(
                name.as_str(),
                "system:authenticated" | "system:serviceaccounts" | "system:serviceaccounts:kube-system"
            ),
        }
    }
}

impl Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, self.as_service_account()) {
            (_, Some((namespace, name))) => write!(f, "ServiceAccount {namespace}/{name}"),
            (Self::User(name), None) => write!(f, "User {name}"),
            (Self::Group(name), None) => write!(f, "Group {name}"),
        }
    }
}

/// One subject may use some policies, in one namespace or everywhere.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    /// Who.
    pub subject: Subject,
    /// Where; `None` is everywhere.
    pub namespace: Option<String>,
    /// The policies; never empty.
    pub policies: PolicySet,
    /// The rule names no policies: those that come later are granted as well.
    pub every_policy: bool,
    /// The binding.
    pub binding: Arc<ObjectRef>,
    /// The role that the binding gives.
    pub role: Arc<ObjectRef>,
    /// The role in which the rule was written, if the bound role aggregates it.
    pub aggregated_from: Option<Arc<ObjectRef>>,
}

/// All grants, sorted and without repetitions.
pub(crate) fn grants(
    catalog: &Catalog,
    uses: &BTreeMap<&Key, Vec<RoleUse>>,
    problems: &mut Vec<Problem>,
) -> Vec<Grant> {
    let mut grants = Vec::new();
    for binding in catalog.bindings.values() {
        let Some((key, role)) = catalog.bound_role(binding) else {
            problems.extend(missing_role(binding));
            continue;
        };
        let uses = uses.get(key).map(Vec::as_slice).unwrap_or_default();
        if !uses.is_empty() {
            problems.extend(subject_problems(binding));
        }
        let subjects = subjects(binding);
        for entry in uses {
            grants.extend(subjects.iter().map(|subject| grant(subject, binding, &role.id, entry)));
        }
    }
    grants.sort();
    grants.dedup();
    problems.extend(grants.iter().filter_map(controller_problem));
    grants
}

fn subjects(binding: &Binding) -> Vec<Subject> {
    let namespace = binding.id.namespace.as_deref();
    let subjects = binding.subjects.iter();
    subjects.filter_map(|subject| Subject::of(subject, namespace)).collect()
}

fn grant(subject: &Subject, binding: &Binding, role: &Arc<ObjectRef>, entry: &RoleUse) -> Grant {
    let aggregated = !entry.written_in.same_object(role);
    Grant {
        subject: subject.clone(),
        namespace: binding.id.namespace.clone(),
        policies: entry.uses.policies.clone(),
        every_policy: entry.uses.every_policy,
        binding: Arc::clone(&binding.id),
        role: Arc::clone(role),
        aggregated_from: aggregated.then(|| Arc::clone(&entry.written_in)),
    }
}

fn missing_role(binding: &Binding) -> Option<Problem> {
    let role = &binding.role_ref;
    let kind = match role.kind.as_str() {
        "Role" => RbacKind::Role,
        _ => RbacKind::ClusterRole,
    };
    let message = format!("there is no {} `{}`: the binding grants nothing", role.kind, role.name);
    let missing = !bootstrap::is_built_in(kind, &role.name);
    missing.then(|| Problem::new(&binding.id, ProblemCode::MissingRole, message))
}

/// What is odd about the subjects of a binding that grants policies.
fn subject_problems(binding: &Binding) -> Vec<Problem> {
    if binding.subjects.is_empty() {
        let message = "it lists no subjects: the binding grants nothing";
        return vec![Problem::new(&binding.id, ProblemCode::NoSubjects, message)];
    }
    let odd = subjects(binding).into_iter().filter_map(|subject| {
        let message = nobody(&subject)?;
        Some(Problem::new(&binding.id, ProblemCode::SubjectMatchesNobody, message))
    });
    odd.collect()
}

fn nobody(subject: &Subject) -> Option<String> {
    match subject {
        Subject::User(name) | Subject::Group(name) if name.contains('*') => Some(format!(
            "`{subject}` matches nobody: `*` is no wildcard in names, everybody is the group `system:authenticated`"
        )),
        Subject::User(name) if name.starts_with("system:serviceaccounts") => {
            Some(format!("`{subject}` matches nobody: `{name}` is a group, not a user"))
        }
        Subject::Group(name) if name.starts_with("system:serviceaccount:") => {
            Some(format!("`{subject}` matches nobody: `{name}` is a user, not a group"))
        }
        _ => None,
    }
}

fn controller_problem(grant: &Grant) -> Option<Problem> {
    grant.binding.source?;
    let place = match &grant.namespace {
        Some(namespace) => format!("in namespace `{namespace}`"),
        None => "anywhere".to_owned(),
    };
    let message = format!(
        "`{}` includes workload controllers: whoever may create a workload {place} can have pods admitted by what `{}` grants",
        grant.subject, grant.role
    );
    let open = grant.subject.includes_a_controller();
    open.then(|| Problem::new(&grant.binding, ProblemCode::OpenThroughControllers, message))
}
