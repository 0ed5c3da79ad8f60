//! What Kyverno makes of a request: the mutating policies, the server's own preparation of pods, the validating ones.

use serde_json::{Value as Json, json};

use super::cluster::ClusterPolicy;
use super::read::{CelPolicy, Kind};
use super::side::side;
use super::{mutating, validating};
use crate::admission::Operation;
use crate::cel::authorizer::{Decision, DenyAll};
use crate::cel::policy::{Request, Surroundings, matching};
use crate::cel::{Bindings, EvalError, Program, Scope, Value};
use crate::modern;
use crate::symbolic::{Side, Situations, Subject, Unproven, situations};
use crate::targets::cel_policies::pods::Pods;
use crate::targets::cel_policies::server::{redefaulted, somebody};
use crate::targets::cel_policies::stored::cel_request;
use crate::targets::cel_policies::verdicts::{Fresh, Verdicts};
use crate::targets::{AdmissionRequest, Context, Decider, TargetVerdict, Unsupported};

/// Kyverno's policies and what stands around them, whoever wrote them.
pub struct KyvernoPolicies<'a> {
    validating: Vec<CelPolicy>,
    mutating: Vec<CelPolicy>,
    cluster: Vec<ClusterPolicy>,
    namespaces: &'a [Json],
    unsupported: Vec<Unsupported>,
    validates_pods: bool,
}

impl<'a> KyvernoPolicies<'a> {
    /// Reads the policies among the documents.
    pub fn read(documents: &[Json], context: &Context<'a>) -> Self {
        let policies: Vec<CelPolicy> = documents.iter().filter_map(CelPolicy::read).collect();
        let cluster: Vec<ClusterPolicy> = documents.iter().filter_map(ClusterPolicy::read).collect();
        let unsupported = policies.iter().flat_map(|policy| &policy.unsupported);
        let unsupported = unsupported.chain(cluster.iter().flat_map(|policy| &policy.unsupported)).cloned().collect();
        let (validating, mutating) = policies.into_iter().partition(|policy| policy.kind == Kind::Validating);
        Self { validating, mutating, cluster, namespaces: context.namespaces, unsupported, validates_pods: true }
    }

    /// Leaves API validation of filled pods aside.
    #[must_use]
    pub fn without_pod_validation(self) -> Self {
        Self { validates_pods: false, ..self }
    }

    /// The policies, for those who look at their expressions.
    pub fn policies(&self) -> impl Iterator<Item = &CelPolicy> {
        self.mutating.iter().chain(&self.validating)
    }

    /// Those that mutate.
    pub(super) fn mutating(&self) -> &[CelPolicy] {
        &self.mutating
    }

    /// Those that validate.
    pub(super) fn validating(&self) -> &[CelPolicy] {
        &self.validating
    }

    /// Those that are ClusterPolicies.
    pub(super) fn cluster(&self) -> &[ClusterPolicy] {
        &self.cluster
    }

    /// Whether API validation of filled pods counts.
    pub(super) fn validates_pods(&self) -> bool {
        self.validates_pods
    }

    /// What stands around requests to a namespace.
    pub(super) fn surroundings(&self, namespace: &str) -> Surroundings<'_> {
        Surroundings {
            authorize: &DenyAll,
            namespace_object: self.namespace(namespace),
            params: &[],
            redefault: &redefaulted,
        }
    }

    fn namespace(&self, name: &str) -> Option<&Json> {
        self.namespaces.iter().find(|namespace| namespace.pointer("/metadata/name").is_some_and(|it| it == name))
    }
}

impl Decider for KyvernoPolicies<'_> {
    fn decide(&self, request: &AdmissionRequest<'_>) -> TargetVerdict {
        self.decide_about(request, &Pods::default()).verdict
    }

    fn decide_all(&self, requests: &[AdmissionRequest<'_>]) -> Vec<TargetVerdict> {
        let pods = Pods::default();
        let mut verdicts = Verdicts::default();
        let nobody_asks = |_: &AdmissionRequest<'_>, _: &_| Decision::default();
        let verdict = |request| verdicts.of(request, nobody_asks, || self.decide_about(request, &pods));
        requests.iter().map(verdict).collect()
    }

    fn unsupported(&self) -> &[Unsupported] {
        &self.unsupported
    }

    fn side(&self, subject: &Subject) -> Result<Box<dyn Side + '_>, Unproven> {
        Ok(Box::new(side(self, subject)?))
    }

    fn situations(&self, namespace: &str) -> Option<Box<dyn Situations + '_>> {
        Some(situations(side(self, &somebody(namespace))))
    }
}

