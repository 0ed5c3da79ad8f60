//! `psp-migrate.toml`: defaults for options, of all commands at its top, of one command in a table of its name.

use std::ops::Range;
use std::sync::Arc;

use clap::{Arg, ArgAction, Command};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::input::{Problem, Source, printable};

/// The key for the files and folders that are read, which are no option on the command line.
const PATHS: &str = "paths";

/// The text of a file with defaults.
pub(super) struct Settings {
    /// Its path, as the user knows it.
    pub file: Arc<str>,
    /// Its text.
    pub text: String,
}

impl Settings {
    /// The command with the file's values as the defaults of its options.
    ///
    /// # Errors
    /// Everything in the file that means nothing.
    pub(super) fn apply(&self, mut command: Command) -> Result<Command, Vec<Problem>> {
        let table = DeTable::parse(&self.text).map_err(|error| {
            let message = error.message().lines().collect::<Vec<_>>().join(" ");
            vec![self.problem(error.span().unwrap_or_default(), "not-toml", message)]
        })?;
        let mut problems = Vec::new();
        // What stands at the top comes first, and the tables of commands after it: the last default counts.
        let (tables, top): (Vec<_>, Vec<_>) = table.get_ref().iter().partition(|(_, value)| value.get_ref().is_table());
        let names: Vec<String> = command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
        for (key, value) in top {
            match self.everywhere(command.clone(), &names, key, value) {
                Ok(changed) => command = changed,
                Err(problem) => problems.push(problem),
            }
        }
        for (name, table) in tables {
            if !names.iter().any(|known| known == name.get_ref()) {
                problems.push(self.unknown("command", name, names.iter().map(String::as_str)));
                continue;
            }
            for (key, value) in table.get_ref().as_table().into_iter().flatten() {
                match self.in_command(command.clone(), name.get_ref(), key, value) {
                    Ok(changed) => command = changed,
                    Err(problem) => problems.push(problem),
                }
            }
        }
        if problems.is_empty() { Ok(command) } else { Err(problems) }
    }

    /// Sets an option wherever there is one of that name.
    fn everywhere(
        &self,
        command: Command,
        names: &[String],
        key: &Spanned<std::borrow::Cow<'_, str>>,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<Command, Problem> {
        let is_global = command.get_arguments().any(|option| is_called(option, key.get_ref()));
        let having: Vec<&String> = names.iter().filter(|name| has(&command, name, key.get_ref())).collect();
        if is_global {
            return self.set(command, key, value);
        }
        if having.is_empty() {
            let known = names.iter().filter_map(|name| command.find_subcommand(name)).chain([&command]);
            return Err(self.unknown("option", key, known.flat_map(options)));
        }
        having.into_iter().try_fold(command, |command, name| self.in_command(command, name, key, value))
    }

    /// Sets an option of one command.
    fn in_command(
        &self,
        command: Command,
        name: &str,
        key: &Spanned<std::borrow::Cow<'_, str>>,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<Command, Problem> {
        let Some(found) = command.find_subcommand(name).cloned() else { return Ok(command) };
        if !has(&command, name, key.get_ref()) {
            return Err(self.unknown("option", key, options(&found)));
        }
        let changed = self.set(found, key, value)?;
        Ok(command.mut_subcommand(name, |_| changed))
    }

    fn set(
        &self,
        command: Command,
        key: &Spanned<std::borrow::Cow<'_, str>>,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<Command, Problem> {
        let option = command.get_arguments().find(|option| is_called(option, key.get_ref())).cloned();
        let Some(option) = option else { return Ok(command) };
        let values = texts(value.get_ref()).ok_or_else(|| {
            self.problem(
                value.span(),
                "wrong-value",
                "a value here is text, a number, `true` or `false`, or a list of these",
            )
        })?;
        check(&option, &values).map_err(|why| self.problem(value.span(), "wrong-value", why))?;
        Ok(command.mut_arg(option.get_id().clone(), |option| option.default_values(values)))
    }

