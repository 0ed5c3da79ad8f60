//! Rules and functions: what they give, and when they give anything.

use std::sync::Arc;

use regorus::Value;
use regorus::unstable::{Expr, LiteralStmt, Rule, RuleAssign, RuleBody, RuleHead};

use super::cases::{cover_everything, exclude_each_other};
use super::fact::Fact;
use super::look::{Env, Look};
use super::value::{Abs, List, Part, Seen};

/// One body of a rule, with what it gives.
pub(super) struct Body<'a> {
    pub module: usize,
    pub arguments: Vec<&'a Expr>,
    pub statements: &'a [LiteralStmt],
    pub value: Option<&'a Expr>,
    pub is_else: bool,
    pub line: u32,
}

/// Every body of the rules of a name, and what the name stands for otherwise.
pub(super) struct Bodies<'a> {
    pub all: Vec<Body<'a>>,
    pub is_set: bool,
    pub default: Option<&'a Expr>,
    pub flaw: Option<String>,
}

impl<'a> Look<'a> {
    pub fn bodies(&self, name: &str) -> Bodies<'a> {
        let mut bodies = Bodies { all: Vec::new(), is_set: false, default: None, flaw: None };
        for (module, rule) in self.program.rules(name) {
            match rule {
                Rule::Default { value, .. } => bodies.default = Some(value),
                Rule::Spec { head, bodies: of_rule, span } => {
                    let (arguments, assign) = match head {
                        RuleHead::Func { args, assign, .. } => {
                            (args.iter().map(AsRef::as_ref).collect(), assign.as_ref())
                        }
                        RuleHead::Set { key: Some(key), .. } => {
                            bodies.is_set = true;
                            bodies.add(module, Vec::new(), of_rule, Some(key), span.line);
                            continue;
                        }
                        RuleHead::Compr { refr, assign, .. } if matches!(refr.as_ref(), Expr::Var { .. }) => {
                            (Vec::new(), assign.as_ref())
                        }
                        _ => {
                            bodies.flaw = Some(format!("line {}: a rule of this kind is not understood", span.line));
                            continue;
                        }
                    };
                    bodies.add(
                        module,
                        arguments,
                        of_rule,
                        assign.map(|assign: &RuleAssign| assign.value.as_ref()),
                        span.line,
                    );
                }
            }
        }
        bodies
    }

    /// The value of a rule without arguments.
    pub fn rule(&mut self, name: &str) -> Seen {
        if let Some(known) = self.rules.get(name) {
            return known.clone();
        }
        let bodies = self.bodies(name);
        let mut seen = if bodies.is_set {
            let parts: Vec<Part> = bodies
                .all
                .iter()
                .flat_map(|body| self.parts(body.statements, body.value, Env { module: body.module, ..Env::default() }))
                .collect();
            Seen::total(Abs::list(List { parts, is_set: true, least: 0 }))
        } else {
            self.given(&bodies, &[])
        };
        if let Some(flaw) = bodies.flaw {
            seen.defined.fail(flaw);
        }
        if seen.abs.term.is_none() && seen.abs.as_constant().is_none() {
            seen.abs.term = self.term(&format!("rule {name}"), &[]);
        }
        self.rules.insert(name.to_owned(), seen.clone());
        seen
    }

    /// What a function gives for arguments.
    pub fn function(&mut self, name: &str, arguments: &[Seen]) -> Seen {
        let bodies = self.bodies(name);
        let passed = arguments.iter().fold(Fact::always(), |all, argument| all.and(&argument.defined));
        if let Some(flaw) = &bodies.flaw {
            return Seen::flawed(flaw.clone());
        }
        let mut arguments: Vec<Abs> = arguments.iter().map(|argument| argument.abs.clone()).collect();
        for argument in &mut arguments {
            if argument.term.is_none() && argument.as_constant().is_none() {
                argument.term = self.fresh();
            }
        }
        let mut seen = self.given(&bodies, &arguments);
        if seen.abs.term.is_none() && seen.abs.as_constant().is_none() {
            seen.abs.term = self.term(&format!("call {name}"), &arguments.iter().collect::<Vec<_>>());
        }
        seen.defined = passed.and(&seen.defined);
        seen
    }

    /// The variables of a function with its arguments, and the condition under which they fit.
    pub fn bound(&mut self, body: &Body<'a>, arguments: &[Abs]) -> (Env, Fact) {
        let mut env = Env { module: body.module, ..Env::default() };
        let mut fits = Fact::constant(body.arguments.len() == arguments.len());
        for (pattern, argument) in body.arguments.iter().zip(arguments) {
            match pattern {
                Expr::Var { value: Value::String(name), .. } => {
                    env.variables.insert(name.to_string(), argument.clone());
                }
                _ => {
                    let pattern = self.value(pattern, &Env { module: body.module, ..Env::default() });
                    fits = fits.and(&self.compare(&regorus::unstable::BoolOp::Eq, argument, &pattern.abs));
                }
            }
        }
        (env, fits)
    }

    fn given(&mut self, bodies: &Bodies<'a>, arguments: &[Abs]) -> Seen {
        let mut ways: Vec<(Fact, Abs)> = Vec::new();
        let mut earlier = Fact::never();
        for body in &bodies.all {
            let (env, fits) = self.bound(body, arguments);
            if fits.is_never() {
                continue;
            }
            let parts = self.parts(body.statements, body.value, env);
            let mut holds = fits.and(&Self::some_part(&parts));
            if body.is_else {
                holds = holds.and(&earlier.clone().not());
                earlier = earlier.or(&holds);
            } else {
                earlier = holds.clone();
            }
            if holds.is_never() {
                continue;
            }
            let several = parts.len() > 1;
            let mut abs = parts.iter().fold(Abs::default(), |abs, part| abs.or(part.item.clone()));
            if body.value.is_some()
                && abs.as_constant().is_none()
                && (several || parts.iter().any(|part| !part.scopes.is_empty()))
            {
                abs = abs
                    .depending(&Fact::flawed(format!("line {}: the value depends on what is ranged over", body.line)));
            }
            ways.push((holds, abs));
        }
        if let Some(default) = bodies.default {
            let default = self.value(default, &Env::default());
            let any = ways.iter().fold(Fact::never(), |any, (holds, _)| any.or(holds));
            if !any.is_always() {
                ways.push((any.not(), default.abs));
            }
        }
        self.one_of(ways, bodies.default.is_some())
    }

    /// The value of the way that holds.
    fn one_of(&mut self, ways: Vec<(Fact, Abs)>, has_default: bool) -> Seen {
        if let [(holds, abs)] = ways.as_slice() {
            return Seen::defined(abs.clone(), holds.clone());
        }
        let mut defined = ways.iter().fold(Fact::never(), |any, (holds, _)| any.or(holds));
        let covers = defined.cases.as_ref().is_some_and(|cases| cover_everything(cases));
        if has_default || covers && defined.flaw.is_none() {
            defined = Fact::always();
        }
        let same = ways.windows(2).all(|pair| match pair {
            [(_, one), (_, other)] => one.as_constant().is_some() && one.as_constant() == other.as_constant(),
            _ => true,
        });
        let mut abs = Abs::default();
        let mut choice = Fact::default();
        for (holds, value) in &ways {
            abs = abs.or(value.clone());
            choice.takes(holds);
            choice.over = choice.over.join(holds.over, |a, b| a.within().and(b.within()));
        }
        if same {
            return Seen::defined(abs, defined);
        }
        let clash = ways.iter().enumerate().any(|(at, (one, _))| {
            let others = ways.iter().skip(at + 1);
            others.into_iter().any(|(other, _)| match (&one.cases, &other.cases) {
                (Some(one), Some(other)) => !exclude_each_other(one, other),
                _ => true,
            })
        });
        if clash && !has_default {
            defined.risky = true;
            if defined.known == Some(true) {
                choice.risky = true;
            }
        }
        abs.term = None;
        let mut abs = abs.depending(&choice);
        if let Some(list) = abs.list.as_ref().filter(|_| ways.len() > 1) {
            // Which of several lists it is counts for every member.
            let mut list = List::clone(list);
            list.least = 0;
            abs.list = Some(Arc::new(list));
        }
        Seen::defined(abs, defined)
    }
}

impl<'a> Bodies<'a> {
    fn add(
        &mut self,
        module: usize,
        arguments: Vec<&'a Expr>,
        bodies: &'a [RuleBody],
        value: Option<&'a Expr>,
        line: u32,
    ) {
        let body = |statements, value, is_else| Body {
            module,
            arguments: arguments.clone(),
            statements,
            value,
            is_else,
            line,
        };
        if bodies.is_empty() {
            self.all.push(body(&[], value, false));
        }
        for of in bodies {
            let own = of.assign.as_ref().map(|assign| assign.value.as_ref());
            let own = own.or(if of.is_else { None } else { value });
            self.all.push(body(&of.query.stmts, own, of.is_else));
        }
    }
}
