//! The README's examples: what it shows is what is printed. `UPDATE_GOLDEN=1` writes what is printed into it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]

mod support;

use std::path::Path;

use assert_cmd::Command;
use support::folder::Scratch;

fn readme() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap()
}

/// The blocks of the README in a language.
fn blocks<'r>(readme: &'r str, language: &str) -> Vec<&'r str> {
    let start = format!("\n```{language}\n");
    readme.split(&start).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

/// A folder with the example at the place where the README has it.
fn workplace() -> Scratch {
    let folder = Scratch::new();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/example");
    for below in ["manifests", "samples"] {
        let to = folder.path().join("golden/example").join(below);
        std::fs::create_dir_all(&to).unwrap();
        for entry in std::fs::read_dir(golden.join(below)).unwrap().map(Result::unwrap) {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
    folder
}

/// The commands of a block, each with what is printed.
fn played(block: &str, folder: &Path) -> String {
    let mut shown = String::new();
    for line in block.lines().filter_map(|line| line.strip_prefix("$ psp-migrate ")) {
        let mut command = Command::cargo_bin("psp-migrate").unwrap();
        let output = command.current_dir(folder).args(line.split(' ')).output().unwrap();
        let [stdout, stderr] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        shown.push_str(&format!("$ psp-migrate {line}\n{stdout}{stderr}"));
    }
    shown
}

#[test]
fn the_readme_shows_what_is_printed() {
    let mut readme = readme();
    let folder = workplace();
    let blocks: Vec<String> = blocks(&readme, "console").into_iter().map(str::to_owned).collect();
    assert!(blocks.len() >= 2, "there are examples");
    for block in blocks {
        let printed = played(&block, folder.path());
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            readme = readme.replacen(&format!("```console\n{block}```"), &format!("```console\n{printed}```"), 1);
        } else {
            assert_eq!(block, printed);
        }
    }
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md"), readme).unwrap();
    }
}

#[test]
fn the_readmes_settings_are_settings() {
    let readme = readme();
    let blocks = blocks(&readme, "toml");
    assert_eq!(blocks.len(), 1);
    let folder = workplace();
    std::fs::write(folder.path().join("psp-migrate.toml"), blocks[0]).unwrap();
    let mut command = Command::cargo_bin("psp-migrate").unwrap();
    let output = command.current_dir(folder.path()).args(["inspect", "golden/example/manifests"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn every_option_that_the_readme_names_exists() {
    let readme = readme();
    let help: String = ["inspect", "evaluate", "convert", "verify"]
        .iter()
        .map(|command| {
            let output = Command::cargo_bin("psp-migrate").unwrap().args([command, "--help"]).output().unwrap();
            String::from_utf8(output.stdout).unwrap()
        })
        .collect();
    let ours =
        readme.split("cargo ").map(|part| part.split_once('\n').map_or("", |(_, rest)| rest)).collect::<String>();
    for word in ours.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).filter(|word| word.starts_with("--")) {
        // Rules of tables are no options, and some options are of other programs.
        let is_rule = word.trim_start_matches('-').is_empty();
        if !is_rule && !["--dry-run", "--bench", "--locked", "--release", "--path", "--test"].contains(&word) {
            assert!(help.contains(word), "there is no option {word}");
        }
    }
}

#[test]
fn the_pipelines_gate_lets_pass_what_is_equal_and_stops_what_is_not() {
    let folder = workplace();
    std::fs::rename(folder.path().join("golden/example/manifests"), folder.path().join("cluster")).unwrap();
    std::fs::rename(folder.path().join("golden/example/samples"), folder.path().join("samples")).unwrap();
    let run = |line: &str| {
        let line = line.split(" > ").next().unwrap().split("  #").next().unwrap().trim();
        let mut command = Command::cargo_bin("psp-migrate").unwrap();
        command.current_dir(folder.path()).args(line.split(' ')).output().unwrap().status.code()
    };
    let readme = readme();
    let gate: Vec<&str> = readme.lines().filter_map(|line| line.trim().strip_prefix("- run: psp-migrate ")).collect();
    assert_eq!(gate.len(), 2, "{gate:?}");
    assert_eq!(run(gate[0]), Some(1), "the policies are not there yet");
    assert_eq!(run(&gate[0].replace("--diff", "")), Some(0));
    assert_eq!((run(gate[0]), run(gate[1])), (Some(0), Some(0)));
    let policy = folder.path().join("policies/psp-validating-policy.yaml");
    let weakened = std::fs::read_to_string(&policy).unwrap().replace("operations:\n      - CREATE\n", "operations:\n");
    std::fs::write(&policy, weakened).unwrap();
    assert_eq!((run(gate[0]), run(gate[1])), (Some(1), Some(1)));
}
