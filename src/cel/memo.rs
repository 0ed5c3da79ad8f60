//! What variables that look at nothing but `object` were found to be, kept as long as the object.
//!
//! A scope that takes a value from here pays what it cost when it was found, for the variables behind it too, each once:
//! budgets run out where they would without.

use super::cost::Meter;
use super::error::EvalError;
use super::library::Outcome;
use super::variables::Variables;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The values for one object, whichever policies ask for them.
#[derive(Debug, Default)]
pub(super) struct Memo(Mutex<Vec<(Variables, Positions)>>);

type Positions = BTreeMap<usize, Arc<Found>>;

/// What one variable is.
#[derive(Debug)]
pub(super) struct Found {
    pub outcome: Outcome,
    /// What its own expression cost.
    pub cost: Meter,
    /// The positions of the variables that it asked for.
    pub asked: Vec<usize>,
}

impl Memo {
    /// What a variable was found to be.
    pub fn get(&self, variables: &Variables, position: usize) -> Option<Arc<Found>> {
        let kept = self.kept();
        let (_, found) = kept.iter().find(|(of, _)| of.are(variables))?;
        found.get(&position).cloned()
    }

    /// Keeps what a variable was found to be. What is no answer is not kept, nor what rests on something that is not.
    pub fn keep(&self, variables: &Variables, position: usize, found: Found) {
        if matches!(found.outcome, Err(EvalError::CannotEvaluate { .. })) {
            return;
        }
        let mut kept = self.kept();
        let at = kept.iter().position(|(of, _)| of.are(variables)).unwrap_or_else(|| {
            kept.push((variables.clone(), Positions::new()));
            kept.len() - 1
        });
        if let Some((_, known)) = kept.get_mut(at)
            && found.asked.iter().all(|asked| known.contains_key(asked))
        {
            known.insert(position, Arc::new(found));
        }
    }

    fn kept(&self) -> MutexGuard<'_, Vec<(Variables, Positions)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
