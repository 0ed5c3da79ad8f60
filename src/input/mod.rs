//! The only module that reads files: manifests, dumps and streams of Kubernetes objects.

mod documents;
mod json;
mod kind;
mod locate;
mod mend;
mod position;
mod problem;
mod scalar;
mod yaml;

pub use documents::RawDocument;
pub use kind::Class;
pub use position::{Source, Sourced};
pub use problem::{Excerpt, Problem, Severity, printable};
