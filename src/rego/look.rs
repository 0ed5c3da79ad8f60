//! Looks through expressions: what a value may be, what it takes for it to be defined, and to be true.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use regorus::Value;
use regorus::unstable::{ArithOp, BinOp, Expr};

use super::asker::Names;
use super::builtins::Builtins;
use super::fact::Fact;
use super::kinds::Kinds;
use super::program::Program;
use super::value::{Abs, CONTAINER_KEY, List, Part, Place, Seen};
use crate::symbolic::How;

/// Looks through the rules of a program, for one class of subjects.
pub(super) struct Look<'a> {
    pub program: &'a Program,
    /// `input`.
    pub input: Abs,
    /// The fields of the pod that the class decides.
    pub fixed: BTreeMap<Vec<String>, Abs>,
    pub rules: BTreeMap<String, Seen>,
    pub terms: HashMap<String, u32>,
    /// What who asks is compared with.
    pub names: Names,
    /// How many more branches are looked at.
    pub budget: usize,
}

/// The values of the variables at some point of a body.
#[derive(Debug, Clone, Default)]
pub(super) struct Env {
    pub module: usize,
    pub variables: BTreeMap<String, Abs>,
    /// Expressions that range over something, by their address: the member at hand.
    pub members: BTreeMap<usize, Abs>,
}

/// What tells expressions apart.
pub(super) fn address(expr: &Expr) -> usize {
    std::ptr::from_ref(expr).addr()
}

pub(super) fn line(expr: &Expr, why: &str) -> String {
    format!("line {}: {why}", expr.span().line)
}

/// So many branches are looked at for one class.
const MOST_BRANCHES: usize = 2_000_000;

impl<'a> Look<'a> {
    pub fn new(program: &'a Program, input: Abs, fixed: BTreeMap<Vec<String>, Abs>) -> Self {
        let (rules, terms, names) = (BTreeMap::new(), HashMap::new(), Names::default());
        Self { program, input, fixed, rules, terms, names, budget: MOST_BRANCHES }
    }

    /// The value of an expression in which nothing ranges over anything that is not at hand.
    pub fn value(&mut self, expr: &'a Expr, env: &Env) -> Seen {
        if let Some(member) = env.members.get(&address(expr)) {
            return Seen::total(member.clone());
        }
        let mut seen = match expr {
            Expr::String { value, .. }
            | Expr::RawString { value, .. }
            | Expr::Number { value, .. }
            | Expr::Bool { value, .. } => Seen::constant(value.clone()),
            Expr::Null { .. } => Seen::constant(Value::Null),
            Expr::Var { value: Value::String(name), .. } => self.variable(expr, name, env),
            Expr::Array { items, .. } => self.literal(items.iter().map(AsRef::as_ref), false, env),
            Expr::Set { items, .. } => self.literal(items.iter().map(AsRef::as_ref), true, env),
            Expr::Object { fields, .. } => {
                self.object(fields.iter().map(|(_, key, value)| (key.as_ref(), value.as_ref())), env)
            }
            Expr::ArrayCompr { term, query, .. } => self.comprehension(term, query, false, env),
            Expr::SetCompr { term, query, .. } => self.comprehension(term, query, true, env),
            Expr::Call { fcn, params, .. } => {
                let params: Vec<&'a Expr> = params.iter().map(AsRef::as_ref).collect();
                self.call(fcn, &params, env)
            }
            Expr::UnaryExpr { expr, .. } => {
                let operand = self.value(expr, env);
                self.worked_out("minus", &[operand], Kinds::NUMBER, Kinds::NUMBER)
            }
            Expr::RefDot { refr, field: (_, field), .. } => match self.program.resolve(env.module, expr) {
                Some(rule) if !self.is_local(expr, env) => self.rule(&rule),
                _ => {
                    let base = self.value(refr, env);
                    self.step(&base, &Seen::constant(field.clone()))
                }
            },
            Expr::RefBrack { refr, index, .. } => match self.program.resolve(env.module, expr) {
                Some(rule) if !self.is_local(expr, env) => self.rule(&rule),
                _ => {
                    let (base, index) = (self.value(refr, env), self.value(index, env));
                    self.step(&base, &index)
                }
            },
            Expr::BinExpr { op, lhs, rhs, .. } => {
                let (one, other) = (self.value(lhs, env), self.value(rhs, env));
                match op {
                    BinOp::Union => self.union(&one, &other),
                    BinOp::Intersection => self.filtered(&one, &other, true),
                }
            }
            Expr::ArithExpr { op, lhs, rhs, .. } => {
                let (one, other) = (self.value(lhs, env), self.value(rhs, env));
                self.arithmetic(op, &one, &other)
            }
            Expr::BoolExpr { op, lhs, rhs, .. } => {
                let (one, other) = (self.value(lhs, env), self.value(rhs, env));
                let defined = one.defined.clone().and(&other.defined);
                Seen::defined(Abs::truth(self.compare(op, &one.abs, &other.abs)), defined)
            }
            Expr::Membership { value, collection, key: None, .. } => {
                let (value, collection) = (self.value(value, env), self.value(collection, env));
                let defined = value.defined.clone().and(&collection.defined);
                Seen::defined(Abs::truth(self.contains(&collection.abs, &value.abs)), defined)
            }
            _ => Seen::flawed("an expression of this kind is not understood for all pods"),
        };
        for flaw in seen.defined.flaw.iter_mut().filter(|flaw| !flaw.starts_with("line ")) {
            *flaw = line(expr, flaw);
        }
        seen
    }

