//! What the API server would refuse when a policy is created: type errors, unknown names, results of the wrong type,
//! libraries newer than the server.
//!
//! A port of cel-go's type checker over our own tree, with the messages it prints. [`infer`] gives the type of a variable
//! for the expressions after it.

mod check;
mod declarations;
mod literals;
mod unify;

use super::error::{CelError, position};
use super::library::{Environment, KUBERNETES};
use super::syntax::parse;
use super::types::Type;
use check::Checker;

/// The longest `valueExpression` of an audit annotation, in bytes.
const MAX_AUDIT_EXPRESSION: usize = 5 * 1024;
/// The most match conditions that a policy may have.
pub const MAX_MATCH_CONDITIONS: usize = 64;

/// Where an expression stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// `validations[].expression`
    Validation,
    /// `matchConditions[].expression`
    MatchCondition,
    /// `variables[].expression` of a validating policy
    Variable,
    /// `variables[].expression` of a mutating policy
    MutationVariable,
    /// `validations[].messageExpression`
    MessageExpression,
    /// `auditAnnotations[].valueExpression`
    AuditAnnotation,
    /// `mutations[].jsonPatch.expression`
    MutationJsonPatch,
    /// `mutations[].applyConfiguration.expression`
    MutationApply,
}

impl Role {
    /// The API server compiles audit annotations with `authorizer` and then evaluates them without: refused here.
    fn has_authorizer(self) -> bool {
        !matches!(self, Self::MessageExpression | Self::AuditAnnotation)
    }

    fn is_mutation(self) -> bool {
        matches!(self, Self::MutationJsonPatch | Self::MutationApply | Self::MutationVariable)
    }

    /// The types the result may have; empty for any.
    fn results(self) -> &'static [&'static str] {
        match self {
            Self::Validation | Self::MatchCondition => &["bool"],
            Self::MessageExpression => &["string"],
            Self::AuditAnnotation => &["string", "null"],
            Self::MutationJsonPatch => &["list(JSONPatch)"],
            Self::MutationApply => &["Object"],
            Self::Variable | Self::MutationVariable => &[],
        }
    }
}

/// What the expression is compiled against.
#[derive(Debug, Clone)]
pub struct Env {
    /// The target server's minor version: 37 for Kubernetes 1.37.
    pub version: u32,
    /// Whether the policy has a `paramKind`.
    pub params: bool,
    /// The variables before this expression and their types, as [`infer`] gives them.
    pub variables: Vec<(String, Type)>,
    /// The functions there are.
    pub environment: &'static Environment,
    /// Who evaluates.
    pub host: Host,
}

/// Who evaluates expressions: hosts bind different names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Host {
    /// The API server.
    #[default]
    ApiServer,
    /// Kyverno, for its own kinds of policies: no `authorizer`, the objects also within `request`, variables also in the
    /// match conditions of a policy that mutates.
    Kyverno,
}

impl Default for Env {
    fn default() -> Self {
        Self { version: 37, params: false, variables: Vec::new(), environment: &KUBERNETES, host: Host::ApiServer }
    }
}

/// One reason for which an expression would be refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The API server's words where it is the one to refuse.
    pub message: String,
    /// 1-based.
    pub line: usize,
    /// 1-based.
    pub column: usize,
    /// The minor version from which the API server would accept what it now refuses, if there is one.
    pub since: Option<u32>,
}

impl From<CelError> for Finding {
    fn from(error: CelError) -> Self {
        Self { message: error.message, line: error.line, column: error.column, since: None }
    }
}

/// A type, and why the expression would be refused.
pub type Inferred = (Type, Vec<Finding>);

/// Why the API server would refuse this expression; empty if it would not.
pub fn lint(expression: &str, role: Role, env: &Env) -> Vec<Finding> {
    infer(expression, role, env).1
}

