//! Writes CEL: literals that survive any text, and expressions with parentheses only where they are needed.
//!
//! Every literal that comes from a file goes through [`literal_str`]. An [`Expr`] knows how tightly its outermost operator
//! binds, so composing expressions never changes their meaning.

use std::fmt::{self, Display, Write};

/// How tightly an expression's outermost operator binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Binding {
    Ternary,
    Or,
    And,
    Relation,
    Sum,
    Product,
    Unary,
    Member,
}

/// An expression being written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expr {
    text: String,
    binding: Binding,
}

impl Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Expr {
    fn atom(text: impl Into<String>) -> Self {
        Self { text: text.into(), binding: Binding::Member }
    }

    /// A name that the writer of the policy chose, e.g. `object` or `variables.containers`. Never text from a file.
    pub fn name(name: &'static str) -> Self {
        Self::atom(name)
    }

    /// An expression written by hand, e.g. a piece of a template. It is kept together with parentheses.
    pub fn verbatim(text: &'static str) -> Self {
        Self { text: text.to_owned(), binding: Binding::Ternary }
    }

    /// A string literal.
    pub fn string(text: &str) -> Self {
        Self::atom(literal_str(text))
    }

    /// An int literal; a negative one is kept together with parentheses where members follow.
    pub fn int(value: i64) -> Self {
        let binding = if value < 0 { Binding::Unary } else { Binding::Member };
        Self { text: value.to_string(), binding }
    }

    /// `true` or `false`
    pub fn bool(value: bool) -> Self {
        Self::atom(value.to_string())
    }

    /// `[a, b]`
    pub fn list(elements: impl IntoIterator<Item = Expr>) -> Self {
        Self::atom(format!("[{}]", comma_separated(elements)))
    }

