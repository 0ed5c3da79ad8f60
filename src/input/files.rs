//! Walks files, folders and streams, and has their documents parsed by all cores, a bounded number at a time.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::bufread::MultiGzDecoder;
use rayon::prelude::*;
use serde_json::Value;

use super::documents::{Documents, RawDocument};
use super::json;
use super::parse::{Parsed, objects as objects_of, parse};
use super::position::{Source, Sourced};
use super::problem::{Problem, printable};

/// The list in a folder that this program wrote. Such a folder is read only when it is named itself: what stands in it was
/// made from other input, and would count twice.
pub const WRITTEN: &str = ".psp-migrate.json";

/// A batch is parsed when it has this many documents …
const BATCH: usize = 512;
/// … or this many bytes.
const BATCH_BYTES: usize = 4 << 20;

/// Reads everything below `paths` (`-` is standard input) with all cores: `work` gets each document's content, in no
/// particular order and on any thread; `take` gets the results, in the order of the input. Memory is bounded by some
/// megabytes plus the largest single document.
///
/// Folders are walked in the order of their names; hidden entries, symbolic links to folders and folders below that this
/// program wrote are left out, and so are files other than `.yaml`, `.yml`, `.json`, `.ndjson`, `.jsonl`, each also with `.gz`.
pub fn stream<T: Send>(paths: &[PathBuf], work: impl Fn(Parsed) -> T + Sync, mut take: impl FnMut(T)) {
    for path in paths {
        for found in files(path) {
            match found.and_then(|path| Ok((open(&path)?, path))) {
                Ok((reader, path)) => stream_from(reader, &path.to_string_lossy(), &work, &mut take),
                Err(problem) => take(work(Parsed::of(problem))),
            }
        }
    }
}

/// The same for one open stream, which `name` names in problems and sources; it may be gzipped.
pub fn stream_from<T: Send>(reader: impl Read, name: &str, work: impl Fn(Parsed) -> T + Sync, mut take: impl FnMut(T)) {
    let mut texts = match unzipped(reader) {
        Ok(reader) => Texts { documents: Documents::new(reader, name.into()), items: VecDeque::new(), list: None },
        Err(error) => return take(work(Parsed::of(cannot_read(Path::new(name), &error)))),
    };
    loop {
        let batch = texts.batch();
        if batch.is_empty() {
            return;
        }
        let results: Vec<T> =
            batch.into_par_iter().map(|text| work(text.map_or_else(Parsed::of, |raw| parse(&raw)))).collect();
        results.into_iter().for_each(&mut take);
    }
}

/// Every object below `paths`, of whatever kind and unchecked, with what could not be read: policies of engines, for
/// which this program has no API types.
pub fn read_objects(paths: &[PathBuf]) -> (Vec<Sourced<Value>>, Vec<Problem>) {
    let (mut objects, mut problems) = (Vec::new(), Vec::new());
    for path in paths.iter().flat_map(|path| files(path)) {
        match path.and_then(|path| objects_in(&path)) {
            Ok((found, wrong)) => {
                objects.extend(found);
                problems.extend(wrong);
            }
            Err(problem) => problems.push(problem),
        }
    }
    (objects, problems)
}

/// Every object in a text.
///
/// # Errors
/// What is wrong with the first document that cannot be read.
pub fn objects_in_text(text: &str) -> Result<Vec<Value>, Problem> {
    let mut objects = Vec::new();
    for raw in Documents::new(text.as_bytes(), "text".into()) {
        objects.extend(objects_of(&raw?)?.into_iter().map(|object| object.value));
    }
    Ok(objects)
}

fn objects_in(path: &Path) -> Result<(Vec<Sourced<Value>>, Vec<Problem>), Problem> {
    let reader = unzipped(open(path)?).map_err(|error| cannot_read(path, &error))?;
    let (mut objects, mut problems) = (Vec::new(), Vec::new());
    for raw in Documents::new(reader, path.to_string_lossy().as_ref().into()) {
        match raw.and_then(|raw| objects_of(&raw)) {
            Ok(found) => objects.extend(found),
            Err(problem) => problems.push(problem),
        }
    }
    Ok((objects, problems))
}

