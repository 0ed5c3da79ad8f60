//! Why no policy admits a pod, in the words of the old API server.

use std::fmt::Write;

use crate::controls::Denials;
use crate::field_error::{FieldError, go_quote};
use crate::pod_view::PodView;
use crate::release::Release;

use super::{Phase, Plugin};

/// Why no policy admits a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The cluster has no policy that the plug-in could use, whoever asks.
    NoPolicies,
    /// What each usable policy denies, by position. Policies that would have to fill in where that is not allowed, and
    /// policies that are not usable, contribute nothing.
    Denials(Vec<(usize, Vec<FieldError>)>),
}

impl Plugin {
    /// What every usable policy says against the pod.
    pub(super) fn refusal(&self, pod: &PodView<'_>, usable: impl Fn(usize) -> bool) -> Refusal {
        if self.policies.is_empty() {
            return Refusal::NoPolicies;
        }
        let denials = |(by, policy): (usize, &super::AdmissionPolicy)| {
            let filled = policy.filled(pod);
            let mut denials = Denials::collected();
            policy.admit(filled.as_ref().unwrap_or(pod), &mut denials);
            Some((by, denials.into_errors())).filter(|(_, errors)| !errors.is_empty())
        };
        let usable_policies = self.policies.iter().enumerate().filter(|(by, _)| usable(*by));
        Refusal::Denials(usable_policies.filter_map(denials).collect())
    }
}

impl Refusal {
    /// The complete message of the API server. `name` is the request's name, else the pod's, else its `generateName`.
    ///
    /// The server prints the blocks of several policies in random order; here they stand in the order of their names.
    pub fn message(&self, name: &str, phase: Phase, release: &Release) -> String {
        let name = if name.is_empty() { "Unknown" } else { name };
        let prefix = if release.names_the_phase() { "PodSecurityPolicy: " } else { "" };
        let mut message = format!("pods {} is forbidden: {prefix}", go_quote(name));
        match self {
            Self::NoPolicies => message.push_str("no providers available to validate pod request"),
            Self::Denials(blocks) => {
                let errors = blocks.iter().flat_map(|(_, errors)| errors);
                message.push_str(unable(phase, release));
                let mut before = ": [";
                for error in errors {
                    // Writing to a `String` cannot fail.
                    let _ = write!(message, "{before}{error}");
                    before = " ";
                }
                message.push_str(if before == " " { "]" } else { ": []" });
            }
        }
        message
    }
}

fn unable(phase: Phase, release: &Release) -> &'static str {
    match phase {
        _ if !release.names_the_phase() => "unable to validate against any pod security policy",
        Phase::Admit => "unable to admit pod",
        Phase::Validate => "unable to validate pod",
    }
}
