//! Reads ClusterPolicy and Policy documents, whoever wrote them, and evaluates their rules.
//!
//! Source: `pkg/engine/engine.go`, `pkg/engine/handlers/validation/validate_cel.go` (1.19.0).

use serde_json::{Map, Value as Json, json};

use super::matching::Blocks;
use super::mutate::{Mutation, show};
use super::preconditions::Preconditions;
use super::query::Problem;
use super::substitute::{Variables, told};
use crate::cel::policy::{Policies, Request, Surroundings, text};
use crate::targets::{TargetVerdict, Unsupported};

/// A ClusterPolicy, or a Policy.
#[derive(Debug)]
pub struct ClusterPolicy {
    /// Its name.
    pub name: String,
    kind: String,
    /// The namespace that a Policy is limited to.
    namespace: Option<String>,
    fails_closed: bool,
    /// Whether what is not enforced is warned of.
    warns: bool,
    rules: Vec<Rule>,
    /// What in it cannot be evaluated.
    pub unsupported: Vec<Unsupported>,
}

#[derive(Debug)]
struct Rule {
    name: String,
    matches: Blocks,
    excludes: Blocks,
    preconditions: Preconditions,
    action: Action,
}

#[derive(Debug)]
enum Action {
    Validate { enforced: bool, policies: Box<Policies> },
    Mutate(Mutation),
}

const SPEC: [&str; 10] = [
    "rules",
    "validationFailureAction",
    "background",
    "failurePolicy",
    "admission",
    "schemaValidation",
    "applyRules",
    "webhookTimeoutSeconds",
    "generateExisting",
    "emitWarning",
];
const RULE: [&str; 7] = ["name", "match", "exclude", "preconditions", "celPreconditions", "validate", "mutate"];
const VALIDATE: [&str; 4] = ["cel", "message", "failureAction", "allowExistingViolations"];
const CEL: [&str; 4] = ["expressions", "variables", "auditAnnotations", "generate"];

/// What the report says of a rule that changed the pod.
pub(in super::super) const PASSED: &str = "pass";

/// Where something is not understood, and why.
type Misread = (String, String);

impl ClusterPolicy {
    /// The policy, if the document is one.
    pub fn read(document: &Json) -> Option<Self> {
        let (group, _) = text(document, "/apiVersion").split_once('/')?;
        let kind = text(document, "/kind");
        if group != "kyverno.io" || !["ClusterPolicy", "Policy"].contains(&kind) {
            return None;
        }
        if document.pointer("/spec/admission").is_some_and(|admission| admission == false) {
            return None;
        }
        let namespace = match text(document, "/metadata/namespace") {
            "" => "default",
            namespace => namespace,
        };
        let mut policy = Self {
            name: text(document, "/metadata/name").to_owned(),
            kind: kind.to_owned(),
            namespace: (kind == "Policy").then(|| namespace.to_owned()),
            fails_closed: text(document, "/spec/failurePolicy") != "Ignore",
            warns: document.pointer("/spec/emitWarning").is_some_and(|warns| warns == true),
            rules: Vec::new(),
            unsupported: Vec::new(),
        };
        policy.refuse(unknown(document.get("spec"), &SPEC, "spec"));
        if text(document, "/spec/applyRules") == "One" {
            policy.refuse(Some(("spec.applyRules".to_owned(), "`One` cannot be evaluated here".to_owned())));
        }
        let rules = document.pointer("/spec/rules").and_then(Json::as_array);
        for (index, rule) in rules.into_iter().flatten().enumerate() {
            match Rule::read(rule, document, &format!("spec.rules[{index}]")) {
                Ok(rule) => policy.rules.extend(rule),
                Err(misread) => policy.refuse(Some(misread)),
            }
        }
        Some(policy)
    }

    fn refuse(&mut self, misread: Option<Misread>) {
        let document = format!("{}/{}", self.kind, self.name);
        self.unsupported.extend(misread.map(|(path, why)| Unsupported { document, path, why }));
    }

    /// Whether the policy can say anything about the request. What in it cannot be evaluated is told where it can.
    pub(in super::super) fn concerns(&self, request: &Request, verdict: &mut TargetVerdict) -> bool {
        if self.namespace.as_ref().is_some_and(|namespace| *namespace != request.namespace) {
            return false;
        }
        verdict.unsupported.extend(self.unsupported.iter().cloned());
        self.unsupported.is_empty()
    }

