//! Gatekeeper as a side of a proof: the mutators, one step; API validation; the violations of every constraint.

use std::collections::{BTreeMap, BTreeSet};

use regorus::Value as RegoValue;
use serde_json::Value;

use super::constraint::{Action, add_parts_of_accounts};
use super::decide::Documents;
use super::judge::Judge;
use super::matching::{Fit, Match, Subject as Matched};
use super::mutators::{apply_all, pieces};
use super::review::{as_written, review};
use crate::admission::Operation;
use crate::modern;
use crate::rego::{Split, Who};
use crate::symbolic::{
    Answer, At, Oracle, Outcome, Side, Situations, Statement, Step, Subject, Truth, Unproven, validation,
};
use crate::targets::{AdmissionRequest, Decider};

/// The documents, for one class of subjects.
pub(super) struct GatekeeperSide<'a> {
    documents: &'a Documents,
    subject: Subject,
    statements: Vec<Statement>,
    asked: Vec<Asked>,
    steps: Vec<Step>,
    constraints: Vec<Judged<'a>>,
    /// Nobody's pods are mutated: the request is refused.
    refuses: bool,
}

/// What a statement says.
#[derive(Debug, Clone, Copy)]
enum Asked {
    /// The leaf of a constraint's program holds, or does not.
    Leaf { constraint: usize, leaf: usize, negated: bool },
    /// A constraint looks at the pod.
    Matches { constraint: usize },
    /// The API server takes the pod.
    Valid,
}

/// A constraint that denies.
struct Judged<'a> {
    judge: &'a Judge,
    parameters: &'a RegoValue,
    split: Split,
    /// Whether the constraint has something against the pod.
    denies: Truth,
}

impl<'a> GatekeeperSide<'a> {
    pub(super) fn new(documents: &'a Documents, subject: &Subject) -> Result<Self, Unproven> {
        if let Some(unsupported) = documents.unsupported().first() {
            return Err(Unproven::new(
                format!("{} {}", unsupported.document, unsupported.path),
                unsupported.why.clone(),
            ));
        }
        let mut side = Self::empty(documents, subject);
        side.add_mutators()?;
        for judge in &documents.constraints {
            if judge.constraint.action == Action::Deny {
                side.add_constraint(judge)?;
            }
        }
        Ok(side)
    }

    fn empty(documents: &'a Documents, subject: &Subject) -> Self {
        Self {
            documents,
            subject: subject.clone(),
            statements: Vec::new(),
            asked: Vec::new(),
            steps: Vec::new(),
            constraints: Vec::new(),
            refuses: false,
        }
    }

    fn fit(&self, matches: &Match, pod: &Value) -> Fit {
        matches.fits(self.matched(pod))
    }

    fn matched<'p>(&'p self, pod: &'p Value) -> Matched<'p> {
        let namespace = self.documents.namespaces.get(&self.subject.namespace);
        let labels = namespace.map(|namespace| &namespace.labels);
        Matched { namespace: &self.subject.namespace, namespace_labels: labels, pod }
    }

    fn add_mutators(&mut self) -> Result<(), Unproven> {
        let smallest = self.subject.smallest_pod();
        let mut fitting = Vec::new();
        for mutator in self.documents.mutators.iter().filter(|mutator| mutator.runs_on(Operation::Create)) {
            match self.fit(mutator.matches(), &smallest) {
                Fit::Yes => fitting.push(mutator),
                // Who matches by labels is told below.
                Fit::No if mutator.matches().reads().is_ok_and(|reads| reads.is_none()) => {}
                Fit::No => fitting.push(mutator),
                Fit::UnknownNamespace => self.refuses = true,
            }
        }
        if fitting.is_empty() {
            return Ok(());
        }
        let pieces = pieces(fitting.into_iter())?;
        self.steps.push(Step { rule: "mutators".to_owned(), pieces });
        if self.documents.validates_pods {
            for statement in validation() {
                self.add(Asked::Valid, statement);
            }
        }
        Ok(())
    }

    fn add(&mut self, asked: Asked, statement: Statement) -> Truth {
        self.asked.push(asked);
        self.statements.push(statement);
        Truth::Statement(self.asked.len() - 1)
    }

