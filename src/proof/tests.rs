use serde_json::{Value, json};

use super::bits::Bits;
use super::*;
use crate::admission::{Operation, Verdict};
use crate::cluster::Cluster;
use crate::modern;
use crate::pod_view::PodView;
use crate::rbac::{PolicySet, RbacOptions};
use crate::release::Release;

fn cluster(policies: &[Value]) -> Cluster {
    let policies: Vec<Value> = policies
        .iter()
        .enumerate()
        .map(|(at, spec)| {
            let any = json!({"rule": "RunAsAny"});
            let mut full = json!({"seLinux": any, "runAsUser": any, "supplementalGroups": any, "fsGroup": any});
            for (key, value) in spec.as_object().unwrap() {
                full[key] = value.clone();
            }
            json!({"apiVersion": "policy/v1beta1", "kind": "PodSecurityPolicy", "metadata": {"name": format!("p{at}")}, "spec": full})
        })
        .collect();
    Cluster::new(&policies, [], Release::default(), RbacOptions::default()).unwrap()
}

fn decide(cluster: &Cluster, pod: &Value) -> Option<Value> {
    let view = PodView::read(pod, cluster.plugin().release()).unwrap();
    match cluster.plugin().decide(Operation::Create, &view, |_| true) {
        Verdict::Admitted { pod: result, .. } => {
            let mut pod = pod.clone();
            result.write_into(&view, &mut pod);
            Some(modern::in_todays_terms(&pod, false))
        }
        _ => None,
    }
}

fn all(cluster: &Cluster) -> PolicySet {
    (0..cluster.plugin().policies().len()).collect()
}

/// Two sets of policies, compared for somebody who may use them all.
fn compared(first: &[Value], second: &[Value]) -> Proof {
    let (first, second) = (cluster(first), cluster(second));
    let replay = |pod: &Value| {
        let difference = match (decide(&first, pod), decide(&second, pod)) {
            (Some(one), Some(other)) => (one != other).then_some(Difference::FilledDifferently),
            (Some(_), None) => Some(Difference::Stricter),
            (None, Some(_)) => Some(Difference::Looser),
            (None, None) => None,
        };
        Replay { is_comparable: true, difference }
    };
    prove(&Question {
        first: &UsablePolicies::new(&first, &all(&first)),
        second: &UsablePolicies::new(&second, &all(&second)),
        place: Place { namespace: "default".to_owned(), account: "default".to_owned() },
        target_minor: 37,
        compares: Compares::Pods,
        replay: &replay,
    })
}

fn restricted() -> Value {
    json!({"privileged": false, "allowPrivilegeEscalation": false, "requiredDropCapabilities": ["ALL"],
        "volumes": ["configMap", "emptyDir", "projected", "secret", "downwardAPI", "persistentVolumeClaim"],
        "runAsUser": {"rule": "MustRunAsNonRoot"}, "supplementalGroups": {"rule": "MustRunAs", "ranges": [{"min": 1, "max": 65535}]},
        "fsGroup": {"rule": "MustRunAs", "ranges": [{"min": 1, "max": 65535}]}, "readOnlyRootFilesystem": false})
}

#[test]
fn a_set_of_policies_equals_itself() {
    let privileged = json!({"privileged": true, "hostNetwork": true, "volumes": ["*"], "allowedCapabilities": ["*"]});
    for set in [
        vec![],
        vec![json!({})],
        vec![restricted()],
        vec![privileged.clone(), restricted()],
        vec![restricted(), privileged],
    ] {
        let proof = compared(&set, &set);
        assert_eq!((proof.relation, proof.pods_equal, proof.reasons), (Relation::Equal, Some(true), vec![]));
    }
}

#[test]
fn one_bound_apart_is_found() {
    let mut other = restricted();
    other["fsGroup"]["ranges"][0]["max"] = json!(65534);
    let proof = compared(&[restricted()], &[other]);
    assert_eq!(proof.relation, Relation::Stricter, "{proof:?}");
    assert_eq!(proof.witnesses[0].1["spec"]["securityContext"]["fsGroup"], 65535);
}

/// Numbers that look random and are the same every time.
struct Draw(u64);

impl Draw {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % limit.max(1)
    }
}

