//! `procMount_restricted` (restricted, v1.35): the masks over `/proc` stay on, even in a user namespace.
//!
//! Fields: as `procMount` at v1.0, whose later exception this check overrides.

use super::proc_mount::{detail, violated};
use super::{Check, Revision};
use crate::targets::psa::level::Level;

pub(super) const CHECK: Check = Check {
    id: "procMount_restricted",
    level: Level::Restricted,
    overrides: Some("procMount"),
    reason: |_| "procMount",
    revisions: &[Revision { since: 35, violated, detail }],
};

#[cfg(test)]
mod tests {
    use super::super::fixture::expect;
    use super::*;
    use serde_json::json;

    #[test]
    fn user_namespaces_do_not_lift_it() {
        let edits =
            [("/spec/containers/0/securityContext/procMount", json!("Unmasked")), ("/spec/hostUsers", json!(false))];
        let text = "procMount (container \"c\" must not set securityContext.procMount to \"Unmasked\")";
        expect(&CHECK, 35, &edits, text);
        expect(&CHECK, 34, &edits, "");
    }
}
