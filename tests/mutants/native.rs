//! Mutations of native policies as documents.

use serde_json::{Value, json};

use super::documents::{replaced, set, split, without};
use super::{Mutant, Original};

const VALIDATING: &str = "ValidatingAdmissionPolicy";
const MUTATING: &str = "MutatingAdmissionPolicy";

/// Where the first of two is replaced by the second.
type Edit = (&'static str, &'static str, &'static str, &'static str);

fn edited(original: &Original, edits: &[Edit]) -> Vec<Mutant> {
    let mutant = |(what, kind, from, to): &Edit| original.mutant(what, replaced(&original.documents, kind, from, to));
    edits.iter().map(mutant).collect()
}

/// What concerns the limits of a cluster; and the shape of the documents, for one of them.
pub fn limits(original: &Original, cluster: &str) -> Vec<Mutant> {
    let mut mutants = edited(original, edits(cluster));
    if cluster == "groups" {
        mutants.extend(shape(original));
        mutants.extend(without_each_mutation(original));
        mutants.extend(without_each_conjunct(original, VALIDATING));
    }
    mutants
}

fn edits(cluster: &str) -> &'static [Edit] {
    match cluster {
        "groups" => &[
            (
                "written whatever the pod says",
                MUTATING,
                "!object.spec.?securityContext.?fsGroup.hasValue() ?",
                "true ?",
            ),
            ("written elsewhere", MUTATING, "/spec/securityContext/fsGroup", "/spec/securityContext/runAsGroup"),
            ("the annotation is written under another key", MUTATING, "kubernetes.io~1psp", "kubernetes.io~1pss"),
            (
                "some group suffices",
                VALIDATING,
                ".?supplementalGroups.orValue([]).all(x",
                ".?supplementalGroups.orValue([]).exists(x",
            ),
        ],
        "profiles" => &[
            (
                "spelled as in annotations",
                MUTATING,
                "{'type': 'RuntimeDefault'}",
                "{'type': 'Localhost', 'localhostProfile': 'runtime/default'}",
            ),
            (
                "the container's profile is not looked at",
                VALIDATING,
                "c.?securityContext.?seccompProfile.or(object.spec.?securityContext.?seccompProfile)",
                "object.spec.?securityContext.?seccompProfile",
            ),
            (
                "the pod's profile comes first",
                VALIDATING,
                "c.?securityContext.?seccompProfile.or(object.spec.?securityContext.?seccompProfile)",
                "object.spec.?securityContext.?seccompProfile.or(c.?securityContext.?seccompProfile)",
            ),
            ("a file is not looked at", VALIDATING, "'localhost/' + p.localhostProfile", "'localhost/a.json'"),
        ],
        "se-linux" => &[
            ("the sensitivity is not compared", VALIDATING, ".startsWith('s0:')", ".startsWith('')"),
            ("the categories are not counted", VALIDATING, "l.size() == 2 &&", ""),
            ("only the pod's options are looked at", VALIDATING, "variables.containers.all(c", "[].all(c"),
        ],
        "node" => &[
            (
                "a host namespace is mistaken for another",
                VALIDATING,
                "object.spec.?hostPID",
                "object.spec.?hostNetwork",
            ),
            (
                "absent is taken for set",
                VALIDATING,
                "object.spec.?hostPID.orValue(false)",
                "object.spec.?hostPID.orValue(true)",
            ),
            (
                "a sysctl's prefix is taken for its name",
                VALIDATING,
                "x.name.startsWith('net.core.')",
                "x.name == 'net.core.'",
            ),
            ("some sysctl suffices", VALIDATING, ".?sysctls.orValue([]).all(x", ".?sysctls.orValue([]).exists(x"),
            (
                "the runtime class is written whatever the pod says",
                MUTATING,
                "!object.spec.?runtimeClassName.hasValue() ?",
                "true ?",
            ),
        ],
        "users" => &[
            ("the pod's user is not inherited", VALIDATING, ".or(object.spec.?securityContext.?runAsUser)", ""),
            ("the pod's group is not inherited", VALIDATING, ".or(object.spec.?securityContext.?runAsGroup)", ""),
            (
                "the pod's user comes first",
                VALIDATING,
                "c.?securityContext.?runAsUser.or(object.spec.?securityContext.?runAsUser)",
                "object.spec.?securityContext.?runAsUser.or(c.?securityContext.?runAsUser)",
            ),
            ("filled in although the pod has one", MUTATING, ".or(object.spec.?securityContext.?runAsUser)", ""),
            ("fills go to the first container", MUTATING, "'/spec/containers/' + string(i)", "'/spec/containers/0'"),
            (
                "fills of init containers go to containers",
                MUTATING,
                "'/spec/initContainers/' + string(i)",
                "'/spec/containers/' + string(i)",
            ),
        ],
        "non-root" => &[
            (
                "a user stands in for nothing",
                MUTATING,
                " || variables.containers[i].?securityContext.?runAsUser.or(object.spec.?securityContext.?runAsUser).hasValue()",
                "",
            ),
            ("root is not looked at", VALIDATING, "!(v == 0)", "true"),
            (
                "the flag is not looked at",
                VALIDATING,
                "?runAsNonRoot).orValue(true) == true",
                "?runAsNonRoot).orValue(true) in [true, false]",
            ),
        ],
        "capabilities" => &[
            ("some added capability suffices", VALIDATING, ".?add.orValue([]).all(x", ".?add.orValue([]).exists(x"),
            ("added capabilities count as dropped", VALIDATING, ".?capabilities.?add", ".?capabilities.?drop"),
            (
                "what is filled in replaces what was there",
                MUTATING,
                "variables.containers[i].?securityContext.?capabilities.?drop.orValue([]) + [",
                "[",
            ),
            ("what is dropped is added all the same", MUTATING, "!(x in variables", "!(x + 'x' in variables"),
            ("lists are not sorted", MUTATING, ".distinct().sort()", ".distinct()"),
        ],
        "privileges" => &[
            ("init containers are not judged", VALIDATING, " + object.spec.?initContainers.orValue([])", ""),
            ("ephemeral containers are not judged", VALIDATING, " + object.spec.?ephemeralContainers.orValue([])", ""),
            ("only init containers are judged", VALIDATING, "object.spec.?containers.orValue([]) + ", ""),
            ("init containers are not filled in", MUTATING, " + object.spec.?initContainers.orValue([])", ""),
            ("some container suffices", VALIDATING, "variables.containers.all(c", "variables.containers.exists(c"),
            ("some port suffices", VALIDATING, "c.?ports.orValue([]).all(x", "c.?ports.orValue([]).exists(x"),
            (
                "privileged is taken for its opposite",
                VALIDATING,
                "?privileged.orValue(false) == false",
                "?privileged.orValue(false) == true",
            ),
            (
                "written whatever is there",
                MUTATING,
                "!variables.containers[i].?securityContext.?readOnlyRootFilesystem.hasValue()",
                "true",
            ),
        ],
        "app-armor" => &[
            (
                "the pod's profile is not inherited",
                VALIDATING,
                ".or(object.spec.?securityContext.?appArmorProfile)",
                "",
            ),
            ("a file is not looked at", VALIDATING, "'localhost/' + p.localhostProfile", "'localhost/a'"),
        ],
        _ => &[
            ("token volumes are not known", VALIDATING, " == 'token'", " == 'never'"),
            ("any audience is a token's", VALIDATING, "s.serviceAccountToken.?audience.orValue('') == ''", "true"),
            ("some volume suffices", VALIDATING, "volumes.orValue([]).all(volume", "volumes.orValue([]).exists(volume"),
            ("paths are compared as text", VALIDATING, ".startsWith('/srv/data/')", ".startsWith('/srv/data')"),
            (
                "mounts are not looked at",
                VALIDATING,
                "?readOnly.orValue(false) == false",
                "?readOnly.orValue(false) == true",
            ),
        ],
    }
}

