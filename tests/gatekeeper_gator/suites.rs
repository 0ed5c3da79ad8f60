//! The suites that `convert --to gatekeeper --with-tests` writes, as `gator verify` takes them.

use std::fs;
use std::iter::Sum;
use std::path::{Path, PathBuf};
use std::process::Command;

use psp_migrate::input::objects_in_text;
use psp_migrate::yaml::to_yaml;
use rayon::prelude::*;

use super::support::program::run;
use super::support::snapshot::folders;
use super::{Scratch, gator};

/// How many cases suites expect to be let through, and how many refused.
#[derive(Debug, Default, Clone, Copy)]
pub struct Told {
    pub through: usize,
    pub refused: usize,
}

/// Runs gator over every suite below a folder. Each case must pass, none be left out.
pub fn verify(folder: &Path) -> Told {
    let mut told = Told::default();
    suites(folder).iter().for_each(|suite| told.add(&fs::read_to_string(suite).unwrap()));
    let run = Command::new(gator()).args(["verify", "--verbose"]).arg(folder.join("...")).output().unwrap();
    let text = String::from_utf8_lossy(&run.stdout);
    let lines = |word: &str| text.lines().filter(|line| line.starts_with(&format!("    --- {word}"))).count();
    let wrong: Vec<&str> = text.lines().filter(|line| !line.contains("PASS") && !line.contains("RUN")).collect();
    let shown = wrong.iter().take(20).copied().collect::<Vec<_>>().join("\n");
    assert!(run.status.success(), "{} fail\n{shown}\n{}", lines("FAIL"), String::from_utf8_lossy(&run.stderr));
    assert_eq!(lines("PASS"), told.through + told.refused);
    told
}

impl Sum for Told {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, told| Self {
            through: sum.through + told.through,
            refused: sum.refused + told.refused,
        })
    }
}

impl Told {
    fn add(&mut self, suite: &str) {
        let suite = objects_in_text(suite).unwrap().remove(0);
        for case in suite["tests"][0]["cases"].as_array().into_iter().flatten() {
            let is_refused = case["assertions"][0]["violations"] == 1;
            *(if is_refused { &mut self.refused } else { &mut self.through }) += 1;
        }
    }
}

fn suites(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        match entry.path() {
            path if path.is_dir() => found.extend(suites(&path)),
            path => found.extend(Some(path).filter(|path| path.ends_with("suite.yaml"))),
        }
    }
    found
}

/// Leaves so many cases of every suite below a folder, spread over all of them: gator compiles the template anew for each.
fn thin(folder: &Path, most: usize) {
    for file in suites(folder) {
        let mut suite = objects_in_text(&fs::read_to_string(&file).unwrap()).unwrap().remove(0);
        let cases = suite["tests"][0]["cases"].as_array_mut().unwrap();
        let every = cases.len().div_ceil(most).max(1);
        *cases = cases.iter().step_by(every).cloned().collect();
        fs::write(file, to_yaml(&suite).unwrap()).unwrap();
    }
}

/// Inputs with their options: the worked example first, what `golden/convert` holds, and real manifests.
fn inputs() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut inputs = vec![("golden/example/manifests golden/example/samples".to_owned(), String::new())];
    for folder in folders(&root.join("golden/convert")) {
        let name = folder.file_name().unwrap().to_str().unwrap();
        let arguments = fs::read_to_string(folder.join("arguments")).unwrap_or_default();
        inputs.push((format!("golden/convert/{name}/input"), arguments));
    }
    for folder in folders(&root.join("golden/corpus")) {
        let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<String> = files.map(|file| file.strip_prefix(root).unwrap().display().to_string()).collect();
        files.sort();
        inputs.extend(files.into_iter().map(|file| (file, String::new())));
    }
    inputs
}

#[test]
#[ignore = "needs gator and takes minutes"]
fn gator_passes_the_suites_that_are_written() {
    let most = std::env::var("CASES").map_or(100, |text| text.parse().expect("CASES is a number"));
    let inputs = inputs();
    let passed = inputs.par_iter().map(|(input, options)| {
        let folder = Scratch::new();
        let out = folder.path().join("out");
        let line = format!("convert {input} --to gatekeeper --with-tests --no-verify --keep-going {options}");
        let mut arguments: Vec<&str> = line.split_whitespace().collect();
        arguments.extend(["-o", out.to_str().unwrap()]);
        let run = run(&arguments);
        assert_eq!(run.code, 0, "{line}: {}", run.stderr);
        thin(folder.path(), most);
        let told = verify(folder.path());
        eprintln!("{input}: {told:?}");
        told
    });
    let Told { through, refused } = passed.sum();
    eprintln!("gator passes {} written suites: {through} cases let through, {refused} refused", inputs.len());
    assert!(through > 0 && refused > 0);
}
