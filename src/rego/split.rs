//! Splits a template's violations into leaves, joined by and, or and not.

use std::collections::BTreeMap;
use std::sync::Arc;

use regorus::unstable::{BoolOp, Expr, Literal, LiteralStmt, Span};
use regorus::{Engine, Value};

use super::builtins::Builtins;
use super::fact::Fact;
use super::functions::Body;
use super::kinds::Kinds;
use super::leaves::Leaves;
use super::look::{Env, Look, address};
use super::program::Program;
use super::value::{Abs, Part, Seen};
use crate::symbolic::{Reads, Statement, Truth, Unproven};

/// What is the same for all requests of one class of subjects.
pub(crate) struct Who<'w> {
    /// The review, as far as it does not depend on the pod.
    pub review: &'w Value,
    /// Parts of the pod that the class decides, by their paths.
    pub fixed: &'w [(&'w [&'w str], Value)],
}

/// A template's violations, split.
pub(crate) struct Split {
    /// Whether there is one.
    pub truth: Truth,
    /// The leaves, or their negations: those are for-all statements.
    pub statements: Vec<Statement>,
    /// Which statements are negations of leaves.
    pub negated: Vec<bool>,
    /// The leaves.
    pub leaves: Leaves,
    /// Why a difference may be there although none is found.
    pub doubt: Option<Unproven>,
}

impl Split {
    /// Splits the violations of a program.
    ///
    /// # Errors
    /// What in it is not understood for all pods, with its line.
    pub(crate) fn violations(
        document: &str,
        engine: &Engine,
        package: &str,
        parameters: &Value,
        who: &Who<'_>,
    ) -> Result<Self, Unproven> {
        let program = Program::new(&mut engine.clone());
        let mut review: BTreeMap<String, Abs> = BTreeMap::new();
        for (key, value) in Builtins::members(who.review) {
            let asks_who = matches!(&key, Value::String(key) if matches!(&**key, "userInfo" | "namespace"));
            review.insert(text(&key), Abs { asks_who, ..Abs::constant(value) });
        }
        review.insert("object".to_owned(), Abs::path(Vec::new()));
        review.insert("name".to_owned(), Abs::path(["metadata", "name"].map(str::to_owned).to_vec()));
        let of = |fields: BTreeMap<String, Abs>| Abs { fields: Some(Arc::new(fields)), ..Abs::default() };
        let parameters = Abs::constant(parameters.clone());
        let input = of(BTreeMap::from([("review".to_owned(), of(review)), ("parameters".to_owned(), parameters)]));
        let fixed = who.fixed.iter().map(|(path, value)| {
            let value = Abs { asks_who: true, ..Abs::constant(value.clone()) };
            (path.iter().map(|step| (*step).to_owned()).collect(), value)
        });
        let look = Look::new(&program, input, fixed.collect());
        let mut splitting = Splitting {
            look,
            document,
            statements: Vec::new(),
            negated: Vec::new(),
            leaves: Leaves::default(),
            known: BTreeMap::new(),
            unproven: None,
            doubt: None,
        };
        let name = format!("{package}.violation");
        let truth = splitting.violation(&name);
        if let Some(unproven) = splitting.unproven {
            return Err(unproven);
        }
        let Splitting { statements, negated, mut leaves, doubt, .. } = splitting;
        let module = program.rules(&name).next().map_or(0, |(module, _)| module);
        let is_v1 = program.module(module).is_some_and(|module| module.rego_v1);
        let imports = program.module(module).map(|module| module.imports.as_slice()).unwrap_or_default();
        let mut header = format!("package {}", package.strip_prefix("data.").unwrap_or(package));
        for import in imports {
            header.push('\n');
            header.push_str(import.span.text());
        }
        leaves.of_program(engine, header, is_v1, package);
        Ok(Self { truth, statements, negated, leaves, doubt })
    }
}

fn text(value: &Value) -> String {
    value.as_string().map(|text| text.to_string()).unwrap_or_default()
}

struct Splitting<'a, 'd> {
    look: Look<'a>,
    document: &'d str,
    statements: Vec<Statement>,
    negated: Vec<bool>,
    leaves: Leaves,
    known: BTreeMap<String, Option<Truth>>,
    unproven: Option<Unproven>,
    doubt: Option<Unproven>,
}

/// What follows the statements of a body.
type End<'e, 's> = &'e mut dyn FnMut(&mut Splitting<'s, '_>, &Env) -> Option<Truth>;

