//! Functions of the language: of constants worked out by the interpreter itself, of parts of the pod looked through.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use regorus::unstable::Expr;
use regorus::{Engine, Value};

use super::asker::principal;
use super::fact::Fact;
use super::kinds::Kinds;
use super::look::{Env, Look};
use super::program::dotted;
use super::value::{Abs, List, Made, Place, Seen};
use crate::symbolic::How;

/// What functions of constants gave, by name and arguments.
type Known = BTreeMap<(String, Value), Option<Value>>;

/// Functions of constants.
pub(super) struct Builtins;

impl Builtins {
    /// The value of a function of constants.
    pub fn call(name: &str, arguments: &[Value]) -> Seen {
        if let [Value::Set(one), Value::Set(other)] = arguments {
            return Seen::constant(match name {
                "union" => Value::from(one.union(other).into_iter().collect::<BTreeSet<Value>>()),
                "intersection" => Value::from(one.intersection(other).into_iter().collect::<BTreeSet<Value>>()),
                _ => Value::from(one.difference(other).into_iter().collect::<BTreeSet<Value>>()),
            });
        }
        static KNOWN: LazyLock<Mutex<Known>> = LazyLock::new(Mutex::default);
        let key = (name.to_owned(), Value::from(arguments.to_vec()));
        let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known().get(&key).cloned();
        let found = found.unwrap_or_else(|| {
            let found = evaluated(name, &key.1, arguments.len());
            known().insert(key, found.clone());
            found
        });
        found.map_or_else(Seen::undefined, Seen::constant)
    }

    /// The members of a collection, each with its key.
    pub fn members(value: &Value) -> Vec<(Value, Value)> {
        match value {
            Value::Array(items) => items.iter().enumerate().map(|(at, item)| (Value::from(at), item.clone())).collect(),
            Value::Set(items) => items.iter().map(|item| (item.clone(), item.clone())).collect(),
            Value::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
            _ => Vec::new(),
        }
    }

    /// What a collection has at a key.
    pub fn at(value: &Value, key: &Value) -> Value {
        let found = match (value, key) {
            (Value::Array(items), Value::Number(number)) => {
                number.as_u64().and_then(|at| items.get(usize::try_from(at).ok()?)).cloned()
            }
            (Value::Set(items), key) => items.get(key).cloned(),
            (Value::Object(fields), key) => fields.get(key).cloned(),
            _ => None,
        };
        found.unwrap_or(Value::Undefined)
    }
}

fn evaluated(name: &str, arguments: &Value, count: usize) -> Option<Value> {
    let given: Vec<String> = (0..count).map(|at| format!("input[{at}]")).collect();
    let infix = |operator: &str| given.join(operator);
    let query = match name {
        "less" => infix(" - "),
        "plus" => infix(" + "),
        "times" => infix(" * "),
        "over" => infix(" / "),
        "modulo" => infix(" % "),
        "minus" => format!("0 - {}", infix("")),
        name => format!("{name}({})", given.join(", ")),
    };
    let mut engine = Engine::new();
    engine.set_rego_v0(true);
    engine.set_strict_builtin_errors(false);
    engine.set_input(arguments.clone());
    let results = engine.eval_query(query, false).ok()?;
    let value = results.result.first()?.expressions.first()?.value.clone();
    (value != Value::Undefined).then_some(value)
}