    /// Whether a reference starts at a variable of the body.
    fn is_local(&self, expr: &Expr, env: &Env) -> bool {
        match expr {
            Expr::Var { value: Value::String(name), .. } => env.variables.contains_key(&**name),
            Expr::RefDot { refr, .. } | Expr::RefBrack { refr, .. } => self.is_local(refr, env),
            _ => true,
        }
    }

    fn variable(&mut self, expr: &'a Expr, name: &str, env: &Env) -> Seen {
        if let Some(value) = env.variables.get(name) {
            return Seen::total(value.clone());
        }
        if name == "input" {
            return Seen::total(self.input.clone());
        }
        match self.program.resolve(env.module, expr) {
            Some(rule) => self.rule(&rule),
            None => Seen::flawed(format!("`{name}` is used before it is set")),
        }
    }

    /// The number of what is made by an operation out of values with numbers.
    pub fn term(&mut self, operation: &str, of: &[&Abs]) -> Option<u32> {
        let mut text = operation.to_owned();
        for abs in of {
            let part = match (abs.term, abs.as_constant()) {
                (Some(term), _) => format!("|#{term}"),
                (None, Some(constant)) => format!("|{constant}"),
                (None, None) => return None,
            };
            text.push_str(&part);
        }
        let next = u32::try_from(self.terms.len()).ok()?;
        Some(*self.terms.entry(text).or_insert(next))
    }

    /// A value that is told apart from all others.
    pub fn fresh(&mut self) -> Option<u32> {
        let next = self.terms.len();
        self.term(&format!("member {next}"), &[])
    }

    fn literal(&mut self, items: impl Iterator<Item = &'a Expr>, is_set: bool, env: &Env) -> Seen {
        let mut defined = Fact::always();
        let mut list = List { is_set, ..List::default() };
        for item in items {
            let seen = self.value(item, env);
            defined = defined.and(&seen.defined);
            list.parts.push(Part { fact: Fact::always(), item: seen.abs, ..Part::default() });
        }
        list.least = if is_set { list.parts.len().min(1) } else { list.parts.len() };
        Seen::defined(Abs::list(list), defined)
    }

    fn object(&mut self, entries: impl Iterator<Item = (&'a Expr, &'a Expr)>, env: &Env) -> Seen {
        let mut defined = Fact::always();
        let mut fields = BTreeMap::new();
        let mut constants = BTreeMap::new();
        for (key, value) in entries {
            let value = self.value(value, env);
            defined = defined.and(&value.defined);
            let key = self.value(key, env);
            let Some(name) = key.abs.as_text() else {
                return Seen::flawed("an object is made with keys that are not constant");
            };
            if let Some(constant) = value.abs.as_constant() {
                constants.insert(Value::from(name), constant.clone());
            }
            fields.insert(name.to_owned(), value.abs);
        }
        if constants.len() == fields.len() {
            return Seen::defined(Abs::constant(Value::from(constants)), defined);
        }
        Seen::defined(Abs { fields: Some(Arc::new(fields)), ..Abs::default() }, defined)
    }

