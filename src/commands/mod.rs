//! The commands: each reads, computes, reports. Only they print.

mod choices;
mod compare;
mod comparing;
mod convert;
mod documentation;
mod engine;
mod evaluate;
mod folder;
mod inspect;
mod output;
mod reading;
mod reporting;
mod rewriting;
mod runbook;
mod settings;
mod translation;
mod verify;
mod witnesses;

use anyhow::Result;

use crate::cli::{Cli, Color, Command};

pub use output::report_failure;
pub use settings::{Misunderstood, parse};

/// How a command ended that could do what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Done, and nothing differs or is denied that should not be.
    Equal,
    /// Done, with differences, or with denials under `--fail-on denied`.
    Different,
    /// Some of the input was broken and took no part.
    Incomplete,
}

/// Runs the command.
///
/// # Errors
/// Whatever keeps the command from doing what was asked.
pub fn run(cli: Cli) -> Result<Ending> {
    match cli.color {
        Color::Auto => anstream::ColorChoice::Auto,
        Color::Always => anstream::ColorChoice::Always,
        Color::Never => anstream::ColorChoice::Never,
    }
    .write_global();
    output::set_verbosity(cli.quiet, cli.verbose);
    match cli.command {
        Command::Inspect(arguments) => inspect::run(&arguments),
        Command::Evaluate(arguments) => evaluate::run(&arguments),
        Command::Convert(arguments) => convert::run(&arguments),
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Compare(arguments) => compare::run(&arguments),
        Command::Completions(arguments) => documentation::completions(&arguments).map(|()| Ending::Equal),
        Command::Man(arguments) => documentation::man(&arguments).map(|()| Ending::Equal),
    }
}
