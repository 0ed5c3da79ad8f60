//! The command line of psp-migrate.
fn main() {}
