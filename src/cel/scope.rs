//! What an expression can see: the object, the request, parameters, the authorizer, and lazily evaluated variables.

use super::authorizer::{Authorize, Identity};
use super::cost::Meter;
use super::error::EvalError;
use super::eval::Runtime;
use super::library::{Outcome, authorizer_value};
use super::memo::{Found, Memo};
use super::object::Object;
use super::program::Program;
use super::requester::RequesterSeen;
use super::value::Value;
use super::variables::{Reach, Variables};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The values of one request. Variables are evaluated at most once per scope; clone [`Bindings`] into a new scope to
/// evaluate them again.
#[derive(Debug)]
pub struct Scope<'a> {
    bindings: Bindings<'a>,
    variables: Option<&'a Variables>,
    /// What variables were found to be, by position.
    memo: RefCell<Vec<Option<Outcome>>>,
    /// Variables up to this position are visible to the one being evaluated.
    visible: Cell<usize>,
    spent: Cell<Meter>,
    /// For each variable that is being evaluated, those that it has asked for.
    asked: RefCell<Vec<Vec<usize>>>,
    /// Whether some variable has another value than its own.
    is_pinned: Cell<bool>,
}

/// The name of the object that a request is about.
const OBJECT: &str = "object";

/// Names and their values.
#[derive(Debug, Clone, Default)]
pub struct Bindings<'a> {
    values: BTreeMap<&'static str, Value>,
    authorize: Option<&'a dyn Authorize>,
    /// What is known of `object`.
    of_object: Option<Arc<Memo>>,
    /// Who wants to know whether an expression looks at who asks.
    requester_seen: Option<RequesterSeen>,
}

impl<'a> Bindings<'a> {
    /// No names at all.
    pub fn new() -> Self {
        Self::default()
    }

    /// Binds a name such as `object`, `oldObject`, `request`, `namespaceObject`, `params`.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: Value) -> Self {
        self.bind(name, value);
        self
    }

    /// Binds `object`. Variables that look at nothing else are evaluated once for it.
    #[must_use]
    pub fn with_object(mut self, object: &Object) -> Self {
        self.bind(OBJECT, object.value());
        self.of_object = Some(object.memo().clone());
        self
    }

    /// Has expressions that may look at who asks noted.
    #[must_use]
    pub fn noting_requester(mut self, seen: RequesterSeen) -> Self {
        self.requester_seen = Some(seen);
        self
    }

    fn bind(&mut self, name: &'static str, value: Value) {
        if name == OBJECT {
            self.of_object = None;
        }
        self.values.insert(name, value);
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
        Self {
            bindings,
            variables,
            memo: RefCell::default(),
            visible: Cell::new(usize::MAX),
            spent: Cell::default(),
            asked: RefCell::default(),
            is_pinned: Cell::default(),
        }
    }

    /// Binds a name anew. Variables that were evaluated keep their values.
    pub fn rebind(&mut self, name: &'static str, value: Value) {
        self.bindings.bind(name, value);
        // What was evaluated before may rest on what the name was.
        self.bindings.of_object = None;
    }

    /// Gives a variable a value in place of its own, for all that is evaluated from here on.
    pub(crate) fn pin(&self, name: &str, value: Value) {
        if let Some(position) = self.variables.and_then(|variables| variables.position(name)) {
            self.know(position, Ok(value));
            self.is_pinned.set(true);
        }
    }

    /// The names of the variables that have been asked for.
    pub(crate) fn asked_for(&self) -> Vec<&'a str> {
        let named = self.variables.into_iter().flat_map(Variables::iter).enumerate();
        named.filter(|(position, _)| self.knows(*position)).map(|(_, (name, _))| name).collect()
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
        if let Some(asked) = self.asked.borrow_mut().last_mut() {
            asked.push(position);
        }
        if let Some(Some(known)) = self.memo.borrow().get(position) {
            return known.clone();
        }
        let Some(program) = variables.program(position) else {
            return Err(EvalError::Runtime(format!("no such key: {name}")));
        };
        let shared = self.bindings.of_object.as_deref().filter(|_| !self.is_pinned.get());
        let is_of_object = variables.identity(position).is_some_and(|(reach, _)| reach != Reach::More);
        let shared = shared.filter(|_| is_of_object);
        if let Some(found) = shared.and_then(|memo| self.adopt(memo, variables, position)) {
            return found.outcome.clone();
        }
        let outer = self.visible.replace(position);
        self.asked.borrow_mut().push(Vec::new());
        let (outcome, cost) = self.evaluate_variable(name, program, depth);
        let asked = self.asked.borrow_mut().pop().unwrap_or_default();
        self.visible.set(outer);
        if let Some(memo) = shared {
            let asked = asked.into_iter().filter_map(|position| variables.name(position).cloned()).collect();
            memo.keep(variables, position, Found { outcome: outcome.clone(), cost, asked });
        }
        self.know(position, outcome.clone());
        outcome
    }

    /// Whether the variable at a position has been asked for.
    fn knows(&self, position: usize) -> bool {
        matches!(self.memo.borrow().get(position), Some(Some(_)))
    }

    /// Keeps what the variable at a position is; whether that is news.
    fn know(&self, position: usize, outcome: Outcome) -> bool {
        let mut memo = self.memo.borrow_mut();
        if memo.len() <= position {
            memo.resize(position + 1, None);
        }
        memo.get_mut(position).is_some_and(|known| known.replace(outcome).is_none())
    }

    /// Takes over what a variable was found to be, with the variables behind it, and pays for them.
    fn adopt(&self, memo: &Memo, variables: &Variables, position: usize) -> Option<Arc<Found>> {
        let found = memo.get(variables, position)?;
        if self.know(position, found.outcome.clone()) {
            self.pay(found.cost);
            for asked in found.asked.iter().filter_map(|name| variables.position(name)) {
                if !self.knows(asked) {
                    self.adopt(memo, variables, asked);
                }
            }
        }
        Some(found)
    }

    fn pay(&self, cost: Meter) {
        let spent = self.spent.get();
        self.spent.set(Meter { units: spent.units.saturating_add(cost.units), checks: spent.checks + cost.checks });
    }

    /// Notes that the program, which is about to be evaluated, may look at who asks.
    pub(super) fn note_requester(&self, program: &Program) {
        if let Some(seen) = self.bindings.requester_seen.as_ref().filter(|_| program.sees_requester()) {
            seen.note();
        }
    }

    fn evaluate_variable(&self, name: &str, program: &Program, depth: usize) -> (Outcome, Meter) {
        self.note_requester(program);
        let mut runtime = Runtime::new(self, depth);
        let outcome = runtime.eval(program.node());
        self.pay(runtime.meter());
        let outcome = outcome.map_err(|error| match error {
            EvalError::CannotEvaluate { .. } => error.within(program.source()),
            other => EvalError::Runtime(format!("composited variable {name:?} fails to evaluate: {other}")),
        });
        (outcome, runtime.meter())
    }
}
