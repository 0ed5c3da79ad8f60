//! Which objects matter, by `apiVersion` and `kind`.

/// What an object is to this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// A PodSecurityPolicy of `policy/v1beta1` or `extensions/v1beta1`.
    PodSecurityPolicy,
    /// A ClusterRole.
    ClusterRole,
    /// A Role.
    Role,
    /// A ClusterRoleBinding.
    ClusterRoleBinding,
    /// A RoleBinding.
    RoleBinding,
    /// A ServiceAccount.
    ServiceAccount,
    /// A Namespace.
    Namespace,
    /// A Pod.
    Pod,
    /// An object with a pod template.
    Workload,
    /// A request as an admission webhook gets it.
    AdmissionReview,
    /// An entry of an API server's audit log.
    AuditEvent,
}

/// What `apiVersion` and `kind` say of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// It matters.
    Known(Class),
    /// It does not.
    Other,
    /// The kind matters, but no release ever served it in this version.
    NoSuchVersion,
    /// Nearly a kind that matters.
    Misspelled(&'static str),
}

const RBAC: &[&str] =
    &["rbac.authorization.k8s.io/v1", "rbac.authorization.k8s.io/v1beta1", "rbac.authorization.k8s.io/v1alpha1"];
const CORE: &[&str] = &["v1"];
const APPS: &[&str] = &["apps/v1", "apps/v1beta2", "apps/v1beta1", "extensions/v1beta1"];

const KINDS: &[(&str, &[&str], Class)] = &[
    ("PodSecurityPolicy", &["policy/v1beta1", "extensions/v1beta1"], Class::PodSecurityPolicy),
    ("ClusterRole", RBAC, Class::ClusterRole),
    ("Role", RBAC, Class::Role),
    ("ClusterRoleBinding", RBAC, Class::ClusterRoleBinding),
    ("RoleBinding", RBAC, Class::RoleBinding),
    ("ServiceAccount", CORE, Class::ServiceAccount),
    ("Namespace", CORE, Class::Namespace),
    ("Pod", CORE, Class::Pod),
    ("PodTemplate", CORE, Class::Workload),
    ("ReplicationController", CORE, Class::Workload),
    ("Deployment", APPS, Class::Workload),
    ("ReplicaSet", &["apps/v1", "apps/v1beta2", "extensions/v1beta1"], Class::Workload),
    ("DaemonSet", &["apps/v1", "apps/v1beta2", "extensions/v1beta1"], Class::Workload),
    ("StatefulSet", &["apps/v1", "apps/v1beta2", "apps/v1beta1"], Class::Workload),
    ("Job", &["batch/v1"], Class::Workload),
    ("CronJob", &["batch/v1", "batch/v1beta1", "batch/v2alpha1"], Class::Workload),
    ("AdmissionReview", &["admission.k8s.io/v1", "admission.k8s.io/v1beta1"], Class::AdmissionReview),
    ("Event", &["audit.k8s.io/v1", "audit.k8s.io/v1beta1", "audit.k8s.io/v1alpha1"], Class::AuditEvent),
];

/// How alike a kind must be to one that matters, from 0 to 1, to be taken for a slip.
const ALIKE: f64 = 0.87;

pub(super) fn kind(api_version: &str, kind: &str) -> Kind {
    match KINDS.iter().find(|(name, ..)| *name == kind) {
        Some((_, versions, class)) if versions.contains(&api_version) => Kind::Known(*class),
        Some((_, versions, _)) if versions.iter().any(|version| group(version) == group(api_version)) => {
            Kind::NoSuchVersion
        }
        Some(_) => Kind::Other,
        None => misspelled(api_version, kind).map_or(Kind::Other, Kind::Misspelled),
    }
}

/// Like a kind of the same group, and not one that exists beside it.
fn misspelled(api_version: &str, kind: &str) -> Option<&'static str> {
    let alike =
        |name: &str| name.eq_ignore_ascii_case(kind) || strsim::normalized_damerau_levenshtein(name, kind) >= ALIKE;
    let found = KINDS.iter().find(|(name, versions, _)| versions.contains(&api_version) && alike(name));
    found.map(|(name, ..)| *name)
}

fn group(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn group_and_version_count() {
        assert_eq!(kind("policy/v1beta1", "PodSecurityPolicy"), Kind::Known(Class::PodSecurityPolicy));
        assert_eq!(kind("policy/v1", "PodSecurityPolicy"), Kind::NoSuchVersion);
        assert_eq!(kind("authorization.openshift.io/v1", "Role"), Kind::Other);
        assert_eq!(kind("v1", "Event"), Kind::Other);
        assert_eq!(kind("audit.k8s.io/v1", "Event"), Kind::Known(Class::AuditEvent));
        assert_eq!(kind("v1", "Service"), Kind::Other);
    }

    #[test]
    fn slips_are_noticed() {
        assert_eq!(kind("policy/v1beta1", "PodSecurityPolcy"), Kind::Misspelled("PodSecurityPolicy"));
        assert_eq!(kind("v1", "pod"), Kind::Misspelled("Pod"));
        for (api_version, name) in [
            ("v1", "PodStatus"),
            ("policy/v1beta1", "PodDisruptionBudget"),
            ("v1", "Node"),
            ("apps/v1", "ControllerRevision"),
        ] {
            assert_eq!(kind(api_version, name), Kind::Other, "{name}");
        }
    }
}