    fn add_constraint(&mut self, judge: &'a Judge) -> Result<(), Unproven> {
        let smallest = self.subject.smallest_pod();
        let constraint = &judge.constraint;
        let document = format!("{}/{}", text(&constraint.document, "/kind"), constraint.name);
        let number = self.constraints.len();
        let reads = constraint.matches.reads().map_err(|why| Unproven::new(&document, why))?;
        let fit = self.fit(&constraint.matches, &smallest);
        let matches = match reads {
            None if fit == Fit::No => return Ok(()),
            None => Truth::Constant(true),
            Some(reads) => self.add(Asked::Matches { constraint: number }, Statement { rule: document.clone(), reads }),
        };
        let Some((program, parameters)) = judge.rego() else {
            return Err(Unproven::new(document, "a template in CEL is not understood for all pods"));
        };
        let (engine, package) = program.parts();
        let subject = self.subject.clone();
        let review = RegoValue::from(review(&request(&subject, &smallest), &Value::Null));
        let account = || RegoValue::from(subject.account.as_str());
        let fixed: [(&[&str], RegoValue); 3] = [
            (&["spec", "serviceAccountName"], account()),
            (&["spec", "serviceAccount"], account()),
            (&["metadata", "namespace"], RegoValue::from(subject.namespace.as_str())),
        ];
        let who = Who { review: &review, fixed: &fixed };
        let split = Split::violations(&document, engine, package, parameters, &who)?;
        let first = self.statements.len();
        for (leaf, (statement, negated)) in split.statements.iter().zip(&split.negated).enumerate() {
            self.add(Asked::Leaf { constraint: number, leaf, negated: *negated }, statement.clone());
        }
        let violates = match fit {
            // Whatever its labels are is not known.
            Fit::UnknownNamespace => Truth::Constant(true),
            _ => shifted(&split.truth, first),
        };
        let denies = Truth::all([matches, violates]);
        self.constraints.push(Judged { judge, parameters, split, denies });
        Ok(())
    }

    fn matches(&self, constraint: usize, pod: &Value) -> bool {
        self.constraints.get(constraint).is_some_and(|of| self.fit(&of.judge.constraint.matches, pod) != Fit::No)
    }

    /// What the leaves of one constraint say.
    fn leaves(&self, constraint: usize, pod: &Value, statements: &[usize]) -> BTreeMap<usize, Answer<bool>> {
        let Some(of) = self.constraints.get(constraint) else { return BTreeMap::new() };
        let asked = statements.iter().filter_map(|statement| match self.asked.get(*statement) {
            Some(Asked::Leaf { constraint: own, leaf, .. }) if *own == constraint => Some(*leaf),
            _ => None,
        });
        let asked: Vec<usize> = asked.collect();
        let review = RegoValue::from(review(&request(&self.subject, pod), pod));
        asked.iter().copied().zip(of.split.leaves.hold(review, of.parameters, &asked)).collect()
    }
}

/// A formula over statements of which the first is number `first` here.
fn shifted(truth: &Truth, first: usize) -> Truth {
    match truth {
        Truth::Constant(truth) => Truth::Constant(*truth),
        Truth::Statement(leaf) => Truth::Statement(first + leaf),
        Truth::Not(inner) => shifted(inner, first).not(),
        Truth::All(parts) => Truth::all(parts.iter().map(|part| shifted(part, first))),
        Truth::Any(parts) => Truth::any(parts.iter().map(|part| shifted(part, first))),
    }
}

fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    super::text_at(value, pointer).unwrap_or_default()
}

fn request<'r>(subject: &'r Subject, pod: &'r Value) -> AdmissionRequest<'r> {
    AdmissionRequest {
        namespace: &subject.namespace,
        name: "p",
        user: crate::targets::user_or_anybody(&subject.user),
        groups: &subject.groups,
        operation: Operation::Create,
        subresource: "",
        object: pod,
        old_object: None,
    }
}

