//! Evaluates JMESPath as Kyverno does.
//!
//! Source: `github.com/kyverno/go-jmespath`, `interpreter.go`. A key that a map lacks raises [`NotFound`]; comparisons,
//! arguments, `||`, `!`, the left of `&&`, pipes, lists, conditions and projections take it for null.

use std::borrow::Cow;

use serde_json::{Map, Value as Json};

use super::functions::call;
use super::{Comparison, Query};

/// A value, of the request or made from it.
pub(in super::super) type Found<'v> = Cow<'v, Json>;

/// Why an expression has no value.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) enum Problem {
    /// A key that a map lacks.
    NotFound(NotFound),
    /// Kyverno's own error.
    Error(String),
    /// What is not known here.
    Unknown(String),
}

/// The key that a map lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct NotFound(pub String);

/// What names stand for at the top.
#[derive(Debug, Clone, Copy)]
pub(in super::super) enum Place<'v> {
    /// The variables of a rule.
    Root(&'v Map<String, Json>, &'v Map<String, Json>),
    /// A value within.
    At(&'v Json),
}

type Outcome<'v> = Result<Found<'v>, Problem>;

const NULL: &Json = &Json::Null;

/// Null, where a key is lacking.
fn or_null(outcome: Outcome<'_>) -> Outcome<'_> {
    match outcome {
        Err(Problem::NotFound(_)) => Ok(Cow::Borrowed(NULL)),
        other => other,
    }
}

/// Null, false and what is empty. Zero is not.
pub(in super::super) fn is_falsy(value: &Json) -> bool {
    match value {
        Json::Null | Json::Bool(false) => true,
        Json::String(text) => text.is_empty(),
        Json::Array(items) => items.is_empty(),
        Json::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

impl Query {
    /// The value at a place.
    ///
    /// # Errors
    /// A lacking key that nothing swallowed, or whatever a function complains of.
    pub(in super::super) fn value<'v>(&'v self, place: Place<'v>) -> Outcome<'v> {
        match self {
            Self::Current => match place {
                Place::At(value) => Ok(Cow::Borrowed(value)),
                Place::Root(..) => Err(Problem::Unknown("`@` at the top".to_owned())),
            },
            Self::Field(name) => field(name, place),
            Self::Index(index) => match place {
                Place::At(Json::Array(items)) => Ok(Cow::Borrowed(item(items, *index))),
                _ => Ok(Cow::Borrowed(NULL)),
            },
            Self::Literal(value) => Ok(Cow::Borrowed(value)),
            Self::Then(left, right) => right.of(left.value(place)?),
            Self::Pipe(left, right) => right.of(or_null(left.value(place))?),
            Self::Or(left, right) => {
                let left = or_null(left.value(place))?;
                if is_falsy(&left) { or_null(right.value(place)) } else { Ok(left) }
            }
            Self::And(left, right) => {
                let left = or_null(left.value(place))?;
                if is_falsy(&left) { Ok(left) } else { right.value(place) }
            }
            Self::Not(query) => Ok(Cow::Owned(is_falsy(or_null(query.value(place))?.as_ref()).into())),
            Self::Compare(how, left, right) => {
                let (left, right) = (or_null(left.value(place))?, or_null(right.value(place))?);
                Ok(Cow::Owned(compare(*how, &left, &right)))
            }
            Self::Project(list, right) => each(or_null(list.value(place))?, None, right),
            Self::Filter(list, condition, right) => match list.value(place) {
                Ok(list) => each(list, Some(condition), right),
                Err(Problem::NotFound(_)) => Ok(Cow::Borrowed(NULL)),
                Err(other) => Err(other),
            },
            Self::Flatten(list) => match list.value(place) {
                Ok(list) => Ok(flattened(list)),
                Err(Problem::NotFound(_)) => Ok(Cow::Borrowed(NULL)),
                Err(other) => Err(other),
            },
            Self::List(items) => {
                let items = items.iter().map(|query| Ok(or_null(query.value(place))?.into_owned()));
                Ok(Cow::Owned(items.collect::<Result<Vec<Json>, Problem>>()?.into()))
            }
            Self::Call(name, arguments) => {
                let arguments = arguments.iter().map(|query| or_null(query.value(place)));
                call(name, arguments.collect::<Result<Vec<_>, _>>()?)
            }
        }
    }

    /// The value at a value that may only live here.
    fn of<'v>(&'v self, value: Found<'v>) -> Outcome<'v> {
        match value {
            Cow::Borrowed(value) => self.value(Place::At(value)),
            Cow::Owned(value) => match self.value(Place::At(&value)) {
                Ok(found) => Ok(Cow::Owned(found.into_owned())),
                Err(problem) => Err(problem),
            },
        }
    }
}

fn field<'v>(name: &str, place: Place<'v>) -> Outcome<'v> {
    let found = match place {
        Place::Root(own, shared) => own.get(name).or_else(|| shared.get(name)),
        Place::At(Json::Object(fields)) => fields.get(name),
        Place::At(_) => return Ok(Cow::Borrowed(NULL)),
    };
    found.map(Cow::Borrowed).ok_or_else(|| Problem::NotFound(NotFound(name.to_owned())))
}

fn item(items: &[Json], index: i64) -> &Json {
    let place = match usize::try_from(index) {
        Ok(index) => Some(index),
        Err(_) => usize::try_from(index.unsigned_abs()).ok().and_then(|back| items.len().checked_sub(back)),
    };
    place.and_then(|place| items.get(place)).unwrap_or(NULL)
}

/// What the right side makes of each item that meets the condition; nulls are left out.
fn each<'v>(list: Found<'v>, condition: Option<&'v Query>, right: &'v Query) -> Outcome<'v> {
    let Json::Array(items) = list.as_ref() else {
        return Ok(Cow::Borrowed(NULL));
    };
    let mut kept = Vec::new();
    for item in items {
        if let Some(condition) = condition
            && is_falsy(or_null(condition.value(Place::At(item)))?.as_ref())
        {
            continue;
        }
        let found = or_null(right.value(Place::At(item)))?;
        if !found.is_null() {
            kept.push(found.into_owned());
        }
    }
    Ok(Cow::Owned(kept.into()))
}

fn flattened(list: Found<'_>) -> Found<'_> {
    let Json::Array(items) = list.as_ref() else {
        return Cow::Borrowed(NULL);
    };
    let mut flat = Vec::with_capacity(items.len());
    for item in items {
        match item {
            Json::Array(inner) => flat.extend(inner.iter().cloned()),
            other => flat.push(other.clone()),
        }
    }
    Cow::Owned(flat.into())
}

/// Only floats have an order, and only those are numbers to it: whole numbers of an object have none.
fn compare(how: Comparison, left: &Json, right: &Json) -> Json {
    let order = || Some((float(left)?, float(right)?));
    match how {
        Comparison::Equal => (left == right).into(),
        Comparison::Unequal => (left != right).into(),
        Comparison::Less => order().map_or(Json::Null, |(a, b)| (a < b).into()),
        Comparison::AtMost => order().map_or(Json::Null, |(a, b)| (a <= b).into()),
        Comparison::Greater => order().map_or(Json::Null, |(a, b)| (a > b).into()),
        Comparison::AtLeast => order().map_or(Json::Null, |(a, b)| (a >= b).into()),
    }
}

fn float(value: &Json) -> Option<f64> {
    value.as_number().filter(|number| number.is_f64()).and_then(serde_json::Number::as_f64)
}
