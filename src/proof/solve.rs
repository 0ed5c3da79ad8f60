//! Whether some pod makes a formula true: a SAT solver chooses truths for the statements, [`theory`] says whether some pod
//! is like that, and where none is, the solver learns which of the truths cannot go together.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use batsat::{BasicSolver, Lit, SolverInterface, lbool};

use super::bits::Bits;
use super::formula::{Atom, Form, Formulas};
use super::theory::{self, Part};
use crate::symbolic::Node;

/// A pod, facet by facet: the facets that matter.
pub(super) type Model = BTreeMap<usize, Part>;

/// What is known to go together, kept from question to question.
pub(super) struct Solver<'f, 'a> {
    formulas: &'f Formulas<'a>,
    sat: BasicSolver,
    literals: HashMap<Node, Lit>,
    /// The pod has init containers.
    init: Lit,
    atoms: BTreeMap<usize, Vec<(usize, Lit)>>,
}

impl<'f, 'a> Solver<'f, 'a> {
    pub fn new(formulas: &'f Formulas<'a>) -> Self {
        let mut sat = BasicSolver::default();
        let init = Lit::new(sat.new_var_default(), true);
        Self { formulas, sat, literals: HashMap::new(), init, atoms: BTreeMap::new() }
    }

    /// A pod that makes the node true, and whether it has init containers; `None` if there is none.
    pub fn pod(&mut self, node: Node) -> Option<(Model, bool)> {
        let wanted = self.literal(node);
        for with_init in [!self.init, self.init] {
            while self.sat.solve_limited(&[wanted, with_init]) == lbool::TRUE {
                let mut needed = BTreeMap::new();
                self.justify(node, true, &mut needed, &mut BTreeSet::new());
                match self.check(&needed, with_init == self.init) {
                    Ok(model) => return Some((model, with_init == self.init)),
                    Err(mut clause) => drop(self.sat.add_clause_reuse(&mut clause)),
                }
            }
        }
        None
    }

    /// Never again a pod of which all these statements, and no others, are known: for one that could not be used.
    pub fn forbid(&mut self, node: Node) -> bool {
        let mut needed = BTreeMap::new();
        self.justify(node, true, &mut needed, &mut BTreeSet::new());
        let mut clause: Vec<Lit> = needed
            .iter()
            .filter_map(|(atom, truth)| {
                let literal = self.atom_literal(*atom)?;
                Some(if *truth { !literal } else { literal })
            })
            .collect();
        !clause.is_empty() && self.sat.add_clause_reuse(&mut clause)
    }

    fn atom_literal(&self, (facet, number): Atom) -> Option<Lit> {
        self.atoms.get(&facet)?.iter().find(|(known, _)| *known == number).map(|(_, literal)| *literal)
    }

    /// The literal of a node, with the clauses that say what it means.
    fn literal(&mut self, node: Node) -> Lit {
        if let Some(known) = self.literals.get(&node) {
            return *known;
        }
        let literal = match self.formulas.form(node).clone() {
            Form::Not(inner) => !self.literal(inner),
            Form::True => {
                let literal = Lit::new(self.sat.new_var_default(), true);
                self.sat.add_clause_reuse(&mut vec![literal]);
                literal
            }
            Form::Atom(atom) => self.add_atom(atom),
            Form::All(parts) => {
                let parts: Vec<Lit> = parts.iter().map(|part| self.literal(*part)).collect();
                let literal = Lit::new(self.sat.new_var_default(), true);
                for part in &parts {
                    self.sat.add_clause_reuse(&mut vec![!literal, *part]);
                }
                let mut clause: Vec<Lit> = parts.iter().map(|part| !*part).chain([literal]).collect();
                self.sat.add_clause_reuse(&mut clause);
                literal
            }
        };
        self.literals.insert(node, literal);
        literal
    }

