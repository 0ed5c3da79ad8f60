//! Conditions of rules, split into statements.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value as Json;

use super::look::{Here, Look, closed_here};
use crate::cel::policy::Request;
use crate::symbolic::{Abs, Answer, How, Reads, Seen, Shape, Statement, Subject, Truth, Unproven, forget_unasked};
use crate::targets::kyverno::cluster::judge::variables;
use crate::targets::kyverno::cluster::mutate::show;
use crate::targets::kyverno::cluster::preconditions::{Condition, Preconditions};
use crate::targets::kyverno::cluster::query::{Place, Problem, Query, is_falsy};
use crate::targets::kyverno::cluster::substitute::{Variables, told};

/// What the conditions of rules ask of a pod, for one class of subjects.
pub(super) struct Conditions<'a> {
    shown: Variables,
    statements: Vec<Statement>,
    asked: Vec<(Asked<'a>, bool)>,
    known: HashMap<&'a Query, Truth>,
    /// What does not depend on the pod.
    closed: Vec<Asked<'a>>,
    mentioned: BTreeSet<String>,
    depends_on_subject: bool,
}

/// What a statement says.
#[derive(Clone, Copy)]
enum Asked<'a> {
    /// An expression is neither null nor false nor empty.
    Query(&'a Query),
    /// A condition holds.
    Condition(&'a Condition),
}

impl<'a> Conditions<'a> {
    /// None yet. `request` is the class's.
    pub fn new(request: &Request) -> Self {
        Self {
            shown: variables(request),
            statements: Vec::new(),
            asked: Vec::new(),
            known: HashMap::new(),
            closed: Vec::new(),
            mentioned: BTreeSet::new(),
            depends_on_subject: false,
        }
    }

    /// The statements that are asked for.
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }

    /// Forgets what the others look at.
    pub fn forget_unasked(&mut self, asked: &BTreeSet<usize>) {
        forget_unasked(&mut self.statements, asked);
    }

    /// Texts in the conditions, which may be a subject's name.
    pub fn mentioned(&self) -> &BTreeSet<String> {
        &self.mentioned
    }

    /// Whether some statement depends on who asks.
    pub fn depends_on_subject(&self) -> bool {
        self.depends_on_subject
    }

    /// Those of them that may matter to requests in the namespace of one; `None` if any may.
    pub fn left_open(&self, request: &Request) -> Option<BTreeSet<String>> {
        let variables = variables(request);
        let mut names = BTreeSet::new();
        for asked in &self.closed {
            match asked {
                Asked::Query(query) => open(query, &variables, &mut names),
                Asked::Condition(condition) => {
                    condition.queries().for_each(|query| query.texts(&mut names));
                    names.extend(condition.value().as_str().map(str::to_owned));
                }
            }
        }
        (!self.depends_on_subject).then_some(names)
    }

    /// What a rule's variables stand for when the request shows this pod.
    pub fn variables(&self, pod: &Json) -> Variables {
        let mut variables = self.shown.clone();
        show(&mut variables, pod);
        variables
    }

    /// Whether statements hold of a pod.
    pub fn hold(&self, pod: &Json, statements: &[usize]) -> Vec<Answer<bool>> {
        let variables = self.variables(pod);
        let answer = |statement: &usize| {
            let (asked, negated) = self.asked.get(*statement).ok_or("there is no such statement")?;
            Ok(asked.holds(&variables).map_err(|problem| told(&problem))? != *negated)
        };
        statements.iter().map(answer).collect()
    }

    /// What the conditions say of a subject's request, as far as that does not depend on the pod.
    pub fn situation(&self, subject: &Subject, request: &Request) -> Vec<u8> {
        let variables = variables(request);
        let mut said: Vec<u8> = self.closed.iter().map(|asked| asked.holds(&variables).map_or(2, u8::from)).collect();
        if self.depends_on_subject {
            said.extend(format!("{subject:?}").into_bytes());
        }
        said
    }

    /// What it takes for preconditions to hold, but for some of those that must all hold.
    pub fn truth_of(
        &mut self,
        preconditions: &'a Preconditions,
        left_out: &[&'a Condition],
        rule: &str,
    ) -> Result<Truth, Unproven> {
        let mut all = Vec::new();
        if let Some(any) = preconditions.any() {
            let any: Result<Vec<Truth>, Unproven> =
                any.iter().map(|condition| self.condition(condition, rule)).collect();
            all.push(Truth::any(any?));
        }
        let is_in = |condition: &&Condition| !left_out.iter().any(|out| std::ptr::eq(*out, *condition));
        for condition in preconditions.all().iter().filter(is_in) {
            all.push(self.condition(condition, rule)?);
        }
        Ok(Truth::all(all))
    }

    /// What is said by `!` and compared with a truth is split, anything else is one statement.
    fn condition(&mut self, condition: &'a Condition, rule: &str) -> Result<Truth, Unproven> {
        if let (Some(Query::Not(inner)), Some(wanted)) = (condition.query(), condition.wanted_truth()) {
            let truth = self.truth(inner, rule)?;
            return Ok(if wanted { truth.not() } else { truth });
        }
        let seen = asked(condition, &closed_here());
        self.statement(Asked::Condition(condition), seen, rule)
    }

    /// What it takes for an expression to be neither null nor false nor empty.
    fn truth(&mut self, query: &'a Query, rule: &str) -> Result<Truth, Unproven> {
        if let Some(known) = self.known.get(query) {
            return Ok(known.clone());
        }
        let seen = Look::default().judged(query, &closed_here());
        let is_closed = seen.flaw.is_none() && seen.reads == Reads::default();
        let truth = match query {
            Query::Not(inner) if !is_closed => self.truth(inner, rule)?.not(),
            Query::And(left, right) if !is_closed => Truth::all([self.truth(left, rule)?, self.truth(right, rule)?]),
            Query::Or(left, right) if !is_closed => Truth::any([self.truth(left, rule)?, self.truth(right, rule)?]),
            _ => self.statement(Asked::Query(query), seen, rule)?,
        };
        self.known.insert(query, truth.clone());
        Ok(truth)
    }

    /// Takes over the texts that may be a subject's name.
    fn mention(&mut self, asked: Asked<'a>) -> Result<(), String> {
        for query in asked.queries() {
            query.texts(&mut self.mentioned);
            if let Some(name) = query.tells_names_apart().filter(|_| query.asks_who()) {
                return Err(format!("`{name}` is not understood for all subjects"));
            }
        }
        if let Asked::Condition(condition) = asked {
            let text = condition.value().as_str().filter(|text| !text.is_empty());
            self.mentioned.extend(text.map(str::to_owned));
        }
        Ok(())
    }

    fn statement(&mut self, asked: Asked<'a>, seen: Seen, rule: &str) -> Result<Truth, Unproven> {
        let unproven = |why: &str| Unproven::new(rule, why);
        if let Some(flaw) = &seen.flaw {
            return Err(unproven(flaw));
        }
        if seen.reads == Reads::default() {
            self.mention(asked).map_err(|why| unproven(&why))?;
            self.closed.push(asked);
            let holds = asked.holds(&self.shown).map_err(|problem| unproven(&told(&problem)))?;
            return Ok(Truth::Constant(holds));
        }
        let Some(polarity) = seen.over.polarity() else {
            return Err(unproven("it is not seen to ask the same of every container, volume and item"));
        };
        if asked.queries().into_iter().any(Query::asks_who) {
            self.mention(asked).map_err(|why| unproven(&why))?;
            self.depends_on_subject = true;
        }
        self.statements.push(Statement { rule: rule.to_owned(), reads: seen.reads });
        self.asked.push((asked, !polarity));
        let truth = Truth::Statement(self.statements.len() - 1);
        Ok(if polarity { truth } else { truth.not() })
    }
}

/// What a condition asks of a pod.
pub(super) fn asked(condition: &Condition, here: &Here) -> Seen {
    condition.query().map_or_else(|| in_a_text(condition, here), |query| compared(query, condition, here))
}

/// An expression that is compared with the condition's value.
fn compared(query: &Query, condition: &Condition, here: &Here) -> Seen {
    if condition.wanted_truth() == Some(true) && query.is_truth() {
        return Look::default().judged(query, here);
    }
    let mut seen = Look::default().at_value(query, here);
    seen.over = seen.over.each(Shape::within);
    let value = Seen::of(Abs::literal(condition.value().clone()));
    seen.compare_values(How::Equal, &seen.abs.clone(), &value.abs);
    seen
}

/// Expressions in the midst of a text, which must not be about the pod.
fn in_a_text(condition: &Condition, here: &Here) -> Seen {
    let mut all = Seen::default();
    for query in condition.queries() {
        let seen = Look::default().at_value(query, here);
        all.takes(&seen);
        if seen.abs.is_of_pod() || query.asks_who() {
            all.fail("it compares a text with parts of the pod in it, or with who asks");
        }
    }
    all
}

/// Adds the texts of what the namespace does not decide. What comes first may fail, and is looked at in any case.
fn open(query: &Query, variables: &Variables, names: &mut BTreeSet<String>) {
    let decided = |query: &Query| {
        let is_known = query.is_of_namespace_alone();
        is_known.then(|| Asked::Query(query).holds(variables).ok()).flatten()
    };
    match query {
        Query::And(first, _) if decided(first) == Some(false) => {}
        Query::Or(first, _) if decided(first) == Some(true) => {}
        Query::And(first, second) | Query::Or(first, second) => {
            open(first, variables, names);
            open(second, variables, names);
        }
        Query::Not(inner) => open(inner, variables, names),
        _ if decided(query).is_some() => {}
        _ => query.texts(names),
    }
}

impl<'a> Asked<'a> {
    fn holds(self, variables: &Variables) -> Result<bool, Problem> {
        match self {
            Self::Query(query) => match query.value(Place::Root(&variables.element, &variables.request)) {
                Ok(value) => Ok(!is_falsy(&value)),
                Err(Problem::NotFound(_)) => Ok(false),
                Err(problem) => Err(problem),
            },
            Self::Condition(condition) => condition.holds(variables),
        }
    }

    fn queries(self) -> Vec<&'a Query> {
        match self {
            Self::Query(query) => vec![query],
            Self::Condition(condition) => condition.queries().collect(),
        }
    }
}
