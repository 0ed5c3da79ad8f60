//! The whole way from manifests to usable sets.

use super::*;
use proptest::prelude::*;
use serde_json::json;

/// A cluster role of this name that lets use the named policies.
pub(crate) fn role(name: &str, policies: &[&str]) -> Value {
    json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": name},
        "rules": [{"verbs": ["use"], "apiGroups": ["policy"], "resources": ["podsecuritypolicies"],
            "resourceNames": policies}]})
}

/// A binding of a cluster role to subjects written `Kind name` or `ServiceAccount namespace/name`.
pub(crate) fn binding(namespace: Option<&str>, role: &str, subjects: &[&str]) -> Value {
    let subject = |text: &&str| {
        let (kind, name) = text.split_once(' ').unwrap();
        match name.split_once('/') {
            Some((namespace, name)) => json!({"kind": kind, "name": name, "namespace": namespace}),
            None => json!({"kind": kind, "name": name}),
        }
    };
    let kind = if namespace.is_some() { "RoleBinding" } else { "ClusterRoleBinding" };
    let subjects: Vec<Value> = subjects.iter().map(subject).collect();
    let name = format!("{}-{role}-{subjects:?}", namespace.unwrap_or_default()).replace('/', "-");
    json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "roleRef": {"kind": "ClusterRole", "name": role}, "subjects": subjects})
}

const POLICIES: [&str; 3] = ["p", "q", "r"];

fn build(objects: &[Value]) -> Rbac {
    Rbac::build(objects, &POLICIES, RbacOptions::default())
}

/// The request is `namespace user group,group service-account`.
fn check(rbac: &Rbac, request: &str, expected: &str) {
    let [namespace, user, groups, account] = request.split(' ').collect::<Vec<_>>()[..] else { panic!("{request}") };
    let groups: Vec<&str> = groups.split(',').collect();
    let usable = rbac.usable_by_request(namespace, Some(account), user, &groups);
    assert_eq!(rbac.names(&usable).collect::<Vec<_>>().join(","), expected, "{request}");
}

#[test]
fn either_identity_opens_a_policy() {
    let rbac = build(&[
        role("p", &["p"]),
        role("q", &["q"]),
        binding(Some("a"), "p", &["ServiceAccount web"]),
        binding(None, "q", &["Group dev"]),
    ]);
    check(&rbac, "a bob dev web", "p,q");
    check(&rbac, "a bob ops web", "p");
    check(&rbac, "b bob dev web", "q");
    check(&rbac, "b bob ops web", "");
    // The account of another namespace, as the requester in the binding's namespace.
    check(&rbac, "a system:serviceaccount:a:web x other", "p");
}

#[test]
fn a_role_counts_only_in_its_own_namespace() {
    let mut local = role("p", &["p"]);
    local["kind"] = json!("Role");
    local["metadata"]["namespace"] = json!("a");
    let bind = |namespace: &str| {
        let mut binding = binding(Some(namespace), "p", &["User u"]);
        binding["roleRef"]["kind"] = json!("Role");
        binding
    };
    let rbac = build(&[local, bind("a"), bind("b")]);
    check(&rbac, "a u x ", "p");
    check(&rbac, "b u x ", "");
}

#[test]
fn a_pods_account_is_in_two_groups_only() {
    let rbac = build(&[
        role("p", &["p"]),
        role("q", &["q"]),
        role("r", &["r"]),
        binding(None, "p", &["Group system:authenticated"]),
        binding(None, "q", &["Group system:serviceaccounts"]),
        binding(None, "r", &["Group system:serviceaccounts:a"]),
        binding(Some("c"), "r", &["Group system:serviceaccounts"]),
    ]);
    check(&rbac, "a bob x web", "q,r");
    check(&rbac, "c bob x web", "q,r");
    check(&rbac, "b bob x web", "q");
    check(&rbac, "b bob x ", "");
    check(&rbac, "b bob system:authenticated ", "p");
}

#[test]
fn masters_use_everything_through_cluster_admin() {
    let rbac = build(&[]);
    check(&rbac, "a root system:masters ", "p,q,r");
    let bare = RbacOptions { bootstrap: false, ..RbacOptions::default() };
    let rbac = Rbac::build(&[], &POLICIES, bare);
    check(&rbac, "a root system:masters ", "");
}

#[test]
fn labelled_roles_reach_the_holders_of_edit_and_admin() {
    let mut labelled = role("p", &["p"]);
    labelled["metadata"]["labels"] = json!({"rbac.authorization.k8s.io/aggregate-to-edit": "true"});
    let mut local = role("local", &["q"]);
    local["kind"] = json!("Role");
    let rbac = build(&[
        local,
        labelled,
        binding(Some("a"), "edit", &["User e"]),
        binding(Some("a"), "admin", &["User a"]),
        binding(Some("a"), "view", &["User v"]),
    ]);
    check(&rbac, "a e x ", "p");
    check(&rbac, "a a x ", "p");
    check(&rbac, "a v x ", "");
    let grant = rbac.grants().iter().find(|grant| grant.subject.name() == "a").unwrap();
    let through = [Some(&grant.binding), Some(&grant.role), grant.aggregated_from.as_ref()];
    let through: Vec<&str> = through.into_iter().flatten().map(|id| id.name.as_str()).collect();
    assert_eq!(through[1..], ["admin", "p"]);
}

