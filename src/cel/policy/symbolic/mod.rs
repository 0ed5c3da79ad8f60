//! Native policies as a side of a proof: their expressions split into for-all statements, their mutations into steps.
//!
//! Everything is read off the text of the policies. What is not seen to be a for-all, or to act on each part of the pod by
//! itself, makes the answer unproven, with the rule and its path.

mod change;
mod look;
mod shape;
mod truth;
mod value;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value as Json;

use super::document::{Policies, Policy, text};
use super::request::{Request, Surroundings};
use super::{matching, params};
use crate::cel::ast::{Kind, Node};
use crate::cel::eval::Runtime;
use crate::cel::{Bindings, EvalError, Program, Scope, Value, Variables};
use crate::symbolic::{Answer, At, Oracle, Reads, Statement, Step, Subject, Unproven};
use change::{Change, Travelling};
use look::Look;
use truth::{Mode, Truth};

/// The policies, for the requests of one class of subjects.
pub struct SymbolicPolicies<'a> {
    surroundings: Surroundings<'a>,
    request: Request,
    mutating: Vec<Invocation>,
    validating: Vec<Invocation>,
    runs: Vec<Run<'a>>,
    statements: Vec<Statement>,
    asked: Vec<Asked<'a>>,
    steps: Vec<Step>,
    patches: Vec<Patch<'a>>,
    known: HashMap<(usize, usize, bool), Truth>,
    /// What does not depend on the pod: run, expression, and whether it is a match condition.
    closed: Vec<(usize, &'a Node, bool)>,
    mentioned: BTreeSet<String>,
    /// Some statement depends on who asks.
    depends_on_subject: bool,
}

/// A policy with one binding and one parameter.
struct Run<'a> {
    policy: &'a Policy,
    param: Json,
    /// The names that do not depend on the pod, with and without `namespaceObject`.
    bindings: [Bindings<'a>; 2],
}

/// What a run takes, in terms of statements and steps.
struct Invocation {
    /// The match conditions hold; and one of them is false.
    applies: Truth,
    skips: Truth,
    denies_on_error: bool,
    again: bool,
    changes: Vec<Change>,
    /// What it takes for the request not to be denied.
    passes: Truth,
}

/// An expression that a statement stands for.
struct Asked<'a> {
    run: usize,
    node: &'a Node,
    mode: Mode,
    /// The statement says the opposite of the expression.
    negated: bool,
    /// Without `namespaceObject`: match conditions.
    bare: bool,
}

/// An expression that gives the patch of a step.
#[derive(Debug, Clone)]
pub(super) struct Patch<'a> {
    policy: usize,
    node: &'a Node,
    pinned: BTreeMap<String, Json>,
}

impl<'a> SymbolicPolicies<'a> {
    /// The policies as they apply to `request`, whose object is the smallest pod of its class.
    ///
    /// # Errors
    /// What in the documents is not understood.
    pub fn new(policies: &'a Policies, request: Request, surroundings: Surroundings<'a>) -> Result<Self, Unproven> {
        let mut own = Self {
            surroundings,
            request,
            mutating: Vec::new(),
            validating: Vec::new(),
            runs: Vec::new(),
            statements: Vec::new(),
            asked: Vec::new(),
            steps: Vec::new(),
            patches: Vec::new(),
            known: HashMap::new(),
            closed: Vec::new(),
            mentioned: BTreeSet::new(),
            depends_on_subject: false,
        };
        for policy in &policies.mutating {
            for run in own.runs_of(policy)? {
                let invocation = own.mutation(run)?;
                own.mutating.push(invocation);
            }
        }
        for policy in &policies.validating {
            for (run, denies) in own.denying_runs_of(policy)? {
                let invocation = own.validation(run, denies)?;
                own.validating.push(invocation);
            }
        }
        Ok(own)
    }

