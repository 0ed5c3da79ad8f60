//! Mutations of the Gatekeeper documents: the parameters of the constraint, the template's Rego, the mutators.

use serde_json::{Value, json};

use super::documents::{replaced, set};
use super::{Mutant, Original};

const CONSTRAINT: &str = "PodSecurityPolicySet";
const TEMPLATE: &str = "ConstraintTemplate";

/// Limits: each parameter that the cluster is about removed, its numbers moved by one, and the Rego that looks at it changed.
pub fn limits(original: &Original, cluster: &str) -> Vec<Mutant> {
    let mut mutants = parameters(original, keys(cluster));
    mutants.extend(mutators(original));
    let edits = REGO.iter().filter(|(of, ..)| *of == cluster);
    mutants.extend(
        edits.map(|(_, what, from, to)| original.mutant(what, replaced(&original.documents, TEMPLATE, from, to))),
    );
    if cluster == "groups" {
        mutants.extend(shape(original));
    }
    mutants
}

/// The parameters that a cluster is about.
fn keys(cluster: &str) -> &'static [&'static str] {
    match cluster {
        "groups" => &[
            "fsGroup",
            "supplementalGroups",
            "privileged",
            "volumes",
            "hostNetwork",
            "hostPorts",
            "allowedCapabilities",
        ],
        "profiles" => &[
            "seccomp.security.alpha.kubernetes.io/allowedProfileNames",
            "seccomp.security.alpha.kubernetes.io/defaultProfileName",
        ],
        "se-linux" => &["seLinux"],
        "node" => &["allowedUnsafeSysctls", "forbiddenSysctls", "runtimeClass"],
        "users" => &["runAsUser", "runAsGroup"],
        "non-root" => &["runAsUser"],
        "capabilities" => &["allowedCapabilities", "defaultAddCapabilities", "requiredDropCapabilities"],
        "privileges" => &["hostPorts", "allowPrivilegeEscalation", "readOnlyRootFilesystem"],
        "app-armor" => &[
            "apparmor.security.beta.kubernetes.io/allowedProfileNames",
            "apparmor.security.beta.kubernetes.io/defaultProfileName",
        ],
        _ => &["volumes", "allowedHostPaths", "allowedFlexVolumes", "allowedCSIDrivers"],
    }
}