    /// Whether a rule changes pods.
    pub(in super::super) fn mutates(&self) -> bool {
        self.rules.iter().any(|rule| matches!(rule.action, Action::Mutate(_)))
    }

    /// The pod after the rules that mutate.
    pub(in super::super) fn change(
        &self,
        request: &Request,
        surroundings: &Surroundings<'_>,
        verdict: &mut TargetVerdict,
    ) -> Json {
        let namespace = request.namespace_object(surroundings);
        let mut pod = request.object.clone();
        let mut variables = variables(request);
        for rule in &self.rules {
            let Action::Mutate(mutation) = &rule.action else { continue };
            if !rule.matches(request, &namespace) {
                continue;
            }
            let changed = rule.preconditions.hold(&variables).and_then(|holds| match holds {
                true => mutation.apply(&pod, &mut variables),
                false => Ok(pod.clone()),
            });
            match changed {
                Ok(changed) => {
                    if changed != pod {
                        verdict.audit.push((format!("{}/{}", self.name, rule.name), PASSED.to_owned()));
                        show(&mut variables, &changed);
                        pod = changed;
                    }
                }
                Err(problem) => {
                    self.fail(rule, &problem, verdict);
                    return request.object.clone();
                }
            }
        }
        pod
    }

    /// Adds what the rules that validate say to the verdict.
    pub(in super::super) fn judge(
        &self,
        request: &Request,
        surroundings: &Surroundings<'_>,
        verdict: &mut TargetVerdict,
    ) {
        let namespace = request.namespace_object(surroundings);
        for rule in &self.rules {
            let Action::Validate { enforced, policies } = &rule.action else { continue };
            if !rule.matches(request, &namespace) {
                continue;
            }
            match rule.preconditions.hold(&variables(request)) {
                Ok(true) => {}
                Ok(false) => continue,
                Err(problem) => {
                    self.fail(rule, &problem, verdict);
                    continue;
                }
            }
            // Kyverno hides the subresource from CEL.
            let shown = Request { subresource: String::new(), ..request.clone() };
            let outcome = policies.validate(&shown, surroundings);
            verdict.unsupported.extend(outcome.cannot_evaluate.into_iter().map(|unknown| Unsupported {
                document: format!("{}/{}", self.kind, self.name),
                path: rule.name.clone(),
                why: unknown.what,
            }));
            if let Some(denial) = outcome.denials.first() {
                let message = self.blocked(rule, request, &denial.message);
                if *enforced {
                    verdict.allowed = false;
                    verdict.messages.push(message);
                } else if self.warns {
                    verdict.warnings.push(message);
                } else {
                    verdict.audit.push((format!("{}/{}", self.name, rule.name), message));
                }
            }
        }
    }

    fn blocked(&self, rule: &Rule, request: &Request, message: &str) -> String {
        format!(
            "resource Pod/{}/{} was blocked due to the following policies \n\n{}:\n  {}: {message}",
            request.namespace, request.name, self.name, rule.name
        )
    }

    /// An error of a rule denies where the policy fails closed.
    fn fail(&self, rule: &Rule, problem: &Problem, verdict: &mut TargetVerdict) {
        if let Problem::Unknown(_) = problem {
            verdict.unsupported.push(Unsupported {
                document: format!("{}/{}", self.kind, self.name),
                path: rule.name.clone(),
                why: told(problem),
            });
        } else if self.fails_closed {
            verdict.allowed = false;
            verdict.messages.push(format!("mutation policy {} error: {}: {}", self.name, rule.name, told(problem)));
        }
    }
}

impl Rule {
    fn read(rule: &Json, document: &Json, path: &str) -> Result<Option<Self>, Misread> {
        if rule.get("generate").is_some() {
            return Ok(None);
        }
        if let Some(misread) = unknown(Some(rule), &RULE, path) {
            return Err(misread);
        }
        let action = match (rule.get("validate"), rule.get("mutate")) {
            (Some(_), None) => validate(rule, document, path)?,
            (None, Some(mutate)) => Action::Mutate(Mutation::read(mutate, &format!("{path}.mutate"))?),
            _ => return Err((path.to_owned(), "a rule validates or mutates".to_owned())),
        };
        Ok(Some(Self {
            name: text(rule, "/name").to_owned(),
            matches: Blocks::read(rule.get("match"), &format!("{path}.match"))?,
            excludes: Blocks::read(rule.get("exclude"), &format!("{path}.exclude"))?,
            preconditions: Preconditions::read(rule.get("preconditions"), &format!("{path}.preconditions"))?,
            action,
        }))
    }

