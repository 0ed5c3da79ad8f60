//! The choice among usable policies (`admission.go`, `computeSecurityContext`).

use super::Plugin;
use super::policy::AdmissionPolicy;
use crate::controls::Denials;
use crate::pod_view::PodView;

/// Whether policies may fill pods in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mutation {
    /// In the mutating phase.
    Allowed,
    /// In the validating phase.
    Forbidden,
}

/// The chosen policy, with the pod it fills in, if it changes the pod.
pub(super) struct Choice<'a> {
    pub(super) by: usize,
    pub(super) filled: Option<PodView<'a>>,
}

impl Plugin {
    /// The first usable policy that admits the pod untouched, else, where mutation is allowed, the first that admits it
    /// after its fills.
    pub(super) fn choose<'a>(
        &'a self,
        pod: &PodView<'a>,
        usable: &impl Fn(usize) -> bool,
        mutation: Mutation,
    ) -> Option<Choice<'a>> {
        let mut first_filled = None;
        for (by, policy) in self.order(pod, mutation).filter(|(by, _)| usable(*by)) {
            if mutation == Mutation::Forbidden || first_filled.is_some() {
                if !policy.fills_in(pod) && admits(policy, pod) {
                    return Some(Choice { by, filled: None });
                }
                continue;
            }
            match policy.filled(pod) {
                None if admits(policy, pod) => return Some(Choice { by, filled: None }),
                Some(filled) if admits(policy, &filled) => first_filled = Some(Choice { by, filled: Some(filled) }),
                _ => {}
            }
        }
        first_filled
    }

    /// The policies by name. In the validating phase the policy that the pod's annotation names comes first: it is a
    /// hint, and no more.
    fn order(&self, pod: &PodView<'_>, mutation: Mutation) -> impl Iterator<Item = (usize, &AdmissionPolicy)> {
        let named = |name| self.policies.binary_search_by(|policy| policy.name().cmp(name)).ok();
        let hint = pod.psp_annotation.filter(|_| mutation == Mutation::Forbidden).and_then(named);
        let first = hint.and_then(|index| Some((index, self.policies.get(index)?)));
        first.into_iter().chain(self.policies.iter().enumerate().filter(move |(index, _)| Some(*index) != hint))
    }
}

fn admits(policy: &AdmissionPolicy, pod: &PodView<'_>) -> bool {
    let mut denials = Denials::counted();
    policy.admit(pod, &mut denials);
    denials.count() == 0
}
