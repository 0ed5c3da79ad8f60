//! Looks through an expression: what it reads of the pod, with what it compares it, and of what shape it is.

use serde_json::Value as Json;

use super::names::joined;
use super::parts::taken_apart;
use crate::symbolic::{Abs, Around, How, Path, Seen, Shape, is_capability_list};
use crate::targets::kyverno::cluster::query::{Comparison, Query, is_falsy};

/// What names stand for.
#[derive(Debug, Clone)]
pub(super) enum Here {
    /// At the top: the request, and in a loop the element at hand.
    Top { element: Option<Abs> },
    /// Within the request.
    Request,
    /// Within a value.
    At(Abs),
}

/// At the top of a rule.
pub(super) fn closed_here() -> Here {
    Here::Top { element: None }
}

/// Looks through expressions.
#[derive(Debug, Default)]
pub(super) struct Look {
    around: Around,
}

impl Look {
    /// An expression of which only counts whether it is null, false or empty.
    pub fn judged(&mut self, query: &Query, here: &Here) -> Seen {
        let mut seen = self.at(query, here);
        let abs = std::mem::take(&mut seen.abs);
        presence(&abs, &mut seen);
        seen
    }

    /// An expression whose value counts.
    pub fn at_value(&mut self, query: &Query, here: &Here) -> Seen {
        let mut seen = self.at(query, here);
        let abs = seen.abs.clone();
        seen.consume(&abs);
        if abs.is_names() {
            seen.over.names = Shape::Mixed;
        }
        seen
    }

    pub fn at(&mut self, query: &Query, here: &Here) -> Seen {
        match query {
            Query::Current => match here {
                Here::At(abs) => Seen::of(abs.clone()),
                _ => Seen::flawed("it reads the whole of the request"),
            },
            Query::Field(name) => Seen::of(field(name, here)),
            Query::Index(_) => match here {
                Here::At(abs) if !abs.is_of_pod() => Seen::of(abs.item()),
                _ => Seen::flawed("it picks elements by their position"),
            },
            Query::Literal(value) => Seen::of(Abs::literal(whole(value))),
            Query::Then(left, right) | Query::Pipe(left, right) => {
                let (left, inner) = self.place(left, here);
                let mut seen = self.at(right, &inner);
                seen.takes(&left);
                seen.over = seen.over.join(left.over.each(Shape::within), Shape::and);
                seen
            }
            Query::Or(left, right) => self.either(left, right, here),
            Query::And(left, right) => {
                let (left, right) = (self.judged(left, here), self.at(right, here));
                let mut all = Seen { abs: right.abs.clone(), ..Seen::default() };
                [&left, &right].into_iter().for_each(|part| all.takes(part));
                all.over = left.over.join(right.over, Shape::and);
                all
            }
            Query::Not(inner) => {
                let mut seen = self.judged(inner, here);
                seen.over = seen.over.each(Shape::not);
                seen
            }
            Query::Compare(how, left, right) => self.comparison(*how, left, right, here),
            Query::Project(list, right) => self.projection(list, right, here),
            Query::Filter(list, condition, right) => {
                let range = self.at(list, here);
                if !matches!(right.as_ref(), Query::Current) && !range.abs.at.is_empty() {
                    return Seen::flawed("it makes a list of others");
                }
                if range.abs.is_mounts() {
                    return Seen::flawed("it looks at mounts, but not at those of one volume only");
                }
                let outer = self.around.enter(&range.abs);
                let body = self.judged(condition, &Here::At(range.abs.item()));
                self.around.leave(outer, &range, body, false)
            }
            Query::Flatten(list) => match list.as_ref() {
                Query::List(lists) => self.together(lists, here),
                _ => Seen::flawed("it makes a list of others"),
            },
            Query::List(items) => {
                let mut all = Seen::default();
                for item in items {
                    let seen = self.at_value(item, here);
                    all.takes(&seen);
                    all.over = all.over.join(seen.over, |one, other| one.within().and(other.within()));
                    all.abs = all.abs.or(seen.abs.listed());
                }
                all
            }
            Query::Call(name, arguments) => self.call(name, arguments, here),
        }
    }

    /// An expression, and what names stand for within it.
    fn place(&mut self, query: &Query, here: &Here) -> (Seen, Here) {
        match (query, here) {
            (Query::Field(name), Here::Top { .. }) if name == "request" => (Seen::default(), Here::Request),
            _ => {
                let mut seen = self.at(query, here);
                let abs = std::mem::take(&mut seen.abs);
                (seen, Here::At(abs))
            }
        }
    }