#[test]
fn policy_grants_leave_out_what_a_wider_grant_includes() {
    let rbac = build(&[
        role("p", &["p"]),
        binding(None, "p", &["User u"]),
        binding(Some("a"), "p", &["User u", "ServiceAccount web", "Group g"]),
    ]);
    let atoms = rbac.policy_grants(0);
    let text = |atom: &GrantAtom| format!("{} in {}", atom.subject, atom.namespace.as_deref().unwrap_or("*"));
    let text: Vec<String> = atoms.iter().map(text).collect();
    let expected = ["Group g in a", "Group system:masters in *", "ServiceAccount a/web in a", "User u in *"];
    assert_eq!(text, expected);
}

#[test]
fn odd_wiring_is_told() {
    let rbac = build(&[
        role("p", &["p"]),
        binding(None, "p", &["User *", "Group system:serviceaccount:a:b"]),
        binding(None, "p", &[]),
        binding(None, "gone", &["User u"]),
        binding(None, "system:node", &["Group system:nodes"]),
        binding(Some("a"), "p", &["ServiceAccount kube-system/job-controller"]),
    ]);
    let mut codes: Vec<&str> = rbac.problems().iter().map(|problem| problem.code.as_str()).collect();
    codes.sort_unstable();
    let expected = [
        "rbac-missing-role",
        "rbac-no-subjects",
        "rbac-open-through-controllers",
        "rbac-subject-matches-nobody",
        "rbac-subject-matches-nobody",
    ];
    assert_eq!(codes, expected);
}

#[test]
fn names_in_grants_are_mentioned() {
    let rbac = build(&[
        role("p", &["p"]),
        binding(Some("a"), "p", &["ServiceAccount b/web", "User u"]),
        binding(None, "p", &["Group system:serviceaccounts:c"]),
        binding(None, "gone", &["User nobody"]),
    ]);
    let mentioned = rbac.mentioned();
    assert_eq!(mentioned.users, BTreeSet::from(["u"]));
    let groups = ["system:masters", "system:serviceaccounts:c"];
    assert_eq!(mentioned.groups, BTreeSet::from(groups));
    assert_eq!(mentioned.service_accounts, BTreeSet::from([("b", "web")]));
    assert_eq!(mentioned.namespaces, BTreeSet::from(["a", "b", "c"]));
}

fn any_binding() -> impl Strategy<Value = Value> {
    let namespace = prop_oneof![Just(None), Just(Some("a")), Just(Some("b"))];
    let subjects =
        ["User u", "Group g", "ServiceAccount a/web", "ServiceAccount web", "Group system:serviceaccounts", "User *"];
    let subjects = proptest::sample::subsequence(subjects.to_vec(), 0..4);
    let role = proptest::sample::select(vec!["p", "q", "agg", "gone"]);
    (namespace, role, subjects).prop_map(|(namespace, role, subjects)| binding(namespace, role, &subjects))
}

fn roles() -> Vec<Value> {
    let mut labelled = role("q", &["q", "r"]);
    labelled["metadata"]["labels"] = json!({"in": "agg"});
    let aggregating = json!({"apiVersion": "rbac.authorization.k8s.io/v1beta1", "kind": "ClusterRole",
        "metadata": {"name": "agg"}, "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"in": "agg"}}]}});
    vec![role("p", &["p"]), labelled, aggregating]
}

fn answers(rbac: &Rbac) -> Vec<PolicySet> {
    let requests = [("a", "u", "g"), ("b", "u", "x"), ("a", "x", "g"), ("b", "x", "x"), ("c", "x", "g")];
    let answer = |(namespace, user, group)| rbac.usable_by_request(namespace, Some("web"), user, &[group]);
    requests.into_iter().map(answer).collect()
}

proptest! {
    #[test]
    fn a_further_binding_takes_nothing_away(bindings in prop::collection::vec(any_binding(), 1..8)) {
        let all: Vec<Value> = roles().into_iter().chain(bindings).collect();
        let (_, fewer) = all.split_last().unwrap();
        for (more, less) in answers(&build(&all)).iter().zip(answers(&build(fewer))) {
            prop_assert!(more.includes(&less));
        }
    }

    #[test]
    fn the_order_of_objects_does_not_matter(
        (ordered, shuffled) in prop::collection::vec(any_binding(), 0..8).prop_flat_map(|bindings| {
            let all: Vec<Value> = roles().into_iter().chain(bindings).collect();
            (Just(all.clone()), Just(all).prop_shuffle())
        })
    ) {
        let (one, other) = (build(&ordered), build(&shuffled));
        prop_assert_eq!(answers(&one), answers(&other));
        let text = |rbac: &Rbac| rbac.problems().iter().map(|p| format!("{} {}", p.object, p.message)).collect::<Vec<_>>();
        prop_assert_eq!(text(&one), text(&other));
        prop_assert_eq!(one.policy_grants(1), other.policy_grants(1));
    }

    #[test]
    fn policy_grants_say_what_usable_answers(bindings in prop::collection::vec(any_binding(), 0..8)) {
        let all: Vec<Value> = roles().into_iter().chain(bindings).collect();
        let rbac = build(&all);
        let (user, groups) = ("system:serviceaccount:a:web", ["system:serviceaccounts", "g"]);
        for namespace in ["a", "b", "c"] {
            let usable = rbac.usable(namespace, user, &groups);
            for policy in 0..POLICIES.len() {
                let holds = rbac.policy_grants(policy).iter().any(|atom| {
                    let here = atom.namespace.as_deref().is_none_or(|place| place == namespace);
                    here && match &atom.subject {
                        Subject::User(name) => name == user,
                        Subject::Group(name) => groups.contains(&name.as_str()),
                    }
                });
                prop_assert_eq!(holds, usable.contains(policy));
            }
        }
    }
}
