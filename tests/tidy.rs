//! The architecture's invariants, as far as the text of the sources shows them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};

fn sources(below: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(below)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") && !is_test(&path) {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    assert!(!found.is_empty(), "{below} holds no sources");
    found
}

/// Modules that are compiled for tests only.
fn is_test(path: &Path) -> bool {
    let names = ["recorded", "contract", "testing", "tests"];
    path.file_stem().is_some_and(|stem| names.iter().any(|name| stem == *name))
        && !path.ends_with("requests/recorded.rs")
}

/// The code of a file: without its tests, which stand at its end, and without comments.
fn code(text: &str) -> String {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn nothing_names(below: &str, words: &[&str]) {
    for (path, text) in sources(below) {
        for word in words {
            assert!(!code(&text).contains(word), "{} names `{word}`", path.display());
        }
    }
}

#[test]
fn controls_never_name_a_target() {
    nothing_names("src/controls", &["crate::targets", "crate::cel", "crate::plan", "crate::rbac"]);
}

#[test]
fn targets_never_name_a_control_nor_the_policy_type() {
    nothing_names("src/targets", &["crate::controls", "crate::psp"]);
}

#[test]
fn the_waist_knows_neither_side() {
    nothing_names("src/constraint", &["crate::controls", "crate::targets", "crate::cel"]);
}

#[test]
fn a_proof_knows_no_target_by_name() {
    nothing_names("src/proof", &["crate::targets::vap", "crate::targets::psa", "crate::cel", "crate::commands"]);
    nothing_names("src/symbolic", &["crate::targets", "crate::proof", "crate::controls"]);
}

#[test]
fn only_input_and_commands_touch_files() {
    for (path, text) in sources("src") {
        let name = path.display().to_string();
        let may = ["/src/input/", "/src/commands/", "/src/main.rs"].iter().any(|part| name.contains(part));
        assert!(may || !code(&text).contains("std::fs"), "{name} touches files");
    }
}

#[test]
fn nothing_reads_a_clock_or_draws() {
    nothing_names("src", &["SystemTime::now", "Instant::now", "thread_rng", "RandomState"]);
}

#[test]
fn no_control_imports_another() {
    let shared = ["mod", "denials", "drivers", "groups", "testing", "contract"];
    let names: Vec<String> = sources("src/controls")
        .iter()
        .filter_map(|(path, _)| Some(path.file_stem()?.to_str()?.to_owned()))
        .filter(|name| !shared.contains(&name.as_str()))
        .collect();
    for (path, text) in sources("src/controls") {
        if path.file_stem().is_some_and(|stem| stem == "mod" || stem == "contract") {
            continue;
        }
        for name in &names {
            assert!(!code(&text).contains(&format!("super::{name}::")), "{} imports {name}", path.display());
        }
    }
}

#[test]
fn every_file_says_what_it_is() {
    for (path, text) in sources("src") {
        assert!(
            text.trim_start().starts_with("//!") || text.starts_with("#!["),
            "{} has no module docs",
            path.display()
        );
    }
}
