//! PodSecurityPolicy's decision beside a target's, request by request.
//!
//! The two servers differ in age, so a pod's outcome is compared in today's terms: see [`crate::modern`].

use std::sync::Arc;

use serde_json::Value;

use crate::cluster::Cluster;
use crate::modern;
use crate::pod_view::ReadError;
use crate::report::decision::{Decision, Decisions, Word};
use crate::requests::PodRequest;
use crate::targets::{AdmissionRequest, Decider, TargetVerdict, Unsupported};

/// How the two decisions relate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Agreement {
    /// Both decide alike, and the resulting pods are the same.
    Agree,
    /// PodSecurityPolicy admits, the target denies.
    Stricter,
    /// PodSecurityPolicy denies, the target admits.
    Looser,
    /// Both admit, with different pods.
    FilledDifferently,
    /// The newer server sees another pod than the old one did, so there is nothing to compare.
    SeenOtherwise,
    /// The target could not be evaluated.
    NotEvaluated,
}

/// One request, decided twice.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// How the decisions relate.
    pub agreement: Agreement,
    /// What PodSecurityPolicy decides.
    pub psp: Decision,
    /// What the target decides.
    pub target: TargetVerdict,
    /// Why the two servers do not see the same pod, where they do not.
    pub seen_otherwise: Vec<String>,
}

/// What a comparison takes into account.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// The minor version of the server that gets the policies.
    pub target_minor: u8,
    /// Whether the target fills in; if not, filled fields are no difference but a gap.
    pub compares_pods: bool,
    /// Whether the annotation that names the policy counts.
    pub compares_annotation: bool,
}

/// Decides about a request twice and compares.
///
/// # Errors
/// The first value of the pod that the API server could not decode.
pub fn compare(
    cluster: &Cluster,
    decider: &dyn Decider,
    request: &PodRequest,
    terms: Terms,
) -> Result<Comparison, ReadError> {
    Known::new(cluster, terms).compare(request, decider.decide(&AdmissionRequest::from(request)))
}

/// Decides about several requests as [`compare`] does. What there is to find out about a pod is found out once for all of
/// them that are about it.
///
/// # Errors
/// For each request: the first value of the pod that the API server could not decode.
pub fn compare_all(
    cluster: &Cluster,
    decider: &dyn Decider,
    requests: &[PodRequest],
    terms: Terms,
) -> Vec<Result<Comparison, ReadError>> {
    let asked: Vec<AdmissionRequest<'_>> = requests.iter().map(AdmissionRequest::from).collect();
    let mut known = Known::new(cluster, terms);
    let verdicts = decider.decide_all(&asked);
    requests.iter().zip(verdicts).map(|(request, verdict)| known.compare(request, verdict)).collect()
}

/// What is known of the pods that were compared.
struct Known<'a> {
    terms: Terms,
    decisions: Decisions<'a>,
    seen_otherwise: Vec<(&'a Arc<Value>, Vec<String>)>,
    /// Whether two resulting pods are the same.
    same: Vec<(Arc<Value>, Arc<Value>, bool)>,
}

impl<'a> Known<'a> {
    fn new(cluster: &'a Cluster, terms: Terms) -> Self {
        Self { terms, decisions: Decisions::new(cluster), seen_otherwise: Vec::new(), same: Vec::new() }
    }

    fn compare(&mut self, request: &'a PodRequest, target: TargetVerdict) -> Result<Comparison, ReadError> {
        let psp = self.decisions.of(request)?;
        let seen_otherwise = self.seen_otherwise(&request.pod);
        let agreement = self.agreement(&psp, &target, &seen_otherwise);
        Ok(Comparison { agreement, psp, target, seen_otherwise })
    }

    fn seen_otherwise(&mut self, pod: &'a Arc<Value>) -> Vec<String> {
        if let Some((_, known)) = self.seen_otherwise.iter().rfind(|(other, _)| Arc::ptr_eq(other, pod)) {
            return known.clone();
        }
        let found = modern::differences(pod, self.terms.target_minor);
        self.seen_otherwise.push((pod, found.clone()));
        found
    }

    fn agreement(&mut self, psp: &Decision, target: &TargetVerdict, seen_otherwise: &[String]) -> Agreement {
        if !target.unsupported.is_empty() {
            return Agreement::NotEvaluated;
        }
        // The old server's view of such a pod is no yardstick, whatever comes out.
        if !seen_otherwise.is_empty() {
            return Agreement::SeenOtherwise;
        }
        match (matches!(psp.verdict, Word::Admitted | Word::Ignored), target.allowed) {
            (true, false) => Agreement::Stricter,
            (false, true) => Agreement::Looser,
            (true, true) if self.terms.compares_pods && !self.same_pod(psp, &target.pod) => {
                Agreement::FilledDifferently
            }
            _ => Agreement::Agree,
        }
    }

    fn same_pod(&mut self, psp: &Decision, target: &Arc<Value>) -> bool {
        let Some(pod) = &psp.pod else { return true };
        let is_known =
            |(one, other, _): &&(Arc<Value>, Arc<Value>, bool)| Arc::ptr_eq(one, pod) && Arc::ptr_eq(other, target);
        if let Some((_, _, same)) = self.same.iter().rfind(is_known) {
            return *same;
        }
        let shown = |pod: &Value| modern::in_todays_terms(pod, self.terms.compares_annotation);
        let same = pod == target || shown(pod) == shown(target);
        self.same.push((pod.clone(), target.clone(), same));
        same
    }
}

impl Comparison {
    /// Whether there is something to report.
    pub fn differs(&self) -> bool {
        self.agreement != Agreement::Agree
    }

    /// What kept the target from being evaluated.
    pub fn unsupported(&self) -> &[Unsupported] {
        &self.target.unsupported
    }
}
