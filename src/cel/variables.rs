//! The variables of a policy, and which of them look at nothing but `object`.

use super::ast::{Kind, Node};
use super::eval::is_type_name;
use super::object::SPEC;
use super::program::Program;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::Arc;

/// Named expressions in the order written; each may use those before it.
#[derive(Debug, Clone, Default)]
pub struct Variables(Arc<Listed>);

#[derive(Debug, Default)]
struct Listed {
    named: Vec<(Arc<str>, Program)>,
    /// What decides what each of them is, and which variables are the same wherever that is the same.
    identities: Vec<(Reach, Identity)>,
    /// The last one of each name, as in a policy that declares it twice.
    positions: HashMap<Arc<str>, usize>,
}

/// What an expression looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reach {
    /// The `spec` of `object` alone.
    Spec,
    /// `object` alone.
    Object,
    /// More than that.
    More,
}

/// A digest of a variable's name and expression, and of the variables that it uses: variables of different policies with the
/// same digest are the same.
pub(super) type Identity = [u64; 4];

impl Variables {
    /// Variables in the order written.
    pub fn new(named: Vec<(Arc<str>, Program)>) -> Self {
        let positions: HashMap<Arc<str>, usize> =
            named.iter().enumerate().map(|(position, (name, _))| (name.clone(), position)).collect();
        let mut identities: Vec<(Reach, Identity)> = Vec::with_capacity(named.len());
        for (name, program) in &named {
            let used = |name: &str| positions.get(name).and_then(|at| identities.get(*at)).copied();
            let identity = identity(name, program, &used);
            identities.push(identity);
        }
        Self(Arc::new(Listed { named, identities, positions }))
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

    /// The name at a position.
    pub(super) fn name(&self, position: usize) -> Option<&Arc<str>> {
        self.0.named.get(position).map(|(name, _)| name)
    }

    /// What decides what the variable at a position is, and its identity.
    pub(super) fn identity(&self, position: usize) -> Option<(Reach, &Identity)> {
        self.0.identities.get(position).map(|(reach, identity)| (*reach, identity))
    }
}

/// What a variable looks at, and its identity, given those of the variables before it.
fn identity(name: &str, program: &Program, used: &dyn Fn(&str) -> Option<(Reach, Identity)>) -> (Reach, Identity) {
    let (own, of_variables) = reach(program.node());
    let mut digest = Sha256::new();
    for text in [program.environment(), name, program.source()] {
        digest.update(text.len().to_le_bytes());
        digest.update(text);
    }
    let mut reach = own;
    for name in of_variables {
        let (of_used, identity) = used(name).unwrap_or((Reach::More, Identity::default()));
        reach = reach.max(of_used);
        identity.iter().for_each(|part| digest.update(part.to_le_bytes()));
    }
    let mut identity = Identity::default();
    for (part, bytes) in identity.iter_mut().zip(digest.finalize().chunks_exact(size_of::<u64>())) {
        *part = bytes.iter().fold(0, |part, byte| part << 8 | u64::from(*byte));
    }
    (reach, identity)
}

/// What an expression looks at besides what it binds itself, types and variables; and the variables, in the order in which
/// they stand there.
fn reach(node: &Node) -> (Reach, Vec<&str>) {
    let mut bound: Vec<&str> = Vec::new();
    let (mut names, mut of_variables, mut of_spec): (Vec<&str>, Vec<&str>, usize) = Default::default();
    node.walk(&mut |node| match &node.kind {
        Kind::Ident(name) => names.push(name),
        Kind::Macro(m) => bound.extend(std::iter::once(&m.variable).chain(&m.second).map(|name| &**name)),
        Kind::Select { operand, field, .. } | Kind::Has { operand, field } if is_named(operand, VARIABLES) => {
            of_variables.push(field);
        }
        Kind::Select { operand, field, .. } | Kind::Has { operand, field } if is_named(operand, OBJECT) => {
            of_spec += usize::from(**field == *SPEC);
        }
        _ => {}
    });
    let uses = |wanted: &str| names.iter().filter(|name| ***name == *wanted).count();
    // A name that is bound somewhere may be asked for where it is not.
    let is_known = |name: &&&str| {
        [OBJECT, VARIABLES].contains(name) || is_type_name(name) || bound.contains(name) && !is_of_scope(name)
    };
    let reach = match names.iter().all(|name| is_known(&name)) && uses(VARIABLES) == of_variables.len() {
        false => Reach::More,
        true if uses(OBJECT) == of_spec => Reach::Spec,
        true => Reach::Object,
    };
    (reach, of_variables)
}

const OBJECT: &str = "object";

const VARIABLES: &str = "variables";

fn is_named(node: &Node, wanted: &str) -> bool {
    matches!(&node.kind, Kind::Ident(name) if **name == *wanted)
}

/// Whether a scope may have a name by itself.
fn is_of_scope(name: &str) -> bool {
    ["oldObject", "request", "namespaceObject", "params", "authorizer", VARIABLES].contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks_at(expression: &str) -> Reach {
        let named = [("own", "object.spec"), ("asking", "request.name"), ("last", expression)];
        let program = |(name, text): (&str, &str)| (name.into(), Program::compile(text).unwrap());
        Variables::new(named.map(program).to_vec()).identity(2).unwrap().0
    }

    #[test]
    fn what_looks_at_the_spec_alone_is_told_from_what_looks_at_the_object() {
        for expression in [
            "object.spec.containers.all(c, has(c.image) && type(c) == map)",
            "has(object.spec) && object.?spec.?hostPID.orValue(false)",
            "variables.own.containers.map(c, c.name) == ['object']",
            "1 == 1",
        ] {
            assert_eq!(looks_at(expression), Reach::Spec, "{expression}");
        }
        for expression in [
            "object.metadata.name == 'p'",
            "has(variables.own) ? object.metadata.request : {'params': 1}",
            "object.spec.hostPID || object == 1",
            "object['spec'] == 1",
            "object.all(k, k == 'spec')",
            "[object].exists(o, o.metadata.name == object.spec.hostname)",
        ] {
            assert_eq!(looks_at(expression), Reach::Object, "{expression}");
        }
    }

    #[test]
    fn what_looks_at_the_object_alone_is_told_from_the_rest() {
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
            assert_eq!(looks_at(expression), Reach::More, "{expression}");
        }
    }

    #[test]
    fn variables_are_the_same_only_with_all_that_they_use() {
        let last = |named: &[(&str, &str)]| {
            let program = |(name, text): &(&str, &str)| ((*name).into(), Program::compile(text).unwrap());
            let variables = Variables::new(named.iter().map(program).collect());
            *variables.identity(named.len() - 1).unwrap().1
        };
        let one = last(&[("a", "object.spec.x"), ("b", "variables.a == 1")]);
        assert_eq!(one, last(&[("z", "1 == 1"), ("a", "object.spec.x"), ("b", "variables.a == 1")]));
        assert_ne!(one, last(&[("a", "object.spec.y"), ("b", "variables.a == 1")]));
        assert_ne!(one, last(&[("a", "object.spec.x"), ("c", "variables.a == 1")]), "errors tell the name");
        assert_ne!(one, last(&[("a", "object.spec.x"), ("b", "variables.a == 2")]));
    }
}
