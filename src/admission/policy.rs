//! One policy, ready to judge pods: its controls read once, in the order in which upstream asks them.

use crate::constraint::Fill;
use crate::controls::{AFTER_VOLUMES, BEFORE_VOLUMES, CONTROLS, Control, Denials, Requirement, Unusable, VOLUMES};
use crate::pod_view::{ContainerList, PodView};
use crate::psp::PodSecurityPolicy;
use crate::release::Release;

/// A policy that the plug-in takes into account.
pub struct AdmissionPolicy {
    name: String,
    requirements: Vec<(&'static Control, Box<dyn Requirement>)>,
    fills: Vec<Fill>,
    before_volumes: Turns,
    volumes: Turns,
    after_volumes: Turns,
    validates_ephemeral_containers: bool,
}

/// Positions in `requirements`, in the order of the questions.
type Turns = Vec<usize>;

impl AdmissionPolicy {
    /// Reads a policy as the registry stores it.
    ///
    /// # Errors
    /// Why the plug-in silently drops it.
    pub fn new(policy: &PodSecurityPolicy, release: &Release) -> Result<Self, Unusable> {
        let mut requirements = Vec::new();
        for control in CONTROLS {
            requirements.extend((control.parse)(policy, release)?.map(|requirement| (control, requirement)));
        }
        Ok(Self {
            name: policy.metadata.name.clone(),
            fills: requirements.iter().flat_map(|(_, requirement)| requirement.fills()).collect(),
            before_volumes: turns(&requirements, &BEFORE_VOLUMES),
            volumes: turns(&requirements, &VOLUMES),
            after_volumes: turns(&requirements, &AFTER_VOLUMES),
            requirements,
            validates_ephemeral_containers: release.validates_ephemeral_containers(),
        })
    }

    /// The policy's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the policy demands, control by control.
    pub fn requirements(&self) -> &[(&'static Control, Box<dyn Requirement>)] {
        &self.requirements
    }

    /// What the policy fills in.
    pub fn fills(&self) -> &[Fill] {
        &self.fills
    }

    /// The pod after the policy's fills, if they change it.
    pub fn filled<'a>(&'a self, pod: &PodView<'a>) -> Option<PodView<'a>> {
        // Most policies leave most pods as they are, so nothing is copied before a fill is known to have an effect.
        let first = self.fills.iter().position(|fill| fill.changes(pod))?;
        let mut filled = pod.clone();
        for fill in self.fills.iter().skip(first) {
            fill.apply(&mut filled);
        }
        Some(filled)
    }

    /// Whether the policy's fills change the pod.
    pub(super) fn fills_in(&self, pod: &PodView<'_>) -> bool {
        self.fills.iter().any(|fill| fill.changes(pod))
    }

    /// Adds what the policy denies in the pod, fills applied, in upstream's order.
    pub(super) fn admit(&self, pod: &PodView<'_>, denials: &mut Denials) {
        self.admit_pod(&self.before_volumes, pod, denials);
        self.admit_volumes(pod, denials);
        self.admit_pod(&self.after_volumes, pod, denials);
        for container in &pod.containers {
            if container.list == ContainerList::Ephemeral && !self.validates_ephemeral_containers {
                continue;
            }
            for (_, requirement) in &self.requirements {
                if denials.is_settled() {
                    return;
                }
                requirement.admit_container(pod, container, denials);
            }
        }
    }

    /// Whether one control by itself admits the pod.
    pub(super) fn control_admits(&self, requirement: &dyn Requirement, pod: &PodView<'_>) -> bool {
        let mut denials = Denials::counted();
        requirement.admit_pod(pod, &mut denials);
        for (index, volume) in pod.volumes.iter().enumerate() {
            requirement.admit_volume(pod, index, volume, &mut denials);
        }
        for container in &pod.containers {
            if container.list != ContainerList::Ephemeral || self.validates_ephemeral_containers {
                requirement.admit_container(pod, container, &mut denials);
            }
        }
        denials.count() == 0
    }

    fn admit_pod(&self, turns: &Turns, pod: &PodView<'_>, denials: &mut Denials) {
        for requirement in self.in_turn(turns) {
            if denials.is_settled() {
                return;
            }
            requirement.admit_pod(pod, denials);
        }
    }

    /// The first control that denies a volume ends the questions about it: a volume of a type that is not allowed is not
    /// asked for its path.
    fn admit_volumes(&self, pod: &PodView<'_>, denials: &mut Denials) {
        for (index, volume) in pod.volumes.iter().enumerate() {
            let before = denials.count();
            for requirement in self.in_turn(&self.volumes) {
                requirement.admit_volume(pod, index, volume, denials);
                if denials.count() > before {
                    break;
                }
            }
        }
    }

    fn in_turn(&self, turns: &Turns) -> impl Iterator<Item = &dyn Requirement> {
        turns.iter().filter_map(|turn| self.requirements.get(*turn)).map(|(_, requirement)| requirement.as_ref())
    }
}

fn turns(requirements: &[(&'static Control, Box<dyn Requirement>)], order: &[&Control]) -> Turns {
    let turn = |control: &&Control| requirements.iter().position(|(other, _)| other.name == control.name);
    order.iter().filter_map(turn).collect()
}
