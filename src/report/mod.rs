//! What people and programs read: decisions, inventories, differences, each printed by one of several printers.

mod beyond;
pub mod conversion;
pub mod decision;
pub mod engine;
pub mod explanation;
pub mod inspection;
mod oddities;
pub mod style;
pub(crate) mod text;
pub mod verification;
