//! Templates in CEL (`K8sNativeValidation`).
//!
//! Gatekeeper hands them to the API server's own evaluator of a ValidatingAdmissionPolicy, with two variables of its own in
//! front and the constraint as the parameter object, and so does this file. Source: gatekeeper 3.23, `pkg/drivers/k8scel`.

use serde_json::{Value, json};

use super::review::as_written;
use super::template::Violation;
use crate::cel::authorizer::{Attributes, Authorize, Decision, Identity};
use crate::cel::policy::{Policies, Request, Surroundings};
use crate::targets::{AdmissionRequest, Unsupported};

/// The variables that Gatekeeper puts before those of the template.
const ANY_OBJECT: &str =
    "has(request.operation) && request.operation == \"DELETE\" && object == null ? oldObject : object";
const PARAMS: &str = "!has(params.spec) ? null : !has(params.spec.parameters) ? null: params.spec.parameters";

/// The newest library of functions: Gatekeeper brings its own.
const LIBRARY_MINOR: u32 = 37;

/// A template in CEL, as the policy that it stands for.
pub(super) struct Native {
    policy: Value,
}

/// Such a template with one of its constraints.
pub(super) struct BoundNative {
    policies: Policies,
    params: [Value; 1],
}

impl Native {
    /// Reads the `source` of a template's CEL.
    ///
    /// # Errors
    /// What in it the evaluator would refuse, with its path below the source.
    pub(super) fn read(name: &str, kind: &str, source: &Value) -> Result<Self, Vec<(String, String)>> {
        let part = |field: &str| source.get(field).cloned().unwrap_or_default();
        let own = [("anyObject", ANY_OBJECT), ("params", PARAMS)];
        let own = own.map(|(name, expression)| json!({"name": name, "expression": expression}));
        let variables: Vec<Value> = own.into_iter().chain(super::list_at(source, "/variables").to_vec()).collect();
        let everything = json!({"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*/*"]});
        let policy = json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": name},
            "spec": {
                "paramKind": {"apiVersion": PARAM_VERSION, "kind": kind},
                "matchConstraints": {"resourceRules": [everything]},
                "failurePolicy": part("failurePolicy"),
                "matchConditions": part("matchConditions"),
                "variables": variables,
                "validations": part("validations"),
            },
        });
        let policies = Policies::read([&policy], LIBRARY_MINOR);
        let refusals = policies.refusals().map(|refusal| (in_source(&refusal.field), refusal.finding.message.clone()));
        let refusals: Vec<_> = refusals.collect();
        if refusals.is_empty() { Ok(Self { policy }) } else { Err(refusals) }
    }

    /// The template with a constraint, whose parameters have their defaults.
    pub(super) fn bound(&self, constraint: &Value) -> BoundNative {
        let mut param = constraint.clone();
        if let Some(fields) = param.as_object_mut() {
            fields.insert("apiVersion".to_owned(), json!(PARAM_VERSION));
        }
        let name = |object: &Value| object.pointer("/metadata/name").cloned().unwrap_or_default();
        let binding = json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": "constraint"},
            "spec": {
                "policyName": name(&self.policy),
                "validationActions": ["Deny"],
                "paramRef": {"name": name(&param), "parameterNotFoundAction": "Deny"},
            },
        });
        BoundNative { policies: Policies::read([&self.policy, &binding], LIBRARY_MINOR), params: [param] }
    }
}

const PARAM_VERSION: &str = "constraints.gatekeeper.sh/v1beta1";

/// The path in the template of what stands at `field` of the policy.
fn in_source(field: &str) -> String {
    let field = field.strip_prefix("spec.").unwrap_or(field);
    let own = |rest: &str| rest.split_once(']')?.0.parse::<usize>().ok()?.checked_sub(2);
    match field.strip_prefix("variables[").map(|rest| (own(rest), rest.split_once(']'))) {
        Some((Some(index), Some((_, rest)))) => format!("variables[{index}]{rest}"),
        _ => field.to_owned(),
    }
}

impl BoundNative {
    /// What the template says against the pod, and what of it could not be evaluated.
    pub(super) fn violations(
        &self,
        request: &AdmissionRequest<'_>,
        pod: &Value,
        namespace: Option<&Value>,
    ) -> (Vec<Violation>, Vec<Unsupported>) {
        let request = Request {
            operation: request.operation.name().to_owned(),
            version: "v1".to_owned(),
            kind: "Pod".to_owned(),
            resource: "pods".to_owned(),
            subresource: request.subresource.to_owned(),
            name: request.name.to_owned(),
            namespace: request.namespace.to_owned(),
            identity: Identity { user: request.user.to_owned(), groups: request.groups.to_vec() },
            object: pod.clone().into(),
            old_object: request.old_object.map(as_written).unwrap_or_default().into(),
            ..Request::default()
        };
        let surroundings = Surroundings {
            authorize: &Nobody,
            namespace_object: namespace,
            params: &self.params,
            redefault: &|pod| Ok(pod.into()),
        };
        let outcome = self.policies.validate(&request, &surroundings);
        let unsupported = outcome.cannot_evaluate.into_iter().map(|unknown| Unsupported {
            document: format!("ConstraintTemplate/{}", unknown.policy),
            path: "spec.targets[0].code".to_owned(),
            why: unknown.what,
        });
        let violations = outcome.denials.into_iter().map(|denial| Violation(denial.message));
        (violations.collect(), unsupported.collect())
    }
}

/// Gatekeeper gives templates no authorizer.
#[derive(Debug)]
struct Nobody;

impl Authorize for Nobody {
    fn authorize(&self, _: &Identity, _: &Attributes) -> Decision {
        Decision::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::Operation;

    fn source() -> Value {
        json!({
            "variables": [{"name": "bad", "expression": "variables.anyObject.spec.containers.filter(c, !(c.image in variables.params.images))"}],
            "validations": [{
                "expression": "size(variables.bad) == 0",
                "messageExpression": "variables.bad.map(c, \"image of \" + c.name).join(\", \")",
            }],
        })
    }

    #[test]
    fn params_and_object_are_variables() {
        let constraint = json!({
            "apiVersion": "constraints.gatekeeper.sh/v1alpha1", "kind": "Images", "metadata": {"name": "images"},
            "spec": {"parameters": {"images": ["a"]}},
        });
        let native = Native::read("images", "Images", &source()).map_err(|why| format!("{why:?}")).unwrap();
        let bound = native.bound(&constraint);
        let ask = |image: &str| {
            let pod = json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": image}]}});
            let request = AdmissionRequest {
                namespace: "default",
                name: "p",
                user: "alice",
                groups: &[],
                operation: Operation::Create,
                subresource: "",
                object: &pod,
                old_object: None,
            };
            bound.violations(&request, &pod, None)
        };
        assert_eq!(ask("a"), (Vec::new(), Vec::new()));
        assert_eq!(ask("b"), (vec![Violation("image of c".to_owned())], Vec::new()));
    }

    #[test]
    fn what_the_evaluator_refuses_is_named_by_its_own_path() {
        let mut source = source();
        source["variables"][0]["expression"] = json!("variables.anyObject.spec.(");
        let refusals = Native::read("images", "Images", &source).err().unwrap();
        assert_eq!(refusals[0].0, "variables[0].expression");
    }
}
