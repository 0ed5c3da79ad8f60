//! The parser of JMESPath: operators by binding power. Slices, hashes, `*` over values and `&` are not understood.

use super::lexer::{Token, tokens};
use super::{Comparison, Query};

/// How deep an expression may nest.
const MAX_DEPTH: usize = 200;

/// What binds less than this ends the right side of a projection.
const PROJECTION_STOP: u8 = 10;

/// The expression that a text stands for.
///
/// # Errors
/// What in it is not understood.
pub(in super::super) fn parse(text: &str) -> Result<Query, String> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0, depth: 0 };
    let query = parser.expression(0)?;
    match parser.peek() {
        None => Ok(query),
        Some(token) => Err(format!("{} is not understood here", shown(token))),
    }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

fn shown(token: &Token) -> String {
    match token {
        Token::Name(name) => format!("`{name}`"),
        Token::Literal(value) => format!("`{value}`"),
        Token::Number(number) => format!("`{number}`"),
        Token::Sign(sign) => format!("`{sign}`"),
    }
}

/// How tightly a sign binds what stands before it.
fn power(token: &Token) -> u8 {
    match token {
        Token::Sign("|") => 1,
        Token::Sign("||") => 2,
        Token::Sign("&&") => 3,
        Token::Sign("==" | "!=" | "<" | "<=" | ">" | ">=") => 5,
        Token::Sign("[]") => 9,
        Token::Sign("[?") => 21,
        Token::Sign(".") => 40,
        Token::Sign("[") => 55,
        _ => 0,
    }
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn power(&self) -> u8 {
        self.peek().map_or(0, power)
    }

    fn expect(&mut self, sign: &'static str) -> Result<(), String> {
        match self.next() {
            Some(Token::Sign(found)) if found == sign => Ok(()),
            other => Err(format!("`{sign}` is missing before {}", other.as_ref().map_or("the end".into(), shown))),
        }
    }

    fn expression(&mut self, binding: u8) -> Result<Query, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("it nests too deeply".to_owned());
        }
        let mut left = self.prefix()?;
        while binding < self.power() {
            left = self.infix(left)?;
        }
        self.depth -= 1;
        Ok(left)
    }

    fn prefix(&mut self) -> Result<Query, String> {
        let token = self.next().ok_or_else(|| "it ends too early".to_owned())?;
        Ok(match token {
            Token::Literal(value) => Query::Literal(value),
            Token::Name(name) if self.peek() == Some(&Token::Sign("(")) => {
                self.at += 1;
                Query::Call(name, self.list(")")?)
            }
            Token::Name(name) => Query::Field(name),
            Token::Sign("@") => Query::Current,
            Token::Sign("!") => Query::Not(Box::new(self.expression(45)?)),
            Token::Sign("(") => {
                let inner = self.expression(0)?;
                self.expect(")")?;
                inner
            }
            Token::Sign("[?") => self.filter(Query::Current)?,
            Token::Sign("[]") => self.flatten(Query::Current)?,
            Token::Sign("[") => self.bracket(Query::Current, true)?,
            other => return Err(format!("{} is not understood here", shown(&other))),
        })
    }

    fn infix(&mut self, left: Query) -> Result<Query, String> {
        let token = self.next().ok_or_else(|| "it ends too early".to_owned())?;
        let binding = power(&token);
        let left = Box::new(left);
        let compare = |how| move |left, right| Query::Compare(how, left, right);
        Ok(match token {
            Token::Sign("|") => Query::Pipe(left, Box::new(self.expression(binding)?)),
            Token::Sign("||") => Query::Or(left, Box::new(self.expression(binding)?)),
            Token::Sign("&&") => Query::And(left, Box::new(self.expression(binding)?)),
            Token::Sign("==") => compare(Comparison::Equal)(left, Box::new(self.expression(binding)?)),
            Token::Sign("!=") => compare(Comparison::Unequal)(left, Box::new(self.expression(binding)?)),
            Token::Sign("<") => compare(Comparison::Less)(left, Box::new(self.expression(binding)?)),
            Token::Sign("<=") => compare(Comparison::AtMost)(left, Box::new(self.expression(binding)?)),
            Token::Sign(">") => compare(Comparison::Greater)(left, Box::new(self.expression(binding)?)),
            Token::Sign(">=") => compare(Comparison::AtLeast)(left, Box::new(self.expression(binding)?)),
            Token::Sign("[]") => self.flatten(*left)?,
            Token::Sign("[?") => self.filter(*left)?,
            Token::Sign("[") => self.bracket(*left, false)?,
            Token::Sign(".") => Query::Then(left, Box::new(self.after_dot(binding)?)),
            other => return Err(format!("{} is not understood here", shown(&other))),
        })
    }

    fn after_dot(&mut self, binding: u8) -> Result<Query, String> {
        match self.peek() {
            Some(Token::Sign("[")) => {
                self.at += 1;
                Ok(Query::List(self.list("]")?))
            }
            Some(Token::Name(_)) => self.expression(binding),
            _ => Err("a name is missing after `.`".to_owned()),
        }
    }

    /// What stands between commas up to the closing sign.
    fn list(&mut self, close: &'static str) -> Result<Vec<Query>, String> {
        let mut items = Vec::new();
        while self.peek() != Some(&Token::Sign(close)) {
            items.push(self.expression(0)?);
            if self.peek() == Some(&Token::Sign(",")) {
                self.at += 1;
            } else if self.peek() != Some(&Token::Sign(close)) {
                return Err(format!("`{close}` is missing"));
            }
        }
        self.at += 1;
        Ok(items)
    }

    /// After `[`: an index, a projection, or, where nothing stands before it, a list.
    fn bracket(&mut self, left: Query, first: bool) -> Result<Query, String> {
        match self.peek() {
            Some(Token::Number(index)) => {
                let index = Query::Index(*index);
                self.at += 1;
                self.expect("]")?;
                Ok(if first { index } else { Query::Then(Box::new(left), Box::new(index)) })
            }
            Some(Token::Sign("*")) => {
                self.at += 1;
                self.expect("]")?;
                Ok(Query::Project(Box::new(left), Box::new(self.projected()?)))
            }
            _ if first => Ok(Query::List(self.list("]")?)),
            other => Err(format!("{} is not understood here", other.map_or("the end".into(), shown))),
        }
    }

    fn flatten(&mut self, left: Query) -> Result<Query, String> {
        let flat = Query::Flatten(Box::new(left));
        Ok(Query::Project(Box::new(flat), Box::new(self.projected()?)))
    }

    fn filter(&mut self, left: Query) -> Result<Query, String> {
        let condition = self.expression(0)?;
        self.expect("]")?;
        let right = if self.peek() == Some(&Token::Sign("[]")) { Query::Current } else { self.projected()? };
        Ok(Query::Filter(Box::new(left), Box::new(condition), Box::new(right)))
    }

    /// The right side of a projection: what is done to each item.
    fn projected(&mut self) -> Result<Query, String> {
        match self.peek() {
            Some(token) if power(token) < PROJECTION_STOP => Ok(Query::Current),
            None => Ok(Query::Current),
            Some(Token::Sign(".")) => {
                self.at += 1;
                self.after_dot(20)
            }
            Some(Token::Sign("[" | "[?")) => self.expression(20),
            Some(other) => Err(format!("{} is not understood here", shown(other))),
        }
    }
}
