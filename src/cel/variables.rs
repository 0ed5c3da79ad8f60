//! The variables of a policy, and which of them look at nothing but `object`.

use super::ast::{Kind, Node};
use super::eval::is_type_name;
use super::program::Program;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Named expressions in the order written; each may use those before it.
#[derive(Debug, Clone, Default)]
pub struct Variables(Arc<Listed>);

#[derive(Debug, Default)]
struct Listed {
    named: Vec<(Arc<str>, Program)>,
    /// Whether the object alone decides what each of them is.
    object_alone: Vec<bool>,
    /// The last one of each name, as in a policy that declares it twice.
    positions: BTreeMap<Arc<str>, usize>,
}

impl Variables {
    /// Variables in the order written.
    pub fn new(named: Vec<(Arc<str>, Program)>) -> Self {
        let positions: BTreeMap<Arc<str>, usize> =
            named.iter().enumerate().map(|(position, (name, _))| (name.clone(), position)).collect();
        let mut object_alone: Vec<bool> = Vec::with_capacity(named.len());
        for (_, program) in &named {
            let is_alone = |name: &str| positions.get(name).and_then(|at| object_alone.get(*at)).copied();
            let alone = asks_object_alone(program.node(), &|name| is_alone(name).unwrap_or_default());
            object_alone.push(alone);
        }
        Self(Arc::new(Listed { named, object_alone, positions }))
    }

    /// Names and programs in the order written.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Program)> {
        self.0.named.iter().map(|(name, program)| (&**name, program))
    }

    /// Where a variable stands.
    pub(super) fn position(&self, name: &str) -> Option<usize> {
        self.0.positions.get(name).copied()
    }

    /// The program at a position.
    pub(super) fn program(&self, position: usize) -> Option<&Program> {
        self.0.named.get(position).map(|(_, program)| program)
    }

    /// Whether the value of the variable at a position is the same wherever `object` is.
    pub(super) fn is_of_object_alone(&self, position: usize) -> bool {
        self.0.object_alone.get(position).copied().unwrap_or_default()
    }

    /// Whether these are the very same variables.
    pub(super) fn are(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// Whether an expression asks for nothing but `object`, what it binds itself, types, and variables of which `is_alone`
/// says the same.
fn asks_object_alone(node: &Node, is_alone: &dyn Fn(&str) -> bool) -> bool {
    let mut bound: Vec<&str> = Vec::new();
    let (mut names, mut of_variables): (Vec<&str>, Vec<&str>) = Default::default();
    node.walk(&mut |node| match &node.kind {
        Kind::Ident(name) => names.push(name),
        Kind::Macro(m) => bound.extend(std::iter::once(&m.variable).chain(&m.second).map(|name| &**name)),
        Kind::Select { operand, field, .. } | Kind::Has { operand, field } if is_variables(operand) => {
            of_variables.push(field);
        }
        _ => {}
    });
    let uses = names.iter().filter(|name| **name == VARIABLES).count();
    // A name that is bound somewhere may be asked for where it is not.
    let is_known =
        |name: &&str| **name == *"object" || is_type_name(name) || bound.contains(name) && !is_of_scope(name);
    let others = names.iter().filter(|name| **name != VARIABLES);
    uses == of_variables.len() && others.into_iter().all(is_known) && of_variables.into_iter().all(is_alone)
}

const VARIABLES: &str = "variables";

fn is_variables(node: &Node) -> bool {
    matches!(&node.kind, Kind::Ident(name) if **name == *VARIABLES)
}

/// Whether a scope may have a name by itself.
fn is_of_scope(name: &str) -> bool {
    ["oldObject", "request", "namespaceObject", "params", "authorizer", VARIABLES].contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alone(expression: &str) -> bool {
        let named = [("own", "object.spec"), ("asking", "request.name"), ("last", expression)];
        let program = |(name, text): (&str, &str)| (name.into(), Program::compile(text).unwrap());
        Variables::new(named.map(program).to_vec()).is_of_object_alone(2)
    }

    #[test]
    fn what_looks_at_the_object_alone_is_told_from_the_rest() {
        for expression in [
            "object.spec.containers.all(c, has(c.image) && type(c) == map)",
            "variables.own.containers.map(c, c.name) == ['request']",
            "has(variables.own) ? object.metadata.request : {'params': 1}",
        ] {
            assert!(alone(expression), "{expression}");
        }
        for expression in [
            "request.name == object.metadata.name",
            "variables.asking == 'x'",
            "object.spec.all(c, variables.asking == c)",
            "[1].all(request, request == 1)",
            "variables == object",
            "variables['own'] == 1",
            "variables.last == 1",
            "oldObject == object || params.x == 1",
            "authorizer.group('').resource('pods').check('get').allowed()",
            "authorizer.requestResource.check('get').allowed()",
            "namespaceObject.metadata.name == 'x'",
            "nosuch == 1",
        ] {
            assert!(!alone(expression), "{expression}");
        }
    }
}