    /// A list of string literals.
    pub fn strings<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        Self::list(texts.into_iter().map(Self::string))
    }

    /// `{key: value}`
    pub fn map(entries: impl IntoIterator<Item = (Expr, Expr)>) -> Self {
        let entries: Vec<String> = entries.into_iter().map(|(key, value)| format!("{key}: {value}")).collect();
        Self::atom(format!("{{{}}}", entries.join(", ")))
    }

    /// `Type{field: value}`; the type and fields are the emitter's own, e.g. `JSONPatch` and `op`.
    pub fn object<'a>(type_name: &str, fields: impl IntoIterator<Item = (&'a str, Expr)>) -> Self {
        let fields: Vec<String> = fields.into_iter().map(|(name, value)| format!("{name}: {value}")).collect();
        Self::atom(format!("{type_name}{{{}}}", fields.join(", ")))
    }

    /// `function(a, b)`
    pub fn call(function: &str, args: impl IntoIterator<Item = Expr>) -> Self {
        Self::atom(format!("{function}({})", comma_separated(args)))
    }

    /// `has(self)`; `self` must end in a field.
    pub fn has(self) -> Self {
        Self::atom(format!("has({self})"))
    }

    /// `self.name`, or `self['name']` where the name is no identifier.
    pub fn field(self, name: &str) -> Self {
        let operand = self.at_least(Binding::Member);
        if is_selectable(name) {
            Self::atom(format!("{operand}.{name}"))
        } else {
            Self::atom(format!("{operand}[{}]", literal_str(name)))
        }
    }

    /// `self.?name`, or `self[?'name']`.
    pub fn optional_field(self, name: &str) -> Self {
        let operand = self.at_least(Binding::Member);
        if is_selectable(name) {
            Self::atom(format!("{operand}.?{name}"))
        } else {
            Self::atom(format!("{operand}[?{}]", literal_str(name)))
        }
    }

    /// `self[?index]`
    pub fn optional_index(self, index: Expr) -> Self {
        Self::atom(format!("{}[?{index}]", self.at_least(Binding::Member)))
    }

    /// `self[index]`
    pub fn index(self, index: Expr) -> Self {
        Self::atom(format!("{}[{index}]", self.at_least(Binding::Member)))
    }

    /// `self.function(a, b)`
    pub fn method(self, function: &str, args: impl IntoIterator<Item = Expr>) -> Self {
        Self::atom(format!("{}.{function}({})", self.at_least(Binding::Member), comma_separated(args)))
    }

    /// `self.all(variable, body)`
    pub fn all(self, variable: &'static str, body: Expr) -> Self {
        self.method("all", [Self::name(variable), body])
    }

    /// `self.exists(variable, body)`
    pub fn exists(self, variable: &'static str, body: Expr) -> Self {
        self.method("exists", [Self::name(variable), body])
    }

    /// All of them; `true` if there are none.
    pub fn and(terms: impl IntoIterator<Item = Expr>) -> Self {
        Self::chain(terms, " && ", Binding::And, true)
    }

    /// Any of them; `false` if there are none.
    pub fn or(terms: impl IntoIterator<Item = Expr>) -> Self {
        Self::chain(terms, " || ", Binding::Or, false)
    }

    /// The lists one after the other; `[]` if there are none.
    pub fn concat(lists: impl IntoIterator<Item = Expr>) -> Self {
        let mut lists = lists.into_iter();
        let Some(first) = lists.next() else {
            return Self::list([]);
        };
        lists.fold(first, |left, right| left.binary(" + ", right, Binding::Sum))
    }

    fn chain(terms: impl IntoIterator<Item = Expr>, operator: &str, binding: Binding, empty: bool) -> Self {
        let terms: Vec<Expr> = terms.into_iter().collect();
        match terms.len() {
            0 => Self::bool(empty),
            1 => terms.into_iter().next().unwrap_or_else(|| Self::bool(empty)),
            _ => {
                let parts: Vec<String> = terms.into_iter().map(|term| term.at_least(binding)).collect();
                Self { text: parts.join(operator), binding }
            }
        }
    }

    /// `!self`
    #[must_use]
    pub fn negated(self) -> Self {
        Self { text: format!("!{}", self.at_least(Binding::Member)), binding: Binding::Unary }
    }

    /// `self == other`
    pub fn equals(self, other: Expr) -> Self {
        self.relation(" == ", other)
    }

    /// `self != other`
    pub fn differs(self, other: Expr) -> Self {
        self.relation(" != ", other)
    }

    /// `self >= other`
    pub fn at_least_value(self, other: Expr) -> Self {
        self.relation(" >= ", other)
    }

    /// `self <= other`
    pub fn at_most_value(self, other: Expr) -> Self {
        self.relation(" <= ", other)
    }

    /// `self in other`
    pub fn is_in(self, other: Expr) -> Self {
        self.relation(" in ", other)
    }

    /// Whether `self` is one of these texts.
    pub fn is_one_of<'a>(self, texts: impl IntoIterator<Item = &'a str>) -> Self {
        self.is_in(Self::strings(texts))
    }

    /// Whether `self` is within one of these closed ranges; `false` for no range.
    pub fn in_ranges(&self, ranges: &[(i64, i64)]) -> Self {
        Self::or(ranges.iter().map(|(min, max)| match min == max {
            true => self.clone().equals(Self::int(*min)),
            false => {
                Self::and([self.clone().at_least_value(Self::int(*min)), self.clone().at_most_value(Self::int(*max))])
            }
        }))
    }

    /// `self ? yes : no`
    pub fn then_else(self, yes: Expr, no: Expr) -> Self {
        let text = format!("{} ? {} : {no}", self.at_least(Binding::Or), yes.at_least(Binding::Or));
        Self { text, binding: Binding::Ternary }
    }

    fn relation(self, operator: &str, other: Expr) -> Self {
        // Relations chain to the left in CEL; parentheses on both sides say what is meant.
        let (left, right) = (self.at_least(Binding::Sum), other.at_least(Binding::Sum));
        Self { text: format!("{left}{operator}{right}"), binding: Binding::Relation }
    }

    fn binary(self, operator: &str, other: Expr, binding: Binding) -> Self {
        let (left, right) = (self.at_least(binding), other.at_least(Binding::Product));
        Self { text: format!("{left}{operator}{right}"), binding }
    }

    /// The text, in parentheses unless it binds at least as tightly.
    fn at_least(self, binding: Binding) -> String {
        if self.binding >= binding { self.text } else { format!("({})", self.text) }
    }
}

fn comma_separated(expressions: impl IntoIterator<Item = Expr>) -> String {
    let texts: Vec<String> = expressions.into_iter().map(|expression| expression.text).collect();
    texts.join(", ")
}

/// Whether a name may stand after a dot.
fn is_selectable(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !matches!(name, "in" | "true" | "false" | "null")
}

