//! Mutators: `Assign`, `AssignMetadata` and `ModifySet`, as they are emitted and as Gatekeeper runs them.
//!
//! Mutators run sorted by kind and name, again and again until nothing changes. Source: gatekeeper 3.23, `pkg/mutation`.

mod apply;
mod emit;
mod location;
mod masters;
mod reach;
mod read;
mod scope;

pub(super) use emit::mutators;
pub(super) use reach::pieces;
pub(super) use read::Mutator;

use serde_json::Value;

use super::matching::{Fit, Subject};
use crate::admission::Operation;
use apply::Refused;

/// The pod after the mutators that fit, which must be sorted; `None` if none of them changes it.
///
/// # Errors
/// Why Gatekeeper refuses the request.
pub(super) fn apply_all(
    mutators: &[Mutator],
    operation: Operation,
    subject: Subject<'_>,
) -> Result<Option<Value>, Refused> {
    let mut fitting = Vec::new();
    for mutator in mutators.iter().filter(|mutator| mutator.runs_on(operation)) {
        match mutator.matches.fits(subject) {
            Fit::Yes => fitting.push(mutator),
            Fit::No => {}
            Fit::UnknownNamespace => return Err(Refused("the namespace's labels are not known".to_owned())),
        }
    }
    if fitting.is_empty() {
        return Ok(None);
    }
    let mut pod = subject.pod.clone();
    for round in 0..=fitting.len() {
        let mut changed = false;
        for mutator in &fitting {
            changed |= mutator.apply(&mut pod)?;
        }
        if !changed {
            return Ok((round > 0).then_some(pod));
        }
    }
    Err(Refused("the mutators do not converge".to_owned()))
}
