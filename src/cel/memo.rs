//! What variables that look at nothing but `object` were found to be, kept as long as the object; and what those that look
//! at nothing but `object.spec` were found to be, kept for all objects of one `spec`.
//!
//! A scope that takes a value from here pays what it cost when it was found, for the variables behind it too, each once:
//! budgets run out where they would without.

use super::cost::Meter;
use super::error::EvalError;
use super::library::Outcome;
use super::value::Value;
use super::variables::{Identity, Reach, Variables};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// The values for one object, whichever policies ask for them.
#[derive(Debug, Default)]
pub(super) struct Memo {
    of_object: Kept,
    of_spec: Arc<OfSpec>,
}

/// What is known of a `spec`, whichever objects have it.
#[derive(Debug, Default)]
pub(super) struct OfSpec {
    /// It, as expressions see it.
    pub value: OnceLock<Value>,
    kept: Kept,
}

type Kept = Mutex<BTreeMap<Identity, Arc<Found>>>;

/// What one variable is.
#[derive(Debug)]
pub(super) struct Found {
    pub outcome: Outcome,
    /// What its own expression cost.
    pub cost: Meter,
    /// The names of the variables that it asked for.
    pub asked: Vec<Arc<str>>,
}

impl Memo {
    /// Nothing is known of an object but its `spec`.
    pub fn with_spec(of_spec: Arc<OfSpec>) -> Self {
        Self { of_object: Mutex::default(), of_spec }
    }

    /// What is known of the object's `spec`.
    pub fn of_spec(&self) -> &Arc<OfSpec> {
        &self.of_spec
    }

    /// What a variable was found to be.
    pub fn get(&self, variables: &Variables, position: usize) -> Option<Arc<Found>> {
        let (reach, identity) = variables.identity(position)?;
        self.kept(reach)?.get(identity).cloned()
    }

    /// Keeps what a variable was found to be. What is no answer is not kept, nor what rests on something that is not.
    pub fn keep(&self, variables: &Variables, position: usize, found: Found) {
        if matches!(found.outcome, Err(EvalError::CannotEvaluate { .. })) {
            return;
        }
        let is_kept = |name: &Arc<str>| {
            let position = variables.position(name);
            position.is_some_and(|position| self.get(variables, position).is_some())
        };
        if found.asked.iter().all(is_kept)
            && let Some((reach, identity)) = variables.identity(position)
            && let Some(mut kept) = self.kept(reach)
        {
            kept.insert(*identity, Arc::new(found));
        }
    }

    fn kept(&self, reach: Reach) -> Option<MutexGuard<'_, BTreeMap<Identity, Arc<Found>>>> {
        let kept = match reach {
            Reach::Spec => &self.of_spec.kept,
            Reach::Object => &self.of_object,
            Reach::More => return None,
        };
        Some(kept.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
