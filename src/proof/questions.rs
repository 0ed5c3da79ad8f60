//! Answers a side's questions with formulas.

use std::collections::HashMap;

use super::answers::{Answers, image};
use super::assembly::Place;
use super::bits::Bits;
use super::facet::Facet;
use super::formula::Formulas;
use super::pods::Pods;
use super::projection::Scope;
use super::table::{Holds, Tabulation};
use crate::symbolic::{Answer, At, Node, Oracle, Reads, Side, Unit, Unproven};

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
    /// The facet of each statement, and what of it the statement depends on.
    of_statement: Vec<(usize, Scope)>,
    /// The facets that each step changes.
    of_step: Vec<Vec<usize>>,
    /// Each state, as the trail of each facet.
    states: Vec<Vec<Trail>>,
    known: HashMap<Key, Node>,
    answers: Answers,
    tables: &'f mut Tables,
}

/// What a side says of a facet, which may be the same in several cases: found once.
#[derive(Default)]
pub(super) struct Tables {
    /// Where a statement holds at the end of a trail.
    truths: HashMap<(usize, Key), Bits>,
    /// Where a step changes nothing, and where it succeeds.
    effects: HashMap<(usize, Key), (Bits, Bits)>,
}

/// A facet, the steps that it has been through, and a statement or a step.
type Key = (usize, Trail, usize);

