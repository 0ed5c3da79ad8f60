//! A side as a row of stages: each changes pods on their way, or holds some of them up.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Answer, At, Node, Oracle, Outcome, Side, Situations, Statement, Step, Subject, Unproven};

/// Pods on their way: of which a formula holds, and where they are.
pub type Travelling = (Node, At);

/// One stage. Its statements and steps are numbered from zero.
pub trait Stage {
    /// The statements that the stage can ask for.
    fn statements(&self) -> &[Statement];
    /// The steps that the stage can take.
    fn steps(&self) -> &[Step];
    /// Whether statements hold of a pod.
    ///
    /// # Errors
    /// For each statement: it cannot be evaluated.
    fn holds(&self, pod: &Value, statements: &[usize]) -> Vec<Answer<bool>>;
    /// A pod after a step; `None` where the step fails.
    ///
    /// # Errors
    /// The step cannot be evaluated.
    fn stepped(&self, pod: &Value, step: usize) -> Answer<Option<Value>>;
    /// Where pods are behind the stage, and which of them get there.
    ///
    /// # Errors
    /// What cannot be said.
    fn travel(&self, pods: Vec<Travelling>, oracle: &mut dyn Oracle) -> Result<Vec<Travelling>, Unproven>;
    /// What the stage says of who asks, see [`Situations::of`].
    fn situation(&self, _subject: &Subject) -> Vec<u8> {
        Vec::new()
    }
    /// Names in its documents that may be a subject's.
    fn mentioned(&self) -> BTreeSet<String> {
        BTreeSet::new()
    }
    /// Those that may matter, see [`Situations::left_open`].
    fn left_open(&self, _namespace: &str) -> Option<BTreeSet<String>> {
        Some(self.mentioned())
    }
    /// Whether it is the same in another namespace, see [`Situations::is_for`].
    fn is_for(&self, _namespace: &str) -> bool {
        false
    }
}

/// Stages, one behind the other.
pub struct Stages<'a> {
    stages: Vec<Box<dyn Stage + 'a>>,
    /// The first statement and the first step of each stage.
    starts: Vec<[usize; 2]>,
    statements: Vec<Statement>,
    steps: Vec<Step>,
    view: fn(Value) -> Value,
    /// Other namespaces have the same stages.
    are_everywhere: bool,
}

impl<'a> Stages<'a> {
    /// No stage: everything is admitted. `view` is how the first one sees a pod.
    pub fn new(view: fn(Value) -> Value) -> Self {
        Self {
            stages: Vec::new(),
            starts: Vec::new(),
            statements: Vec::new(),
            steps: Vec::new(),
            view,
            are_everywhere: false,
        }
    }

    /// Whether other namespaces have the same stages.
    #[must_use]
    pub fn everywhere(self, are_everywhere: bool) -> Self {
        Self { are_everywhere, ..self }
    }

    /// With one more stage behind the others.
    pub fn push(&mut self, stage: impl Stage + 'a) {
        self.starts.push([self.statements.len(), self.steps.len()]);
        self.statements.extend(stage.statements().iter().cloned());
        self.steps.extend(stage.steps().iter().cloned());
        self.stages.push(Box::new(stage));
    }

    /// The stage that a number belongs to, and the number there; `which` is 0 for statements and 1 for steps.
    fn local(&self, which: usize, number: usize) -> Option<(usize, usize)> {
        let start = |at: usize| self.starts.get(at).and_then(|starts| starts.get(which)).copied().unwrap_or_default();
        let at = (0..self.stages.len()).rfind(|at| start(*at) <= number)?;
        Some((at, number - start(at)))
    }
}

