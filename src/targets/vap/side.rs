//! Native policies as a side of a proof: mutating policies, the server's own preparation and validation, validating ones.

use super::decide::NativePolicies;
use crate::cel::policy::{Dialect, SymbolicPolicies};
use crate::symbolic::{Stage, Stages, Subject, Unproven};
use crate::targets::cel_policies::server::{Server, smallest_request};
use crate::targets::cel_policies::stored::as_stored;

/// The policies, for one class of subjects.
pub(super) fn side<'a>(native: &'a NativePolicies<'a>, subject: &Subject) -> Result<Stages<'a>, Unproven> {
    let policies = || {
        let surroundings = native.surroundings(&subject.namespace);
        SymbolicPolicies::new(Dialect::SERVER, subject, smallest_request, surroundings)
    };
    let mutating = policies().with_mutating(native.policies().mutating())?;
    let validating = policies().with_validating(native.policies().validating())?;
    let server = Server::new(native.validates_pods() && !mutating.steps().is_empty());
    let mut stages = Stages::new(as_stored).everywhere(true);
    stages.push(mutating);
    stages.push(server);
    stages.push(validating);
    Ok(stages)
}