impl Side for GatekeeperSide<'_> {
    fn statements(&self) -> &[Statement] {
        &self.statements
    }

    fn steps(&self) -> &[Step] {
        &self.steps
    }

    fn view(&self, pod: &Value) -> Value {
        as_written(pod)
    }

    fn holds(&self, pod: &Value, statements: &[usize]) -> Vec<Answer<bool>> {
        let mut by_constraint: BTreeMap<usize, BTreeMap<usize, Answer<bool>>> = BTreeMap::new();
        let mut valid = None;
        let answer = |statement: &usize| match self.asked.get(*statement) {
            Some(Asked::Leaf { constraint, leaf, negated }) => {
                let leaves =
                    by_constraint.entry(*constraint).or_insert_with(|| self.leaves(*constraint, pod, statements));
                let answer = leaves.get(leaf).cloned().unwrap_or_else(|| Err("it was not evaluated".to_owned()));
                answer.map(|holds| holds != *negated)
            }
            Some(Asked::Matches { constraint }) => Ok(self.matches(*constraint, pod)),
            Some(Asked::Valid) => Ok(*valid.get_or_insert_with(|| modern::refusal(pod, "p").is_none())),
            None => Err("there is no such statement".to_owned()),
        };
        statements.iter().map(answer).collect()
    }

    fn stepped(&self, pod: &Value, _step: usize) -> Answer<Option<Value>> {
        Ok(match apply_all(&self.documents.mutators, Operation::Create, self.matched(pod)) {
            Ok(Some(mutated)) => Some(as_written(&mutated)),
            Ok(None) => Some(pod.clone()),
            Err(_) => None,
        })
    }

    fn doubt(&self) -> Option<Unproven> {
        let of_names = |constraint: &Judged<'_>| {
            let of = &constraint.judge.constraint;
            let document = || format!("{}/{}", text(&of.document, "/kind"), of.name);
            constraint.judge.names().doubt.as_ref().map(|why| Unproven::new(document(), why.as_str()))
        };
        self.constraints.iter().find_map(|constraint| constraint.split.doubt.clone().or_else(|| of_names(constraint)))
    }

    fn outcomes(&self, oracle: &mut dyn Oracle) -> Result<Vec<Outcome>, Unproven> {
        let everything = oracle.constant(true);
        if self.refuses {
            return Ok(Vec::new());
        }
        let (at, succeeds) = if self.steps.is_empty() {
            (At::SUBMITTED, everything)
        } else {
            oracle.step(At::SUBMITTED, 0, everything)?
        };
        let mut when = vec![succeeds];
        for (statement, asked) in self.asked.iter().enumerate() {
            if matches!(asked, Asked::Valid) {
                when.push(oracle.ask(at, statement)?);
            }
        }
        for constraint in &self.constraints {
            let denies = constraint.denies.at(at, oracle)?;
            when.push(oracle.not(denies));
        }
        Ok(vec![Outcome { when: oracle.all(&when), at }])
    }
}

/// What the documents say about who asks.
pub(super) struct Situation<'a> {
    documents: &'a Documents,
}

impl<'a> Situation<'a> {
    pub(super) fn new(documents: &'a Documents) -> Self {
        Self { documents }
    }
}

impl Situation<'_> {
    /// What one constraint says of a subject.
    fn of_constraint(&self, judge: &Judge, subject: &Subject) -> String {
        let pod = subject.smallest_pod();
        if let Some(known) = judge.situation(&request(subject, &pod), &pod) {
            return known;
        }
        let mut side = GatekeeperSide::empty(self.documents, subject);
        match side.add_constraint(judge) {
            Ok(()) => side.constraints.iter().map(|of| format!("{:?} {}", of.denies, of.split.leaves.said())).collect(),
            Err(unproven) => unproven.to_string(),
        }
    }
}

impl Situations for Situation<'_> {
    fn of(&self, subject: &Subject) -> Vec<u8> {
        let pod = subject.smallest_pod();
        let side = GatekeeperSide::empty(self.documents, subject);
        let mutators = self.documents.mutators.iter().map(|mutator| side.fit(mutator.matches(), &pod));
        let fits: Vec<Fit> = mutators.collect();
        let constraints = self.documents.constraints.iter().filter(|judge| judge.constraint.action == Action::Deny);
        let said = constraints.map(|judge| {
            let fit = side.fit(&judge.constraint.matches, &pod);
            let by_labels = judge.constraint.matches.reads().map_or(true, |reads| reads.is_some());
            let looks = fit != Fit::No || by_labels;
            (format!("{fit:?}"), if looks { self.of_constraint(judge, subject) } else { String::new() })
        });
        format!("{fits:?}{:?}", said.collect::<Vec<_>>()).into_bytes()
    }

    fn mentioned(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for judge in &self.documents.constraints {
            names.extend(judge.names().told.iter().cloned());
            names.extend(judge.constraint.matches.namespaces().map(str::to_owned));
        }
        for mutator in &self.documents.mutators {
            names.extend(mutator.matches().namespaces().map(str::to_owned));
        }
        add_parts_of_accounts(&mut names);
        names.retain(|name| !name.is_empty());
        names
    }

    /// Who matches is told by the namespace, and what is said to them by the names that are granted something there.
    fn left_open(&self, namespace: &str) -> Option<BTreeSet<String>> {
        let constraints = self.documents.constraints.iter();
        let names: Option<Vec<_>> = constraints.map(|judge| judge.named_in(namespace)).collect();
        Some(names?.into_iter().flatten().collect())
    }

    fn is_for(&self, _namespace: &str) -> bool {
        true
    }
}
