//! Text from files on terminals and inside Markdown: it stays text, whatever is in it.

/// A block of YAML behind a fence that is longer than any run of backticks in it.
pub(crate) fn fenced(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("\n{fence}yaml\n{text}{fence}\n")
}

/// Text in which Markdown and HTML see nothing but text, on one line.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '#' | '+' | '!' | '|' | '~' => {
                out.extend(['\\', c])
            }
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            c if c.is_control() || reorders(c) => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    out
}

/// Characters that show nothing and change how the text around them is shown.
fn reorders(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A message for a terminal: never cut, on one line, control characters escaped.
pub(crate) fn printable_long(message: &str) -> String {
    let mut out = String::with_capacity(message.len());
    for c in message.chars() {
        if c.is_control() || reorders(c) { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_files_stays_text() {
        assert_eq!(escaped("<b>*x*\n| a"), "&lt;b&gt;\\*x\\*\\n\\| a");
        assert_eq!(escaped("a\u{202e}b"), "a\\u{202e}b");
        assert!(fenced("a ```` b\n").starts_with("\n`````yaml\n"));
    }
}