/// Text as a CEL string literal on one line of printable characters, safe to pass through template engines: control,
/// invisible and direction-changing characters, and the second character of `{{` and `$(`, are escaped.
pub fn literal_str(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('\'');
    let mut previous = ' ';
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("\\'"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '{' if previous == '{' => push_code(&mut out, c),
            '(' if previous == '$' => push_code(&mut out, c),
            c if is_invisible(c) => push_code(&mut out, c),
            c => out.push(c),
        }
        previous = c;
    }
    out.push('\'');
    out
}

fn push_code(out: &mut String, c: char) {
    let code = u32::from(c);
    let written = if code <= 0xffff { write!(out, "\\u{code:04x}") } else { write!(out, "\\U{code:08x}") };
    debug_assert!(written.is_ok());
}

fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{e000}'..='\u{f8ff}' | '\u{feff}' | '\u{fff0}'..='\u{ffff}'
            | '\u{e0000}'..='\u{10ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cel::{Bindings, Program, Scope, Value};
    use proptest::prelude::*;

    fn run(expression: &str) -> Result<Value, crate::cel::EvalError> {
        Program::compile(expression)
            .unwrap()
            .evaluate(&Scope::new(Bindings::new().with("object", Value::Int(5))))
            .result
    }

    fn object() -> Expr {
        Expr::name("object")
    }

    #[test]
    fn parentheses_keep_the_meaning() {
        let either = Expr::or([Expr::bool(false), Expr::bool(true)]);
        let both = Expr::and([either.clone(), Expr::bool(false)]);
        assert_eq!(both.to_string(), "(false || true) && false");
        assert_eq!(both.clone().negated().to_string(), "!((false || true) && false)");
        assert_eq!(Expr::or([both, either.clone()]).to_string(), "(false || true) && false || false || true");
        let chosen = either.then_else(Expr::int(1), Expr::int(2));
        assert_eq!(chosen.clone().equals(Expr::int(-1)).to_string(), "(false || true ? 1 : 2) == -1");
        assert_eq!(Expr::int(-1).method("f", []).to_string(), "(-1).f()");
        assert_eq!(Expr::concat([chosen, Expr::list([])]).to_string(), "(false || true ? 1 : 2) + []");
    }

    #[test]
    fn fields_that_are_no_identifiers_are_indexed() {
        let labels = object().field("metadata").field("app.kubernetes.io/name").optional_field("in").field("namespace");
        assert_eq!(labels.to_string(), "object.metadata['app.kubernetes.io/name'][?'in'].namespace");
    }

    #[test]
    fn ranges_and_sets() {
        let within = object().in_ranges(&[(1, 3), (5, 5)]);
        assert_eq!(within.to_string(), "object >= 1 && object <= 3 || object == 5");
        assert_eq!(run(&within.to_string()), Ok(Value::Bool(true)));
        assert_eq!(object().in_ranges(&[]).to_string(), "false");
        assert_eq!(object().is_one_of(["a", "b'"]).negated().to_string(), "!(object in ['a', 'b\\''])");
        let patch = Expr::object("JSONPatch", [("op", Expr::string("add")), ("value", Expr::map([]))]);
        assert_eq!(patch.to_string(), "JSONPatch{op: 'add', value: {}}");
    }

    #[test]
    fn hostile_text_stays_on_one_visible_line() {
        let hostile = "a'\"\\\n\r\t\0{{x}} $(y) \u{202e}\u{2028}\u{1F600}é{{{";
        let literal = literal_str(hostile);
        assert!(!literal.chars().any(is_invisible) && !literal.contains("{{") && !literal.contains("$("), "{literal}");
        assert_eq!(run(&literal), Ok(Value::string(hostile)));
    }

    #[test]
    fn a_megabyte_is_refused_rather_than_cut() {
        let huge = "x\n".repeat(500_000);
        assert!(Program::compile(&literal_str(&huge)).is_err());
        let large = "é".repeat(90_000);
        assert_eq!(run(&literal_str(&large)), Ok(Value::string(large)));
    }

    proptest! {
        #[test]
        fn any_text_round_trips(text in any::<String>()) {
            prop_assert_eq!(run(&literal_str(&text)), Ok(Value::string(text)));
        }

        #[test]
        fn any_int_round_trips(value in any::<i64>()) {
            prop_assert_eq!(run(&Expr::int(value).to_string()), Ok(Value::Int(value)));
        }
    }
}
