//! Self-defence: pods are drawn, and both whole deciders run on them.

use super::{Difference, Proof, Question, facet, witness};
use crate::symbolic::Unproven;

/// How many pods are drawn to check that two sides are equal.
const DRAWN: usize = 100;

impl Proof {
    /// Cheap self-defence: draws pods, and runs both whole deciders on them.
    pub(super) fn check_by_drawing(&mut self, question: &Question<'_>, cases: &[Vec<facet::Facet>]) {
        let mut state: u64 = 0x9E37_79B9_7F4A_7C15;
        let mut draw = |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state >> 33).unwrap_or(0) % below.max(1)
        };
        for facets in cases.iter().cycle().take(DRAWN.max(cases.len())) {
            let pod = witness::drawn(facets, &question.place, &mut draw);
            if !crate::validity::is_valid(&pod, question.target_minor) {
                continue;
            }
            let replay = (question.replay)(&pod);
            let decided = matches!(replay.difference, Some(Difference::Stricter | Difference::Looser));
            let filled = replay.difference == Some(Difference::FilledDifferently) && self.pods_equal == Some(true);
            if replay.is_comparable && (decided || filled) {
                let why = format!("an error of psp-migrate: a pod was drawn on which equal sides differ: {pod}");
                *self = Self::unproven(Unproven::new("psp-migrate", why));
                return;
            }
        }
    }
}
