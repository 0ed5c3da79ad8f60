//! Printing: results on standard output, everything else on standard error, colours only where they are wanted.

use std::io::Write;

use anstream::{AutoStream, ColorChoice};

use crate::input::{Problem, Severity};
use crate::report::style::{BAD, paint};

/// Prints why a command could not do what was asked, on one line.
pub fn report_failure(error: &anyhow::Error) {
    anstream::eprintln!("{}: {error:#}", paint(BAD, "error"));
}

/// Prints the problems of the input, and tells whether one of them kept something out.
pub(super) fn report_problems(problems: &[Problem]) -> bool {
    let mut stderr = anstream::stderr();
    let colour = AutoStream::choice(&std::io::stderr()) != ColorChoice::Never;
    for problem in problems {
        // Without a reader there is nobody to tell.
        let _ = writeln!(stderr, "{}\n", problem.render(colour));
    }
    problems.iter().any(|problem| problem.severity == Severity::Error)
}

/// `1 pod`, `2 pods`.
pub(super) fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// A progress bar on standard error; nothing is shown where that is no terminal.
pub(super) fn progress(total: usize, what: &str) -> indicatif::ProgressBar {
    use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
    use std::io::IsTerminal;
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let total = u64::try_from(total).unwrap_or(u64::MAX);
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{prefix} {bar:30} {pos}/{len} {eta}");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar.with_prefix(what.to_owned())
}
