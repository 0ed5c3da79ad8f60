//! Reads policies and bindings: expressions compiled once, types checked, bindings found by name.

use super::super::lint::{self, Env, Finding, Role};
use crate::cel::{Program, Variables};
use serde_json::Value as Json;
use std::sync::Arc;

/// Policies with their bindings, ready to answer.
#[derive(Debug, Default)]
pub struct Policies {
    pub(super) validating: Vec<Policy>,
    pub(super) mutating: Vec<Policy>,
}

/// An expression that the API server would refuse, so that its policy cannot exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The policy's name.
    pub policy: String,
    /// Where the expression stands, e.g. `spec.validations[0].expression`.
    pub field: String,
    /// Why it would be refused.
    pub finding: Finding,
}

/// A policy of either kind.
#[derive(Debug)]
pub(super) struct Policy {
    pub name: String,
    pub document: Json,
    pub bindings: Vec<Json>,
    pub variables: Variables,
    pub match_conditions: Vec<Program>,
    pub validations: Vec<Validation>,
    pub audit_annotations: Vec<(String, Program)>,
    pub mutations: Vec<Mutation>,
    /// Any of these and the policy is not evaluated.
    pub refusals: Vec<Refusal>,
}

#[derive(Debug)]
pub(super) struct Validation {
    pub program: Program,
    pub message: String,
    pub message_expression: Option<Program>,
    pub reason: String,
}

#[derive(Debug)]
pub(super) struct Mutation {
    pub program: Program,
    pub kind: MutationKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MutationKind {
    JsonPatch,
    ApplyConfiguration,
}

impl Policies {
    /// Reads all policies and bindings among the documents and checks them for a server of minor version `version`;
    /// other kinds are left alone. A binding without its policy does nothing, as on a server.
    pub fn read<'a>(documents: impl IntoIterator<Item = &'a Json>, version: u32) -> Self {
        let documents: Vec<&Json> = documents.into_iter().collect();
        let of = |kind: &'static str| {
            let all = documents.iter().filter(move |document| text(document, "/kind") == kind);
            all.map(|document| Policy::read(document, &documents, version)).collect()
        };
        Self { validating: of("ValidatingAdmissionPolicy"), mutating: of("MutatingAdmissionPolicy") }
    }

    /// Why the API server would refuse any of them.
    pub fn refusals(&self) -> impl Iterator<Item = &Refusal> {
        self.validating.iter().chain(&self.mutating).flat_map(|policy| &policy.refusals)
    }

    /// Everything that policies say in CEL: policy name, and the expression.
    pub fn programs(&self) -> impl Iterator<Item = (&str, &Program)> {
        self.validating.iter().chain(&self.mutating).flat_map(|policy| {
            let validations = policy.validations.iter();
            let all = policy.variables.iter().map(|(_, program)| program).chain(&policy.match_conditions);
            let all = all.chain(validations.flat_map(|v| std::iter::once(&v.program).chain(&v.message_expression)));
            let all = all.chain(policy.audit_annotations.iter().map(|(_, program)| program));
            all.chain(policy.mutations.iter().map(|mutation| &mutation.program))
                .map(|program| (policy.name.as_str(), program))
        })
    }
}

impl Policy {
    fn read(document: &Json, documents: &[&Json], version: u32) -> Self {
        let mutates = text(document, "/kind") == "MutatingAdmissionPolicy";
        let mut reader = Reader {
            policy: text(document, "/metadata/name").to_owned(),
            env: Env {
                version,
                params: document.pointer("/spec/paramKind").is_some_and(Json::is_object),
                ..Env::default()
            },
            refusals: Vec::new(),
        };
        let match_conditions = reader.match_conditions(document);
        let variables = reader.variables(document, mutates);
        Self {
            name: reader.policy.clone(),
            bindings: bindings_of(&reader.policy, text(document, "/kind"), documents),
            validations: reader.validations(document),
            audit_annotations: reader.audit_annotations(document),
            mutations: reader.mutations(document),
            document: document.clone(),
            variables,
            match_conditions,
            refusals: reader.refusals,
        }
    }

    /// Whether errors deny.
    pub fn fails_closed(&self) -> bool {
        text(&self.document, "/spec/failurePolicy") != "Ignore"
    }

    /// `spec.matchConstraints`
    pub fn constraints(&self) -> &Json {
        self.document.pointer("/spec/matchConstraints").unwrap_or(&Json::Null)
    }
}

/// The bindings of a policy, in the order of the documents.
fn bindings_of(policy: &str, kind: &str, documents: &[&Json]) -> Vec<Json> {
    let kind = format!("{kind}Binding");
    let bound = |document: &&&Json| text(document, "/kind") == kind && text(document, "/spec/policyName") == policy;
    documents.iter().filter(bound).map(|document| (*document).clone()).collect()
}

