//! Whether expressions have looked at who asks, other than by questions to the authorizer.

use super::ast::{Kind, Node};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Remembers whether anything has looked at who asks. All clones are about one request.
#[derive(Debug, Clone, Default)]
pub struct RequesterSeen(Arc<AtomicBool>);

impl RequesterSeen {
    /// Something looks at who asks.
    pub fn note(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether something has looked.
    pub fn is_noted(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Whether an expression may look at who asks: it takes more of `request` than fields that are not about the requester.
pub(super) fn sees_requester(node: &Node) -> bool {
    let (mut uses, mut of_others) = (0, 0);
    node.walk(&mut |node| match &node.kind {
        Kind::Ident(name) if **name == *REQUEST => uses += 1,
        Kind::Select { operand, field, .. } | Kind::Has { operand, field } => {
            let is_request = matches!(&operand.kind, Kind::Ident(name) if **name == *REQUEST);
            of_others += usize::from(is_request && **field != *"userInfo");
        }
        _ => {}
    });
    uses != of_others
}

const REQUEST: &str = "request";

#[cfg(test)]
mod tests {
    use super::super::program::Program;

    #[test]
    fn who_looks_at_the_requester_is_told_from_the_rest() {
        for expression in [
            "request.userInfo.username == 'alice'",
            "request.?userInfo.?groups.orValue([]).exists(g, g == 'dev')",
            "has(request.userInfo)",
            "request['userInfo'].username == 'alice'",
            "request == object",
            "request.all(key, key != 'userInfo')",
            "[request].exists(r, r.userInfo.username == 'alice')",
            "request.name == 'p' && request.userInfo.username == 'alice'",
        ] {
            assert!(Program::compile(expression).unwrap().sees_requester(), "{expression}");
        }
        for expression in [
            "request.operation != 'UPDATE' || request.?subResource.orValue('') != ''",
            "has(request.name) && object.request == 1",
            "authorizer.group('policy').resource('x').namespace(request.namespace).check('use').allowed()",
            "object.userInfo == variables.userInfo",
        ] {
            assert!(!Program::compile(expression).unwrap().sees_requester(), "{expression}");
        }
    }
}
