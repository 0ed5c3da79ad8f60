//! Cuts a stream into the texts of its documents, as kubectl does, without holding more than one of them.
//!
//! A line that begins with `---` ends a document, wherever it stands; a broken document thus never spoils the next one.
//! A line that is a JSON object by itself (ndjson) is a document, and so is everything from a line `{` to a line `}`.

use std::collections::VecDeque;
use std::io::{self, BufRead, Read};
use std::sync::Arc;

use super::position::Source;
use super::problem::{Problem, printable};

/// The text of one document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawDocument {
    /// Where it was read.
    pub file: Arc<str>,
    /// The line of the file on which the text begins, from 1.
    pub first_line: u32,
    /// The text, `---` line included.
    pub text: String,
}

impl RawDocument {
    /// The text without its separator line, and the line of the file on which that begins.
    pub(super) fn body(&self) -> (u32, &str) {
        match self.text.starts_with("---").then(|| self.text.split_once('\n')) {
            Some(Some((_, body))) => (self.first_line.saturating_add(1), body),
            Some(None) => (self.first_line, ""),
            None => (self.first_line, &self.text),
        }
    }
}

/// A document larger than this is not read on: nothing but an attack or a mistake is.
const LARGEST: usize = 1 << 30;

/// The documents of one stream, in order. Ends after the first error of the stream itself.
pub(super) struct Documents<R> {
    reader: R,
    file: Arc<str>,
    line: u32,
    buffer: Vec<u8>,
    first_line: u32,
    /// The document began with the line `{`.
    braced: bool,
    ready: VecDeque<Result<RawDocument, Problem>>,
    ended: bool,
}

impl<R: BufRead> Documents<R> {
    pub(super) fn new(reader: R, file: Arc<str>) -> Self {
        Self {
            reader,
            file,
            line: 0,
            buffer: Vec::new(),
            first_line: 1,
            braced: false,
            ready: VecDeque::new(),
            ended: false,
        }
    }

    fn read_line(&mut self) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        let room = LARGEST.saturating_sub(self.buffer.len()) as u64 + 1;
        (&mut self.reader).take(room).read_until(b'\n', &mut line)?;
        if self.buffer.len() + line.len() > LARGEST {
            return Err(io::Error::other("a document of more than 1 GiB"));
        }
        self.line = self.line.saturating_add(1);
        if self.line == 1 && line.starts_with(b"\xef\xbb\xbf") {
            line.drain(..3);
        }
        Ok(line)
    }

    fn take_line(&mut self, line: &[u8]) {
        if let Some(rest) = line.strip_prefix(b"---") {
            self.flush();
            let rest = rest.trim_ascii();
            if !(rest.is_empty() || rest.starts_with(b"#")) {
                self.ready.push_back(Err(self.bad_separator(line)));
                return;
            }
        }
        let text = line.trim_ascii();
        let is_first = self.buffer.is_empty();
        if is_first && text.is_empty() {
            return;
        }
        if is_first {
            self.first_line = self.line;
            self.braced = line.trim_ascii_end() == b"{";
        }
        self.buffer.extend_from_slice(line);
        let ends = if self.braced { line.trim_ascii_end() == b"}" } else { is_first && is_whole_object(text) };
        if ends {
            self.flush();
        }
    }

    fn bad_separator(&self, line: &[u8]) -> Problem {
        let line = String::from_utf8_lossy(line.trim_ascii_end());
        let source = Source { file: Arc::clone(&self.file), line: self.line, column: 4 };
        let message = "after `---` only a comment may follow on the same line, as kubectl has it";
        Problem::error("syntax", source, message).underline(&line, line.chars().count().saturating_sub(3))
    }

    fn flush(&mut self) {
        if self.buffer.is_empty() {
            return;
        }
        self.braced = false;
        let bytes = std::mem::take(&mut self.buffer);
        self.ready.push_back(self.document(bytes));
    }

    fn document(&self, bytes: Vec<u8>) -> Result<RawDocument, Problem> {
        if let Some(at) = bytes.iter().position(|byte| is_control(*byte)) {
            let source = Source::line(&self.file, self.line_at(&bytes, at));
            let (byte, code) =
                (bytes.get(at).copied().unwrap_or(0), if bytes.contains(&0) { "binary" } else { "control-character" });
            let body = bytes.strip_prefix(b"---\n").unwrap_or(&bytes);
            return Err(match body.get(..2) {
                Some(b"\xff\xfe" | b"\xfe\xff") => {
                    Problem::error("encoding", source, "the text is UTF-16").help("save it as UTF-8")
                }
                _ if code == "binary" => Problem::error(code, source, "this is binary, not YAML or JSON"),
                _ => Problem::error(code, source, format!("the control character 0x{byte:02x} is not allowed here")),
            });
        }
        String::from_utf8(bytes)
            .map(|text| RawDocument { file: Arc::clone(&self.file), first_line: self.first_line, text })
            .map_err(|error| {
                let line = self.line_at(error.as_bytes(), error.utf8_error().valid_up_to());
                Problem::error("encoding", Source::line(&self.file, line), "the text is not UTF-8")
                    .help("save it as UTF-8")
            })
    }

    fn line_at(&self, bytes: &[u8], at: usize) -> u32 {
        let lines = bytes.iter().take(at).filter(|byte| **byte == b'\n').count();
        self.first_line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX))
    }
}

