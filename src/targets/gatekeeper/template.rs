//! Constraint templates, read back and made ready to run, whoever wrote them.

use std::sync::OnceLock;

use regorus::{Engine, Value as RegoValue};
use serde_json::Value;

use super::emit::REGO;
use super::native::Native;
use super::{lint, list_at, text_at};
use crate::targets::Unsupported;

/// A template that can be evaluated.
pub(super) struct Template {
    /// The kind of its constraints.
    pub(super) kind: String,
    /// The schema of `spec.parameters`, for defaults.
    pub(super) schema: Value,
    /// What judges.
    pub(super) code: Code,
}

/// A template's program.
pub(super) enum Code {
    /// In Rego.
    Rego(Box<Program>),
    /// In CEL, which counts where a template has both.
    Native(Native),
}

/// Rego that is compiled.
#[derive(Clone)]
pub(super) struct Program {
    engine: Engine,
    package: String,
    is_own: bool,
}

/// One element of a template's `violation`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Violation(pub(super) String);

impl Template {
    /// Reads a `ConstraintTemplate`.
    ///
    /// # Errors
    /// What in it cannot be evaluated here.
    pub(super) fn read(document: &Value) -> Result<Self, Vec<Unsupported>> {
        let name = text_at(document, "/metadata/name").unwrap_or_default();
        let kind = text_at(document, "/spec/crd/spec/names/kind").unwrap_or_default().to_owned();
        let unsupported = |path: &str, why: String| {
            vec![Unsupported { document: format!("ConstraintTemplate/{name}"), path: path.to_owned(), why }]
        };
        let schema = document.pointer("/spec/crd/spec/validation/openAPIV3Schema").cloned().unwrap_or_default();
        let code = list_at(document, "/spec/targets/0/code");
        if let Some(index) = code.iter().position(|code| text_at(code, "/engine") == Some("K8sNativeValidation")) {
            let source = code.get(index).and_then(|code| code.get("source")).unwrap_or(&Value::Null);
            let native = Native::read(name, &kind, source).map_err(|refusals| {
                let at = |path| format!("spec.targets[0].code[{index}].source.{path}");
                refusals.into_iter().flat_map(|(path, why)| unsupported(&at(path), why)).collect::<Vec<_>>()
            })?;
            return Ok(Self { kind, schema, code: Code::Native(native) });
        }
        let source = Source::of(document).map_err(|(path, why)| unsupported(path, why.to_owned()))?;
        let program = source.program(name).map_err(|why| unsupported(source.path, why))?;
        Ok(Self { kind, schema, code: Code::Rego(Box::new(program)) })
    }
}

impl Program {
    /// Whether this is the template of this project, of which more is known than of others.
    pub(super) fn is_own(&self) -> bool {
        self.is_own
    }

    /// The interpreter with the program, and the program's package.
    pub(super) fn parts(&self) -> (&Engine, &str) {
        (&self.engine, &self.package)
    }

    /// The violations of a review, sorted. An error of the evaluation counts as one, as it does in Gatekeeper from 3.12.
    pub(super) fn violations(&self, input: RegoValue) -> Vec<Violation> {
        let found = match self.rule("violation", input) {
            Ok(found) => found,
            Err(error) => return vec![Violation(error)],
        };
        let Ok(set) = found.as_set() else { return Vec::new() };
        let message = |violation: &RegoValue| violation["msg"].as_string().ok().map(|text| Violation(text.to_string()));
        let mut violations: Vec<_> = set.iter().filter_map(message).collect();
        violations.sort();
        violations
    }

    /// The value of a rule.
    ///
    /// # Errors
    /// The error that the evaluation ends in.
    pub(super) fn rule(&self, name: &str, input: RegoValue) -> Result<RegoValue, String> {
        let mut engine = self.engine.clone();
        engine.set_input(input);
        engine.eval_rule(format!("{}.{name}", self.package)).map_err(|error| error.to_string())
    }
}

/// The Rego of a template.
struct Source<'a> {
    rego: &'a str,
    libraries: &'a [Value],
    is_v1: bool,
    path: &'static str,
}

impl<'a> Source<'a> {
    fn of(document: &'a Value) -> Result<Self, (&'static str, &'static str)> {
        let target = list_at(document, "/spec/targets").first().unwrap_or(&Value::Null);
        let code = list_at(target, "/code");
        let rego = code.iter().find(|code| text_at(code, "/engine") == Some("Rego"));
        let legacy = text_at(target, "/rego").filter(|rego| !rego.is_empty());
        let source = match (legacy, rego) {
            (Some(rego), _) => {
                let libraries = list_at(target, "/libs");
                Self { rego, libraries, is_v1: false, path: "spec.targets[0].rego" }
            }
            (None, Some(code)) => Self {
                rego: text_at(code, "/source/rego").unwrap_or_default(),
                libraries: list_at(code, "/source/libs"),
                is_v1: text_at(code, "/source/version") == Some("v1"),
                path: "spec.targets[0].code",
            },
            (None, None) => return Err(("spec.targets", "there is no Rego")),
        };
        let texts = source.libraries.iter().filter_map(Value::as_str).chain([source.rego]);
        match texts.into_iter().any(|text| text.contains("data.inventory") || text.contains("external_data")) {
            true => Err((source.path, "it reads the cluster's inventory or external data, which are not at hand")),
            false => Ok(source),
        }
    }
}