    fn matches(&self, request: &Request, namespace: &Json) -> bool {
        self.matches.match_request(request, namespace) && !self.excludes.match_request(request, namespace)
    }
}

/// The first key that is not among those that are understood.
fn unknown(value: Option<&Json>, keys: &[&str], path: &str) -> Option<Misread> {
    let fields = value.and_then(Json::as_object).into_iter().flatten();
    let (key, _) = fields.into_iter().find(|(key, _)| !keys.contains(&key.as_str()))?;
    Some((format!("{path}.{key}"), format!("`{key}` cannot be evaluated here")))
}

/// `validate.cel` runs on the API server's own code for ValidatingAdmissionPolicy.
fn validate(rule: &Json, document: &Json, path: &str) -> Result<Action, Misread> {
    let validate = rule.get("validate");
    let path = format!("{path}.validate");
    if let Some(misread) = unknown(validate, &VALIDATE, &path) {
        return Err(misread);
    }
    let Some(cel) = validate.and_then(|validate| validate.get("cel")) else {
        return Err((path, "a rule without `cel` cannot be evaluated here".to_owned()));
    };
    if let Some(misread) = unknown(Some(cel), &CEL, &format!("{path}.cel")) {
        return Err(misread);
    }
    if rule.to_string().contains("authorizer") {
        return Err((format!("{path}.cel"), "Kyverno's `authorizer` cannot be evaluated here".to_owned()));
    }
    let expressions = cel.get("expressions").and_then(Json::as_array).into_iter().flatten();
    let message = text(rule, "/validate/message");
    let expressions = expressions.map(|expression| {
        let mut expression = expression.clone();
        if let Some(fields) = expression.as_object_mut() {
            fields.entry("message").or_insert_with(|| json!(message));
        }
        expression
    });
    let name = text(rule, "/name");
    let policy = json!({
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name},
        "spec": {
            "matchConditions": rule.get("celPreconditions").cloned().unwrap_or_default(),
            "variables": cel.get("variables").cloned().unwrap_or_default(),
            "validations": expressions.collect::<Vec<_>>(),
            "auditAnnotations": cel.get("auditAnnotations").cloned().unwrap_or_default(),
        },
    });
    let binding = json!({
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": name},
        "spec": {"policyName": name, "validationActions": ["Deny"]},
    });
    let policies = Policies::read([&policy, &binding], LIBRARIES);
    if let Some(refusal) = policies.refusals().next() {
        let field = refusal.field.replace("spec.validations", "cel.expressions").replace("spec.", "cel.");
        return Err((format!("{path}.{field}"), refusal.finding.message.clone()));
    }
    let action = match text(rule, "/validate/failureAction") {
        "" => text(document, "/spec/validationFailureAction"),
        own => own,
    };
    Ok(Action::Validate { enforced: action.eq_ignore_ascii_case("enforce"), policies: Box::new(policies) })
}

/// The server's version whose CEL libraries Kyverno 1.19 carries.
const LIBRARIES: u32 = 36;

/// What a rule's variables stand for.
fn variables(request: &Request) -> Variables {
    let mut user = Map::new();
    if !request.identity.user.is_empty() {
        user.insert("username".to_owned(), json!(request.identity.user));
    }
    if !request.identity.groups.is_empty() {
        user.insert("groups".to_owned(), json!(request.identity.groups));
    }
    let mut asked = json!({
        "object": request.object,
        "operation": request.operation,
        "namespace": request.namespace,
        "userInfo": user,
    });
    if let Some(fields) = asked.as_object_mut() {
        for (key, value) in [("name", &request.name), ("subResource", &request.subresource)] {
            if !value.is_empty() {
                fields.insert(key.to_owned(), json!(value));
            }
        }
        if request.old_object.as_object().is_some_and(|old| !old.is_empty()) {
            fields.insert("oldObject".to_owned(), request.old_object.clone());
        }
    }
    Variables { element: Map::new(), request: [("request".to_owned(), asked)].into_iter().collect() }
}
