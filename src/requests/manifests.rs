//! The pods and workloads of the input as they were written, for what changes manifests instead of judging requests.

use serde_json::Value;

use super::{PodRequest, RequestReader};
use crate::input::{Class, Source, Sourced, template_path};

/// Pods and workloads, and what makes requests of them.
#[derive(Debug, Clone)]
pub struct Manifests {
    reader: RequestReader,
    objects: Vec<Sourced<Value>>,
}

impl Manifests {
    /// Pods and workloads in the order in which they were read.
    pub fn new(reader: RequestReader, objects: Vec<Sourced<Value>>) -> Self {
        Self { reader, objects }
    }

    /// The objects.
    pub fn objects(&self) -> &[Sourced<Value>] {
        &self.objects
    }

    /// The request that an object stands for, as its real creator would send it; `None` for one without a pod.
    pub fn request(&self, object: &Value, source: &Source) -> Option<PodRequest> {
        let class = if kind(object) == "Pod" { Class::Pod } else { Class::Workload };
        let sourced = Sourced { value: object.clone(), source: source.clone() };
        self.reader.request(class, sourced).ok().flatten()
    }
}

/// Where the pod's `metadata` and `spec` stand in a pod or workload, as a JSON pointer; `None` for another object.
pub fn pod_path(object: &Value) -> Option<&'static str> {
    match kind(object) {
        "Pod" => Some(""),
        kind => template_path(kind),
    }
}

fn kind(object: &Value) -> &str {
    object.get("kind").and_then(Value::as_str).unwrap_or_default()
}
