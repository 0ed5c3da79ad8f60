//! A rule that validates: its conditions in JMESPath, and what it says in CEL.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::conditions::Conditions;
use super::{Asker, is_about, place};
use crate::cel::policy::{Dialect, Policies, Request, Surroundings, SymbolicPolicies};
use crate::symbolic::{Answer, Oracle, Shifted, Stage, Statement, Step, Subject, Travelling, Truth, Unproven};
use crate::targets::cel_policies::server::somebody;
use crate::targets::kyverno::cluster::read::{ClusterPolicy, Rule};

/// The rule, for one class of subjects.
pub(in super::super::super) struct Judged<'a> {
    place: (&'a ClusterPolicy, &'a Rule),
    surroundings: Surroundings<'a>,
    request_of: fn(&Subject) -> Request,
    is_about: bool,
    conditions: Conditions<'a>,
    applies: Truth,
    said: SymbolicPolicies<'a>,
    /// Those of the conditions, then those of the policy in CEL.
    statements: Vec<Statement>,
}

impl<'a> Judged<'a> {
    /// The rule of a policy, which says this in CEL where a failure denies.
    ///
    /// # Errors
    /// What in it is not understood.
    pub fn new(
        (policy, rule): (&'a ClusterPolicy, &'a Rule),
        policies: Option<&'a Policies>,
        asker: Asker<'_>,
        surroundings: Surroundings<'a>,
    ) -> Result<Self, Unproven> {
        let request = (asker.request_of)(asker.subject);
        let is_about = is_about((policy, rule), &request, &surroundings)?;
        let mut conditions = Conditions::new(&request);
        let mut said = SymbolicPolicies::new(Dialect::SERVER, asker.subject, asker.request_of, surroundings);
        let mut applies = Truth::Constant(false);
        if is_about {
            applies = conditions.truth_of(&rule.preconditions, &[], &place(policy, rule, "preconditions"))?;
            let policies = policies.into_iter().flat_map(Policies::validating);
            said = said.with_validating(policies).map_err(|reason| in_rule((policy, rule), reason))?;
        }
        let mut asked = BTreeSet::new();
        applies.statements(&mut asked);
        conditions.forget_unasked(&asked);
        let statements = conditions.statements().iter().cloned();
        let of_cel = said.statements().iter().map(|statement| Statement {
            rule: place(policy, rule, path_of(&statement.rule)),
            reads: statement.reads.clone(),
        });
        let statements = statements.chain(of_cel).collect();
        Ok(Self {
            place: (policy, rule),
            surroundings,
            request_of: asker.request_of,
            is_about,
            conditions,
            applies,
            said,
            statements,
        })
    }
}

/// Where it stands in the rule that the policy in CEL was made of.
fn in_rule((policy, rule): (&ClusterPolicy, &Rule), reason: Unproven) -> Unproven {
    Unproven::new(place(policy, rule, path_of(&reason.rule)), reason.why)
}

/// The path in `ValidatingAdmissionPolicy/name path`.
fn path_of(place: &str) -> &str {
    place.rsplit_once(' ').map_or(place, |(_, path)| path)
}

impl Stage for Judged<'_> {
    fn statements(&self) -> &[Statement] {
        &self.statements
    }

    fn steps(&self) -> &[Step] {
        &[]
    }

    fn holds(&self, pod: &Json, statements: &[usize]) -> Vec<Answer<bool>> {
        let first = self.conditions.statements().len();
        let (own, of_cel): (Vec<usize>, Vec<usize>) = statements.iter().partition(|statement| **statement < first);
        let of_cel: Vec<usize> = of_cel.into_iter().map(|statement| statement - first).collect();
        let mut own = self.conditions.hold(pod, &own).into_iter();
        let mut of_cel = self.said.holds(pod, &of_cel).into_iter();
        let answer = |statement: &usize| {
            let next = if *statement < first { own.next() } else { of_cel.next() };
            next.unwrap_or_else(|| Err("it was not evaluated".to_owned()))
        };
        statements.iter().map(answer).collect()
    }

    fn stepped(&self, _pod: &Json, _step: usize) -> Answer<Option<Json>> {
        Err("there is no such step".to_owned())
    }

    fn travel(&self, pods: Vec<Travelling>, oracle: &mut dyn Oracle) -> Result<Vec<Travelling>, Unproven> {
        if !self.is_about {
            return Ok(pods);
        }
        let first = self.conditions.statements().len();
        let mut out = Vec::new();
        for (given, at) in pods {
            let applies = self.applies.at(at, oracle)?;
            let not = oracle.not(applies);
            out.push((oracle.all(&[given, not]), at));
            let judged = oracle.all(&[given, applies]);
            let mut of_cel = Shifted::new(oracle, first, 0);
            let passed = self.said.travel(vec![(judged, at)], &mut of_cel);
            out.extend(passed.map_err(|reason| in_rule(self.place, reason))?);
        }
        Ok(out)
    }

    fn situation(&self, subject: &Subject) -> Vec<u8> {
        let request = (self.request_of)(subject);
        let about = is_about(self.place, &request, &self.surroundings).map_or(2, u8::from);
        let own = self.conditions.situation(subject, &request);
        [about].into_iter().chain(own).chain(self.said.situation(subject)).collect()
    }

    fn mentioned(&self) -> BTreeSet<String> {
        let (_, rule) = self.place;
        let mut mentioned: BTreeSet<String> =
            [&rule.matches, &rule.excludes].iter().flat_map(|it| it.mentioned()).collect();
        mentioned.extend(self.conditions.mentioned().iter().cloned());
        mentioned.extend(self.said.mentioned());
        mentioned
    }

    fn is_for(&self, namespace: &str) -> bool {
        let (_, rule) = self.place;
        let mut blocks = [&rule.matches, &rule.excludes].into_iter();
        blocks.all(|blocks| blocks.mentioned().is_empty() && !blocks.asks_namespace())
            && !self.conditions.depends_on_subject()
            && self.said.is_for(namespace)
    }

    fn left_open(&self, namespace: &str) -> Option<BTreeSet<String>> {
        let (_, rule) = self.place;
        let named = [&rule.matches, &rule.excludes].into_iter().flat_map(|blocks| blocks.mentioned());
        Some(
            named
                .chain(self.conditions.left_open(&(self.request_of)(&somebody(namespace)))?)
                .chain(self.said.left_open(namespace)?)
                .collect(),
        )
    }
}
