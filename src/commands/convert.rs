//! `convert`: the policies of another engine, with a report.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use rayon::prelude::*;
use serde_json::{Value, json};

use super::folder::Folder;
use super::output::{counted, detail, program, report_problems, tell};
use super::reporting::Asked;
use super::rewriting::{self, NewFiles};
use super::runbook::Books;
use super::{Ending, choices, reading, reporting, translation};
use crate::cli::Convert;
use crate::input::{Inventory, objects_in_text};
use crate::pairing;
use crate::plan::Plan;
use crate::report::style::{GOOD, HEAD, NOTE, paint};
use crate::report::verification::Verification;
use crate::targets::{self, AdmissionRequest, Emission, Target, TestCase};
use crate::yaml::to_yaml;

pub(super) fn run(arguments: &Convert) -> Result<Ending> {
    let targets = translation::targets(&arguments.translation.targets, &arguments.translation)?;
    let inventory = reading::inventory(&arguments.input.paths)?;
    let broken = report_problems(&inventory.problems);
    if broken && !arguments.input.keep_going {
        anyhow::bail!("nothing was written, because part of the input is broken; mend it, or add --keep-going");
    }
    let cluster = reading::cluster(&inventory, &arguments.input)?;
    let namespaces = translation::namespaces(&inventory);
    let requests = translation::requests(&inventory, "default", &arguments.input);
    let manifests = translation::manifests(&inventory, &Inventory::default(), "default", &arguments.input);
    let plan = Plan::new(&cluster, arguments.translation.options())
        .with_input(&namespaces, &requests)
        .with_manifests(&manifests);
    let books = Books::new(arguments, &inventory, &plan);
    let source = reporting::Source { inventory: &inventory, cluster: &cluster, plan: &plan };
    if targets.is_empty() {
        return choices::run(arguments, &source);
    }
    let is_wanted = arguments.with_tests || !arguments.no_verify;
    let asked = Asked { for_all_pods: !arguments.no_proof, ..source.asked(is_wanted, true) };
    let mut files = BTreeMap::new();
    let (mut emissions, mut in_place) = (Vec::new(), Vec::new());
    for target in &targets {
        let mut emission = target.emit(&plan);
        let prefix = if targets.len() > 1 { format!("{}/", target.name()) } else { String::new() };
        add_files(&mut files, &prefix, &emission, arguments.bundle, *target)?;
        if arguments.with_tests {
            let named = named_as_written(&emission, arguments.bundle, *target);
            add_tests(&mut files, &prefix, &named, &plan, &asked, *target)?;
        }
        files
            .extend(books.files(*target, &emission)?.into_iter().map(|(name, text)| (format!("{prefix}{name}"), text)));
        let new = rewriting::new_files(&emission);
        emission.notes.extend(new.refused.iter().map(|why| format!("not rewritten: {why}; its patch holds them")));
        if arguments.in_place {
            in_place.push(new);
        } else {
            files.extend(new.below(&prefix));
        }
        emissions.push((*target, emission));
    }
    let verification =
        if arguments.no_verify { Verification::default() } else { source.verification(&emissions, &asked)? };
    let report = source.report(emissions.iter().map(|(target, emission)| (*target, Some(emission))), verification);
    files.insert("report.md".to_owned(), report.markdown());
    files.insert("report.json".to_owned(), serde_json::to_string_pretty(&report.json())? + "\n");
    files.insert("report.html".to_owned(), report.html());
    let folder = Folder { root: &arguments.output, files };
    let ending = finish(arguments, &folder, &emissions)?;
    rewrite_in_place(arguments, &in_place)?;
    Ok(ending)
}

/// Rewrites the input's own files, or shows what would change in them.
fn rewrite_in_place(arguments: &Convert, new: &[NewFiles]) -> Result<()> {
    for new in new {
        if arguments.dry_run || arguments.diff {
            for file in &new.files {
                let diff = similar::TextDiff::from_lines(&file.before, &file.after);
                anstream::print!("{}", diff.unified_diff().header(&file.path, &file.path));
            }
            continue;
        }
        new.write_in_place()?;
        if !new.files.is_empty() {
            tell(format!("{} rewritten in place, each with a backup beside it", counted(new.files.len(), "file")));
        }
    }
    Ok(())
}

