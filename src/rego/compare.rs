//! Comparisons: of parts of the pod with constants, of names with each other, of how many there are.

use regorus::Value;
use regorus::unstable::BoolOp;

use super::builtins::Builtins;
use super::cases::Atom;
use super::fact::{Fact, unit_at};
use super::kinds::Kinds;
use super::look::Look;
use super::through::level_of;
use super::value::{Abs, List, Part, Place};
use crate::symbolic::{How, Named, Shape, Unit, is_capability_list};

impl<'a> Look<'a> {
    /// Whether a comparison holds of two values that are defined.
    pub fn compare(&mut self, op: &BoolOp, one: &Abs, other: &Abs) -> Fact {
        let equality = matches!(op, BoolOp::Eq | BoolOp::Ne);
        self.mention(if equality { How::Equal } else { How::Any }, one, other);
        if let (Some(a), Some(b)) = (one.as_constant(), other.as_constant()) {
            return Fact::constant(holds(op, a, b));
        }
        if one.count.is_some() || other.count.is_some() {
            return self.counted(op, one, other);
        }
        match (one.as_constant(), other.as_constant()) {
            (Some(constant), None) => self.with_constant(&flipped(op), other, constant),
            (None, Some(constant)) => self.with_constant(op, one, constant),
            _ => self.with_each_other(op, one, other),
        }
    }

    fn with_constant(&mut self, op: &BoolOp, open: &Abs, constant: &Value) -> Fact {
        let equality = matches!(op, BoolOp::Eq | BoolOp::Ne);
        if equality && !open.kinds().has(Kinds::of(constant)) {
            return Fact::constant(*op == BoolOp::Ne);
        }
        if let (Some(truth), Value::Bool(wanted), true) = (&open.truth, constant, equality)
            && open.constants.is_empty()
            && open.at.is_empty()
        {
            let fact = Fact::clone(truth);
            return if *wanted == (*op == BoolOp::Eq) { fact } else { fact.not() };
        }
        if let Some(list) = &open.list {
            let is_empty = Builtins::members(constant).is_empty();
            if equality && is_empty && open.at.is_empty() && open.constants.is_empty() {
                let some = Self::some_part(&list.parts);
                return if *op == BoolOp::Eq { some.not() } else { some };
            }
            let equal = if equality { self.as_listed(open, list, constant) } else { None };
            return match equal {
                Some(fact) if *op == BoolOp::Eq => fact,
                Some(fact) => fact.not(),
                None => Fact::flawed("it compares a list made of what the pod holds"),
            };
        }
        let only_constants = Abs { constants: Vec::new(), ..open.clone() }.is_nothing();
        let truths: Vec<bool> = open.constants.iter().map(|own| holds(op, own, constant)).collect();
        if let (true, Some(first)) = (only_constants, truths.first())
            && truths.iter().all(|truth| truth == first)
        {
            return Fact::constant(*first);
        }
        let mut fact = open.consumed();
        fact.compared_by(op, open, constant);
        if matches!(constant, Value::Object(_)) {
            fact.doubts("it compares an object as a whole");
        }
        fact.compared_lists(open, constant, *op == BoolOp::Eq);
        let text = || constant.to_string();
        fact.cases = open.term.map(|term| {
            let (atom, truth) = match op {
                BoolOp::Eq => (Atom::Is(term, text()), true),
                BoolOp::Ne => (Atom::Is(term, text()), false),
                BoolOp::Lt => (Atom::IsLess(term, text()), true),
                BoolOp::Ge => (Atom::IsLess(term, text()), false),
                BoolOp::Gt => (Atom::IsMore(term, text()), true),
                BoolOp::Le => (Atom::IsMore(term, text()), false),
            };
            vec![vec![(atom, truth)]]
        });
        fact
    }

