//! Who may use a policy, as CEL, resolved at conversion time: the requester, or the pod's service account.

use std::collections::BTreeMap;

use crate::cel::print::Expr;
use crate::rbac::{GrantAtom, Subject};

/// The request's namespace.
pub(in crate::targets) fn namespace() -> Expr {
    Expr::name("request").field("namespace")
}

/// The name of the pod's service account; empty for none.
pub(in crate::targets) fn account() -> Expr {
    let name = Expr::name("object").field("spec").optional_field("serviceAccountName");
    name.method("orValue", [Expr::string("")])
}

/// The grants as they were at conversion time.
pub(in crate::targets) fn may_use(grants: &[GrantAtom]) -> Expr {
    let mut by_namespace: BTreeMap<Option<&str>, Vec<&Subject>> = BTreeMap::new();
    for grant in grants {
        by_namespace.entry(grant.namespace.as_deref()).or_default().push(&grant.subject);
    }
    Expr::or(by_namespace.into_iter().map(|(place, subjects)| {
        let anyone = Expr::or(one_of(&subjects).into_iter().chain(accounts(&subjects)));
        let here = place.map(|place| namespace().equals(Expr::string(place)));
        Expr::and(here.into_iter().chain([anyone]))
    }))
}

/// The requester is one of the users, or in one of the groups.
fn one_of(subjects: &[&Subject]) -> Vec<Expr> {
    let info = |key| Expr::name("request").field("userInfo").optional_field(key);
    let names = |wanted: fn(&Subject) -> bool| {
        let names: Vec<&str> = subjects.iter().copied().filter(|subject| wanted(subject)).map(Subject::name).collect();
        (!names.is_empty()).then(|| Expr::strings(names))
    };
    let users = names(|subject| matches!(subject, Subject::User(_)));
    let groups = names(|subject| matches!(subject, Subject::Group(_)));
    let user = users.map(|users| info("username").method("orValue", [Expr::string("")]).is_in(users));
    let group = groups.map(|groups| {
        let own = info("groups").method("orValue", [Expr::list([])]);
        own.exists("g", Expr::name("g").is_in(groups))
    });
    user.into_iter().chain(group).collect()
}

/// The pod's service account is one of the users, or in one of the two groups that it has.
fn accounts(subjects: &[&Subject]) -> Vec<Expr> {
    let mut found = Vec::new();
    for subject in subjects {
        if let Some((home, name)) = subject.as_service_account() {
            let here = namespace().equals(Expr::string(home));
            // A pod without an account is nobody, whatever a binding's subject is called.
            let named = (!name.is_empty()).then(|| account().equals(Expr::string(name)));
            found.extend(named.map(|named| Expr::and([here, named])));
        } else if subject.name() == "system:serviceaccounts" && matches!(subject, Subject::Group(_)) {
            found.push(account().differs(Expr::string("")));
        } else if let Some(home) = subject.as_accounts_of_namespace() {
            let here = namespace().equals(Expr::string(home));
            found.push(Expr::and([here, account().differs(Expr::string(""))]));
        }
    }
    found
}
