//! What each usable policy says of a pod, chosen or not: the explanation behind a decision.

use super::choice::Mutation;
use super::{Operation, Plugin, prepare};
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

/// What one control of a policy says of a pod, by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ControlTrial {
    /// It admits the pod as it is.
    Untouched,
    /// It admits the pod after filling it in.
    Filled,
    /// It denies the pod even after filling it in.
    Denied,
    /// It admits the pod, and not what the API server makes of it before the validating phase.
    NotValidated,
}

impl Plugin {
    /// What the control at a position of [`super::AdmissionPolicy::requirements`] says of a pod: its fills and its demands
    /// alone, on CREATE.
    pub fn try_control(&self, policy: usize, control: usize, pod: &PodView<'_>) -> Option<ControlTrial> {
        let policy = self.policies.get(policy)?;
        let (_, requirement) = policy.requirements().get(control)?;
        let fills = requirement.fills();
        let mut filled = pod.clone();
        let changed = fills.iter().any(|fill| fill.changes(pod));
        for fill in &fills {
            fill.apply(&mut filled);
        }
        if !policy.control_admits(requirement.as_ref(), &filled) {
            return Some(ControlTrial::Denied);
        }
        if prepare::for_create(&mut filled, &self.release) {
            let changed_again = fills.iter().any(|fill| fill.changes(&filled));
            if changed_again || !policy.control_admits(requirement.as_ref(), &filled) {
                return Some(ControlTrial::NotValidated);
            }
        }
        Some(if changed { ControlTrial::Filled } else { ControlTrial::Untouched })
    }

    /// The pod that results from the choice of a policy, its annotation and the API server's preparation included.
    pub fn result_of<'a>(&'a self, policy: usize, pod: &PodView<'a>) -> Option<PodView<'a>> {
        let policy = self.policies.get(policy)?;
        let mut result = policy.filled(pod).unwrap_or_else(|| pod.clone());
        result.psp_annotation = Some(policy.name());
        prepare::for_create(&mut result, &self.release);
        Some(result)
    }

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
