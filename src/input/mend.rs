//! Small liberties that kubectl's parser takes and YAML 1.2 does not allow: the text is mended until it is strict.
//!
//! Every repair adds or replaces blanks where blanks mean nothing (inside brackets and quotes, around `:` and `#`), so
//! the value stays what kubectl reads. Lines keep their numbers; columns of a repaired line may shift.

use std::borrow::Cow;

use saphyr_parser::ScanError;

/// More repairs than this are not worth their time.
pub(super) const MOST_REPAIRS: usize = 64;

/// Deeper than any block around it.
const INDENT: usize = 200;

/// Calls `read` with the text, then with mended text as long as the parser stumbles over something that can be mended.
pub(super) fn mending<T>(text: &str, mut read: impl FnMut(&str) -> Result<T, Stumble>) -> Result<T, Stumble> {
    let mut text = Cow::Borrowed(text);
    for _ in 0..MOST_REPAIRS {
        match read(&text) {
            Err(Stumble::Syntax(error)) => match mend(&text, &error) {
                Some(mended) => text = Cow::Owned(mended),
                None => return Err(Stumble::Syntax(error)),
            },
            result => return result,
        }
    }
    read(&text)
}

/// Why reading stopped.
#[derive(Debug)]
pub(super) enum Stumble {
    /// The text is not YAML.
    Syntax(ScanError),
    /// It is, but nothing that is accepted.
    Refused(super::yaml::Fault),
}

fn mend(text: &str, error: &ScanError) -> Option<String> {
    let line = line_start(text, error.marker().line())?;
    let at = line + offset_of_column(text.get(line..)?, error.marker().col())?;
    match error.info() {
        // Said only inside brackets: their content may not stand further left than the block around them.
        "invalid indentation" => Some(with_indent(text, &[line])),
        "invalid indentation in quoted scalar" => Some(with_indent(text, &continuation_lines(text, at)?)),
        "':' must be followed by a valid YAML whitespace" => {
            let colon = text.get(..at)?.trim_end_matches(['\t', ' ']).len();
            let only_tabs = colon < at && text.get(..colon)?.ends_with(':');
            only_tabs.then(|| Some(format!("{} {}", text.get(..colon)?, text.get(at..)?)))?
        }
        "comments must be separated from other tokens by whitespace" => {
            let hash = at + text.get(at..)?.find('#')?;
            Some(format!("{} {}", text.get(..hash)?, text.get(hash..)?))
        }
        _ => None,
    }
}

fn line_start(text: &str, line: usize) -> Option<usize> {
    match line {
        0 => None,
        1 => Some(0),
        _ => text.match_indices('\n').nth(line - 2).map(|(index, _)| index + 1),
    }
}

fn offset_of_column(line: &str, column: usize) -> Option<usize> {
    line.char_indices().map(|(index, _)| index).chain([line.len()]).nth(column)
}

fn with_indent(text: &str, lines: &[usize]) -> String {
    let mut mended = String::with_capacity(text.len() + lines.len() * INDENT);
    let mut done = 0;
    for line in lines {
        mended.push_str(text.get(done..*line).unwrap_or(""));
        mended.push_str(&" ".repeat(INDENT));
        done = *line;
    }
    mended.push_str(text.get(done..).unwrap_or(""));
    mended
}

/// The starts of the lines on which the quoted scalar at `start` goes on.
fn continuation_lines(text: &str, start: usize) -> Option<Vec<usize>> {
    let quote = text.as_bytes().get(start).copied().filter(|byte| matches!(byte, b'"' | b'\''))?;
    let mut lines = Vec::new();
    let mut bytes = text.bytes().enumerate().skip(start + 1);
    while let Some((index, byte)) = bytes.next() {
        match byte {
            b'\n' => lines.push(index + 1),
            b'\\' if quote == b'"' => {
                if let Some((index, b'\n')) = bytes.next() {
                    lines.push(index + 1);
                }
            }
            // A doubled quote ends one part and begins the next: good enough, for the parser asks again.
            _ if byte == quote => break,
            _ => {}
        }
    }
    (!lines.is_empty()).then_some(lines)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::yaml::load;

    #[test]
    fn brackets_and_quotes_may_stand_further_left() {
        assert_eq!(load("x:\n  a: [\n  b\n  ]\n").unwrap().value, json!({"x": {"a": ["b"]}}));
        assert_eq!(load("x:\n- a: {\n    b: c\n}\n").unwrap().value, json!({"x": [{"a": {"b": "c"}}]}));
        assert_eq!(load("a:\n  b: \"x\n y\"\nc: 'd\n\ne'\n").unwrap().value, json!({"a": {"b": "x y"}, "c": "d\ne"}));
    }

    #[test]
    fn blanks_around_colons_and_comments_are_forgiven() {
        assert_eq!(load("a:\tb\n").unwrap().value, json!({"a": "b"}));
        assert_eq!(load("a: [1,2]#c\nb: \"x\"# c\n").unwrap().value, json!({"a": [1, 2], "b": "x"}));
    }

    #[test]
    fn what_kubectl_refuses_stays_refused() {
        for text in ["a:\n\t- b", "a: b: c", "a: \"b\" c", "a: [b", "a: 'b", "a: {x: y}}"] {
            assert!(load(text).is_err(), "{text:?}");
        }
    }
}
