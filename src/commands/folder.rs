//! A folder that psp-migrate writes: whole files or nothing, never over somebody else's work, the same when run twice.
//!
//! A list of what was written, with a digest of each file, stands in the folder itself. A file that is not on the list, or
//! that was changed since, is not touched without `--force`; a file on the list that is not written any more goes away.

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The list's name.
const LIST: &str = crate::input::WRITTEN;

/// What was written last time.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Written {
    files: BTreeMap<String, String>,
}

/// The targets that a folder was written for, as its report tells; none if it holds no report.
///
/// # Errors
/// A report that cannot be read.
pub(super) fn targets(folder: &Path) -> Result<Vec<String>> {
    let path = folder.join("report.json");
    let bytes = match fs::read(&path) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(Vec::new()),
        bytes => bytes.with_context(|| format!("cannot read `{}`", path.display()))?,
    };
    let report: serde_json::Value =
        serde_json::from_slice(&bytes).with_context(|| format!("`{}` is damaged", path.display()))?;
    let targets = report.get("targets").and_then(serde_json::Value::as_array).into_iter().flatten();
    Ok(targets.filter_map(|target| target.get("target")?.as_str().map(str::to_owned)).collect())
}

/// Files to write below a folder: paths relative to it, with their text.
pub(super) struct Folder<'a> {
    /// The folder.
    pub root: &'a Path,
    /// Relative path to text.
    pub files: BTreeMap<String, String>,
}

/// What writing did.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    /// Files that are new or changed.
    pub written: usize,
    /// Files that were already the same.
    pub unchanged: usize,
    /// Files of an earlier run that were removed.
    pub removed: usize,
}

impl Folder<'_> {
    /// Writes the files.
    ///
    /// # Errors
    /// All files together that somebody else wrote or changed, unless forced; whatever the file system refuses.
    pub(super) fn write(&self, force: bool) -> Result<Changes> {
        let before = self.written()?;
        let foreign = self.foreign(&before)?;
        if !foreign.is_empty() && !force {
            bail!(
                "not overwriting what psp-migrate did not write: {}; add --force to overwrite, or choose another folder",
                foreign.join(", ")
            );
        }
        let mut changes = Changes::default();
        for (name, text) in &self.files {
            if self.current(name)?.as_deref() == Some(text.as_bytes()) {
                changes.unchanged += 1;
            } else {
                write_whole(&self.root.join(name), text.as_bytes())?;
                changes.written += 1;
            }
        }
        changes.removed = self.remove_stale(&before)?;
        let list =
            Written { files: self.files.iter().map(|(name, text)| (name.clone(), digest(text.as_bytes()))).collect() };
        let list = serde_json::to_string_pretty(&list)? + "\n";
        if self.current(LIST)?.as_deref() != Some(list.as_bytes()) {
            write_whole(&self.root.join(LIST), list.as_bytes())?;
        }
        Ok(changes)
    }

    /// What stands in the folder now under a relative path.
    ///
    /// # Errors
    /// Whatever the file system refuses, except that a missing file is `None`.
    pub(super) fn current(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let path = self.root.join(name);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read `{}`", path.display())),
        }
    }

    fn written(&self) -> Result<Written> {
        let Some(bytes) = self.current(LIST)? else {
            return Ok(Written::default());
        };
        serde_json::from_slice(&bytes)
            .with_context(|| format!("`{}` is damaged: remove it", self.root.join(LIST).display()))
    }

    /// Files in the way that an earlier run did not write, or that were changed since.
    fn foreign(&self, before: &Written) -> Result<Vec<String>> {
        let mut foreign = Vec::new();
        for (name, text) in &self.files {
            let Some(bytes) = self.current(name)? else { continue };
            let ours = before.files.get(name).is_some_and(|known| *known == digest(&bytes));
            if !ours && bytes != text.as_bytes() {
                foreign.push(format!("`{}`", self.root.join(name).display()));
            }
        }
        Ok(foreign)
    }

    fn remove_stale(&self, before: &Written) -> Result<usize> {
        let mut removed = 0;
        for (name, known) in before.files.iter().filter(|(name, _)| !self.files.contains_key(*name) && is_inside(name))
        {
            if self.current(name)?.is_some_and(|bytes| digest(&bytes) == *known) {
                fs::remove_file(self.root.join(name)).with_context(|| format!("cannot remove `{name}`"))?;
                removed += 1;
            }
        }
        Ok(removed)
    }
}

/// The list is a file like any other: a path in it must not lead out of the folder.
fn is_inside(name: &str) -> bool {
    Path::new(name).components().all(|part| matches!(part, std::path::Component::Normal(_)))
}

/// Writes a file beside its place and moves it there, so that nobody ever sees half of it.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let failed = || format!("cannot write `{}`", path.display());
    let parent = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(parent).with_context(failed)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".psp-migrate-new");
    let beside: PathBuf = parent.join(name);
    let written = fs::File::create(&beside).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    });
    if written.is_err() {
        // The half-written file must not stay; that it cannot be removed either adds nothing.
        let _ = fs::remove_file(&beside);
    }
    written.with_context(failed)
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
