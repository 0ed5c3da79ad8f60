//! Programs in Rego, seen as for-all statements about pods: what a template says, split and read off its syntax tree.
//!
//! [`Split::violations`] follows the rules that lead to a `violation`: bodies are joined by *and*, several bodies and the
//! values that a variable takes from a constant by *or*, `not` negates, and a set is empty if all that it is made of are.
//! What is left are *leaves*: a function of constants that gives no members, or a body that has no solution. Each leaf is a
//! statement, and the template's own program evaluates it ([`Leaves`]).
//!
//! Whether a leaf is a for-all, and what it reads, is *looked through* ([`look`], [`query`], [`functions`], [`builtins`],
//! [`compare`]), going through the syntax tree as an interpreter would, with what is known of values in their stead
//! ([`value`]). Parameters and who asks are constants. Of a part of the pod it is known where it stands, and by its type in
//! the API when it is defined. What ranges over containers, volumes, items of lists and names of capabilities is looked at
//! once, for the member at hand; a second one beside it is not understood.
//!
//! A value is read where it is compared, not where it is passed on: of an object that a function puts together only the
//! fields that are compared count. But a member of a list is there only if all of it is defined. So functions must be seen
//! to be defined whatever the pod is ([`cases`]); where that is not seen, all that decides about it counts as read.
//!
//! What is not understood is a flaw, with its line, and makes the answer unproven. Where it is understood what is read, but
//! not which values matter ([`through`]), it is a doubt: a difference that is found counts, that none is found does not.

mod asker;
mod builtins;
mod cases;
mod compare;
mod fact;
mod functions;
mod kinds;
mod leaves;
mod look;
mod program;
mod query;
mod split;
mod through;
mod value;

pub(crate) use asker::Names;
pub(crate) use split::{Split, Who};
