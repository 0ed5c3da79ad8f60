//! Looks through bodies of rules and comprehensions: with what their variables may be bound, and under which conditions.
//!
//! What ranges over constants is gone through one by one; what ranges over parts of the pod is looked at once, for the
//! member at hand.

use regorus::Value;
use regorus::unstable::{BoolOp, Expr, Literal, LiteralStmt, Query};

use super::builtins::Builtins;
use super::fact::{Fact, Scope};
use super::kinds::Kinds;
use super::look::{Env, Look, address, line};
use super::value::{Abs, List, Part, Seen};

/// What is done with each way to satisfy a body.
pub(super) type Then<'t, 'a> = &'t mut dyn FnMut(&mut Look<'a>, &Env, Part);

/// The member at hand, its key, and what it takes for it to be there.
struct Member {
    key: Abs,
    part: Part,
}

impl<'a> Look<'a> {
    /// Calls `then` for each way to satisfy all statements, `part` being what it took so far.
    pub fn solve(&mut self, statements: &[&'a LiteralStmt], env: Env, part: Part, then: Then<'_, 'a>) {
        if part.fact.is_never() {
            return;
        }
        if self.budget == 0 {
            let mut part = part;
            part.fact.fail("there are too many cases to go through");
            return then(self, &env, part);
        }
        self.budget -= 1;
        let Some((first, rest)) = statements.split_first() else { return then(self, &env, part) };
        if !first.with_mods.is_empty() {
            return self.unclear(first, rest, "`with` is not understood for all pods", (env, part), then);
        }
        match &first.literal {
            Literal::SomeVars { vars, .. } => {
                let mut env = env;
                for variable in vars {
                    env.variables.remove(variable.text());
                }
                self.solve(rest, env, part, then);
            }
            Literal::SomeIn { key: None, value, collection, .. } => {
                let seen = self.value(collection, &env);
                self.each(value, &seen, env, &part, &mut |look, env, part| look.solve(rest, env.clone(), part, then));
            }
            Literal::Expr { expr, .. } => self.expression(expr, statements, (env, part), then),
            Literal::NotExpr { expr, .. } if self.ranging(expr, &env).is_none() => {
                let fact = self.truth(expr, &env).not();
                let part = Part { fact: part.fact.and(&fact), ..part };
                self.solve(rest, self.refined(expr, false, env), part, then);
            }
            _ => {
                self.unclear(first, rest, "a statement of this kind is not understood for all pods", (env, part), then)
            }
        }
    }

    fn unclear(
        &mut self,
        first: &LiteralStmt,
        rest: &[&'a LiteralStmt],
        why: &str,
        (env, mut part): (Env, Part),
        then: Then<'_, 'a>,
    ) {
        part.fact.fail(format!("line {}: {why}", first.span.line));
        self.solve(rest, env, part, then);
    }

    fn expression(
        &mut self,
        expr: &'a Expr,
        statements: &[&'a LiteralStmt],
        (env, part): (Env, Part),
        then: Then<'_, 'a>,
    ) {
        if let Some((node, collection)) = self.ranging(expr, &env) {
            let seen = self.value(collection, &env);
            return self.each(node, &seen, env, &part, &mut |look, env, part| {
                look.solve(statements, env.clone(), part, then);
            });
        }
        let rest = statements.split_first().map(|(_, rest)| rest).unwrap_or_default();
        if let Some((name, value)) = self.binding(expr, &env) {
            let seen = self.value(value, &env);
            let mut env = env;
            if name != "_" {
                env.variables.insert(name, seen.abs);
            }
            let part = Part { fact: part.fact.and(&seen.defined), ..part };
            return self.solve(rest, env, part, then);
        }
        let fact = self.truth(expr, &env);
        let part = Part { fact: part.fact.and(&fact), ..part };
        self.solve(rest, self.refined(expr, true, env), part, then);
    }

    /// The variable that an expression sets, with what it is set to.
    pub fn binding(&self, expr: &'a Expr, env: &Env) -> Option<(String, &'a Expr)> {
        let Expr::AssignExpr { lhs, rhs, .. } = expr else { return None };
        let unbound = |side: &Expr| match side {
            Expr::Var { value: Value::String(name), .. } => {
                let is_set = env.variables.contains_key(&**name) || env.members.contains_key(&address(side));
                (!is_set).then(|| name.to_string())
            }
            _ => None,
        };
        match (unbound(lhs), unbound(rhs)) {
            (Some(name), _) => Some((name, rhs)),
            (None, Some(name)) if self.program.resolve(env.module, rhs).is_none() => Some((name, lhs)),
            _ => None,
        }
    }

    /// The first reference within an expression that ranges over something, with that.
    pub fn ranging(&self, expr: &'a Expr, env: &Env) -> Option<(&'a Expr, &'a Expr)> {
        if env.members.contains_key(&address(expr)) {
            return None;
        }
        match expr {
            Expr::RefBrack { refr, index, .. } => {
                let is_open = match index.as_ref() {
                    Expr::Var { value: Value::String(name), .. } => {
                        !env.variables.contains_key(&**name)
                            && &**name != "input"
                            && self.program.resolve(env.module, index).is_none()
                    }
                    _ => false,
                };
                let inner = self.ranging(refr, env).or_else(|| if is_open { None } else { self.ranging(index, env) });
                inner.or(is_open.then_some((expr, refr.as_ref())))
            }
            Expr::RefDot { refr, .. } => self.ranging(refr, env),
            Expr::UnaryExpr { expr, .. } => self.ranging(expr, env),
            Expr::Array { items, .. } | Expr::Set { items, .. } => {
                items.iter().find_map(|item| self.ranging(item, env))
            }
            Expr::Object { fields, .. } => {
                fields.iter().find_map(|(_, key, value)| self.ranging(key, env).or_else(|| self.ranging(value, env)))
            }
            Expr::Call { params, .. } => params.iter().find_map(|param| self.ranging(param, env)),
            Expr::BinExpr { lhs, rhs, .. }
            | Expr::BoolExpr { lhs, rhs, .. }
            | Expr::ArithExpr { lhs, rhs, .. }
            | Expr::AssignExpr { lhs, rhs, .. } => self.ranging(lhs, env).or_else(|| self.ranging(rhs, env)),
            Expr::Membership { value, collection, .. } => {
                self.ranging(value, env).or_else(|| self.ranging(collection, env))
            }
            _ => None,
        }
    }

    /// Goes through the members of a value; `node` stands for the member at hand, and its index, or a plain variable.
    fn each(&mut self, node: &'a Expr, of: &Seen, env: Env, part: &Part, then: Then<'_, 'a>) {
        let defined = if of.by_presence { Fact::always() } else { of.defined.clone() };
        for member in self.members_of(of) {
            let mut env = env.clone();
            let mut item = member.part.item;
            if item.as_constant().is_none() && item.term.is_none() {
                item.term = self.fresh();
            }
            match node {
                Expr::RefBrack { index, .. } => {
                    if let Expr::Var { value: Value::String(name), .. } = index.as_ref()
                        && &**name != "_"
                    {
                        env.variables.insert(name.to_string(), member.key);
                    }
                    env.members.insert(address(node), item);
                }
                Expr::Var { value: Value::String(name), .. } => drop(env.variables.insert(name.to_string(), item)),
                _ => continue,
            }
            let first_scope = part.scopes.is_empty() && part.base.is_none();
            let next = Part {
                scopes: part.scopes.iter().cloned().chain(member.part.scopes).collect(),
                fact: part.fact.clone().and(&defined).and(&member.part.fact),
                item: Abs::default(),
                base: member.part.base.filter(|_| first_scope),
            };
            then(self, &env, next);
        }
    }

    fn members_of(&mut self, of: &Seen) -> Vec<Member> {
        let mut members = Vec::new();
        let mut chosen = Fact::always();
        for place in &of.abs.at {
            let has_default = of.abs.constants.iter().any(|constant| !Builtins::members(constant).is_empty());
            if has_default {
                chosen = chosen.and(&Fact::presence(&place.path));
            }
        }
        if of.abs.constants.len() > 1 {
            chosen.takes(&of.abs.consumed());
            chosen.known = None;
        }
        for constant in &of.abs.constants {
            for (key, item) in Builtins::members(constant) {
                let with_who = |value| Abs { asks_who: of.abs.asks_who, ..Abs::constant(value) };
                let fact = if chosen.is_always() { Fact::always() } else { chosen.clone().within() };
                let part = Part { fact, item: with_who(item), ..Part::default() };
                members.push(Member { key: with_who(key), part });
            }
        }
        for place in &of.abs.at {
            let part = self.items_at(place);
            members.push(Member { key: position(), part });
        }
        if let Some(list) = &of.abs.list {
            for part in &list.parts {
                let key = if list.is_set { part.item.clone() } else { position() };
                members.push(Member { key, part: part.clone() });
            }
        }
        if of.abs.fields.is_some() {
            members.push(Member { key: position(), part: Part::unknown("it goes through the fields of an object") });
        }
        if of.abs.made.has(Kinds::COLLECTION) {
            members.push(Member { key: position(), part: Part::unknown("it goes through what is made of the pod") });
        }
        if let Some(also) = &of.abs.also {
            for member in &mut members {
                let fact = std::mem::take(&mut member.part.fact);
                let mut fact = fact.and(&Fact::clone(also).within());
                fact.known = None;
                member.part.fact = fact;
            }
        }
        members
    }

    /// The items of the list at a place.
    pub fn items_at(&mut self, place: &super::value::Place) -> Part {
        let kinds = Kinds::at(&place.path);
        let is_who = place.path.first().is_some_and(|first| first == "@who");
        let item = Abs::path([place.path.as_slice(), &["[]".to_owned()]].concat());
        if is_who {
            return Part { item, ..Part::default() };
        }
        if place.worked_out.is_some() || !kinds.is_within(Kinds::LIST) {
            return if kinds.has(Kinds::OBJECT) {
                Part::unknown("it goes through the keys of an object of the pod")
            } else if kinds.has(Kinds::LIST) || place.worked_out.is_some() {
                Part::unknown("it goes through a list that is worked out of the pod")
            } else {
                Part { fact: Fact::never(), ..Part::default() }
            };
        }
        let scopes = vec![Scope::of(&place.path)];
        Part { scopes, fact: Fact::always(), item, base: Some(place.path.clone()) }
    }

    /// A variable that a comparison leaves fewer values.
    fn refined(&self, expr: &Expr, truth: bool, mut env: Env) -> Env {
        let Expr::BoolExpr { op, lhs, rhs, .. } = expr else { return env };
        let (Expr::Var { value: Value::String(name), .. }, constant) = (lhs.as_ref(), rhs.as_ref()) else { return env };
        let constant = match constant {
            Expr::Null { .. } => &Value::Null,
            Expr::String { value, .. } | Expr::Number { value, .. } | Expr::Bool { value, .. } => value,
            _ => return env,
        };
        let equal = match op {
            BoolOp::Eq => truth,
            BoolOp::Ne => !truth,
            _ => return env,
        };
        if let Some(abs) = env.variables.get_mut(&**name) {
            if equal && abs.constants.contains(constant) && !abs.kinds_at_places().has(Kinds::of(constant)) {
                *abs = Abs { term: abs.term, asks_who: abs.asks_who, ..Abs::constant(constant.clone()) };
            } else if !equal && !abs.at.is_empty() {
                abs.constants.retain(|other| other != constant);
            }
        }
        env
    }

    /// What a comprehension makes.
    pub fn comprehension(&mut self, term: &'a Expr, query: &'a Query, is_set: bool, env: &Env) -> Seen {
        let parts = self.parts(&query.stmts, Some(term), env.clone());
        Seen::total(Abs::list(List { parts, is_set, least: 0 }))
    }

    /// The ways to satisfy a body, each with the value of a term.
    pub fn parts(&mut self, statements: &'a [LiteralStmt], term: Option<&'a Expr>, env: Env) -> Vec<Part> {
        let statements: Vec<&'a LiteralStmt> = statements.iter().collect();
        let mut parts = Vec::new();
        self.solve(&statements, env, Part { fact: Fact::always(), ..Part::default() }, &mut |look, env, mut part| {
            let Some(term) = term else {
                part.item = Abs::constant(Value::from(true));
                return parts.push(part);
            };
            if look.ranging(term, env).is_some() {
                part.fact.fail(line(term, "what is made ranges over something by itself"));
            }
            let seen = look.value(term, env);
            part.fact = part.fact.and(&seen.defined);
            part.item = seen.abs;
            if !part.fact.is_never() {
                parts.push(part);
            }
        });
        parts
    }

    /// Whether an expression is true.
    pub fn truth(&mut self, expr: &'a Expr, env: &Env) -> Fact {
        let seen = self.value(expr, env);
        let holds = self.is_true(&seen.abs);
        let mut fact = seen.defined.and(&holds);
        if let Some(flaw) = fact.flaw.as_mut().filter(|flaw| !flaw.starts_with("line ")) {
            *flaw = line(expr, flaw);
        }
        fact
    }

    fn is_true(&mut self, abs: &Abs) -> Fact {
        if let Some(constant) = abs.as_constant() {
            return Fact::constant(*constant != Value::from(false));
        }
        if let Some(truth) = &abs.truth {
            let only = abs.constants.is_empty() && abs.at.is_empty();
            return if only { Fact::clone(truth) } else { Fact::flawed("it is not seen which truth it is") };
        }
        if !abs.kinds().has(Kinds::BOOL) {
            return Fact::always();
        }
        self.compare(&BoolOp::Ne, abs, &Abs::constant(Value::from(false)))
    }

    /// Whether one of the parts is there.
    pub fn some_part(parts: &[Part]) -> Fact {
        parts.iter().fold(Fact::never(), |any, part| any.or(&part.fact.clone().exists(&part.scopes)))
    }
}

/// A position in a list, which must not count.
fn position() -> Abs {
    let unknown = Abs { made: Kinds::ANY, ..Abs::default() };
    unknown.depending(&Fact::flawed("it looks at positions in lists, or at keys"))
}
