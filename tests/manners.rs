//! How the program behaves towards shells, settings, kubectl and readers of its documentation.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]

mod support;

use std::path::Path;
use std::process::Output;

use assert_cmd::Command;
use support::folder::Scratch;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/golden/example/manifests");

/// Runs the program in a folder, with variables in its environment.
fn run_in(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::cargo_bin("psp-migrate").unwrap();
    command.current_dir(folder).args(arguments).envs(variables.iter().copied()).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A folder with a file of settings.
fn with_settings(text: &str) -> Scratch {
    let folder = Scratch::new();
    std::fs::write(folder.path().join("psp-migrate.toml"), text).unwrap();
    folder
}

#[test]
fn the_command_line_counts_before_the_environment_and_that_before_the_file() {
    let folder = with_settings("[inspect]\nformat = \"json\"\n");
    let is_json = |arguments: &[&str], variables: &[(&str, &str)]| {
        stdout(&run_in(folder.path(), &[&["inspect", EXAMPLE], arguments].concat(), variables)).starts_with('{')
    };
    assert!(is_json(&[], &[]), "the file counts before the default");
    assert!(!is_json(&[], &[("PSP_MIGRATE_FORMAT", "text")]), "the environment counts before the file");
    assert!(is_json(&["--format", "json"], &[("PSP_MIGRATE_FORMAT", "text")]), "the command line counts before both");
}

#[test]
fn a_table_of_a_command_counts_before_the_top_of_the_file() {
    let text = format!("format = \"json\"\npaths = [{EXAMPLE:?}]\n[inspect]\nformat = \"text\"\n");
    let folder = with_settings(&text);
    assert!(stdout(&run_in(folder.path(), &["inspect"], &[])).starts_with("Policies"));
}

#[test]
fn switches_can_be_set_everywhere() {
    let broken = Scratch::new();
    std::fs::write(broken.path().join("a.yaml"), "a: [\n").unwrap();
    let code = |settings: &str, variables: &[(&str, &str)]| {
        let folder = with_settings(settings);
        run_in(folder.path(), &["inspect", broken.path().to_str().unwrap()], variables).status.code()
    };
    assert_eq!(code("", &[]), Some(2));
    assert_eq!(code("keep-going = true", &[]), Some(0));
    assert_eq!(code("", &[("PSP_MIGRATE_KEEP_GOING", "yes")]), Some(0));
    assert_eq!(code("keep-going = true", &[("PSP_MIGRATE_KEEP_GOING", "0")]), Some(2));
}

#[test]
fn what_a_file_of_settings_means_by_nothing_is_shown() {
    let cases = [
        ("kep-going = true", "psp-migrate.toml:1:1", "did you mean `keep-going`?"),
        ("[verfy]\nto = \"vap\"", "psp-migrate.toml:1:2", "did you mean `verify`?"),
        ("[inspect]\nto = \"vap\"", "psp-migrate.toml:2:1", "there is no option `to`"),
        ("psp-version = \"1.99\"", "psp-migrate.toml:1:15", "not a Kubernetes version"),
        ("quiet = \"very\"", "psp-migrate.toml:1:9", "`true` or `false`"),
        ("color = [\"auto\", \"never\"]", "psp-migrate.toml:1:9", "one value"),
        ("color = {}", "psp-migrate.toml:1:1", "there is no command `color`"),
        ("a = [", "psp-migrate.toml:1:", "unclosed array"),
        ("config = \"x\"", "psp-migrate.toml:1:1", "there is no option `config`"),
    ];
    for (text, place, message) in cases {
        let folder = with_settings(text);
        let output = run_in(folder.path(), &["inspect", EXAMPLE], &[]);
        let said = stderr(&output);
        assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(2), ""), "{text}: {said}");
        assert!(said.contains(place) && said.contains(message), "{text}: {said}");
    }
}

#[test]
fn a_named_file_of_settings_must_be_there() {
    let folder = Scratch::new();
    let output = run_in(folder.path(), &["inspect", EXAMPLE, "--config", "nowhere.toml"], &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("cannot read `nowhere.toml`"), "{}", stderr(&output));
}

#[test]
fn quiet_leaves_results_and_errors() {
    let folder = Scratch::new();
    let quiet = run_in(folder.path(), &["inspect", EXAMPLE, "--quiet"], &[]);
    assert!(stdout(&quiet).starts_with("Policies") && quiet.stderr.is_empty(), "{}", stderr(&quiet));
    let wrong = run_in(folder.path(), &["inspect", "nowhere", "--quiet"], &[]);
    assert!(stderr(&wrong).contains("cannot read `nowhere`"));
    let verbose = run_in(folder.path(), &["inspect", EXAMPLE, "--verbose"], &[]);
    assert!(stderr(&verbose).contains("read 1 policy, 1 role, 1 binding"), "{}", stderr(&verbose));
}