    /// Whether a list of so many items is a constant, item by item. `None` if it may be something else.
    fn as_listed(&mut self, open: &Abs, list: &List, constant: &Value) -> Option<Fact> {
        let is_fixed = |part: &Part| part.scopes.is_empty() && part.fact.is_always();
        let is_only = Abs { list: None, also: None, ..open.clone() }.is_nothing();
        if list.is_set || !is_only || !list.parts.iter().all(is_fixed) {
            return None;
        }
        let constants = constant.as_array().ok().filter(|constants| constants.len() == list.parts.len())?;
        let items: Vec<&Abs> = list.parts.iter().map(|part| &part.item).collect();
        let mut equal = Fact::always();
        for (item, constant) in items.iter().zip(constants.iter()) {
            equal = equal.and(&self.compare(&BoolOp::Eq, item, &Abs::constant(constant.clone())));
        }
        if let Some(level) = level_of(&items, constant) {
            equal.reads.constants.clear();
            equal.doubt = None;
            for place in items.iter().flat_map(|item| &item.at) {
                equal.compares(&place.path, How::Parts, level.as_str().into());
            }
        }
        Some(match &open.also {
            Some(also) => equal.joined_with(also),
            None => equal,
        })
    }

    fn with_each_other(&mut self, op: &BoolOp, one: &Abs, other: &Abs) -> Fact {
        let equality = matches!(op, BoolOp::Eq | BoolOp::Ne);
        if equality && one.term.is_some() && one.term == other.term {
            return Fact::constant(*op == BoolOp::Eq);
        }
        if let (BoolOp::Eq, Some(a), Some(b)) = (op, one.names_volume(), other.names_volume())
            && a != b
        {
            return linked();
        }
        let mut fact = one.consumed();
        fact.takes_value(other);
        let (known, open) = if one.is_of_constants() { (one, other) } else { (other, one) };
        if !known.is_of_constants() {
            fact.fail("it compares two parts of the pod with each other");
        }
        for constant in &known.constants {
            fact.compared_by(op, open, constant);
        }
        fact
    }

    fn counted(&mut self, op: &BoolOp, one: &Abs, other: &Abs) -> Fact {
        let (op, counted, with) =
            if one.count.is_some() { (op.clone(), one, other) } else { (flipped(op), other, one) };
        let Some(of) = counted.count.clone() else { return Fact::default() };
        if let Some(all) = &with.count {
            let equal = self.as_many(&of, all).or_else(|| self.as_many(all, &of));
            return match (op, equal) {
                (BoolOp::Eq, Some(equal)) => equal,
                (BoolOp::Ne, Some(equal)) => equal.not(),
                _ => Fact::flawed("it compares how many there are of two things"),
            };
        }
        let Some(Value::Number(number)) = with.as_constant() else {
            return Fact::flawed("it compares how many there are of something with a part of the pod");
        };
        let number = number.as_i64().unwrap_or(-1);
        match (&op, number) {
            (BoolOp::Eq, 0) | (BoolOp::Le, 0) | (BoolOp::Lt, 1) => self.has_members(&of).not(),
            (BoolOp::Ne, 0) | (BoolOp::Gt, 0) | (BoolOp::Ge, 1) => self.has_members(&of),
            _ => as_many_as_can_be(&op, &of, number),
        }
    }

    /// Whether a value has members at all.
    pub fn has_members(&mut self, of: &Abs) -> Fact {
        let mut ways: Vec<Fact> = of
            .constants
            .iter()
            .map(|constant| Fact::constant(!Builtins::members(constant).is_empty() || is_text(constant)))
            .collect();
        for place in &of.at {
            ways.push(match place.worked_out {
                None if Kinds::at(&place.path).is_within(Kinds::LIST) => {
                    let part = self.items_at(place);
                    Self::some_part(&[part])
                }
                _ => {
                    let mut fact = of.consumed();
                    fact.compared(How::Equal, of, &Value::from(""));
                    if Kinds::at(&place.path).has(Kinds::OBJECT) {
                        fact.doubts("it counts the fields of an object");
                    }
                    fact
                }
            });
        }
        if let Some(list) = &of.list {
            ways.push(Self::some_part(&list.parts));
        }
        if of.made != Kinds::NONE {
            ways.push(Fact::flawed("it counts what is made of the pod"));
        }
        let mut ways = ways.into_iter();
        let first = ways.next().unwrap_or_else(|| Fact::flawed("it counts what is not seen to be a list"));
        let fact = ways.fold(first, |all, way| all.either(&way));
        match &of.also {
            Some(also) => fact.joined_with(also),
            None => fact,
        }
    }

