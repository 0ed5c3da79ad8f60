//! What was proved, class by class, and what is taken for granted.

use serde::Serialize;

use super::Difference;
use crate::cluster::Cluster;
use crate::proof::ClassProof;
use crate::relation::Relation;
use crate::symbolic::{Subject, Unproven};

/// What was proved about one target.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Proved {
    /// The classes of subjects.
    pub classes: Vec<ClassFinding>,
    /// What the claims take for granted.
    pub assumptions: Vec<String>,
}

/// What was proved about one class of subjects.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClassFinding {
    /// Who is in the class, as far as names tell them apart; not more than 50.
    pub members: Vec<String>,
    /// How many there are.
    pub member_count: usize,
    /// The policies that they may use, in the plug-in's order.
    pub usable: Vec<String>,
    /// How the decisions relate, over all pods.
    pub relation: Relation,
    /// Whether the resulting pods are the same; `null` where that is not compared or not proved.
    pub pods_equal: Option<bool>,
    /// Why something is not proved.
    pub reasons: Vec<Unproven>,
    /// The smallest pod for each way to differ.
    pub witnesses: Vec<Difference>,
}

/// The most members that are told by name.
const TOLD: usize = 50;

impl ClassFinding {
    /// The finding that a proof is. Its witnesses are given as the differences that they show.
    pub fn new(cluster: &Cluster, found: &ClassProof, witnesses: Vec<Difference>) -> Self {
        Self {
            members: found.class.members.iter().take(TOLD).map(told).collect(),
            member_count: found.class.members.len(),
            usable: cluster.rbac().names(&found.class.usable).map(str::to_owned).collect(),
            relation: found.proof.relation,
            pods_equal: found.proof.pods_equal,
            reasons: found.proof.reasons.clone(),
            witnesses,
        }
    }
}

/// `NAMESPACE/ACCOUNT as USER (GROUPS)`
fn told(subject: &Subject) -> String {
    let user = if subject.user.is_empty() { "anyone else" } else { &subject.user };
    let told = format!("{}/{} created by {user}", subject.namespace, subject.account);
    match subject.groups.iter().filter(|group| *group != "system:authenticated").collect::<Vec<_>>().as_slice() {
        [] => told,
        groups => format!("{told} in {groups:?}"),
    }
}

impl Proved {
    /// Whether every class is proved to be equal, or shown to differ.
    pub fn is_complete(&self) -> bool {
        !self.classes.is_empty() && self.classes.iter().all(|class| class.relation != Relation::Unproven)
    }

    /// The classes that may use exactly these policies.
    pub fn using<'a>(&'a self, policies: &'a [String]) -> impl Iterator<Item = &'a ClassFinding> {
        self.classes.iter().filter(move |class| class.usable == policies)
    }

    /// The differing pods of all classes.
    pub fn witnesses(&self) -> impl Iterator<Item = &Difference> {
        self.classes.iter().flat_map(|class| &class.witnesses)
    }

    /// The reasons why something is not proved, each once.
    pub fn reasons(&self) -> Vec<&Unproven> {
        let mut reasons: Vec<&Unproven> = self.classes.iter().flat_map(|class| &class.reasons).collect();
        reasons.sort();
        reasons.dedup();
        reasons
    }

    /// How many classes are proved equal, of how many.
    pub fn headline(&self) -> String {
        let count = |wanted: fn(&ClassFinding) -> bool| self.classes.iter().filter(|class| wanted(class)).count();
        let (equal, all) = (count(|class| class.relation == Relation::Equal), self.classes.len());
        let pods = count(|class| class.pods_equal == Some(true));
        let unproven = count(|class| class.relation == Relation::Unproven);
        let mut line = format!("for all pods: {equal} of {all} classes of subjects proved equal");
        if self.classes.iter().any(|class| class.pods_equal.is_some()) {
            line.push_str(&format!(", {pods} with equal resulting pods"));
        }
        if unproven > 0 {
            line.push_str(&format!(", {unproven} unproven"));
        }
        line
    }
}

/// What a proof against a server of this minor version takes for granted.
pub fn assumptions(release: &str, target_minor: u8) -> Vec<String> {
    vec![
        "CREATE requests for pods; updates are not claimed".to_owned(),
        "pods that the API server accepts after its own defaulting, whatever other plug-ins fill in before".to_owned(),
        "subjects as the given roles and bindings tell them apart, with \"any other\" for everybody and everywhere else"
            .to_owned(),
        "texts that a rule takes apart, such as SELinux levels, in the forms that its constants can be told in".to_owned(),
        format!("the PodSecurityPolicy plug-in of {release}"),
        format!("a server of 1.{target_minor}; pods that it and the old server do not see alike (seccomp annotations without their field, fields that 1.24 does not know) are left out"),
        "the engine stands as the runbook says: policies and bindings installed, failures deny, nothing exempted".to_owned(),
        "pods small enough for the engine's own limits on cost".to_owned(),
    ]
}
