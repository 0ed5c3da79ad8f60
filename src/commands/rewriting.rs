//! Manifests of the input with new values in them: below the output folder, or in their own place with a backup beside.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path};
use std::sync::Arc;

use anyhow::{Context, Result, bail};

use super::folder::write_whole;
use crate::input::{Replacement, rewrite};
use crate::targets::{Emission, Rewrite};

/// Where rewritten manifests go below a target's folder.
const FOLDER: &str = "manifests";
/// What the name of a backup ends in. No command reads files of this name.
const BACKUP: &str = ".before-psp-migrate";

/// A file of the input with its new text.
pub(super) struct NewFile {
    /// The file as the user named it.
    pub(super) path: Arc<str>,
    /// The text as it was.
    pub(super) before: String,
    /// The text as it is to be.
    pub(super) after: String,
}

/// What became of the manifests that a target changes.
#[derive(Default)]
pub(super) struct NewFiles {
    /// The files that change.
    pub(super) files: Vec<NewFile>,
    /// What could not be written into a manifest, one sentence each: its patch holds it.
    pub(super) refused: Vec<String>,
}

/// The input's files with the emission's rewrites in them.
pub(super) fn new_files(emission: &Emission) -> NewFiles {
    let mut by_file: BTreeMap<&Arc<str>, Vec<&Rewrite>> = BTreeMap::new();
    emission.rewrites.iter().for_each(|rewrite| by_file.entry(&rewrite.source.file).or_default().push(rewrite));
    let mut new = NewFiles::default();
    for (file, rewrites) in by_file {
        match text_of(file) {
            Ok(before) => new.add(file, before, &rewrites),
            Err(why) => new.refused.extend(rewrites.iter().map(|rewrite| format!("`{}`: {why}", rewrite.source))),
        }
    }
    new
}

impl NewFiles {
    fn add(&mut self, file: &Arc<str>, before: String, rewrites: &[&Rewrite]) {
        let replacements: Vec<Replacement<'_>> =
            rewrites.iter().map(|it| Replacement { before: &it.before, after: &it.after }).collect();
        let rewritten = rewrite(file, &before, &replacements);
        let refused = rewritten.refused.iter().filter_map(|index| rewrites.get(*index));
        self.refused.extend(refused.map(|it| {
            format!("`{}`: the values cannot be written into this text without changing more than them", it.source)
        }));
        if rewritten.text != before {
            self.files.push(NewFile { path: Arc::clone(file), before, after: rewritten.text });
        }
    }

    /// The files as they go below a target's folder.
    pub(super) fn below(&self, prefix: &str) -> BTreeMap<String, String> {
        let mut files = BTreeMap::new();
        for file in &self.files {
            let mut name = format!("{prefix}{FOLDER}/{}", relative(&file.path));
            while files.contains_key(&name) {
                name.insert_str(name.rfind('/').map_or(0, |slash| slash + 1), "other-");
            }
            files.insert(name, file.after.clone());
        }
        files
    }

    /// Writes the files in their own place, each with a backup beside it.
    ///
    /// # Errors
    /// A backup that is there already and holds something else; whatever the file system refuses.
    pub(super) fn write_in_place(&self) -> Result<()> {
        for file in &self.files {
            let backup = format!("{}{BACKUP}", file.path);
            match fs::read(&backup) {
                Ok(bytes) if bytes != file.before.as_bytes() => {
                    bail!("`{backup}` is there already and holds another text: move it away first");
                }
                _ => {}
            }
        }
        for file in &self.files {
            write_whole(Path::new(&format!("{}{BACKUP}", file.path)), file.before.as_bytes())?;
            write_whole(Path::new(file.path.as_ref()), file.after.as_bytes())?;
        }
        Ok(())
    }
}

/// The text of a file that can be rewritten.
fn text_of(file: &str) -> Result<String> {
    if file == "-" {
        bail!("it was read from standard input, so there is no file to rewrite");
    }
    if file.to_ascii_lowercase().ends_with(".gz") {
        bail!("compressed files are not rewritten");
    }
    fs::read_to_string(file).context("cannot read it again")
}

/// The path without what would lead out of a folder.
fn relative(path: &str) -> String {
    let parts = Path::new(path).components().filter_map(|part| match part {
        Component::Normal(part) => Some(part.to_string_lossy()),
        _ => None,
    });
    parts.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_leads_out_of_the_folder() {
        assert_eq!(relative("/a/../b/./c.yaml"), "a/b/c.yaml");
        assert_eq!(relative("../x.yaml"), "x.yaml");
    }

    #[test]
    fn two_files_of_one_name_are_told_apart() {
        let file = |path: &str| NewFile { path: path.into(), before: String::new(), after: path.to_owned() };
        let new = NewFiles { files: vec![file("../a.yaml"), file("a.yaml")], refused: Vec::new() };
        let names: Vec<String> = new.below("").into_keys().collect();
        assert_eq!(names, ["manifests/a.yaml", "manifests/other-a.yaml"]);
    }
}