impl<'a> Look<'a> {
    /// A call of a function, of the program's own or of the language.
    pub fn call(&mut self, function: &'a Expr, parameters: &[&'a Expr], env: &Env) -> Seen {
        let arguments: Vec<Seen> = parameters.iter().map(|parameter| self.value(parameter, env)).collect();
        if let Some(rule) = self.program.resolve(env.module, function) {
            return self.function(&rule, &arguments);
        }
        let Some(name) = dotted(function) else { return Seen::flawed("it calls what has no plain name") };
        let defined = arguments.iter().fold(Fact::always(), |all, argument| all.and(&argument.defined));
        let mut seen = self.builtin(&name, &arguments);
        let abs: Vec<&Abs> = arguments.iter().map(|argument| &argument.abs).collect();
        seen.abs.asks_who |= abs.iter().any(|abs| abs.asks_who);
        if seen.abs.term.is_none() && seen.abs.as_constant().is_none() {
            seen.abs.term = self.term(&name, &abs);
        }
        seen.defined = defined.and(&seen.defined);
        seen
    }

    fn builtin(&mut self, name: &str, arguments: &[Seen]) -> Seen {
        let constants: Option<Vec<Value>> =
            arguments.iter().map(|argument| argument.abs.as_constant().cloned()).collect();
        if let Some(constants) = constants {
            return if name == "print" || name == "trace" {
                Seen::constant(Value::from(true))
            } else {
                Builtins::call(name, &constants)
            };
        }
        const TYPES: [(&str, Kinds); 7] = [
            ("is_null", Kinds::NULL),
            ("is_boolean", Kinds::BOOL),
            ("is_number", Kinds::NUMBER),
            ("is_string", Kinds::TEXT),
            ("is_array", Kinds::LIST),
            ("is_set", Kinds::SET),
            ("is_object", Kinds::OBJECT),
        ];
        let (text, texts) = (Kinds::TEXT, Kinds::TEXT.or(Kinds::NUMBER));
        match (name, arguments) {
            ("print" | "trace", _) => Seen::constant(Value::from(true)),
            ("object.get", [object, key, default]) => self.object_get(&object.abs, &key.abs, &default.abs),
            ("count", [of]) => counted(&of.abs),
            ("array.concat", [one, other]) => self.concatenated(&one.abs, &other.abs),
            ("sort", [of]) => self.sorted(&of.abs),
            ("sprintf", [format, values]) => self.formatted(&format.abs, &values.abs),
            ("concat", [delimiter, values]) => self.joined(&delimiter.abs, &values.abs),
            ("startswith" | "endswith" | "contains", [of, what]) => self.matched(name, &of.abs, &what.abs),
            (
                "trim" | "trim_left" | "trim_right" | "trim_prefix" | "trim_suffix" | "lower" | "upper" | "trim_space"
                | "replace",
                _,
            ) => self.worked_out(name, arguments, text, text),
            ("split", _) => self.worked_out(name, arguments, text, Kinds::LIST),
            ("substring", _) => {
                let mut seen = self.worked_out(name, arguments, texts, text);
                seen.defined = consumed(arguments);
                if !arguments.get(1).is_some_and(|offset| is_offset(&offset.abs)) {
                    seen.defined.doubts("where a text is cut may be before its beginning");
                }
                seen
            }
            ("indexof", _) => self.worked_out(name, arguments, text, Kinds::NUMBER),
            ("format_int", _) => self.worked_out(name, arguments, Kinds::NUMBER, text),
            ("to_number", _) => {
                let mut seen = self.worked_out(name, arguments, texts, Kinds::NUMBER);
                seen.defined = consumed(arguments);
                seen.defined.doubts("which texts are numbers is not known");
                seen
            }
            (name, [of]) if TYPES.iter().any(|(known, _)| *known == name) => {
                let wanted = TYPES.iter().find(|(known, _)| *known == name).map_or(Kinds::NONE, |(_, kinds)| *kinds);
                type_is(&of.abs, wanted)
            }
            _ => {
                if arguments.iter().any(|argument| argument.abs.is_who()) {
                    self.names.doubts("it calls a function about who asks that is not understood");
                }
                Seen::flawed(format!("`{name}` is not understood for all pods"))
            }
        }
    }

    fn object_get(&mut self, object: &Abs, key: &Abs, default: &Abs) -> Seen {
        let mut defined = Fact::always();
        if !object.kinds().is_within(Kinds::OBJECT) {
            defined = object.consumed();
        }
        if let Some(Value::Array(path)) = key.as_constant() {
            let mut at = Seen::total(object.clone());
            let last = path.len().saturating_sub(1);
            for (index, key) in path.iter().enumerate() {
                let nothing = Abs::constant(Value::new_object());
                let default = if index == last { default } else { &nothing };
                at = self.picked(&at.abs, &Abs::constant(key.clone()), Some(default));
            }
            let over_defaults = path.len() > 1 && default.as_constant().is_none();
            if over_defaults {
                at.defined.fail("a path of keys with a default that is not constant");
            }
            at.defined = at.defined.and(&defined);
            return at;
        }
        let mut seen = self.picked(object, key, Some(default));
        seen.defined = seen.defined.and(&defined);
        seen
    }

    fn concatenated(&mut self, one: &Abs, other: &Abs) -> Seen {
        if !one.kinds().or(other.kinds()).is_within(Kinds::LIST) {
            return Seen::flawed("it joins what may be no lists");
        }
        let mut list = List::default();
        let mut conditions = Fact::default();
        for abs in [one, other] {
            if abs.constants.len() > 1
                || !abs.constants.is_empty()
                    && (abs.list.is_some()
                        || abs
                            .at
                            .iter()
                            .any(|_| !Builtins::members(abs.constants.first().unwrap_or(&Value::Null)).is_empty()))
            {
                return Seen::flawed("it joins lists of which it is not seen which they are");
            }
            let members = self.members(abs);
            let sure = if abs.as_constant().is_some() { members.parts.len() } else { members.least };
            list.least += sure;
            list.parts.extend(members.parts);
            if let Some(also) = &abs.also {
                conditions.takes(also);
                conditions.over = conditions.over.join(also.over, |a, b| a.within().and(b.within()));
            }
        }
        let abs = Abs::list(list);
        let has_conditions = one.also.is_some() || other.also.is_some();
        Seen::total(if has_conditions { abs.depending(&conditions) } else { abs })
    }

    fn sorted(&mut self, of: &Abs) -> Seen {
        if of.at.is_empty() && of.kinds().is_within(Kinds::LIST.or(Kinds::SET)) {
            let mut list = self.members(of);
            list.is_set = false;
            for part in &mut list.parts {
                part.base = None;
            }
            return Seen::total(Abs { also: of.also.clone(), ..Abs::list(list) });
        }
        self.worked_out("sort", &[Seen::total(of.clone())], Kinds::LIST.or(Kinds::SET), Kinds::LIST)
    }

    /// `sprintf("prefix%v", [name])`
    fn formatted(&mut self, format: &Abs, values: &Abs) -> Seen {
        let plain = format.as_text().and_then(|format| format.strip_suffix("%v").or_else(|| format.strip_suffix("%s")));
        let only = values.list.as_ref().and_then(|list| match list.parts.as_slice() {
            [part] if part.scopes.is_empty() && part.fact.is_always() => Some(part.item.clone()),
            _ => None,
        });
        if let (Some(prefix), Some(item)) = (plain.filter(|prefix| !prefix.contains('%')), only)
            && item.is_container_name()
        {
            return Seen::total(prefixed(&item, prefix));
        }
        let mut defined = Fact::always();
        if !values.kinds().is_within(Kinds::LIST) || format.as_text().is_none() {
            defined = values.consumed().and(&format.consumed());
        }
        Seen::defined(self.text_of(values), defined)
    }

    fn text_of(&self, values: &Abs) -> Abs {
        let mut consumed = values.consumed();
        consumed.known = None;
        let text = Abs { made: Kinds::TEXT, ..Abs::default() };
        Abs { asks_who: values.asks_who, ..text.depending(&consumed) }
    }

    fn joined(&mut self, delimiter: &Abs, values: &Abs) -> Seen {
        let Some(delimiter) = delimiter.as_text() else {
            return Seen::flawed("it joins texts by one that is not constant");
        };
        let list = self.members(values);
        if delimiter == ":" && is_principal(&list) {
            return Seen::total(principal());
        }
        let texts = list.parts.iter().all(|part| part.item.kinds().is_within(Kinds::TEXT));
        let is_plain = values.list.is_some() && values.at.is_empty() && values.constants.is_empty();
        let defined = if texts && values.kinds().is_within(Kinds::LIST.or(Kinds::SET)) {
            Fact::always()
        } else {
            values.consumed()
        };
        let mut before = String::new();
        let (last, first) = match list.parts.split_last() {
            Some((last, first)) if is_plain => (last, first),
            _ => return Seen::defined(self.text_of(values), defined),
        };
        for part in first {
            match part.item.as_text().filter(|_| part.scopes.is_empty()) {
                Some(text) => {
                    before.push_str(text);
                    before.push_str(delimiter);
                }
                None => return Seen::defined(self.text_of(values), defined),
            }
        }
        let simple = last.scopes.is_empty() && last.item.fields.is_none() && last.item.list.is_none();
        if !simple || last.item.at.iter().any(|place| place.worked_out.is_some()) {
            return Seen::defined(self.text_of(values), defined);
        }
        let mut abs = prefixed(&last.item, &before);
        if list.parts.iter().any(|part| part.fact.cases.is_none() || part.fact.cases != last.fact.cases) {
            return Seen::defined(self.text_of(values), defined);
        }
        if !last.fact.is_always() {
            // All texts are missing together.
            abs = abs.or(Abs::constant(Value::from(""))).depending(&last.fact);
        }
        Seen::defined(abs, defined)
    }

    /// `startswith(text, what)` and the like.
    fn matched(&mut self, name: &str, of: &Abs, what: &Abs) -> Seen {
        self.mention(how(name), of, what);
        if what.is_who() {
            self.names.doubts("it looks for who asks within a text");
        }
        let mut defined = Fact::always();
        for abs in [of, what] {
            if !abs.kinds().is_within(Kinds::TEXT) {
                defined = defined.and(&abs.consumed());
            }
        }
        let mut fact = of.consumed();
        fact.takes_value(what);
        match (what.as_constant(), of.as_constant()) {
            (Some(constant), None) => fact.compared(how(name), of, constant),
            (None, Some(_)) if name == "contains" => fact.fail("it looks for a part of the pod within a constant"),
            (None, Some(Value::String(text))) => fact.compared_with_ends_of(name, text, what),
            _ => fact.fail("it compares two parts of the pod with each other"),
        }
        fact.cases = self.term(name, &[of, what]).map(|term| vec![vec![(super::cases::Atom::Holds(term), true)]]);
        Seen::defined(Abs::truth(fact), defined)
    }

    /// The value of a function that works on texts or numbers.
    pub fn worked_out(&mut self, name: &str, arguments: &[Seen], takes: Kinds, gives: Kinds) -> Seen {
        let mut defined = arguments.iter().fold(Fact::always(), |all, argument| all.and(&argument.defined));
        let constants: Vec<&Value> = arguments.iter().filter_map(|argument| argument.abs.as_constant()).collect();
        if constants.len() == arguments.len() {
            let constants: Vec<Value> = constants.into_iter().cloned().collect();
            let seen = Builtins::call(name, &constants);
            return Seen { defined: defined.and(&seen.defined), ..seen };
        }
        let open: Vec<usize> = (0..arguments.len())
            .filter(|at| arguments.get(*at).is_some_and(|it| it.abs.as_constant().is_none()))
            .collect();
        let mut abs = Abs::default();
        let mut also = Fact::default();
        for argument in arguments {
            if let Some(constant) = argument.abs.as_constant() {
                abs.affixes.extend(constant.as_string().ok().map(|text| text.to_string()));
                continue;
            }
            if !argument.abs.kinds().is_within(takes) {
                defined = defined.and(&argument.abs.consumed());
            }
            for place in &argument.abs.at {
                abs.affixes.extend((!place.prefix.is_empty()).then(|| place.prefix.clone()));
                let made = Some(made(name, arguments, place, gives));
                let place = Place { path: place.path.clone(), prefix: String::new(), worked_out: made };
                if !abs.at.contains(&place) {
                    abs.at.push(place);
                }
            }
            abs.affixes.extend(argument.abs.affixes.iter().cloned());
            also.takes_value(&Abs { at: Vec::new(), constants: Vec::new(), ..argument.abs.clone() });
            abs.asks_who |= argument.abs.asks_who;
        }
        if matches!(name, "over" | "modulo") && arguments.get(1).is_some_and(|by| by.abs.as_constant().is_none()) {
            defined.doubts("by what a number is divided may be nothing");
        }
        if let [only] = open.as_slice() {
            for own in arguments.get(*only).into_iter().flat_map(|argument| &argument.abs.constants) {
                let given = arguments.iter().map(|argument| argument.abs.as_constant().unwrap_or(own).clone());
                let seen = Builtins::call(name, &given.collect::<Vec<_>>());
                abs.constants.extend(seen.abs.constants);
            }
        } else if arguments.iter().any(|argument| argument.abs.constants.len() > 1) {
            also.fail("it works on several values of which it is not seen which they are");
        }
        if arguments.iter().any(|argument| {
            argument.abs.at.is_empty() && argument.abs.as_constant().is_none() && argument.abs.constants.is_empty()
        }) {
            abs.made = gives;
            also.fail(format!("`{name}` of something that is made here is not understood"));
        }
        abs.term = self.term(name, &arguments.iter().map(|argument| &argument.abs).collect::<Vec<_>>());
        if arguments.iter().any(|argument| argument.abs.also.is_some()) || also.flaw.is_some() {
            abs = abs.depending(&also);
        }
        Seen::defined(abs, defined)
    }
}

