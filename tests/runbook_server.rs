//! The runbook of the worked example on real API servers, in its own order: every block marked `sh`, the old server's part on
//! 1.24 and the new server's part on 1.37. What needs hosts, Helm or controllers is marked otherwise and is not run here.
//!
//! Needs a script that runs a command beside a server of the given version: `SCRIPT VERSION -- COMMAND`, where the command finds
//! `kubectl` and a `KUBECONFIG`. Transcripts stand under `golden/runbook`; `UPDATE_GOLDEN=1` blesses a change.
//!
//! ```sh
//! PSP_MIGRATE_CLUSTER=…/cluster cargo test --test runbook_server -- --ignored --nocapture
//! ```

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test that cannot go on has failed")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use regex::Regex;

/// A block of shell lines, and the step that it belongs to.
struct Block {
    step: String,
    lines: String,
}

#[test]
#[ignore = "needs real API servers"]
fn the_runbook_runs_in_its_own_order() {
    let script =
        PathBuf::from(std::env::var_os("PSP_MIGRATE_CLUSTER").expect("PSP_MIGRATE_CLUSTER is the server's script"));
    for target in ["psa", "vap"] {
        let folder = std::env::temp_dir().join(format!("psp-migrate-runbook-{target}-{}", std::process::id()));
        convert(target, &folder);
        let book = fs::read_to_string(folder.join("runbook.md")).unwrap();
        let mut transcript = String::new();
        for (part, version) in [("On the old server", "1.24"), ("On the new server", "1.37")] {
            let blocks = blocks(&book, part);
            if blocks.is_empty() {
                continue;
            }
            writeln!(transcript, "# {part}: Kubernetes {version}").unwrap();
            transcript += &run(&script, version, &folder, &setup(version), &blocks, &afterwards(target, version));
        }
        fs::remove_dir_all(&folder).unwrap();
        assert!(!transcript.contains("[exit 1]"), "{transcript}");
        hold(&format!("{target}.txt"), &transcript);
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn convert(target: &str, folder: &Path) {
    let status = Command::new(env!("CARGO_BIN_EXE_psp-migrate"))
        .current_dir(root())
        .args(["convert", "golden/example/manifests", "--to", target, "--force", "-o"])
        .arg(folder)
        .status();
    assert!(status.unwrap().success());
}

/// The blocks of a part that are marked `sh` and nothing else.
fn blocks(book: &str, part: &str) -> Vec<Block> {
    let section = book.split("\n## ").find(|section| section.starts_with(part)).unwrap_or_default();
    let (mut found, mut step, mut open): (Vec<Block>, String, Option<bool>) = (Vec::new(), String::new(), None);
    for line in section.lines() {
        match (line.strip_prefix("```"), open) {
            (Some(mark), None) => {
                open = Some(mark == "sh");
                if mark == "sh" {
                    found.push(Block { step: step.clone(), lines: String::new() });
                }
            }
            (Some(_), Some(_)) => open = None,
            (None, Some(true)) => {
                let block = found.last_mut().unwrap();
                block.lines += &format!("{line}\n");
            }
            (None, None) if line.starts_with("### ") => step = line[4..].to_owned(),
            _ => {}
        }
    }
    found
}

/// What a cluster has before the runbook begins. No controller makes service accounts on these servers.
fn setup(version: &str) -> String {
    let manifests = root().join("golden/example/manifests");
    let mut lines = format!("kubectl apply -f '{}'\n", manifests.join("rbac.yaml").display());
    if version == "1.24" {
        lines += &format!("kubectl apply -f '{}'\n", manifests.join("policy.yaml").display());
    }
    lines + "kubectl create serviceaccount default\nkubectl create serviceaccount default --namespace=psp-example\n"
}

/// Blocks after the runbook's own: the deletion is undone, and the new policies judge the example's two pods.
fn afterwards(target: &str, version: &str) -> Vec<Block> {
    let block = |step: &str, lines: &str| Block { step: step.to_owned(), lines: lines.to_owned() };
    let pod = |name: &str| {
        let file = root().join(format!("golden/example/samples/{name}.yaml"));
        format!(
            "kubectl create --dry-run=server -f '{}' --as=system:serviceaccount:psp-example:malicious-user \
             -o jsonpath='{{.metadata.name}} {{.metadata.annotations}}{{\"\\n\"}}' || echo refused\n",
            file.display()
        )
    };
    match (target, version) {
        (_, "1.24") => vec![block(
            "Afterwards: the deletion is undone",
            "for file in psp-backup.yaml cluster-rbac-backup.yaml rbac-backup.yaml; do\n  sed -E '/^    (resourceVersion|uid|creationTimestamp|selfLink): /d' \"$file\" | kubectl apply -f - 2>/dev/null | grep ' created'\ndone\nkubectl get podsecuritypolicies.policy -o name\nkubectl get clusterrole role-unprivileged -o jsonpath='{.rules[*].resources}{\"\\n\"}'\n",
        )],
        ("vap", _) => {
            vec![block("Afterwards: the example's pods", &format!("sleep 5\n{}{}", pod("attack"), pod("quiet")))]
        }
        _ => Vec::new(),
    }
}

/// Runs the blocks one after the other, each in a shell of its own.
fn run(script: &Path, version: &str, folder: &Path, setup: &str, blocks: &[Block], more: &[Block]) -> String {
    let mut driver = format!("{{\n{setup}}} >/dev/null 2>&1\n");
    for (index, block) in blocks.iter().chain(more).enumerate() {
        fs::write(folder.join(format!("block-{index}.sh")), &block.lines).unwrap();
        writeln!(driver, "echo '@@@ {index}'; bash block-{index}.sh 2>&1; echo \"[exit $?]\"").unwrap();
    }
    fs::write(folder.join("driver.sh"), driver).unwrap();
    let output = Command::new(script).args([version, "--", "bash", "driver.sh"]).current_dir(folder).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    let mut transcript = String::new();
    for part in text.split("@@@ ").skip(1) {
        let (index, said) = part.split_once('\n').unwrap();
        let block = blocks.iter().chain(more).nth(index.trim().parse().unwrap()).unwrap();
        let commands: String = block.lines.lines().map(|line| format!("$ {line}\n")).collect();
        write!(transcript, "\n## {}\n\n{commands}{said}", block.step).unwrap();
    }
    transcript + "\n"
}

/// Holds a transcript against the kept one, without what another machine or hour would show otherwise.
fn hold(name: &str, transcript: &str) {
    let ages = Regex::new(r"\b\d+(ms|s|m)\b").unwrap();
    let blanks = Regex::new(" {2,}").unwrap();
    let said = |line: &str| blanks.replace_all(&ages.replace_all(line, "AGE"), "  ").trim_end().to_owned();
    let lines = transcript.lines().map(|line| if line.starts_with("$ ") { line.to_owned() } else { said(line) });
    let text = lines.collect::<Vec<_>>().join("\n").replace(&root().display().to_string(), ".") + "\n";
    let path = root().join("golden/runbook").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &text).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, kept, "{} differs", path.display());
}