impl<'a, 'f> Questions<'a, 'f> {
    pub fn new(
        side: &'a dyn Side,
        place: &'a Place,
        formulas: &'f mut Formulas<'a>,
        pods: &'f mut AllPods,
        tables: &'f mut Tables,
    ) -> Self {
        let facets = formulas.facets();
        let facet_of = |unit: &Unit| facets.iter().position(|facet| facet.units.contains(unit));
        // What tells cases apart is in many facets.
        let has_all = |facet: &Facet, reads: &Reads| reads.units.iter().all(|unit| facet.units.contains(unit));
        let of_statement = side.statements().iter().map(|statement| {
            let facet = facets.iter().position(|facet| has_all(facet, &statement.reads)).unwrap_or_default();
            (facet, facets.get(facet).map(|of| Scope::of(&statement.reads, of)).unwrap_or_default())
        });
        let of_step = side.steps().iter().map(|step| {
            let touched = step.pieces.iter().flat_map(|piece| &piece.units).filter_map(&facet_of);
            let holders = step.pieces.iter().any(|piece| piece.parents);
            let held = facets
                .iter()
                .enumerate()
                .filter(|(_, facet)| holders && facet.units.iter().any(|unit| unit.holder().is_some()));
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
            tables,
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

    fn tabulate(&mut self, facet: usize, scope: &Scope, of_steps: bool, test: super::table::Test<'_>) -> Answer<Bits> {
        let facets: &'a [Facet] = self.formulas.facets();
        let (Some(of), Some(pods)) = (facets.get(facet), self.pods.get_mut(facet)) else {
            return Err("it reads nothing".to_owned());
        };
        let projection = &pods.projection(of, scope);
        let tabulation = Tabulation::new(of, pods, self.place, projection, test);
        if of_steps { tabulation.presumed().table() } else { tabulation.table() }
    }

    /// In which cells a statement holds at the end of a trail.
    fn truth(&mut self, of: &Facet, key: &Key, scope: &Scope) -> Answer<Bits> {
        let (facet, trail, statement) = key;
        let side = self.side;
        let all = self.of_statement.iter().enumerate();
        let alike = all.filter(|(_, own)| own.0 == *facet && own.1 == *scope).map(|(at, _)| at);
        let alike: Vec<usize> = alike.collect();
        let scope = scope.clone().at_the_beginning(trail, side.steps(), of);
        let mut answers = std::mem::take(&mut self.answers);
        let units = of.units.as_slice();
        let table = self.tabulate(*facet, &scope, !trail.is_empty(), &mut |pods, pod| {
            let Some(pod) = image(side, (*facet, units), trail, pods, pod, &mut answers)? else {
                return Ok(Holds::Unreached);
            };
            answers.holds(side, *facet, &alike, (pod, pods.get(pod)), *statement).map(Holds::from)
        });
        self.answers = answers;
        table
    }

    /// In which cells a step leaves the pod as it is, and in which it succeeds.
    fn effect(&mut self, facet: usize, trail: &Trail, step: usize) -> Answer<(Bits, Bits)> {
        let facets: &'a [Facet] = self.formulas.facets();
        let of = facets.get(facet).ok_or("it reads nothing")?;
        let key = (of.case, (facet, trail.clone(), step));
        if let Some(known) = self.tables.effects.get(&key) {
            return Ok(known.clone());
        }
        let (mut unchanged, mut succeeds) = (Bits::new(of.size(), true), Bits::new(of.size(), true));
        let side = self.side;
        let pieces = side.steps().get(step).into_iter().flat_map(|step| &step.pieces).map(|piece| Scope::of(piece, of));
        for piece in Scope::apart(pieces) {
            let (unchanged_by, succeeds_for) = self.effect_of(facet, trail, step, &piece)?;
            unchanged.intersect(&unchanged_by);
            succeeds.intersect(&succeeds_for);
        }
        of.normalise(&mut unchanged);
        of.normalise(&mut succeeds);
        self.tables.effects.insert(key, (unchanged.clone(), succeeds.clone()));
        Ok((unchanged, succeeds))
    }

    /// The same for what pieces of a step read and write together.
    fn effect_of(&mut self, facet: usize, trail: &Trail, step: usize, pieces: &Scope) -> Answer<(Bits, Bits)> {
        let side = self.side;
        let facets: &'a [Facet] = self.formulas.facets();
        let of = facets.get(facet).ok_or("it reads nothing")?;
        let scope = pieces.clone().at_the_beginning(trail, side.steps(), of);
        let mut answers = std::mem::take(&mut self.answers);
        let units = of.units.as_slice();
        let before =
            |pods: &mut Pods, pod: usize, answers: &mut Answers| image(side, (facet, units), trail, pods, pod, answers);
        let unchanged = self.tabulate(facet, &scope, true, &mut |pods, pod| {
            let Some(from) = before(pods, pod, &mut answers)? else { return Ok(Holds::Unreached) };
            let to = answers.stepped(side, (facet, units), pods, from, step)?;
            Ok(to.map_or(Holds::Unreached, |to| pods.are_alike(from, to, &pieces.units).into()))
        });
        let succeeds = self.tabulate(facet, &scope, true, &mut |pods, pod| {
            let Some(from) = before(pods, pod, &mut answers)? else { return Ok(Holds::Unreached) };
            Ok(answers.stepped(side, (facet, units), pods, from, step)?.is_some().into())
        });
        self.answers = answers;
        Ok((unchanged?, succeeds?))
    }
}

impl<'a> Oracle for Questions<'a, '_> {
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
        let (facet, scope) = self.of_statement.get(statement).cloned().unwrap_or_default();
        let trail = self.trail(at, facet);
        let key = (facet, trail, statement);
        if let Some(known) = self.known.get(&key) {
            return Ok(*known);
        }
        let facets: &'a [Facet] = self.formulas.facets();
        let side = self.side;
        let rule = || side.statements().get(statement).map(|it| it.rule.clone()).unwrap_or_default();
        let reads = side.statements().get(statement).map(|it| &it.reads);
        // What nobody was expected to ask for has no cells.
        let is_expected = reads.is_some_and(|reads| reads.parents || !reads.units.is_empty());
        let of = facets.get(facet).filter(|_| is_expected);
        let of = of.ok_or_else(|| Unproven::new(rule(), "it reads nothing"))?;
        let in_case = (of.case, key.clone());
        let table = match self.tables.truths.get(&in_case) {
            Some(known) => known.clone(),
            None => {
                let table = self.truth(of, &key, &scope).map_err(|why| Unproven::new(rule(), why))?;
                self.tables.truths.insert(in_case, table.clone());
                table
            }
        };
        let node = self.formulas.atom(facet, table);
        self.known.insert(key, node);
        Ok(node)
    }

    fn step(&mut self, at: At, step: usize, given: Node) -> Result<(At, Node), Unproven> {
        if let Some(of) = self.side.steps().get(step).filter(|of| of.pieces.is_empty()) {
            return Err(Unproven::new(of.rule.clone(), "it writes nothing"));
        }
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
