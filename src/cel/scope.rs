//! What an expression can see: the object, the request, parameters, the authorizer, and lazily evaluated variables.

use super::authorizer::{Authorize, Identity};
use super::cost::Meter;
use super::error::EvalError;
use super::eval::Runtime;
use super::library::{Outcome, authorizer_value};
use super::program::Program;
use super::value::Value;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Named expressions in the order written; each may use those before it.
#[derive(Debug, Clone, Default)]
pub struct Variables {
    named: Vec<(Arc<str>, Program)>,
}

impl Variables {
    /// Variables in the order written.
    pub fn new(named: Vec<(Arc<str>, Program)>) -> Self {
        Self { named }
    }

    /// Names and programs in the order written.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Program)> {
        self.named.iter().map(|(name, program)| (&**name, program))
    }

    /// The last one of that name wins, as in a policy that declares it twice.
    fn position(&self, name: &str) -> Option<usize> {
        self.named.iter().rposition(|(other, _)| **other == *name)
    }
}

/// The values of one request. Variables are evaluated at most once per scope; clone [`Bindings`] into a new scope to
/// evaluate them again.
#[derive(Debug)]
pub struct Scope<'a> {
    bindings: Bindings<'a>,
    variables: Option<&'a Variables>,
    memo: RefCell<BTreeMap<usize, Outcome>>,
    /// Variables up to this position are visible to the one being evaluated.
    visible: Cell<usize>,
    spent: Cell<Meter>,
}

/// Names and their values.
#[derive(Debug, Clone, Default)]
pub struct Bindings<'a> {
    values: BTreeMap<&'static str, Value>,
    authorize: Option<&'a dyn Authorize>,
}

impl<'a> Bindings<'a> {
    /// No names at all.
    pub fn new() -> Self {
        Self::default()
    }

    /// Binds a name such as `object`, `oldObject`, `request`, `namespaceObject`, `params`.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: Value) -> Self {
        self.values.insert(name, value);
        self
    }

    /// Binds `authorizer` for a requester, and `authorizer.requestResource` if the request is known.
    #[must_use]
    pub fn with_authorizer(
        mut self,
        authorize: &'a dyn Authorize,
        requester: &Identity,
        resource: Option<Value>,
    ) -> Self {
        self.authorize = Some(authorize);
        self.values.insert("authorizer", authorizer_value(requester.clone()));
        if let Some(resource) = resource {
            self.values.insert("authorizer.requestResource", resource);
        }
        self
    }

    /// Takes a name away, e.g. `authorizer` for message expressions.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.values.remove(name);
        self
    }
}

impl<'a> Scope<'a> {
    /// Bindings alone; `variables` is not bound.
    pub fn new(bindings: Bindings<'a>) -> Self {
        Self::with_variables(bindings, None)
    }

    /// Bindings with a policy's variables.
    pub fn with_variables(bindings: Bindings<'a>, variables: Option<&'a Variables>) -> Self {
        Self { bindings, variables, memo: RefCell::default(), visible: Cell::new(usize::MAX), spent: Cell::default() }
    }

    /// Binds a name anew. Variables that were evaluated keep their values.
    pub fn rebind(&mut self, name: &'static str, value: Value) {
        self.bindings.values.insert(name, value);
    }

    /// Gives a variable a value in place of its own, for all that is evaluated from here on.
    pub(crate) fn pin(&self, name: &str, value: Value) {
        if let Some(position) = self.variables.and_then(|variables| variables.position(name)) {
            self.memo.borrow_mut().insert(position, Ok(value));
        }
    }

    /// The names of the variables that have been asked for.
    pub(crate) fn asked_for(&self) -> Vec<&'a str> {
        let memo = self.memo.borrow();
        let named = self.variables.into_iter().flat_map(Variables::iter).enumerate();
        named.filter(|(position, _)| memo.contains_key(position)).map(|(_, (name, _))| name).collect()
    }

    /// What variables have cost since the last call; the policy pays it.
    pub fn take_variable_cost(&self) -> Meter {
        self.spent.take()
    }

    pub(crate) fn resolve(&self, name: &str) -> Option<&Value> {
        self.bindings.values.get(name)
    }

    pub(crate) fn authorize(&self) -> Option<&dyn Authorize> {
        self.bindings.authorize
    }

    pub(crate) fn declares_variable(&self, name: &str) -> bool {
        self.variables.is_some_and(|variables| variables.position(name).is_some())
    }

    /// The value of a variable, evaluated on first use.
    pub(crate) fn variable(&self, name: &str, depth: usize) -> Outcome {
        let found = self.variables.and_then(|all| Some((all, all.position(name).filter(|p| *p < self.visible.get())?)));
        let Some((variables, position)) = found else {
            return Err(EvalError::Runtime(format!("no such key: {name}")));
        };
        if let Some(known) = self.memo.borrow().get(&position) {
            return known.clone();
        }
        let Some((_, program)) = variables.named.get(position) else {
            return Err(EvalError::Runtime(format!("no such key: {name}")));
        };
        let outer = self.visible.replace(position);
        let outcome = self.evaluate_variable(name, program, depth);
        self.visible.set(outer);
        self.memo.borrow_mut().insert(position, outcome.clone());
        outcome
    }

    fn evaluate_variable(&self, name: &str, program: &Program, depth: usize) -> Outcome {
        let mut runtime = Runtime::new(self, depth);
        let outcome = runtime.eval(program.node());
        let (spent, own) = (self.spent.get(), runtime.meter());
        self.spent.set(Meter { units: spent.units.saturating_add(own.units), checks: spent.checks + own.checks });
        outcome.map_err(|error| match error {
            EvalError::CannotEvaluate { .. } => error.within(program.source()),
            other => EvalError::Runtime(format!("composited variable {name:?} fails to evaluate: {other}")),
        })
    }
}
