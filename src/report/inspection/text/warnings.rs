//! The warnings: a message that several objects share is told once.

use anstyle::Style;

use crate::input::printable;
use crate::report::layout::{grid, sentence, some};
use crate::report::oddities::Warning;
use crate::report::style::{DIM, NOTE, paint};

/// How many objects are shown below one message.
const MOST: usize = 8;

pub(super) fn text(warnings: &[Warning], width: usize) -> String {
    let kinds = warnings.chunk_by(|a, b| a.code == b.code);
    let kinds: Vec<String> = kinds.map(|kind| of_kind(kind, width)).collect();
    kinds.join("\n")
}

fn of_kind(warnings: &[Warning], width: usize) -> String {
    let code = warnings.first().map(|warning| warning.code).unwrap_or_default();
    let mut messages: Vec<(&str, Vec<&Warning>)> = Vec::new();
    for warning in warnings {
        match messages.iter_mut().find(|(message, _)| *message == warning.message) {
            Some((_, same)) => same.push(warning),
            None => messages.push((&warning.message, vec![warning])),
        }
    }
    let shown = messages.into_iter().map(|(message, same)| of_message(message, &same, width));
    let shown: String = shown.collect();
    format!("  {}\n{shown}", paint(NOTE, code))
}

fn of_message(message: &str, same: &[&Warning], width: usize) -> String {
    let message = grid(vec![vec![sentence(message)]], 4, width, Style::new());
    let object = |warning: &&Warning| {
        let source = warning.source.as_deref().unwrap_or_default();
        format!("{}  {}", printable(&warning.object), paint(DIM, printable(source)))
    };
    let objects = some(same.iter().map(object), MOST).into_iter();
    message + &objects.map(|object| format!("      {object}\n")).collect::<String>()
}
