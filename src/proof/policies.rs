//! PodSecurityPolicy as a side: the plug-in's choice among usable policies, stated control by control.
//!
//! Statements are found by running each control's own fills and demands, never from the rules that targets translate.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::admission::{ControlTrial, api_validation};
use crate::cluster::Cluster;
use crate::constraint::{Axis, Fill};
use crate::controls::Requirement;
use crate::pod_view::{PSP_ANNOTATION, PodView};
use crate::rbac::PolicySet;
use crate::symbolic::{Answer, At, Node, Oracle, Outcome, Reads, Side, Statement, Step, Unit, Unproven, validation};

/// The policies of a cluster that a class of subjects may use.
pub struct UsablePolicies<'a> {
    cluster: &'a Cluster,
    /// Positions in the plug-in, in its order.
    policies: Vec<usize>,
    statements: Vec<Statement>,
    asked: Vec<Asked>,
    steps: Vec<Step>,
}

/// What a statement says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// The control admits the pod, perhaps after filling it in.
    Admits { policy: usize, control: usize },
    /// The control admits the pod and fills nothing in.
    Untouched { policy: usize, control: usize },
    /// The API server takes the pod, as far as certain fields go.
    Valid,
}

/// A control of a policy, and what it said last.
type Tried = ((usize, usize), ControlTrial);

impl<'a> UsablePolicies<'a> {
    /// The side of those who may use these policies.
    pub fn new(cluster: &'a Cluster, usable: &PolicySet) -> Self {
        let all = 0..cluster.plugin().policies().len();
        let policies: Vec<usize> = all.filter(|policy| cluster.may_use(*policy, usable)).collect();
        let mut side = Self { cluster, policies, statements: Vec::new(), asked: Vec::new(), steps: Vec::new() };
        for policy in side.policies.clone() {
            side.add_policy(policy);
        }
        if !side.policies.is_empty() {
            for statement in validation() {
                side.add(Asked::Valid, statement);
            }
        }
        side
    }

    fn add(&mut self, asked: Asked, statement: Statement) {
        self.asked.push(asked);
        self.statements.push(statement);
    }

    fn add_policy(&mut self, policy: usize) {
        let Some(of) = self.cluster.plugin().policies().get(policy) else { return };
        let mut pieces = vec![Reads { units: BTreeSet::from([Unit::annotation(PSP_ANNOTATION)]), ..Reads::default() }];
        for (control, (of_control, requirement)) in of.requirements().iter().enumerate() {
            let units = requirement.boundary().iter().map(|axis| Unit::from(axis.at)).collect();
            let reads = Reads { units, ..Reads::default() };
            let rule = format!("PodSecurityPolicy/{} {}", of.name(), of_control.name);
            let statement = || Statement { rule: rule.clone(), reads: reads.clone() };
            self.add(Asked::Admits { policy, control }, statement());
            self.add(Asked::Untouched { policy, control }, statement());
            pieces.push(Reads { names: Some(filled_in(requirement.as_ref())), ..reads });
        }
        self.steps.push(Step { rule: format!("PodSecurityPolicy/{}", of.name()), pieces });
    }