impl<R: BufRead> Iterator for Documents<R> {
    type Item = Result<RawDocument, Problem>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.ready.is_empty() && !self.ended {
            match self.read_line() {
                Ok(line) if line.is_empty() => {
                    self.ended = true;
                    self.flush();
                }
                Ok(line) => self.take_line(&line),
                Err(error) => {
                    self.ended = true;
                    self.flush();
                    let message = format!("cannot read on: {}", printable(&error.to_string()));
                    self.ready.push_back(Err(Problem::error(
                        "unreadable",
                        Source::line(&self.file, self.line + 1),
                        message,
                    )));
                }
            }
        }
        self.ready.pop_front()
    }
}

/// What kubectl's parser refuses anywhere in a text.
fn is_control(byte: u8) -> bool {
    (byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r')) || byte == 0x7f
}

/// The line is one object from its first brace to its last.
fn is_whole_object(line: &[u8]) -> bool {
    if !(line.starts_with(b"{") && line.ends_with(b"}")) {
        return false;
    }
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    let last = line.len() - 1;
    for (index, byte) in line.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' if !quoted => depth += 1,
            b'}' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 && index < last {
            return false;
        }
    }
    depth == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Vec<Result<RawDocument, Problem>> {
        Documents::new(text, "f".into()).collect()
    }

    fn texts(text: &str) -> Vec<(u32, String)> {
        read(text.as_bytes()).into_iter().map(Result::unwrap).map(|it| (it.first_line, it.text)).collect()
    }

    #[test]
    fn documents_end_at_separator_lines() {
        let found = texts("\u{feff}a: 1\n---\nb: 2\n--- # x\n\nc: |\n  ---\n  y\n");
        assert_eq!(
            found,
            [(1, "a: 1\n".into()), (2, "---\nb: 2\n".into()), (4, "--- # x\n\nc: |\n  ---\n  y\n".into())]
        );
    }

    #[test]
    fn json_lines_are_documents() {
        assert_eq!(texts("{\"a\": \"}\"}\n\n{\"b\": {}}\n").len(), 2);
        assert_eq!(texts("{\n  \"a\": {\n  }\n}\n{\n}\n").iter().map(|(line, _)| *line).collect::<Vec<_>>(), [1, 5]);
        assert_eq!(texts("{\"a\": 1} {\"b\": 1}\nx").len(), 1);
        assert_eq!(texts("{a: b,\n c: d}\n").len(), 1);
    }

    #[test]
    fn text_after_a_separator_is_an_error_as_for_kubectl() {
        let found = read(b"a: 1\n--- {b: 1}\n---\nc: 1\n");
        assert!(found[0].is_ok() && found[2].is_ok());
        assert_eq!(found[1].as_ref().unwrap_err().source.line, 2);
    }

    #[test]
    fn a_bad_document_does_not_spoil_the_others() {
        let found = read(b"a: 1\n---\n\x00\x01PNG\n---\nb: \xff\n---\nc: \x07\n---\nd: 1\n");
        let codes: Vec<_> = found.iter().map(|it| it.as_ref().map_or_else(|problem| problem.code, |_| "ok")).collect();
        assert_eq!(codes, ["ok", "binary", "encoding", "control-character", "ok"]);
        assert_eq!(found[3].as_ref().unwrap_err().source.line, 7);
    }

    #[test]
    fn utf_16_is_named() {
        assert_eq!(read(b"\xff\xfea\0:\0\n\0")[0].as_ref().unwrap_err().message, "the text is UTF-16");
    }
}
