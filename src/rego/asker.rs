//! What a program asks about who asks: the names with which it compares them.
//!
//! Subjects who are compared with nothing are all alike. Those are the classes of a proof; so a program that makes something
//! else of a name than a service account's full name, or compares it with the pod, leaves open who is alike.

use std::collections::BTreeSet;
use std::sync::Arc;

use regorus::{Engine, Value};

use super::kinds::Kinds;
use super::look::Look;
use super::program::Program;
use super::through::leaves;
use super::value::{Abs, Place};
use crate::symbolic::How;

/// What is known of the names that matter.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    /// Texts that may be a subject's name.
    pub told: BTreeSet<String>,
    /// Texts that are looked for within names.
    within: BTreeSet<String>,
    /// Why other names may matter too.
    pub doubt: Option<String>,
}

impl Names {
    /// The names with which a program, given these parameters, compares who asks.
    pub(crate) fn of(engine: &Engine, package: &str, parameters: &Value) -> Self {
        let program = Program::new(&mut engine.clone());
        let fields = |fields: &[(&str, Abs)]| {
            let fields = fields.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
            Abs { fields: Some(Arc::new(fields)), ..Abs::default() }
        };
        let review = [
            ("userInfo", who(&["user"])),
            ("namespace", who(&["namespace"])),
            ("object", Abs::path(Vec::new())),
            ("operation", Abs::constant(Value::from("CREATE"))),
        ];
        let input = fields(&[("review", fields(&review)), ("parameters", Abs::constant(parameters.clone()))]);
        let account = [["spec", "serviceAccountName"], ["spec", "serviceAccount"], ["metadata", "namespace"]];
        let fixed = account.iter().map(|path| (path.map(str::to_owned).to_vec(), who(&["account"])));
        let mut look = Look::new(&program, input, fixed.collect());
        look.rule(&format!("{package}.violation"));
        look.names.with_neighbours()
    }

    /// Each text that is looked for within names with a letter around it that no text holds.
    fn with_neighbours(mut self) -> Self {
        let texts = || self.told.iter().chain(&self.within);
        let fresh = ('a'..='z').rev().find(|letter| !texts().any(|text| text.contains(*letter)));
        let Some(fresh) = fresh.filter(|_| !self.within.is_empty()) else {
            if !self.within.is_empty() {
                self.doubt.get_or_insert_with(|| "it looks for too many texts within names".to_owned());
            }
            return self;
        };
        let around =
            |text: &String| [format!("{text}{fresh}"), format!("{fresh}{text}"), format!("{fresh}{text}{fresh}")];
        let more: Vec<String> = self.within.iter().flat_map(around).collect();
        self.told.extend(more);
        self.told.append(&mut self.within);
        self
    }

    pub(super) fn doubts(&mut self, why: &str) {
        self.doubt.get_or_insert_with(|| why.to_owned());
    }
}

fn who(path: &[&str]) -> Abs {
    Abs::path(["@who"].iter().chain(path).map(|step| (*step).to_owned()).collect())
}

/// The full name of a service account, or of a group of them.
pub(super) fn principal() -> Abs {
    who(&["principal"])
}

impl Abs {
    /// Whether it is about who asks, and not known.
    pub(super) fn is_who(&self) -> bool {
        self.asks_who && !self.is_of_constants()
    }
}

impl Look<'_> {
    /// Constants that something about who asks is compared with may be somebody's names.
    pub(super) fn mention(&mut self, how: How, one: &Abs, other: &Abs) {
        for (who, with) in [(one, other), (other, one)].into_iter().filter(|(who, _)| who.is_who()) {
            if !with.is_of_constants() {
                self.names.doubts("it compares who asks with something else than constants");
            }
            for constant in with.constants.iter().flat_map(leaves) {
                self.mention_of(how, who, constant);
            }
        }
    }

    fn mention_of(&mut self, how: How, who: &Abs, constant: &Value) {
        if who.count.is_some() && *constant != Value::from(0_u64) || who.made != Kinds::NONE {
            self.names.doubts("it compares what is made of who asks");
        }
        if who.at.iter().any(|place| place.worked_out.is_some()) {
            self.names.doubts("it compares what a function makes of who asks");
        }
        let Value::String(text) = constant else { return };
        let rest = |place: &Place| text.strip_prefix(place.prefix.as_str()).map(str::to_owned);
        let texts = who.at.iter().filter_map(rest).chain([text.to_string()]).filter(|text| !text.is_empty());
        match how {
            How::Equal => self.names.told.extend(texts),
            How::Any => self.names.doubts("it asks which of two names comes first"),
            _ => self.names.within.extend(texts),
        }
    }
}
