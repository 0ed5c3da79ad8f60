//! Pod Security Admission (PSA): namespace labels, three levels, 19 checks.
//!
//! Decides as the API server's own plug-in does, at every version of the standards, to the letter of its texts. Source:
//! `k8s.io/pod-security-admission` v0.37.2. Changes that upstream made without a new version (an `image` volume is allowed
//! by restricted since server 1.33, AppArmor fields count since 1.30, …) are taken as that release has them.

mod admission;
mod checks;
mod configuration;
pub mod convert;
mod decide;
mod evaluate;
mod fit;
mod labels;
mod level;
mod pod;
mod registry;
mod side;

pub use admission::{Admission, Exemptions, Operation, Refusal, Request, Resource, Response};
pub use configuration::ConfigurationError;
pub use convert::{Advice, LevelRelation, NamespaceAdvice, Psa, advise};
pub use decide::PsaDecider;
pub use evaluate::{CheckResult, Evaluation, PsaPod, evaluate};
pub use fit::{Blocker, Fit, blockers, fit, strictest_level};
pub use labels::{
    AUDIT, AUDIT_VERSION, ENFORCE, ENFORCE_VERSION, PREFIX, Policy, WARN, WARN_VERSION, policy_to_evaluate,
};
pub use level::{Level, LevelVersion, UnknownLevel, UnknownVersion, Version};
pub use registry::newest_minor;
