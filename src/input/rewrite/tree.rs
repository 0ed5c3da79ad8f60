//! Where the values of a text stand, byte by byte.

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span};

/// The places of a text's values.
pub(super) struct Tree {
    pub(super) root: Node,
}

/// One value.
pub(super) struct Node {
    /// The byte at which it begins; of an absent value, that of the colon after its key.
    pub(super) start: usize,
    /// The byte after its last one; of a block scalar, that at which something else begins.
    pub(super) end: usize,
    pub(super) kind: Kind,
}

pub(super) enum Kind {
    Scalar { is_block: bool, keeps_blank_lines: bool },
    Alias,
    List { is_flow: bool, items: Vec<Node> },
    Map { is_flow: bool, entries: Vec<Entry> },
}

/// A key and its value.
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_start: usize,
    pub(super) value: Node,
}

/// A collection that is open.
struct Open {
    node: Node,
    key: Option<(String, usize)>,
}

impl Tree {
    /// The tree of the first document in a text; `None` for a text that is not strictly YAML.
    pub(super) fn of(text: &str) -> Option<Self> {
        let mut places = Places::new(text);
        let (mut open, mut root): (Vec<Open>, Option<Node>) = (Vec::new(), None);
        let mut parser = Parser::new_from_str(text);
        while let Some(next) = parser.next_event() {
            let (event, span) = next.ok()?;
            let (start, end) = (places.byte(span.start)?, places.byte(span.end)?);
            let node = match event {
                Event::DocumentEnd => break,
                Event::Scalar(content, style, ..) => {
                    if let Some(key) = open.last_mut().and_then(Open::awaited_key) {
                        *key = Some((content.into_owned(), start));
                        continue;
                    }
                    let is_block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
                    Node { start, end, kind: Kind::Scalar { is_block, keeps_blank_lines: content.ends_with("\n\n") } }
                }
                Event::Alias(_) => Node { start, end, kind: Kind::Alias },
                Event::SequenceStart(..) => {
                    let is_flow = is_at(text, span, &mut places, '[')?;
                    let kind = Kind::List { is_flow, items: Vec::new() };
                    open.push(Open { node: Node { start, end: start, kind }, key: None });
                    continue;
                }
                Event::MappingStart(..) => {
                    let is_flow = is_at(text, span, &mut places, '{')?;
                    let kind = Kind::Map { is_flow, entries: Vec::new() };
                    open.push(Open { node: Node { start, end: start, kind }, key: None });
                    continue;
                }
                Event::SequenceEnd | Event::MappingEnd => {
                    let mut node = open.pop()?.node;
                    node.end = if node.is_flow() { start + 1 } else { node.last_end() };
                    node
                }
                _ => continue,
            };
            match open.last_mut() {
                Some(parent) => parent.add(node)?,
                None => root = Some(node),
            }
        }
        root.map(|root| Self { root })
    }
}

/// Whether a collection begins with its bracket, after any anchor.
fn is_at(text: &str, span: Span, places: &mut Places<'_>, bracket: char) -> Option<bool> {
    let end = places.byte(span.end)?;
    Some(text.get(..end)?.ends_with(bracket) && places.byte(span.start)? < end)
}

impl Open {
    /// The place of the key that is still to come, in a mapping.
    fn awaited_key(&mut self) -> Option<&mut Option<(String, usize)>> {
        (matches!(self.node.kind, Kind::Map { .. }) && self.key.is_none()).then_some(&mut self.key)
    }

    /// Adds an element or the value of the last key; a key that is no scalar cannot be.
    fn add(&mut self, value: Node) -> Option<()> {
        match &mut self.node.kind {
            Kind::List { items, .. } => items.push(value),
            Kind::Map { entries, .. } => {
                let (key, key_start) = self.key.take()?;
                entries.push(Entry { key, key_start, value });
            }
            Kind::Scalar { .. } | Kind::Alias => return None,
        }
        Some(())
    }
}

impl Node {
    fn is_flow(&self) -> bool {
        matches!(self.kind, Kind::List { is_flow: true, .. } | Kind::Map { is_flow: true, .. })
    }

    /// Where the last element ends.
    fn last_end(&self) -> usize {
        match &self.kind {
            Kind::List { items, .. } => items.last().map_or(self.end, |last| last.end),
            Kind::Map { entries, .. } => entries.last().map_or(self.end, |last| last.value.end),
            Kind::Scalar { .. } | Kind::Alias => self.end,
        }
    }

    /// The scalar that a block ends with: it decides where the block's text ends.
    pub(super) fn last_leaf(&self) -> &Self {
        let last = match &self.kind {
            Kind::List { is_flow: false, items } => items.last(),
            Kind::Map { is_flow: false, entries } => entries.last().map(|entry| &entry.value),
            _ => None,
        };
        last.map_or(self, Self::last_leaf)
    }
}

/// From lines and columns to bytes. Walks on from the last place: a dump may be one long line.
struct Places<'a> {
    text: &'a str,
    starts: Vec<usize>,
    last: (usize, usize, usize),
}

impl<'a> Places<'a> {
    fn new(text: &'a str) -> Self {
        let starts = [0].into_iter().chain(text.match_indices('\n').map(|(index, _)| index + 1)).collect();
        Self { text, starts, last: (1, 0, 0) }
    }

    fn byte(&mut self, marker: Marker) -> Option<usize> {
        let (line, column) = (marker.line(), marker.col());
        let (last_line, last_column, last_byte) = self.last;
        let (from, skip) = match line == last_line && column >= last_column {
            true => (last_byte, column - last_column),
            // The parser takes a missing last newline for granted.
            false => match self.starts.get(line.checked_sub(1)?) {
                Some(start) => (*start, column),
                None => return Some(self.text.len()),
            },
        };
        let rest = self.text.get(from..)?;
        let length = rest.char_indices().map(|(index, _)| index).nth(skip).unwrap_or(rest.len());
        self.last = (line, column, from + length);
        Some(from + length)
    }
}
