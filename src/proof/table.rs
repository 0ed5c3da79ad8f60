//! Tables: in which cells of a facet a statement holds, found by evaluating it on concrete pods.
//!
//! A statement is a for-all: of a pod with the elements e₁ … eₙ under a row it says e₁ ∧ … ∧ eₙ. A pod needs a container,
//! and a list that has items needs one; so a cell is evaluated beside a *basis*: elements for what is needed, with which
//! the statement holds. Where no basis exists no pod under that row makes the statement true.

use super::assembly::{Assembly, Place};
use super::bits::Bits;
use super::facet::{Element, Facet, Kind, STATES, Vector, add};
use super::pods::Pods;
use super::projection::Projection;
use crate::symbolic::Answer;

/// Looks at a pod, known by its number.
pub(super) type Test<'t> = &'t mut dyn FnMut(&mut Pods, usize) -> Answer<bool>;

/// One element of a group with its vector.
pub(super) type Chosen = (usize, usize, Vector);

/// Evaluates a statement on a facet.
pub(super) struct Tabulation<'a> {
    pub facet: &'a Facet,
    pub pods: &'a mut Pods,
    pub place: &'a Place,
    pub projection: &'a Projection,
    pub test: Test<'a>,
}

impl Tabulation<'_> {
    /// Where the statement holds, in normal form: see [`Facet::normalise`].
    pub fn table(mut self) -> Answer<Bits> {
        let mut table = Bits::new(self.facet.size(), true);
        let mut unclear = false;
        let mut clear = false;
        for row in 0..self.facet.rows.len() {
            let rows = self.row(row, &mut table)?;
            unclear |= rows.unclear;
            clear |= rows.clear;
        }
        if unclear && !clear {
            return Err("no lists of capabilities were found of which it holds".to_owned());
        }
        self.facet.normalise(&mut table);
        Ok(table)
    }

    fn row(&mut self, row: usize, table: &mut Bits) -> Answer<Slotted> {
        let mut seen = Slotted::default();
        let facet = self.facet;
        let Some(basis) = self.basis(row)? else {
            seen.unclear = facet.groups.iter().flat_map(|group| &group.elements).any(|it| !it.names.is_empty());
            for group in facet.groups.iter().filter(|group| facet.has(row, &group.kind)) {
                for bit in group.elements.iter().flat_map(|element| element.first..element.first + element.bits()) {
                    table.set(facet.bit(row, bit), false);
                }
            }
            return Ok(seen);
        };
        for (at, group) in facet.groups.iter().enumerate().filter(|(_, group)| facet.has(row, &group.kind)) {
            for (index, element) in group.elements.iter().enumerate() {
                self.element(row, &basis, (at, index), element, table, &mut seen)?;
            }
        }
        Ok(seen)
    }

    fn element(
        &mut self,
        row: usize,
        basis: &[Chosen],
        (group, index): (usize, usize),
        element: &Element,
        table: &mut Bits,
        seen: &mut Slotted,
    ) -> Answer<()> {
        if element.names.is_empty() {
            let bit = self.facet.bit(row, element.first);
            let holds = self.facet.valid.get(bit) && self.holds(row, basis, (group, index, Vector::new()))?;
            table.set(bit, holds);
            return Ok(());
        }
        if !self.projection.names {
            seen.clear = true;
            let holds = self.holds(row, basis, (group, index, nothing(element)))?;
            let bits = (element.first..element.first + element.bits()).map(|local| self.facet.bit(row, local));
            bits.for_each(|bit| table.set(bit, holds && self.facet.valid.get(bit)));
            return Ok(());
        }
        let mut base = None;
        let known = self.pods.vectors.iter().filter(|known| known.len() == element.names.len());
        for vector in known.cloned().chain(vectors(element)).collect::<Vec<_>>() {
            if self.is_valid(row, element, &vector) && self.holds(row, basis, (group, index, vector.clone()))? {
                base = Some(vector);
                break;
            }
        }
        if let Some(base) = base.as_ref().filter(|base| !self.pods.vectors.contains(base)) {
            self.pods.vectors.push(base.clone());
        }
        seen.clear |= base.is_some();
        seen.unclear |= base.is_none();
        for (slot, bits) in element.slots().enumerate() {
            for (state, local) in bits.enumerate() {
                let bit = self.facet.bit(row, local);
                let holds = match &base {
                    Some(base) if self.facet.valid.get(bit) => {
                        let mut vector = base.clone();
                        vector.iter_mut().enumerate().filter(|(at, _)| *at == slot).for_each(|(_, it)| *it = state);
                        self.holds(row, basis, (group, index, vector))?
                    }
                    _ => false,
                };
                table.set(bit, holds);
            }
        }
        Ok(())
    }

    fn is_valid(&self, row: usize, element: &Element, vector: &Vector) -> bool {
        let bits = element.slots().zip(vector).map(|(bits, state)| bits.start + state);
        bits.into_iter().all(|bit| self.facet.valid.get(self.facet.bit(row, bit)))
    }

    /// Elements for what a pod under this row needs, with which the statement holds.
    fn basis(&mut self, row: usize) -> Answer<Option<Vec<Chosen>>> {
        for known in self.pods.bases.get(&row).cloned().unwrap_or_default() {
            let pod = self.pod(row, &known, None);
            if (self.test)(self.pods, pod)? {
                return Ok(Some(known));
            }
        }
        let facet = self.facet;
        let needed = facet.groups.iter().enumerate().filter(|(_, group)| is_needed(facet, row, &group.kind));
        let mut candidates: Vec<Vec<Chosen>> = vec![Vec::new()];
        for (at, group) in needed {
            let mut choices: Vec<Chosen> = Vec::new();
            for (index, element) in group.elements.iter().enumerate() {
                let vectors = if self.projection.names { vectors(element) } else { vec![nothing(element)] };
                let valid = vectors.into_iter().filter(|vector| self.is_sound(row, element, vector));
                choices.extend(valid.map(|vector| (at, self.projection.element(at, index), vector)));
            }
            choices.dedup();
            candidates = candidates
                .iter()
                .flat_map(|chosen| {
                    choices.iter().map(move |choice| chosen.iter().cloned().chain([choice.clone()]).collect())
                })
                .collect();
        }
        for candidate in candidates {
            let pod = self.pod(row, &candidate, None);
            if (self.test)(self.pods, pod)? {
                self.pods.bases.entry(row).or_default().push(candidate.clone());
                return Ok(Some(candidate));
            }
        }
        Ok(None)
    }

    fn is_sound(&self, row: usize, element: &Element, vector: &Vector) -> bool {
        if element.names.is_empty() {
            return self.facet.valid.get(self.facet.bit(row, element.first));
        }
        self.is_valid(row, element, vector)
    }

    /// Whether the statement holds of the basis with one more element, or with that element in place of its like.
    fn holds(&mut self, row: usize, basis: &[Chosen], more: Chosen) -> Answer<bool> {
        let pod = self.pod(row, basis, Some(more));
        (self.test)(self.pods, pod)
    }

    /// The pod that is looked at for a row, a basis and one more element.
    fn pod(&mut self, row: usize, basis: &[Chosen], more: Option<Chosen>) -> usize {
        let names = |group: usize, element: usize| {
            let element = self.facet.groups.get(group).and_then(|group| group.elements.get(element));
            element.map(|element| element.names.as_slice()).unwrap_or_default()
        };
        let seen = |(group, element, vector): &Chosen| {
            (*group, self.projection.element(*group, *element), self.projection.vector(names(*group, *element), vector))
        };
        let row = self.projection.row(row);
        let replaced = more.as_ref().map(|(group, _, _)| *group);
        let kept = basis.iter().filter(|(group, _, _)| Some(*group) != replaced).chain(&more);
        let kept: Vec<Chosen> = kept.map(seen).collect();
        let mut key = vec![row];
        for (group, element, vector) in &kept {
            key.extend([*group, *element]);
            key.extend(vector);
            key.push(usize::MAX);
        }
        if let Some(number) = self.pods.assembled.get(&key) {
            return *number;
        }
        let mut assembly = Assembly::default();
        self.facet.add_row(row, &mut assembly);
        for (group, element, vector) in kept {
            if let Some(group) = self.facet.groups.get(group)
                && let Some(element) = group.elements.get(element)
            {
                add(&group.kind, element, &vector, &mut assembly);
            }
        }
        let number = self.pods.number(assembly.pod(self.place));
        self.pods.assembled.insert(key, number);
        number
    }
}

