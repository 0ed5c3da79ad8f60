//! PodSecurityPolicy's decision beside a target's, request by request.
//!
//! The two servers differ in age, so a pod's outcome is compared in today's terms: see [`crate::modern`].

use serde_json::Value;

use crate::cluster::Cluster;
use crate::modern;
use crate::pod_view::ReadError;
use crate::report::decision::{Decision, Word};
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
    let psp = Decision::of(cluster, request)?;
    let target = decider.decide(&AdmissionRequest::from(request));
    let seen_otherwise = modern::differences(&request.pod, terms.target_minor);
    let agreement = agreement(&psp, &target, &seen_otherwise, terms);
    Ok(Comparison { agreement, psp, target, seen_otherwise })
}

fn agreement(psp: &Decision, target: &TargetVerdict, seen_otherwise: &[String], terms: Terms) -> Agreement {
    if !target.unsupported.is_empty() {
        return Agreement::NotEvaluated;
    }
    let admitted = matches!(psp.verdict, Word::Admitted | Word::Ignored);
    let found = match (admitted, target.allowed) {
        (true, false) => Agreement::Stricter,
        (false, true) => Agreement::Looser,
        (true, true) if terms.compares_pods && !same_pod(psp, &target.pod, terms) => Agreement::FilledDifferently,
        _ => Agreement::Agree,
    };
    // The old server's view of such a pod is no yardstick, whatever comes out.
    if seen_otherwise.is_empty() { found } else { Agreement::SeenOtherwise }
}

fn same_pod(psp: &Decision, target: &Value, terms: Terms) -> bool {
    let Some(pod) = psp.pod.as_deref() else { return true };
    if pod == target {
        return true;
    }
    let shown = |pod: &Value| modern::in_todays_terms(pod, terms.compares_annotation);
    shown(pod) == shown(target)
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