#[test]
fn completions_know_every_command() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = stdout(&run_in(Path::new(ROOT), &["completions", shell], &[]));
        for word in ["inspect", "evaluate", "convert", "verify", "cover-ephemeral-containers"] {
            assert!(script.contains(word), "{shell} knows {word}");
        }
    }
}

#[test]
fn manual_pages_have_names_options_and_examples() {
    for (command, name) in [(None, "psp\\-migrate"), (Some("verify"), "psp\\-migrate\\-verify")] {
        let arguments: Vec<&str> = ["man"].into_iter().chain(command).collect();
        let page = stdout(&run_in(Path::new(ROOT), &arguments, &[]));
        assert!(page.contains(&format!(".SH NAME\n{name}")) && page.contains(".SH OPTIONS"), "{page}");
        assert!(page.contains("Examples:"), "{page}");
    }
    let unknown = run_in(Path::new(ROOT), &["man", "fly"], &[]);
    assert!(unknown.status.code() == Some(2) && stderr(&unknown).contains("there is no command `fly`"));
}

#[test]
fn every_help_has_examples() {
    for command in ["inspect", "evaluate", "convert", "verify", "completions", "man"] {
        let help = stdout(&run_in(Path::new(ROOT), &[command, "--help"], &[]));
        assert!(help.contains("Examples:\n  psp-migrate "), "{command}: {help}");
    }
}

#[cfg(unix)]
#[test]
fn kubectl_users_see_the_words_that_they_typed() {
    let folder = Scratch::new();
    let plugin = folder.path().join("kubectl-psp_migrate");
    std::os::unix::fs::symlink(assert_cmd::cargo::cargo_bin("psp-migrate"), &plugin).unwrap();
    let run = |arguments: &[&str]| std::process::Command::new(&plugin).args(arguments).output().unwrap();
    let help = stdout(&run(&["verify", "--help"]));
    assert!(
        help.contains("Usage: kubectl psp-migrate verify") && help.contains("\n  kubectl psp-migrate verify "),
        "{help}"
    );
    let told = stderr(&run(&["inspect", EXAMPLE]));
    assert!(told.contains("run `kubectl psp-migrate evaluate "), "{told}");
}

#[test]
fn convert_without_a_target_explains_the_choice_and_writes_nothing() {
    let folder = Scratch::new();
    let output = run_in(folder.path(), &["convert", EXAMPLE], &[]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    for target in ["vap", "gatekeeper", "psa"] {
        assert!(stdout(&output).lines().any(|line| line.starts_with(target)), "{}", stdout(&output));
    }
    assert!(stderr(&output).contains("recommended: vap"), "{}", stderr(&output));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn verify_reads_back_what_convert_wrote() {
    let folder = Scratch::new();
    let unknown = run_in(folder.path(), &["verify", EXAMPLE], &[]);
    assert!(unknown.status.code() == Some(2) && stderr(&unknown).contains("which target?"), "{}", stderr(&unknown));
    assert_eq!(run_in(folder.path(), &["convert", EXAMPLE, "--to", "vap", "--no-verify"], &[]).status.code(), Some(0));
    let verified = run_in(folder.path(), &["verify", EXAMPLE], &[]);
    assert!(verified.status.code() == Some(0) && stdout(&verified).contains("vap: equal"), "{}", stdout(&verified));
    std::fs::remove_file(folder.path().join("out/psp-validating-policy-binding.yaml")).unwrap();
    let changed = run_in(folder.path(), &["verify", EXAMPLE], &[]);
    assert!(changed.status.code() == Some(1) && stdout(&changed).contains("vap: looser"), "{}", stdout(&changed));
}

#[cfg(unix)]
#[test]
fn the_krew_manifest_has_a_checksum_for_every_archive() {
    let archives = Scratch::new();
    let template = std::fs::read_to_string(Path::new(ROOT).join("packaging/krew/psp-migrate.yaml")).unwrap();
    let names: Vec<&str> = template.split("@SHA256 ").skip(1).map(|rest| rest.split_once('@').unwrap().0).collect();
    names.iter().for_each(|name| std::fs::write(archives.path().join(name), name).unwrap());
    let render = |folder: &str| {
        let script = Path::new(ROOT).join("packaging/krew/render");
        let arguments = ["v1.2.3", "https://example.org", "https://example.org/v1.2.3/", folder];
        std::process::Command::new(script).args(arguments).output().unwrap()
    };
    let manifest: serde_json::Value =
        serde_yaml::from_str(&stdout(&render(archives.path().to_str().unwrap()))).unwrap();
    assert_eq!(manifest["spec"]["version"], "v1.2.3");
    let platforms = manifest["spec"]["platforms"].as_array().unwrap();
    assert_eq!(platforms.len(), names.len());
    for (platform, name) in platforms.iter().zip(names) {
        use sha2::{Digest, Sha256};
        let sum: String = Sha256::digest(name).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(platform["sha256"], sum.as_str());
        assert_eq!(platform["uri"], format!("https://example.org/v1.2.3/{name}"));
    }
    assert!(!render("/nowhere").status.success(), "an archive that is not there is told");
}
