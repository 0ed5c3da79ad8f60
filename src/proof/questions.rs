//! Answers a side's questions with formulas.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::assembly::Place;
use super::bits::Bits;
use super::facet::Facet;
use super::formula::Formulas;
use super::table::{Pods, Tabulation};
use crate::symbolic::{Answer, At, Node, Oracle, Side, Unit, Unproven};

/// The steps that a facet has been through, in order.
type Trail = Vec<usize>;

/// What is shared by both sides: the pods of each facet.
pub(super) type AllPods = Vec<Pods>;

/// The questions of one side.
pub(super) struct Questions<'a, 'f> {
    side: &'a dyn Side,
    place: &'a Place,
    formulas: &'f mut Formulas<'a>,
    pods: &'f mut AllPods,
    /// The facet of each statement.
    of_statement: Vec<usize>,
    /// The facets that each step changes.
    of_step: Vec<Vec<usize>>,
    /// Each state, as the trail of each facet.
    states: Vec<Vec<Trail>>,
    known: HashMap<(usize, Trail, usize), Node>,
    answers: Answers,
}

/// What the side said of pods, so that it is asked once.
#[derive(Default)]
pub(super) struct Answers {
    truths: HashMap<(usize, usize), BTreeMap<usize, Answer<bool>>>,
    images: HashMap<(usize, usize, usize), Answer<Option<usize>>>,
    views: HashMap<(usize, usize), Value>,
}

impl<'a, 'f> Questions<'a, 'f> {
    pub fn new(side: &'a dyn Side, place: &'a Place, formulas: &'f mut Formulas<'a>, pods: &'f mut AllPods) -> Self {
        let facets = formulas.facets();
        let facet_of = |unit: &Unit| facets.iter().position(|facet| facet.units.contains(unit));
        let of_statement = side
            .statements()
            .iter()
            .map(|statement| statement.reads.units.iter().find_map(&facet_of).unwrap_or_default());
        let of_step = side.steps().iter().map(|step| {
            let touched = step.pieces.iter().flat_map(|piece| &piece.units).filter_map(&facet_of);
            let holders = step.pieces.iter().any(|piece| piece.parents);
            let held = facets.iter().enumerate().filter(|(_, facet)| holders && facet.units.iter().any(has_holder));
            let mut touched: Vec<usize> = touched.chain(held.map(|(at, _)| at)).collect();
            touched.sort_unstable();
            touched.dedup();
            touched
        });
        Self {
            of_statement: of_statement.collect(),
            of_step: of_step.collect(),
            states: vec![vec![Trail::new(); facets.len()]],
            known: HashMap::new(),
            answers: Answers::default(),
            side,
            place,
            formulas,
            pods,
        }
    }

    /// Gives back what is known about images, for [`image`].
    pub fn finish(self) -> (Vec<Vec<Trail>>, Answers) {
        (self.states, self.answers)
    }

    fn trail(&self, at: At, facet: usize) -> Trail {
        self.states.get(at.0).and_then(|state| state.get(facet)).cloned().unwrap_or_default()
    }

    fn units(&self, facet: usize) -> &'a [Unit] {
        let facets: &'a [Facet] = self.formulas.facets();
        facets.get(facet).map(|facet| facet.units.as_slice()).unwrap_or_default()
    }

    fn tabulate(&mut self, facet: usize, test: super::table::Test<'_>) -> Answer<Bits> {
        let facets: &'a [Facet] = self.formulas.facets();
        let (Some(of), Some(pods)) = (facets.get(facet), self.pods.get_mut(facet)) else {
            return Err("it reads nothing".to_owned());
        };
        Tabulation { facet: of, pods, place: self.place, test }.table()
    }

    /// In which cells a step leaves the pod as it is, and in which it succeeds.
    fn effect(&mut self, facet: usize, trail: &Trail, step: usize) -> Answer<(Bits, Bits)> {
        let (side, trail) = (self.side, trail.clone());
        let mut answers = std::mem::take(&mut self.answers);
        let units = self.units(facet);
        let before = |pods: &mut Pods, pod: usize, answers: &mut Answers| {
            image(side, (facet, units), &trail, pods, pod, answers)
        };
        let unchanged = self.tabulate(facet, &mut |pods, pod| {
            let Some(from) = before(pods, pod, &mut answers)? else { return Ok(true) };
            Ok(answers.stepped(side, (facet, units), pods, from, step)?.is_none_or(|to| to == from))
        });
        let succeeds = self.tabulate(facet, &mut |pods, pod| {
            let Some(from) = before(pods, pod, &mut answers)? else { return Ok(true) };
            Ok(answers.stepped(side, (facet, units), pods, from, step)?.is_some())
        });
        self.answers = answers;
        Ok((unchanged?, succeeds?))
    }
}

