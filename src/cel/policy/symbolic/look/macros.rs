//! Macros: quantifiers, optional values, lists made of lists.

use super::Look;
use crate::cel::ast::{Kind, Macro, MacroKind};
use crate::symbolic::{Abs, Seen, Shape};

impl Look<'_> {
    pub(super) fn macro_(&mut self, m: &Macro) -> Seen {
        if let Some(seen) = self.taken_apart(m) {
            return seen;
        }
        let range = self.at(&m.range);
        let mut all = Seen::default();
        all.takes(&range);
        if m.second.is_some() {
            let mut whole = range.clone();
            whole.consume(&range.abs);
            all.takes(&whole);
            if !all.reads.units.is_empty() || all.flaw.is_some() {
                all.fail("a macro with two variables is not understood for all pods");
            }
        }
        match m.kind {
            MacroKind::OptMap | MacroKind::OptFlatMap => self.optional(m, &range, &mut all),
            MacroKind::All => self.quantifier(m, &range, true, &mut all),
            MacroKind::Exists => self.quantifier(m, &range, false, &mut all),
            MacroKind::Map | MacroKind::Filter => self.made(m, &range, &mut all),
            _ => {
                let body = self.body(m, range.abs.item());
                all.takes(&body);
                all.consume(&range.abs);
                if !all.reads.units.is_empty() || all.flaw.is_some() {
                    all.fail("a macro of this kind is not understood for all pods");
                }
            }
        }
        all
    }

    fn body(&mut self, m: &Macro, local: Abs) -> Seen {
        self.locals.push((m.variable.clone(), local));
        let body = self.at(&m.body);
        self.locals.pop();
        body
    }

    fn optional(&mut self, m: &Macro, range: &Seen, all: &mut Seen) {
        self.presence(&range.abs, all);
        let body = self.body(m, range.abs.clone());
        all.takes(&body);
        all.abs = body.abs;
        all.over = body.over.join(range.over.join(all.over, Shape::and), |body, range| {
            if range == Shape::Free { body } else { Shape::Mixed }
        });
    }

    fn quantifier(&mut self, m: &Macro, range: &Seen, all_of: bool, all: &mut Seen) {
        let outer = self.around.enter(&range.abs);
        let body = self.body(m, range.abs.item());
        let seen = self.around.leave(outer, range, body, all_of);
        if range.abs.is_mounts() && !self.asks_of_volume(m, range.abs.item(), all_of) {
            all.fail("it looks at mounts, but not at those of one volume only");
        }
        all.takes(&seen);
        all.over = seen.over;
        all.abs = Abs::default();
    }

    /// Whether a quantifier over mounts asks for those of the volume at hand and for no other.
    fn asks_of_volume(&mut self, m: &Macro, item: Abs, all_of: bool) -> bool {
        let (terms, relation) = match (&m.body.kind, all_of) {
            (Kind::And(terms), false) => (terms.as_slice(), "_==_"),
            (Kind::Or(terms), true) => (terms.as_slice(), "_!=_"),
            (_, false) => (std::slice::from_ref(&m.body), "_==_"),
            (_, true) => (std::slice::from_ref(&m.body), "_!=_"),
        };
        self.locals.push((m.variable.clone(), item));
        let asks = terms.iter().any(|term| match &term.kind {
            Kind::Call(call) if *call.name == *relation => {
                let compared: Vec<Abs> = call.args.iter().map(|arg| self.at(arg).abs).collect();
                let names = |of: &[&str]| compared.iter().any(|abs| abs.is_name_in(of));
                names(&["volumeMounts", "[]", "name"]) && names(&["spec", "volumes", "[]", "name"])
            }
            _ => false,
        });
        self.locals.pop();
        asks
    }

    /// Lists made of lists.
    fn made(&mut self, m: &Macro, range: &Seen, all: &mut Seen) {
        let item = if range.abs.index_of.is_empty() {
            range.abs.item()
        } else {
            Abs { index_of: range.abs.index_of.clone(), ..Abs::default() }
        };
        self.locals.push((m.variable.clone(), item));
        let filter = m.filter.as_ref().map(|filter| self.at_value(filter));
        let body = self.at(&m.body);
        self.locals.pop();
        all.takes(&body);
        filter.iter().for_each(|filter| all.takes(filter));
        let judged = filter.iter().map(|filter| filter.over).chain([body.over]);
        all.over = judged.fold(range.over, |one, other| one.join(other, |a, b| a.within().and(b.within())));
        match m.kind {
            MacroKind::Filter => {
                all.abs = range.abs.clone();
                all.consume_judged(&body.abs);
            }
            _ => {
                all.abs.pointer.clone_from(&body.abs.pointer);
                if all.abs.pointer.is_none() {
                    all.consume(&body.abs);
                    all.consume_judged(&range.abs);
                    all.abs = Abs::made_by("map", [&body.abs]);
                }
            }
        }
    }
}

impl Seen {
    /// The value counts where it is no list of containers.
    fn consume_judged(&mut self, abs: &Abs) {
        if !abs.is_elements() && abs.index_of.is_empty() {
            self.consume(abs);
        }
    }
}