    /// The statements that are asked for.
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }

    /// Texts that are compared with what does not depend on the pod.
    pub fn mentioned(&self) -> &BTreeSet<String> {
        &self.mentioned
    }

    /// What the policies say of a request as far as it does not depend on the pod.
    pub fn situation(&self, request: &Request, subject: &Subject) -> Vec<u8> {
        let mut said = Vec::with_capacity(self.closed.len());
        for (run, node, bare) in &self.closed {
            let Some(run) = self.runs.get(*run) else { continue };
            let scope = Scope::with_variables(self.bindings(&run.param, request, *bare), Some(&run.policy.variables));
            said.push(match Runtime::new(&scope, 0).eval(node) {
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

    /// The steps that are taken.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    fn rule(policy: &Policy, path: &str) -> String {
        let kind = text(&policy.document, "/kind");
        format!("{kind}/{} {path}", policy.name)
    }

    /// The positions of a policy's runs: those that its bindings make for the class.
    fn runs_of(&mut self, policy: &'a Policy) -> Result<Vec<usize>, Unproven> {
        Ok(self.bound(policy)?.into_iter().map(|(run, _)| run).collect())
    }

    fn denying_runs_of(&mut self, policy: &'a Policy) -> Result<Vec<(usize, bool)>, Unproven> {
        self.bound(policy)
    }

    fn bound(&mut self, policy: &'a Policy) -> Result<Vec<(usize, bool)>, Unproven> {
        if policy.bindings.is_empty() {
            return Ok(Vec::new());
        }
        if let Some(refusal) = policy.refusals.first() {
            let why = format!("the API server refuses it: {}", refusal.finding.message);
            return Err(Unproven::new(Self::rule(policy, &refusal.field), why));
        }
        let unproven = |path: &str, why: &str| Unproven::new(Self::rule(policy, path), why);
        if policy.asks_namespace && self.surroundings.namespace_object.is_none() {
            let why = "a namespace that is not among the input may have any labels, and they decide";
            return Err(unproven("spec", why));
        }
        for (path, constraints) in [("spec.matchConstraints", policy.constraints())].into_iter().chain(
            policy.bindings.iter().filter_map(|it| Some(("spec.matchResources", it.pointer("/spec/matchResources")?))),
        ) {
            if looks_at_the_object(constraints) {
                return Err(unproven(path, "it selects pods by their labels or names"));
            }
        }
        let matches = |constraints: &Json| matching::matches(constraints, &self.request, &self.surroundings);
        if !matches(policy.constraints()).map_err(|why| unproven("spec.matchConstraints", &why))? {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        for binding in &policy.bindings {
            let resources = binding.pointer("/spec/matchResources");
            let selected = resources.map_or(Ok(true), matches).map_err(|why| unproven("spec.matchResources", &why))?;
            if !selected {
                continue;
            }
            let params = params::collect(&policy.document, binding, &self.request, self.surroundings.params);
            for param in params.map_err(|why| unproven("spec.paramRef", &why))? {
                let actions = binding.pointer("/spec/validationActions").and_then(Json::as_array);
                let denies = actions.into_iter().flatten().any(|action| action == "Deny");
                found.push((self.runs.len(), denies));
                let bindings = [false, true].map(|bare| self.bindings(&param, &self.request, bare));
                self.runs.push(Run { policy, param, bindings });
            }
        }
        Ok(found)
    }

    /// The match conditions: all hold; or one of them is false.
    fn conditions(&mut self, run: usize) -> Result<(Truth, Truth), Unproven> {
        let Some(policy) = self.runs.get(run).map(|run| run.policy) else {
            return Ok((Truth::Constant(true), Truth::Constant(false)));
        };
        let (mut holds, mut is_false) = (Vec::new(), Vec::new());
        for (index, program) in policy.match_conditions.iter().enumerate() {
            let mut compiler = self.compiler(run, &format!("spec.matchConditions[{index}].expression"));
            compiler.bare = true;
            holds.push(compiler.truth(program.node(), Mode::IsTrue)?);
            is_false.push(compiler.truth(program.node(), Mode::IsNotFalse)?.not());
        }
        Ok((Truth::all(holds), Truth::any(is_false)))
    }

    fn mutation(&mut self, run: usize) -> Result<Invocation, Unproven> {
        let (applies, skips) = self.conditions(run)?;
        let Some(policy) = self.runs.get(run).map(|run| run.policy) else { return Err(Unproven::new("", "")) };
        let mut changes = Vec::new();
        for (index, mutation) in policy.mutations.iter().enumerate() {
            let rule = format!("spec.mutations[{index}].jsonPatch.expression");
            if mutation.kind != super::document::MutationKind::JsonPatch {
                return Err(Unproven::new(
                    Self::rule(policy, &rule),
                    "apply configurations are not understood for all pods",
                ));
            }
            changes.push(self.compiler(run, &rule).change(mutation.program.node(), &BTreeMap::new())?);
        }
        let again = text(&policy.document, "/spec/reinvocationPolicy") == "IfNeeded";
        if again && !matches!(applies, Truth::Constant(_)) {
            let why = "a second round depends on conditions in the first, which is not understood for all pods";
            return Err(Unproven::new(Self::rule(policy, "spec.matchConditions"), why));
        }
        Ok(Invocation {
            applies,
            skips,
            denies_on_error: policy.fails_closed(),
            again,
            changes,
            passes: Truth::Constant(true),
        })
    }

    fn validation(&mut self, run: usize, denies: bool) -> Result<Invocation, Unproven> {
        let (applies, skips) = self.conditions(run)?;
        let Some(policy) = self.runs.get(run).map(|run| run.policy) else { return Err(Unproven::new("", "")) };
        if !policy.audit_annotations.is_empty() && policy.fails_closed() {
            let why = "errors in audit annotations deny, which is not understood for all pods";
            return Err(Unproven::new(Self::rule(policy, "spec.auditAnnotations"), why));
        }
        let mode = if policy.fails_closed() { Mode::IsTrue } else { Mode::IsNotFalse };
        let mut passes = Vec::new();
        for (index, validation) in policy.validations.iter().enumerate().filter(|_| denies) {
            let mut compiler = self.compiler(run, &format!("spec.validations[{index}].expression"));
            passes.push(compiler.truth(validation.program.node(), mode)?);
        }
        let denies_on_error = denies && policy.fails_closed();
        let passes = Truth::all(passes);
        Ok(Invocation { applies, skips, denies_on_error, again: false, changes: Vec::new(), passes })
    }

    fn compiler<'s>(&'s mut self, run: usize, path: &str) -> Compiler<'s, 'a> {
        let rule = self.runs.get(run).map(|run| Self::rule(run.policy, path)).unwrap_or_default();
        Compiler { policy: run, rule, pinned: BTreeMap::new(), bare: false, own: self }
    }

    /// Where pods are after the mutating policies, and of which pods.
    ///
    /// # Errors
    /// What cannot be said.
    pub fn mutated(&self, oracle: &mut dyn Oracle) -> Result<Vec<Travelling>, Unproven> {
        let mut pods = vec![(oracle.constant(true), At::SUBMITTED)];
        for round in 0..2 {
            // A second round changes nothing of a pod that the first did not change: it does the same again.
            for invocation in self.mutating.iter().filter(|invocation| round == 0 || invocation.again) {
                pods = invocation.change(pods, oracle)?;
            }
        }
        Ok(pods)
    }

    /// What it takes for a pod that is somewhere to pass the validating policies.
    ///
    /// # Errors
    /// What cannot be said.
    pub fn passes(&self, at: At, oracle: &mut dyn Oracle) -> Result<crate::symbolic::Node, Unproven> {
        let mut all = Vec::new();
        for invocation in &self.validating {
            let applies = invocation.applies.at(at, oracle)?;
            let skips = invocation.skips.at(at, oracle)?;
            let passes = invocation.passes.at(at, oracle)?;
            let checked = oracle.all(&[applies, passes]);
            let mut ways = vec![skips, checked];
            if !invocation.denies_on_error {
                ways.push(oracle.not(applies));
            }
            all.push(oracle.any(&ways));
        }
        Ok(oracle.all(&all))
    }

    fn bindings(&self, param: &Json, request: &Request, bare: bool) -> Bindings<'a> {
        let bindings = request.bindings(&request.object, &self.surroundings);
        let namespace = if bare { Value::Null } else { request.namespace_value(&self.surroundings) };
        bindings.with("params", Value::from_json(param)).with("namespaceObject", namespace)
    }

    /// The names for a pod of the class; what they are is worked out once, but for the pod itself.
    fn bindings_for(&self, run: &Run<'a>, pod: &Json, bare: bool) -> Bindings<'a> {
        if text(pod, "/metadata/name") != self.request.name {
            let name = text(pod, "/metadata/name").to_owned();
            return self.bindings(&run.param, &Request { object: pod.clone(), name, ..self.request.clone() }, bare);
        }
        let [with_namespace, without] = &run.bindings;
        let bindings = if bare { without } else { with_namespace };
        bindings.clone().with("object", Value::from_json(pod))
    }

    /// Whether statements hold of a pod as the policies see it.
    pub fn holds(&self, pod: &Json, statements: &[usize]) -> Vec<Answer<bool>> {
        let mut scopes: BTreeMap<(usize, bool), Scope<'_>> = BTreeMap::new();
        let mut answers = Vec::with_capacity(statements.len());
        for statement in statements {
            let Some(asked) = self.asked.get(*statement) else {
                answers.push(Err("there is no such statement".to_owned()));
                continue;
            };
            let Some(run) = self.runs.get(asked.run) else { continue };
            let scope = scopes.entry((asked.run, asked.bare)).or_insert_with(|| {
                Scope::with_variables(self.bindings_for(run, pod, asked.bare), Some(&run.policy.variables))
            });
            let answer = Runtime::new(scope, 0).eval(asked.node);
            answers.push(match &answer {
                Err(error @ EvalError::CannotEvaluate { .. }) => Err(error.to_string()),
                _ => Ok(asked.mode.accepts(&answer) != asked.negated),
            });
        }
        answers
    }

    /// A pod after a step; `None` if the step fails.
    ///
    /// # Errors
    /// It cannot be evaluated.
    pub fn stepped(&self, pod: &Json, step: usize) -> Answer<Option<Json>> {
        let Some(patch) = self.patches.get(step) else { return Err("there is no such step".to_owned()) };
        let Some(run) = self.runs.get(patch.policy) else { return Err("there is no such step".to_owned()) };
        let scope = Scope::with_variables(self.bindings_for(run, pod, false), Some(&run.policy.variables));
        for (name, value) in &patch.pinned {
            scope.pin(name, Value::from_json(value));
        }
        let value = match Runtime::new(&scope, 0).eval(patch.node) {
            Ok(value) => value,
            Err(error @ EvalError::CannotEvaluate { .. }) => return Err(error.to_string()),
            Err(_) => return Ok(None),
        };
        let patched = super::mutating::json_patched(pod, &value).ok();
        Ok(patched.and_then(|pod| (self.surroundings.redefault)(pod).ok()))
    }
}

impl Invocation {
    fn change(&self, pods: Vec<Travelling>, oracle: &mut dyn Oracle) -> Result<Vec<Travelling>, Unproven> {
        let nothing = oracle.constant(false);
        let mut out = Vec::new();
        for (given, at) in pods {
            let (applies, skips) = (self.applies.at(at, oracle)?, self.skips.at(at, oracle)?);
            let (applying, skipping) = (oracle.all(&[given, applies]), oracle.all(&[given, skips]));
            out.push((skipping, at));
            if !self.denies_on_error {
                let (not, neither) = (oracle.not(applies), oracle.not(skips));
                out.push((oracle.all(&[given, not, neither]), at));
            }
            let mut travelling = vec![(applying, at)];
            for change in &self.changes {
                let mut next = Vec::new();
                for pods in travelling.into_iter().filter(|(given, _)| *given != nothing) {
                    change.take(pods, self.denies_on_error, oracle, &mut next)?;
                }
                travelling = next;
            }
            out.extend(travelling);
        }
        let mut by_state: BTreeMap<At, Vec<crate::symbolic::Node>> = BTreeMap::new();
        for (given, at) in out.into_iter().filter(|(given, _)| *given != nothing) {
            by_state.entry(at).or_default().push(given);
        }
        Ok(by_state.into_iter().map(|(at, given)| (oracle.any(&given), at)).collect())
    }
}

/// Whether constraints depend on the pod itself.
fn looks_at_the_object(constraints: &Json) -> bool {
    let has = |value: Option<&Json>| {
        value.is_some_and(|value| match value {
            Json::Object(fields) => fields
                .values()
                .any(|value| !value.is_null() && *value != Json::Array(Vec::new()) && *value != serde_json::json!({})),
            Json::Array(items) => !items.is_empty(),
            _ => false,
        })
    };
    let rules =
        ["resourceRules", "excludeResourceRules"].into_iter().filter_map(|key| constraints.get(key)?.as_array());
    has(constraints.get("objectSelector")) || rules.flatten().any(|rule| has(rule.get("resourceNames")))
}

/// Calls `visit` on the nodes of an expression and of the variables that it uses.
fn walk<'a>(node: &'a Node, variables: &'a Variables, visit: &mut dyn FnMut(&'a Node)) {
    let mut open = vec![node];
    let mut seen = BTreeSet::new();
    while let Some(node) = open.pop() {
        node.walk(&mut |node| {
            visit(node);
            let used = Look::variable(node).filter(|name| seen.insert((*name).clone()));
            let programs = variables.iter().filter(|(name, _)| used.is_some_and(|used| **used == **name));
            open.extend(programs.map(|(_, program)| program.node()));
        });
    }
}

