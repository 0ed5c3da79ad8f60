//! psp-migrate moves a cluster off PodSecurityPolicy (PSP) and proves that nothing changed.
//!
//! # Code map
//!
//! Meaning is cut by field, syntax by engine, and a small closed algebra sits between them:
//!
//! ```text
//!    PSP YAML ──► controls ──┐                       ┌──► targets::psa   labels per namespace
//!    RBAC YAML ─► rbac ──────┼──► constraint, fill ──┼──► targets::vap   native CEL policies
//!    Pod YAML ──► pod_view ──┘                       ├──► targets::kyverno   CEL policies, or cluster policies
//!                                                    ├──► targets::gatekeeper   one template, one constraint, mutators
//!                                                    └──► targets::workloads   patches for what was filled in
//! ```
//!
//! Data flows one way: `input → rbac → controls → plan → targets → compare, proof → report`. Beside a translation stand `removal`
//! (which objects serve policies alone) and `runbook` (the order of steps for one cluster).
//!
//! # Architecture invariants
//!
//! * `controls` never names a target; `targets` never names a control nor `psp`.
//! * Only `input` and `commands` touch the file system; only `commands` prints.
//! * Nothing between reads a clock, a random seed, or iterates a hash map: the same input gives the same bytes.
//! * No control file imports another control file.
//! * Targets are judged by the text they emit: deciding takes documents, never the plan.

pub mod admission;
pub mod cel;
pub mod changes;
pub mod cli;
pub mod cluster;
pub mod commands;
pub mod compare;
pub mod constraint;
pub mod controls;
pub mod field_error;
pub mod input;
pub mod modern;
pub mod pairing;
pub mod plan;
pub mod pod_view;
pub mod proof;
pub mod psp;
pub mod rbac;
mod rego;
pub mod relation;
pub mod release;
pub mod removal;
pub mod report;
pub mod requests;
pub mod runbook;
pub mod schema;
pub mod shell;
mod stored;
pub mod symbolic;
pub mod targets;
pub mod validity;
pub mod yaml;
