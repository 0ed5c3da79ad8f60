//! A compiled expression.

use super::ast::Node;
use super::cost::Meter;
use super::error::{CelError, EvalError};
use super::eval::Runtime;
use super::library::{Environment, KUBERNETES};
use super::requester::sees_requester;
use super::scope::Scope;
use super::syntax::parse;
use super::value::Value;
use std::sync::Arc;

/// An expression, parsed once and evaluated against any number of scopes.
#[derive(Debug, Clone)]
pub struct Program {
    source: Arc<str>,
    node: Arc<Node>,
    sees_requester: bool,
    environment: &'static Environment,
}

/// What an evaluation gave and cost.
#[derive(Debug, Clone)]
pub struct Evaluation {
    /// The value, or why there is none.
    pub result: Result<Value, EvalError>,
    /// The cost of the expression itself; variables are accounted for in the [`Scope`].
    pub meter: Meter,
}

impl Program {
    /// Compiles an expression of a Kubernetes admission policy. Types are not checked here: see [`super::lint`].
    ///
    /// # Errors
    ///
    /// A syntax error, or an expression that is too long or too deep, with its place.
    pub fn compile(source: &str) -> Result<Self, CelError> {
        Self::compile_in(source, &KUBERNETES)
    }

    /// Compiles with the functions of another environment.
    ///
    /// # Errors
    ///
    /// As [`Program::compile`].
    pub fn compile_in(source: &str, environment: &'static Environment) -> Result<Self, CelError> {
        let node = parse(source, environment)?;
        Ok(Self { source: source.into(), sees_requester: sees_requester(&node), node: Arc::new(node), environment })
    }

    /// Evaluates against the values of a request.
    pub fn evaluate(&self, scope: &Scope<'_>) -> Evaluation {
        scope.note_requester(self);
        let mut runtime = Runtime::new(scope, 0);
        let result = runtime.eval(&self.node).map_err(|error| error.within(&self.source));
        Evaluation { result, meter: runtime.meter() }
    }

    /// The text.
    pub fn source(&self) -> &str {
        &self.source
    }

    pub(crate) fn node(&self) -> &Node {
        &self.node
    }

