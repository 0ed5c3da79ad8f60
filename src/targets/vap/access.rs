//! Who may use a policy, as CEL asks the server's authorizer.
//!
//! One question to the authorizer costs 350,000 units of the 1,000,000 that an expression has, and of the 10,000,000 that
//! a policy has: two questions fit into a variable, 28 into a policy.

use crate::cel::print::Expr;
use crate::targets::cel_policies::frozen::{account, namespace};

/// The questions that one policy evaluation can ask.
pub(super) const MOST_CHECKS: usize = 28;

/// The API groups to ask for.
pub(super) fn groups(asks_extensions: bool) -> &'static [&'static str] {
    if asks_extensions { &["policy", "extensions"] } else { &["policy"] }
}

/// How many policies can be asked for within one policy evaluation: the pod's account and the requester for each group.
pub(super) fn most_policies(asks_extensions: bool) -> usize {
    MOST_CHECKS / (2 * groups(asks_extensions).len())
}

/// The questions for one policy, two to an expression: a variable each, any of which must hold.
pub(super) fn live(policy: &Expr, asks_extensions: bool) -> Vec<Expr> {
    groups(asks_extensions).iter().map(|group| ask_both(group, policy)).collect()
}

fn ask_both(group: &str, policy: &Expr) -> Expr {
    let account = account();
    let pods = Expr::name("authorizer").method("serviceAccount", [namespace(), account.clone()]);
    let has_account = account.differs(Expr::string(""));
    let of_account = Expr::and([has_account, ask(pods, group, policy)]);
    Expr::or([of_account, ask(Expr::name("authorizer"), group, policy)])
}

fn ask(authorizer: Expr, group: &str, policy: &Expr) -> Expr {
    let resource = authorizer.method("group", [Expr::string(group)]);
    let resource = resource.method("resource", [Expr::string("podsecuritypolicies")]);
    let named = resource.method("namespace", [namespace()]).method("name", [policy.clone()]);
    named.method("check", [Expr::string("use")]).method("allowed", [])
}