    /// `object.key`, `object[key]`, `set[member]`, `list[position]`
    pub fn step(&mut self, base: &Seen, key: &Seen) -> Seen {
        let term = self.term("step", &[&base.abs, &key.abs]);
        let mut seen = match base.abs.kinds() {
            kinds if kinds.has(Kinds::SET) && kinds.is_within(Kinds::SET) => {
                Seen::defined(key.abs.clone(), self.contains(&base.abs, &key.abs))
            }
            _ => self.picked(&base.abs, &key.abs, None),
        };
        if seen.abs.term.is_none() && seen.abs.as_constant().is_none() {
            seen.abs.term = term;
        }
        seen.abs.asks_who |= base.abs.asks_who || key.abs.asks_who;
        if !(seen.by_presence && (base.by_presence || base.defined.is_always())) {
            seen.by_presence = false;
            seen.defined = base.defined.clone().and(&seen.defined);
        }
        seen.defined = key.defined.clone().and(&seen.defined);
        seen
    }

    /// What stands at a key, or else a default, whichever of the values the object is.
    pub fn picked(&mut self, base: &Abs, key: &Abs, default: Option<&Abs>) -> Seen {
        if key.is_who() {
            let keys = base.constants.iter().flat_map(Builtins::members).map(|(key, _)| key).collect();
            self.mention(How::Equal, key, &Abs { constants: keys, ..Abs::default() });
        }
        let mut ways: Vec<Seen> = base.constants.iter().map(|constant| picked_of_constant(constant, key)).collect();
        // Where a constant stands for what is absent and has nothing either, it does not matter which of them it is.
        let choice_matters =
            base.constants.len() > 1 || !base.at.is_empty() && ways.iter().any(|way| !way.defined.is_never());
        for place in &base.at {
            ways.push(self.picked_at(place, key));
        }
        if let Some(fields) = &base.fields {
            ways.push(match key.as_text() {
                Some(name) => fields.get(name).cloned().map_or_else(Seen::undefined, Seen::total),
                None => Seen::flawed("it looks up a key that is not constant in an object that is made here"),
            });
        }
        if let Some(list) = &base.list {
            ways.push(picked_of_list(list, key));
        }
        if base.made.has(Kinds::COLLECTION) {
            ways.push(Seen::flawed("it picks something out of what is made of the pod"));
        }
        if base.truth.is_some() || base.count.is_some() || ways.is_empty() {
            ways.push(Seen::undefined());
        }
        let mut all: Option<Seen> = None;
        for mut way in ways {
            if let Some(default) = default.filter(|_| !way.defined.is_always()) {
                // Presence is no more than the difference between the value and the default.
                let is_value = !way.abs.at.is_empty() || !way.abs.constants.is_empty();
                let abs = if way.defined.is_never() { default.clone() } else { way.abs.or(default.clone()) };
                let flaw = match way.defined.flaw.filter(|_| !is_value) {
                    Some(why) => Fact::flawed(why),
                    None => Fact::always(),
                };
                way = Seen::defined(abs, flaw);
            }
            all = Some(match all {
                None => way,
                Some(all) => Seen::defined(all.abs.or(way.abs), all.defined.either(&way.defined)),
            });
        }
        let mut all = all.unwrap_or_else(Seen::undefined);
        if choice_matters {
            let choice = base.at.iter().fold(Fact::default(), |mut choice, place| {
                choice.takes(&Fact::presence(&place.path));
                choice
            });
            all.abs = all.abs.depending(&choice);
            if !all.defined.is_always() {
                all.defined.takes(&choice);
            }
        }
        if let Some(also) = &base.also {
            all.abs = all.abs.depending(also);
        }
        if key.as_constant().is_none() && annotation_prefix(key).is_none() {
            let consumed = key.consumed();
            all.abs = all.abs.depending(&consumed);
        }
        all
    }

