//! Verdicts on requests that are decided about together. Many are the same request from different requesters: they share a
//! verdict where nothing that was evaluated tells the requesters apart.

use crate::cel::authorizer::{Attributes, Decision};
use crate::targets::{AdmissionRequest, TargetVerdict};

/// What was decided so far.
#[derive(Default)]
pub(in crate::targets) struct Verdicts<'r>(Vec<Known<'r>>);

/// A verdict, and what it rests on that is about the requester.
struct Known<'r> {
    request: AdmissionRequest<'r>,
    questions: Vec<Question>,
    verdict: TargetVerdict,
}

/// A question that was put to the authorizer about the requester, with the answer.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::targets) struct Question {
    pub(in crate::targets) attributes: Attributes,
    pub(in crate::targets) answer: Decision,
}

/// A verdict that was just found.
pub(in crate::targets) struct Fresh {
    pub(in crate::targets) verdict: TargetVerdict,
    /// All that was asked about the requester; `None` if more of the requester was looked at than that.
    pub(in crate::targets) questions: Option<Vec<Question>>,
}

impl<'r> Verdicts<'r> {
    /// The verdict on a request: that of an equal one from a requester about whom `ask` gives the same answers, else what
    /// `decide` finds.
    pub(in crate::targets) fn of(
        &mut self,
        request: &AdmissionRequest<'r>,
        ask: impl Fn(&AdmissionRequest<'r>, &Attributes) -> Decision,
        decide: impl FnOnce() -> Fresh,
    ) -> TargetVerdict {
        let same = |question: &Question| ask(request, &question.attributes) == question.answer;
        let is_shared = |known: &&Known<'_>| known.is_for(request) && known.questions.iter().all(same);
        if let Some(known) = self.0.iter().find(is_shared) {
            return known.verdict.clone();
        }
        let Fresh { verdict, questions } = decide();
        // What could not be evaluated may be told in words about the requester.
        if let Some(questions) = questions.filter(|_| verdict.unsupported.is_empty()) {
            self.0.push(Known { request: *request, questions, verdict: verdict.clone() });
        }
        verdict
    }
}

impl Known<'_> {
    /// Whether the request is the same but for who asks.
    fn is_for(&self, other: &AdmissionRequest<'_>) -> bool {
        let AdmissionRequest { namespace, name, user: _, groups: _, operation, subresource, object, old_object } =
            self.request;
        let old_is_same = match (old_object, other.old_object) {
            (Some(one), Some(other)) => std::ptr::eq(one, other),
            (one, other) => one.is_none() && other.is_none(),
        };
        std::ptr::eq(object, other.object)
            && old_is_same
            && (namespace, name, operation, subresource)
                == (other.namespace, other.name, other.operation, other.subresource)
    }
}
