//! Native policies: ValidatingAdmissionPolicy (1.30), and MutatingAdmissionPolicy (1.36) for what is filled in.
//!
//! Policies are alternatives, and several native policies would all have to agree: one validating policy therefore holds
//! them all, and one mutating policy holds the whole choice, because no order among several is defined. The validating
//! policy judges the pod after the mutating one, and demands what filling would have made of it: an update, to which
//! nothing is filled in, is thereby judged as the plug-in judged it. Before 1.36 nothing is filled in, and what would be
//! admitted after filling is admitted as it is.

mod access;
mod decide;
mod emit;
mod gaps;
mod grants;
mod mutating;
mod residual;
mod side;
mod static_manifests;
mod validating;

#[cfg(test)]
mod tests;

use serde_json::Value;

use super::{Context, Decider, Emission, Target, api_group};
use crate::plan::{Options, Plan};
pub use decide::NativePolicies;
pub use static_manifests::SINCE as STATIC_SINCE;

/// The target `vap`.
#[derive(Debug, Clone, Copy)]
pub struct Vap;

/// The first minor version that serves MutatingAdmissionPolicy as v1.
pub const MUTATING_SINCE: u8 = 36;

impl Target for Vap {
    fn name(&self) -> &'static str {
        "vap"
    }

    fn fills_in(&self, options: &Options) -> bool {
        options.target_minor >= MUTATING_SINCE
    }

    fn needs(&self) -> &'static str {
        "Kubernetes 1.30; 1.36 to fill pods in"
    }

    fn residual(&self, options: &Options) -> Vec<String> {
        residual::residual(options)
    }

    fn emit(&self, plan: &Plan<'_>) -> Emission {
        emit::emit(plan)
    }

    fn reads(&self, document: &Value) -> bool {
        api_group(document) == "admissionregistration.k8s.io"
    }

    fn read<'a>(&self, documents: &[Value], context: &Context<'a>) -> Box<dyn Decider + 'a> {
        Box::new(NativePolicies::read(documents, context))
    }
}
