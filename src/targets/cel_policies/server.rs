//! The API server's own part in a proof: what it does to pods between the policies that mutate and those that validate.

use std::collections::BTreeSet;

use serde_json::Value;

use super::pods::Pods;
use super::stored::{as_stored, cel_request, prepare_for_create};
use crate::admission::Operation;
use crate::cel::Object;
use crate::cel::policy::Request;
use crate::modern;
use crate::pod_view::APP_ARMOR_ANNOTATION;
use crate::symbolic::{Answer, Oracle, Reads, Stage, Statement, Step, Subject, Travelling, Unit, Unproven, validation};
use crate::targets::AdmissionRequest;

/// A subject's request for the smallest pod.
pub(in crate::targets) fn smallest_request(subject: &Subject) -> Request {
    let pod = subject.smallest_pod();
    let request = AdmissionRequest {
        namespace: &subject.namespace,
        name: "p",
        user: &subject.user,
        groups: &subject.groups,
        operation: Operation::Create,
        subresource: "",
        object: &pod,
        old_object: None,
    };
    cel_request(&request, &Pods::default())
}

/// Somebody in a namespace.
pub(in crate::targets) fn somebody(namespace: &str) -> Subject {
    Subject { namespace: namespace.to_owned(), account: String::new(), user: String::new(), groups: Vec::new() }
}

/// As [`as_stored`], for whom it might fail.
pub(in crate::targets) fn redefaulted(pod: Value) -> Result<Object, String> {
    Ok(as_stored(pod).into())
}

/// Prepares pods for creation, and refuses those that mutation has made invalid.
pub(in crate::targets) struct Server {
    statements: Vec<Statement>,
    steps: Vec<Step>,
}

impl Server {
    /// With the validation of pods, or without.
    pub(in crate::targets) fn new(validates: bool) -> Self {
        let statements = if validates { validation().collect() } else { Vec::new() };
        Self { statements, steps: vec![preparation()] }
    }
}

/// Annotations with AppArmor profiles are carried over into fields.
fn preparation() -> Step {
    let field = ["securityContext", "appArmorProfile"].map(str::to_owned).to_vec();
    let units = BTreeSet::from([Unit::ContainerAnnotation(APP_ARMOR_ANNOTATION.to_owned()), Unit::Container(field)]);
    Step { rule: "the API server".to_owned(), pieces: vec![Reads { units, ..Reads::default() }] }
}

impl Stage for Server {
    fn statements(&self) -> &[Statement] {
        &self.statements
    }

    fn steps(&self) -> &[Step] {
        &self.steps
    }

    fn holds(&self, pod: &Value, statements: &[usize]) -> Vec<Answer<bool>> {
        let valid = modern::refusal(pod, "p").is_none();
        statements.iter().map(|_| Ok(valid)).collect()
    }

    fn stepped(&self, pod: &Value, _step: usize) -> Answer<Option<Value>> {
        let mut prepared = pod.clone();
        prepare_for_create(&mut prepared);
        Ok(Some(prepared))
    }

    fn is_for(&self, _namespace: &str) -> bool {
        true
    }

    fn travel(&self, pods: Vec<Travelling>, oracle: &mut dyn Oracle) -> Result<Vec<Travelling>, Unproven> {
        let mut out = Vec::new();
        for (given, at) in pods {
            let (at, _) = oracle.step(at, 0, given)?;
            let mut when = vec![given];
            for statement in 0..self.statements.len() {
                when.push(oracle.ask(at, statement)?);
            }
            out.push((oracle.all(&when), at));
        }
        Ok(out)
    }
}
