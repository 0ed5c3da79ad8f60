//! Text to [`Node`]: a precedence-climbing parser that also recognises macros and looks functions up.
//!
//! Grammar: the CEL specification, with optional syntax and without escaped identifiers. The text is bounded by
//! [`limits::check`] first, so recursion is.

mod lexer;
mod literal;
mod macros;

use super::ast::{Call, Element, Entry, Field, Kind, Node};
use super::error::CelError;
use super::eval::is_type_name;
use super::library::Environment;
use super::limits;
use super::value::Value;
use lexer::{Token, TokenKind, tokens};
use std::sync::Arc;

/// The tree of an expression, its functions looked up in `environment`.
pub(crate) fn parse(source: &str, environment: &'static Environment) -> Result<Node, CelError> {
    limits::check(source)?;
    let mut parser = Parser { source, tokens: tokens(source)?, next: 0, environment };
    let node = parser.expression()?;
    match parser.peek() {
        TokenKind::End => Ok(node),
        _ => Err(parser.unexpected("end of expression")),
    }
}

struct Parser<'a> {
    source: &'a str,
    tokens: Vec<Token<'a>>,
    next: usize,
    environment: &'static Environment,
}

const AND: &str = "&&";
const OR: &str = "||";

/// Binary operators: mark, function, how tightly they bind.
const BINARY: [(&str, &str, u8); 14] = [
    ("||", OR, 1),
    ("&&", AND, 2),
    ("==", "_==_", 3),
    ("!=", "_!=_", 3),
    ("<", "_<_", 3),
    ("<=", "_<=_", 3),
    (">", "_>_", 3),
    (">=", "_>=_", 3),
    ("in", "@in", 3),
    ("+", "_+_", 4),
    ("-", "_-_", 4),
    ("*", "_*_", 5),
    ("/", "_/_", 5),
    ("%", "_%_", 5),
];

const RESERVED: [&str; 17] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