/// What a function makes of what stands at a place.
fn made(name: &str, arguments: &[Seen], place: &Place, kinds: Kinds) -> Made {
    let said = |argument: &Seen| match argument.abs.as_constant() {
        Some(constant) => constant.to_string(),
        None => match argument.abs.at.iter().find(|at| at.path == place.path) {
            Some(at) => at.said(),
            None => "..".to_owned(),
        },
    };
    let call = format!("{name}({})", arguments.iter().map(said).collect::<Vec<_>>().join(", "));
    let is_bare = place.worked_out.is_none() && place.prefix.is_empty();
    let end = arguments.get(1).and_then(|end| end.abs.as_text());
    let without_end = end.filter(|_| name == "trim_suffix" && is_bare).map(str::to_owned);
    Made { kinds, call, without_end }
}

/// Whether the parts of a text are those of a service account's name, or of the group of a namespace's.
fn is_principal(list: &List) -> bool {
    let Some((first, rest)) = list.parts.split_first() else { return false };
    let of_account = matches!(first.item.as_text(), Some("system:serviceaccount" | "system:serviceaccounts"));
    of_account && !rest.is_empty() && rest.iter().all(|part| part.item.is_who() && part.fact.is_always())
}

/// All of them count.
fn consumed(arguments: &[Seen]) -> Fact {
    let mut all = Fact::default();
    arguments.iter().for_each(|argument| all.takes_value(&argument.abs));
    all
}

