//! A decision as a program over statements about the pod: what a side offers so that it can be compared for all pods.
//!
//! A statement says "the pod-level part is fine and *every* container, volume and item is fine", and is read off a
//! concrete pod. A step changes a pod, each part of it by itself. A side asks an [`Oracle`] for the truth of statements,
//! at states that steps lead to, and gets formulas back: out of them it builds the [`Outcome`]s that admit a pod.

mod quantifier;
mod seen;
mod shape;
mod stages;
mod truth;
mod unit;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::constraint::Axis;
pub(crate) use quantifier::Around;
pub(crate) use seen::{Abs, Path, Seen, is_capability_list, is_head};
pub(crate) use shape::{Over, Shape};
pub(crate) use stages::{Shifted, merged};
pub use stages::{Stage, Stages, Travelling};
pub(crate) use truth::Truth;
use unit::validated_units;
pub(crate) use unit::{CONTAINER_LISTS, with};
pub use unit::{Named, Unit};

/// What a statement or one piece of a step depends on.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reads {
    /// The parts of the pod.
    pub units: BTreeSet<Unit>,
    /// What it compares them with.
    pub constants: Vec<Constant>,
    /// Whether an object that holds units, such as a security context, is there at all.
    pub parents: bool,
    /// Of lists of capabilities, the names that it looks for; `None` for all of them. The others it leaves as they are.
    pub names: Option<BTreeSet<String>>,
}

/// A constant that some text compares a part of the pod with.
#[derive(Debug, Clone, PartialEq)]
pub struct Constant {
    /// The part.
    pub unit: Unit,
    /// Where within it, `[]` for the items of a list.
    pub within: Vec<String>,
    /// The constant.
    pub value: Value,
    /// How it is compared.
    pub how: How,
}

/// How a part of the pod is compared with a constant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// It is the same or it is not.
    Equal,
    /// A text begins with it.
    Beginning,
    /// A text ends with it.
    End,
    /// A text has it somewhere.
    Within,
    /// A text is taken apart, and its parts are compared with those of the constant.
    Parts,
    /// In any way, one of these.
    Any,
    /// With none: whether anything is there counts.
    There,
}

/// A for-all statement.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// Where it stands, for people: document and path, or policy and control.
    pub rule: String,
    /// What it depends on.
    pub reads: Reads,
}

/// Forgets what statements read that are not among those which are ever asked for: nobody has to tell their cells apart.
pub(crate) fn forget_unasked(statements: &mut [Statement], asked: &BTreeSet<usize>) {
    let unasked = statements.iter_mut().enumerate().filter(|(at, _)| !asked.contains(at));
    unasked.for_each(|(_, statement)| statement.reads = Reads::default());
}

/// The same for steps that are never taken.
pub(crate) fn forget_untaken(steps: &mut [Step], taken: &BTreeSet<usize>) {
    let untaken = steps.iter_mut().enumerate().filter(|(at, _)| !taken.contains(at));
    untaken.for_each(|(_, step)| step.pieces.clear());
}

/// Something that changes pods. Units within a piece may depend on each other; pieces do not.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Where it stands, for people.
    pub rule: String,
    /// What is read and written together.
    pub pieces: Vec<Reads>,
}

/// Why nothing can be said: the rule, with its path, and what is not understood about it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error, serde::Serialize)]
#[error("{rule}: {why}")]
pub struct Unproven {
    /// Document and path, or policy and control.
    pub rule: String,
    /// What is not understood, or not claimed.
    pub why: String,
}

impl Unproven {
    /// The reason, with its rule.
    pub fn new(rule: impl Into<String>, why: impl Into<String>) -> Self {
        Self { rule: rule.into(), why: why.into() }
    }
}

/// A formula over statements, known to the oracle that gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node(pub(crate) u32);

/// A point on the way of a pod through a side, known to the oracle that gave it. [`At::SUBMITTED`] is its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct At(pub(crate) usize);

impl At {
    /// The pod as it was submitted.
    pub const SUBMITTED: Self = Self(0);
}

/// One way to be admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// Of which pods: no pod is in two outcomes.
    pub when: Node,
    /// Where the resulting pod is found.
    pub at: At,
}

