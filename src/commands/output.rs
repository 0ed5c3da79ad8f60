//! Printing: results on standard output, everything else on standard error, colours only where they are wanted.

use std::io::Write;
use std::sync::OnceLock;

use anstream::{AutoStream, ColorChoice};

use crate::input::{Problem, Severity};
use crate::report::style::{BAD, DIM, paint};
pub(super) use crate::report::text::counted;

/// How much is told besides results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verbosity {
    Quiet,
    Verbose,
}

/// Set once, before anything is printed; unset, the usual is told.
static VERBOSITY: OnceLock<Verbosity> = OnceLock::new();

/// Set once, before anything is printed.
static PROGRAM: OnceLock<&str> = OnceLock::new();

/// Sets how much is told besides results.
pub(super) fn set_verbosity(quiet: bool, verbose: bool) {
    if quiet || verbose {
        // Only the first call counts, and there is only one.
        let _ = VERBOSITY.set(if quiet { Verbosity::Quiet } else { Verbosity::Verbose });
    }
}

/// Whether only results and errors are printed.
pub(super) fn is_quiet() -> bool {
    VERBOSITY.get() == Some(&Verbosity::Quiet)
}

/// Whether everything is told.
pub(super) fn is_verbose() -> bool {
    VERBOSITY.get() == Some(&Verbosity::Verbose)
}

/// Sets the words by which the user calls this program.
pub(super) fn set_program(program: &'static str) {
    // Only the first call counts, and there is only one.
    let _ = PROGRAM.set(program);
}

/// The words by which the user calls this program.
pub(super) fn program() -> &'static str {
    PROGRAM.get().copied().unwrap_or("psp-migrate")
}

/// Prints a line that tells the outcome or what to do next.
pub(super) fn tell(line: impl std::fmt::Display) {
    if !is_quiet() {
        anstream::eprintln!("{line}");
    }
}

/// Prints a line for those who want to know everything.
pub(super) fn detail(line: impl std::fmt::Display) {
    if is_verbose() {
        anstream::eprintln!("{}", paint(DIM, line));
    }
}

/// Prints why a command could not do what was asked, on one line.
pub fn report_failure(error: &anyhow::Error) {
    anstream::eprintln!("{}: {error:#}", paint(BAD, "error"));
}

/// Prints the problems of the input, and tells whether one of them kept something out.
pub(super) fn report_problems(problems: &[Problem]) -> bool {
    let mut stderr = anstream::stderr();
    let colour = AutoStream::choice(&std::io::stderr()) != ColorChoice::Never;
    for problem in problems.iter().filter(|problem| !is_quiet() || problem.severity == Severity::Error) {
        // Without a reader there is nobody to tell.
        let _ = writeln!(stderr, "{}\n", problem.render(colour));
    }
    problems.iter().any(|problem| problem.severity == Severity::Error)
}

/// A progress bar on standard error; nothing is shown where that is no terminal.
pub(super) fn progress(total: usize, what: &str) -> indicatif::ProgressBar {
    use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
    use std::io::IsTerminal;
    if is_quiet() || !std::io::stderr().is_terminal() {
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

/// The columns of the terminal; 100 where there is none.
pub(super) fn width() -> usize {
    let size = terminal_size::terminal_size_of(std::io::stdout());
    size.map_or(100, |(width, _)| usize::from(width.0).clamp(60, 160))
}
