//! Boolean expressions, split into statements.

use serde_json::Value as Json;

use super::change::Choice;
use super::compiler::Compiler;
use super::look::Look;
use crate::cel::Value;
use crate::cel::ast::{Kind, Node};
use crate::symbolic::{Truth, Unproven};

/// What is asked of an expression that may fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Its value is true.
    IsTrue,
    /// Its value is true, or it fails.
    IsNotFalse,
}

impl Mode {
    fn negated(self) -> Self {
        match self {
            Self::IsTrue => Self::IsNotFalse,
            Self::IsNotFalse => Self::IsTrue,
        }
    }

    /// Whether an answer is of the kind asked for.
    pub fn accepts(self, answer: &Result<Value, crate::cel::EvalError>) -> bool {
        match self {
            Self::IsTrue => matches!(answer, Ok(Value::Bool(true))),
            Self::IsNotFalse => !matches!(answer, Ok(Value::Bool(false))),
        }
    }
}

impl<'a> Compiler<'_, 'a> {
    /// What it takes for a boolean expression to be true, or not false.
    pub(super) fn truth(&mut self, node: &'a Node, mode: Mode) -> Result<Truth, Unproven> {
        let is_split = matches!(&node.kind, Kind::Not(_) | Kind::And(_) | Kind::Or(_) | Kind::Conditional(_));
        if (is_split || self.program_of(node).is_some()) && self.is_closed(node) {
            return self.statement(node, mode);
        }
        match &node.kind {
            Kind::Not(inner) => Ok(self.truth(inner, mode.negated())?.not()),
            Kind::And(terms) => Ok(Truth::all(self.terms(terms, false, mode)?)),
            Kind::Or(terms) => Ok(Truth::any(self.terms(terms, true, mode)?)),
            Kind::Conditional(parts) => self.choice(parts, mode),
            _ => match self.program_of(node) {
                Some(program) => self.truth(program, mode),
                None => match self.compared_choice(node)? {
                    Some((name, links)) => self.by_value(node, mode, &name, &links),
                    None => self.statement(node, mode),
                },
            },
        }
    }

    /// The variable that chooses among literals, where an expression compares it with something.
    fn compared_choice(&mut self, node: &'a Node) -> Result<Option<Choice>, Unproven> {
        let Kind::Call(call) = &node.kind else { return Ok(None) };
        let compares = ["_==_", "_!=_", "@in"].contains(&&*call.name);
        let directly = call.args.iter().any(|arg| Look::variable(arg).is_some());
        if compares && directly { self.choice_in(&[node]) } else { Ok(None) }
    }

    /// What it takes for a comparison of a choice to be true: that of the value which is chosen. A choice that fails makes
    /// the comparison fail.
    fn by_value(&mut self, node: &'a Node, mode: Mode, name: &str, links: &[Link]) -> Result<Truth, Unproven> {
        let mut rest = Truth::Constant(mode == Mode::IsNotFalse);
        for link in links.iter().rev() {
            self.pinned.insert(name.to_owned(), link.value.clone());
            let chosen = self.truth(node, mode);
            self.pinned.remove(name);
            let failed = match mode {
                Mode::IsTrue => Truth::Constant(false),
                Mode::IsNotFalse => Truth::all([link.holds.clone().not(), link.is_false.clone().not()]),
            };
            let here = Truth::all([link.holds.clone(), chosen?]);
            rest = Truth::any([here, Truth::all([link.is_false.clone(), rest]), failed]);
        }
        Ok(rest)
    }

    /// The terms of `&&` or `||`; one that decides alone makes it unimportant what the others are.
    fn terms(&mut self, terms: &'a [Node], deciding: bool, mode: Mode) -> Result<Vec<Truth>, Unproven> {
        let all: Vec<Result<Truth, Unproven>> = terms.iter().map(|term| self.truth(term, mode)).collect();
        let decides = |truth: &Result<Truth, Unproven>| matches!(truth, Ok(Truth::Constant(it)) if *it == deciding);
        if all.iter().any(decides) {
            return Ok(vec![Truth::Constant(deciding)]);
        }
        all.into_iter().collect()
    }

    /// A condition that fails makes the choice fail.
    fn choice(&mut self, [condition, yes, no]: &'a [Node; 3], mode: Mode) -> Result<Truth, Unproven> {
        let holds = self.truth(condition, Mode::IsTrue)?;
        let fails = self.truth(condition, Mode::IsNotFalse)?;
        let is_false = fails.clone().not();
        self.passes_over(yes, &holds);
        self.passes_over(no, &is_false);
        let mut ways = Vec::new();
        if !matches!(holds, Truth::Constant(false)) {
            ways.push(Truth::all([holds.clone(), self.truth(yes, mode)?]));
        }
        if !matches!(is_false, Truth::Constant(false)) {
            ways.push(Truth::all([is_false, self.truth(no, mode)?]));
        }
        if mode == Mode::IsNotFalse {
            ways.push(Truth::all([fails, holds.not()]));
        }
        Ok(Truth::any(ways))
    }

    /// The literals that an expression chooses among, in order; `None` for anything else.
    pub(super) fn chain(&mut self, node: &'a Node) -> Result<Option<Vec<Link>>, Unproven> {
        if let Some(program) = self.program_of(node) {
            return self.chain(program);
        }
        let mut links = Vec::new();
        let mut rest = node;
        while let Kind::Conditional(parts) = &rest.kind {
            let [condition, yes, no] = parts.as_ref();
            let Some(value) = literal(yes) else { return Ok(None) };
            let holds = self.truth(condition, Mode::IsTrue)?;
            let is_false = self.truth(condition, Mode::IsNotFalse)?.not();
            links.push(Link { holds, is_false, value });
            rest = no;
        }
        let Some(value) = literal(rest) else { return Ok(None) };
        links.push(Link { holds: Truth::Constant(true), is_false: Truth::Constant(false), value });
        Ok(Some(links))
    }
}

/// One link of a chain of conditions: what comes of it if its condition holds. If it is false the next link decides.
#[derive(Debug, Clone)]
pub(super) struct Link {
    pub holds: Truth,
    pub is_false: Truth,
    pub value: Json,
}

/// The value of a literal.
pub(super) fn literal(node: &Node) -> Option<Json> {
    match &node.kind {
        Kind::Literal(value) => value.to_json().ok(),
        _ => None,
    }
}