/// Turns questions into formulas.
pub trait Oracle {
    /// A formula that is true of every pod, or of none.
    fn constant(&mut self, truth: bool) -> Node;
    /// All of them hold.
    fn all(&mut self, nodes: &[Node]) -> Node;
    /// It does not hold.
    fn not(&mut self, node: Node) -> Node;
    /// At least one of them holds.
    fn any(&mut self, nodes: &[Node]) -> Node {
        let not: Vec<Node> = nodes.iter().map(|node| self.not(*node)).collect();
        let none = self.all(&not);
        self.not(none)
    }
    /// A statement of the side, about the pod at a state.
    ///
    /// # Errors
    /// The statement cannot be evaluated.
    fn ask(&mut self, at: At, statement: usize) -> Result<Node, Unproven>;
    /// The state after a step, taken by the pods of which `given` holds, and of which pods the step succeeds.
    ///
    /// # Errors
    /// The step cannot be evaluated.
    fn step(&mut self, at: At, step: usize, given: Node) -> Result<(At, Node), Unproven>;
    /// Whether `node` is plainly true, or plainly false, of every pod of which `given` holds.
    fn settled(&self, given: Node, node: Node) -> Option<bool>;
}

/// A class of subjects, by one of them: who creates a pod, where, and as which service account it runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Subject {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's service account.
    pub account: String,
    /// The requester.
    pub user: String,
    /// The requester's groups.
    pub groups: Vec<String>,
}

/// What documents say about who asks, in one namespace.
pub trait Situations {
    /// Subjects of whom this is the same, and whom roles and bindings treat alike, are decided about alike.
    fn of(&self, subject: &Subject) -> Vec<u8>;
    /// Names in the documents that may be a subject's.
    fn mentioned(&self) -> BTreeSet<String>;
    /// Those of them that may matter in a namespace, with the namespaces whose grants are asked for there; `None` if any
    /// name and any grant may.
    fn left_open(&self, _namespace: &str) -> Option<BTreeSet<String>> {
        None
    }
    /// Whether it tells as much of another namespace as what is read for that one.
    fn is_for(&self, _namespace: &str) -> bool {
        false
    }
    /// Why subjects may be told apart that are not here.
    fn doubt(&self) -> Option<Unproven> {
        None
    }
}

/// What was read of documents, or that it is not understood who they are about.
pub(crate) fn situations<'s>(read: Result<impl Situations + 's, Unproven>) -> Box<dyn Situations + 's> {
    match read {
        Ok(situations) => Box::new(situations),
        Err(reason) => Box::new(Unclear(reason)),
    }
}

/// Documents of which it is not understood who they are about.
struct Unclear(Unproven);

impl Situations for Unclear {
    fn of(&self, _subject: &Subject) -> Vec<u8> {
        Vec::new()
    }

    fn mentioned(&self) -> BTreeSet<String> {
        BTreeSet::new()
    }

    fn doubt(&self) -> Option<Unproven> {
        Some(self.0.clone())
    }
}

impl Subject {
    /// The smallest pod that the subject can create.
    pub(crate) fn smallest_pod(&self) -> Value {
        json!({"metadata": {"name": "p", "namespace": self.namespace}, "spec": {
            "serviceAccountName": self.account, "serviceAccount": self.account,
            "containers": [{"name": "c0", "image": "image"}]}})
    }
}

/// What API validation says of pods that were filled in, one statement for what it looks at together. There is one
/// capability that it knows by name.
pub(crate) fn validation() -> impl Iterator<Item = Statement> {
    let names = Some(BTreeSet::from(["CAP_SYS_ADMIN".to_owned()]));
    validated_units().into_iter().map(move |units| Statement {
        rule: "API validation".to_owned(),
        reads: Reads { units: units.into_iter().collect(), names: names.clone(), ..Reads::default() },
    })
}

/// What a statement says of a pod, or a step makes of it.
pub type Answer<T> = Result<T, String>;

/// One side, for one class of subjects.
pub trait Side {
    /// The statements that the side can ask for.
    fn statements(&self) -> &[Statement];
    /// The steps that the side can take.
    fn steps(&self) -> &[Step];
    /// Values that matter besides the statements' constants.
    fn axes(&self) -> Vec<Axis> {
        Vec::new()
    }
    /// How the side sees a pod: what it is given by the other questions.
    fn view(&self, pod: &Value) -> Value {
        pod.clone()
    }
    /// Whether each statement holds of a pod, given by its view.
    ///
    /// # Errors
    /// For each statement: it cannot be evaluated.
    fn holds(&self, pod: &Value, statements: &[usize]) -> Vec<Answer<bool>>;
    /// The pod, given by its view, after a step; `None` where the step fails, so that the request is refused.
    ///
    /// # Errors
    /// The step cannot be evaluated.
    fn stepped(&self, pod: &Value, step: usize) -> Answer<Option<Value>>;
    /// Why more may matter than the values of the axes and what the constants tell: where no difference is found there may
    /// be one still.
    fn doubt(&self) -> Option<Unproven> {
        None
    }
    /// The outcomes that admit a pod.
    ///
    /// # Errors
    /// What cannot be said.
    fn outcomes(&self, oracle: &mut dyn Oracle) -> Result<Vec<Outcome>, Unproven>;
}
