//! Decisions on many requests beside those of a target: on all cores, few requests at a time, with a progress bar.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use rayon::prelude::*;
use serde_json::Value;

use super::output;
use super::reporting::Asked;
use crate::cluster::Cluster;
use crate::compare::{Comparison, Terms, compare_all};
use crate::input::without_defaults;
use crate::pairing;
use crate::pod_view::ReadError;
use crate::report::verification::{Difference, TargetFindings};
use crate::requests::PodRequest;
use crate::targets::Decider;

/// How many of the requests at the policies' limits are compared together: many neighbours are about one pod.
const AT_ONCE: usize = 16;

/// What comparing decisions of a target on requests finds.
///
/// # Errors
/// A pod that the API server could not decode.
pub(super) fn findings(
    cluster: &Cluster,
    decider: &dyn Decider,
    asked: &Asked<'_>,
    target: &str,
    terms: Terms,
) -> Result<TargetFindings> {
    let counted = Mutex::new(TargetFindings { target: target.to_owned(), ..TargetFindings::default() });
    let bar = output::progress(asked.given.len() + asked.boundary.len(), target);
    let each = |requests: &[PodRequest]| {
        let compared = compare_all(cluster, decider, requests, terms);
        count(&mut counted.lock().unwrap_or_else(PoisonError::into_inner), &compared);
        differences(requests, compared)
    };
    let paired = pairing::of_every_requester(cluster, asked.given, |requests| {
        let found = each(requests);
        bar.inc(1);
        found
    });
    let at_limits = asked.boundary.par_chunks(AT_ONCE).map(|requests| {
        let found = each(requests);
        bar.inc(u64::try_from(requests.len()).unwrap_or_default());
        found
    });
    let at_limits: Vec<Vec<_>> = at_limits.collect();
    bar.finish_and_clear();
    let mut findings = counted.into_inner().unwrap_or_else(PoisonError::into_inner);
    for difference in paired.into_iter().chain(at_limits.into_iter().flatten()) {
        findings.differences.extend(difference?.map(|difference| *difference));
    }
    findings.unsupported = decider.unsupported().to_vec();
    Ok(findings)
}

/// What one request shows.
type Found = Result<Option<Box<Difference>>, ReadError>;

fn count(findings: &mut TargetFindings, compared: &[Result<Comparison, ReadError>]) {
    findings.compared += compared.len();
    for comparison in compared.iter().flatten() {
        findings.add(&comparison.psp.usable, comparison.agreement);
    }
}

/// The differences that comparisons of requests show. Those about one pod show it together.
fn differences(requests: &[PodRequest], compared: Vec<Result<Comparison, ReadError>>) -> Vec<Found> {
    let mut written: Vec<(&Arc<Value>, Arc<Value>)> = Vec::new();
    let mut shown = |pod| match written.iter().rfind(|(other, _)| Arc::ptr_eq(other, pod)) {
        Some((_, shown)) => shown.clone(),
        None => {
            let shown = Arc::new(without_defaults(pod));
            written.push((pod, shown.clone()));
            shown
        }
    };
    let found = requests.iter().zip(compared).map(|(request, comparison)| {
        let comparison = comparison?;
        Ok(comparison.differs().then(|| Box::new(Difference::with_pod(shown(&request.pod), &comparison))))
    });
    found.collect()
}