    /// `a || b`: with something empty in place of something empty the value counts for as much as it did.
    fn either(&mut self, left: &Query, right: &Query, here: &Here) -> Seen {
        let (left, right) = (self.at(left, here), self.at(right, here));
        let mut all = Seen { abs: left.abs.clone().or(right.abs.clone()), ..Seen::default() };
        [&left, &right].into_iter().for_each(|part| all.takes(part));
        if !is_empty(&right.abs) {
            presence(&left.abs, &mut all);
        }
        all.over = left.over.join(right.over, Shape::or).join(all.over, Shape::and);
        all
    }

    fn comparison(&mut self, how: Comparison, left: &Query, right: &Query, here: &Here) -> Seen {
        if how == Comparison::Equal
            && let Some(seen) = joined(self, left, right, here).or_else(|| taken_apart(self, left, right, here))
        {
            return seen;
        }
        let args = [self.at(left, here), self.at(right, here)];
        let list = [left, right].iter().any(|query| matches!(query, Query::List(_) | Query::Literal(Json::Array(_))));
        let how = if how == Comparison::Equal || how == Comparison::Unequal { How::Equal } else { How::Any };
        let mut all = self.compared(how, &args);
        if list && args.iter().any(|arg| !arg.abs.at.is_empty()) {
            all.over.items = Shape::Mixed;
        }
        all
    }

    /// Values that are compared with each other.
    pub(super) fn compared(&self, how: How, args: &[Seen]) -> Seen {
        let mut all = consumed(args);
        if let [one, other] = args {
            all.compare_values(how, &one.abs, &other.abs);
        }
        all
    }

    fn projection(&mut self, list: &Query, right: &Query, here: &Here) -> Seen {
        let range = self.at(list, here);
        if matches!(right, Query::Current) || range.abs.at.is_empty() {
            return range;
        }
        Seen::flawed("it makes a list of others")
    }

    /// `[a, b][]`
    fn together(&mut self, lists: &[Query], here: &Here) -> Seen {
        let mut all = Seen::default();
        for list in lists {
            let seen = self.at(list, here);
            all.takes(&seen);
            all.over = all.over.join(seen.over.each(Shape::within), Shape::and);
            all.abs = all.abs.or(seen.abs);
        }
        all
    }
}

/// Values that count.
pub(super) fn consumed(args: &[Seen]) -> Seen {
    let mut all = Seen::default();
    for arg in args {
        all.takes(arg);
        all.over = all.over.join(arg.over.each(Shape::within), Shape::and);
        all.consume(&arg.abs);
        if arg.abs.is_names() {
            all.over.names = Shape::Mixed;
        }
    }
    all
}

/// What a name stands for.
fn field(name: &str, here: &Here) -> Abs {
    match (here, name) {
        (Here::Top { element: Some(element) }, "element") => element.clone(),
        (Here::Request, "object") => Abs::path(Vec::new()),
        (Here::Request, "name") => Abs::path(vec!["metadata".to_owned(), "name".to_owned()]),
        (Here::At(abs), name) => abs.step(name),
        _ => Abs::default(),
    }
}

/// Whether something is there counts.
pub(super) fn presence(abs: &Abs, seen: &mut Seen) {
    seen.consume(abs);
    let of_metadata = |path: &Path| path.first().is_some_and(|first| first == "metadata");
    if abs.at.iter().any(|(path, _)| of_metadata(path)) {
        // Elsewhere the API server leaves empty texts out.
        seen.compare(How::Equal, abs, &["".into()]);
    }
    if abs.at.iter().any(|(path, _)| is_capability_list(path)) {
        seen.over.names = seen.over.names.and(Shape::Some);
    } else if abs.at.iter().any(|(path, _)| path.last().is_some_and(|last| last == "capabilities")) {
        seen.over.names = Shape::Mixed;
    }
}

/// Nothing but what is null, false or empty.
fn is_empty(abs: &Abs) -> bool {
    abs.at.is_empty() && abs.elements.is_empty() && abs.literals.iter().all(is_falsy)
}

/// A literal as objects write it: numbers without a fraction are whole.
pub(super) fn whole(value: &Json) -> Json {
    match value {
        Json::Number(number) if number.is_f64() => match number.as_f64() {
            Some(float) if float.fract() == 0.0 => {
                format!("{float:.0}").parse::<i64>().map_or_else(|_| value.clone(), Json::from)
            }
            _ => value.clone(),
        },
        Json::Array(items) => items.iter().map(whole).collect(),
        other => other.clone(),
    }
}