fn finish(arguments: &Convert, folder: &Folder<'_>, emissions: &[(&dyn Target, Emission)]) -> Result<Ending> {
    if arguments.dry_run {
        for (name, text) in &folder.files {
            anstream::println!("{}\n{text}", paint(HEAD, format!("# {}", folder.root.join(name).display())));
        }
        return Ok(Ending::Equal);
    }
    if arguments.diff {
        return print_diff(folder);
    }
    let changes = folder.write(arguments.force)?;
    for warning in emissions.iter().flat_map(|(_, emission)| &emission.warnings) {
        anstream::eprintln!("{}: {warning}", paint(NOTE, "warning"));
    }
    folder.files.keys().for_each(|name| detail(folder.root.join(name).display()));
    let gaps: usize = emissions.iter().map(|(_, emission)| emission.gaps.len()).sum();
    tell(format!(
        "{}: {} written, {} unchanged, {} removed; {}; next: `{} verify … --against {}`",
        paint(GOOD, arguments.output.display()),
        counted(changes.written, "file"),
        changes.unchanged,
        changes.removed,
        if gaps == 0 { "no gaps".to_owned() } else { format!("{}, see report.md", counted(gaps, "gap")) },
        program(),
        arguments.output.display()
    ));
    Ok(Ending::Equal)
}

fn print_diff(folder: &Folder<'_>) -> Result<Ending> {
    let mut differs = false;
    for (name, text) in &folder.files {
        let current =
            folder.current(name)?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
        if current != *text {
            differs = true;
            let name = folder.root.join(name).display().to_string();
            let diff = similar::TextDiff::from_lines(&current, text);
            anstream::print!("{}", diff.unified_diff().header(&name, &name));
        }
    }
    Ok(if differs { Ending::Different } else { Ending::Equal })
}

fn add_files(
    files: &mut BTreeMap<String, String>,
    prefix: &str,
    emission: &Emission,
    bundle: bool,
    target: &dyn Target,
) -> Result<()> {
    let mut by_file: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    let named = named_as_written(emission, bundle, target);
    for emitted in &named.documents {
        by_file.entry(format!("{prefix}{}", emitted.file)).or_default().push(&emitted.document);
    }
    for (name, documents) in by_file {
        files.insert(name, documents_text(&documents)?);
    }
    for text in &emission.texts {
        files.insert(format!("{prefix}{}", text.file), text.text.clone());
    }
    Ok(())
}

/// The emission with the files that its documents are really written to. Patches name each other by their files, and stay
/// apart.
fn named_as_written(emission: &Emission, bundle: bool, target: &dyn Target) -> Emission {
    let mut named = emission.clone();
    for emitted in named.documents.iter_mut().filter(|_| bundle && target.judges()) {
        emitted.file = format!("{}.yaml", target.name());
    }
    named
}

/// Adds the files of the engine's own test: requests, and what the documents decide about them as they read back.
fn add_tests(
    files: &mut BTreeMap<String, String>,
    prefix: &str,
    emission: &Emission,
    plan: &Plan<'_>,
    asked: &Asked<'_>,
    target: &dyn Target,
) -> Result<()> {
    let documents = read_back(emission)?;
    let (namespaces, rbac, target_minor) = (plan.namespaces, plan.rbac, plan.options.target_minor);
    let decider = target.read(&documents, &targets::Context { namespaces, rbac, target_minor });
    let mut requests = pairing::with_every_requester(plan.cluster, asked.given);
    requests.extend_from_slice(&asked.boundary);
    let asked = requests.par_iter().map(AdmissionRequest::from);
    let cases = asked.map(|request| TestCase { verdict: decider.decide(&request), request });
    let cases: Vec<TestCase<'_>> = cases.collect();
    for text in target.test_files(emission, &cases) {
        files.insert(format!("{prefix}{}", text.file), text.text);
    }
    Ok(())
}

/// The documents as they read back from their own text.
pub(super) fn read_back(emission: &Emission) -> Result<Vec<Value>> {
    let emitted: Vec<&Value> = emission.documents.iter().map(|emitted| &emitted.document).collect();
    let text = documents_text(&emitted)?;
    objects_in_text(&text).map_err(|problem| anyhow::anyhow!("{}", problem.message))
}

/// Documents as one YAML stream.
///
/// # Errors
/// A document that does not come back as it was: nobody gets to see text that means something else.
pub(super) fn documents_text(documents: &[&Value]) -> Result<String> {
    let mut text = String::new();
    for document in documents {
        if documents.len() > 1 {
            text.push_str("---\n");
        }
        text.push_str(&to_yaml(document).context("cannot print a document")?);
    }
    let read_back = objects_in_text(&text).map_err(|problem| anyhow::anyhow!("{}", problem.message))?;
    let expected: Vec<Value> = documents.iter().map(|document| (*document).clone()).collect();
    if json!(read_back) != json!(expected) {
        anyhow::bail!("a document does not read back as it was meant: please report this");
    }
    Ok(text)
}