/// Whether elements with slots found a vector to start from.
#[derive(Default)]
struct Slotted {
    clear: bool,
    unclear: bool,
}

/// Whether a pod under this row cannot be without.
pub(super) fn is_needed(facet: &Facet, row: usize, kind: &Kind) -> bool {
    match kind {
        Kind::Container => true,
        Kind::Item(_) => facet.has(row, kind),
        Kind::InitContainer | Kind::Volume => false,
    }
}

/// Vectors to start from: all names alike, and every name in turn apart.
fn vectors(element: &Element) -> Vec<Vector> {
    let alike = [0, 2, 1, 3].map(|state| vec![state; element.names.len()]);
    let apart =
        |rest: usize| (0..element.names.len()).flat_map(move |slot| (0..STATES).map(move |state| (slot, state, rest)));
    let apart = [2, 0].into_iter().flat_map(apart).filter(|(_, state, rest)| state != rest);
    let apart = apart.map(|(slot, state, rest)| {
        let mut vector = vec![rest; element.names.len()];
        vector.iter_mut().enumerate().filter(|(at, _)| *at == slot).for_each(|(_, it)| *it = state);
        vector
    });
    if element.names.is_empty() {
        return vec![Vector::new()];
    }
    [nothing(element)].into_iter().chain(alike).chain(apart).collect()
}

/// No name is mentioned.
fn nothing(element: &Element) -> Vector {
    vec![0; element.names.len()]
}

impl Facet {
    /// The normal form of a table: under a row that lacks what a pod needs nothing holds, and nothing of an element holds
    /// of which a slot has no state left. Bits that stand for nothing are set.
    pub fn normalise(&self, table: &mut Bits) {
        table.intersect(&self.valid);
        for row in 0..self.rows.len() {
            for element in self.groups.iter().flat_map(|group| &group.elements).filter(|it| !it.names.is_empty()) {
                if !self.is_alive(row, element, table) {
                    table.clear(self.bit(row, element.first)..self.bit(row, element.first + element.bits()));
                }
            }
            let mut needed = self.groups.iter().filter(|group| is_needed(self, row, &group.kind));
            if !needed.all(|group| group.elements.iter().any(|element| self.is_alive(row, element, table))) {
                table.clear(self.bit(row, 0)..self.bit(row, self.width));
            }
        }
        table.add_missing(&self.valid, &self.all);
    }

    /// Whether every slot of an element has a state left in a table.
    fn is_alive(&self, row: usize, element: &Element, table: &Bits) -> bool {
        element.slots().all(|mut bits| bits.any(|bit| table.get(self.bit(row, bit))))
    }
}
