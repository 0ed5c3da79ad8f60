//! What the API server checks after the types, since 1.30: list and map literals of one type throughout, and calls whose
//! literal arguments can only fail.

use super::check::Checker;
use crate::cel::ast::{Call, Element, Kind, Node};
use crate::cel::eval::Runtime;
use crate::cel::library::regex;
use crate::cel::scope::{Bindings, Scope};
use crate::cel::time::{Span, Timestamp};
use crate::cel::types::Type;
use crate::cel::value::Value;

/// The base environment that first had these checks.
pub(super) const INTRODUCED: u32 = 29;

impl Checker<'_> {
    /// Reports literals that the API server refuses.
    pub fn check_literals(&mut self, node: &Node) {
        if self.env.version <= INTRODUCED {
            return;
        }
        self.check_homogeneity(node);
        let mut bad: Vec<(usize, String)> = Vec::new();
        node.walk(&mut |node| {
            if let Kind::Call(call) = &node.kind {
                bad.extend(bad_argument(call).or_else(|| bad_result(node, call)));
            }
        });
        for (at, message) in bad {
            self.report(at, message);
        }
    }

    /// Elements whose types differ from the first one's, `dyn` included; not inside `format`.
    fn check_homogeneity(&mut self, node: &Node) {
        let mut exempt = Vec::new();
        node.walk(&mut |node| {
            if let Kind::Call(call) = &node.kind
                && call.member
                && &*call.name == "format"
            {
                for arg in &call.args {
                    arg.walk(&mut |inner| exempt.push(inner.at));
                }
            }
        });
        for elements in std::mem::take(&mut self.literals) {
            let mut settled = elements.iter().map(|(at, t)| (*at, self.settle(t)));
            let Some((_, first)) = settled.next() else { continue };
            let different = settled.find(|(_, t)| *t != first && *t != Type::Error && first != Type::Error);
            if let Some((at, found)) = different.filter(|(at, _)| !exempt.contains(at)) {
                self.report(at, format!("expected type '{first}' but found '{found}'"));
            }
        }
    }
}

/// A literal argument that its function can never take.
fn bad_argument(call: &Call) -> Option<(usize, String)> {
    let argument = call.args.get(usize::from(call.member))?;
    let Kind::Literal(Value::String(text)) = &argument.kind else {
        return None;
    };
    let valid = match &*call.name {
        "matches" | "find" | "findAll" => regex::is_supported(text),
        "duration" => Span::parse(text).is_some(),
        "timestamp" => Timestamp::parse(text).is_some(),
        _ => return None,
    };
    let message = match &*call.name {
        "find" | "findAll" => "program instantiation failed: error parsing regexp".to_owned(),
        name => format!("invalid {name} argument"),
    };
    (!valid).then_some((argument.at, message))
}

/// A conversion or `format` of literals that fails: the API server computes these when it compiles.
fn bad_result(node: &Node, call: &Call) -> Option<(usize, String)> {
    let conversion = ["int", "uint", "double", "bool", "bytes", "string"].contains(&&*call.name);
    let literal = |node: &Node| matches!(node.kind, Kind::Literal(_));
    let all_literal = |elements: &[Element]| elements.iter().all(|element| literal(&element.value));
    let prefix = match call.args.as_slice() {
        [argument] if conversion && literal(argument) => "program instantiation failed: ",
        [template, Node { kind: Kind::List(values), .. }]
            if &*call.name == "format" && literal(template) && all_literal(values) =>
        {
            ""
        }
        _ => return None,
    };
    let scope = Scope::new(Bindings::new());
    match Runtime::new(&scope, 0).eval(node) {
        Err(crate::cel::EvalError::Runtime(message)) => Some((node.at, format!("{prefix}{message}"))),
        _ => None,
    }
}
