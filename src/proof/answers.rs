//! What a side says of single pods, so that it is asked once.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::pods::Pods;
use crate::symbolic::{Answer, Side, Unit};

/// What the side said of pods, so that it is asked once.
#[derive(Default)]
pub(super) struct Answers {
    truths: HashMap<(usize, usize), BTreeMap<usize, Answer<bool>>>,
    images: HashMap<(usize, usize, usize), Answer<Option<usize>>>,
    views: HashMap<(usize, usize), Value>,
}

/// The pod at the end of a trail; `None` if a step on it failed.
pub(super) fn image(
    side: &dyn Side,
    facet: (usize, &[Unit]),
    trail: &[usize],
    pods: &mut Pods,
    pod: usize,
    answers: &mut Answers,
) -> Answer<Option<usize>> {
    let mut at = pod;
    for step in trail {
        match answers.stepped(side, facet, pods, at, *step)? {
            Some(next) => at = next,
            None => return Ok(None),
        }
    }
    Ok(Some(at))
}

impl Answers {
    /// The pod with the facet's units as they are after a step; other facets have pods of their own.
    pub fn stepped(
        &mut self,
        side: &dyn Side,
        (facet, units): (usize, &[Unit]),
        pods: &mut Pods,
        pod: usize,
        step: usize,
    ) -> Answer<Option<usize>> {
        if let Some(known) = self.images.get(&(facet, pod, step)) {
            return known.clone();
        }
        let before = pods.get(pod);
        let view = self.views.entry((facet, pod)).or_insert_with(|| side.view(before));
        let next: Answer<Option<Option<Value>>> = side.stepped(view, step).map(|after| {
            after.map(|after| {
                let differ = units.iter().any(|unit| !unit.is_same(&after, before));
                differ.then(|| {
                    let mut next = before.clone();
                    units.iter().for_each(|unit| unit.graft(&after, &mut next));
                    next
                })
            })
        });
        let next = next.map(|next| next.map(|next| next.map_or(pod, |next| pods.number(next))));
        self.images.insert((facet, pod, step), next.clone());
        next
    }

    /// Whether a statement holds; those that depend on the same are answered along with it.
    pub fn holds(
        &mut self,
        side: &dyn Side,
        facet: usize,
        alike: &[usize],
        pod: (usize, &Value),
        statement: usize,
    ) -> Answer<bool> {
        let truths = self.truths.entry((facet, pod.0)).or_default();
        if !truths.contains_key(&statement) {
            let view = self.views.entry((facet, pod.0)).or_insert_with(|| side.view(pod.1));
            truths.extend(alike.iter().copied().zip(side.holds(view, alike)));
        }
        truths.get(&statement).cloned().unwrap_or_else(|| Err("it was not evaluated".to_owned()))
    }
}