/// Whether it is a position from the beginning on: a constant, or one after what is found.
fn is_offset(abs: &Abs) -> bool {
    let is_natural = |constant: &Value| constant.as_u64().is_ok();
    let is_after = |place: &Place| {
        let call = place.worked_out.as_ref().map(|made| made.call.as_str()).unwrap_or_default();
        call.strip_prefix("plus(indexof(").is_some_and(|rest| rest.ends_with("), 1)"))
    };
    abs.constants.iter().all(is_natural)
        && (abs.as_constant().is_some() || !abs.at.is_empty())
        && abs.at.iter().all(is_after)
}

fn how(name: &str) -> How {
    match name {
        "startswith" => How::Beginning,
        "endswith" => How::End,
        _ => How::Within,
    }
}

/// The texts with one before them.
fn prefixed(abs: &Abs, before: &str) -> Abs {
    let mut abs = abs.clone();
    for place in &mut abs.at {
        place.prefix = format!("{before}{}", place.prefix);
    }
    for constant in &mut abs.constants {
        if let Value::String(text) = constant {
            *constant = Value::from(format!("{before}{text}"));
        }
    }
    abs.term = None;
    abs
}

fn counted(of: &Abs) -> Seen {
    let kinds = of.kinds();
    let countable = Kinds::LIST.or(Kinds::SET).or(Kinds::OBJECT).or(Kinds::TEXT);
    let defined = if kinds.is_within(countable) { Fact::always() } else { of.consumed() };
    if let Some(list) = &of.list {
        let sure = list.parts.iter().all(|part| part.scopes.is_empty() && part.fact.is_always());
        if sure && !list.is_set && of.at.is_empty() && of.constants.is_empty() {
            return Seen::defined(Abs::constant(Value::from(list.parts.len())), defined);
        }
    }
    Seen::defined(Abs { count: Some(Arc::new(of.clone())), ..Abs::default() }, defined)
}

fn type_is(of: &Abs, wanted: Kinds) -> Seen {
    let kinds = of.kinds();
    if kinds.is_within(wanted) {
        return Seen::constant(Value::from(true));
    }
    if !kinds.has(wanted) {
        return Seen::constant(Value::from(false));
    }
    let mut fact = of.consumed();
    if of.made != Kinds::NONE {
        fact.doubts("it asks for the type of what is made of the pod");
    }
    Seen::total(Abs::truth(fact))
}