    fn picked_at(&mut self, place: &Place, key: &Abs) -> Seen {
        if place.worked_out.as_ref().is_some_and(|made| !made.kinds.is_within(Kinds::TEXT.or(Kinds::NUMBER))) {
            return Seen::flawed("it picks something out of what is worked out of the pod");
        }
        if place.worked_out.is_some() || !place.prefix.is_empty() {
            return Seen::undefined();
        }
        if let Some(prefix) = annotation_prefix(key) {
            let of_annotations = place.path == ["metadata", "annotations"];
            if !of_annotations {
                return Seen::flawed("it looks up a container's name elsewhere than in annotations");
            }
            return self.at(&[place.path.as_slice(), &[CONTAINER_KEY.to_owned(), prefix]].concat());
        }
        let keys: Vec<&Value> = key.constants.iter().collect();
        if !key.at.is_empty() || key.list.is_some() || keys.is_empty() {
            return Seen::flawed("it looks up a key that is not constant");
        }
        let mut ways: Option<Seen> = None;
        for key in keys {
            let way = match key {
                Value::String(name) => self.at(&[place.path.as_slice(), &[name.to_string()]].concat()),
                Value::Number(_) => Seen::flawed("it picks an element by its position"),
                _ => Seen::undefined(),
            };
            ways = Some(match ways {
                None => way,
                Some(ways) => Seen::defined(ways.abs.or(way.abs), ways.defined.either(&way.defined)),
            });
        }
        ways.unwrap_or_else(Seen::undefined)
    }

    /// What stands at a path of the pod.
    pub fn at(&mut self, path: &[String]) -> Seen {
        if let Some(fixed) = self.fixed.get(path) {
            return Seen::total(fixed.clone());
        }
        if path.first().is_some_and(|first| first == "@who") {
            return Seen::defined(Abs::path(path.to_vec()), Fact::default());
        }
        if Kinds::at(path) == Kinds::NONE {
            return Seen::undefined();
        }
        Seen { by_presence: true, ..Seen::defined(Abs::path(path.to_vec()), Fact::presence(path)) }
    }

    fn arithmetic(&mut self, op: &ArithOp, one: &Seen, other: &Seen) -> Seen {
        let sets = |seen: &Seen| seen.abs.kinds().has(Kinds::SET);
        if *op == ArithOp::Sub && (sets(one) || sets(other)) {
            return self.filtered(one, other, false);
        }
        let name = match op {
            ArithOp::Add => "plus",
            ArithOp::Sub => "less",
            ArithOp::Mul => "times",
            ArithOp::Div => "over",
            ArithOp::Mod => "modulo",
        };
        self.worked_out(name, &[one.clone(), other.clone()], Kinds::NUMBER, Kinds::NUMBER)
    }

    /// The members of a value, as a list.
    pub fn members(&mut self, abs: &Abs) -> List {
        let mut list = List { is_set: true, ..List::default() };
        for constant in &abs.constants {
            for (_, item) in Builtins::members(constant) {
                let item = Abs { asks_who: abs.asks_who, ..Abs::constant(item) };
                list.parts.push(Part { fact: Fact::always(), item, ..Part::default() });
            }
        }
        for place in &abs.at {
            list.parts.push(self.items_at(place));
        }
        if let Some(of) = &abs.list {
            list.parts.extend(of.parts.iter().cloned());
            list.least = of.least;
        }
        if abs.made.has(Kinds::COLLECTION) {
            list.parts.push(Part::unknown("it goes through what is made of the pod"));
        }
        list
    }