impl Parsed {
    fn of(problem: Problem) -> Self {
        Self { problems: vec![problem], ..Self::default() }
    }
}

/// Documents, with the elements of a JSON list as documents of their own: a dump of a cluster is one list.
struct Texts<R> {
    documents: Documents<R>,
    list: Option<RawDocument>,
    items: VecDeque<(u32, Range<usize>)>,
}

impl<R: BufRead> Texts<R> {
    fn batch(&mut self) -> Vec<Result<RawDocument, Problem>> {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while batch.len() < BATCH && bytes < BATCH_BYTES {
            let Some(text) = self.next() else { break };
            bytes += text.as_ref().map_or(0, |raw| raw.text.len());
            batch.push(text);
        }
        batch
    }

    /// Makes `raw` the list whose elements come next, if it is one and its elements say what they are.
    fn cut(&mut self, raw: &RawDocument) -> bool {
        let (mut line, body) = raw.body();
        let list = body.contains("\"items\"").then(|| json::list(body)).flatten();
        let Some(list) = list.filter(|list| list.kind == "List") else {
            return false;
        };
        let (skipped, mut at) = (raw.text.len() - body.len(), 0);
        for item in list.items {
            let between = body.as_bytes().get(at..item.start).unwrap_or(&[]);
            line += u32::try_from(between.iter().filter(|byte| **byte == b'\n').count()).unwrap_or(0);
            at = item.start;
            self.items.push_back((line, skipped + item.start..skipped + item.end));
        }
        true
    }
}

impl<R: BufRead> Iterator for Texts<R> {
    type Item = Result<RawDocument, Problem>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let (Some(list), Some((first_line, item))) = (&self.list, self.items.pop_front()) {
                let text = list.text.get(item).unwrap_or("").to_owned();
                return Some(Ok(RawDocument { file: Arc::clone(&list.file), first_line, text }));
            }
            match self.documents.next()? {
                Ok(raw) if self.cut(&raw) => self.list = Some(raw),
                other => return Some(other),
            }
        }
    }
}

fn unzipped<'a>(reader: impl Read + 'a) -> io::Result<Box<dyn BufRead + 'a>> {
    let mut reader = BufReader::with_capacity(1 << 16, reader);
    let is_gzipped = reader.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    Ok(if is_gzipped {
        Box::new(BufReader::with_capacity(1 << 16, MultiGzDecoder::new(reader)))
    } else {
        Box::new(reader)
    })
}

fn open(path: &Path) -> Result<Box<dyn Read>, Problem> {
    if path == Path::new("-") {
        return Ok(Box::new(io::stdin().lock()));
    }
    let file = File::open(path).map_err(|error| cannot_read(path, &error))?;
    Ok(Box::new(file))
}

fn cannot_read(path: &Path, error: &io::Error) -> Problem {
    let source = Source::file(&path.to_string_lossy().into());
    Problem::error("unreadable", source, format!("cannot read this: {}", printable(&error.to_string())))
}

/// The files that `path` means: itself, or those below it in the order of their names.
fn files(path: &Path) -> Vec<Result<PathBuf, Problem>> {
    if !path.is_dir() {
        return vec![Ok(path.to_owned())];
    }
    let mut found = Vec::new();
    let mut folders = vec![path.to_owned()];
    // Folders come off the stack in the order of their names, after the files beside them.
    while let Some(folder) = folders.pop() {
        match entries(&folder) {
            Ok((files, below)) => {
                found.extend(files.into_iter().map(Ok));
                folders.extend(below.into_iter().rev());
            }
            Err(error) => found.push(Err(cannot_read(&folder, &error))),
        }
    }
    if found.is_empty() {
        let source = Source::file(&path.to_string_lossy().into());
        found.push(Err(Problem::warning("empty", source, "there is no .yaml, .yml or .json file in this folder")));
    }
    found
}

