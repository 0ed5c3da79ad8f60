//! Policies as a stage: what they ask for, what they say of who asks, and the way of pods through them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::{Closed, SymbolicPolicies};
use crate::cel::Value;
use crate::cel::eval::Runtime;
use crate::cel::{Bindings, Scope};
use crate::symbolic::{Answer, At, Node, Oracle, Stage, Statement, Step, Subject, Travelling, Unproven, merged};

impl Stage for SymbolicPolicies<'_> {
    fn statements(&self) -> &[Statement] {
        &self.statements
    }

    fn steps(&self) -> &[Step] {
        &self.steps
    }

    fn holds(&self, pod: &Json, statements: &[usize]) -> Vec<Answer<bool>> {
        self.all_hold(pod, statements)
    }

    fn stepped(&self, pod: &Json, step: usize) -> Answer<Option<Json>> {
        self.after(pod, step)
    }

    fn travel(&self, pods: Vec<Travelling>, oracle: &mut dyn Oracle) -> Result<Vec<Travelling>, Unproven> {
        let mut out = Vec::new();
        for (given, at) in self.mutated(pods, oracle)? {
            let passes = self.passes(at, oracle)?;
            out.push((oracle.all(&[given, passes]), at));
        }
        self.answered(out).map_err(|why| Unproven::new("authorizer", why))
    }

    fn situation(&self, subject: &Subject) -> Vec<u8> {
        let request = (self.request_of)(subject);
        let mut bindings: BTreeMap<(usize, bool), Bindings<'_>> = BTreeMap::new();
        let mut scopes: BTreeMap<(usize, bool, String), Scope<'_>> = BTreeMap::new();
        let mut said = Vec::with_capacity(self.closed.len());
        for Closed { run: at, node, bare, pinned } in &self.closed {
            let Some(run) = self.runs.get(*at) else { continue };
            let names = || self.bindings(&run.param, &request, *bare);
            let scope = || {
                let names = bindings.entry((*at, *bare)).or_insert_with(names).clone();
                let scope = Scope::with_variables(names, Some(&run.policy.variables));
                pinned.iter().for_each(|(name, value)| scope.pin(name, Value::from_json(value)));
                scope
            };
            let scope = scopes.entry((*at, *bare, format!("{pinned:?}"))).or_insert_with(scope);
            said.push(match Runtime::new(scope, 0).eval(node) {
                Ok(Value::Bool(truth)) => u8::from(truth),
                _ => 2,
            });
        }
        let matching: Vec<String> = self.runs.iter().map(|run| format!("{} {}", run.policy.name, run.param)).collect();
        said.extend(format!("{matching:?}").into_bytes());
        if self.depends_on_subject {
            said.extend(format!("{subject:?}").into_bytes());
        }
        said
    }

    fn mentioned(&self) -> BTreeSet<String> {
        self.mentioned.clone()
    }

    fn left_open(&self, namespace: &str) -> Option<BTreeSet<String>> {
        self.open_names(namespace)
    }

    /// Branches that the class never takes may be others', but if they tell subjects apart that is known.
    fn is_for(&self, _namespace: &str) -> bool {
        self.is_everywhere && !self.depends_on_subject
    }
}

impl SymbolicPolicies<'_> {
    /// Where pods are after the mutating policies.
    fn mutated(&self, mut pods: Vec<Travelling>, oracle: &mut dyn Oracle) -> Result<Vec<Travelling>, Unproven> {
        for round in 0..2 {
            // A second round changes nothing of a pod that the first did not change: it does the same again.
            for invocation in self.mutating.iter().filter(|invocation| round == 0 || invocation.again) {
                pods = merged(invocation.change(pods, oracle)?, oracle);
            }
        }
        Ok(pods)
    }

    /// What it takes for a pod that is somewhere to pass the validating policies.
    fn passes(&self, at: At, oracle: &mut dyn Oracle) -> Result<Node, Unproven> {
        let mut all = Vec::new();
        for invocation in &self.validating {
            all.push(invocation.passes(at, oracle)?);
        }
        Ok(oracle.all(&all))
    }
}
