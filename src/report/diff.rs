//! What changed between two texts, line by line.

use similar::{ChangeTag, TextDiff};

/// How many lines around a change are kept.
const AROUND: usize = 3;

/// One line of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Line {
    /// It stands in both texts.
    Same(String),
    /// It stands in the first text only.
    Removed(String),
    /// It stands in the second text only.
    Added(String),
    /// Here lines that stand in both were left out.
    Skipped,
}

/// The lines that differ, with three lines around them.
pub(crate) fn changed_lines(before: &str, after: &str) -> Vec<Line> {
    let diff = TextDiff::from_lines(before, after);
    let mut lines = Vec::new();
    for (index, group) in diff.grouped_ops(AROUND).iter().enumerate() {
        if index > 0 {
            lines.push(Line::Skipped);
        }
        for change in group.iter().flat_map(|operation| diff.iter_changes(operation)) {
            let text = change.value().trim_end_matches('\n').to_owned();
            lines.push(match change.tag() {
                ChangeTag::Delete => Line::Removed(text),
                ChangeTag::Insert => Line::Added(text),
                ChangeTag::Equal => Line::Same(text),
            });
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_near_a_change_is_kept() {
        let before: String = (0..20).map(|n| format!("{n}\n")).collect();
        let after = before.replace("0\n1\n", "0\nx\n1\n").replace("\n18\n", "\n");
        let lines = changed_lines(&before, &after);
        assert!(lines.contains(&Line::Added("x".to_owned())) && lines.contains(&Line::Removed("18".to_owned())));
        assert!(lines.contains(&Line::Skipped) && !lines.contains(&Line::Same("9".to_owned())));
    }
}
