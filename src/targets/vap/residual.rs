//! How admission by native policies differs from the plug-in whatever the policies say.

use crate::plan::{Options, RbacMode};

/// The differences, one sentence each.
pub(super) fn residual(options: &Options) -> Vec<String> {
    let mut residual = vec![
        "Whoever may change ValidatingAdmissionPolicies or their bindings can switch the check off at once; switching the \
         plug-in off took a restart of the API server."
            .to_owned(),
        "A new or changed policy takes some seconds until every API server follows it.".to_owned(),
        "Refusals name the ValidatingAdmissionPolicy in other words than the plug-in's.".to_owned(),
    ];
    if options.rbac == Some(RbacMode::Frozen) {
        residual.push(
            "Grants are those at conversion: roles and bindings that change later have no effect until the policies are \
             written again."
                .to_owned(),
        );
    }
    residual
}
