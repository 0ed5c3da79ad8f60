//! The rules of one policy that mutate, one behind the other.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json};

use super::conditions::{Conditions, asked};
use super::look::closed_here;
use super::patch::pieces;
use super::{Asker, is_about, place};
use crate::cel::policy::Surroundings;
use crate::symbolic::{
    Answer, At, Node, Oracle, Reads, Shape, Stage, Statement, Step, Subject, Travelling, Truth, Unproven,
    forget_untaken, merged,
};
use crate::targets::cel_policies::server::somebody;
use crate::targets::cel_policies::stored::as_stored;
use crate::targets::kyverno::cluster::mutate::Mutation;
use crate::targets::kyverno::cluster::preconditions::{Condition, Preconditions};
use crate::targets::kyverno::cluster::query::Problem;
use crate::targets::kyverno::cluster::read::{Action, ClusterPolicy};
use crate::targets::kyverno::cluster::substitute::{Variables, told};

/// The rules, for one class of subjects.
pub(in super::super::super) struct Rules<'a> {
    policy: &'a ClusterPolicy,
    surroundings: Surroundings<'a>,
    request_of: fn(&Subject) -> crate::cel::policy::Request,
    conditions: Conditions<'a>,
    steps: Vec<Step>,
    changes: Vec<Guarded<'a>>,
    /// Of each rule that is about the class: its preconditions, and its step.
    rules: Vec<(Truth, Option<usize>)>,
}

/// What a step does: a mutation, of the pods that meet conditions about nothing but what it writes.
struct Guarded<'a> {
    guards: Vec<&'a Condition>,
    mutation: &'a Mutation,
}

impl Guarded<'_> {
    /// The pod after it.
    fn apply(&self, pod: &Json, variables: &mut Variables) -> Result<Json, Problem> {
        for guard in &self.guards {
            if !guard.holds(variables)? {
                return Ok(pod.clone());
            }
        }
        self.mutation.apply(pod, variables)
    }
}

/// The conditions that ask about nothing but what a mutation of one piece reads and writes anyway. They belong to its step:
/// beside it, each would double the ways of a pod.
fn guards<'a>(preconditions: &'a Preconditions, pieces: &mut [Reads]) -> Vec<&'a Condition> {
    let [piece] = pieces else { return Vec::new() };
    let mut guards = Vec::new();
    for condition in preconditions.all() {
        let seen = asked(condition, &closed_here());
        let is_about_it = !seen.reads.units.is_empty() && seen.reads.units.is_subset(&piece.units);
        if is_about_it && seen.flaw.is_none() && !seen.reads.parents && seen.over.elements == Shape::Free {
            piece.constants.extend(seen.reads.constants);
            guards.push(condition);
        }
    }
    guards
}

impl<'a> Rules<'a> {
    /// The rules that are about the class's requests.
    ///
    /// # Errors
    /// What in them is not understood.
    pub fn new(policy: &'a ClusterPolicy, asker: Asker<'_>, surroundings: Surroundings<'a>) -> Result<Self, Unproven> {
        let request = (asker.request_of)(asker.subject);
        let mut own = Self {
            policy,
            surroundings,
            request_of: asker.request_of,
            conditions: Conditions::new(&request),
            steps: Vec::new(),
            changes: Vec::new(),
            rules: Vec::new(),
        };
        for rule in &policy.rules {
            let Action::Mutate(mutation) = &rule.action else { continue };
            if !is_about((policy, rule), &request, &surroundings)? {
                continue;
            }
            let unproven = |(path, why): (String, String)| Unproven::new(place(policy, rule, &path), why);
            let mut pieces = pieces(mutation).map_err(unproven)?;
            let guards = guards(&rule.preconditions, &mut pieces);
            let at = place(policy, rule, "preconditions");
            let holds = own.conditions.truth_of(&rule.preconditions, &guards, &at)?;
            let step = (!pieces.is_empty()).then_some(own.steps.len());
            if step.is_some() {
                own.steps.push(Step { rule: place(policy, rule, "mutate"), pieces });
                own.changes.push(Guarded { guards, mutation });
            }
            own.rules.push((holds, step));
        }
        own.forget_what_is_not_needed();
        match own.conditions.statements().iter().find(|statement| statement.reads.parents) {
            Some(statement) => {
                let why = "it looks at an object as a whole, which may be left empty by a rule before it";
                Err(Unproven::new(statement.rule.clone(), why))
            }
            None => Ok(own),
        }
    }

    /// What is asked of pods that no rule lets through otherwise does not count.
    fn forget_what_is_not_needed(&mut self) {
        let (mut asked, mut taken) = (BTreeSet::new(), BTreeSet::new());
        for (holds, step) in &self.rules {
            holds.statements(&mut asked);
            taken.extend(step.filter(|_| !matches!(holds, Truth::Constant(false))));
        }
        self.conditions.forget_unasked(&asked);
        forget_untaken(&mut self.steps, &taken);
    }

