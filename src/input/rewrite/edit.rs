//! From changes to edits of the text, and from edits to the new text.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde_json::Value;

use super::print::{block_lines, flow, pretty};
use super::tree::{Entry, Kind, Node, Tree};
use crate::changes::{Change, value_at};
use crate::schema::Segment;

/// Text that takes the place of other text.
struct Edit {
    at: Range<usize>,
    text: String,
}

/// The keys to add to one mapping, by the byte at which it begins.
struct Added<'t> {
    map: &'t Node,
    entries: Vec<(String, Value)>,
}

/// What is to be written where.
#[derive(Default)]
struct Edits<'t> {
    edits: Vec<Edit>,
    added: BTreeMap<usize, Added<'t>>,
    /// The aliases that are written out, by the byte at which they begin: two changes below one are one edit.
    aliases: BTreeSet<usize>,
}

/// The text after the changes; `None` for a change that has no place in it.
pub(super) fn edited(text: &str, tree: &Tree, expected: &Value, changes: &[&Change]) -> Option<String> {
    let style = Style::of(text);
    let mut edits = Edits::default();
    for change in changes {
        edits.take(&style, tree, expected, change)?;
    }
    // Where several blocks end at once, the innermost goes on first.
    for added in edits.added.values().rev() {
        edits.edits.push(style.add(added)?);
    }
    edits.edits.sort_by_key(|edit| edit.at.start);
    let (mut out, mut done) = (String::with_capacity(text.len() + 64 * edits.edits.len()), 0);
    for edit in &edits.edits {
        out.push_str(text.get(done..edit.at.start)?);
        out.push_str(&edit.text);
        done = edit.at.end;
    }
    out.push_str(text.get(done..)?);
    Some(out)
}

/// Whether the text is JSON and not YAML in brackets.
fn serde_like(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

impl<'t> Edits<'t> {
    /// Finds the node that a change is about. Where the text has none (an alias or a merge stands there instead), the value
    /// around it is written out.
    fn take(&mut self, style: &Style<'_>, tree: &'t Tree, expected: &Value, change: &Change) -> Option<()> {
        let mut node = &tree.root;
        for (depth, segment) in change.path.0.iter().enumerate() {
            let so_far = change.path.0.get(..=depth)?;
            node = match (&node.kind, segment) {
                (Kind::Map { entries, .. }, Segment::Field(name) | Segment::Key(name)) => {
                    match entries.iter().rfind(|entry| entry.key == *name) {
                        Some(entry) => &entry.value,
                        None => return self.add(node, name, value_at(expected, so_far)?),
                    }
                }
                (Kind::List { items, .. }, Segment::Index(index)) => items.get(*index)?,
                (Kind::Alias, _) => {
                    let whole = value_at(expected, change.path.0.get(..depth)?)?;
                    if self.aliases.insert(node.start) {
                        self.edits.push(Edit { at: node.start..node.end, text: flow(whole, style.is_json) });
                    }
                    return Some(());
                }
                _ => return None,
            };
        }
        self.edits.extend(style.set(node, change)?);
        Some(())
    }

    fn add(&mut self, map: &'t Node, key: &str, value: &Value) -> Option<()> {
        let added = self.added.entry(map.start).or_insert_with(|| Added { map, entries: Vec::new() });
        if !added.entries.iter().any(|(known, _)| known == key) {
            added.entries.push((key.to_owned(), value.clone()));
        }
        Some(())
    }
}

/// How the text is written.
struct Style<'a> {
    text: &'a str,
    is_json: bool,
    /// No blank stands after a colon.
    is_tight: bool,
    newline: &'static str,
}

impl<'a> Style<'a> {
    fn of(text: &'a str) -> Self {
        let is_json = text.trim_start().starts_with(['{', '[']) && serde_like(text);
        let is_tight = is_json && !text.contains("\": ");
        Self { text, is_json, is_tight, newline: if text.contains("\r\n") { "\r\n" } else { "\n" } }
    }

    /// The text between the beginning of its line and a byte.
    fn before(&self, byte: usize) -> Option<&str> {
        let head = self.text.get(..byte)?;
        head.get(head.rfind('\n').map_or(0, |newline| newline + 1)..)
    }

    /// Blanks as far as a byte stands from the beginning of its line.
    fn indent(&self, byte: usize) -> Option<String> {
        Some(" ".repeat(self.before(byte)?.chars().count()))
    }

    fn add(&self, added: &Added<'_>) -> Option<Edit> {
        let Kind::Map { is_flow, entries } = &added.map.kind else { return None };
        match (is_flow, entries.first()) {
            (true, first) => self.add_in_braces(added, first, entries.last()),
            (false, Some(first)) => {
                let indent = self.indent(first.key_start)?;
                let lines = added.entries.iter().map(|(key, value)| block_lines(key, value, &indent));
                self.after(added.map.last_leaf(), &lines.collect::<Option<Vec<_>>>()?.concat())
            }
            (false, None) => None,
        }
    }

