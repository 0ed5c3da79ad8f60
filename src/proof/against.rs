//! A target's documents beside the policies of a cluster, class by class.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use rayon::prelude::*;
use serde_json::Value;

use super::{Class, Compares, Difference, Place, Proof, Question, Replay, UsablePolicies, classes, prove};
use crate::admission::Operation;
use crate::cluster::Cluster;
use crate::compare::{Agreement, Terms, compare};
use crate::input::{Creator, Source};
use crate::requests::PodRequest;
use crate::symbolic::Subject;
use crate::targets::Decider;

/// What is proved of one class.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassProof {
    /// The class.
    pub class: Class,
    /// The answer.
    pub proof: Proof,
}

/// Compares what a decider decides with PodSecurityPolicy, for every class of subjects and all pods that they create.
pub fn against_policies(
    cluster: &Cluster,
    decider: &dyn Decider,
    namespaces: &[Value],
    terms: Terms,
) -> Vec<ClassProof> {
    let classes = classes(cluster, namespaces, &|namespace| decider.situations(namespace));
    let of_class = |class: Class| {
        let proof = of_class(cluster, decider, terms, &class);
        ClassProof { proof: proof.for_all_of(&class), class }
    };
    hardest_first(classes, of_class)
}

/// Proofs of classes in their order, those begun first that are the hardest: who may use many policies.
pub(super) fn hardest_first(classes: Vec<Class>, prove: impl Fn(Class) -> ClassProof + Sync) -> Vec<ClassProof> {
    let mut numbered: Vec<(usize, Class)> = classes.into_iter().enumerate().collect();
    numbered.sort_by_key(|(_, class)| Reverse(class.usable.len()));
    let proofs = numbered.into_par_iter().with_max_len(1).map(|(at, class)| (at, prove(class)));
    let proofs: BTreeMap<usize, ClassProof> = proofs.collect();
    proofs.into_values().collect()
}

fn of_class(cluster: &Cluster, decider: &dyn Decider, terms: Terms, class: &Class) -> Proof {
    let second = match decider.side(&class.subject) {
        Ok(side) => side,
        Err(reason) => return Proof::unproven(reason),
    };
    let replay = |pod: &Value| match compare(cluster, decider, &request(&class.subject, pod.clone()), terms) {
        Ok(comparison) => Replay {
            is_comparable: !matches!(comparison.agreement, Agreement::NotEvaluated | Agreement::SeenOtherwise),
            difference: match comparison.agreement {
                Agreement::Stricter => Some(Difference::Stricter),
                Agreement::Looser => Some(Difference::Looser),
                Agreement::FilledDifferently => Some(Difference::FilledDifferently),
                Agreement::Agree | Agreement::SeenOtherwise | Agreement::NotEvaluated => None,
            },
        },
        Err(_) => Replay { is_comparable: false, difference: None },
    };
    prove(&Question {
        first: &UsablePolicies::new(cluster, &class.usable),
        second: second.as_ref(),
        place: Place { namespace: class.subject.namespace.clone(), account: class.subject.account.clone() },
        target_minor: terms.target_minor,
        compares: match (terms.compares_pods, terms.compares_annotation) {
            (false, _) => Compares::Decisions,
            (true, false) => Compares::Pods,
            (true, true) => Compares::PodsAndAnnotation,
        },
        replay: &replay,
    })
}

/// A subject's request for a pod, as admission sees it.
pub fn request(subject: &Subject, pod: Value) -> PodRequest {
    PodRequest {
        namespace: subject.namespace.clone(),
        name: "p".to_owned(),
        owner: None,
        requester: Creator { user: subject.user.clone(), groups: subject.groups.clone() },
        subresource: String::new(),
        operation: Operation::Create,
        pod: pod.into(),
        old_pod: None,
        ignored: None,
        source: Source { file: "".into(), line: 0, column: 0 },
    }
}