/// The files and the folders in a folder, each sorted by name.
fn entries(folder: &Path) -> io::Result<(Vec<PathBuf>, Vec<PathBuf>)> {
    let (mut files, mut folders) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if entry.file_type()?.is_dir() {
            if !path.join(WRITTEN).exists() {
                folders.push(path);
            }
        } else if has_known_ending(&path) && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    folders.sort();
    Ok((files, folders))
}

fn has_known_ending(path: &Path) -> bool {
    let name = path.to_string_lossy().to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    [".yaml", ".yml", ".json", ".ndjson", ".jsonl"].iter().any(|ending| name.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn names(text: &[u8]) -> Vec<String> {
        let mut found = Vec::new();
        let name = |parsed: Parsed| -> Vec<String> {
            let objects = parsed
                .objects
                .iter()
                .map(|(_, it)| format!("{} {}", it.value["metadata"]["name"].as_str().unwrap(), it.source));
            objects.chain(parsed.problems.iter().map(ToString::to_string)).collect()
        };
        stream_from(text, "f", name, |names| found.extend(names));
        found
    }

    #[test]
    fn results_come_in_the_order_of_the_input() {
        let text: String =
            (0..2000).map(|n| format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: p{n}}}\n---\n")).collect();
        let expected: Vec<String> = (0..2000).map(|n| format!("p{n} f:{}", n * 4 + 1)).collect();
        assert_eq!(names(text.as_bytes()), expected);
    }

    #[test]
    fn json_lists_are_cut_and_know_their_lines() {
        let text = "{\n \"items\": [\n  {\"apiVersion\": \"v1\", \"kind\": \"Pod\", \"metadata\": {\"name\": \"a\"}},\n\n  {\"apiVersion\": \"v1\",\n   \
            \"kind\": \"Pod\", \"metadata\": {\"name\": \"b\"}, \"x\": 1}],\n \"kind\": \"List\"}";
        let expected = ["a f:3", "b f:5", "f:6:46: warning: unknown field `x`: the API server drops it"];
        assert_eq!(names(text.as_bytes()), expected);
    }

    #[test]
    fn gzip_is_recognised_and_truncation_is_reported() {
        let mut zip = GzEncoder::new(Vec::new(), Compression::fast());
        zip.write_all(b"apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n---\n").unwrap();
        let zipped = zip.finish().unwrap();
        assert_eq!(names(&zipped), ["a f:1"]);
        let cut = names(&zipped[..zipped.len() - 9]);
        assert!(cut.last().unwrap().contains("error: cannot read on"), "{cut:?}");
    }

    #[test]
    fn folders_are_walked_in_order() {
        let root = std::env::temp_dir().join(format!("psp-migrate-walk-{}", std::process::id()));
        for (file, name) in [
            ("b.yaml", "b"),
            ("a/z.json", "z"),
            ("c/d/e.yml", "e"),
            (".hidden/x.yaml", "x"),
            ("notes.txt", "n"),
            (".h.yaml", "h"),
            ("out/.psp-migrate.json", "list"),
            ("out/made.yaml", "made"),
        ] {
            fs::create_dir_all(root.join(file).parent().unwrap()).unwrap();
            let pod = format!("{{\"apiVersion\": \"v1\", \"kind\": \"Pod\", \"metadata\": {{\"name\": \"{name}\"}}}}");
            fs::write(root.join(file), pod).unwrap();
        }
        let mut found = Vec::new();
        let missing = root.join("missing.yaml");
        stream(
            &[root.clone(), missing],
            |parsed| parsed,
            |parsed| {
                found.extend(parsed.objects.iter().map(|(_, it)| it.value["metadata"]["name"].clone()));
                found.extend(parsed.problems.iter().map(|problem| problem.code.into()));
            },
        );
        fs::remove_dir_all(&root).unwrap();
        assert_eq!(found, ["b", "z", "e", "unreadable"]);
    }
}
