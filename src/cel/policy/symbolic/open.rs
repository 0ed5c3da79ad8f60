//! What the namespace leaves open: the names that an expression may still compare with who asks.

use std::collections::BTreeSet;

use super::look::Look;
use super::subjects::mentions;
use super::{Closed, SymbolicPolicies};
use crate::cel::ast::{Kind, Node};
use crate::cel::eval::Runtime;
use crate::cel::{Scope, Value, Variables};
use crate::symbolic::Subject;

impl SymbolicPolicies<'_> {
    /// Names that may matter to requests in a namespace; `None` if any may.
    pub(super) fn open_names(&self, namespace: &str) -> Option<BTreeSet<String>> {
        if self.depends_on_subject || self.asks_elsewhere {
            return None;
        }
        let subject = Subject { namespace: namespace.to_owned(), ..Subject::default() };
        let request = (self.request_of)(&subject);
        let mut names = BTreeSet::new();
        for Closed { run: at, node, bare, pinned } in &self.closed {
            let run = self.runs.get(*at)?;
            let variables = &run.policy.variables;
            // What is compared with a value that is given is no name.
            if pinned.is_empty() {
                let bindings = self.bindings(&run.param, &request, *bare);
                let scope = &Scope::with_variables(bindings, Some(variables));
                Open { variables, scope, names: &mut names, seen: BTreeSet::new() }.look(node);
            }
        }
        Some(names)
    }
}

/// Looks through the expressions of one policy for what a namespace leaves open.
struct Open<'s> {
    variables: &'s Variables,
    scope: &'s Scope<'s>,
    names: &'s mut BTreeSet<String>,
    /// The variables that were looked through.
    seen: BTreeSet<String>,
}

impl Open<'_> {
    fn look(&mut self, node: &Node) {
        match &node.kind {
            Kind::And(terms) => self.terms(terms, false),
            Kind::Or(terms) => self.terms(terms, true),
            Kind::Not(inner) => self.look(inner),
            _ if self.decided(node).is_some() => {}
            _ => match Look::variable(node) {
                Some(name) if self.seen.insert(name.to_string()) => {
                    let own = self.variables.iter().filter(|(known, _)| *known == &**name);
                    own.for_each(|(_, program)| self.look(program.node()));
                }
                Some(_) => {}
                None => mentions(node, self.variables, self.names),
            },
        }
    }

    /// Where one term decides alone the others do not matter, whether they fail or not.
    fn terms(&mut self, terms: &[Node], deciding: bool) {
        if !terms.iter().any(|term| self.decided(term) == Some(deciding)) {
            terms.iter().for_each(|term| self.look(term));
        }
    }

    /// What the namespace alone makes of an expression.
    fn decided(&self, node: &Node) -> Option<bool> {
        if !is_of_namespace_alone(node) {
            return None;
        }
        match Runtime::new(self.scope, 0).eval(node) {
            Ok(Value::Bool(truth)) => Some(truth),
            _ => None,
        }
    }
}

/// Whether an expression looks at nothing but `request.namespace`.
fn is_of_namespace_alone(node: &Node) -> bool {
    let (mut names, mut namespaces) = (0, 0);
    node.walk(&mut |node| {
        names += usize::from(matches!(node.kind, Kind::Ident(_)));
        namespaces += usize::from(is_namespace(node));
    });
    names == namespaces
}

/// `request.namespace`
pub(super) fn is_namespace(node: &Node) -> bool {
    match &node.kind {
        Kind::Select { operand, field, .. } => {
            **field == *"namespace" && matches!(&operand.kind, Kind::Ident(name) if **name == *"request")
        }
        _ => false,
    }
}