impl KyvernoPolicies<'_> {
    /// Decides about one of the requests that `pods` are of.
    fn decide_about<'r>(&self, request: &AdmissionRequest<'r>, pods: &Pods<'r>) -> Fresh {
        let mut asked = cel_request(request, pods);
        if asked.old_object.is_null() {
            // Kyverno shows an empty object where there is none.
            asked.old_object = json!({}).into();
        }
        let surroundings = self.surroundings(request.namespace);
        let mut verdict = TargetVerdict { allowed: true, ..TargetVerdict::default() };
        self.mutate(&mut asked, pods, &surroundings, &mut verdict);
        self.mutate_by_rules(&mut asked, pods, &surroundings, &mut verdict);
        if verdict.allowed {
            if request.operation == Operation::Create {
                asked.object = pods.prepared(asked.object);
                self.validate_pod(&asked, &mut verdict);
            }
            self.validate(&asked, &surroundings, &mut verdict);
        }
        verdict.pod = asked.object.json().clone();
        Fresh { verdict, questions: (!asked.requester_seen.is_noted()).then(Vec::new) }
    }

    /// All mutating policies, each on what the one before left. Kyverno knows no order among them: where it matters, nobody
    /// knows the outcome.
    fn mutate(
        &self,
        asked: &mut Request,
        pods: &Pods<'_>,
        surroundings: &Surroundings<'_>,
        verdict: &mut TargetVerdict,
    ) {
        let selected: Vec<&CelPolicy> =
            self.mutating.iter().filter(|policy| select(policy, asked, surroundings, verdict)).collect();
        if selected.is_empty() {
            return;
        }
        let bindings = bindings(asked, surroundings);
        let pod = run(selected.iter().copied(), bindings.clone(), &asked.object, verdict);
        if selected.len() > 1 {
            let other = run(selected.iter().rev().copied(), bindings, &asked.object, &mut TargetVerdict::default());
            if other != pod {
                let names = selected.iter().map(|policy| policy.policy.name.as_str());
                verdict.unsupported.push(unordered("MutatingPolicy", names));
            }
        }
        if pod != *asked.object {
            asked.object = pods.changed(pod);
        }
    }

    fn validate(&self, asked: &Request, surroundings: &Surroundings<'_>, verdict: &mut TargetVerdict) {
        let bindings = bindings(asked, surroundings);
        for policy in &self.validating {
            if select(policy, asked, surroundings, verdict) {
                validating::judge(policy, &bindings, verdict);
            }
        }
        for policy in &self.cluster {
            if policy.concerns(asked, verdict) {
                policy.judge(asked, surroundings, verdict);
            }
        }
    }

    /// The rules of ClusterPolicies, after the mutating policies, whose webhooks come first by name. Their order is as random.
    fn mutate_by_rules(
        &self,
        asked: &mut Request,
        pods: &Pods<'_>,
        surroundings: &Surroundings<'_>,
        verdict: &mut TargetVerdict,
    ) {
        let mutating: Vec<&ClusterPolicy> = self
            .cluster
            .iter()
            .filter(|policy| policy.mutates() && policy.concerns(asked, &mut TargetVerdict::default()))
            .collect();
        let before = asked.object.clone();
        for policy in &mutating {
            asked.object = policy.change(asked, surroundings, verdict).into();
        }
        if mutating.len() > 1 {
            let mut other = Request { object: before.clone(), ..asked.clone() };
            for policy in mutating.iter().rev() {
                other.object = policy.change(&other, surroundings, &mut TargetVerdict::default()).into();
            }
            if other.object != asked.object {
                verdict
                    .unsupported
                    .push(unordered("ClusterPolicy", mutating.iter().map(|policy| policy.name.as_str())));
            }
        }
        if asked.object != before {
            asked.object = pods.changed(std::mem::take(&mut asked.object).into_json());
        }
    }

    /// The API server refuses some pods that were filled in.
    fn validate_pod(&self, asked: &Request, verdict: &mut TargetVerdict) {
        if let Some(refusal) = modern::refusal(&asked.object, &asked.name).filter(|_| self.validates_pods) {
            verdict.allowed = false;
            verdict.messages.push(refusal);
        }
    }
}

