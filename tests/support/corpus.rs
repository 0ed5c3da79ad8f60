//! Real manifests: the whole corpus where it is at hand, else the smaller copy that is kept with the project.

use std::path::{Path, PathBuf};

/// A file of the corpus.
pub struct CorpusFile {
    /// The path below the corpus.
    pub name: String,
    pub path: PathBuf,
}

/// Every file, in the order of the index, and where they come from.
pub fn corpus() -> (Vec<CorpusFile>, String) {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shared = here.join("../shared/corpus");
    let root = if shared.is_dir() { shared } else { here.join("golden/corpus") };
    let index = std::fs::read_to_string(root.join("INDEX.tsv")).unwrap();
    let names = index.lines().skip(1).filter_map(|line| line.split('\t').next());
    let files: Vec<CorpusFile> =
        names.map(|name| CorpusFile { name: name.to_owned(), path: root.join(name) }).collect();
    assert!(!files.is_empty(), "no corpus");
    let origin = root.strip_prefix(here).unwrap_or(&root).display().to_string();
    (files, origin)
}
