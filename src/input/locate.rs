//! Finds where values stand in a document's text. Positions are not kept while reading: problems are rare, so the text
//! is walked once more for all of a document's problems together.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, Span};

use super::mend::{Stumble, mending};
use crate::schema::{FieldPath, Segment};

/// A place in a document: line and column from 1, and how many characters are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) width: usize,
}

/// Which part of a field is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Key,
    Value,
}

/// The places of all `wanted`, in their order. For a path that is not in the text itself (it came by an alias or a merge
/// key) its nearest ancestor's; `None` only for a text that cannot be read.
pub(super) fn locate(text: &str, wanted: &[(FieldPath, Part)]) -> Vec<Option<Place>> {
    let mut tree = Tree::default();
    wanted.iter().for_each(|(path, _)| tree.add(&path.0));
    let walked = mending(text, |text| {
        let mut tree = tree.clone();
        walk(text, &mut tree).map(|()| tree)
    });
    // Whatever stood before a fault was found.
    let tree = walked.unwrap_or(tree);
    wanted.iter().map(|(path, part)| tree.place(&path.0, *part)).collect()
}

/// The wanted paths as a tree; each node is filled in as the text is walked.
#[derive(Debug, Default, Clone)]
struct Tree {
    children: BTreeMap<Segment, Tree>,
    key: Option<Place>,
    value: Option<Place>,
}

impl Tree {
    fn add(&mut self, path: &[Segment]) {
        path.iter().fold(self, |tree, segment| tree.children.entry(normal(segment)).or_default());
    }

    /// The node at the path of the open collections and then `last`.
    fn node(&mut self, open: &[Open]) -> Option<&mut Self> {
        open.iter().try_fold(self, |tree, open| tree.children.get_mut(open.segment.as_ref()?))
    }

    fn place(&self, path: &[Segment], part: Part) -> Option<Place> {
        let mut best = self.value;
        let mut tree = self;
        for segment in path {
            let Some(next) = tree.children.get(&normal(segment)).filter(|next| next.value.or(next.key).is_some())
            else {
                // An ancestor is best shown by its key.
                return tree.key.or(best);
            };
            tree = next;
            best = match part {
                Part::Key => tree.key.or(tree.value),
                Part::Value => tree.value.or(tree.key),
            };
        }
        best
    }
}

/// YAML does not tell a field from the key of a map.
fn normal(segment: &Segment) -> Segment {
    match segment {
        Segment::Field(name) | Segment::Key(name) => Segment::Field(name.clone()),
        Segment::Index(index) => Segment::Index(*index),
    }
}

/// A collection that is open, and where in it the walk stands.
struct Open {
    is_list: bool,
    segment: Option<Segment>,
    next_index: usize,
    expects_key: bool,
}

fn walk(text: &str, tree: &mut Tree) -> Result<(), Stumble> {
    let mut open: Vec<Open> = Vec::new();
    let mut parser = Parser::new_from_str(text);
    while let Some(next) = parser.next_event() {
        let (event, span) = next.map_err(Stumble::Syntax)?;
        match event {
            Event::DocumentEnd => break,
            Event::Scalar(text, ..) => visit(tree, &mut open, span, Some(&text)),
            Event::Alias(_) => visit(tree, &mut open, span, None),
            Event::SequenceStart(..) => enter(tree, &mut open, span, true),
            Event::MappingStart(..) => enter(tree, &mut open, span, false),
            Event::SequenceEnd | Event::MappingEnd => {
                open.pop();
            }
            _ => {}
        }
    }
    Ok(())
}

fn enter(tree: &mut Tree, open: &mut Vec<Open>, span: Span, is_list: bool) {
    visit(tree, open, Span::empty(span.start), None);
    open.push(Open { is_list, segment: None, next_index: 0, expects_key: !is_list });
}

/// A key or a value begins at `span`; `text` is a scalar's.
fn visit(tree: &mut Tree, open: &mut [Open], span: Span, text: Option<&str>) {
    let place = Some(Place::of(span));
    let Some(last) = open.last_mut() else {
        tree.value = place;
        return;
    };
    let is_key = last.expects_key;
    last.expects_key = !is_key && !last.is_list;
    if last.is_list {
        last.segment = Some(Segment::Index(last.next_index));
        last.next_index += 1;
    } else if is_key {
        last.segment = text.map(|text| Segment::Field(text.to_owned()));
    }
    match tree.node(open) {
        Some(node) if is_key => node.key = place,
        Some(node) => node.value = place,
        None => {}
    }
}

impl Place {
    fn of(span: Span) -> Self {
        let one_line = span.start.line() == span.end.line();
        let width = if one_line { span.end.col().saturating_sub(span.start.col()) } else { 1 };
        Self { line: span.start.line(), column: span.start.col() + 1, width: width.max(1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(segments: &[&str]) -> FieldPath {
        let segment = |text: &&str| text.parse().map_or_else(|_| Segment::Field((*text).to_owned()), Segment::Index);
        FieldPath(segments.iter().map(segment).collect())
    }

    fn found(text: &str, segments: &[&str], part: Part) -> (usize, usize, usize) {
        let place = locate(text, &[(path(segments), part)])[0].unwrap();
        (place.line, place.column, place.width)
    }

    const POD: &str = "metadata:\n  name: a\nspec:\n  containers:\n  - name: x\n    image: y\n  - {name: \"zz\", tty: true}\n  hostPID: yes\n";

    #[test]
    fn keys_and_values_are_found() {
        assert_eq!(found(POD, &["spec", "hostPID"], Part::Key), (8, 3, 7));
        assert_eq!(found(POD, &["spec", "hostPID"], Part::Value), (8, 12, 3));
        assert_eq!(found(POD, &["spec", "containers", "1", "name"], Part::Value), (7, 12, 4));
        assert_eq!(found(POD, &["spec", "containers", "0", "image"], Part::Key), (6, 5, 5));
        assert_eq!(found(POD, &["spec", "containers", "1"], Part::Value), (7, 5, 1));
        assert_eq!(found(POD, &["spec"], Part::Key), (3, 1, 4));
    }

    #[test]
    fn what_came_by_merging_is_shown_at_its_ancestor() {
        let text = "x: &x\n  bad: 1\nspec:\n  <<: *x\n  good: 2\n";
        assert_eq!(found(text, &["spec", "bad"], Part::Key), (3, 1, 4));
    }

    #[test]
    fn json_is_yaml_enough() {
        assert_eq!(found("{\n\t\"a\": {\"b\": [1, true]}\n}", &["a", "b", "1"], Part::Value), (2, 17, 4));
    }

    #[test]
    fn the_last_of_duplicate_keys_is_meant() {
        assert_eq!(found("a: 1\na: 2\n", &["a"], Part::Value), (2, 4, 1));
    }

    #[test]
    fn broken_text_is_no_harm() {
        assert_eq!(locate("a: [", &[(path(&["b"]), Part::Key)]), [None]);
    }
}
