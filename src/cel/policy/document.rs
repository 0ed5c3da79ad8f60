//! Reads policies and bindings: expressions compiled once, types checked, bindings found by name.

use super::super::lint::{self, Env, Finding, Host, Role};
use super::{namespace, shape};
use crate::cel::library::KYVERNO;
use crate::cel::{Program, Variables};
use serde_json::{Value as Json, json};
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

/// A policy of either kind, of the API server or of an engine that writes them alike.
#[derive(Debug)]
pub struct Policy {
    /// The policy's name.
    pub name: String,
    /// The whole document.
    pub document: Json,
    /// The bindings that name it, in the order of the documents.
    pub bindings: Vec<Json>,
    /// `spec.variables`
    pub variables: Variables,
    /// `spec.matchConditions`
    pub match_conditions: Vec<Program>,
    /// `spec.validations`
    pub validations: Vec<Validation>,
    /// `spec.auditAnnotations`: key and expression.
    pub audit_annotations: Vec<(String, Program)>,
    /// `spec.mutations`
    pub mutations: Vec<Mutation>,
    /// Any of these and the policy is not evaluated.
    pub refusals: Vec<Refusal>,
    /// Whether more than the namespace's name matters.
    pub asks_namespace: bool,
}

/// One of `spec.validations`.
#[derive(Debug)]
pub struct Validation {
    /// What must hold.
    pub program: Program,
    /// The fixed message; may be empty.
    pub message: String,
    /// The message as an expression.
    pub message_expression: Option<Program>,
    /// The reason of a refusal.
    pub reason: String,
}

/// One of `spec.mutations`.
#[derive(Debug)]
pub struct Mutation {
    /// What gives the change.
    pub program: Program,
    /// What the change is.
    pub kind: MutationKind,
}

/// The `patchType` of a mutation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MutationKind {
    /// A list of operations.
    JsonPatch,
    /// A part of an object to be merged.
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

    /// The policies that validate.
    pub fn validating(&self) -> &[Policy] {
        &self.validating
    }

    /// The policies that mutate.
    pub fn mutating(&self) -> &[Policy] {
        &self.mutating
    }

    /// Why the API server would refuse any of them.
    pub fn refusals(&self) -> impl Iterator<Item = &Refusal> {
        self.validating.iter().chain(&self.mutating).flat_map(|policy| &policy.refusals)
    }

    /// Everything that policies say in CEL: policy name, and the expression.
    pub fn programs(&self) -> impl Iterator<Item = (&str, &Program)> {
        let all = self.validating.iter().chain(&self.mutating);
        all.flat_map(|policy| policy.programs().map(|program| (policy.name.as_str(), program)))
    }
}

impl Policy {
    fn read(document: &Json, documents: &[&Json], version: u32) -> Self {
        let params = document.pointer("/spec/paramKind").is_some_and(Json::is_object);
        let mut policy = Self::compile(document, Env { version, params, ..Env::default() });
        policy.bindings = bindings_of(&policy.name, text(document, "/kind"), documents);
        for (field, finding) in std::iter::once(document).chain(&policy.bindings).flat_map(shape::refused) {
            policy.refusals.push(Refusal { policy: policy.name.clone(), field, finding });
        }
        policy.asks_namespace = namespace::matters(&policy);
        policy
    }

    /// A policy as Kyverno compiles its own kinds. They know no bindings: what one would say stands in the policy itself.
    pub(crate) fn of_kyverno(document: &Json) -> Self {
        let env = Env { host: Host::Kyverno, environment: &KYVERNO, ..Env::default() };
        let actions = document.pointer("/spec/validationActions").cloned().unwrap_or_default();
        let binding = json!({"spec": {"validationActions": actions}});
        let mut policy = Self { bindings: vec![binding], ..Self::compile(document, env) };
        policy.asks_namespace = namespace::matters(&policy);
        policy
    }

    /// The match conditions of a policy that mutates know its variables, where any do.
    fn compile(document: &Json, env: Env) -> Self {
        let mutates = document.pointer("/spec/mutations").is_some();
        let mut reader = Reader { policy: text(document, "/metadata/name").to_owned(), env, refusals: Vec::new() };
        let before = (!mutates).then(|| reader.match_conditions(document));
        let variables = reader.variables(document, mutates);
        Self {
            name: reader.policy.clone(),
            bindings: Vec::new(),
            match_conditions: before.unwrap_or_else(|| reader.match_conditions(document)),
            validations: reader.validations(document),
            audit_annotations: reader.audit_annotations(document),
            mutations: reader.mutations(document),
            document: document.clone(),
            variables,
            refusals: reader.refusals,
            asks_namespace: false,
        }
    }

    /// Everything that the policy says in CEL.
    pub fn programs(&self) -> impl Iterator<Item = &Program> {
        let variables = self.variables.iter().map(|(_, program)| program);
        let validations =
            self.validations.iter().flat_map(|v| std::iter::once(&v.program).chain(&v.message_expression));
        let annotations = self.audit_annotations.iter().map(|(_, program)| program);
        let mutations = self.mutations.iter().map(|mutation| &mutation.program);
        variables.chain(&self.match_conditions).chain(validations).chain(annotations).chain(mutations)
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

pub(crate) fn text<'a>(document: &'a Json, pointer: &str) -> &'a str {
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