    /// A new statement, with what follows from it and what it follows from.
    fn add_atom(&mut self, (facet, number): Atom) -> Lit {
        let literal = Lit::new(self.sat.new_var_default(), true);
        let own = self.formulas.table((facet, number));
        let known = self.atoms.entry(facet).or_default();
        for (other, other_literal) in known.iter() {
            let (Some(own), Some(other)) = (own, self.formulas.table((facet, *other))) else { continue };
            if own.is_within(other) {
                self.sat.add_clause_reuse(&mut vec![!literal, *other_literal]);
            }
            if other.is_within(own) {
                self.sat.add_clause_reuse(&mut vec![!*other_literal, literal]);
            }
        }
        known.push((number, literal));
        literal
    }

    fn is_true(&self, node: Node) -> bool {
        self.literals.get(&node).is_some_and(|literal| self.sat.value_lit(*literal) == lbool::TRUE)
    }

    /// The statements that make a node true, or false, in the solver's model.
    fn justify(&self, node: Node, truth: bool, needed: &mut BTreeMap<Atom, bool>, seen: &mut BTreeSet<(Node, bool)>) {
        if !seen.insert((node, truth)) {
            return;
        }
        match self.formulas.form(node) {
            Form::True => {}
            Form::Not(inner) => self.justify(*inner, !truth, needed, seen),
            Form::Atom(atom) => drop(needed.insert(*atom, truth)),
            Form::All(parts) if truth => parts.iter().for_each(|part| self.justify(*part, true, needed, seen)),
            Form::All(parts) => {
                let known = parts.iter().find(|part| seen.contains(&(**part, false)));
                let false_one = known.or_else(|| parts.iter().find(|part| !self.is_true(**part)));
                if let Some(false_one) = false_one {
                    self.justify(*false_one, false, needed, seen);
                }
            }
        }
    }

    /// The parts of a pod of which statements are true and false as needed, or a clause that no pod breaks.
    fn check(&self, needed: &BTreeMap<Atom, bool>, init: bool) -> Result<Model, Vec<Lit>> {
        let mut facets: BTreeMap<usize, (Vec<usize>, Vec<usize>)> = BTreeMap::new();
        for ((facet, number), truth) in needed {
            let (truths, falsehoods) = facets.entry(*facet).or_default();
            if *truth { truths.push(*number) } else { falsehoods.push(*number) }
        }
        let mut model = Model::new();
        for (facet, (truths, falsehoods)) in facets {
            match self.part(facet, &truths, &falsehoods, init) {
                Some(part) => drop(model.insert(facet, part)),
                None => return Err(self.conflict(facet, truths, falsehoods, init)),
            }
        }
        Ok(model)
    }

    fn part(&self, facet: usize, truths: &[usize], falsehoods: &[usize], init: bool) -> Option<Part> {
        let of = self.formulas.facets().get(facet)?;
        let mut all = Bits::new(of.size(), true);
        truths.iter().filter_map(|number| self.formulas.table((facet, *number))).for_each(|table| all.intersect(table));
        let falsehoods: Vec<&Bits> =
            falsehoods.iter().filter_map(|number| self.formulas.table((facet, *number))).collect();
        theory::part(of, &all, &falsehoods, init)
    }

    /// Of truths that do not go together, as few as still do not, as a clause.
    fn conflict(&self, facet: usize, mut truths: Vec<usize>, mut falsehoods: Vec<usize>, init: bool) -> Vec<Lit> {
        for at in (0..falsehoods.len()).rev() {
            let fewer: Vec<usize> = without(&falsehoods, at);
            if self.part(facet, &truths, &fewer, init).is_none() {
                falsehoods = fewer;
            }
        }
        for at in (0..truths.len()).rev() {
            let fewer = without(&truths, at);
            if self.part(facet, &fewer, &falsehoods, init).is_none() {
                truths = fewer;
            }
        }
        let literal = |number: &usize| self.atom_literal((facet, *number));
        let truths = truths.iter().filter_map(literal).map(|literal| !literal);
        let clause = truths.chain(falsehoods.iter().filter_map(literal));
        let here = if init { !self.init } else { self.init };
        clause.chain([here]).collect()
    }
}

fn without(numbers: &[usize], at: usize) -> Vec<usize> {
    numbers.iter().enumerate().filter(|(index, _)| *index != at).map(|(_, number)| *number).collect()
}
