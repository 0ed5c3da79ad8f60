//! What the API server checks after the types, since 1.30: list and map literals of one type throughout, and the
//! literal arguments of `matches`, `duration`, `timestamp`.

use super::check::Checker;
use crate::cel::ast::{Call, Kind, Node};
use crate::cel::library::regex;
use crate::cel::time::{Span, Timestamp};
use crate::cel::types::Type;
use crate::cel::value::Value;

/// The base environment that first had these checks.
const INTRODUCED: u32 = 29;

impl Checker<'_> {
    /// Reports literals that the API server refuses.
    pub fn check_literals(&mut self, node: &Node) {
        if self.env.version <= INTRODUCED {
            return;
        }
        self.check_homogeneity(node);
        let mut bad: Vec<(usize, String)> = Vec::new();
        node.walk(&mut |node| {
            if let Kind::Call(call) = &node.kind
                && let Some((at, function)) = bad_argument(call)
            {
                bad.push((at, format!("invalid {function} argument")));
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
fn bad_argument(call: &Call) -> Option<(usize, &'static str)> {
    let first = call.args.get(usize::from(call.member))?;
    let Kind::Literal(Value::String(text)) = &first.kind else {
        return None;
    };
    let (function, valid) = match &*call.name {
        "matches" => ("matches", regex::is_supported(text)),
        "duration" => ("duration", Span::parse(text).is_some()),
        "timestamp" => ("timestamp", Timestamp::parse(text).is_some()),
        _ => return None,
    };
    (!valid).then_some((first.at, function))
}
