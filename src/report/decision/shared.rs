//! Decisions on requests of which many are about one pod: what there is to find out about a pod is found out once.

use std::sync::Arc;

use serde_json::Value;

use super::{Decision, Denial, Word, invalid_message};
use crate::admission::{Operation, Refusal, Verdict};
use crate::cluster::Cluster;
use crate::pod_view::{PodView, ReadError};
use crate::requests::PodRequest;

/// Decides about requests. Patches are left out of the decisions.
pub(crate) struct Decisions<'a> {
    cluster: &'a Cluster,
    pods: Vec<Known<'a>>,
}

/// A pod, and what becomes of it if a policy admits it.
struct Known<'a> {
    pod: &'a Arc<Value>,
    view: PodView<'a>,
    admitted: Vec<(usize, Operation, Arc<Value>)>,
}

impl<'a> Decisions<'a> {
    /// No pod is known yet.
    pub(crate) fn new(cluster: &'a Cluster) -> Self {
        Self { cluster, pods: Vec::new() }
    }

    /// The decision on a request.
    ///
    /// # Errors
    /// The first value of the pod that the API server could not decode.
    pub(crate) fn of(&mut self, request: &'a PodRequest) -> Result<Decision, ReadError> {
        if let Some(why) = request.ignored {
            return Ok(Decision::ignored(request, why));
        }
        let cluster = self.cluster;
        let mut known = match self.pods.iter().rposition(|known| Arc::ptr_eq(known.pod, &request.pod)) {
            Some(at) => self.pods.swap_remove(at),
            None => Known::read(&request.pod, cluster)?,
        };
        let asked = request.as_request();
        let usable = cluster.usable(&asked, &known.view);
        let mut decision = Decision::new(request, known.view.service_account_name);
        decision.usable = cluster.rbac().names(&usable).map(str::to_owned).collect();
        match cluster.ignores(&asked) {
            Some(why) => decision.ignore(why),
            None => {
                let verdict = cluster.decide_usable(&asked, &known.view, &usable);
                known.decide(cluster, request, &verdict, &mut decision);
            }
        }
        self.pods.push(known);
        Ok(decision)
    }
}

impl<'a> Known<'a> {
    fn read(pod: &'a Arc<Value>, cluster: &Cluster) -> Result<Self, ReadError> {
        Ok(Self { pod, view: PodView::read(pod, cluster.plugin().release())?, admitted: Vec::new() })
    }

    fn decide(&mut self, cluster: &Cluster, request: &PodRequest, verdict: &Verdict<'_>, decision: &mut Decision) {
        let name = |policy: usize| cluster.plugin().policies().get(policy).map(|policy| policy.name().to_owned());
        match verdict {
            Verdict::Admitted { by, pod, .. } => {
                decision.verdict = Word::Admitted;
                decision.policy = name(*by);
                decision.pod = Some(self.admitted(*by, request.operation, pod));
            }
            Verdict::Denied { phase, refusal } => {
                decision.verdict = Word::Denied;
                decision.message = Some(refusal.message(&request.name, *phase, cluster.plugin().release()));
                if let Refusal::Denials(blocks) = refusal {
                    let denials =
                        blocks.iter().flat_map(|(by, errors)| errors.iter().map(|e| Denial::new(name(*by), e)));
                    decision.denials = denials.collect();
                }
            }
            Verdict::Invalid { by, errors } => {
                decision.verdict = Word::Invalid;
                decision.policy = name(*by);
                decision.message = Some(invalid_message(&request.name, errors));
                decision.denials = errors.iter().map(|error| Denial::new(None, error)).collect();
            }
        }
    }

    /// The pod as a policy leaves it, which is the same whatever else is usable.
    fn admitted(&mut self, by: usize, operation: Operation, left: &PodView<'_>) -> Arc<Value> {
        let known = self.admitted.iter().find(|(policy, known, _)| (*policy, *known) == (by, operation));
        if let Some((_, _, pod)) = known {
            return pod.clone();
        }
        let mut pod = Value::clone(self.pod);
        left.write_into(&self.view, &mut pod);
        let pod = if pod == **self.pod { self.pod.clone() } else { Arc::new(pod) };
        self.admitted.push((by, operation, pod.clone()));
        pod
    }
}
