//! Text to tokens.

use super::literal;
use crate::cel::error::CelError;
use crate::cel::value::Value;

/// A token and where it starts.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token<'a> {
    pub at: usize,
    pub kind: TokenKind<'a>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum TokenKind<'a> {
    /// A name that is not a keyword; reserved words are names too.
    Name(&'a str),
    /// A literal, signs not included.
    Literal(Value),
    /// An integer too large to be positive: only `-` may stand before it.
    Minimum,
    /// An operator or bracket, or the keyword `in`.
    Mark(&'static str),
    End,
}

/// Longer marks first.
const MARKS: [&str; 26] = [
    "&&", "||", "==", "!=", "<=", ">=", "(", ")", "[", "]", "{", "}", ".", ",", ":", "?", "+", "-", "*", "/", "%", "!",
    "<", ">", "=", "`",
];

/// All tokens of an expression, the last one [`TokenKind::End`].
pub(super) fn tokens(source: &str) -> Result<Vec<Token<'_>>, CelError> {
    let mut lexer = Lexer { source, at: 0 };
    let mut tokens = Vec::new();
    loop {
        let token = lexer.token()?;
        let end = token.kind == TokenKind::End;
        tokens.push(token);
        if end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'a> {
    source: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        self.source.get(self.at..).unwrap_or_default()
    }

    fn token(&mut self) -> Result<Token<'a>, CelError> {
        self.skip_blanks();
        let (at, rest) = (self.at, self.rest());
        let Some(first) = rest.chars().next() else {
            return Ok(Token { at, kind: TokenKind::End });
        };
        let second = rest.chars().nth(1);
        let kind = if let Some(length) = literal::quoted_length(rest) {
            let text = self.take(length.ok_or_else(|| self.error(at, "unterminated string literal"))?);
            TokenKind::Literal(literal::read_quoted(text).map_err(|message| self.error(at, message))?)
        } else if first.is_ascii_digit() || first == '.' && second.is_some_and(|c| c.is_ascii_digit()) {
            self.number(at)?
        } else if first.is_ascii_alphabetic() || first == '_' {
            self.word()
        } else {
            let mark = MARKS.iter().find(|mark| rest.starts_with(**mark));
            let mark = mark.ok_or_else(|| self.error(at, format!("token recognition error at: '{first}'")))?;
            self.at += mark.len();
            TokenKind::Mark(mark)
        };
        Ok(Token { at, kind })
    }

    fn error(&self, at: usize, message: impl Into<String>) -> CelError {
        CelError::at(self.source, at, format!("Syntax error: {}", message.into()))
    }

    fn skip_blanks(&mut self) {
        loop {
            let rest = self.rest();
            let blank = rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r', '\u{c}']).len();
            let comment = if rest.starts_with("//") { rest.find('\n').unwrap_or(rest.len()) } else { 0 };
            if blank + comment == 0 {
                return;
            }
            self.at += blank.max(comment);
        }
    }

    fn take(&mut self, length: usize) -> &'a str {
        let text = self.rest().get(..length).unwrap_or_default();
        self.at += length;
        text
    }

    fn word(&mut self) -> TokenKind<'a> {
        let rest = self.rest();
        let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        match self.take(length) {
            "true" => TokenKind::Literal(Value::Bool(true)),
            "false" => TokenKind::Literal(Value::Bool(false)),
            "null" => TokenKind::Literal(Value::Null),
            "in" => TokenKind::Mark("in"),
            name => TokenKind::Name(name),
        }
    }

    fn number(&mut self, at: usize) -> Result<TokenKind<'a>, CelError> {
        let length = literal::number_length(self.rest());
        let text = self.take(length);
        literal::read_number(text).ok_or_else(|| self.error(at, format!("invalid number literal {text}")))
    }
}