/// The type of an expression, and why it would be refused.
pub fn infer(expression: &str, role: Role, env: &Env) -> Inferred {
    let at_start = |message: String| Finding { message, line: 1, column: 1, since: None };
    if expression.trim().is_empty() {
        return (Type::Error, vec![at_start("expression is not specified".into())]);
    }
    if role == Role::AuditAnnotation && expression.trim().len() > MAX_AUDIT_EXPRESSION {
        return (Type::Error, vec![at_start(format!("must not exceed {MAX_AUDIT_EXPRESSION} bytes in length"))]);
    }
    let node = match parse(expression, env.environment) {
        Ok(node) => node,
        Err(error) => return (Type::Error, vec![error.into()]),
    };
    let mut checker = Checker::new(env, role);
    let result = checker.check(&node);
    checker.check_literals(&node);
    let (result, found) = checker.finish(result);
    let finding = |(at, message, since): (usize, String, Option<u32>)| {
        let (line, column) = position(expression, at);
        Finding { message, line, column, since }
    };
    let mut findings: Vec<Finding> = found.into_iter().map(finding).collect();
    if findings.is_empty() {
        findings.extend(wrong_result(role, &result).map(at_start));
    }
    (result, findings)
}

/// The API server's words for a result of the wrong type.
fn wrong_result(role: Role, result: &Type) -> Option<String> {
    let shown = |text: &str| {
        if text == "null" { "null_type".to_owned() } else { text.to_owned() }
    };
    let got = shown(&result.to_string());
    match role.results() {
        [] => None,
        wanted if wanted.contains(&result.to_string().as_str()) => None,
        [only] => Some(format!("must evaluate to {only} but got {got}")),
        several => {
            let several: Vec<String> = several.iter().map(|name| shown(name)).collect();
            Some(format!("must evaluate to one of [{}] but got {got}", several.join(" ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(expression: &str, role: Role) -> Vec<String> {
        let variables = vec![("ok".to_owned(), Type::Bool), ("user".to_owned(), Type::Dyn)];
        let env = Env { variables, ..Env::default() };
        lint(expression, role, &env).into_iter().map(|finding| finding.message).collect()
    }

    fn refused(expression: &str) -> String {
        messages(expression, Role::Validation).into_iter().next().unwrap_or_else(|| panic!("accepted: {expression}"))
    }

    #[test]
    fn ordinary_validations_are_accepted() {
        let expressions = [
            "object.spec.containers.all(c, !has(c.securityContext) || c.securityContext.privileged == false)",
            "variables.ok && !(request.operation in ['CREATE', 'UPDATE'])",
            "request.userInfo.groups.exists(g, g == 'a') && request.namespace.startsWith('kube-')",
            "object.spec.?hostPID.orValue(false) == true",
            "authorizer.group('policy').resource('podsecuritypolicies').name('x').check('use').allowed()",
            "variables.user.check('x').allowed() && authorizer.requestResource.check('x').errored()",
            "object == null || oldObject != null ? true : false",
            "namespaceObject.metadata.labels['a'] == 'b' && 'a' in namespaceObject.metadata.labels",
            "['a'] + object.spec.containers.map(c, c.name) == ['b']",
            "object.spec.x + 1 > 2 && 1 < 1.5 && type(object) == map",
            "quantity(object.spec.x).isLessThan(quantity('1Gi')) && sets.contains([1], [2])",
            "object.metadata.labels.all(k, v, k != v) && lists.range(3).sort().isSorted()",
            "object.spec.containers.map(c, c.name).join(',').matches('a')",
            "optional.of(1).optMap(x, x + 1).orValue(2) == 3 && [?object.?a].size() == 0",
            "'%s %d'.format(['a', 1]) == ''",
        ];
        for expression in expressions {
            assert_eq!(messages(expression, Role::Validation), [] as [&str; 0], "{expression}");
        }
    }

    #[test]
    fn refusals_use_the_servers_words() {
        let cases = [
            ("object.spec.hostPID", "must evaluate to bool but got dyn"),
            ("object.spec.?hostPID.orValue(false)", "must evaluate to bool but got dyn"),
            ("'a'", "must evaluate to bool but got string"),
            ("foo == 1", "undeclared reference to 'foo' (in container '')"),
            ("object.foo(1) == 1", "undeclared reference to 'foo' (in container '')"),
            ("request.object == null", "undefined field 'object'"),
            ("variables.nope", "undefined field 'nope'"),
            ("1 == 'a'", "found no matching overload for '_==_' applied to '(int, string)'"),
            ("'a'.startsWith(1)", "found no matching overload for 'startsWith' applied to 'string.(int)'"),
            ("[1, 'a'] == []", "expected type 'int' but found 'string'"),
            ("{'a': 1, 'b': 'x'} == {}", "expected type 'int' but found 'string'"),
            ("{'a': '/a', 'b': true} == {}", "expected type 'string' but found 'bool'"),
            (
                "1.all(x, true)",
                "expression of type 'int' cannot be range of a comprehension (must be list, map, or dynamic)",
            ),
            ("[1].all(x, x)", "expected type 'bool' but found 'int'"),
            ("request.name.foo == 1", "type 'string' does not support field selection"),
            ("true && 1", "expected type 'bool' but found 'int'"),
            ("params.x == 1", "undeclared reference to 'params' (in container '')"),
            ("'a'.matches('(')", "invalid matches argument"),
            ("Object{} == 1", "undeclared reference to 'Object' (in container '')"),
        ];
        for (expression, message) in cases {
            assert_eq!(refused(expression), message, "{expression}");
        }
    }

    #[test]
    fn roles_differ_in_names_and_results() {
        assert!(messages("'x' + request.name", Role::MessageExpression).is_empty());
        assert!(
            !messages("authorizer.path('/').check('get').allowed() ? 'a' : 'b'", Role::MessageExpression).is_empty()
        );
        assert!(!messages("authorizer.path('/').check('get').reason()", Role::AuditAnnotation).is_empty());
        assert_eq!(messages("1", Role::AuditAnnotation), ["must evaluate to one of [string null_type] but got int"]);
        assert!(messages("null", Role::AuditAnnotation).is_empty());
        assert!(!messages("variables.ok", Role::MatchCondition).is_empty());
        assert!(messages("[JSONPatch{op: 'add', path: '/a', value: 1}]", Role::MutationJsonPatch).is_empty());
        assert!(messages("[]", Role::MutationJsonPatch).len() == 1);
        assert!(messages("Object{spec: Object.spec{x: 1}}", Role::MutationApply).is_empty());
        let bad = messages("[JSONPatch{op: 1, path: '/a'}]", Role::MutationJsonPatch);
        assert_eq!(bad, ["expected type of field 'op' is 'string' but provided type is 'int'"]);
    }

    #[test]
    fn libraries_wait_for_their_version() {
        let accepted_from = |expression: &str| {
            (27..=40).find(|version| {
                lint(expression, Role::Validation, &Env { version: *version, ..Env::default() }).is_empty()
            })
        };
        assert_eq!(accepted_from("sets.contains([1], [1])"), Some(30));
        assert_eq!(accepted_from("object.?a.hasValue()"), Some(29));
        assert_eq!(accepted_from("isIP('x')"), Some(31));
        assert_eq!(accepted_from("[1].all(i, v, v == 1)"), Some(33));
        assert_eq!(accepted_from("lists.range(1) == [0]"), Some(35));
        assert_eq!(accepted_from("[1].includes(1)"), Some(38));
        assert_eq!(accepted_from("'%s'.format(['a']) == 'a'"), Some(30));
        assert_eq!(accepted_from("1 < 1.5"), Some(29));
        assert_eq!(accepted_from("authorizer.path('/').check('get').allowed()"), Some(28));
        assert_eq!(accepted_from("['a'].join('-') == 'a'"), Some(27));
    }
}
