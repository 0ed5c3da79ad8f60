//! What is wrong with the input, said so that the user finds and mends it.

use std::borrow::Cow;
use std::fmt;

use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet};

use super::position::Source;

/// Whether a problem keeps an object out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The document or object takes no part.
    Error,
    /// It takes part; the reader should know.
    Warning,
}

/// The line that is meant, and the part of it to underline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// The line's text, or the part of a very long one around the place that is meant.
    pub text: String,
    /// The first byte of `text` to underline.
    pub start: usize,
    /// The byte after the last one to underline.
    pub end: usize,
}

/// One complaint about the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Whether it keeps an object out.
    pub severity: Severity,
    /// A stable word for its kind, e.g. `unknown-field`.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// Where.
    pub source: Source,
    /// The source line, when it can be shown.
    pub excerpt: Option<Box<Excerpt>>,
    /// What to do, or what was probably meant.
    pub help: Option<String>,
}

impl Problem {
    /// An error without excerpt and help.
    pub fn error(code: &'static str, source: Source, message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, code, message: message.into(), source, excerpt: None, help: None }
    }

    /// A warning without excerpt and help.
    pub fn warning(code: &'static str, source: Source, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, source, message) }
    }

    /// The same with advice.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Underlines the part of `line` (the text of the source line) that starts at the source's column and has `width`
    /// characters.
    #[must_use]
    pub(crate) fn underline(mut self, line: &str, width: usize) -> Self {
        self.excerpt = Some(Box::new(Excerpt::of(line, self.source.column.saturating_sub(1) as usize, width)));
        self
    }

    /// The problem with its source line underlined, as compilers print it; with colours or without.
    pub fn render(&self, colour: bool) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let title = level.primary_title(self.message.as_str()).id(self.code);
        let mut group = match &self.excerpt {
            Some(excerpt) => {
                let annotation = AnnotationKind::Primary.span(excerpt.start..excerpt.end);
                let snippet = Snippet::source(excerpt.text.as_str()).line_start(self.source.line as usize);
                title.element(snippet.path(printable(&self.source.file)).annotation(annotation))
            }
            None => title.element(Origin::path(self.source.to_string())),
        };
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        renderer.render(&[group])
    }
}

/// One line: `file:line:column: error: message (help)`.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{}: {severity}: {}", self.source, self.message)?;
        self.help.iter().try_for_each(|help| write!(f, " ({help})"))
    }
}

impl Excerpt {
    /// How much of a line is shown on either side.
    const AROUND: usize = 60;

    fn of(line: &str, start: usize, width: usize) -> Self {
        let first = start.saturating_sub(Self::AROUND);
        let shown = line.chars().skip(first).take(start - first + width.clamp(1, Self::AROUND) + Self::AROUND);
        let mut excerpt = Self { text: String::new(), start: 0, end: 0 };
        for (index, character) in shown.enumerate() {
            if first + index == start {
                excerpt.start = excerpt.text.len();
            }
            excerpt.text.push(if character.is_control() && character != '\t' { '\u{fffd}' } else { character });
            if first + index < start + width.max(1) {
                excerpt.end = excerpt.text.len();
            }
        }
        if start >= first + excerpt.text.chars().count() {
            excerpt.start = excerpt.text.len();
        }
        excerpt.end = excerpt.end.max(excerpt.start);
        excerpt
    }
}

/// The longest part of a user's text that a message repeats.
const LONGEST: usize = 120;

/// The user's text, safe to print on a terminal: as [`visible`], and cut when very long.
pub fn printable(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(LONGEST) {
        None => visible(text),
        Some((end, _)) => Cow::Owned(format!("{}…", visible(text.get(..end).unwrap_or(text)))),
    }
}

/// The user's text with control characters, and characters that reorder text or cannot be seen, spelled out.
pub fn visible(text: &str) -> Cow<'_, str> {
    let is_plain = |c: char| {
        !c.is_control() && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if text.chars().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if is_plain(character) {
            shown.push(character);
        } else {
            shown.extend(character.escape_default());
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem() -> Problem {
        let source = Source { file: "a.yaml".into(), line: 3, column: 5 };
        Problem::warning("unknown-field", source, "unknown field `priviledged`").help("did you mean `privileged`?")
    }

    #[test]
    fn one_line_names_place_and_severity() {
        let expected = "a.yaml:3:5: warning: unknown field `priviledged` (did you mean `privileged`?)";
        assert_eq!(problem().to_string(), expected);
    }

    #[test]
    fn the_source_line_is_underlined() {
        let shown = problem().underline("    priviledged: true", 11).render(false);
        let expected = "\
warning[unknown-field]: unknown field `priviledged`
 --> a.yaml:3:5
  |
3 |     priviledged: true
  |     ^^^^^^^^^^^
  |
  = help: did you mean `privileged`?";
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_long_line_is_cut_around_the_place() {
        let line = format!("{}é: here{}", "x".repeat(10_000), "y".repeat(10_000));
        let excerpt = Excerpt::of(&line, 10_003, 4);
        assert_eq!(&excerpt.text[excerpt.start..excerpt.end], "here");
        assert!(excerpt.text.len() < 200);
    }

    #[test]
    fn a_place_past_the_end_of_the_line_is_no_harm() {
        for (line, start, width) in [("", 0, 1), ("ab", 2, 1), ("ab", 50, 3), ("ab", 0, 1000), ("é", 1, 0)] {
            let excerpt = Excerpt::of(line, start, width);
            assert!(excerpt.text.get(excerpt.start..excerpt.end).is_some());
            let mut problem = problem();
            problem.excerpt = Some(Box::new(excerpt));
            problem.render(true);
        }
    }

    #[test]
    fn control_characters_never_reach_the_terminal() {
        assert_eq!(printable("a\u{1b}[31m"), "a\\u{1b}[31m");
        assert_eq!(printable("\u{202e}x"), "\\u{202e}x");
        assert_eq!(printable(&"a".repeat(500)).chars().count(), LONGEST + 1);
    }
}
