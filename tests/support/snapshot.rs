//! Folders that hold what is expected: written anew with `UPDATE_GOLDEN=1`, and otherwise compared file by file.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Relative path to text.
pub type Files = BTreeMap<String, String>;

/// What differs between a folder and what it should hold: files that are missing, extra, or other. With `UPDATE_GOLDEN=1`
/// the folder is made to hold it first.
pub fn differences(folder: &Path, expected: &Files) -> Vec<String> {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        bless(folder, expected);
    }
    let found = files(folder);
    let name = |file: &str| folder.join(file).display().to_string();
    let missing = expected.keys().filter(|file| !found.contains_key(*file));
    let extra = found.keys().filter(|file| !expected.contains_key(*file));
    let other = expected.iter().filter(|(file, text)| found.get(*file).is_some_and(|found| found != *text));
    let missing = missing.map(|file| format!("missing: {}", name(file)));
    let extra = extra.map(|file| format!("extra: {}", name(file)));
    let other = other.map(|(file, text)| format!("differs: {}\n{}", name(file), first_difference(&found[file], text)));
    missing.chain(extra).chain(other).collect()
}

fn bless(folder: &Path, expected: &Files) {
    for file in files(folder).keys().filter(|file| !expected.contains_key(*file)) {
        fs::remove_file(folder.join(file)).unwrap();
    }
    for (file, text) in expected {
        let path = folder.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// Everything below a folder.
pub fn files(folder: &Path) -> Files {
    let mut found = Files::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(below) = folders.pop() {
        for entry in fs::read_dir(&below).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                found.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
    }
    found
}

/// The folders in a folder, by name.
pub fn folders(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    let mut folders: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

fn first_difference(found: &str, expected: &str) -> String {
    let lines = found.lines().zip(expected.lines()).enumerate().find(|(_, (found, expected))| found != expected);
    match lines {
        Some((line, (found, expected))) => format!("  line {}\n    holds  {found}\n    should {expected}", line + 1),
        None => "  one is longer".to_owned(),
    }
}