/// A facet with nothing in it but cells.
fn plain_facet(draw: &mut Draw) -> facet::Facet {
    let mut width = 0;
    let mut group = |kind: facet::Kind, count: usize, names: usize| {
        let elements = (0..count).map(|_| {
            let names: Vec<String> = (0..names).map(|name| format!("N{name}")).collect();
            let element = facet::Element { edits: Vec::new(), volume: None, names, first: width };
            width += element.bits();
            element
        });
        facet::Group { kind, elements: elements.collect() }
    };
    let names = if draw.below(4) == 0 { 1 } else { 0 };
    let containers = group(facet::Kind::Container, 1 + draw.below(2), names);
    let init = group(facet::Kind::InitContainer, 1 + draw.below(2), 0);
    let volumes = group(facet::Kind::Volume, draw.below(2), 0);
    let rows = (0..1 + draw.below(2)).map(|_| facet::Row { edits: Vec::new(), lists: Vec::new() }).collect();
    let groups = vec![containers, init, volumes];
    let [valid, all, nowhere] = [(); 3].map(|()| Bits::new(0, false));
    let mut facet = facet::Facet { units: Vec::new(), case: 0, rows, groups, width, valid, all, nowhere };
    facet.valid = Bits::new(facet.size(), true);
    facet.settle();
    facet
}

/// The bits of every element that can stand in a pod, by group.
fn candidates(facet: &facet::Facet) -> Vec<Vec<Vec<usize>>> {
    let of_element = |element: &facet::Element| -> Vec<Vec<usize>> {
        let slots: Vec<Vec<usize>> = element.slots().map(Iterator::collect).collect();
        slots.into_iter().fold(vec![Vec::new()], |all, slot| {
            all.iter().flat_map(|bits| slot.iter().map(|bit| [bits.clone(), vec![*bit]].concat())).collect()
        })
    };
    facet.groups.iter().map(|group| group.elements.iter().flat_map(of_element).collect()).collect()
}

/// The parts that pods can have in a facet, as a row and bits: every choice of elements, with init containers or without.
fn parts(facet: &facet::Facet, init: bool) -> Vec<Vec<usize>> {
    let groups = candidates(facet);
    let subsets = |elements: &[Vec<usize>]| -> Vec<Vec<usize>> {
        (0..1_usize << elements.len())
            .map(|mask| {
                let chosen = elements.iter().enumerate().filter(|(at, _)| mask & (1 << at) != 0);
                chosen.flat_map(|(_, bits)| bits.iter().copied()).collect()
            })
            .collect()
    };
    let [containers, init_containers, volumes] = groups.as_slice() else { panic!("there are three groups") };
    let regular: Vec<Vec<usize>> = subsets(containers).into_iter().filter(|chosen| !chosen.is_empty()).collect();
    let of_init: Vec<Vec<usize>> =
        subsets(init_containers).into_iter().filter(|chosen| chosen.is_empty() != init).collect();
    let mut parts = Vec::new();
    for row in 0..facet.rows.len() {
        for one in &regular {
            for two in &of_init {
                for three in &subsets(volumes) {
                    parts.push([one, two, three].into_iter().flatten().map(|bit| facet.bit(row, *bit)).collect());
                }
            }
        }
    }
    parts
}

fn drawn_formula(draw: &mut Draw, atoms: &[Node], formulas: &mut Formulas<'_>, depth: usize) -> Node {
    if depth == 0 || draw.below(4) == 0 {
        return atoms[draw.below(atoms.len())];
    }
    let parts: Vec<Node> = (0..1 + draw.below(3)).map(|_| drawn_formula(draw, atoms, formulas, depth - 1)).collect();
    match draw.below(3) {
        0 => formulas.not(parts[0]),
        1 => formulas.all(&parts),
        _ => {
            let not: Vec<Node> = parts.iter().map(|part| formulas.not(*part)).collect();
            let none = formulas.all(&not);
            formulas.not(none)
        }
    }
}

fn holds(formulas: &Formulas<'_>, node: Node, pod: &[&Vec<usize>]) -> bool {
    match formulas.form(node) {
        formula::Form::True => true,
        formula::Form::Not(inner) => !holds(formulas, *inner, pod),
        formula::Form::All(parts) => parts.iter().all(|part| holds(formulas, *part, pod)),
        formula::Form::Atom(atom) => pod[atom.0].iter().all(|bit| formulas.table(*atom).unwrap().get(*bit)),
    }
}