    fn unknown<'k>(
        &self,
        what: &str,
        key: &Spanned<std::borrow::Cow<'_, str>>,
        known: impl Iterator<Item = &'k str>,
    ) -> Problem {
        let name = key.get_ref();
        let problem = self.problem(key.span(), "unknown-key", format!("there is no {what} `{}`", printable(name)));
        let scored = known.map(|known| (strsim::jaro_winkler(name, known), known));
        match scored.filter(|(score, _)| *score > 0.75).max_by(|a, b| a.0.total_cmp(&b.0)) {
            Some((_, known)) => problem.help(format!("did you mean `{known}`?")),
            None => problem,
        }
    }

    /// A problem with the part of the text at these bytes.
    fn problem(&self, span: Range<usize>, code: &'static str, message: impl Into<String>) -> Problem {
        let before = self.text.get(..span.start).unwrap_or(&self.text);
        let line = before.matches('\n').count();
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count();
        let width = self.text.get(span).map_or(1, |text| text.chars().take_while(|c| *c != '\n').count());
        let number = |count: usize| u32::try_from(count + 1).unwrap_or(u32::MAX);
        let source = Source { file: Arc::clone(&self.file), line: number(line), column: number(column) };
        Problem::error(code, source, message).underline(self.text.lines().nth(line).unwrap_or_default(), width)
    }
}

/// The options of a command that a file can set.
fn options(command: &Command) -> impl Iterator<Item = &str> {
    command.get_arguments().filter_map(name)
}

/// The key of an option.
fn name(option: &Arg) -> Option<&str> {
    let name = option.get_long().or_else(|| (option.get_id() == PATHS).then_some(PATHS))?;
    (!["config", "help", "version"].contains(&name)).then_some(name)
}

fn is_called(option: &Arg, key: &str) -> bool {
    name(option) == Some(key)
}

fn has(command: &Command, name: &str, key: &str) -> bool {
    command.find_subcommand(name).is_some_and(|command| command.get_arguments().any(|option| is_called(option, key)))
}

/// The values as the command line would have them.
fn texts(value: &DeValue<'_>) -> Option<Vec<String>> {
    match value {
        DeValue::String(text) => Some(vec![text.to_string()]),
        DeValue::Integer(number) => Some(vec![number.as_str().to_owned()]),
        DeValue::Float(number) => Some(vec![number.as_str().to_owned()]),
        DeValue::Boolean(is_on) => Some(vec![is_on.to_string()]),
        DeValue::Array(items) if items.iter().all(|item| !item.get_ref().is_array()) => {
            let items: Option<Vec<_>> = items.iter().map(|item| texts(item.get_ref())).collect();
            Some(items?.concat())
        }
        _ => None,
    }
}

/// Whether the command line would take the values, and what it says if not.
fn check(option: &Arg, values: &[String]) -> Result<(), String> {
    if matches!(option.get_action(), ArgAction::SetTrue) {
        let is_switch = matches!(values, [value] if ["true", "false"].contains(&value.as_str()));
        return if is_switch { Ok(()) } else { Err("this is `true` or `false`".to_owned()) };
    }
    let is_list = matches!(option.get_action(), ArgAction::Append);
    if values.len() > 1 && !is_list {
        return Err("this takes one value, not a list".to_owned());
    }
    let line = values.iter().map(|value| match option.get_long() {
        Some(long) => format!("--{long}={value}"),
        None => value.clone(),
    });
    let alone = Command::new("psp-migrate").no_binary_name(true).arg(option.clone());
    match alone.try_get_matches_from(line) {
        Ok(_) => Ok(()),
        Err(error) => Err(first_paragraph(&error.to_string())),
    }
}

/// What clap says against a value, without its usage.
fn first_paragraph(error: &str) -> String {
    let lines = error.trim_start_matches("error: ").lines().take_while(|line| !line.is_empty()).map(str::trim);
    lines.collect::<Vec<_>>().join(" ")
}