pub(super) fn text<'a>(document: &'a Json, pointer: &str) -> &'a str {
    document.pointer(pointer).and_then(Json::as_str).unwrap_or_default()
}

fn items<'a>(document: &'a Json, pointer: &str) -> &'a [Json] {
    document.pointer(pointer).and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Compiles the expressions of one policy and collects what is refused.
struct Reader {
    policy: String,
    env: Env,
    refusals: Vec<Refusal>,
}

impl Reader {
    fn refuse(&mut self, field: String, finding: Finding) {
        self.refusals.push(Refusal { policy: self.policy.clone(), field, finding });
    }

    /// The program of an expression that the API server would take.
    fn program(&mut self, expression: &str, role: Role, field: String) -> Option<(Program, lint::Inferred)> {
        let inferred = lint::infer(expression, role, &self.env);
        for finding in inferred.1.clone() {
            self.refuse(field.clone(), finding);
        }
        if !inferred.1.is_empty() {
            return None;
        }
        match Program::compile_in(expression, self.env.environment) {
            Ok(program) => Some((program, inferred)),
            Err(error) => {
                self.refuse(field, error.into());
                None
            }
        }
    }

    fn match_conditions(&mut self, document: &Json) -> Vec<Program> {
        let conditions = items(document, "/spec/matchConditions");
        if conditions.len() > lint::MAX_MATCH_CONDITIONS {
            let message = format!("must have at most {} items", lint::MAX_MATCH_CONDITIONS);
            let finding = Finding { message, line: 1, column: 1, since: None };
            self.refuse("spec.matchConditions".into(), finding);
        }
        let compile = |(index, condition): (usize, &Json)| {
            let field = format!("spec.matchConditions[{index}].expression");
            Some(self.program(text(condition, "/expression").trim(), Role::MatchCondition, field)?.0)
        };
        conditions.iter().enumerate().filter_map(compile).collect()
    }

    fn variables(&mut self, document: &Json, mutates: bool) -> Variables {
        let role = if mutates { Role::MutationVariable } else { Role::Variable };
        let mut named: Vec<(Arc<str>, Program)> = Vec::new();
        for (index, variable) in items(document, "/spec/variables").iter().enumerate() {
            let field = format!("spec.variables[{index}].expression");
            if let Some((program, (inferred, _))) = self.program(text(variable, "/expression"), role, field) {
                let name = text(variable, "/name");
                self.env.variables.push((name.to_owned(), inferred));
                named.push((name.into(), program));
            }
        }
        Variables::new(named)
    }

    fn validations(&mut self, document: &Json) -> Vec<Validation> {
        let mut validations = Vec::new();
        for (index, validation) in items(document, "/spec/validations").iter().enumerate() {
            let field = |name: &str| format!("spec.validations[{index}].{name}");
            let program = self.program(text(validation, "/expression"), Role::Validation, field("expression"));
            let written = text(validation, "/messageExpression");
            let message_expression = match written.trim().is_empty() {
                true => None,
                false => self.program(written, Role::MessageExpression, field("messageExpression")),
            };
            let reason = text(validation, "/reason");
            validations.extend(program.map(|(program, _)| Validation {
                program,
                message: text(validation, "/message").to_owned(),
                message_expression: message_expression.map(|(program, _)| program),
                reason: if reason.is_empty() { "Invalid".into() } else { reason.to_owned() },
            }));
        }
        validations
    }

    fn audit_annotations(&mut self, document: &Json) -> Vec<(String, Program)> {
        let mut annotations = Vec::new();
        for (index, annotation) in items(document, "/spec/auditAnnotations").iter().enumerate() {
            let field = format!("spec.auditAnnotations[{index}].valueExpression");
            let expression = text(annotation, "/valueExpression").trim();
            // The API server takes an `authorizer` here and fails at run time; so do we.
            let role = if expression.contains("authorizer") { Role::Variable } else { Role::AuditAnnotation };
            let program = self.program(expression, role, field);
            annotations.extend(program.map(|(program, _)| (text(annotation, "/key").to_owned(), program)));
        }
        annotations
    }

    fn mutations(&mut self, document: &Json) -> Vec<Mutation> {
        let mut mutations = Vec::new();
        for (index, mutation) in items(document, "/spec/mutations").iter().enumerate() {
            let (kind, role, name) = match text(mutation, "/patchType") {
                "JSONPatch" => (MutationKind::JsonPatch, Role::MutationJsonPatch, "jsonPatch"),
                _ => (MutationKind::ApplyConfiguration, Role::MutationApply, "applyConfiguration"),
            };
            let field = format!("spec.mutations[{index}].{name}.expression");
            let program = self.program(text(mutation, &format!("/{name}/expression")), role, field);
            mutations.extend(program.map(|(program, _)| Mutation { program, kind }));
        }
        mutations
    }
}
