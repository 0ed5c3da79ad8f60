//! Columns that fit the terminal, and text that is safe to print there.

use anstyle::Style;
use comfy_table::presets::NOTHING;
use comfy_table::{ColumnConstraint, ContentArrangement, Table};

use crate::input::printable;
use crate::report::style::{HEAD, paint};

/// Rows below each other, wrapped to `width`, each line indented. The first of several columns is never wrapped, and
/// printed in `first`; rows must not be painted.
pub(crate) fn grid(rows: Vec<Vec<String>>, indent: usize, width: usize, first: Style) -> String {
    let label = rows.iter().filter_map(|row| row.first()).map(|cell| cell.chars().count()).max().unwrap_or_default();
    let paint_label = |line: &str| match line.char_indices().nth(label) {
        Some((end, _)) if first != Style::new() => {
            let (label, rest) = line.split_at(end);
            format!("{}{rest}", paint(first, label))
        }
        _ => line.to_owned(),
    };
    let lines = lines(rows, indent, width, true);
    lines.iter().map(|line| format!("{}{}\n", " ".repeat(indent), paint_label(line))).collect()
}

/// A table with a bold header.
pub(crate) fn table(header: &[&str], rows: Vec<Vec<String>>, indent: usize, width: usize) -> String {
    let header = header.iter().map(|&cell| cell.to_owned()).collect();
    let lines = lines([vec![header], rows].concat(), indent, width, false);
    let shown = lines.iter().enumerate().map(|(index, line)| match index {
        0 => paint(HEAD, line),
        _ => line.clone(),
    });
    shown.map(|line| format!("{}{line}\n", " ".repeat(indent))).collect()
}

fn lines(rows: Vec<Vec<String>>, indent: usize, width: usize, keep_first: bool) -> Vec<String> {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(u16::try_from(width.saturating_sub(indent).max(20)).unwrap_or(u16::MAX));
    table.add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let keep_first = keep_first && table.column_count() > 1;
    if let Some(column) = table.column_mut(0).filter(|_| keep_first) {
        column.set_constraint(ColumnConstraint::ContentWidth);
    }
    table.lines().map(|line| line.trim_end().to_owned()).filter(|line| !line.is_empty()).collect()
}

/// A sentence that may hold the user's text, safe to print: it is never cut, only very long words in it are.
pub(crate) fn sentence(text: &str) -> String {
    let words: Vec<_> = text.split(' ').map(printable).collect();
    words.join(" ")
}

/// No more than `most` items, and how many were left out.
pub(crate) fn some(items: impl IntoIterator<Item = String>, most: usize) -> Vec<String> {
    let mut items = items.into_iter();
    let mut shown: Vec<String> = items.by_ref().take(most).collect();
    let more = items.count();
    if more > 0 {
        shown.push(format!("… and {more} more, see --format json"));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: &[&str]) -> Vec<String> {
        cells.iter().map(|&cell| cell.to_owned()).collect()
    }

    #[test]
    fn columns_are_wrapped_and_aligned() {
        let shown = grid(vec![row(&["a", "one two three four"]), row(&["bb", "x"])], 2, 22, Style::new());
        assert_eq!(shown, "  a   one two three\n      four\n  bb  x\n");
    }

    #[test]
    fn control_characters_never_reach_the_terminal() {
        assert_eq!(sentence("a \u{1b}[31m b"), "a \\u{1b}[31m b");
    }

    #[test]
    fn what_is_left_out_is_counted() {
        assert_eq!(some(row(&["a", "b", "c"]), 2), ["a", "b", "… and 1 more, see --format json"]);
        assert_eq!(some(row(&["a", "b"]), 2), ["a", "b"]);
    }
}
