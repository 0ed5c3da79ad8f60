//! Mutants that say the same as what they were made of.

/// Parts of a mutant's name, and why it says the same.
pub const EQUIVALENT: &[(&[&str], &str)] = &[
    (&["without allowedProcMountTypes"], "no server takes another kind without a user namespace"),
    (&["allowedProcMountTypes: forgotten"], "no server takes another kind without a user namespace"),
    (&["ProcMount one name more"], "no server takes another kind without a user namespace"),
    (&["groups vap", "without hostPorts"], "the policy allows every port"),
    (&["order ", "hostPorts"], "the policies allow every port"),
    (&["profiles ", "Seccomp one name more"], "no server takes a profile of that name"),
    (&["profiles ", "Seccomp without the first"], "the first is an alias that today's servers do not heed: left out"),
    (&["app-armor ", "AppArmor one name more"], "no server takes a profile of that name"),
    (&["node ", "Sysctl without the first"], "the first is a safe one that the policy forbids"),
    (&["copy of the seccomp field: forgotten"], "with one policy there is nothing to choose"),
    (&["order ", "ValidatingAdmissionPolicy filled_b"], "what is judged has been filled in before"),
    (&["the annotation stays where nothing was chosen"], "such a pod is denied"),
    (
        &["order ", "MutatingAdmissionPolicy hostNamespaces without"],
        "where this policy is looked at, another one comes first or all deny",
    ),
    (
        &["order ", "MutatingAdmissionPolicy admits_b_fills without hostNamespaces"],
        "where this policy is looked at, another one comes first or all deny",
    ),
    (&["a pod without an account counts as one"], "every pod has an account when it is judged"),
    (&["failures are ignored"], "no expression fails on a pod that the server takes"),
    (&["ephemeral containers are not judged"], "no pod is created with ephemeral containers"),
    (&["privileges ", "written whatever is there"], "a pod that says otherwise is denied, and not filled in"),
    (&["app-armor ", "the pod's profile is not inherited"], "1.24 knows no such field: such pods are left out"),
    (&["groups gatekeeper", "defaults are assumed"], "the mutators have filled in before"),
    (&["gatekeeper", "defaultProfileName removed"], "the mutators have filled in before"),
    (&["groups gatekeeper", "no sysctl is safe"], "the policy allows every sysctl"),
    (&["node gatekeeper", "safe sysctls are not known"], "the policy forbids every safe one"),
    (
        &["profiles gatekeeper", "seccomp annotations are not looked at"],
        "today's servers heed the field alone: left out",
    ),
    (
        &["profiles gatekeeper", "the aliases of a profile are not known"],
        "today's servers heed the field alone: left out",
    ),
    (&["gatekeeper", "ephemeral containers are not looked at"], "no pod is created with ephemeral containers"),
    (
        &["privileges gatekeeper", "privileged containers pass"],
        "no privileged container forgoes escalation, as is demanded",
    ),
    (&["privileges ", "privileged: forgotten"], "no privileged container forgoes escalation, as is demanded"),
    (&["volumes gatekeeper", "an empty list of paths refuses all"], "the policy lists paths"),
    (&["labels ", "no level"], "the cluster's default is the same level"),
    (&["labels ", "the label misspelled"], "the cluster's default is the same level"),
    (&["labels ", "another namespace is labelled"], "the cluster's default is the same level"),
    (&["labels ", "an old version"], "what it does not admit yet the policy denies"),
    (&["labels ", "a version that there is none of"], "it means the newest, which says the same of these pods"),
];

/// The cluster whose policy limits ports.
const LIMITS_PORTS: &str = "privileges ";

/// The same for the others.
const EVERY_PORT: &[(&str, &str)] = &[
    ("limits hostPorts: forgotten", "the policy allows every port"),
    ("HostPort range 0: min", "port 0 is no port"),
    ("HostPort range 0: max + 1", "there is no port above 65535"),
];

/// Why the mutant of this name says the same, if it does.
pub fn reason(name: &str) -> Option<&'static str> {
    let same = EQUIVALENT.iter().find(|(parts, _)| parts.iter().all(|part| name.contains(part)));
    let of_ports = EVERY_PORT.iter().find(|(part, _)| name.contains(part) && !name.starts_with(LIMITS_PORTS));
    same.map(|(_, reason)| *reason).or(of_ports.map(|(_, reason)| *reason))
}