impl<'a> Splitting<'a, '_> {
    /// Whether there is a violation, with a message that is a text: others count for nothing.
    fn violation(&mut self, name: &str) -> Truth {
        let bodies = self.look.bodies(name);
        if let Some(flaw) = &bodies.flaw {
            self.fail(name, flaw);
        }
        let mut any = Vec::new();
        for body in &bodies.all {
            let head = body.value;
            let whole = self.body(body, &[], &mut |own, env| {
                let seen = own.look.value(head?, env);
                (seen.defined.is_always() && says_text(&seen.abs)).then_some(Truth::Constant(true))
            });
            let truth = whole.unwrap_or_else(|| {
                let parts = self.look.parts(body.statements, head, Env { module: body.module, ..Env::default() });
                if !parts.iter().all(|part| says_text(&part.item)) {
                    self.fail(&at_line(name, body.line), "`msg` is not seen to be a text always");
                }
                let head = head.map(|head| format!("\tpsp_migrate_head := {}", written(head.span())));
                self.body_leaf(name, body, &parts, head)
            });
            any.push(truth);
        }
        Truth::any(any)
    }

    fn fail(&mut self, rule: &str, why: &str) {
        let rule = self.rule(rule);
        self.unproven.get_or_insert_with(|| Unproven::new(rule, why));
    }

    fn rule(&self, name: &str) -> String {
        format!("{} {}", self.document, name.rsplit('.').next().unwrap_or(name))
    }

    /// The condition of a body, followed by something; `None` if it cannot be split.
    fn body(&mut self, body: &Body<'a>, arguments: &[Abs], end: End<'_, 'a>) -> Option<Truth> {
        if body.is_else {
            return None;
        }
        let (env, fits) = self.look.bound(body, arguments);
        if fits.is_never() {
            return Some(Truth::Constant(false));
        }
        if !fits.is_always() {
            return None;
        }
        let statements: Vec<&'a LiteralStmt> = body.statements.iter().collect();
        self.split(&statements, env, end)
    }

    fn split(&mut self, statements: &[&'a LiteralStmt], mut env: Env, end: End<'_, 'a>) -> Option<Truth> {
        let Some((first, rest)) = statements.split_first() else { return end(self, &env) };
        if !first.with_mods.is_empty() {
            return None;
        }
        let (expr, negated): (&'a Expr, bool) = match &first.literal {
            Literal::Expr { expr, .. } => (expr, false),
            Literal::NotExpr { expr, .. } => (expr, true),
            _ => return None,
        };
        if let Some((node, collection)) = self.look.ranging(expr, &env) {
            return self.over_constants(node, collection, statements, &env, end);
        }
        if let Some((name, value)) = self.look.binding(expr, &env).filter(|_| !negated) {
            let seen = self.look.value(value, &env);
            if seen.defined.is_never() {
                return Some(Truth::Constant(false));
            }
            env.variables.insert(name, seen.abs);
            return if seen.defined.is_always() { self.split(rest, env, end) } else { None };
        }
        let fact = self.look.truth(expr, &env);
        let truth = match fact.known.filter(|_| fact.flaw.is_none() && !fact.risky) {
            Some(known) => Truth::Constant(known),
            None => self.literal(expr, &env)?,
        };
        let truth = if negated { truth.not() } else { truth };
        if matches!(truth, Truth::Constant(false)) {
            return Some(truth);
        }
        Some(Truth::all([truth, self.split(rest, env, end)?]))
    }

    fn over_constants(
        &mut self,
        node: &'a Expr,
        collection: &'a Expr,
        statements: &[&'a LiteralStmt],
        env: &Env,
        end: End<'_, 'a>,
    ) -> Option<Truth> {
        let of = self.look.value(collection, env);
        let Expr::RefBrack { index, .. } = node else { return None };
        let constant = of.abs.as_constant().filter(|_| of.defined.is_always())?.clone();
        let mut any = Vec::new();
        for (key, item) in Builtins::members(&constant) {
            let with_who = |value| Abs { asks_who: of.abs.asks_who, ..Abs::constant(value) };
            let mut env = env.clone();
            env.members.insert(address(node), with_who(item));
            if let Expr::Var { value: Value::String(name), .. } = index.as_ref()
                && &**name != "_"
            {
                env.variables.insert(name.to_string(), with_who(key));
            }
            any.push(self.split(statements, env, end)?);
        }
        Some(Truth::any(any))
    }

    /// A condition that calls rules or functions of constants.
    fn literal(&mut self, expr: &'a Expr, env: &Env) -> Option<Truth> {
        match expr {
            Expr::BoolExpr { op, lhs, rhs, .. } => {
                let Expr::Call { fcn, params, .. } = lhs.as_ref() else { return None };
                let is_count = super::program::dotted(fcn).is_some_and(|name| name == "count");
                let zero = self.look.value(rhs, env).abs.as_constant() == Some(&Value::from(0_u64));
                let [of] = params.as_slice() else { return None };
                let counted = self.look.value(of, env);
                if !is_count || !zero || !counted.defined.is_always() {
                    return None;
                }
                let members = self.members(of, env, &[])?;
                match op {
                    BoolOp::Eq => Some(members.not()),
                    BoolOp::Gt | BoolOp::Ne => Some(members),
                    _ => None,
                }
            }
            _ => {
                let (name, arguments) = self.callee(expr, env)?;
                self.holds(&name, &arguments)
            }
        }
    }

    /// The rule, or the function with constants, that an expression calls.
    fn callee(&mut self, expr: &'a Expr, env: &Env) -> Option<(String, Vec<Abs>)> {
        match expr {
            Expr::Call { fcn, params, .. } => {
                let name = self.look.program.resolve(env.module, fcn)?;
                let arguments: Vec<Seen> = params.iter().map(|param| self.look.value(param, env)).collect();
                let all = arguments.iter().all(|it| it.defined.is_always() && it.abs.as_constant().is_some());
                all.then(|| (name, arguments.into_iter().map(|it| it.abs).collect()))
            }
            Expr::Var { value: Value::String(name), .. } if !env.variables.contains_key(&**name) => {
                Some((self.look.program.resolve(env.module, expr)?, Vec::new()))
            }
            _ => None,
        }
    }

    fn key(&self, kind: &str, name: &str, arguments: &[Abs]) -> String {
        let arguments = arguments.iter().filter_map(Abs::as_constant).cloned().collect::<Vec<_>>();
        format!("{kind} {name} {}", Value::from(arguments))
    }

    /// Whether a rule, or a function of constants, is true.
    fn holds(&mut self, name: &str, arguments: &[Abs]) -> Option<Truth> {
        let key = self.key("holds", name, arguments);
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        let bodies = self.look.bodies(name);
        let is_true = |value: Option<&Expr>| {
            value.is_none_or(|value| matches!(value, Expr::Bool { value: Value::Bool(true), .. }))
        };
        let is_false = |value: &Expr| matches!(value, Expr::Bool { value: Value::Bool(false), .. });
        let plain = bodies.flaw.is_none()
            && !bodies.is_set
            && bodies.default.is_none_or(is_false)
            && bodies.all.iter().all(|body| is_true(body.value) && !body.is_else);
        let mut any = plain.then(Vec::new);
        for body in bodies.all.iter().filter(|_| plain) {
            let truth = self.body(body, arguments, &mut |_, _| Some(Truth::Constant(true)));
            let truth = truth.unwrap_or_else(|| {
                let (env, fits) = self.look.bound(body, arguments);
                let mut parts = self.look.parts(body.statements, None, env);
                parts.iter_mut().for_each(|part| part.fact = std::mem::take(&mut part.fact).and(&fits));
                self.body_leaf_of(name, body, arguments, &parts, None)
            });
            any.iter_mut().for_each(|any| any.push(truth.clone()));
        }
        let truth = any.map(Truth::any);
        self.known.insert(key, truth.clone());
        truth
    }

    /// Whether what an expression gives has members.
    fn members(&mut self, expr: &'a Expr, env: &Env, body: &[&'a LiteralStmt]) -> Option<Truth> {
        let seen = self.look.value(expr, env);
        if let Some(constant) = seen.abs.as_constant().filter(|_| seen.defined.is_always()) {
            return Some(Truth::Constant(!Builtins::members(constant).is_empty()));
        }
        match expr {
            Expr::BinExpr { op: regorus::unstable::BinOp::Union, lhs, rhs, .. } => {
                let (one, other) = (self.members(lhs, env, body)?, self.members(rhs, env, body)?);
                Some(Truth::any([one, other]))
            }
            Expr::Var { value: Value::String(name), .. } if env.variables.contains_key(&**name) => {
                let sets = |statement: &&&'a LiteralStmt| {
                    match &statement.literal {
                        Literal::Expr { expr, .. } => {
                            self.look.binding(expr, &Env { module: env.module, ..Env::default() })
                        }
                        _ => None,
                    }
                    .filter(|(bound, _)| bound == &**name)
                };
                let value = body.iter().find_map(|statement| sets(&statement))?.1;
                self.members(value, env, body)
            }
            _ => {
                let (name, arguments) = self.callee(expr, env)?;
                self.gives(&name, &arguments)
            }
        }
    }

    /// Whether the set that a rule, or a function of constants, gives has members.
    fn gives(&mut self, name: &str, arguments: &[Abs]) -> Option<Truth> {
        let key = self.key("gives", name, arguments);
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        let bodies = self.look.bodies(name);
        let mut any = Some(Vec::new());
        for body in &bodies.all {
            let statements: Vec<&'a LiteralStmt> = body.statements.iter().collect();
            let value = body.value;
            let truth = if bodies.is_set {
                None
            } else {
                self.body(body, arguments, &mut |own, env| own.members(value?, env, &statements))
            };
            any = any.and_then(|mut any| {
                any.push(truth?);
                Some(any)
            });
        }
        let truth = any.map_or_else(|| self.members_leaf(name, arguments), Truth::any);
        self.known.insert(key, Some(truth.clone()));
        Some(truth)
    }

    fn members_leaf(&mut self, name: &str, arguments: &[Abs]) -> Truth {
        let passed: Vec<Seen> = arguments.iter().cloned().map(Seen::total).collect();
        let is_rule = arguments.is_empty() && self.look.bodies(name).all.iter().all(|body| body.arguments.is_empty());
        let seen = if is_rule { self.look.rule(name) } else { self.look.function(name, &passed) };
        let has_members = self.look.has_members(&seen.abs);
        let mut fact = seen.defined.and(&has_members);
        if !seen.abs.kinds().is_within(Kinds::SET.or(Kinds::LIST)) {
            fact.fail("it gives what is not seen to be a set");
        }
        let called = if is_rule { name.to_owned() } else { self.called(name, arguments) };
        self.leaf(name, format!("\tcount({called}) > 0"), fact)
    }

    fn called(&mut self, name: &str, arguments: &[Abs]) -> String {
        let constants: Vec<String> =
            arguments.iter().filter_map(Abs::as_constant).map(|constant| self.leaves.constant(constant)).collect();
        format!("{name}({})", constants.join(", "))
    }

    fn body_leaf(&mut self, name: &str, body: &Body<'a>, parts: &[Part], head: Option<String>) -> Truth {
        self.body_leaf_of(name, body, &[], parts, head)
    }

    /// Whether a body has a solution.
    fn body_leaf_of(
        &mut self,
        name: &str,
        body: &Body<'a>,
        arguments: &[Abs],
        parts: &[Part],
        head: Option<String>,
    ) -> Truth {
        let mut lines = Vec::new();
        for (pattern, argument) in body.arguments.iter().zip(arguments) {
            let constant = argument.as_constant().map(|constant| self.leaves.constant(constant)).unwrap_or_default();
            let is_name = matches!(pattern, Expr::Var { .. });
            let sign = if is_name { ":=" } else { "==" };
            if written(pattern.span()) != "_" {
                lines.push(format!("\t{} {sign} {constant}", written(pattern.span())));
            }
        }
        lines.extend(body.statements.iter().map(|statement| format!("\t{}", written(&statement.span))));
        lines.extend(head);
        let fact = Look::some_part(parts);
        if self.look.program.package(body.module) != name.rsplit_once('.').map_or(name, |(package, _)| package) {
            self.fail(name, "a rule of a library");
        }
        self.leaf(&at_line(name, body.line), lines.join("\n"), fact)
    }

    /// A statement, or its negation, whichever is a for-all.
    fn leaf(&mut self, name: &str, text: String, fact: Fact) -> Truth {
        if let Some(known) = fact.known.filter(|_| fact.flaw.is_none() && !fact.risky) {
            return Truth::Constant(known);
        }
        if let Some(flaw) = &fact.flaw {
            self.fail(name, flaw);
        } else if fact.reads == Reads::default() {
            self.fail(name, "it is not seen on what it depends");
        }
        if let Some(doubt) = fact.doubt {
            let rule = self.rule(name);
            self.doubt.get_or_insert_with(|| Unproven::new(rule, doubt));
        }
        let Some(polarity) = fact.over.polarity() else {
            self.fail(name, "it is not seen to ask the same of every container, volume and item");
            return Truth::Constant(false);
        };
        let (number, is_new) = self.leaves.number(text);
        if is_new {
            let rule = self.rule(name);
            self.statements.push(Statement { rule, reads: fact.reads });
            self.negated.push(!polarity);
        }
        let truth = Truth::Statement(number);
        if polarity { truth } else { truth.not() }
    }
}

/// The text of a part of the program, with the quotes around it that its span leaves out.
fn written(span: &Span) -> &str {
    let text = span.source.get_contents();
    let bounds = usize::try_from(span.start).ok().zip(usize::try_from(span.end).ok());
    let Some((mut start, mut end)) = bounds else { return "" };
    let is_quote = |at: usize| matches!(text.as_bytes().get(at), Some(b'"' | b'`'));
    if start.checked_sub(1).is_some_and(is_quote) {
        start -= 1;
    }
    if is_quote(end) {
        end += 1;
    }
    text.get(start..end).unwrap_or_default()
}

fn at_line(name: &str, line: u32) -> String {
    format!("{name}, line {line}")
}

/// Whether a violation has a text as its message.
fn says_text(violation: &Abs) -> bool {
    let is_text = |abs: &Abs| abs.kinds() == Kinds::TEXT;
    match (&violation.fields, violation.as_constant()) {
        (Some(fields), _) => fields.get("msg").is_some_and(is_text),
        (None, Some(constant)) => matches!(Builtins::at(constant, &Value::from("msg")), Value::String(_)),
        _ => false,
    }
}