impl Source<'_> {
    /// The compiled program. The template of this project is compiled once.
    fn program(&self, name: &str) -> Result<Program, String> {
        static OWN: OnceLock<Result<Program, String>> = OnceLock::new();
        if self.rego == REGO && self.libraries.is_empty() && !self.is_v1 {
            let compile = || Ok(Program { is_own: true, ..self.compiled(name)? });
            return OWN.get_or_init(compile).clone();
        }
        self.compiled(name)
    }

    fn compiled(&self, name: &str) -> Result<Program, String> {
        let mut engine = Engine::new();
        engine.set_rego_v0(!self.is_v1);
        engine.set_strict_builtin_errors(false);
        let mut add = |path, text: &str| engine.add_policy(path, text.to_owned()).map_err(|error| error.to_string());
        let package = add(format!("{name}.rego"), self.rego)?;
        for (index, library) in self.libraries.iter().enumerate() {
            add(format!("{name}-lib-{index}.rego"), library.as_str().unwrap_or_default())?;
        }
        let findings = lint::findings(&engine);
        if let Some(first) = findings.first() {
            return Err(format!("{first} ({} such places)", findings.len()));
        }
        // Clones share what the first evaluation compiles.
        engine.set_input(RegoValue::new_object());
        engine.eval_rule(format!("{package}.violation")).map_err(|error| error.to_string())?;
        Ok(Program { engine, package, is_own: false })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const TESTS: &str = include_str!("../../../templates/gatekeeper/podsecuritypolicyset_test.rego");

    #[test]
    fn the_tests_that_stand_beside_the_template_pass() {
        let mut engine = Engine::new();
        engine.set_rego_v0(true);
        engine.set_strict_builtin_errors(false);
        let package = engine.add_policy("template.rego".to_owned(), REGO.to_owned()).unwrap();
        engine.add_policy("test.rego".to_owned(), TESTS.to_owned()).unwrap();
        let names = TESTS.lines().filter(|line| line.starts_with("test_"));
        let names: Vec<_> = names.filter_map(|line| line.split_once(' ')).map(|(name, _)| name).collect();
        assert!(names.len() > 5);
        for name in names {
            let mut engine = engine.clone();
            engine.set_input(RegoValue::new_object());
            assert_eq!(engine.eval_rule(format!("{package}.{name}")).unwrap(), RegoValue::from(true), "{name}");
        }
    }

    fn read(spec: Value) -> Result<Template, Vec<Unsupported>> {
        Template::read(&json!({"metadata": {"name": "t"}, "spec": {"targets": [spec]}}))
    }

    #[test]
    fn what_cannot_be_evaluated_is_named() {
        let why = |spec| read(spec).err().unwrap().remove(0).why;
        assert!(why(json!({})).contains("no Rego"));
        let cel = json!({"validations": [{"expression": "object.spec.nodeName =="}]});
        let unreadable = read(json!({"code": [{"engine": "K8sNativeValidation", "source": cel}]})).err().unwrap();
        assert_eq!(unreadable[0].path, "spec.targets[0].code[0].source.validations[0].expression");
        assert!(
            why(json!({"rego": "package t\nviolation[{\"msg\": \"x\"}] { data.inventory.cluster }"}))
                .contains("inventory")
        );
        assert!(
            why(json!({"rego": "package t\nviolation[{\"msg\": \"x\"}] { not startswith(input.a, \"x\") }"}))
                .contains("negation")
        );
        assert!(why(json!({"rego": "no rego"})).contains("error"));
    }

    #[test]
    fn a_template_of_somebody_else_is_evaluated() {
        let rego =
            "package t\nviolation[{\"msg\": msg}] { input.review.object.spec.hostPID; msg := input.parameters.text }";
        let template = read(json!({"code": [{"engine": "Rego", "source": {"rego": rego}}]}))
            .unwrap_or_else(|why| panic!("{why:?}"));
        let ask = |pid: bool| {
            let input = json!({"review": {"object": {"spec": {"hostPID": pid}}}, "parameters": {"text": "no"}});
            let Code::Rego(program) = &template.code else { panic!("the template is in Rego") };
            program.violations(RegoValue::from(input))
        };
        assert_eq!(ask(true), [Violation("no".to_owned())]);
        assert_eq!(ask(false), []);
    }
}
