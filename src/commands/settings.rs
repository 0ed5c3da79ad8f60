//! Where options come from: the command line first, then the environment, then `psp-migrate.toml`, then their defaults.
//!
//! Environment and file become what clap knows as environment and defaults of each option, so their values are checked
//! as those of the command line are.

mod file;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::builder::BoolishValueParser;
use clap::{Arg, ArgAction, Command, CommandFactory, FromArgMatches};

use super::output;
use crate::cli::Cli;
use crate::input::Problem;
use file::Settings;

/// The file that is looked for in the current folder.
const FILE: &str = "psp-migrate.toml";

/// What keeps the command line from being understood.
pub enum Misunderstood {
    /// Help or the version was asked for, or an option is wrong.
    CommandLine(clap::Error),
    /// The file with defaults cannot be read.
    Unreadable(anyhow::Error),
    /// The file with defaults says something that means nothing.
    Settings(Vec<Problem>),
}

impl Misunderstood {
    /// Prints it, and gives the exit code: 0 for help that was asked for, 2 otherwise.
    pub fn report(&self) -> u8 {
        match self {
            Self::CommandLine(error) => {
                // Without a reader there is nobody to tell.
                let _ = error.print();
                return if error.use_stderr() { 2 } else { 0 };
            }
            Self::Unreadable(error) => output::report_failure(error),
            Self::Settings(problems) => drop(output::report_problems(problems)),
        }
        2
    }
}

/// The command line, with what the environment and the file set.
///
/// # Errors
/// Wrong options, a wrong file; also where help was asked for.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Cli, Misunderstood> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    output::set_program(program(arguments.first()));
    let command = command();
    let command = match settings(&command, &arguments).map_err(Misunderstood::Unreadable)? {
        None => command,
        Some(settings) => settings.apply(command).map_err(Misunderstood::Settings)?,
    };
    let parsed = command.try_get_matches_from(arguments).and_then(|matches| Cli::from_arg_matches(&matches));
    parsed.map_err(Misunderstood::CommandLine)
}

/// The command as it is called: `kubectl` runs plugins under another name.
fn program(first: Option<&OsString>) -> &'static str {
    let name = first.map(Path::new).and_then(Path::file_stem).unwrap_or_default();
    if name.as_encoded_bytes().starts_with(b"kubectl-") { "kubectl psp-migrate" } else { "psp-migrate" }
}

/// The commands and options, each option with its variable in the environment, and examples under the name in use.
pub(super) fn command() -> Command {
    let program = output::program();
    let shown = |command: Command| {
        let help =
            command.get_after_help().map(|help| help.to_string().replace("psp-migrate ", &format!("{program} ")));
        help.into_iter().fold(command, Command::after_help)
    };
    let command = shown(Cli::command()).bin_name(program).mut_args(with_variable);
    let names: Vec<String> = command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    names
        .iter()
        .fold(command, |command, name| command.mut_subcommand(name, |command| shown(command).mut_args(with_variable)))
}

/// The option with its variable `PSP_MIGRATE_…`; switches take `true`, `yes`, `1` and their opposites there.
fn with_variable(option: Arg) -> Arg {
    let Some(long) = option.get_long() else { return option };
    let variable = format!("PSP_MIGRATE_{}", long.replace('-', "_").to_uppercase());
    let is_switch = matches!(option.get_action(), ArgAction::SetTrue);
    let option = option.env(variable).hide_env(true);
    if is_switch { option.value_parser(BoolishValueParser::new()) } else { option }
}

/// The file that the command line or the environment names, else the one in the current folder, if there is one.
fn settings(command: &Command, arguments: &[OsString]) -> Result<Option<Settings>> {
    // Whatever is wrong with the command line is told when it is parsed in earnest.
    let parsed = command.clone().ignore_errors(true).try_get_matches_from(arguments);
    let named = parsed.ok().and_then(|matches| matches.get_one::<PathBuf>("config").cloned());
    let path = named.clone().unwrap_or_else(|| PathBuf::from(FILE));
    if named.is_none() && !path.exists() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
    Ok(Some(Settings { file: path.to_string_lossy().into(), text }))
}
