//! Text from files on terminals and inside Markdown: it stays text, whatever is in it.

use crate::input::visible;

/// A block of YAML behind a fence that is longer than any run of backticks in it.
pub(crate) fn fenced(text: &str) -> String {
    fenced_as("yaml", text)
}

/// The same for text in any language that a reader of Markdown may know.
pub(crate) fn fenced_as(language: &str, text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("\n{fence}{language}\n{text}{fence}\n")
}

/// `1 pod`, `2 pods`, `2 policies`, `2 classes`.
pub(crate) fn counted(count: usize, what: &str) -> String {
    let many = match what.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None if what.ends_with('s') => format!("{what}es"),
        None => format!("{what}s"),
    };
    if count == 1 { format!("1 {what}") } else { format!("{count} {many}") }
}

/// A sentence of ours cut at its backticks: what stands between two is code. Where they do not pair up it is one piece.
pub(crate) fn pieces(sentence: &str) -> Vec<(bool, &str)> {
    let parts: Vec<&str> = sentence.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return vec![(false, sentence)];
    }
    parts.into_iter().enumerate().map(|(at, part)| (at % 2 == 1, part)).filter(|(_, part)| !part.is_empty()).collect()
}

/// A sentence of ours in Markdown, its code kept.
pub(crate) fn prose(sentence: &str) -> String {
    let piece = |(is_code, text): (bool, &str)| if is_code { format!("`{}`", visible(text)) } else { escaped(text) };
    pieces(sentence).into_iter().map(piece).collect()
}

/// Text in which Markdown and HTML see nothing but text, on one line.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in visible(text).chars() {
        match c {
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '#' | '+' | '!' | '|' | '~' => {
                out.extend(['\\', c])
            }
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            c => out.push(c),
        }
    }
    out
}

/// A message for a terminal: never cut, on one line, control characters escaped.
pub(crate) fn printable_long(message: &str) -> String {
    visible(message).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_files_stays_text() {
        assert_eq!(escaped("<b>*x*\n| a"), "&lt;b&gt;\\*x\\*\\\\n\\| a");
        assert_eq!(prose("set `a|b` to <x>"), "set `a|b` to &lt;x&gt;");
        assert_eq!(prose("odd ` one"), "odd \\` one");
        assert_eq!(escaped("a\u{202e}b"), "a\\\\u\\{202e\\}b");
        assert!(fenced("a ```` b\n").starts_with("\n`````yaml\n"));
    }
}