    fn union(&mut self, one: &Seen, other: &Seen) -> Seen {
        let defined = one.defined.clone().and(&other.defined);
        if let (Some(a), Some(b)) = (one.abs.as_constant(), other.abs.as_constant()) {
            return Seen { defined, ..Builtins::call("union", &[a.clone(), b.clone()]) };
        }
        let only_sets = |seen: &Seen| seen.abs.kinds().is_within(Kinds::SET) && seen.abs.constants.len() <= 1;
        if !(only_sets(one) && only_sets(other)) {
            return Seen::flawed("it joins what may be no sets");
        }
        let (mut list, more) = (self.members(&one.abs), self.members(&other.abs));
        list.least = list.least.max(more.least);
        list.parts.extend(more.parts);
        Seen::defined(Abs::list(list), defined)
    }

    /// The members of one that are in the other, or that are not.
    fn filtered(&mut self, one: &Seen, other: &Seen, wanted: bool) -> Seen {
        let defined = one.defined.clone().and(&other.defined);
        if let (Some(a), Some(b)) = (one.abs.as_constant(), other.abs.as_constant()) {
            let name = if wanted { "intersection" } else { "difference" };
            return Seen { defined, ..Builtins::call(name, &[a.clone(), b.clone()]) };
        }
        let only_sets = |seen: &Seen| seen.abs.kinds().is_within(Kinds::SET) && seen.abs.constants.len() <= 1;
        if !(only_sets(one) && only_sets(other)) {
            return Seen::flawed("it takes the difference of what may be no sets");
        }
        let mut list = self.members(&one.abs);
        for part in &mut list.parts {
            let contained = self.contains(&other.abs, &part.item);
            let fact = std::mem::take(&mut part.fact);
            part.fact = fact.and(&if wanted { contained } else { contained.not() });
            part.base = None;
        }
        list.parts.retain(|part| !part.fact.is_never());
        list.least = 0;
        Seen::defined(Abs::list(list), defined)
    }
}

/// The prefix of the annotations that a key leads to, if the key is the name of a container after a constant.
fn annotation_prefix(key: &Abs) -> Option<String> {
    let bare = Abs {
        at: key.at.iter().map(|place| Place { prefix: String::new(), ..place.clone() }).collect(),
        ..Abs::default()
    };
    let prefix = key.at.first().map(|place| place.prefix.clone())?;
    let same = key.at.iter().all(|place| place.prefix == prefix);
    (bare.is_container_name() && same && !prefix.is_empty()).then_some(prefix)
}

fn picked_of_constant(constant: &Value, key: &Abs) -> Seen {
    if let Some(key) = key.as_constant() {
        return Seen::constant(Builtins::at(constant, key));
    }
    match constant {
        Value::Object(map) if map.keys().all(|key| matches!(key, Value::String(_))) => {
            let mut fact = key.consumed();
            let mut abs = Abs::default();
            for (name, value) in map.iter() {
                fact = Fact { known: None, ..fact };
                fact.compared(How::Equal, key, name);
                abs = abs.or(Abs::constant(value.clone()));
            }
            if map.is_empty() { Seen::undefined() } else { Seen::defined(abs.depending(&fact), fact) }
        }
        _ => Seen::flawed("it picks out of a constant by a part of the pod"),
    }
}

/// Of a list whose members depend on no containers and the like, one at a position.
fn picked_of_list(list: &List, key: &Abs) -> Seen {
    let position = match key.as_constant() {
        Some(Value::Number(number)) => number.as_u64().and_then(|number| usize::try_from(number).ok()),
        _ => None,
    };
    let Some(position) = position.filter(|_| !list.is_set) else {
        return Seen::flawed("it picks an element by something that is no constant position");
    };
    if list.parts.iter().any(|part| !part.scopes.is_empty()) {
        return Seen::flawed("it picks an element by its position");
    }
    if list.parts.iter().all(|part| part.fact.is_always()) {
        return list.parts.get(position).map_or_else(Seen::undefined, |part| Seen::total(part.item.clone()));
    }
    let mut abs = Abs::default();
    let mut conditions = Fact::default();
    for part in &list.parts {
        abs = abs.or(part.item.clone());
        conditions.takes(&part.fact);
        conditions.over = conditions.over.join(part.fact.over, |a, b| a.within().and(b.within()));
    }
    let defined = if position < list.least { Fact::always() } else { conditions.clone() };
    abs.term = None;
    Seen::defined(abs.depending(&conditions), defined)
}