/// The template's Rego, changed: the cluster that it concerns, what the change makes of it, and the two texts.
const REGO: &[(&str, &str, &str, &str)] = &[
    (
        "groups",
        "a group passes if no range has it",
        "rule.rule != \"RunAsAny\"\n\t\tgroup",
        "rule.rule == \"RunAsAny\"\n\t\tgroup",
    ),
    (
        "groups",
        "a group that is not set passes",
        "value == null\n\tnot filled_in",
        "value == \"never\"\n\tnot filled_in",
    ),
    (
        "profiles",
        "seccomp annotations are not looked at",
        "first_given([pod_seccomp_annotation, pod_seccomp_field])",
        "first_given([null, pod_seccomp_field])",
    ),
    ("profiles", "the pod's seccomp profile is not inherited", "\tpod_seccomp_field,\n", "\tnull,\n"),
    ("profiles", "the aliases of a profile are not known", "profiles | runtime_default {", "profiles {"),
    (
        "se-linux",
        "levels are compared as text",
        "same_se_linux_level(object.get(a, \"level\", \"\"), object.get(b, \"level\", \"\"))",
        "object.get(a, \"level\", \"\") == object.get(b, \"level\", \"\")",
    ),
    (
        "se-linux",
        "SELinux users are not compared",
        "object.get(a, \"user\", \"\") == object.get(b, \"user\", \"\")\n",
        "is_string(object.get(b, \"user\", \"\"))\n",
    ),
    ("se-linux", "containers' SELinux options are not looked at", "array.concat(own, [{", "array.concat([], [{"),
    ("se-linux", "the pod's SELinux options are not looked at", "[{\"of\": \"pod\", \"options\": pod_options}]", "[]"),
    (
        "node",
        "a host namespace is not looked at",
        r#"["hostNetwork", "hostPID", "hostIPC"]"#,
        r#"["hostNetwork", "hostIPC"]"#,
    ),
    ("node", "forbidden sysctls are not looked at", r#"object.get(policy.spec, "forbiddenSysctls", [])"#, "[]"),
    ("node", "safe sysctls are not known", "not safe_sysctls[name]\n", "name\n"),
    (
        "node",
        "a prefix matches nothing",
        "startswith(name, trim_suffix(pattern, \"*\"))",
        "name == trim_suffix(pattern, \"*\")",
    ),
    (
        "node",
        "runtime classes that are not set pass",
        "asked == null\n\t\tobject.get(classes",
        "asked == \"never\"\n\t\tobject.get(classes",
    ),
    (
        "users",
        "the pod's user is not inherited",
        r#"object.get(context, "runAsUser", object.get(pod_context, "runAsUser", null))"#,
        r#"object.get(context, "runAsUser", null)"#,
    ),
    (
        "users",
        "the pod's group is not inherited",
        r#"object.get(context, "runAsGroup", object.get(pod_context, "runAsGroup", null))"#,
        r#"object.get(context, "runAsGroup", null)"#,
    ),
    ("users", "the end of a range is left out", "id <= range.max", "id < range.max"),
    ("users", "the start of a range is left out", "range.min <= id", "range.min < id"),
    (
        "users",
        "a user that is not set passes",
        "rule.rule == \"MustRunAs\"\n\tcontainer.runAsUser == null",
        "rule.rule == \"never\"\n\tcontainer.runAsUser == null",
    ),
    ("users", "a group that is not set passes", "group == null\n", "group == \"never\"\n"),
    (
        "non-root",
        "root is not looked at",
        "container.runAsNonRoot != false\n\tcontainer.runAsUser == 0",
        "container.runAsNonRoot != false\n\tcontainer.runAsUser == \"never\"",
    ),
    (
        "non-root",
        "a user stands in for nothing",
        "container.runAsNonRoot == null\n\tcontainer.runAsUser == null",
        "container.runAsNonRoot == null",
    ),
    (
        "non-root",
        "the flag is not looked at",
        "container.runAsNonRoot == false\n",
        "container.runAsNonRoot == \"never\"\n",
    ),
    ("capabilities", "added capabilities are not looked at", "name := container.add[_]", "name := container.drop[_]"),
    ("capabilities", "default capabilities are not allowed", "allowed := listed | added", "allowed := listed"),
    ("capabilities", "dropping is not demanded", "| (dropped - container.drop)", "| (dropped - dropped)"),
    (
        "capabilities",
        "what is dropped must be added",
        "((added - container.drop) - container.add)",
        "(added - container.add)",
    ),
    ("privileges", "init containers are not looked at", r#"["initContainers", "containers"]"#, r#"["containers"]"#),
    ("privileges", "containers are not looked at", r#"["initContainers", "containers"]"#, r#"["initContainers"]"#),
    (
        "privileges",
        "ephemeral containers are not looked at",
        "container_lists[\"ephemeralContainers\"] {",
        "container_lists[\"none\"] {",
    ),
    ("privileges", "port 1 is no port", "port > 0", "port > 1"),
    ("privileges", "privileged containers pass", "container.privileged == true", "container.privileged == \"never\""),
    (
        "privileges",
        "escalation passes",
        "container.allowPrivilegeEscalation == true",
        "container.allowPrivilegeEscalation == \"never\"",
    ),
    (
        "privileges",
        "escalation that is not set passes",
        "container.allowPrivilegeEscalation == null",
        "container.allowPrivilegeEscalation == \"never\"",
    ),
    ("privileges", "an unset root filesystem passes", "assumed(true)]) != true", "true]) != true"),
    ("privileges", "defaults are assumed", "default filled_in = false", "default filled_in = true"),
    (
        "privileges",
        "what was found is not counted",
        "count(container_problems(policy)) == 0",
        "count(container_problems(policy)) >= 0",
    ),
    (
        "app-armor",
        "AppArmor annotations are not looked at",
        "unless_empty(object.get(annotations, concat(\"\", [\"container.apparmor",
        "unless_empty(object.get({}, concat(\"\", [\"container.apparmor",
    ),
    (
        "app-armor",
        "the pod's AppArmor profile is not inherited",
        "profile_text(object.get(pod_context, \"appArmorProfile\", null)),",
        "null,",
    ),
    ("volumes", "token volumes are not known", "not token_volume(listed, volume)\n", ""),
    (
        "volumes",
        "any projected volume is a token volume",
        "count([source | source := volume.sources[_]; token_source(source)]) == count(volume.sources)",
        "count(volume.sources) >= 0",
    ),
    (
        "volumes",
        "an empty list of paths refuses all",
        "count(allowed) > 0\n\tvolume := pod_volumes[_]\n\tvolume.type == \"hostPath\"",
        "volume := pod_volumes[_]\n\tvolume.type == \"hostPath\"",
    ),
    (
        "volumes",
        "paths are compared as text",
        "startswith(trim_suffix(path, \"/\"), concat(\"\", [trim_suffix(prefix, \"/\"), \"/\"]))",
        "startswith(path, prefix)",
    ),
    (
        "volumes",
        "paths must be equal",
        "startswith(trim_suffix(path, \"/\"), concat(\"\", [trim_suffix(prefix, \"/\"), \"/\"]))",
        "path == prefix",
    ),
    (
        "volumes",
        "a slash at the end counts",
        "trim_suffix(path, \"/\") == trim_suffix(prefix, \"/\")",
        "path == prefix",
    ),
    ("volumes", "mounts are not looked at", "not written_volumes[name]\n", "name\n"),
    (
        "volumes",
        "every entry is read-only",
        "object.get(entry, \"readOnly\", false) == false",
        "object.get(entry, \"readOnly\", false) == \"never\"",
    ),
    ("volumes", "no entry is read-only", "object.get(entry, \"readOnly\", false) == false", "entry"),
    (
        "volumes",
        "mounts that say nothing are read-only",
        "object.get(mount, \"readOnly\", false) == false",
        "object.get(mount, \"readOnly\", true) == false",
    ),
    ("volumes", "drivers are not compared", "not allowed[driver]\n", "not allowed[\"example/lvm\"]\n"),
    ("volumes", "a volume type is not known", "\"csi\", \"ephemeral\",", "\"ephemeral\","),
    (
        "volumes",
        "volume types are not compared",
        "not listed[type]\n\tnot token",
        "not listed[\"secret\"]\n\tnot token",
    ),
];

fn shape(original: &Original) -> Vec<Mutant> {
    let documents = &original.documents;
    let elsewhere = json!([{"apiGroups": [""], "kinds": ["Service"]}]);
    vec![
        original
            .mutant("violations are warned of", set(documents, CONSTRAINT, "/spec/enforcementAction", &json!("warn"))),
        original
            .mutant("violations are counted", set(documents, CONSTRAINT, "/spec/enforcementAction", &json!("dryrun"))),
        original.mutant("other things are looked at", set(documents, CONSTRAINT, "/spec/match/kinds", &elsewhere)),
        original.mutant(
            "a namespace is excluded",
            set(documents, CONSTRAINT, "/spec/match/excludedNamespaces", &json!(["def*"])),
        ),
        original.mutant(
            "pods with a label only",
            set(documents, CONSTRAINT, "/spec/match/labelSelector", &json!({"matchLabels": {"a": "b"}})),
        ),
        original.mutant(
            "defaults are assumed",
            set(documents, CONSTRAINT, "/spec/parameters/defaulting", &json!("Assume")),
        ),
        original.mutant("no sysctl is safe", set(documents, CONSTRAINT, "/spec/parameters/safeSysctls", &json!([]))),
        original.mutant(
            "creation is not judged",
            replaced(documents, TEMPLATE, r#"{"", "CREATE", "UPDATE"}"#, r#"{"", "UPDATE"}"#),
        ),
        original.mutant(
            "updates are not judged",
            replaced(documents, TEMPLATE, r#"{"", "CREATE", "UPDATE"}"#, r#"{"", "CREATE"}"#),
        ),
    ]
}

/// Parameters of the policy, removed; every number in them one off.
fn parameters(original: &Original, keys: &[&str]) -> Vec<Mutant> {
    let constraint = original.documents.iter().find(|document| document["kind"] == CONSTRAINT).unwrap();
    let policy = &constraint["spec"]["parameters"]["policies"][0];
    let mut mutants = Vec::new();
    for part in ["spec", "annotations"] {
        for (key, value) in policy[part].as_object().unwrap().iter().filter(|(key, _)| keys.contains(&key.as_str())) {
            let key = key.replace('/', "~1");
            let pointer = format!("/spec/parameters/policies/0/{part}/{key}");
            let removed = set(&original.documents, CONSTRAINT, &pointer, &Value::Null);
            mutants.push(original.mutant(&format!("{key} removed"), removed));
            // Every port and every group that there is stays allowed.
            let moved = if key == "hostPorts" && keys.len() > 3 { Vec::new() } else { numbers(value) };
            for (path, number) in moved {
                for step in [-1, 1] {
                    let moved =
                        set(&original.documents, CONSTRAINT, &format!("{pointer}{path}"), &json!(number + step));
                    mutants.push(original.mutant(&format!("{key}{path} {step:+}"), moved));
                }
            }
        }
    }
    mutants
}

fn numbers(value: &Value) -> Vec<(String, i64)> {
    let below = |key: String, value: &Value| -> Vec<(String, i64)> {
        numbers(value).into_iter().map(|(path, number)| (format!("/{key}{path}"), number)).collect()
    };
    match value {
        Value::Number(number) => vec![(String::new(), number.as_i64().unwrap())],
        Value::Object(map) => map.iter().flat_map(|(key, value)| below(key.clone(), value)).collect(),
        Value::Array(items) => items.iter().enumerate().flat_map(|(at, value)| below(at.to_string(), value)).collect(),
        _ => Vec::new(),
    }
}

/// Every mutator, forgotten.
fn mutators(original: &Original) -> Vec<Mutant> {
    let is_mutator = |document: &Value| document["apiVersion"].as_str().unwrap().starts_with("mutations.");
    let mutators = original.documents.iter().enumerate().filter(|(_, document)| is_mutator(document));
    let forgotten = mutators.map(|(at, document)| {
        let mut documents = original.documents.clone();
        documents.remove(at);
        original.mutant(&format!("mutator {} forgotten", document["metadata"]["name"].as_str().unwrap()), documents)
    });
    forgotten.collect()
}

/// Who may use which policy.
pub fn wiring(original: &Original) -> Vec<Mutant> {
    let documents = &original.documents;
    let constraint = documents.iter().find(|document| document["kind"] == CONSTRAINT).unwrap();
    let policies = constraint["spec"]["parameters"]["policies"].as_array().unwrap();
    let mut mutants = Vec::new();
    for (at, policy) in policies.iter().enumerate() {
        let name = policy["name"].as_str().unwrap();
        let pointer = format!("/spec/parameters/policies/{at}");
        mutants.push(original.mutant(&format!("{name} forgotten"), set(documents, CONSTRAINT, &pointer, &Value::Null)));
        for (index, grant) in policy["grants"].as_array().unwrap().iter().enumerate() {
            let pointer = format!("{pointer}/grants/{index}");
            let mut change = |what: &str, value: Value| {
                let what = format!("{name} grant {index} {what}");
                mutants.push(original.mutant(&what, set(documents, CONSTRAINT, &pointer, &value)));
            };
            change("forgotten", Value::Null);
            let with = |changes: &[(&str, &Value)]| {
                let mut grant = grant.clone();
                changes.iter().for_each(|(key, value)| grant[*key] = (*value).clone());
                grant
            };
            change("users and groups swapped", with(&[("users", &grant["groups"]), ("groups", &grant["users"])]));
            let everywhere = grant["namespaces"] == json!([]);
            let place = if everywhere { json!(["team-b"]) } else { json!([]) };
            change(if everywhere { "in one namespace only" } else { "everywhere" }, with(&[("namespaces", &place)]));
            change("to everybody", with(&[("groups", &json!(["system:authenticated"]))]));
        }
    }
    let rego: [(&str, &str, &str); 7] = [
        ("namespaces are not compared", "grant.namespaces[_] == namespace", "grant.namespaces[_] != \"\""),
        ("the pod's account has no name", "users[user] {\n\taccount != \"\"", "users[user] {\n\taccount == \"never\""),
        (
            "the pod's account has no groups",
            "groups[group] {\n\taccount != \"\"",
            "groups[group] {\n\taccount == \"never\"",
        ),
        (
            "the requester has no name",
            "users[requester] {\n\trequester != \"\"",
            "users[requester] {\n\trequester == \"never\"",
        ),
        (
            "the requester has no groups",
            "groups[group] {\n\trequester_groups[group]",
            "groups[group] {\n\trequester_groups[group]\n\tgroup == \"never\"",
        ),
        (
            "whoever may use nothing may do anything",
            "\tjudged\n\tnot admitted",
            "\tjudged\n\tcount(usable_policies) > 0\n\tnot admitted",
        ),
        (
            "accounts are of the namespace `default`",
            "[\"system:serviceaccount\", namespace, account]",
            "[\"system:serviceaccount\", \"default\", account]",
        ),
    ];
    mutants.extend(rego.iter().map(|(what, from, to)| original.mutant(what, replaced(documents, TEMPLATE, from, to))));
    mutants
}
