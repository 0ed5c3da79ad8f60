//! ClusterPolicy: `validate.cel` and JSON patches, for Kyverno from 1.11 to 1.19.
//!
//! Rules of one policy run in order, each on what the one before left, so one ClusterPolicy holds the whole choice: first
//! each policy that would admit the pod untouched, then each that would after filling, writes its name into the annotation
//! `kubernetes.io/psp` unless one is there; then the named one fills in. No CEL guards a rule that changes pods, so the
//! constraints are said in JMESPath there.

mod condition;
mod emit;
mod fills;
mod grants;
mod inherited;
mod judge;
mod matching;
mod mutate;
mod patch;
mod preconditions;
mod print;
mod query;
mod read;
mod substitute;
mod symbolic;

pub(super) use emit::emission;
pub(super) use judge::PASSED;
pub use read::ClusterPolicy;
pub(super) use symbolic::{Asker, Judged, Rules};
