//! CEL as Kubernetes' admission policies use it: evaluation, the type check the API server makes, costs, and printing.
//!
//! * [`Program`] compiles text and evaluates it against a [`Scope`].
//! * [`lint`] refuses what the API server would refuse when a policy is created.
//! * [`print`] writes expressions; every literal of ours goes through it.
//! * [`normalise`] shows an object as the API server shows it to CEL.
//! * [`policy`] evaluates whole policies with their bindings.
//!
//! An expression that uses something unknown is never guessed: [`EvalError::CannotEvaluate`].

mod ast;
pub mod authorizer;
pub mod cost;
mod error;
mod eval;
mod library;
mod limits;
pub mod lint;
mod memo;
pub mod normalise;
mod object;
pub mod policy;
pub mod print;
mod program;
#[cfg(test)]
mod recorded;
mod requester;
mod scope;
mod syntax;
mod time;
mod types;
mod value;
mod variables;

pub use error::{CelError, EvalError};
pub use library::Environment;
pub use limits::MAX_LENGTH;
pub use object::Object;
pub use program::{Evaluation, Program};
pub use requester::RequesterSeen;
pub use scope::{Bindings, Scope};
pub use time::{Span, Timestamp};
pub use types::Type;
pub use value::{Key, Map, Opaque, Struct, Value};
pub use variables::Variables;
