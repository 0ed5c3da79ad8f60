//! One YAML document as a JSON value, as kubectl converts it: scalars as in [`super::scalar`], merge keys, anchors, the
//! last of duplicate keys.
//!
//! The input is hostile until proven otherwise: nesting, aliases and scalars have limits, and no recursion follows the
//! document's own depth.

use std::borrow::Cow;
use std::collections::BTreeMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, Tag};
use serde_json::map::Entry;
use serde_json::{Map, Value};

use super::mend::{Stumble, mending};
use super::scalar;

/// The deepest nesting; as in `serde_json`. Real objects stay below 30.
pub(super) const DEEPEST: usize = 127;
/// The longest scalar in bytes: no API server takes a larger request.
pub(super) const LONGEST_SCALAR: usize = 3 * 1024 * 1024;
/// How many values aliases and merges may repeat in one document.
const MOST_ALIASED: usize = 100_000;
/// How many bytes of text they may repeat.
const MOST_ALIASED_BYTES: usize = 16 * 1024 * 1024;

/// Why a document cannot be read, and where (line and column from 1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) message: String,
}

/// A key that stands twice in one mapping, at its second place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Duplicate {
    pub(super) key: String,
    pub(super) line: usize,
    pub(super) column: usize,
}

/// A document's value and what is worth saying about it.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    pub(super) value: Value,
    pub(super) duplicates: Vec<Duplicate>,
    /// The line of each element of the top-level `items`, from 1.
    pub(super) item_lines: Vec<u32>,
    /// Where a second document begins after a `...` line: kubectl never reads it.
    pub(super) unread: Option<usize>,
}

/// Reads the first document of `text`; an empty one is null.
pub(super) fn load(text: &str) -> Result<Loaded, Fault> {
    let mut lines = text.split('\n').enumerate().filter(|_| text.len() > LONGEST_SCALAR);
    if let Some((index, line)) = lines.find(|(_, line)| line.len() > LONGEST_SCALAR) {
        let message = format!("a single line of {} MiB; the API server takes 3 MiB at most", line.len() >> 20);
        return Err(Fault { line: index + 1, column: 1, message });
    }
    mending(text, load_strict).map_err(|stumble| match stumble {
        Stumble::Syntax(error) => Fault::at(*error.marker(), explain(error.info())),
        Stumble::Refused(fault) => fault,
    })
}

fn load_strict(text: &str) -> Result<Loaded, Stumble> {
    let mut parser = Parser::new_from_str(text);
    let mut loader = Loader::default();
    while let Some(next) = parser.next_event() {
        let (event, span) = next.map_err(Stumble::Syntax)?;
        if matches!(event, Event::DocumentStart(_)) && loader.done {
            loader.loaded.unread = Some(span.start.line());
            break;
        }
        loader.take(event, span).map_err(Stumble::Refused)?;
    }
    Ok(loader.loaded)
}

impl Fault {
    fn at(marker: Marker, message: impl Into<String>) -> Self {
        Self { line: marker.line(), column: marker.col() + 1, message: message.into() }
    }
}

/// The parser's words, made plainer where they speak of its insides.
fn explain(info: &str) -> String {
    match info {
        "recursion limit exceeded" => too_deep(),
        "simple key expected" | "simple key expect ':'" => "a key without its `:`".to_owned(),
        "unexpected eof" => "unexpected end of the document".to_owned(),
        _ => info.to_lowercase().trim_end_matches('.').to_owned(),
    }
}

fn too_deep() -> String {
    format!("nested deeper than {DEEPEST} levels")
}

#[derive(Default)]
struct Loader {
    stack: Vec<Frame>,
    /// The values of all open collections, the innermost last: each collection is made once, in its final size.
    finished: Vec<(Option<Key>, Value)>,
    anchors: BTreeMap<usize, Anchored>,
    aliased: Cost,
    loaded: Loaded,
    done: bool,
}

/// A collection that is still open.
struct Frame {
    holds: Holds,
    anchor: usize,
    /// Where its values begin among the finished ones.
    first: usize,
}

/// What an open collection holds.
enum Holds {
    Items,
    /// Fields; the key of the next one, once it is known.
    Fields(Option<Key>),
}

enum Key {
    Name(String, Marker),
    Merge,
}

struct Anchored {
    value: Value,
    cost: Cost,
}

impl Loader {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Fault> {
        match event {
            Event::Scalar(text, style, anchor, tag) => self.scalar(text, style, anchor, tag.as_deref(), span.start),
            Event::SequenceStart(anchor, _) => self.open(Holds::Items, anchor, span.start),
            Event::MappingStart(anchor, _) => self.open(Holds::Fields(None), anchor, span.start),
            Event::SequenceEnd | Event::MappingEnd => self.close(span.start),
            Event::Alias(anchor) => self.alias(anchor, span.start),
            Event::DocumentEnd => {
                self.done = true;
                Ok(())
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) => Ok(()),
        }
    }

