//! Two sets of rules beside each other, class by class: the policies of two clusters, a target's documents, a level.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use super::against::hardest_first;
use super::{
    ClassProof, Compares, Difference, Place, Proof, Question, Replay, UsablePolicies, classes, prove, request,
};
use crate::cluster::Cluster;
use crate::modern;
use crate::rbac::{Mentioned, PolicySet};
use crate::report::decision::{Decision, Word};
use crate::requests::PodRequest;
use crate::symbolic::{Side, Situations, Subject, Unproven};
use crate::targets::{AdmissionRequest, Decider};

/// What decides about pods.
#[derive(Clone, Copy)]
pub struct Rules<'a> {
    /// The policies and the wiring. Documents that ask for grants ask here.
    pub cluster: &'a Cluster,
    /// What decides in place of the policies.
    pub documents: Option<Documents<'a>>,
}

/// A target's documents.
#[derive(Clone, Copy)]
pub struct Documents<'a> {
    /// They, read back.
    pub decider: &'a dyn Decider,
    /// Whether they fill pods in.
    pub fills_in: bool,
}

/// What rules say of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// Whether it passes.
    pub admitted: bool,
    /// The message against it, or what admits it.
    pub says: String,
    /// The resulting pod.
    pub pod: Value,
    /// Whether everything could be evaluated.
    pub is_evaluated: bool,
}

impl<'a> Rules<'a> {
    /// The policies of a cluster.
    pub fn of_policies(cluster: &'a Cluster) -> Self {
        Self { cluster, documents: None }
    }

    /// What the rules say of a request.
    pub fn decide(&self, request: &PodRequest) -> Said {
        match self.documents {
            Some(documents) => by_documents(documents.decider, request),
            None => by_policies(self.cluster, request),
        }
    }

    fn fills_in(&self) -> bool {
        self.documents.is_none_or(|documents| documents.fills_in)
    }

    fn usable(&self, subject: &Subject) -> PolicySet {
        let Subject { namespace, account, user, groups } = subject;
        self.cluster.rbac().usable_by_request(namespace, Some(account), user, groups)
    }

    fn side(&self, subject: &Subject) -> Result<Box<dyn Side + 'a>, Unproven> {
        match self.documents {
            Some(documents) => documents.decider.side(subject),
            None => Ok(Box::new(UsablePolicies::new(self.cluster, &self.usable(subject)))),
        }
    }

    fn situations(&self, namespace: &str) -> Option<Box<dyn Situations + 'a>> {
        self.documents.and_then(|documents| documents.decider.situations(namespace))
    }
}

fn by_policies(cluster: &Cluster, request: &PodRequest) -> Said {
    let Ok(decision) = Decision::of(cluster, request) else {
        let says = "the pod cannot be decoded".to_owned();
        return Said { admitted: false, says, pod: Value::Null, is_evaluated: false };
    };
    let admitted = matches!(decision.verdict, Word::Admitted | Word::Ignored);
    let by = decision.policy.map(|policy| format!("admitted by `{policy}`"));
    Said {
        admitted,
        says: decision.message.or(by).unwrap_or_default(),
        pod: decision.pod.map(Arc::unwrap_or_clone).unwrap_or_default(),
        is_evaluated: true,
    }
}

fn by_documents(decider: &dyn Decider, request: &PodRequest) -> Said {
    let verdict = decider.decide(&AdmissionRequest::from(request));
    Said {
        admitted: verdict.allowed,
        says: if verdict.allowed { "admitted".to_owned() } else { verdict.messages.join("; ") },
        pod: Arc::unwrap_or_clone(verdict.pod),
        is_evaluated: verdict.unsupported.is_empty(),
    }
}

/// Compares two sets of rules for every class of subjects whom one of them tells apart. `Stricter` is said of the second.
pub fn between(first: Rules<'_>, second: Rules<'_>, namespaces: &[Value], target_minor: u8) -> Vec<ClassProof> {
    let together = |namespace: &str| -> Option<Box<dyn Situations + '_>> {
        let read: Vec<_> = [first, second].iter().filter_map(|rules| rules.situations(namespace)).collect();
        let expected = [first, second].iter().filter(|rules| rules.documents.is_some()).count();
        Some(Box::new(Together { second: second.cluster, is_whole: read.len() == expected, read }))
    };
    let classes = classes(first.cluster, namespaces, &together);
    let of_class = |class: super::Class| {
        let proof = of_subject(first, second, &class.subject, target_minor);
        ClassProof { proof: proof.for_all_of(&class), class }
    };
    hardest_first(classes, of_class)
}