/// Whether an expression looks at who asks, or where.
fn asks_who(node: &Node, variables: &Variables) -> bool {
    let mut asks = false;
    walk(node, variables, &mut |node| {
        let name = |name: &str| ["request", "authorizer", "namespaceObject", "params"].contains(&name);
        let fixed = |field: &str| field == "serviceAccountName" || field == "serviceAccount";
        asks |= match &node.kind {
            Kind::Ident(ident) => name(ident) || ident.starts_with("authorizer"),
            Kind::Select { field, .. } | Kind::Has { field, .. } => fixed(field),
            _ => false,
        };
    });
    asks
}

/// The texts in an expression.
fn mentions(node: &Node, variables: &Variables, into: &mut BTreeSet<String>) {
    walk(node, variables, &mut |node| {
        if let Kind::Literal(Value::String(text)) = &node.kind
            && !text.is_empty()
        {
            into.insert(text.to_string());
        }
    });
}

/// Splits the expressions of one run.
struct Compiler<'s, 'a> {
    policy: usize,
    rule: String,
    pinned: BTreeMap<String, Json>,
    bare: bool,
    own: &'s mut SymbolicPolicies<'a>,
}

impl<'a> Compiler<'_, 'a> {
    fn variables(&self) -> &'a Variables {
        static NONE: std::sync::LazyLock<Variables> = std::sync::LazyLock::new(Variables::default);
        self.own.runs.get(self.policy).map_or(&NONE, |run| &run.policy.variables)
    }

    fn unproven(&self, why: &str) -> Unproven {
        Unproven::new(self.rule.clone(), why)
    }

    fn program_named(&self, name: &str) -> Option<&'a Node> {
        let found = self.variables().iter().filter(|(known, _)| *known == name).last();
        found.map(|(_, program): (&str, &'a Program)| program.node())
    }

    /// The expression of the variable that a node stands for.
    fn program_of(&self, node: &Node) -> Option<&'a Node> {
        let name = Look::variable(node)?;
        if self.pinned.contains_key(&**name) { None } else { self.program_named(name) }
    }

    /// Whether an expression does not depend on the pod.
    fn is_closed(&self, node: &Node) -> bool {
        let seen = Look::new(self.variables(), &self.pinned).at_value(node);
        seen.flaw.is_none() && seen.reads == Reads::default()
    }

    fn statement(&mut self, node: &'a Node, mode: Mode) -> Result<Truth, Unproven> {
        let key = (self.policy, std::ptr::from_ref(node) as usize, mode == Mode::IsTrue);
        if self.pinned.is_empty()
            && !self.bare
            && let Some(known) = self.own.known.get(&key)
        {
            return Ok(known.clone());
        }
        let seen = Look::new(self.variables(), &self.pinned).at_value(node);
        let truth = if seen.flaw.is_none() && seen.reads == Reads::default() {
            Truth::Constant(self.closed(node, mode)?)
        } else {
            self.open(node, mode, seen)?
        };
        if self.pinned.is_empty() && !self.bare {
            self.own.known.insert(key, truth.clone());
        }
        Ok(truth)
    }

    fn open(&mut self, node: &'a Node, mode: Mode, seen: value::Seen) -> Result<Truth, Unproven> {
        if let Some(flaw) = &seen.flaw {
            return Err(self.unproven(flaw));
        }
        let Some(polarity) = seen.over.polarity() else {
            return Err(self.unproven("it is not seen to ask the same of every container, volume and item"));
        };
        self.own.depends_on_subject |= asks_who(node, self.variables());
        let statement = self.own.statements.len();
        self.own.statements.push(Statement { rule: self.rule.clone(), reads: seen.reads });
        self.own.asked.push(Asked { run: self.policy, node, mode, negated: !polarity, bare: self.bare });
        let truth = Truth::Statement(statement);
        Ok(if polarity { truth } else { truth.not() })
    }

    /// What does not depend on the pod is known for the class.
    fn closed(&mut self, node: &'a Node, mode: Mode) -> Result<bool, Unproven> {
        if self.pinned.is_empty() {
            let variables = self.variables();
            mentions(node, variables, &mut self.own.mentioned);
            self.own.closed.push((self.policy, node, self.bare));
        }
        let Some(run) = self.own.runs.get(self.policy) else { return Ok(false) };
        let bindings = self.own.bindings_for(run, &self.own.request.object, self.bare);
        let scope = Scope::with_variables(bindings, Some(&run.policy.variables));
        for (name, value) in &self.pinned {
            scope.pin(name, Value::from_json(value));
        }
        let answer = Runtime::new(&scope, 0).eval(node);
        match &answer {
            Err(error @ EvalError::CannotEvaluate { .. }) => Err(self.unproven(&error.to_string())),
            _ => Ok(mode.accepts(&answer)),
        }
    }

    fn add_step(&mut self, step: Step, patch: Patch<'a>) -> usize {
        let same = |known: &Patch<'a>| {
            known.policy == patch.policy && std::ptr::eq(known.node, patch.node) && known.pinned == patch.pinned
        };
        if let Some(known) = self.own.patches.iter().position(same) {
            return known;
        }
        self.own.steps.push(step);
        self.own.patches.push(patch);
        self.own.steps.len() - 1
    }
}