#[test]
fn the_search_finds_what_enumeration_finds() {
    let mut draw = Draw(0x1234_5678_9ABC_DEF1);
    let mut found = [0, 0];
    for problem in 0..10_000 {
        let facets: Vec<facet::Facet> = (0..1 + draw.below(2)).map(|_| plain_facet(&mut draw)).collect();
        let mut formulas = Formulas::new(&facets);
        let mut atoms = Vec::new();
        for _ in 0..2 + draw.below(4) {
            let at = draw.below(facets.len());
            let mut table = Bits::new(facets[at].size(), true);
            (0..facets[at].size()).for_each(|bit| table.set(bit, draw.below(3) > 0));
            facets[at].normalise(&mut table);
            atoms.push(formulas.atom(at, table));
        }
        let node = drawn_formula(&mut draw, &atoms, &mut formulas, 3);
        let exists = [false, true].into_iter().any(|init| {
            let of_facets: Vec<Vec<Vec<usize>>> = facets.iter().map(|facet| parts(facet, init)).collect();
            match of_facets.as_slice() {
                [one] => one.iter().any(|part| holds(&formulas, node, &[part])),
                [one, two] => one.iter().any(|a| two.iter().any(|b| holds(&formulas, node, &[a, b]))),
                _ => panic!("there are one or two facets"),
            }
        });
        let solved = Solver::new(&formulas).pod(node).is_some();
        assert_eq!(solved, exists, "problem {problem}");
        found[usize::from(exists)] += 1;
    }
    assert!(found.iter().all(|count| *count > 500), "{found:?}");
}

/// Small settings, of which policies are made.
fn drawn_policy(draw: &mut Draw) -> Value {
    let mut policy = json!({"privileged": draw.below(2) == 0, "hostPID": draw.below(2) == 0});
    if draw.below(2) == 0 {
        policy["runAsUser"] = json!({"rule": "MustRunAs", "ranges": [{"min": draw.below(3), "max": 2}]});
    }
    if draw.below(3) == 0 {
        policy["readOnlyRootFilesystem"] = json!(true);
    }
    if draw.below(3) == 0 {
        policy["requiredDropCapabilities"] = json!(["KILL"]);
    }
    policy
}

/// Pods that such policies tell apart, one value of each field.
fn small_pods() -> Vec<Value> {
    let mut pods = Vec::new();
    let bools = [Value::Null, json!(true), json!(false)];
    for privileged in &bools {
        for read_only in &bools {
            for host_pid in [Value::Null, json!(true)] {
                for user in [Value::Null, json!(0), json!(1), json!(2), json!(3)] {
                    let context =
                        json!({"privileged": privileged, "readOnlyRootFilesystem": read_only, "runAsUser": user});
                    let mut pod = json!({"metadata": {"name": "p"}, "spec": {"hostPID": host_pid,
                        "containers": [{"name": "c", "image": "image", "securityContext": context}]}});
                    crate::input::default_pod(&mut pod);
                    pods.push(pod);
                }
            }
        }
    }
    pods
}

#[test]
fn no_pod_shows_a_difference_that_was_not_found() {
    let mut draw = Draw(0x0F1E_2D3C_4B5A_6979);
    let pods = small_pods();
    let mut relations = std::collections::BTreeMap::new();
    for _ in 0..6 {
        let set = |draw: &mut Draw| (0..1 + draw.below(2)).map(|_| drawn_policy(draw)).collect::<Vec<_>>();
        let (first, second) = (set(&mut draw), set(&mut draw));
        let proof = compared(&first, &second);
        *relations.entry(proof.relation).or_insert(0) += 1;
        assert_eq!(proof.reasons, [], "{first:?} {second:?}");
        let shown = |kind| proof.witnesses.iter().any(|(found, _)| *found == kind);
        let (one, other) = (cluster(&first), cluster(&second));
        for pod in &pods {
            let kind = match (decide(&one, pod), decide(&other, pod)) {
                (Some(_), None) => Difference::Stricter,
                (None, Some(_)) => Difference::Looser,
                (Some(one), Some(other)) if one != other => Difference::FilledDifferently,
                _ => continue,
            };
            assert!(shown(kind), "{kind:?} was not found: {first:?} {second:?} {pod}");
        }
    }
    assert!(relations.len() > 1, "{relations:?}");
}