    /// The name of the environment whose functions it calls.
    pub(super) fn environment(&self) -> &'static str {
        self.environment.name()
    }

    /// Whether it may look at who asks, other than by questions to the authorizer.
    pub(super) fn sees_requester(&self) -> bool {
        self.sees_requester
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cel::authorizer::{Attributes, Authorize, Decision, Identity};
    use crate::cel::{Bindings, Variables};
    use proptest::prelude::*;
    use serde_json::json;

    fn pod() -> Value {
        Value::from_json(&json!({
            "metadata": {"name": "p", "labels": {"app.kubernetes.io/name": "x"}},
            "spec": {"containers": [
                {"name": "a", "image": "nginx:1", "securityContext": {"privileged": false, "runAsUser": 1000}},
                {"name": "b", "image": "x/y@sha256:0"},
            ]},
        }))
    }

    fn run(expression: &str) -> Result<Value, EvalError> {
        let bindings = Bindings::new().with("object", pod()).with("oldObject", Value::Null);
        Program::compile(expression).unwrap().evaluate(&Scope::new(bindings)).result
    }

    fn error(expression: &str) -> String {
        run(expression).unwrap_err().to_string()
    }

    #[test]
    fn expressions_that_hold() {
        let expressions = [
            "1 + 2 * 3 == 7 && 7 / 2 == 3 && -7 % 3 == -1 && 1 == 1.0 && 1u == 1 && 2.5 > 2",
            "object.spec.containers.all(c, !has(c.securityContext) || !c.securityContext.privileged)",
            "object.spec.containers.exists(c, c.?securityContext.?runAsUser.orValue(0) >= 1000)",
            "object.spec.containers.exists_one(c, c.name == 'a') && object.spec.containers.map(c, c.name) == ['a', 'b']",
            "object.spec.containers.filter(c, has(c.securityContext)).size() == 1",
            "object.spec.containers.map(c, c.name != 'a', c.image) == ['x/y@sha256:0']",
            "(object.spec.containers + object.spec.?initContainers.orValue([])).size() == 2",
            "!has(object.spec.volumes) && !has(object.spec.securityContext) && has(object.metadata.labels)",
            "'app.kubernetes.io/name' in object.metadata.labels && object.metadata.labels['app.kubernetes.io/name'] == 'x'",
            "object.spec.containers[?5].?name.orValue('none') == 'none' && object.?status.hasValue() == false",
            "object.?spec.containers[0].name.value() == 'a'",
            "optional.of(1).optMap(x, x + 1) == optional.of(2) && optional.none().optMap(x, x) == optional.none()",
            "optional.of([1]).optFlatMap(x, x[?0]).value() == 1 && optional.none().or(optional.of(3)).value() == 3",
            "[1, ?optional.none(), 3] == [1, 3] && {'a': 1, ?'b': optional.of(2)} == {'a': 1, 'b': 2}",
            "[3, 4].all(i, v, i + 3 == v) && {'a': 1}.exists(k, v, k == 'a' && v == 1)",
            "[1, 2].transformList(i, v, i > 0, v * 10) == [20] && {'a': 1}.transformMap(k, v, v + 1) == {'a': 2}",
            "{'a': 'b'}.transformMapEntry(k, v, {v: k}) == {'b': 'a'}",
            "['b', 'aa'].sortBy(s, s.size()) == ['b', 'aa'] && [3, 1, 2].sort() == [1, 2, 3]",
            "lists.range(3) == [0, 1, 2] && [[1], [2]].flatten() == [1, 2] && [1, 1].distinct() == [1]",
            "[1, 2, 3].slice(1, 2) == [2] && [1, 2].reverse() == [2, 1] && [1, 2].sum() == 3 && [2, 1].min() == 1",
            "[1, 2, 1].indexOf(1) == 0 && [1, 2, 1].lastIndexOf(1) == 2 && ![2, 1].isSorted()",
            "sets.contains([1, 2], [1]) && sets.equivalent([1, 1], [1]) && !sets.intersects([1], [2])",
            "'a,b,c'.split(',', 2) == ['a', 'b,c'] && ['a', 'b'].join('-') == 'a-b' && 'abc'.substring(1, 2) == 'b'",
            "'tacocat'.indexOf('ac', 2) == -1 && 'tacocat'.lastIndexOf('a') == 5 && 'tacocat'.lastIndexOf('a', 4) == 1",
            "'hello'.charAt(1) == 'e' && ' a '.trim() == 'a' && 'Ab'.lowerAscii() == 'ab' && 'aXX'.replace('X', 'y', 1) == 'ayX'",
            "'%s is %d and %s'.format(['x', 3, [1, 'a']]) == 'x is 3 and [1, \"a\"]' && '%.2f'.format([1234.5]) == '1,234.50'",
            "'nginx:1.2'.matches('^nginx:[0-9.]+$') && 'a1b22'.findAll('[0-9]+') == ['1', '22'] && 'a1'.find('[0-9]') == '1'",
            "quantity('1Gi').isGreaterThan(quantity('1G')) && quantity('2k').asInteger() == 2000 && !isQuantity('x')",
            "quantity('1').add(2).compareTo(quantity('3')) == 0 && sign(quantity('-1')) == -1",
            "url('https://a:80/b?x=1').getHost() == 'a:80' && isURL('/x') && url('https://a/b').getEscapedPath() == '/b'",
            "cidr('10.0.0.0/8').containsIP('10.1.1.1') && ip('::1').isLoopback() && string(ip('1.2.3.4')) == '1.2.3.4'",
            "format.dns1123Label().validate('a').hasValue() == false && format.named('uuid').value().validate('x').hasValue()",
            "type(1) == int && type('a') == string && type(object) == map && type([]) == list && type(null) == null_type",
            "timestamp('2024-01-01T00:00:00Z') + duration('1h') > timestamp('2024-01-01T00:59:59Z')",
            "duration('90s').getMinutes() == 1 && timestamp('2024-03-01T05:00:00Z').getHours('+02:00') == 7",
            "int('3') == 3 && string(1.5) == '1.5' && double('2') == 2.0 && bool('true') && string(b'a') == 'a'",
            "jsonpatch.escapeKey('a/b~c') == 'a~1b~0c' && dyn(1) == 1 && size('é') == 1 && 'é'.size() == 1",
            "false && (1 / 0 == 1) == false || true || 1 / 0 == 1",
            "[1, 0].exists(x, 1 / x == 1) && ![0, 2].all(x, 4 / x == 3)",
            "oldObject == null && object != oldObject && (oldObject == null ? true : false)",
            "has({'a': 1}.a) && !has({'a': 1}.b) && {1: 'x'}[1] == 'x' && 1.0 in [1, 2]",
        ];
        for expression in expressions {
            assert_eq!(run(expression), Ok(Value::Bool(true)), "{expression}");
        }
    }

    #[test]
    fn errors_speak_as_cel_go() {
        let errors = [
            ("object.spec.volumes.size() == 0", "no such key: volumes"),
            ("object.spec.containers[7].name == 'x'", "index out of bounds: 7"),
            ("oldObject.spec == 1", "no such key: spec"),
            ("1 / int('0') == 1", "division by zero"),
            ("oldObject.all(x, true)", "got 'types.Null', expected iterable type"),
            ("object.metadata.name ? true : false", "no such overload"),
            ("9223372036854775807 + 1 == 0", "integer overflow"),
            ("optional.none().value() == 1", "optional.none() dereference"),
            ("int('x') == 1", "type conversion error from 'string' to 'int'"),
        ];
        for (expression, message) in errors {
            assert_eq!(error(expression), message, "{expression}");
        }
    }

    #[test]
    fn what_is_unknown_is_not_guessed() {
        for expression in
            ["nosuch(1)", "object.nosuch() == 1", "nosuch.spec == 1", "cel.bind(x, 1, x)", "Foo{a: 1} == 1"]
        {
            assert!(matches!(run(expression), Err(EvalError::CannotEvaluate { .. })), "{expression}");
        }
        assert_eq!(run("true || nosuch(1)"), Ok(Value::Bool(true)));
        let shown = error("1 == 1 && object.spec.nosuch(2)");
        assert!(shown.starts_with("cannot evaluate the function `nosuch` (character "), "{shown}");
    }

    #[test]
    fn patch_literals_become_json() {
        let patch = run("[JSONPatch{op: 'add', path: '/a', value: Object.spec{x: [1], y: Object.spec.y{}}}]").unwrap();
        assert_eq!(patch.to_json().unwrap(), json!([{"op": "add", "path": "/a", "value": {"x": [1], "y": {}}}]));
    }

    #[test]
    fn syntax_errors_have_a_place() {
        let bad = Program::compile("object.spec ==\n  ]").unwrap_err();
        assert_eq!((bad.line, bad.column), (2, 3));
        for source in ["", "a b", "'", "a.", "has(1)", "[1].all(1, true)", "\u{0}", "((", "1 +", "a ? b", "{1}"] {
            assert!(Program::compile(source).is_err(), "{source}");
        }
    }

    #[derive(Debug)]
    struct OnlyWeb;

    impl Authorize for OnlyWeb {
        fn authorize(&self, identity: &Identity, attributes: &Attributes) -> Decision {
            let wanted = matches!(attributes, Attributes::Resource { verb, name, .. } if verb == "use" && name == "p");
            let allowed = wanted && identity.groups == ["system:serviceaccounts", "system:serviceaccounts:ns"];
            Decision { allowed, reason: "because".into(), error: None }
        }
    }

    #[test]
    fn the_authorizer_answers_for_service_accounts() {
        let chain = ".group('policy').resource('podsecuritypolicies').namespace('ns').name('p').check('use')";
        let variables = Variables::new(vec![
            ("sa".into(), Program::compile("authorizer.serviceAccount('ns', 'web')").unwrap()),
            ("use".into(), Program::compile(&format!("variables.sa{chain}.allowed()")).unwrap()),
        ]);
        let bindings = Bindings::new().with_authorizer(&OnlyWeb, &Identity::default(), None);
        let scope = Scope::with_variables(bindings, Some(&variables));
        let program =
            Program::compile(&format!("variables.use && !authorizer{chain}.allowed() && variables.use")).unwrap();
        let evaluation = program.evaluate(&scope);
        assert_eq!(evaluation.result, Ok(Value::Bool(true)));
        assert_eq!((evaluation.meter.checks, scope.take_variable_cost().checks), (1, 1));
        let three = format!("[1, 2, 3].all(x, !authorizer{chain}.allowed())");
        let evaluation = Program::compile(&three).unwrap().evaluate(&scope);
        assert_eq!(evaluation.result, Err(EvalError::CostLimit));
        let bad = Program::compile("authorizer.serviceAccount('ns', '').group('').resource('x').check('y').allowed()");
        let message = bad.unwrap().evaluate(&scope).result.unwrap_err().to_string();
        assert_eq!(message, "Invalid service account name");
    }

    #[test]
    fn variables_see_only_earlier_ones() {
        let variables = Variables::new(vec![
            ("a".into(), Program::compile("variables.b").unwrap()),
            ("b".into(), Program::compile("variables.a").unwrap()),
        ]);
        let scope = Scope::with_variables(Bindings::new(), Some(&variables));
        let message = Program::compile("variables.b").unwrap().evaluate(&scope).result.unwrap_err().to_string();
        assert!(message.ends_with("composited variable \"a\" fails to evaluate: no such key: b"), "{message}");
    }

    #[test]
    fn deep_and_costly_expressions_end() {
        let nested = format!("{}true{}", "(".repeat(95), ")".repeat(95));
        assert!(Program::compile(&nested).is_ok());
        for deep in ["!".repeat(290) + "true", "a".to_owned() + &".b".repeat(290), "1".to_owned() + &" + 1".repeat(290)]
        {
            let _ = Program::compile(&deep).map(|program| program.evaluate(&Scope::new(Bindings::new())));
        }
        let macros = "[1].all(x, 1 + 1 == ".repeat(50) + "2" + &")".repeat(50);
        assert_eq!(run(&macros), Ok(Value::Bool(false)));
        let ternaries = "true ? 1 : ".repeat(90) + "2";
        assert_eq!(run(&ternaries), Ok(Value::Int(1)));
        let costly = "lists.range(1000).all(a, lists.range(1000).all(b, lists.range(1000).all(c, a + b + c >= 0)))";
        assert_eq!(run(costly), Err(EvalError::CostLimit));
        let huge = "['x'.replace('x', 'yyyyyyyyyy').replace('y', 'zzzzzzzzzz').replace('z', 'aaaaaaaaaa')].map(x, \
            x.replace('a', x).replace('a', x).replace('a', x).replace('a', x))";
        assert_eq!(run(huge), Err(EvalError::CostLimit));
        assert_eq!(
            run(
                "lists.range(100000).map(i, 'x').join('x'.replace('x', 'yyyyyyyyyyyyyyy').replace('y', 'zzzzzzzzzzzz')).size() > 1"
            ),
            Err(EvalError::CostLimit)
        );
        assert_eq!(run("lists.range(1000000000).size() == 1"), Err(EvalError::CostLimit));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn no_text_panics(source in "[a-z0-9.?:(){}\\[\\]'\"\\\\ +*/%!&|=<>,\n-]{0,60}") {
            let _ = run_any(&source);
        }

        #[test]
        fn no_mixture_of_pieces_panics(pieces in proptest::collection::vec(0..PIECES.len(), 0..12)) {
            let source: String = pieces.iter().map(|at| PIECES[*at]).collect();
            let _ = run_any(&source);
        }
    }

    const PIECES: [&str; 24] = [
        "object",
        ".spec",
        ".?containers",
        "[0]",
        "[?1]",
        ".all(c, ",
        "c",
        ")",
        "(",
        " == ",
        " + ",
        "'x'",
        "1",
        "1.5",
        "has(",
        "{'a': ",
        "}",
        "[",
        "]",
        " ? ",
        " : ",
        " && ",
        "!",
        ".matches('(')",
    ];

    fn run_any(source: &str) -> Option<Result<Value, EvalError>> {
        let bindings = Bindings::new().with("object", pod());
        Some(Program::compile(source).ok()?.evaluate(&Scope::new(bindings)).result)
    }
}