fn shape(original: &Original) -> Vec<Mutant> {
    let documents = &original.documents;
    let mutant = |what: &str, documents| original.mutant(what, documents);
    let rule = "/spec/matchConstraints/resourceRules/0";
    let bound = |pointer: &str, value| set(documents, "ValidatingAdmissionPolicyBinding", pointer, &value);
    let judged = |pointer: &str, value| set(documents, VALIDATING, pointer, &value);
    let skips = json!({"name": "x", "expression": "!object.spec.?hostPID.orValue(false)"});
    let expression = json!({"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["default"]});
    vec![
        mutant("nothing is bound", without(documents, "ValidatingAdmissionPolicyBinding")),
        mutant("nothing is validated", without(documents, VALIDATING)),
        mutant("nothing is filled in", without(documents, "MutatingAdmissionPolicyBinding")),
        mutant("violations are audited", bound("/spec/validationActions", json!(["Audit"]))),
        mutant("violations are warned of", bound("/spec/validationActions", json!(["Warn"]))),
        mutant(
            "a namespace is excluded",
            bound("/spec/matchResources", json!({"namespaceSelector": {"matchExpressions": [expression]}})),
        ),
        mutant("updates are not judged", judged(&format!("{rule}/operations"), json!(["CREATE"]))),
        mutant("creation is not judged", judged(&format!("{rule}/operations"), json!(["UPDATE"]))),
        mutant("another resource is judged", judged(&format!("{rule}/resources"), json!(["services"]))),
        mutant("failures are ignored", judged("/spec/failurePolicy", json!("Ignore"))),
        mutant("some pods are left out", judged("/spec/matchConditions/0", skips)),
        mutant(
            "creation is not filled in",
            set(documents, MUTATING, &format!("{rule}/operations"), &json!(["UPDATE"])),
        ),
    ]
}

/// The choice among policies.
pub fn choice(original: &Original) -> Vec<Mutant> {
    let mut mutants = edited(
        original,
        &[
            ("the seccomp field is no reason to look further", MUTATING, "!variables.seccomp_was_copied", "true"),
            ("the first policy is chosen", MUTATING, "variables.filled_a_fills && !", "!"),
            (
                "the annotation stays where nothing was chosen",
                MUTATING,
                "[JSONPatch{op: 'remove', path: '/metadata/annotations/kubernetes.io~1psp'}]",
                "[]",
            ),
            ("annotations are replaced", MUTATING, "has(object.metadata.annotations) ?", "false ?"),
            ("every policy fills in", MUTATING, "orValue('') == 'b-fills' ?", "orValue('') != '' ?"),
        ],
    );
    mutants.extend(without_each_mutation(original));
    mutants.extend(without_each_conjunct(original, VALIDATING));
    mutants.extend(without_each_conjunct(original, MUTATING));
    mutants.extend(without_each_disjunct(original));
    mutants
}

/// Grants that stand in the expressions.
pub fn frozen(original: &Original) -> Vec<Mutant> {
    edited(
        original,
        &[
            (
                "the pod's account may use nothing",
                VALIDATING,
                " || request.namespace == 'team' && object.spec.?serviceAccountName.orValue('') != ''",
                "",
            ),
            ("no user may use anything", VALIDATING, "request.userInfo.?username.orValue('') in", "'' in"),
            ("no group may use anything", VALIDATING, "request.userInfo.?groups.orValue([])", "[]"),
            (
                "namespaces are matched by prefix",
                VALIDATING,
                "request.namespace == 'team'",
                "request.namespace.startsWith('team')",
            ),
            ("namespaces are not matched", VALIDATING, "request.namespace == 'team' && ", ""),
            (
                "accounts are matched by prefix",
                VALIDATING,
                "orValue('') == 'builder'",
                "orValue('').startsWith('build')",
            ),
            (
                "a pod without an account counts as one",
                VALIDATING,
                "object.spec.?serviceAccountName.orValue('') != ''",
                "true",
            ),
        ],
    )
}

/// What is asked of the authorizer.
pub fn live(original: &Original) -> Vec<Mutant> {
    edited(
        original,
        &[
            (
                "the pod's account is not asked for",
                VALIDATING,
                "authorizer.serviceAccount(request.namespace, object.spec.?serviceAccountName.orValue(''))",
                "authorizer",
            ),
            (
                "the requester is not asked for",
                VALIDATING,
                "|| authorizer.group",
                "|| authorizer.serviceAccount(request.namespace, 'x').group",
            ),
            ("another policy is asked for", VALIDATING, ".name('accounts')", ".name('people')"),
            ("another namespace is asked for", VALIDATING, ".namespace(request.namespace)", ".namespace('team-b')"),
            (
                "accounts of another namespace are asked for",
                VALIDATING,
                "serviceAccount(request.namespace,",
                "serviceAccount('team-b',",
            ),
            ("the choice asks for another policy", MUTATING, ".name('builders')", ".name('accounts')"),
            (
                "the choice does not ask for the account",
                MUTATING,
                "authorizer.serviceAccount(request.namespace, object.spec.?serviceAccountName.orValue(''))",
                "authorizer",
            ),
        ],
    )
}

fn without_each_mutation(original: &Original) -> Vec<Mutant> {
    let policy = original.documents.iter().find(|document| document["kind"] == MUTATING).unwrap();
    let count = policy["spec"]["mutations"].as_array().unwrap().len();
    let mutant = |index: usize| {
        let documents = set(&original.documents, MUTATING, &format!("/spec/mutations/{index}"), &Value::Null);
        original.mutant(&format!("mutation {index} forgotten"), documents)
    };
    (0..count).map(mutant).collect()
}

/// Whether a policy admits a pod, and whether it has nothing to fill in: each without one of its conditions.
fn without_each_conjunct(original: &Original, kind: &str) -> Vec<Mutant> {
    let policy = original.documents.iter().find(|document| document["kind"] == kind).unwrap();
    let mut mutants = Vec::new();
    for (at, variable) in policy["spec"]["variables"].as_array().unwrap().iter().enumerate() {
        let (name, expression) = (variable["name"].as_str().unwrap(), variable["expression"].as_str().unwrap());
        if !["admits_", "filled_", "hostNamespaces"].iter().any(|prefix| name.starts_with(prefix)) {
            continue;
        }
        let parts = split(expression, " && ");
        for index in 0..parts.len() {
            let kept: Vec<&str> =
                parts.iter().enumerate().filter(|(at, _)| *at != index).map(|(_, part)| *part).collect();
            let kept = if kept.is_empty() { "true".to_owned() } else { kept.join(" && ") };
            let documents = set(&original.documents, kind, &format!("/spec/variables/{at}/expression"), &json!(kept));
            let part = parts[index].trim_start_matches("variables.");
            let part: String = part.chars().take(60).collect();
            mutants.push(original.mutant(&format!("{kind} {name} without {part}"), documents));
        }
    }
    mutants
}

/// The validation without one of the policies.
fn without_each_disjunct(original: &Original) -> Vec<Mutant> {
    let policy = original.documents.iter().find(|document| document["kind"] == VALIDATING).unwrap();
    let parts = split(policy["spec"]["validations"][0]["expression"].as_str().unwrap(), " || ");
    let mutant = |index: usize| {
        let kept: Vec<&str> = parts.iter().enumerate().filter(|(at, _)| *at != index).map(|(_, part)| *part).collect();
        let documents =
            set(&original.documents, VALIDATING, "/spec/validations/0/expression", &json!(kept.join(" || ")));
        original.mutant(&format!("policy {index} is not validated"), documents)
    };
    (0..parts.len()).map(mutant).collect()
}