impl<'a> Parser<'a> {
    fn peek(&self) -> &TokenKind<'a> {
        self.tokens.get(self.next).map_or(&TokenKind::End, |token| &token.kind)
    }

    fn at(&self) -> usize {
        self.tokens.get(self.next).map_or(self.source.len(), |token| token.at)
    }

    fn is(&self, mark: &str) -> bool {
        matches!(self.peek(), TokenKind::Mark(found) if *found == mark)
    }

    fn accept(&mut self, mark: &str) -> bool {
        let found = self.is(mark);
        self.next += usize::from(found);
        found
    }

    fn expect(&mut self, mark: &str) -> Result<(), CelError> {
        if self.accept(mark) { Ok(()) } else { Err(self.unexpected(&format!("'{mark}'"))) }
    }

    fn unexpected(&self, expected: &str) -> CelError {
        let end = self.tokens.get(self.next + 1).map_or(self.source.len(), |token| token.at);
        let found = match self.peek() {
            TokenKind::End => "<EOF>",
            _ => self.source.get(self.at()..end).unwrap_or_default().trim_end(),
        };
        self.error(self.at(), format!("Syntax error: mismatched input '{found}' expecting {expected}"))
    }

    fn error(&self, at: usize, message: impl Into<String>) -> CelError {
        CelError::at(self.source, at, message)
    }

    fn expression(&mut self) -> Result<Node, CelError> {
        let condition = self.binary(1)?;
        let at = self.at();
        if !self.accept("?") {
            return Ok(condition);
        }
        let yes = self.binary(1)?;
        self.expect(":")?;
        let no = self.expression()?;
        Ok(Node { at, kind: Kind::Conditional(Box::new([condition, yes, no])) })
    }

    /// Operands joined by operators that bind at least as tightly as `lowest`.
    fn binary(&mut self, lowest: u8) -> Result<Node, CelError> {
        let mut left = self.unary()?;
        while let Some((function, precedence)) = self.binary_operator(lowest) {
            let at = self.at();
            self.next += 1;
            let right = self.binary(precedence + 1)?;
            left = self.join(at, function, left, right);
        }
        Ok(left)
    }

    fn binary_operator(&self, lowest: u8) -> Option<(&'static str, u8)> {
        let TokenKind::Mark(mark) = self.peek() else {
            return None;
        };
        let (_, function, precedence) = BINARY.iter().find(|(operator, ..)| operator == mark)?;
        (*precedence >= lowest).then_some((function, *precedence))
    }

    /// A chain of one logical operator stays flat.
    fn join(&self, at: usize, function: &'static str, left: Node, right: Node) -> Node {
        let kind = match (function, left.kind) {
            (AND, Kind::And(terms)) => Kind::And(appended(terms, right)),
            (OR, Kind::Or(terms)) => Kind::Or(appended(terms, right)),
            (AND, kind) => Kind::And(vec![Node { at: left.at, kind }, right]),
            (OR, kind) => Kind::Or(vec![Node { at: left.at, kind }, right]),
            (_, kind) => return self.operation(at, function, vec![Node { at: left.at, kind }, right]),
        };
        Node { at, kind }
    }

    fn operation(&self, at: usize, name: &str, args: Vec<Node>) -> Node {
        let function = self.environment.function(name);
        Node { at, kind: Kind::Call(Call { name: name.into(), member: false, args, function }) }
    }

    /// `!`s or `-`s before a member; a `-` before a number is its sign.
    fn unary(&mut self) -> Result<Node, CelError> {
        let at = self.at();
        if self.accept("!") {
            let operand = if self.is("!") { self.unary()? } else { self.member()? };
            return Ok(Node { at, kind: Kind::Not(Box::new(operand)) });
        }
        if !self.is("-") || self.negative_number().is_some() {
            return self.member();
        }
        self.next += 1;
        let operand = if self.is("-") { self.unary()? } else { self.member()? };
        Ok(self.operation(at, "-_", vec![operand]))
    }

    fn negative_number(&self) -> Option<Value> {
        match (self.peek(), self.tokens.get(self.next + 1).map(|token| &token.kind)) {
            (TokenKind::Mark("-"), Some(TokenKind::Literal(Value::Int(i)))) => Some(Value::Int(-i)),
            (TokenKind::Mark("-"), Some(TokenKind::Literal(Value::Double(d)))) => Some(Value::Double(-d)),
            (TokenKind::Mark("-"), Some(TokenKind::Minimum)) => Some(Value::Int(i64::MIN)),
            _ => None,
        }
    }

    /// A primary with its selections, calls and indexes.
    fn member(&mut self) -> Result<Node, CelError> {
        let mut node = self.primary()?;
        loop {
            let at = self.at();
            if self.accept(".") {
                let optional = self.accept("?");
                node = self.selection(at, node, optional)?;
            } else if self.accept("[") {
                let optional = self.accept("?");
                let index = Box::new(self.expression()?);
                self.expect("]")?;
                node = Node { at, kind: Kind::Index { operand: Box::new(node), index, optional } };
            } else if self.is("{") && qualified_name(&node).is_some() {
                node = self.structure(at, &node)?;
            } else {
                return Ok(node);
            }
        }
    }

    fn selection(&mut self, at: usize, operand: Node, optional: bool) -> Result<Node, CelError> {
        let name = self.any_name()?;
        let open = self.at();
        if !optional && self.accept("(") {
            let args = self.list_until(")", false, Self::expression)?;
            return self.member_call(open, operand, name, args);
        }
        let operand = Box::new(operand);
        let node = Node { at, kind: Kind::Select { operand, field: name.into(), optional } };
        Ok(match qualified_name(&node) {
            Some(name) if name == "authorizer.requestResource" || is_type_name(&name) => {
                Node { at, kind: Kind::Ident(name.into()) }
            }
            _ => node,
        })
    }

    /// A name after a dot; reserved words may stand there.
    fn any_name(&mut self) -> Result<&'a str, CelError> {
        match *self.peek() {
            TokenKind::Name(name) => {
                self.next += 1;
                Ok(name)
            }
            _ => Err(self.unexpected("IDENTIFIER")),
        }
    }

    fn member_call(&self, at: usize, target: Node, name: &str, args: Vec<Node>) -> Result<Node, CelError> {
        if let Some(kind) = macros::kind(name, args.len()) {
            return macros::expand(self.source, kind, target, args);
        }
        let qualified = qualified_name(&target).map(|prefix| format!("{prefix}.{name}"));
        if let Some((function, name)) = qualified.and_then(|name| Some((self.environment.function(&name)?, name))) {
            let (function, name) = (Some(function), name.into());
            return Ok(Node { at, kind: Kind::Call(Call { name, member: false, args, function }) });
        }
        let function = self.environment.function(name);
        let args = std::iter::once(target).chain(args).collect();
        Ok(Node { at, kind: Kind::Call(Call { name: name.into(), member: true, args, function }) })
    }

    fn primary(&mut self) -> Result<Node, CelError> {
        let at = self.at();
        if let Some(number) = self.negative_number() {
            self.next += 2;
            return Ok(Node { at, kind: Kind::Literal(number) });
        }
        if self.accept("(") {
            let inner = self.expression()?;
            self.expect(")")?;
            return Ok(inner);
        }
        if self.accept("[") {
            let elements = self.list_until("]", true, Self::element)?;
            return Ok(Node { at, kind: Kind::List(elements) });
        }
        if self.accept("{") {
            let entries = self.list_until("}", true, Self::entry)?;
            return Ok(Node { at, kind: Kind::Map(entries) });
        }
        if let TokenKind::Literal(value) = self.peek() {
            let kind = Kind::Literal(value.clone());
            self.next += 1;
            return Ok(Node { at, kind });
        }
        self.accept(".");
        self.name_or_call(at)
    }

    fn name_or_call(&mut self, at: usize) -> Result<Node, CelError> {
        let name = match *self.peek() {
            TokenKind::Name(name) if !RESERVED.contains(&name) => name,
            TokenKind::Name(name) => return Err(self.error(at, format!("reserved identifier: {name}"))),
            _ => return Err(self.unexpected("an expression")),
        };
        self.next += 1;
        let open = self.at();
        if !self.accept("(") {
            return Ok(Node { at, kind: Kind::Ident(name.into()) });
        }
        let args = self.list_until(")", false, Self::expression)?;
        if name == "has" && args.len() == 1 {
            return macros::presence(self.source, args);
        }
        Ok(self.operation(open, name, args))
    }

    /// Items separated by commas up to a closing mark; literals may end in a comma.
    fn list_until<T>(
        &mut self,
        close: &str,
        trailing: bool,
        item: fn(&mut Self) -> Result<T, CelError>,
    ) -> Result<Vec<T>, CelError> {
        let mut items = Vec::new();
        if self.accept(close) {
            return Ok(items);
        }
        loop {
            items.push(item(self)?);
            if !self.accept(",") {
                self.expect(close)?;
                return Ok(items);
            }
            if trailing && self.accept(close) {
                return Ok(items);
            }
        }
    }

    fn element(&mut self) -> Result<Element, CelError> {
        let optional = self.accept("?");
        Ok(Element { value: self.expression()?, optional })
    }

    fn entry(&mut self) -> Result<Entry, CelError> {
        let optional = self.accept("?");
        let key = self.expression()?;
        self.expect(":")?;
        Ok(Entry { key, value: self.expression()?, optional })
    }

    fn structure(&mut self, at: usize, name: &Node) -> Result<Node, CelError> {
        let type_name: Arc<str> = qualified_name(name).unwrap_or_default().into();
        self.expect("{")?;
        let fields = self.list_until("}", true, Self::field)?;
        Ok(Node { at, kind: Kind::Struct { type_name, fields } })
    }

    fn field(&mut self) -> Result<Field, CelError> {
        let optional = self.accept("?");
        let at = self.at();
        let name = self.any_name()?.into();
        self.expect(":")?;
        Ok(Field { at, name, value: self.expression()?, optional })
    }
}

fn appended(mut terms: Vec<Node>, term: Node) -> Vec<Node> {
    terms.push(term);
    terms
}

/// `a.b.c`, if the node is only names joined by dots.
pub(crate) fn qualified_name(node: &Node) -> Option<String> {
    match &node.kind {
        Kind::Ident(name) => Some(name.to_string()),
        Kind::Select { operand, field, optional: false } => Some(format!("{}.{field}", qualified_name(operand)?)),
        _ => None,
    }
}