/// The outcome depends on an order that there is not.
fn unordered<'p>(kind: &str, names: impl Iterator<Item = &'p str>) -> Unsupported {
    let names = names.collect::<Vec<_>>().join("`, `");
    Unsupported {
        document: kind.to_owned(),
        path: String::new(),
        why: format!("the outcome depends on the order of `{names}`, and there is none"),
    }
}

/// The pod after these policies.
fn run<'p>(
    policies: impl Iterator<Item = &'p CelPolicy>,
    bindings: Bindings<'_>,
    pod: &Json,
    verdict: &mut TargetVerdict,
) -> Json {
    let (mut pod, mut bindings) = (pod.clone(), bindings);
    for policy in policies {
        let mut answers = Answers::of(policy);
        match mutating::change(policy, &bindings, &pod, &mut answers) {
            Ok(Some(changed)) => {
                pod = changed;
                bindings = bindings.with("object", Value::from_json(&pod));
            }
            Ok(None) => {}
            Err(error) if policy.policy.fails_closed() => {
                verdict.allowed = false;
                verdict.messages.push(format!("Policy {}: failed to evaluate policy: {error}", policy.policy.name));
            }
            Err(_) => {}
        }
        verdict.unsupported.extend(answers.unsupported);
    }
    pod
}

/// Whether the policy is to be evaluated for the request. What cannot be evaluated of it is told where it would be.
fn select(policy: &CelPolicy, asked: &Request, surroundings: &Surroundings<'_>, verdict: &mut TargetVerdict) -> bool {
    if policy.namespace.as_ref().is_some_and(|namespace| *namespace != asked.namespace) {
        return false;
    }
    match matching::matches(policy.policy.constraints(), asked, surroundings) {
        Ok(false) => return false,
        Ok(true) if policy.unsupported.is_empty() => return true,
        Ok(true) => verdict.unsupported.extend(policy.unsupported.iter().cloned()),
        Err(why) => verdict.unsupported.push(Unsupported {
            document: policy.policy.name.clone(),
            path: "spec.matchConstraints".to_owned(),
            why,
        }),
    }
    false
}

fn bindings<'a>(asked: &Request, surroundings: &Surroundings<'_>) -> Bindings<'a> {
    asked.plain_bindings(&asked.object).with("namespaceObject", asked.namespace_value(surroundings))
}

/// The answers of one policy's expressions.
pub(super) struct Answers<'p> {
    cel: &'p CelPolicy,
    /// What could not be evaluated.
    pub unsupported: Vec<Unsupported>,
}

/// What match conditions say.
pub(super) enum Match {
    /// All hold.
    Yes,
    /// One does not.
    No,
    /// None is false, and some cannot be answered.
    Error(String),
}

impl<'p> Answers<'p> {
    pub(super) fn of(cel: &'p CelPolicy) -> Self {
        Self { cel, unsupported: Vec::new() }
    }

    /// The value of an expression, or Kyverno's error.
    pub(super) fn of_program(&mut self, program: &Program, scope: &Scope<'_>) -> Result<Value, String> {
        program.evaluate(scope).result.map_err(|error| {
            if matches!(error, EvalError::CannotEvaluate { .. } | EvalError::CostLimit) {
                self.cannot(&error);
            }
            error.to_string()
        })
    }

    /// Notes that this cannot be evaluated here. Kyverno counts no costs, so an expression that is too costly is one.
    pub(super) fn cannot(&mut self, error: &EvalError) {
        self.unsupported.push(Unsupported {
            document: self.cel.policy.name.clone(),
            path: String::new(),
            why: error.to_string(),
        });
    }

    /// Whether the match conditions hold: one that is false settles it, whatever those before it were.
    pub(super) fn matches(&mut self, scope: &Scope<'_>) -> Match {
        let mut errors = Vec::new();
        for program in &self.cel.policy.match_conditions {
            match self.of_program(program, scope) {
                Ok(Value::Bool(true)) => {}
                Ok(_) => return Match::No,
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() { Match::Yes } else { Match::Error(errors.join("; ")) }
    }
}
