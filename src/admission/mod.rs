//! The PodSecurityPolicy admission plug-in: which policy admits a pod, with what changes, or why none does.
//!
//! A CREATE goes through two phases. The mutating phase tries every usable policy on a copy of the pod and chooses the
//! first by name that admits the pod untouched, else the first that admits it after its fills. Then the API server
//! prepares and validates the pod, and the validating phase must find a policy that admits the result untouched. An
//! UPDATE goes through the validating phase alone. Source: `plugin/pkg/admission/security/podsecuritypolicy/admission.go`.

mod choice;
mod message;
mod policy;
mod prepare;
mod trial;
mod validity;

use crate::field_error::FieldError;
use crate::pod_view::PodView;
use crate::release::Release;
use choice::{Choice, Mutation};

pub use message::Refusal;
pub use policy::AdmissionPolicy;
pub(crate) use prepare::seccomp_field_for;
pub use trial::{ControlTrial, Trial};
pub(crate) use validity::errors as api_validation;

/// The plug-in with its policies, listed by name.
pub struct Plugin {
    release: Release,
    policies: Vec<AdmissionPolicy>,
    validates_pods: bool,
}

/// What happens to the pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// The pod is created; policies may fill it in.
    Create,
    /// The pod is changed; no policy may fill anything in.
    Update,
}

impl Operation {
    /// The operation's name in an AdmissionReview.
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
        }
    }
}

/// The phase of the request that refused it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// The mutating phase.
    Admit,
    /// The validating phase.
    Validate,
}

/// What the plug-in and the API server decide. Policies are given by their position in [`Plugin::policies`].
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict<'a> {
    /// The pod is admitted.
    Admitted {
        /// The policy that was chosen: on CREATE by the mutating phase, which also names it in the pod's annotation.
        by: usize,
        /// The policy that the validating phase settled on.
        validated_by: usize,
        /// The resulting pod.
        pod: Box<PodView<'a>>,
    },
    /// No usable policy admits the pod.
    Denied {
        /// Which phase says so.
        phase: Phase,
        /// Why not.
        refusal: Refusal,
    },
    /// The plug-in admits the pod, and the API server refuses the result.
    Invalid {
        /// The policy that was chosen.
        by: usize,
        /// What API validation says of the result.
        errors: Vec<FieldError>,
    },
}

impl Plugin {
    /// The plug-in with these policies. They are tried in the byte order of their names, whatever the order here.
    pub fn new(release: Release, mut policies: Vec<AdmissionPolicy>) -> Self {
        policies.sort_by(|a, b| a.name().cmp(b.name()));
        Self { release, policies, validates_pods: true }
    }

    /// Leaves API validation of the filled pod aside: the verdict is the plug-in's alone.
    #[must_use]
    pub fn without_pod_validation(mut self) -> Self {
        self.validates_pods = false;
        self
    }

    /// The release whose rules apply.
    pub fn release(&self) -> &Release {
        &self.release
    }

    /// The policies in the order in which they are tried.
    pub fn policies(&self) -> &[AdmissionPolicy] {
        &self.policies
    }

    /// The pod after the fills of a policy, if they change it.
    pub fn filled<'a>(&'a self, policy: usize, pod: &PodView<'a>) -> Option<PodView<'a>> {
        self.policies.get(policy)?.filled(pod)
    }

    /// Decides about a pod, of which one of the two identities may use the policies for which `usable` answers true.
    pub fn decide<'a>(
        &'a self,
        operation: Operation,
        pod: &PodView<'a>,
        usable: impl Fn(usize) -> bool,
    ) -> Verdict<'a> {
        match operation {
            Operation::Create => self.create(pod, &usable),
            Operation::Update => match self.choose(pod, &usable, Mutation::Forbidden) {
                Some(Choice { by, .. }) => Verdict::Admitted { by, validated_by: by, pod: Box::new(pod.clone()) },
                None => self.denied(Phase::Validate, pod, usable),
            },
        }
    }

    /// The pod as the API server stores it when no policy has a say.
    pub fn stored<'a>(&self, pod: &PodView<'a>) -> PodView<'a> {
        let mut pod = pod.clone();
        prepare::for_create(&mut pod, &self.release);
        pod
    }

    fn create<'a>(&'a self, pod: &PodView<'a>, usable: &impl Fn(usize) -> bool) -> Verdict<'a> {
        let Some(Choice { by, filled }) = self.choose(pod, usable, Mutation::Allowed) else {
            return self.denied(Phase::Admit, pod, usable);
        };
        let mut pod = filled.unwrap_or_else(|| pod.clone());
        pod.psp_annotation = self.policies.get(by).map(AdmissionPolicy::name);
        let prepared = prepare::for_create(&mut pod, &self.release);
        let errors = if self.validates_pods { validity::errors(&pod) } else { Vec::new() };
        if !errors.is_empty() {
            return Verdict::Invalid { by, errors };
        }
        if !prepared {
            // The policy has just admitted this very pod, fills included, and filling twice changes nothing.
            return Verdict::Admitted { by, validated_by: by, pod: Box::new(pod) };
        }
        match self.choose(&pod, usable, Mutation::Forbidden) {
            Some(Choice { by: validated_by, .. }) => Verdict::Admitted { by, validated_by, pod: Box::new(pod) },
            None => self.denied(Phase::Validate, &pod, usable),
        }
    }

    fn denied<'a>(&'a self, phase: Phase, pod: &PodView<'a>, usable: impl Fn(usize) -> bool) -> Verdict<'a> {
        Verdict::Denied { phase, refusal: self.refusal(pod, usable) }
    }
}
