//! The program as a user runs it, at the root of the project.

use assert_cmd::Command;
use serde_json::Value;

/// How a run ended and what it printed.
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// Runs the program.
pub fn run(arguments: &[&str]) -> Run {
    run_with(arguments, "")
}

/// Runs the program with a text on its standard input.
pub fn run_with(arguments: &[&str], stdin: &str) -> Run {
    let mut command = Command::cargo_bin("psp-migrate").unwrap();
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(arguments).write_stdin(stdin);
    let output = command.output().unwrap();
    Run {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// One value a line.
pub fn ndjson(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