    /// Whether a list that may leave out members of another leaves out none.
    fn as_many(&mut self, kept: &Abs, all: &Abs) -> Option<Fact> {
        let bases = |parts: &[Part]| {
            let mut bases: Vec<_> = parts.iter().map(|part| part.base.clone()).collect::<Option<Vec<_>>>()?;
            bases.sort();
            Some(bases)
        };
        let all_parts = self.plain_parts(all)?;
        let kept = self.plain_parts(kept)?;
        let complete = all_parts.iter().all(|part| part.fact.is_always());
        if !complete || bases(&all_parts)? != bases(&kept)? {
            return None;
        }
        let every = |part: &Part| part.fact.clone().not().exists(&part.scopes).not();
        Some(kept.iter().fold(Fact::always(), |fact, part| fact.and(&every(part))))
    }

    /// The parts of a list, or of one of the pod that may be absent.
    fn plain_parts(&mut self, of: &Abs) -> Option<Vec<Part>> {
        let nothing_else =
            of.constants.iter().all(|constant| Builtins::members(constant).is_empty() && !is_text(constant));
        match (&of.list, of.at.as_slice()) {
            (Some(list), []) if !list.is_set && of.constants.is_empty() => Some(list.parts.clone()),
            (None, places) if nothing_else && !places.is_empty() => {
                Some(places.iter().map(|place| self.items_at(place)).collect())
            }
            _ => None,
        }
    }

    /// Whether a set or list has a member.
    pub fn contains(&mut self, set: &Abs, member: &Abs) -> Fact {
        self.mention(How::Equal, set, member);
        let mut ways: Vec<Fact> = Vec::new();
        for constant in &set.constants {
            ways.push(self.in_constant(constant, member));
        }
        for place in &set.at {
            ways.push(match is_capability_list(&place.path) {
                true => name_listed(place, member),
                false => {
                    let part = self.items_at(place);
                    self.in_parts(&[part], member)
                }
            });
        }
        if let Some(list) = &set.list {
            ways.push(self.in_parts(&list.parts, member));
        }
        if set.made != Kinds::NONE || set.fields.is_some() {
            ways.push(Fact::flawed("it looks into what is made of the pod"));
        }
        let mut ways = ways.into_iter();
        let first = ways.next().unwrap_or_else(|| Fact::flawed("it looks into what is not seen to be a set"));
        let fact = ways.fold(first, |all, way| all.either(&way));
        match &set.also {
            Some(also) => fact.joined_with(also),
            None => fact,
        }
    }

    fn in_constant(&mut self, set: &Value, member: &Abs) -> Fact {
        let members = Builtins::members(set);
        if let Some(member) = member.as_constant() {
            return Fact::constant(members.iter().any(|(_, item)| item == member));
        }
        if members.is_empty() {
            return Fact::never();
        }
        let mut fact = member.consumed();
        for (_, item) in &members {
            fact.compared(How::Equal, member, item);
        }
        fact
    }

    fn in_parts(&mut self, parts: &[Part], member: &Abs) -> Fact {
        let mut any = Fact::never();
        for part in parts {
            let names = part.item.names_volume() == Some(false) && member.names_volume() == Some(true);
            let fact = match part.item.at.as_slice() {
                [place] if part.item.is_capability() => {
                    let list = Place {
                        path: place.path.split_last().map(|(_, list)| list.to_vec()).unwrap_or_default(),
                        ..place.clone()
                    };
                    let mut fact = part.fact.clone().joined_with(&name_listed(&list, member));
                    fact.known = None;
                    fact
                }
                _ if names => {
                    let mut fact = part.fact.clone().and(&linked());
                    fact.linked = true;
                    fact.over.elements = if fact.over.elements == Shape::Free { Shape::Some } else { Shape::Mixed };
                    fact
                }
                _ => {
                    let equal = self.compare(&BoolOp::Eq, &part.item, member);
                    part.fact.clone().and(&equal).exists(&part.scopes)
                }
            };
            any = any.or(&fact);
        }
        any
    }
}

