//! The pods that are looked at for a facet.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use serde_json::Value;

use super::facet::{Facet, Vector};
use super::projection::{Projection, Scope};
use super::table::Chosen;
use crate::symbolic::Unit;

/// The pods of a facet: each distinct one once.
#[derive(Debug, Default)]
pub(super) struct Pods {
    known: HashMap<String, usize>,
    pods: Vec<Value>,
    /// By row and what was chosen under it.
    pub assembled: HashMap<Vec<usize>, usize>,
    /// What statements held with before, by row: one basis for many statements makes fewer pods.
    pub bases: HashMap<usize, Vec<Vec<Chosen>>>,
    /// States of names that statements held of before.
    pub vectors: Vec<Vector>,
    projections: HashMap<Scope, Rc<Projection>>,
    /// What a pod is in today's terms.
    pub today: HashMap<usize, usize>,
}

impl Pods {
    /// The number of a pod.
    pub fn number(&mut self, pod: Value) -> usize {
        let next = self.pods.len();
        let number = *self.known.entry(pod.to_string()).or_insert(next);
        if number == next {
            self.pods.push(pod);
        }
        number
    }

    /// What of the facet a question depends on.
    pub fn projection(&mut self, facet: &Facet, scope: &Scope) -> Rc<Projection> {
        if let Some(known) = self.projections.get(scope) {
            return known.clone();
        }
        let projection = Rc::new(Projection::new(facet, scope));
        self.projections.insert(scope.clone(), projection.clone());
        projection
    }

    /// Whether two pods, which have the same containers, are the same in these units.
    pub fn are_alike(&self, one: usize, other: usize, units: &BTreeSet<Unit>) -> bool {
        one == other || units.iter().all(|unit| unit.is_same(self.get(one), self.get(other)))
    }

    /// The first pod with these units as they are in the second.
    pub fn grafted(&self, one: usize, other: usize, units: &BTreeSet<Unit>) -> Value {
        let mut grafted = self.get(one).clone();
        units.iter().for_each(|unit| unit.graft(self.get(other), &mut grafted));
        grafted
    }

    pub fn get(&self, number: usize) -> &Value {
        self.pods.get(number).unwrap_or(&Value::Null)
    }
}
