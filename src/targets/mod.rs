//! The engines that a cluster can move to, one folder each.

pub mod psa;
