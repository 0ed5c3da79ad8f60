//! What the Kubernetes API knows of the objects that matter here: their fields, types and defaults.
//!
//! The facts stand in `fields.txt`, printed from the Go types themselves (`generate/README.md`): Kubernetes 1.24, the last
//! release with PodSecurityPolicy, and which fields a current release adds. Over this one table:
//!
//! * [`check`] says what a server would drop or refuse in an object;
//! * [`apply_defaults`] makes an object what the API server makes of it before admission;
//! * [`semantically_equal`] and [`only_garbage_collection_fields_changed`] compare objects as the API server does.

mod check;
mod defaults;
mod equality;
mod image;
mod quantity;
mod suggest;
mod table;

pub use check::{FieldPath, Finding, FindingKind, Segment, check};
pub use defaults::{apply_defaults, may_be_filled_in};
pub use equality::{only_garbage_collection_fields_changed, semantically_equal};
pub(crate) use table::{JsonType, field_names, json_types};
pub use table::{StructId, object_type};