    fn add_in_braces(&self, added: &Added<'_>, first: Option<&Entry>, last: Option<&Entry>) -> Option<Edit> {
        let (Some(first), Some(last)) = (first, last) else {
            let pairs: Vec<String> = added.entries.iter().map(|(key, value)| self.pair(key, value)).collect();
            let inside = added.map.start + self.text.get(added.map.start..)?.find('{')? + 1;
            return Some(Edit { at: inside..inside, text: pairs.join(", ") });
        };
        let indent = self.before(first.key_start)?;
        let own_lines = indent.trim().is_empty() && self.text.get(added.map.start..first.key_start)?.contains('\n');
        let mut text = String::new();
        for (key, value) in &added.entries {
            if own_lines && self.is_json {
                let unit = self.unit(added.map.start, indent)?;
                let value = pretty(value, indent, unit, self.newline);
                text += &format!(",{}{indent}{}: {value}", self.newline, flow(&Value::from(key.as_str()), true));
            } else if own_lines {
                text += &format!(",{}{indent}{}", self.newline, self.pair(key, value));
            } else {
                text += &format!(", {}", self.pair(key, value));
            }
        }
        Some(Edit { at: last.value.end..last.value.end, text })
    }

    /// By how much a level is indented.
    fn unit<'s>(&self, brace: usize, indent: &'s str) -> Option<&'s str> {
        let line = self.before(brace)?;
        let outer = line.len() - line.trim_start().len();
        indent.get(outer..).filter(|unit| !unit.is_empty()).or(Some("  "))
    }

    fn pair(&self, key: &str, value: &Value) -> String {
        let separator = if self.is_tight { ":" } else { ": " };
        format!("{}{separator}{}", flow(&Value::from(key), self.is_json), flow(value, self.is_json))
    }

    /// Lines after the line on which a value ends.
    fn after(&self, last: &Node, lines: &str) -> Option<Edit> {
        let lines = if self.newline == "\n" { lines.to_owned() } else { lines.replace('\n', self.newline) };
        let at = match last.kind {
            Kind::Scalar { is_block: true, keeps_blank_lines } => self.after_block(last.end, keeps_blank_lines)?,
            _ => {
                last.end
                    + self.text.get(last.end..)?.find('\n').map_or(self.text.len() - last.end, |newline| newline + 1)
            }
        };
        let is_open = at == self.text.len() && !self.text.ends_with('\n');
        let text = if is_open { format!("{}{}", self.newline, lines.trim_end()) } else { lines };
        Some(Edit { at: at..at, text })
    }

    /// Where the lines of a block scalar end: `end` is where something else begins.
    fn after_block(&self, end: usize, keeps_blank_lines: bool) -> Option<usize> {
        let line = end - self.before(end)?.len();
        let head = self.text.get(..if self.before(end)?.trim().is_empty() { line } else { end })?;
        if keeps_blank_lines {
            return Some(head.len());
        }
        let content = head.trim_end();
        Some(content.len() + head.get(content.len()..)?.find('\n').map_or(head.len() - content.len(), |at| at + 1))
    }

    fn set(&self, node: &Node, change: &Change) -> Option<Vec<Edit>> {
        match &node.kind {
            Kind::List { is_flow: false, items } => self.set_list(items, change),
            Kind::Map { is_flow: false, .. } => None,
            Kind::Scalar { .. } if node.start == node.end => {
                let colon = node.start + self.text.get(node.start..)?.find(':')? + 1;
                Some(vec![Edit { at: colon..colon, text: format!(" {}", flow(&change.value, self.is_json)) }])
            }
            _ => Some(vec![Edit { at: node.start..node.end, text: flow(&change.value, self.is_json) }]),
        }
    }

    /// New elements go between the old ones where those keep their order; else the list is written anew.
    fn set_list(&self, items: &[Node], change: &Change) -> Option<Vec<Edit>> {
        let (old, new) = (change.before.as_ref()?.as_array()?, change.value.as_array()?);
        if new.iter().any(|value| value.is_object() || value.is_array()) || old.len() != items.len() {
            return None;
        }
        let dashes: Vec<usize> = items.iter().map(|item| self.dash(item)).collect::<Option<_>>()?;
        let (first, last) = (*dashes.first()?, items.last()?);
        let (mut edits, mut next, mut tail) = (Vec::new(), 0, String::new());
        let indent = self.indent(first)?;
        for value in new {
            if old.get(next) == Some(value) {
                next += 1;
            } else if let Some(dash) = dashes.get(next) {
                edits
                    .push(Edit { at: *dash..*dash, text: format!("- {}{}{indent}", flow(value, false), self.newline) });
            } else {
                tail += &format!("{indent}- {}\n", flow(value, false));
            }
        }
        if next < old.len() {
            let lines: Vec<String> = new.iter().map(|value| format!("- {}", flow(value, false))).collect();
            let text = lines.join(&format!("{}{indent}", self.newline));
            return Some(vec![Edit { at: first..last.end, text }]);
        }
        if !tail.is_empty() {
            edits.push(self.after(last, &tail)?);
        }
        Some(edits)
    }

    /// The dash before an element of a block list.
    fn dash(&self, item: &Node) -> Option<usize> {
        let head = self.text.get(..item.start)?.trim_end_matches([' ', '\t']);
        head.ends_with('-').then(|| head.len() - 1)
    }
}