/// A container's security context and the annotations are made where they are absent.
fn has_holder(unit: &Unit) -> bool {
    match unit {
        Unit::Container(path) => path.len() > 1,
        Unit::ContainerAnnotation(_) => true,
        Unit::Pod(path) => path.len() > 2,
        Unit::Volume | Unit::Mount => false,
    }
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
    fn stepped(
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
        let next: Answer<Option<Value>> = side.stepped(view, step).map(|after| {
            after.map(|after| {
                let mut next = before.clone();
                units.iter().for_each(|unit| unit.graft(&after, &mut next));
                next
            })
        });
        let next = next.map(|next| next.map(|next| pods.number(next)));
        self.images.insert((facet, pod, step), next.clone());
        next
    }

    /// Whether a statement holds; the others about the facet are answered along with it.
    fn holds(
        &mut self,
        side: &dyn Side,
        facet: usize,
        of_facet: &[usize],
        pod: (usize, &Value),
        statement: usize,
    ) -> Answer<bool> {
        let truths = self.truths.entry((facet, pod.0)).or_insert_with(|| {
            let view = self.views.entry((facet, pod.0)).or_insert_with(|| side.view(pod.1));
            of_facet.iter().copied().zip(side.holds(view, of_facet)).collect()
        });
        truths.get(&statement).cloned().unwrap_or_else(|| Err("it was not evaluated".to_owned()))
    }
}

impl Oracle for Questions<'_, '_> {
    fn constant(&mut self, truth: bool) -> Node {
        self.formulas.constant(truth)
    }

    fn all(&mut self, nodes: &[Node]) -> Node {
        self.formulas.all(nodes)
    }

    fn not(&mut self, node: Node) -> Node {
        self.formulas.not(node)
    }

    fn ask(&mut self, at: At, statement: usize) -> Result<Node, Unproven> {
        let facet = self.of_statement.get(statement).copied().unwrap_or_default();
        let trail = self.trail(at, facet);
        let key = (facet, trail, statement);
        if let Some(known) = self.known.get(&key) {
            return Ok(*known);
        }
        let of_facet: Vec<usize> =
            self.of_statement.iter().enumerate().filter(|(_, of)| **of == facet).map(|(at, _)| at).collect();
        let mut answers = std::mem::take(&mut self.answers);
        let (side, units) = (self.side, self.units(facet));
        let table = self.tabulate(facet, &mut |pods, pod| {
            let Some(pod) = image(side, (facet, units), &key.1, pods, pod, &mut answers)? else { return Ok(true) };
            answers.holds(side, facet, &of_facet, (pod, pods.get(pod)), statement)
        });
        self.answers = answers;
        let rule = || self.side.statements().get(statement).map(|it| it.rule.clone()).unwrap_or_default();
        let table = table.map_err(|why| Unproven::new(rule(), why))?;
        let node = self.formulas.atom(facet, table);
        self.known.insert(key, node);
        Ok(node)
    }

    fn step(&mut self, at: At, step: usize, given: Node) -> Result<(At, Node), Unproven> {
        let mut state = self.states.get(at.0).cloned().unwrap_or_default();
        let mut succeeds = vec![self.formulas.constant(true)];
        for facet in self.of_step.get(step).cloned().unwrap_or_default() {
            let Some(trail) = state.get_mut(facet) else { continue };
            let rule = || self.side.steps().get(step).map(|it| it.rule.clone()).unwrap_or_default();
            let (unchanged, success) = self.effect(facet, trail, step).map_err(|why| Unproven::new(rule(), why))?;
            let bound = self.formulas.bound(given, facet);
            let everything = self.formulas.facets().get(facet).map(|of| Bits::new(of.size(), true));
            let changes = bound.or(everything).is_some_and(|bound| !bound.is_within(&unchanged));
            if changes {
                trail.push(step);
            }
            succeeds.push(self.formulas.atom(facet, success));
        }
        let succeeds = self.formulas.all(&succeeds);
        let known = self.states.iter().position(|known| *known == state);
        let number = known.unwrap_or_else(|| {
            self.states.push(state);
            self.states.len() - 1
        });
        Ok((At(number), succeeds))
    }

    fn settled(&self, given: Node, node: Node) -> Option<bool> {
        self.formulas.settled(given, node)
    }
}