    fn open(&mut self, holds: Holds, anchor: usize, at: Marker) -> Result<(), Fault> {
        if self.stack.len() >= DEEPEST {
            return Err(Fault::at(at, format!("nested deeper than {DEEPEST} levels")));
        }
        self.note_item(at);
        self.stack.push(Frame { holds, anchor, first: self.finished.len() });
        Ok(())
    }

    fn close(&mut self, at: Marker) -> Result<(), Fault> {
        let Some(Frame { holds, anchor, first }) = self.stack.pop() else {
            return Ok(());
        };
        let finished = self.finished.drain(first.min(self.finished.len())..);
        let value = match holds {
            Holds::Items => Value::Array(finished.map(|(_, value)| value).collect()),
            Holds::Fields(_) => Value::Object(fields_of(finished, &mut self.loaded.duplicates)),
        };
        self.remember(anchor, &value);
        self.attach(value, at)
    }

    fn scalar(
        &mut self,
        text: Cow<'_, str>,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Tag>,
        at: Marker,
    ) -> Result<(), Fault> {
        if text.len() > LONGEST_SCALAR {
            let message = format!("a single value of {} MiB; the API server takes 3 MiB at most", text.len() >> 20);
            return Err(Fault::at(at, message));
        }
        let is_plain = style == ScalarStyle::Plain && tag.is_none();
        if let (0, Some(Frame { holds: Holds::Fields(key @ None), .. })) = (anchor, self.stack.last_mut()) {
            *key = Some(match is_plain {
                true if text == "<<" => Key::Merge,
                true => Key::Name(plain_key(text).map_err(|message| Fault::at(at, message))?, at),
                false => Key::Name(text.into_owned(), at),
            });
            return Ok(());
        }
        self.note_item(at);
        let value = value_of(text, is_plain, tag).map_err(|message| Fault::at(at, message))?;
        self.remember(anchor, &value);
        self.attach(value, at)
    }

    fn alias(&mut self, anchor: usize, at: Marker) -> Result<(), Fault> {
        self.note_item(at);
        let Some(anchored) = self.anchors.get(&anchor) else {
            return Err(Fault::at(at, "an alias inside the very value that it stands for"));
        };
        self.aliased.values += anchored.cost.values;
        self.aliased.bytes += anchored.cost.bytes;
        if self.aliased.values > MOST_ALIASED || self.aliased.bytes > MOST_ALIASED_BYTES {
            return Err(Fault::at(at, "excessive aliasing: the aliases repeat more than 100000 values or 16 MiB"));
        }
        if self.stack.len() + anchored.cost.depth > DEEPEST {
            return Err(Fault::at(at, format!("nested deeper than {DEEPEST} levels")));
        }
        let value = anchored.value.clone();
        self.attach(value, at)
    }

    fn remember(&mut self, anchor: usize, value: &Value) {
        if anchor > 0 {
            self.anchors.insert(anchor, Anchored { value: value.clone(), cost: Cost::of(value) });
        }
    }

    /// Puts a finished value where it belongs: into the innermost open collection, or it is the document.
    fn attach(&mut self, value: Value, at: Marker) -> Result<(), Fault> {
        match self.stack.last_mut().map(|frame| &mut frame.holds) {
            None => self.loaded.value = value,
            Some(Holds::Items) => self.finished.push((None, value)),
            Some(Holds::Fields(key)) => match key.take() {
                None => *key = Some(Key::Name(key_of(value).map_err(|message| Fault::at(at, message))?, at)),
                Some(Key::Merge) if !is_mergeable(&value) => {
                    return Err(Fault::at(at, "`<<` takes a mapping or a list of mappings"));
                }
                key => self.finished.push((key, value)),
            },
        }
        Ok(())
    }

    /// Remembers the line when an element of the top-level `items` begins here.
    fn note_item(&mut self, at: Marker) {
        if let [Frame { holds: Holds::Fields(Some(Key::Name(key, _))), .. }, Frame { holds: Holds::Items, .. }] =
            self.stack.as_slice()
            && key == "items"
        {
            self.loaded.item_lines.push(u32::try_from(at.line()).unwrap_or(u32::MAX));
        }
    }
}

fn is_mergeable(value: &Value) -> bool {
    value.as_array().map_or(value.is_object(), |mappings| mappings.iter().all(Value::is_object))
}

