//! Native policies as a side of a proof: mutating policies, the server's own preparation and validation, validating ones.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::decide::NativePolicies;
use crate::admission::Operation;
use crate::cel::policy::SymbolicPolicies;
use crate::constraint::Axis;
use crate::modern;
use crate::pod_view::APP_ARMOR_ANNOTATION;
use crate::symbolic::{
    Answer, Oracle, Outcome, Reads, Side, Situations, Statement, Step, Subject, Unit, Unproven, validated_units,
};
use crate::targets::AdmissionRequest;
use crate::targets::cel_policies::stored::{as_stored, cel_request, prepare_for_create};

/// The policies, for one class of subjects.
pub(super) struct NativeSide<'a> {
    native: &'a NativePolicies<'a>,
    symbolic: SymbolicPolicies<'a>,
    statements: Vec<Statement>,
    steps: Vec<Step>,
}

impl<'a> NativeSide<'a> {
    pub fn new(native: &'a NativePolicies<'a>, subject: &Subject) -> Result<Self, Unproven> {
        let request = request(subject);
        let symbolic = SymbolicPolicies::new(native.policies(), request, native.surroundings(&subject.namespace))?;
        let mut statements = symbolic.statements().to_vec();
        if native.validates_pods() && !symbolic.steps().is_empty() {
            statements.extend(validated_units().into_iter().map(|units| Statement {
                rule: "API validation".to_owned(),
                reads: Reads { units: units.into_iter().collect(), ..Reads::default() },
            }));
        }
        let steps = symbolic.steps().iter().cloned().chain([preparation()]).collect();
        Ok(Self { native, symbolic, statements, steps })
    }

    /// The statement is the API server's own, about the pod as a whole.
    fn is_validation(&self, statement: usize) -> bool {
        statement >= self.symbolic.statements().len()
    }

    fn answerable<T>(&self, answer: T) -> Answer<T> {
        match self.native.unanswered() {
            Some(question) => Err(format!("whether somebody may {question} is not known here")),
            None => Ok(answer),
        }
    }
}

/// A subject's request for the smallest pod.
fn request(subject: &Subject) -> crate::cel::policy::Request {
    let pod = json!({"metadata": {"name": "p", "namespace": subject.namespace}, "spec": {
        "serviceAccountName": subject.account, "serviceAccount": subject.account,
        "containers": [{"name": "c0", "image": "image"}]}});
    cel_request(&AdmissionRequest {
        namespace: &subject.namespace,
        name: "p",
        user: &subject.user,
        groups: &subject.groups,
        operation: Operation::Create,
        subresource: "",
        object: &pod,
        old_object: None,
    })
}

impl Situations for NativeSide<'_> {
    fn of(&self, subject: &Subject) -> Vec<u8> {
        self.symbolic.situation(&request(subject), subject)
    }

    fn mentioned(&self) -> BTreeSet<String> {
        self.symbolic.mentioned().clone()
    }
}

/// Annotations with AppArmor profiles are carried over into fields.
fn preparation() -> Step {
    let field = ["securityContext", "appArmorProfile"].map(str::to_owned).to_vec();
    let units = BTreeSet::from([Unit::ContainerAnnotation(APP_ARMOR_ANNOTATION.to_owned()), Unit::Container(field)]);
    Step { rule: "the API server".to_owned(), pieces: vec![Reads { units, ..Reads::default() }] }
}

impl Side for NativeSide<'_> {
    fn statements(&self) -> &[Statement] {
        &self.statements
    }

    fn steps(&self) -> &[Step] {
        &self.steps
    }

    fn axes(&self) -> Vec<Axis> {
        Vec::new()
    }

    fn view(&self, pod: &Value) -> Value {
        as_stored(pod.clone())
    }

    fn holds(&self, seen: &Value, statements: &[usize]) -> Vec<Answer<bool>> {
        let (validations, others): (Vec<usize>, Vec<usize>) =
            statements.iter().copied().partition(|statement| self.is_validation(*statement));
        let mut answers = self.symbolic.holds(seen, &others).into_iter();
        let valid = (!validations.is_empty()).then(|| modern::refusal(seen, "p").is_none());
        let answer = |statement: &usize| {
            if self.is_validation(*statement) {
                return Ok(valid.unwrap_or_default());
            }
            let answer = answers.next().unwrap_or_else(|| Err("it was not evaluated".to_owned()))?;
            self.answerable(answer)
        };
        statements.iter().map(answer).collect()
    }

    fn stepped(&self, seen: &Value, step: usize) -> Answer<Option<Value>> {
        if step < self.symbolic.steps().len() {
            return self.symbolic.stepped(seen, step).and_then(|pod| self.answerable(pod));
        }
        let mut prepared = seen.clone();
        prepare_for_create(&mut prepared);
        Ok(Some(prepared))
    }

    fn outcomes(&self, oracle: &mut dyn Oracle) -> Result<Vec<Outcome>, Unproven> {
        let mut outcomes = Vec::new();
        let nothing = oracle.constant(false);
        for (given, at) in self.symbolic.mutated(oracle)? {
            let (at, _) = oracle.step(at, self.symbolic.steps().len(), given)?;
            let passes = self.symbolic.passes(at, oracle)?;
            let mut when = vec![given, passes];
            if oracle.all(&when) == nothing {
                continue;
            }
            for statement in self.symbolic.statements().len()..self.statements.len() {
                when.push(oracle.ask(at, statement)?);
            }
            outcomes.push(Outcome { when: oracle.all(&when), at });
        }
        self.answerable(outcomes).map_err(|why| Unproven::new("authorizer", why))
    }
}