    fn plugin(&self) -> &'a crate::admission::Plugin {
        self.cluster.plugin()
    }

    fn says(&self, view: &PodView<'_>, asked: Asked, tried: &mut Option<Tried>) -> Answer<bool> {
        let of = match asked {
            Asked::Valid => return Ok(api_validation(view).is_empty()),
            Asked::Admits { policy, control } | Asked::Untouched { policy, control } => (policy, control),
        };
        let known = tried.filter(|(known, _)| *known == of).map(|(_, trial)| trial);
        let trial = known.or_else(|| self.plugin().try_control(of.0, of.1, view)).ok_or("there is no such control")?;
        *tried = Some((of, trial));
        match trial {
            ControlTrial::Untouched => Ok(true),
            ControlTrial::Filled => Ok(matches!(asked, Asked::Admits { .. })),
            ControlTrial::Denied => Ok(false),
            ControlTrial::NotValidated => {
                Err("what the old server makes of an admitted pod is not admitted again".to_owned())
            }
        }
    }

    /// All statements of one policy that say the same sort of thing.
    fn all_of(&self, oracle: &mut dyn Oracle, wanted: impl Fn(Asked) -> bool) -> Result<Node, Unproven> {
        let mut nodes = Vec::new();
        for (statement, asked) in self.asked.iter().enumerate() {
            if wanted(*asked) {
                nodes.push(oracle.ask(At::SUBMITTED, statement)?);
            }
        }
        Ok(oracle.all(&nodes))
    }

    /// The outcome of those pods that a policy is chosen for.
    fn outcome(&self, oracle: &mut dyn Oracle, step: usize, chosen: Node) -> Result<Outcome, Unproven> {
        let (at, succeeds) = oracle.step(At::SUBMITTED, step, chosen)?;
        let mut when = vec![chosen, succeeds];
        for (statement, asked) in self.asked.iter().enumerate() {
            if *asked == Asked::Valid {
                when.push(oracle.ask(at, statement)?);
            }
        }
        Ok(Outcome { when: oracle.all(&when), at })
    }
}

/// The capabilities that a control fills in: each by itself, whatever other names there are.
fn filled_in(requirement: &dyn Requirement) -> BTreeSet<String> {
    let names = |fill: Fill| match fill {
        Fill::Capabilities { add, drop } => [add, drop].concat(),
        Fill::SetIfAbsent { .. } | Fill::CopySeccompToAnnotation => Vec::new(),
    };
    requirement.fills().into_iter().flat_map(names).collect()
}

impl Side for UsablePolicies<'_> {
    fn statements(&self) -> &[Statement] {
        &self.statements
    }

    fn steps(&self) -> &[Step] {
        &self.steps
    }

    fn axes(&self) -> Vec<Axis> {
        let policies = self.policies.iter().filter_map(|policy| self.plugin().policies().get(*policy));
        policies.flat_map(|policy| policy.requirements()).flat_map(|(_, requirement)| requirement.boundary()).collect()
    }

    fn holds(&self, pod: &Value, statements: &[usize]) -> Vec<Answer<bool>> {
        let view = PodView::read(pod, self.plugin().release()).map_err(|error| error.to_string());
        let mut tried = None;
        let judge = |statement: &usize| {
            let asked = self.asked.get(*statement).ok_or("there is no such statement")?;
            self.says(view.as_ref().map_err(Clone::clone)?, *asked, &mut tried)
        };
        statements.iter().map(judge).collect()
    }

    fn stepped(&self, pod: &Value, step: usize) -> Answer<Option<Value>> {
        let view = PodView::read(pod, self.plugin().release()).map_err(|error| error.to_string())?;
        let policy = self.policies.get(step).copied().unwrap_or_default();
        let result = self.plugin().result_of(policy, &view).ok_or("there is no such policy")?;
        let mut pod = pod.clone();
        result.write_into(&view, &mut pod);
        Ok(Some(pod))
    }

    /// The first policy that admits the pod untouched is chosen, else the first that admits it after its fills.
    fn outcomes(&self, oracle: &mut dyn Oracle) -> Result<Vec<Outcome>, Unproven> {
        let mut outcomes = Vec::new();
        let mut left = oracle.constant(true);
        let turns =
            [false, true].into_iter().flat_map(|fills| self.policies.iter().enumerate().map(move |it| (fills, it)));
        for (fills, (step, policy)) in turns {
            let admits = self.all_of(oracle, |asked| match asked {
                Asked::Admits { policy: of, .. } => fills && of == *policy,
                Asked::Untouched { policy: of, .. } => !fills && of == *policy,
                Asked::Valid => false,
            })?;
            let chosen = oracle.all(&[left, admits]);
            outcomes.push(self.outcome(oracle, step, chosen)?);
            let not = oracle.not(admits);
            left = oracle.all(&[left, not]);
        }
        Ok(outcomes)
    }
}
