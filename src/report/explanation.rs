//! Why a policy was or was not chosen: every usable policy in the order in which it is tried.

use std::fmt::Write;

use crate::admission::{Operation, Trial};
use crate::cluster::Cluster;
use crate::input::printable;
use crate::pod_view::PodView;
use crate::report::style::{BAD, DIM, GOOD, NOTE, paint};
use crate::requests::PodRequest;

/// The explanation of the decision about a request that reaches the plug-in.
pub fn explanation(cluster: &Cluster, request: &PodRequest, pod: &PodView<'_>) -> String {
    let asked = request.as_request();
    let usable = cluster.usable(&asked, pod);
    let may_use = |policy: usize| cluster.may_use(policy, &usable);
    let trials = cluster.plugin().trials(pod, may_use);
    let chosen = cluster.plugin().chosen(request.operation, pod, may_use);
    let mut out = String::new();
    let unusable = cluster.plugin().policies().len() - trials.len();
    for (by, trial) in &trials {
        let name = cluster.plugin().policies().get(*by).map(|policy| printable(policy.name())).unwrap_or_default();
        let mark = if chosen == Some(*by) { paint(GOOD, "→") } else { " ".to_owned() };
        // Writing to a `String` cannot fail.
        let _ = writeln!(out, "  {mark} {name}: {}", said(trial, request.operation, chosen, *by));
        if let Trial::Denied(errors) = trial {
            for error in errors {
                let _ = writeln!(out, "      {}", paint(DIM, printable(&error.to_string())));
            }
        }
    }
    if trials.is_empty() {
        let _ = writeln!(
            out,
            "    {}",
            paint(BAD, "no policy is usable, neither by the requester nor by the service account")
        );
    }
    if unusable > 0 {
        let _ = writeln!(
            out,
            "    {}",
            paint(DIM, format!("{unusable} more: neither the requester nor the service account may use them"))
        );
    }
    out
}

fn said(trial: &Trial<'_>, operation: Operation, chosen: Option<usize>, by: usize) -> String {
    let is_chosen = chosen == Some(by);
    match (trial, operation) {
        (Trial::Untouched, _) if is_chosen => "admits the pod as it is, and is chosen".to_owned(),
        (Trial::Untouched, _) => "admits the pod as it is; an earlier policy does too".to_owned(),
        (Trial::Filled(_), Operation::Create) if is_chosen => {
            "admits the pod after filling it in, and is chosen: no policy admits it as it is".to_owned()
        }
        (Trial::Filled(_), Operation::Create) => paint(
            NOTE,
            "admits the pod after filling it in; a policy that leaves it alone, or an earlier one, comes first",
        ),
        (Trial::Filled(_), Operation::Update) => {
            paint(NOTE, "would have to fill the pod in, which an update does not allow")
        }
        (Trial::Denied(errors), _) => paint(BAD, format!("denies the pod, for {}", reasons(errors.len()))),
    }
}

fn reasons(count: usize) -> String {
    if count == 1 { "one reason".to_owned() } else { format!("{count} reasons") }
}