impl Side for Stages<'_> {
    fn statements(&self) -> &[Statement] {
        &self.statements
    }

    fn steps(&self) -> &[Step] {
        &self.steps
    }

    fn view(&self, pod: &Value) -> Value {
        (self.view)(pod.clone())
    }

    fn holds(&self, seen: &Value, statements: &[usize]) -> Vec<Answer<bool>> {
        let mut answers: Vec<Answer<bool>> =
            statements.iter().map(|_| Err("there is no such statement".to_owned())).collect();
        let mut by_stage: BTreeMap<usize, Vec<(usize, usize)>> = BTreeMap::new();
        for (place, statement) in statements.iter().enumerate() {
            if let Some((stage, local)) = self.local(0, *statement) {
                by_stage.entry(stage).or_default().push((place, local));
            }
        }
        for (stage, asked) in by_stage {
            let Some(stage) = self.stages.get(stage) else { continue };
            let locals: Vec<usize> = asked.iter().map(|(_, local)| *local).collect();
            for ((place, _), answer) in asked.into_iter().zip(stage.holds(seen, &locals)) {
                answers.iter_mut().skip(place).take(1).for_each(|it| it.clone_from(&answer));
            }
        }
        answers
    }

    fn stepped(&self, seen: &Value, step: usize) -> Answer<Option<Value>> {
        let (stage, local) = self.local(1, step).ok_or("there is no such step")?;
        self.stages.get(stage).ok_or("there is no such step")?.stepped(seen, local)
    }

    fn outcomes(&self, oracle: &mut dyn Oracle) -> Result<Vec<Outcome>, Unproven> {
        let mut pods = vec![(oracle.constant(true), At::SUBMITTED)];
        for (stage, [statements, steps]) in self.stages.iter().zip(&self.starts) {
            let mut oracle = Shifted::new(oracle, *statements, *steps);
            pods = merged(stage.travel(pods, &mut oracle)?, &mut oracle);
        }
        Ok(pods.into_iter().map(|(when, at)| Outcome { when, at }).collect())
    }
}

impl Situations for Stages<'_> {
    fn of(&self, subject: &Subject) -> Vec<u8> {
        let parts = self.stages.iter().map(|stage| stage.situation(subject));
        // With its length before it, no part runs into the next.
        parts.flat_map(|part| part.len().to_be_bytes().into_iter().chain(part)).collect()
    }

    fn mentioned(&self) -> BTreeSet<String> {
        self.stages.iter().flat_map(|stage| stage.mentioned()).collect()
    }

    fn left_open(&self, namespace: &str) -> Option<BTreeSet<String>> {
        let open: Option<Vec<BTreeSet<String>>> = self.stages.iter().map(|stage| stage.left_open(namespace)).collect();
        Some(open?.into_iter().flatten().collect())
    }

    fn is_for(&self, namespace: &str) -> bool {
        self.are_everywhere && self.stages.iter().all(|stage| stage.is_for(namespace))
    }
}

/// Pods that are at the same place, together; without those that there are not.
pub(crate) fn merged(pods: Vec<Travelling>, oracle: &mut dyn Oracle) -> Vec<Travelling> {
    let nothing = oracle.constant(false);
    let mut by_state: BTreeMap<At, Vec<Node>> = BTreeMap::new();
    for (given, at) in pods.into_iter().filter(|(given, _)| *given != nothing) {
        by_state.entry(at).or_default().push(given);
    }
    by_state.into_iter().map(|(at, given)| (oracle.any(&given), at)).collect()
}

/// An oracle for one stage among others.
pub(crate) struct Shifted<'o> {
    oracle: &'o mut dyn Oracle,
    statements: usize,
    steps: usize,
}

impl<'o> Shifted<'o> {
    /// For the stage whose first statement and first step have these numbers.
    pub fn new(oracle: &'o mut dyn Oracle, statements: usize, steps: usize) -> Self {
        Self { oracle, statements, steps }
    }
}

impl Oracle for Shifted<'_> {
    fn constant(&mut self, truth: bool) -> Node {
        self.oracle.constant(truth)
    }

    fn all(&mut self, nodes: &[Node]) -> Node {
        self.oracle.all(nodes)
    }

    fn not(&mut self, node: Node) -> Node {
        self.oracle.not(node)
    }

    fn ask(&mut self, at: At, statement: usize) -> Result<Node, Unproven> {
        self.oracle.ask(at, self.statements + statement)
    }

    fn step(&mut self, at: At, step: usize, given: Node) -> Result<(At, Node), Unproven> {
        self.oracle.step(at, self.steps + step, given)
    }

    fn settled(&self, given: Node, node: Node) -> Option<bool> {
        self.oracle.settled(given, node)
    }
}
