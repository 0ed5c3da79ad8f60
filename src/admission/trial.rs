//! What each usable policy says of a pod, chosen or not: the explanation behind a decision.

use super::choice::Mutation;
use super::{Operation, Plugin};
use crate::controls::Denials;
use crate::field_error::FieldError;
use crate::pod_view::PodView;

/// What one policy says of a pod.
#[derive(Debug, Clone, PartialEq)]
pub enum Trial<'a> {
    /// It admits the pod as it is.
    Untouched,
    /// It admits the pod after filling it in.
    Filled(Box<PodView<'a>>),
    /// It denies the pod even after filling it in.
    Denied(Vec<FieldError>),
}

impl Plugin {
    /// The policies that `usable` names, in the order in which they are tried, each with what it says of the pod. In the
    /// validating phase a policy that would have to fill in does not count.
    pub fn trials<'a>(&'a self, pod: &PodView<'a>, usable: impl Fn(usize) -> bool) -> Vec<(usize, Trial<'a>)> {
        let usable = self.policies.iter().enumerate().filter(|(by, _)| usable(*by));
        let trial = |(by, policy): (usize, &'a super::AdmissionPolicy)| {
            let filled = policy.filled(pod);
            let mut denials = Denials::collected();
            policy.admit(filled.as_ref().unwrap_or(pod), &mut denials);
            let trial = match (denials.count(), filled) {
                (0, None) => Trial::Untouched,
                (0, Some(filled)) => Trial::Filled(Box::new(filled)),
                _ => Trial::Denied(denials.into_errors()),
            };
            (by, trial)
        };
        usable.map(trial).collect()
    }

    /// The policy that the first phase of the operation chooses.
    pub fn chosen<'a>(
        &'a self,
        operation: Operation,
        pod: &PodView<'a>,
        usable: impl Fn(usize) -> bool,
    ) -> Option<usize> {
        let mutation = match operation {
            Operation::Create => Mutation::Allowed,
            Operation::Update => Mutation::Forbidden,
        };
        self.choose(pod, &usable, mutation).map(|choice| choice.by)
    }
}
