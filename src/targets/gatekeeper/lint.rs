//! The subset of Rego that means the same here and in OPA.
//!
//! OPA takes references and calls out of a negated expression first: where such a part is undefined the whole body fails,
//! while here the negation holds. So `not` may stand before a rule, before a reference whose keys are bound, before a
//! comparison of such a reference with a constant or a variable, and before a call with bound variables or constants.

use std::collections::BTreeSet;
use std::fmt;

use regorus::Engine;
use serde_json::Value;

/// A place that means different things in different engines.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Finding {
    line: u64,
    column: u64,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, column } = self;
        write!(
            f,
            "line {line}, column {column}: a negation over parts that may be undefined, which OPA reads differently"
        )
    }
}

/// The places in the modules of an engine, in order.
pub(super) fn findings(engine: &Engine) -> Vec<Finding> {
    let ast = engine.get_ast_as_json().ok().and_then(|text| serde_json::from_str::<Value>(&text).ok());
    let mut findings = Vec::new();
    for module in ast.as_ref().and_then(Value::as_array).into_iter().flatten() {
        let rules = rule_names(module);
        walk(module.get("ast").unwrap_or(&Value::Null), &rules, &mut findings);
    }
    findings.sort();
    findings
}

fn rule_names(module: &Value) -> BTreeSet<&str> {
    let rules = module.pointer("/ast/rules").and_then(Value::as_array).into_iter().flatten();
    rules.filter_map(|rule| base(rule.pointer("/Spec/head")?.as_object()?.values().next()?.get("refr")?)).collect()
}

/// The variable at the start of a reference.
fn base(expr: &Value) -> Option<&str> {
    let (kind, inner) = expr.as_object()?.iter().next()?;
    match kind.as_str() {
        "Var" => inner.get("value")?.as_str(),
        "RefDot" | "RefBrack" => base(inner.get("refr")?),
        _ => None,
    }
}

fn walk(node: &Value, rules: &BTreeSet<&str>, findings: &mut Vec<Finding>) {
    match node {
        Value::Object(map) => {
            if let Some(negation) = map.get("NotExpr")
                && !negation.get("expr").is_some_and(|expr| is_safe(expr, rules))
            {
                let number = |key| negation.pointer(key).and_then(Value::as_u64).unwrap_or_default();
                findings.push(Finding { line: number("/span/line"), column: number("/span/col") });
            }
            map.values().for_each(|child| walk(child, rules, findings));
        }
        Value::Array(items) => items.iter().for_each(|item| walk(item, rules, findings)),
        _ => {}
    }
}

/// Whether OPA and the interpreter agree on the negation of an expression.
fn is_safe(expr: &Value, rules: &BTreeSet<&str>) -> bool {
    let Some((kind, inner)) = expr.as_object().and_then(|map| map.iter().next()) else {
        return false;
    };
    let part = |key: &str| inner.get(key).unwrap_or(&Value::Null);
    match kind.as_str() {
        "BoolExpr" => is_plain_reference(part("lhs"), rules) && is_bound(part("rhs"), rules),
        "Call" => {
            let params = part("params").as_array();
            params.is_some_and(|params| params.iter().all(|param| is_bound(param, rules)))
        }
        _ => is_plain_reference(expr, rules),
    }
}

/// A variable, or a path into one with bound keys.
fn is_plain_reference(expr: &Value, rules: &BTreeSet<&str>) -> bool {
    let Some((kind, inner)) = expr.as_object().and_then(|map| map.iter().next()) else {
        return false;
    };
    let refr = || inner.get("refr").is_some_and(|refr| is_plain_reference(refr, rules));
    match kind.as_str() {
        "Var" => inner.get("value").and_then(Value::as_str) != Some("_"),
        "RefDot" => refr(),
        "RefBrack" => refr() && inner.get("index").is_some_and(|index| is_bound(index, rules)),
        _ => false,
    }
}

/// A constant, or a local variable: the only things that are certainly defined.
fn is_bound(expr: &Value, rules: &BTreeSet<&str>) -> bool {
    let Some((kind, inner)) = expr.as_object().and_then(|map| map.iter().next()) else {
        return false;
    };
    let items = || inner.get("items").and_then(Value::as_array);
    match kind.as_str() {
        "String" | "RawString" | "Number" | "Bool" | "Null" => true,
        "Var" => inner.get("value").and_then(Value::as_str).is_some_and(|name| name != "_" && !rules.contains(name)),
        "Array" | "Set" => items().is_some_and(|items| items.iter().all(|item| is_bound(item, rules))),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lint(body: &str) -> usize {
        let mut engine = Engine::new();
        engine.set_rego_v0(true);
        let text = format!("package t\nimport future.keywords.in\nf(x) {{ x == 1 }}\ns := {{1}}\nr {{ {body} }}\n");
        engine.add_policy("t.rego".to_owned(), text).unwrap();
        findings(&engine).len()
    }

    #[test]
    fn the_nine_forms_that_opa_reads_differently_are_refused() {
        for form in [
            "not f(input.missing)",
            "not startswith(input.missing, \"x\")",
            "not count(input.missing) > 0",
            "not f(input.x) == 1",
            "not input.a - 1 > 0",
            "not \"a\" in input.missing",
            "not s[input.missing]",
            "not f([input.missing])",
            "not object.get(input.missing, \"a\", 1)",
        ] {
            assert_eq!(lint(form), 1, "{form}");
        }
    }

    #[test]
    fn a_negation_over_a_rule_that_may_be_undefined_is_refused() {
        assert_eq!(lint("not f(s)"), 1);
        assert_eq!(lint("x := [y | y := input.l[_]; not f(input.y)]; count(x) > 0"), 1);
        assert_eq!(lint("not input.l[_] == 1"), 1);
    }

    #[test]
    fn the_forms_that_mean_the_same_pass() {
        for form in [
            "not input.a.b",
            "v := input.v; not v.a",
            "v := input.v; not v.a == 1",
            "not s",
            "v := input.v; not f(v)",
            "v := 1; not s[v]",
            "not s[\"*\"]",
        ] {
            assert_eq!(lint(form), 0, "{form}");
        }
    }

    #[test]
    fn the_emitted_template_is_in_the_subset() {
        let mut engine = Engine::new();
        engine.set_rego_v0(true);
        engine.add_policy("t.rego".to_owned(), super::super::emit::REGO.to_owned()).unwrap();
        assert_eq!(findings(&engine), []);
    }
}