    /// Whether no rule is about the class's requests.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The way through the rules of pods that begin at one place. Where a rule fails, the request is denied, or the pod
    /// stays as it was before all of them.
    fn travel_from(&self, (given, at): Travelling, oracle: &mut dyn Oracle) -> Result<Vec<Travelling>, Unproven> {
        let mut done: Vec<Travelling> = Vec::new();
        let mut pods = vec![(given, at)];
        for (holds, step) in &self.rules {
            let mut next = Vec::new();
            for (given, here) in pods {
                let holds = holds.at(here, oracle)?;
                let not = oracle.not(holds);
                next.push((oracle.all(&[given, not]), here));
                let chosen = oracle.all(&[given, holds]);
                let (changed, failed) = take(*step, chosen, here, oracle)?;
                next.push(changed);
                if !self.policy.fails_closed {
                    done.push((failed, at));
                }
            }
            pods = merged(next, oracle);
        }
        done.extend(pods);
        Ok(done)
    }
}

/// A pod as the server stores it, if annotations that were all taken away are the only thing that it does not store. No
/// statement tells that from a pod without annotations: see [`Rules::new`].
fn without_empty_annotations(mut pod: Json) -> Json {
    if let Some(metadata) = pod.get_mut("metadata").and_then(Json::as_object_mut)
        && metadata.get("annotations").and_then(Json::as_object).is_some_and(Map::is_empty)
    {
        metadata.remove("annotations");
    }
    pod
}

/// Pods after a step, and those of which it fails.
fn take(step: Option<usize>, chosen: Node, here: At, oracle: &mut dyn Oracle) -> Result<(Travelling, Node), Unproven> {
    let nothing = oracle.constant(false);
    match step {
        Some(step) if chosen != nothing => {
            let (at, succeeds) = oracle.step(here, step, chosen)?;
            let fails = oracle.not(succeeds);
            Ok(((oracle.all(&[chosen, succeeds]), at), oracle.all(&[chosen, fails])))
        }
        _ => Ok(((chosen, here), nothing)),
    }
}

impl Stage for Rules<'_> {
    fn statements(&self) -> &[Statement] {
        self.conditions.statements()
    }

    fn steps(&self) -> &[Step] {
        &self.steps
    }

    fn holds(&self, pod: &Json, statements: &[usize]) -> Vec<Answer<bool>> {
        self.conditions.hold(pod, statements)
    }

    fn stepped(&self, pod: &Json, step: usize) -> Answer<Option<Json>> {
        let change = self.changes.get(step).ok_or("there is no such step")?;
        match change.apply(pod, &mut self.conditions.variables(pod)) {
            Ok(patched) => {
                let stored = as_stored(patched.clone());
                match without_empty_annotations(patched) == stored {
                    true => Ok(Some(stored)),
                    false => Err("the rules that follow see another pod than the server stores".to_owned()),
                }
            }
            Err(problem @ Problem::Unknown(_)) => Err(told(&problem)),
            Err(_) => Ok(None),
        }
    }

    fn travel(&self, pods: Vec<Travelling>, oracle: &mut dyn Oracle) -> Result<Vec<Travelling>, Unproven> {
        let mut out = Vec::new();
        for pods in pods {
            out.extend(self.travel_from(pods, oracle)?);
        }
        Ok(out)
    }

    fn situation(&self, subject: &Subject) -> Vec<u8> {
        let request = (self.request_of)(subject);
        let about = self.policy.rules.iter().map(|rule| match rule.action {
            Action::Mutate(_) => is_about((self.policy, rule), &request, &self.surroundings).map_or(2, u8::from),
            Action::Validate { .. } => 0,
        });
        about.chain(self.conditions.situation(subject, &request)).collect()
    }

    fn mentioned(&self) -> BTreeSet<String> {
        let named = self.policy.rules.iter().flat_map(|rule| [&rule.matches, &rule.excludes]);
        let mut mentioned: BTreeSet<String> = named.flat_map(|blocks| blocks.mentioned()).collect();
        mentioned.extend(self.conditions.mentioned().iter().cloned());
        mentioned
    }

    fn is_for(&self, _namespace: &str) -> bool {
        let mut blocks = self.policy.rules.iter().flat_map(|rule| [&rule.matches, &rule.excludes]);
        blocks.all(|blocks| blocks.mentioned().is_empty() && !blocks.asks_namespace())
            && !self.conditions.depends_on_subject()
    }

    fn left_open(&self, namespace: &str) -> Option<BTreeSet<String>> {
        let named = self.policy.rules.iter().flat_map(|rule| [&rule.matches, &rule.excludes]);
        Some(
            named
                .flat_map(|blocks| blocks.mentioned())
                .chain(self.conditions.left_open(&(self.request_of)(&somebody(namespace)))?)
                .collect(),
        )
    }
}
