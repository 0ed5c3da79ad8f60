//! What people and programs read: decisions, inventories, differences, each printed by one of several printers.

pub mod between;
mod beyond;
pub mod decision;
pub(crate) mod diff;
pub mod engine;
pub mod explanation;
pub mod inspection;
pub(crate) mod layout;
pub mod migration;
mod oddities;
pub mod style;
pub(crate) mod text;
pub mod verification;