/// A mapping of finished fields, in the order in which they stand. Keys that stand twice are told.
fn fields_of(
    finished: impl ExactSizeIterator<Item = (Option<Key>, Value)>,
    duplicates: &mut Vec<Duplicate>,
) -> Map<String, Value> {
    let mut fields = Map::with_capacity(finished.len());
    // Keys that came by merging: setting one again is no duplicate.
    let mut merged: Vec<String> = Vec::new();
    for (key, value) in finished {
        match key {
            Some(Key::Name(name, at)) => duplicates.extend(set(&mut fields, &mut merged, name, value, at)),
            Some(Key::Merge) => merge(&mut fields, &mut merged, value),
            None => {}
        }
    }
    fields
}

/// Sets a field; says so when it was there already.
fn set(
    fields: &mut Map<String, Value>,
    merged: &mut Vec<String>,
    name: String,
    value: Value,
    at: Marker,
) -> Option<Duplicate> {
    match fields.entry(name) {
        Entry::Vacant(entry) => {
            entry.insert(value);
            None
        }
        Entry::Occupied(mut entry) => {
            entry.insert(value);
            if let Some(index) = merged.iter().position(|name| name == entry.key()) {
                merged.swap_remove(index);
                return None;
            }
            Some(Duplicate { key: entry.key().clone(), line: at.line(), column: at.col() + 1 })
        }
    }
}

/// As go-yaml v2 merges: what is merged overwrites the keys above the `<<`, and the first of several mappings wins.
fn merge(fields: &mut Map<String, Value>, merged: &mut Vec<String>, value: Value) {
    let mappings = match value {
        Value::Array(mappings) => mappings,
        mapping => vec![mapping],
    };
    let mappings = mappings.into_iter().rev().filter_map(|mapping| match mapping {
        Value::Object(mapping) => Some(mapping),
        _ => None,
    });
    for (name, value) in mappings.flatten() {
        merged.push(name.clone());
        fields.insert(name, value);
    }
}

fn value_of(text: Cow<'_, str>, is_plain: bool, tag: Option<&Tag>) -> Result<Value, String> {
    match tag {
        Some(tag) if tag.is_yaml_core_schema() => scalar::tagged(&tag.suffix, &text),
        None if is_plain => scalar::plain(text),
        _ => Ok(Value::String(text.into_owned())),
    }
}

fn plain_key(text: Cow<'_, str>) -> Result<String, String> {
    key_of(scalar::plain(text)?)
}

/// The key that JSON gets: numbers and booleans become their text.
fn key_of(value: Value) -> Result<String, String> {
    match value {
        Value::String(key) => Ok(key),
        Value::Number(number) if number.is_f64() => Ok(scalar::float_key(&number)),
        Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
        Value::Null => Err("null cannot be a key".to_owned()),
        Value::Array(_) | Value::Object(_) => Err("a list or mapping cannot be a key".to_owned()),
    }
}

/// How much a value is when it is repeated.
#[derive(Default, Clone, Copy)]
struct Cost {
    values: usize,
    bytes: usize,
    depth: usize,
}

impl Cost {
    /// Recursion is safe here: no value is deeper than [`DEEPEST`].
    fn of(value: &Value) -> Self {
        let inner = match value {
            Value::Array(items) => Self::sum(items.iter().map(Self::of)),
            Value::Object(fields) => Self::sum(fields.iter().map(|(key, value)| {
                let cost = Self::of(value);
                Self { bytes: cost.bytes + key.len(), ..cost }
            })),
            Value::String(text) => {
                return Self { values: 1, bytes: text.len(), depth: 0 };
            }
            _ => {
                return Self { values: 1, bytes: 0, depth: 0 };
            }
        };
        Self { values: inner.values + 1, depth: inner.depth + 1, ..inner }
    }

