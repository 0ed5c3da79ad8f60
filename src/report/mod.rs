//! What people and programs read: decisions, inventories, differences, each printed by one of several printers.

pub mod decision;
pub mod explanation;
pub mod style;
pub mod verification;