/// Whether a list has all members that it may have, or not all.
fn as_many_as_can_be(op: &BoolOp, of: &Abs, number: i64) -> Fact {
    let parts = of.list.as_ref().filter(|list| !list.is_set).map(|list| list.parts.as_slice()).unwrap_or_default();
    let most = i64::try_from(parts.len()).unwrap_or(i64::MAX);
    let ranges = parts.iter().any(|part| !part.scopes.is_empty());
    let every = parts.iter().fold(Fact::always(), |fact, part| fact.and(&part.fact));
    match op {
        _ if ranges || parts.is_empty() => {}
        BoolOp::Eq | BoolOp::Ge if number == most => return every,
        BoolOp::Ne | BoolOp::Lt if number == most => return every.not(),
        _ => {}
    }
    Fact::flawed(format!("it compares how many there are of something with {number}"))
}

fn linked() -> Fact {
    let mut fact = Fact { linked: true, ..Fact::default() };
    fact.reads.units.extend([Unit::Mount, Unit::Volume]);
    fact
}

/// Whether a list of capabilities names one.
fn name_listed(list: &Place, name: &Abs) -> Fact {
    let mut fact = Fact::default();
    fact.read(&list.path);
    let item = Abs {
        at: vec![Place { path: [list.path.as_slice(), &["[]".to_owned()]].concat(), ..list.clone() }],
        ..Abs::default()
    };
    fact.over.names = match name.as_constant() {
        Some(constant) => {
            fact.compared(How::Equal, &item, constant);
            fact.single = Some(constant.to_string());
            Shape::Single
        }
        None if name.is_capability() => Shape::Free,
        None => {
            fact.fail("it looks up something among capabilities that is no name");
            Shape::Mixed
        }
    };
    fact
}

fn is_text(value: &Value) -> bool {
    matches!(value, Value::String(text) if !text.is_empty())
}

fn holds(op: &BoolOp, a: &Value, b: &Value) -> bool {
    match op {
        BoolOp::Lt => a < b,
        BoolOp::Le => a <= b,
        BoolOp::Eq => a == b,
        BoolOp::Ge => a >= b,
        BoolOp::Gt => a > b,
        BoolOp::Ne => a != b,
    }
}

fn flipped(op: &BoolOp) -> BoolOp {
    match op {
        BoolOp::Lt => BoolOp::Gt,
        BoolOp::Le => BoolOp::Ge,
        BoolOp::Ge => BoolOp::Le,
        BoolOp::Gt => BoolOp::Lt,
        BoolOp::Eq => BoolOp::Eq,
        BoolOp::Ne => BoolOp::Ne,
    }
}

impl Fact {
    /// Both count, the other without members of its own.
    fn joined_with(mut self, other: &Self) -> Self {
        self.over = self.over.join(other.over, |a, b| match (a, b) {
            (a, Shape::Free) => a,
            (Shape::Free, b) => b,
            _ => Shape::Mixed,
        });
        self.keep_single(other);
        self.takes(other);
        self.known = None;
        self.cases = None;
        self
    }

    /// A list of the pod is compared as a whole.
    fn compared_lists(&mut self, open: &Abs, constant: &Value, is_equal: bool) {
        let is_empty_list = matches!(constant, Value::Array(items) if items.is_empty());
        let is_list = matches!(constant, Value::Array(_));
        for place in &open.at {
            if is_capability_list(&place.path) {
                self.over.names = match (is_list && !is_empty_list, is_equal) {
                    (true, _) => Shape::Mixed,
                    (false, true) => Shape::All,
                    (false, false) => Shape::Some,
                };
            } else if place.path.last().is_some_and(|last| last == "capabilities") {
                self.over.names = Shape::Mixed;
            } else if is_list
                && !is_empty_list
                && place.worked_out.is_none()
                && !matches!(unit_at(&place.path), Named::Parent)
            {
                self.over.items = Shape::Mixed;
            }
        }
    }
}
