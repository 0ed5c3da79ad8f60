//! Who may use a policy, as JMESPath, resolved at conversion time.

use super::condition::{Condition, one_of, text};
use crate::rbac::{GrantAtom, Subject};

/// Whether the requester or the pod's service account is granted the policy.
pub(super) fn may_use(grants: &[GrantAtom]) -> Condition {
    Condition::any(grants.iter().map(|grant| {
        let here = grant.namespace.as_deref().map(in_namespace);
        Condition::all(here.into_iter().chain([Condition::any(is(&grant.subject))]))
    }))
}

fn in_namespace(namespace: &str) -> Condition {
    one_of("request.namespace", [namespace])
}

/// The requester is the subject, or the pod's service account is.
fn is(subject: &Subject) -> Vec<Condition> {
    const ACCOUNT: &str = "request.object.spec.serviceAccountName";
    let has_account = || Condition::of(format!("({ACCOUNT} || `false`)"));
    let mut found = match subject {
        Subject::User(name) => vec![one_of("request.userInfo.username", [name.as_str()])],
        Subject::Group(name) => {
            vec![Condition::of(format!("contains(request.userInfo.groups || `[]`, {})", text(name)))]
        }
    };
    if let Some((home, name)) = subject.as_service_account() {
        // A pod without an account is nobody, whatever a binding's subject is called.
        let named = (!name.is_empty()).then(|| one_of(ACCOUNT, [name]));
        found.extend(named.map(|named| Condition::all([in_namespace(home), named])));
    } else if subject.name() == "system:serviceaccounts" && matches!(subject, Subject::Group(_)) {
        found.push(has_account());
    } else if let Some(home) = subject.as_accounts_of_namespace() {
        found.push(Condition::all([in_namespace(home), has_account()]));
    }
    found
}
