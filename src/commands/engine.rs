//! `evaluate --with`: another engine's decisions, from its own documents.

use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::Value;

use super::{convert, reading, translation};
use crate::cli::Evaluate;
use crate::cluster::Cluster;
use crate::input::{Class, Inventory, Problem, Sourced, read_objects};
use crate::plan::{Options, Plan};
use crate::report::engine::EngineDecision;
use crate::requests::{PodRequest, RequestReader};
use crate::targets::psa::{LevelVersion, Psa, PsaDecider};
use crate::targets::{Context, Decider, Target, WorkloadRequest};

/// An engine, ready to decide.
pub(super) struct Engine<'a> {
    target: &'static str,
    decider: Box<dyn Decider + 'a>,
    /// Where its documents come from, for the last line.
    pub(super) origin: String,
}

/// The engine that was asked for, if one was. `namespaces` are those of the inventory, plain.
///
/// # Errors
/// A target that does not exist; documents that cannot be read.
pub(super) fn engine<'a>(
    arguments: &Evaluate,
    inventory: &Inventory,
    cluster: &'a Cluster,
    namespaces: &'a [Value],
) -> Result<Option<Engine<'a>>> {
    let asked = &arguments.engine;
    if let Some(level) = asked.level {
        let level = LevelVersion { level, version: asked.level_version };
        return Ok(Some(Engine {
            target: Psa.name(),
            decider: Box::new(PsaDecider::of_level(level, asked.target_version)),
            origin: format!("`{level}` in every namespace"),
        }));
    }
    let Some(name) = &asked.with else { return Ok(None) };
    let target = translation::target(name)?;
    let (documents, origin) = documents(arguments, target, inventory, cluster, namespaces)?;
    let context = Context { namespaces, rbac: cluster.rbac(), target_minor: asked.target_version };
    Ok(Some(Engine { target: target.name(), decider: target.read(&documents, &context), origin }))
}

/// The documents of the folder that was named, else those among the input, else what `convert` would write.
fn documents(
    arguments: &Evaluate,
    target: &dyn Target,
    inventory: &Inventory,
    cluster: &Cluster,
    namespaces: &[Value],
) -> Result<(Vec<Value>, String)> {
    if let Some(folder) = &arguments.engine.against {
        let documents = translation::documents_in(folder, target)?;
        return Ok((documents, format!("by the documents in `{}`", folder.display())));
    }
    let given = given_documents(&reading::paths(&arguments.input.paths));
    if given.iter().chain(namespaces).any(|document| target.reads(document)) {
        return Ok((given, "by the documents among the input".to_owned()));
    }
    let requests = translation::requests(inventory, &arguments.namespace, &arguments.input);
    let options = Options { target_minor: arguments.engine.target_version, ..Options::default() };
    let emission = target.emit(&Plan::new(cluster, options).with_input(namespaces, &requests));
    let origin =
        format!("by what `convert --to {}` would write, as the input holds none of its documents", target.name());
    Ok((convert::read_back(&emission)?, origin))
}

/// Every object of the files, of whatever kind: policies may take any as a parameter. Standard input cannot be read twice.
/// What is wrong with a file was told when the inventory was read.
fn given_documents(paths: &[PathBuf]) -> Vec<Value> {
    let files: Vec<PathBuf> = paths.iter().filter(|path| *path != Path::new("-")).cloned().collect();
    let is_typed = |object: &Value| object.get("apiVersion").is_some();
    read_objects(&files).0.into_iter().map(|object| object.value).filter(is_typed).collect()
}

impl Engine<'_> {
    /// The decisions on what an object stands for: on a workload itself, where the engine looks at it, and on its pod.
    pub(super) fn decide(
        &self,
        reader: &RequestReader,
        class: Class,
        object: Sourced<Value>,
    ) -> Result<Vec<EngineDecision>, Problem> {
        let workload = (class == Class::Workload).then(|| self.of_workload(reader, &object)).flatten();
        let pod = reader.request(class, object)?.map(|request| self.of_pod(&request));
        Ok(workload.into_iter().chain(pod).collect())
    }

    fn of_workload(&self, reader: &RequestReader, object: &Sourced<Value>) -> Option<EngineDecision> {
        let (namespace, author) = (reader.namespace_of(&object.value), reader.author());
        let verdict = self.decider.decide_workload(&WorkloadRequest {
            namespace,
            name: object.value.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default(),
            user: &author.user,
            object: &object.value,
        })?;
        Some(EngineDecision::of_workload(self.target, namespace, author, object, verdict))
    }

    fn of_pod(&self, request: &PodRequest) -> EngineDecision {
        if !request.is_for_pod() {
            return EngineDecision::ignored(self.target, request);
        }
        EngineDecision::of_pod(self.target, request, self.decider.decide(&request.into()))
    }
}
