//! How those who evaluate policies in CEL differ.

/// Who evaluates the policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    /// Match conditions see the namespace.
    pub conditions_see_the_namespace: bool,
    /// Errors of validations deny, whatever `failurePolicy` says; those of audit annotations never do.
    pub errors_deny: bool,
    /// There are an `authorizer` and `params`.
    pub has_authorizer: bool,
    /// The mutations of a policy are one change: variables keep the value that they had when they were first asked for, and
    /// an error takes back all of them.
    pub mutates_at_once: bool,
}

impl Dialect {
    /// The API server's own admission plug-ins.
    pub const SERVER: Self =
        Self { conditions_see_the_namespace: false, errors_deny: false, has_authorizer: true, mutates_at_once: false };
    /// Kyverno's ValidatingPolicy and MutatingPolicy.
    pub const KYVERNO: Self =
        Self { conditions_see_the_namespace: true, errors_deny: true, has_authorizer: false, mutates_at_once: true };
}
