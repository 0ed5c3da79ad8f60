//! `completions` and `man`: what the command line says of itself, for shells and for `man`.

use std::io::Write;

use anyhow::{Result, bail};

use super::settings;
use crate::cli::{Completions, Man};

/// Prints the completions of a shell.
pub(super) fn completions(arguments: &Completions) -> Result<()> {
    let mut script = Vec::new();
    let mut command = settings::command().bin_name("psp-migrate");
    clap_complete::generate(arguments.shell, &mut command, "psp-migrate", &mut script);
    Ok(std::io::stdout().write_all(&script)?)
}

/// Prints a manual page.
///
/// # Errors
/// There is no such command.
pub(super) fn man(arguments: &Man) -> Result<()> {
    let mut command = settings::command();
    command.build();
    let page = match &arguments.command {
        None => command,
        Some(name) => match command.find_subcommand(name) {
            Some(found) => found.clone(),
            None => bail!("there is no command `{name}`: see `psp-migrate --help`"),
        },
    };
    let mut text = Vec::new();
    clap_mangen::Man::new(page).render(&mut text)?;
    Ok(std::io::stdout().write_all(&text)?)
}
