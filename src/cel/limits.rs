//! How long and how deeply nested an expression may be, checked on the raw text before the parser recurses into it.

use super::error::CelError;

/// The longest expression that is parsed, in bytes (cel-go's own limit is 100 000 code points).
pub const MAX_LENGTH: usize = 100_000;

/// How many levels a tree may have: nested brackets plus chained operators.
pub(crate) const MAX_DEPTH: usize = 300;

/// How many brackets may be open at once.
const MAX_NESTING: usize = 100;

/// Refuses text that is too long or could become a tree deeper than [`MAX_DEPTH`].
pub(crate) fn check(source: &str) -> Result<(), CelError> {
    if source.chars().count() > MAX_LENGTH {
        let message = format!("expression code point size exceeds limit: size: {}, limit {MAX_LENGTH}", source.len());
        return Err(CelError { message, line: 1, column: 1 });
    }
    match first_too_deep(source) {
        Some(offset) => {
            let message = "expression recursion limit exceeded; split it with variables";
            Err(CelError::at(source, offset, message))
        }
        None => Ok(()),
    }
}

/// Levels open inside one bracket: its ternaries, and the operators (brackets too) of the current operand.
#[derive(Default, Clone, Copy)]
struct Level {
    ternaries: usize,
    chain: usize,
}

impl Level {
    fn depth(self) -> usize {
        self.ternaries + self.chain
    }
}

/// Where the text could exceed the depth, by an estimate that is never too low: every operator of a chain counts one
/// level, `,` `&&` `||` and the parts of a ternary start a new chain.
fn first_too_deep(source: &str) -> Option<usize> {
    let mut outer: Vec<Level> = Vec::new();
    let mut level = Level::default();
    let mut open = 0;
    let mut text = Text::new(source);
    while let Some((offset, c)) = text.next_outside_strings() {
        match c {
            '(' | '[' | '{' => {
                level.chain += 1;
                open += level.depth();
                outer.push(level);
                level = Level::default();
            }
            ')' | ']' | '}' => {
                level = outer.pop().unwrap_or_default();
                open = open.saturating_sub(level.depth());
            }
            ',' => level = Level::default(),
            '&' | '|' | ':' => level.chain = 0,
            '?' => level = Level { ternaries: level.ternaries + 1, chain: 1 },
            '.' | '+' | '-' | '*' | '/' | '%' | '!' | '=' | '<' | '>' => level.chain += 1,
            'i' if source.get(offset..).is_some_and(|rest| rest.starts_with("in")) => level.chain += 1,
            _ => {}
        }
        if open + level.depth() > MAX_DEPTH || outer.len() > MAX_NESTING {
            return Some(offset);
        }
    }
    None
}

/// Characters of an expression with string literals and comments left out.
struct Text<'a> {
    source: &'a str,
    at: usize,
    raw: bool,
}

impl<'a> Text<'a> {
    fn new(source: &'a str) -> Self {
        Self { source, at: 0, raw: false }
    }

    fn next_outside_strings(&mut self) -> Option<(usize, char)> {
        loop {
            let rest = self.source.get(self.at..)?;
            let c = rest.chars().next()?;
            let offset = self.at;
            if c == '"' || c == '\'' {
                self.skip_string(rest);
                continue;
            }
            if rest.starts_with("//") {
                self.at += rest.find('\n').unwrap_or(rest.len());
                continue;
            }
            self.raw = c == 'r' || c == 'R' || (self.raw && (c == 'b' || c == 'B'));
            self.at += c.len_utf8();
            return Some((offset, c));
        }
    }

    fn skip_string(&mut self, rest: &str) {
        let quote = rest.get(..1).unwrap_or_default();
        let triple = quote.repeat(3);
        let end = if rest.starts_with(&triple) { triple.as_str() } else { quote };
        let mut at = end.len();
        while let Some(tail) = rest.get(at..).filter(|tail| !tail.is_empty()) {
            if tail.starts_with(end) {
                at += end.len();
                break;
            }
            let escaped = !self.raw && tail.starts_with('\\');
            at += tail.chars().take(if escaped { 2 } else { 1 }).map(char::len_utf8).sum::<usize>();
        }
        self.at += at;
        self.raw = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_expressions_are_within_limits() {
        assert!(check("object.spec.containers.all(c, c.image.startsWith('a/' + 'b') && [1, 2, 3][0] == 1)").is_ok());
        let list = vec!["'x'"; 5000].join(", ");
        assert!(check(&format!("a in [{list}]")).is_ok());
        let either = vec!["a.b == 'x'"; 5000].join(" || ");
        assert!(check(&either).is_ok());
    }

    #[test]
    fn brackets_inside_strings_do_not_nest() {
        let brackets = "(".repeat(500);
        assert!(check(&format!("'{brackets}' + \"\\\"{brackets}\" + r'\\' + '''{brackets}'''")).is_ok());
        assert!(check(&format!("r'\\' + {brackets}")).is_err());
    }

    #[test]
    fn every_way_to_nest_is_bounded() {
        let deep = [
            "(".repeat(300),
            "[".repeat(300),
            "!".repeat(400),
            "-".repeat(400),
            "a.".repeat(400),
            "a+".repeat(400),
            "a?b:".repeat(400),
            "a[0]".repeat(400),
            "f()()".repeat(300),
            "a in ".repeat(400),
        ];
        for source in deep {
            assert!(check(&source).is_err(), "{source}");
        }
        assert!(check(&"'a'".repeat(MAX_LENGTH)).is_err());
    }
}