fn of_subject(first: Rules<'_>, second: Rules<'_>, subject: &Subject, target_minor: u8) -> Proof {
    let (one, other) = match (first.side(subject), second.side(subject)) {
        (Ok(one), Ok(other)) => (one, other),
        (Err(reason), _) | (_, Err(reason)) => return Proof::unproven(reason),
    };
    // Two sets of policies run on one server; documents run on a newer one, which may see another pod.
    let same_server = first.documents.is_some() == second.documents.is_some();
    let compares = if first.fills_in() && second.fills_in() { Compares::Pods } else { Compares::Decisions };
    let replay = |pod: &Value| {
        let request = request(subject, pod.clone());
        let (one, other) = (first.decide(&request), second.decide(&request));
        Replay {
            is_comparable: one.is_evaluated
                && other.is_evaluated
                && (same_server || modern::differences(&request.pod, target_minor).is_empty()),
            difference: difference(&one, &other, compares),
        }
    };
    prove(&Question {
        first: one.as_ref(),
        second: other.as_ref(),
        place: Place { namespace: subject.namespace.clone(), account: subject.account.clone() },
        target_minor,
        compares,
        replay: &replay,
    })
}

fn difference(one: &Said, other: &Said, compares: Compares) -> Option<Difference> {
    let shown = |pod: &Value| modern::in_todays_terms(pod, false);
    match (one.admitted, other.admitted) {
        (true, false) => Some(Difference::Stricter),
        (false, true) => Some(Difference::Looser),
        (true, true) if compares != Compares::Decisions && shown(&one.pod) != shown(&other.pod) => {
            Some(Difference::FilledDifferently)
        }
        _ => None,
    }
}

/// Whom the second set of rules, and documents on both sides, tell apart.
struct Together<'a> {
    second: &'a Cluster,
    /// Whether all documents could be read.
    is_whole: bool,
    read: Vec<Box<dyn Situations + 'a>>,
}

impl Situations for Together<'_> {
    fn of(&self, subject: &Subject) -> Vec<u8> {
        let Subject { namespace, account, user, groups } = subject;
        let usable = self.second.rbac().usable_by_request(namespace, Some(account), user, groups);
        let own = format!("{usable:?}").into_bytes();
        let parts = [own].into_iter().chain(self.read.iter().map(|situations| situations.of(subject)));
        // With its length before it, no part runs into the next.
        parts.flat_map(|part| part.len().to_be_bytes().into_iter().chain(part)).collect()
    }

    fn mentioned(&self) -> BTreeSet<String> {
        let read = self.read.iter().flat_map(|situations| situations.mentioned());
        names(&self.second.rbac().mentioned()).chain(read).collect()
    }

    fn doubt(&self) -> Option<Unproven> {
        self.read.iter().find_map(|situations| situations.doubt())
    }

    fn left_open(&self, namespace: &str) -> Option<BTreeSet<String>> {
        let read: Option<Vec<_>> = self.read.iter().map(|situations| situations.left_open(namespace)).collect();
        let read: BTreeSet<String> = read?.into_iter().flatten().collect();
        let granted = self.second.rbac().mentioned_in(|place| place == namespace || read.contains(place));
        self.is_whole.then(|| names(&granted).chain(read.iter().cloned()).collect())
    }

    fn is_for(&self, namespace: &str) -> bool {
        self.is_whole && self.read.iter().all(|situations| situations.is_for(namespace))
    }
}

/// All names that grants mention, by themselves and as users.
fn names(mentioned: &Mentioned<'_>) -> impl Iterator<Item = String> + use<> {
    let accounts = mentioned.service_accounts.iter();
    let accounts = accounts.flat_map(|(namespace, name)| {
        [(*name).to_owned(), (*namespace).to_owned(), format!("system:serviceaccount:{namespace}:{name}")]
    });
    let plain = mentioned.users.iter().chain(&mentioned.groups).chain(&mentioned.namespaces);
    plain.map(|name| (*name).to_owned()).chain(accounts).collect::<Vec<String>>().into_iter()
}