    fn sum(parts: impl Iterator<Item = Self>) -> Self {
        parts.fold(Self::default(), |sum, part| Self {
            values: sum.values + part.values,
            bytes: sum.bytes + part.bytes,
            depth: sum.depth.max(part.depth),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn value(text: &str) -> Value {
        load(text).unwrap().value
    }

    fn message(text: &str) -> String {
        load(text).unwrap_err().message
    }

    #[test]
    fn merge_keys_merge_as_kubectl_does() {
        let anchor = "a: &x {b: 1, c: 2}\n";
        assert_eq!(value(&format!("{anchor}d: {{<<: *x, b: 3}}"))["d"], json!({"b": 3, "c": 2}));
        assert_eq!(value(&format!("{anchor}d: {{b: 3, <<: *x}}"))["d"], json!({"b": 1, "c": 2}));
        assert_eq!(value("<<: [{a: 1}, {a: 2, b: 3}]"), json!({"a": 1, "b": 3}));
        assert!(message("<<: 1").contains("takes a mapping"));
    }

    #[test]
    fn the_last_of_duplicate_keys_wins_and_is_reported() {
        let loaded = load("a: 1\nb:\n  c: 1\n  c: 2\na: 3").unwrap();
        assert_eq!(loaded.value, json!({"a": 3, "b": {"c": 2}}));
        let places: Vec<_> = loaded.duplicates.iter().map(|it| (it.key.as_str(), it.line, it.column)).collect();
        assert_eq!(places, [("c", 4, 3), ("a", 5, 1)]);
    }

    #[test]
    fn overriding_a_merged_key_is_no_duplicate() {
        assert_eq!(load("x: &x {a: 1}\ny:\n  <<: *x\n  a: 2").unwrap().duplicates, []);
    }

    #[test]
    fn tags_and_quotes_decide_over_looks() {
        let expected = json!({"a": "12", "b": 3, "c": "12", "d": 1, "e": true, "f": "yes", "g": "yes\n"});
        assert_eq!(
            value("a: !!str 12\nb: !!int \"3\"\nc: !foo 12\nd: !!float 1\ne: !!bool yes\nf: 'yes'\ng: |\n  yes\n"),
            expected
        );
    }

    #[test]
    fn keys_are_text() {
        assert_eq!(value("yes: a\n0644: b\n'no': c"), json!({"true": "a", "420": "b", "no": "c"}));
        assert!(message("~: a").contains("null"));
        assert!(message("? [a]\n: b").contains("cannot be a key"));
    }

    #[test]
    fn nothing_is_null() {
        for text in ["", "\n\n", "# only a comment\n", "---\n", "---\n# x\n"] {
            assert_eq!(value(text), Value::Null, "{text:?}");
        }
    }

    #[test]
    fn faults_have_a_place() {
        let fault = load("a: b\nc: [d").unwrap_err();
        assert!(fault.line >= 2, "{fault:?}");
    }

    #[test]
    fn text_after_the_end_of_the_document_is_noticed() {
        let loaded = load("a: b\n...\nc: d\n").unwrap();
        assert_eq!((loaded.value, loaded.unread.is_some()), (json!({"a": "b"}), true));
        assert_eq!(load("a: b\n...\n").unwrap().unread, None);
    }

    #[test]
    fn items_know_their_lines() {
        assert_eq!(load("kind: List\nitems:\n- a: 1\n  items: [1]\n-\n  b: 2\n- [x]\n").unwrap().item_lines, [3, 6, 7]);
    }

    #[test]
    fn bombs_do_not_go_off() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..20 {
            let previous = vec![format!("*a{}", level - 1); 9].join(", ");
            bomb += &format!("a{level}: &a{level} [{previous}]\n");
        }
        assert!(message(&bomb).contains("excessive aliasing"));
        assert!(message("a: &x [*x]").contains("alias"));
        let deep: String = (1..400).map(|level| format!("a{level}: &a{level} [*a{}]\n", level - 1)).collect();
        assert!(message(&format!("a0: &a0 [x]\n{deep}")).contains("nested deeper"));
    }

    #[test]
    fn nesting_has_a_limit() {
        assert!(message(&"[".repeat(20_000)).contains("nested deeper"));
        assert!(message(&"- ".repeat(20_000)).contains("nested deeper"));
        assert!(message(&"{a: ".repeat(20_000)).contains("nested deeper"));
        let fine = format!("{}{}", "[".repeat(DEEPEST), "]".repeat(DEEPEST));
        assert!(load(&fine).is_ok());
    }

    /// Texts that kubectl refuses and this module reads: tabs where only blanks are expected, an escape of JSON, unusual
    /// line breaks, a directive.
    const MORE_LENIENT: &[&str] = &[
        "a:\n- b\n-\tc\n",
        "a: \"\\/\"\n",
        "a: x\u{2028}y\n",
        "a: \u{85}b\n",
        "a: 1\n  \n\t\nb: 2\n",
        "a:\n\n\t\n  b: 2\n",
    ];

    /// The other way round: a tab inside brackets, where the block around them would take none.
    const STRICTER: &[&str] = &["a: [\n\tb\n]\n"];

    #[test]
    fn documents_are_read_as_kubectl_reads_them() {
        let recorded = include_str!("../../golden/recorded/documents.ndjson");
        let mut wrong = Vec::new();
        for line in recorded.lines() {
            let case: Value = serde_json::from_str(line).unwrap();
            let text = case["yaml"].as_str().unwrap();
            let found = load(text).ok().map(|loaded| loaded.value);
            let expected = case.get("json").cloned();
            let known = if expected.is_none() { MORE_LENIENT } else { STRICTER };
            if found != expected && !known.contains(&text) {
                wrong.push(format!("{text:?}: {found:?}, recorded {expected:?}"));
            }
        }
        assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), recorded.lines().count(), wrong.join("\n"));
    }
}
