//! Formulas over for-all statements, in a form in which what says the same is the same.
//!
//! A conjunction holds at most one positive table per facet: statements about one facet are for-alls over the same
//! elements, so their conjunction is the intersection of their tables. Disjunctions are negated conjunctions.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::bits::Bits;
use super::facet::Facet;
use crate::symbolic::Node;

/// A statement in its facet, by the number of its table.
pub(super) type Atom = (usize, usize);

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Form {
    /// True of every pod; its negation of none.
    True,
    Atom(Atom),
    Not(Node),
    /// Sorted, without duplicates, two at least.
    All(Vec<Node>),
}

/// All formulas of one comparison.
pub(super) struct Formulas<'a> {
    facets: &'a [Facet],
    tables: Vec<Vec<Bits>>,
    numbers: HashMap<(usize, Bits), usize>,
    forms: Vec<Form>,
    nodes: HashMap<Form, Node>,
}

impl<'a> Formulas<'a> {
    pub fn new(facets: &'a [Facet]) -> Self {
        let tables = facets.iter().map(|_| Vec::new()).collect();
        let mut formulas = Self { facets, tables, numbers: HashMap::new(), forms: Vec::new(), nodes: HashMap::new() };
        formulas.node(Form::True);
        formulas
    }

    pub fn facets(&self) -> &'a [Facet] {
        self.facets
    }

    pub fn form(&self, node: Node) -> &Form {
        let at = usize::try_from(node.0).unwrap_or(usize::MAX);
        self.forms.get(at).unwrap_or(&Form::True)
    }

    pub fn constant(&mut self, truth: bool) -> Node {
        let truth_node = self.node(Form::True);
        if truth { truth_node } else { self.not(truth_node) }
    }

    /// The node of a table of a facet, which is in normal form.
    pub fn atom(&mut self, facet: usize, table: Bits) -> Node {
        let Some(of) = self.facets.get(facet) else { return self.constant(true) };
        if table == of.all {
            return self.constant(true);
        }
        if table == of.nowhere {
            return self.constant(false);
        }
        let tables = self.tables.get_mut(facet);
        let Some(tables) = tables else { return self.constant(true) };
        let number = *self.numbers.entry((facet, table.clone())).or_insert(tables.len());
        if number == tables.len() {
            tables.push(table);
        }
        self.node(Form::Atom((facet, number)))
    }

    pub fn table(&self, (facet, number): Atom) -> Option<&Bits> {
        self.tables.get(facet)?.get(number)
    }

    pub fn not(&mut self, node: Node) -> Node {
        match self.form(node) {
            Form::Not(inner) => *inner,
            _ => self.node(Form::Not(node)),
        }
    }

    pub fn all(&mut self, nodes: &[Node]) -> Node {
        let mut tables: BTreeMap<usize, Bits> = BTreeMap::new();
        let mut others: BTreeSet<Node> = BTreeSet::new();
        let falsehood = self.constant(false);
        let mut open: Vec<Node> = nodes.to_vec();
        while let Some(node) = open.pop() {
            match self.form(node).clone() {
                Form::True => {}
                Form::All(parts) => open.extend(parts),
                Form::Atom((facet, number)) => {
                    let Some(table) = self.table((facet, number)).cloned() else { continue };
                    tables.entry(facet).and_modify(|known| known.intersect(&table)).or_insert(table);
                }
                Form::Not(_) if node == falsehood => return falsehood,
                Form::Not(_) => drop(others.insert(node)),
            }
        }
        for (facet, mut table) in tables {
            if let Some(of) = self.facets.get(facet) {
                of.normalise(&mut table);
            }
            let atom = self.atom(facet, table);
            if atom == falsehood {
                return falsehood;
            }
            others.insert(atom);
        }
        self.simplified(others)
    }

    /// The conjunction, negated tables that the positive ones decide taken out.
    fn simplified(&mut self, mut parts: BTreeSet<Node>) -> Node {
        let truth = self.constant(true);
        let falsehood = self.constant(false);
        parts.remove(&truth);
        let context: BTreeMap<usize, Bits> = self.upper(&parts);
        let mut kept = BTreeSet::new();
        for part in &parts {
            if let Form::Not(inner) = self.form(*part) {
                match self.decided(&context, &parts, *inner) {
                    Some(true) => return falsehood,
                    Some(false) => continue,
                    None => {}
                }
            }
            kept.insert(*part);
        }
        let kept: Vec<Node> = kept.into_iter().collect();
        match kept.as_slice() {
            [] => truth,
            [only] => *only,
            _ => self.node(Form::All(kept)),
        }
    }

    /// The tables of the atoms among conjuncts.
    fn upper(&self, parts: &BTreeSet<Node>) -> BTreeMap<usize, Bits> {
        let atoms = parts.iter().filter_map(|part| match self.form(*part) {
            Form::Atom(atom) => Some((atom.0, self.table(*atom)?.clone())),
            _ => None,
        });
        atoms.collect()
    }

    /// Whether a node is plainly true or false where all of `parts` are true, of which `context` holds the tables.
    fn decided(&self, context: &BTreeMap<usize, Bits>, parts: &BTreeSet<Node>, node: Node) -> Option<bool> {
        if parts.contains(&node) {
            return Some(true);
        }
        match self.form(node) {
            Form::True => Some(true),
            Form::Not(inner) => self.decided(context, parts, *inner).map(|truth| !truth),
            Form::Atom(atom) => {
                let (known, table) = (context.get(&atom.0)?, self.table(*atom)?);
                if known.is_within(table) {
                    return Some(true);
                }
                let mut both = known.clone();
                both.intersect(table);
                let facet = self.facets.get(atom.0)?;
                facet.normalise(&mut both);
                (both == facet.nowhere).then_some(false)
            }
            Form::All(inner) => {
                let mut all_true = true;
                for part in inner {
                    match self.decided(context, parts, *part) {
                        Some(false) => return Some(false),
                        Some(true) => {}
                        None => all_true = false,
                    }
                }
                all_true.then_some(true)
            }
        }
    }

    /// Whether `node` is plainly true or false where `given` holds.
    pub fn settled(&self, given: Node, node: Node) -> Option<bool> {
        let parts: BTreeSet<Node> = match self.form(given) {
            Form::All(parts) => parts.iter().copied().collect(),
            _ => BTreeSet::from([given]),
        };
        self.decided(&self.upper(&parts), &parts, node)
    }

    /// A table that every pod of which `given` holds lies within, if there is one.
    pub fn bound(&self, given: Node, facet: usize) -> Option<Bits> {
        match self.form(given) {
            Form::Atom(atom) if atom.0 == facet => self.table(*atom).cloned(),
            Form::All(parts) => parts.iter().find_map(|part| match self.form(*part) {
                Form::Atom(atom) if atom.0 == facet => self.table(*atom).cloned(),
                _ => None,
            }),
            _ => None,
        }
    }

    fn node(&mut self, form: Form) -> Node {
        let next = Node(u32::try_from(self.forms.len()).unwrap_or(u32::MAX));
        let node = *self.nodes.entry(form.clone()).or_insert(next);
        if node == next {
            self.forms.push(form);
        }
        node
    }
}
