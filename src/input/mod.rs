//! The only module that reads files: manifests, dumps and streams of Kubernetes objects.
//!
//! [`Inventory::read`] takes everything below some paths; [`stream`] does the same without keeping it. Both read what
//! kubectl would read, and turn whatever is wrong into [`Problem`]s: input never fails as a whole.
//!
//! ```text
//! files ──► documents ──► yaml, json ──► parse ──► inventory
//! (walk)    (cut)         (values)       (check)   (by kind)
//! ```

mod defaulting;
mod documents;
mod files;
mod inventory;
mod json;
mod kind;
mod locate;
mod mend;
mod parse;
mod position;
mod problem;
mod rewrite;
mod scalar;
mod sort_out;
mod workload;
mod yaml;

pub use defaulting::{account_name, admit_service_account, default_pod, without_defaults};
pub use documents::RawDocument;
pub use files::{WRITTEN, objects_in_text, read_objects, stream, stream_from};
pub use inventory::Inventory;
pub use kind::Class;
pub use parse::{Parsed, parse};
pub use position::{Source, Sourced};
pub use problem::{Excerpt, Problem, Severity, printable, visible};
pub use rewrite::{Replacement, Rewritten, rewrite};
pub use workload::{Creator, WorkloadPod, pod_of, template_path};
