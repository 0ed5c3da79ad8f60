//! Replays what a real 1.37 API server made of expressions: `golden/cel`, written by `golden/cel/record.py`.

use super::Type;
use super::lint::{Env, Role, infer};
use serde_json::Value as Json;
use std::path::PathBuf;

pub(crate) fn golden(name: &str) -> String {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "golden", "cel", name].iter().collect();
    std::fs::read_to_string(path).unwrap()
}

pub(crate) fn cases() -> Vec<Json> {
    golden("recorded.ndjson")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

pub(crate) fn role(case: &Json) -> Role {
    match case["role"].as_str().unwrap() {
        "Validation" => Role::Validation,
        "MatchCondition" => Role::MatchCondition,
        "MessageExpression" => Role::MessageExpression,
        "AuditAnnotation" => Role::AuditAnnotation,
        "Variable" => Role::Variable,
        "MutationJsonPatch" => Role::MutationJsonPatch,
        "MutationApply" => Role::MutationApply,
        other => panic!("{other}"),
    }
}

/// A variable is declared while it is compiled only in the sense of its predecessors: there are none here.
fn env() -> Env {
    Env {
        variables: Vec::<(String, Type)>::new(),
        ..Env::default()
    }
}

#[test]
fn lint_agrees_with_the_server() {
    let cases = cases();
    let mut wrong = Vec::new();
    for case in &cases {
        let expression = case["expression"].as_str().unwrap();
        let findings = infer(expression, role(case), &env()).1;
        let refused = case["refused"].as_str();
        let authorizer_without_one = role(case) == Role::AuditAnnotation && expression.contains("authorizer");
        let agrees = authorizer_without_one && !findings.is_empty()
            || match (refused, findings.first()) {
                (None, None) => true,
                (Some(server), Some(ours)) => server.contains(&ours.message) || ours.message.contains("yntax error"),
                _ => false,
            };
        if !agrees {
            wrong.push(format!("{expression}\n   server: {refused:?}\n   ours:   {findings:?}"));
        }
    }
    eprintln!("{} expressions", cases.len());
    assert!(
        wrong.is_empty(),
        "{} of {} differ:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}
