//! The authorizer of native policies: the cluster's roles and bindings, as far as they are about the use of policies.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::cel::authorizer::{Attributes, Authorize, Decision, Identity};
use crate::rbac::Rbac;
use crate::targets::Unsupported;
use crate::targets::cel_policies::verdicts::Question;

/// Answers by the cluster's roles and bindings.
#[derive(Debug)]
pub(super) struct Grants<'a> {
    rbac: &'a Rbac,
    /// Questions about anything else.
    unanswered: Mutex<Vec<String>>,
}

impl<'a> Grants<'a> {
    /// Nothing was asked yet.
    pub(super) fn new(rbac: &'a Rbac) -> Self {
        Self { rbac, unanswered: Mutex::default() }
    }

    fn into_unsupported(self) -> Vec<Unsupported> {
        let questions = self.unanswered.into_inner().unwrap_or_default();
        let unsupported = |question| Unsupported {
            document: "authorizer".to_owned(),
            path: String::new(),
            why: format!("whether somebody may {question} is not known here"),
        };
        questions.into_iter().map(unsupported).collect()
    }
}

/// Whether roles and bindings let somebody do this; `None` if they do not tell.
fn answer(rbac: &Rbac, user: &str, groups: &[String], attributes: &Attributes) -> Option<bool> {
    match attributes {
        Attributes::Resource { verb, group, resource, subresource, namespace, name }
            if verb == "use" && resource == "podsecuritypolicies" && subresource.is_empty() =>
        {
            rbac.may_use(group, name, namespace, user, groups)
        }
        _ => None,
    }
}

/// The decision on somebody, as [`Grants`] gives it.
pub(super) fn decision(rbac: &Rbac, user: &str, groups: &[String], attributes: &Attributes) -> Decision {
    Decision { allowed: answer(rbac, user, groups, attributes).unwrap_or_default(), ..Decision::default() }
}

impl Authorize for Grants<'_> {
    fn authorize(&self, identity: &Identity, attributes: &Attributes) -> Decision {
        let answer = answer(self.rbac, &identity.user, &identity.groups, attributes);
        if answer.is_none() {
            locked(&self.unanswered).push(format!("{attributes:?}"));
        }
        Decision { allowed: answer.unwrap_or_default(), ..Decision::default() }
    }

    fn unanswered(&self) -> Option<String> {
        locked(&self.unanswered).first().cloned()
    }
}

/// [`Grants`] for one request, which keep what is asked about its requester.
#[derive(Debug)]
pub(super) struct Interview<'a> {
    grants: Grants<'a>,
    user: &'a str,
    groups: &'a [String],
    questions: Mutex<Vec<Question>>,
}

impl<'a> Interview<'a> {
    /// Nothing was asked yet.
    pub(super) fn new(rbac: &'a Rbac, user: &'a str, groups: &'a [String]) -> Self {
        Self { grants: Grants::new(rbac), user, groups, questions: Mutex::default() }
    }

    /// What was asked about the requester, and what could not be answered about anybody.
    pub(super) fn into_parts(self) -> (Vec<Question>, Vec<Unsupported>) {
        let questions = self.questions.into_inner().unwrap_or_else(PoisonError::into_inner);
        (questions, self.grants.into_unsupported())
    }
}

impl Authorize for Interview<'_> {
    fn authorize(&self, identity: &Identity, attributes: &Attributes) -> Decision {
        let answer = self.grants.authorize(identity, attributes);
        if (identity.user.as_str(), identity.groups.as_slice()) == (self.user, self.groups) {
            locked(&self.questions).push(Question { attributes: attributes.clone(), answer: answer.clone() });
        }
        answer
    }

    fn unanswered(&self) -> Option<String> {
        self.grants.unanswered()
    }
}

fn locked<T>(list: &Mutex<T>) -> MutexGuard<'_, T> {
    list.lock().unwrap_or_else(PoisonError::into_inner)
}
