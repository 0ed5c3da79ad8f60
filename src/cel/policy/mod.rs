//! Evaluates ValidatingAdmissionPolicy and MutatingAdmissionPolicy documents, with their bindings and parameters, as the
//! API server does: ours or anybody's.
//!
//! [`Policies::read`] takes the documents once; [`Policies::mutate`] and [`Policies::validate`] then answer for any number
//! of requests. What cannot be evaluated, a policy that the API server would refuse included, is reported in the outcome
//! and never guessed.

mod document;
pub(crate) mod matching;
mod merge;
mod mutating;
mod namespace;
mod outcome;
mod params;
mod phase;
mod request;
pub(crate) mod selector;
mod shape;
mod symbolic;
#[cfg(test)]
mod tests;
mod validating;

pub(crate) use document::text;
pub use document::{Mutation, MutationKind, Policies, Policy, Refusal, Validation};
pub(crate) use mutating::{applied, json_patched};
pub use outcome::{AdmissionOutcome, AuditAnnotation, AuditedFailure, Denial, Unknown, Verdict};
pub use request::{Request, Surroundings};
pub use symbolic::{Dialect, SymbolicPolicies};
