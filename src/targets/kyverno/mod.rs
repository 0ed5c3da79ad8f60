//! Kyverno: a ValidatingPolicy and a MutatingPolicy (1.16), or two ClusterPolicies (1.11 to 1.19).
//!
//! Several Kyverno policies would all have to agree, and no order among those that mutate is defined: so one validating
//! policy holds all PodSecurityPolicies as alternatives, and one mutating policy holds the whole choice. Who may use which
//! stands in the expressions, frozen: Kyverno's `authorizer` asks another question than it is asked. One pair for each
//! class of subjects would say the same with more text, since a request has two identities, whose classes multiply; and a
//! class whose policy got lost would be let through, where here it is denied.

mod cluster;
mod decide;
mod emit;
mod mutating;
mod notes;
mod read;
mod side;
mod test_files;
mod validating;

#[cfg(test)]
mod tests;

use serde_json::{Value, json};

use super::{Context, Decider, Emission, EmittedText, Target, TestCase};
use crate::cel::policy::text;
use crate::plan::{Options, Plan};
pub use cluster::ClusterPolicy;
pub use decide::KyvernoPolicies;
pub use read::{CelPolicy, Kind};
use test_files::{Row, Rows, test_files};

/// The target `kyverno`.
#[derive(Debug, Clone, Copy)]
pub struct Kyverno;

impl Target for Kyverno {
    fn name(&self) -> &'static str {
        "kyverno"
    }

    fn fills_in(&self, _options: &Options) -> bool {
        true
    }

    fn needs(&self) -> &'static str {
        "Kyverno 1.16"
    }

    fn residual(&self, _options: &Options) -> Vec<String> {
        notes::INSTALLATION.map(str::to_owned).to_vec()
    }

    fn emit(&self, plan: &Plan<'_>) -> Emission {
        emit::emission(plan)
    }

    fn test_files(&self, emission: &Emission, cases: &[TestCase<'_>]) -> Vec<EmittedText> {
        let rows: Rows = |document| {
            let denies = text(document, "/kind") == "ValidatingPolicy";
            let kind = if denies { "isValidatingPolicy" } else { "isMutatingPolicy" };
            vec![Row { denies, fields: [(kind.to_owned(), json!(true))].into_iter().collect(), rule: None }]
        };
        test_files(emission, cases, rows)
    }

    fn reads(&self, document: &Value) -> bool {
        matches!(super::api_group(document), "policies.kyverno.io" | "kyverno.io")
    }

    fn read<'a>(&self, documents: &[Value], context: &Context<'a>) -> Box<dyn Decider + 'a> {
        Box::new(KyvernoPolicies::read(documents, context))
    }
}

/// The target `kyverno-clusterpolicy`.
#[derive(Debug, Clone, Copy)]
pub struct KyvernoClusterPolicy;

impl Target for KyvernoClusterPolicy {
    fn name(&self) -> &'static str {
        "kyverno-clusterpolicy"
    }

    fn fills_in(&self, _options: &Options) -> bool {
        true
    }

    fn needs(&self) -> &'static str {
        "Kyverno 1.11 to 1.19"
    }

    fn emit(&self, plan: &Plan<'_>) -> Emission {
        cluster::emission(plan)
    }

    fn test_files(&self, emission: &Emission, cases: &[TestCase<'_>]) -> Vec<EmittedText> {
        let rows: Rows = |document| {
            let rules = document.pointer("/spec/rules").and_then(Value::as_array).into_iter().flatten();
            let row = |rule: &Value| Row {
                denies: rule.get("validate").is_some(),
                fields: [("rule".to_owned(), json!(text(rule, "/name")))].into_iter().collect(),
                rule: Some(text(rule, "/name").to_owned()),
            };
            rules.map(row).collect()
        };
        test_files(emission, cases, rows)
    }

    fn reads(&self, document: &Value) -> bool {
        Kyverno.reads(document)
    }

    fn read<'a>(&self, documents: &[Value], context: &Context<'a>) -> Box<dyn Decider + 'a> {
        Box::new(KyvernoPolicies::read(documents, context))
    }
}
