//! The macros: quantifiers, `map`, `filter`, their two-variable forms, `sortBy`, `optMap`.

use super::Runtime;
use super::chain::Chained;
use crate::cel::ast::{Macro, MacroKind, Node};
use crate::cel::cost;
use crate::cel::error::EvalError;
use crate::cel::library::Outcome;
use crate::cel::value::{Key, Map, Value};
use std::cmp::Ordering;

/// What a macro binds for one round: its variable, and the second one of two-variable forms.
type Round = (Value, Option<Value>);

impl Runtime<'_> {
    pub(super) fn expand(&mut self, m: &Macro, at: usize) -> Outcome {
        if let MacroKind::OptMap | MacroKind::OptFlatMap = m.kind {
            return self.optional_map(m).map(Chained::wrapped);
        }
        let range = self.eval(&m.range)?;
        if let MacroKind::SortBy = m.kind {
            return self.sort_by(m, range, at);
        }
        let rounds = rounds(&range, m.second.is_some())?;
        match m.kind {
            MacroKind::All => self.quantify(m, rounds, false),
            MacroKind::Exists => self.quantify(m, rounds, true),
            MacroKind::ExistsOne => self.exactly_one(m, rounds),
            MacroKind::Filter => self.filtered(m, rounds),
            MacroKind::TransformMap | MacroKind::TransformMapEntry => self.transform_map(m, rounds, &range),
            _ => self.mapped(m, rounds).map(Value::list),
        }
    }

    /// Evaluates `node` with the macro's variables bound.
    pub(super) fn bound(&mut self, m: &Macro, round: Round, node: &Node) -> Outcome {
        self.charge(cost::NODE)?;
        let outer = self.locals.len();
        self.locals.push((m.variable.clone(), round.0));
        if let (Some(name), Some(value)) = (&m.second, round.1) {
            self.locals.push((name.clone(), value));
        }
        let outcome = self.eval(node);
        self.locals.truncate(outer);
        outcome
    }

    fn condition(&mut self, m: &Macro, round: Round, node: &Node) -> Result<bool, EvalError> {
        match self.bound(m, round, node)? {
            Value::Bool(b) => Ok(b),
            _ => Err(EvalError::no_such_overload()),
        }
    }

    /// Like `&&` and `||`: a deciding element wins over elements that fail.
    fn quantify(&mut self, m: &Macro, rounds: Vec<Round>, deciding: bool) -> Outcome {
        let mut failure: Option<EvalError> = None;
        for round in rounds {
            match self.condition(m, round, &m.body) {
                Ok(b) if b == deciding => return Ok(Value::Bool(deciding)),
                Ok(_) => {}
                Err(EvalError::CostLimit) => return Err(EvalError::CostLimit),
                Err(error) => {
                    failure = Some(match failure {
                        Some(earlier) => earlier.or_graver(error),
                        None => error,
                    });
                }
            }
        }
        failure.map_or(Ok(Value::Bool(!deciding)), Err)
    }

    fn exactly_one(&mut self, m: &Macro, rounds: Vec<Round>) -> Outcome {
        let mut count = 0;
        for round in rounds {
            count += usize::from(self.condition(m, round, &m.body)?);
        }
        Ok(Value::Bool(count == 1))
    }

    fn filtered(&mut self, m: &Macro, rounds: Vec<Round>) -> Outcome {
        let mut kept = Vec::new();
        for round in rounds {
            let element = round.0.clone();
            if self.condition(m, round, &m.body)? {
                kept.push(element);
            }
        }
        Ok(Value::list(kept))
    }

    /// The body's value for each round that the filter, if any, lets through.
    fn mapped(&mut self, m: &Macro, rounds: Vec<Round>) -> Result<Vec<Value>, EvalError> {
        let mut values = Vec::with_capacity(rounds.len());
        for round in rounds {
            if let Some(filter) = &m.filter
                && !self.condition(m, round.clone(), filter)?
            {
                continue;
            }
            values.push(self.bound(m, round, &m.body)?);
        }
        Ok(values)
    }

    /// `transformMap` keeps the keys, `transformMapEntry` takes new entries from its body.
    fn transform_map(&mut self, m: &Macro, rounds: Vec<Round>, range: &Value) -> Outcome {
        let mut entries = Vec::new();
        for round in rounds {
            let key = round.0.clone();
            for value in self.mapped(m, vec![round])? {
                match (m.kind, value) {
                    (MacroKind::TransformMapEntry, Value::Map(map)) => entries.extend_from_slice(map.entries()),
                    (MacroKind::TransformMapEntry, _) => return Err(EvalError::no_such_overload()),
                    (_, value) => entries.push((key_of(&key)?, value)),
                }
            }
        }
        let repeated = Map::new(entries.clone()).entries().len() != entries.len();
        match repeated && matches!(m.kind, MacroKind::TransformMapEntry) {
            true => Err(EvalError::Runtime(format!("insert failed: key already exists in {}", range.type_name()))),
            false => Ok(Value::map(entries)),
        }
    }

    fn sort_by(&mut self, m: &Macro, range: Value, at: usize) -> Outcome {
        let Value::List(items) = range else {
            return Err(EvalError::no_such_overload());
        };
        let mut keyed = Vec::with_capacity(items.len());
        for item in items.iter() {
            keyed.push((self.bound(m, (item.clone(), None), &m.body)?, item.clone()));
        }
        let first = keyed.first().map(|(key, _)| key.clone());
        if first.is_some_and(|first| keyed.iter().any(|(key, _)| key.compare(&first).is_none())) {
            return Err(EvalError::unknown("`sortBy` with keys that have no order", at));
        }
        keyed.sort_by(|a, b| a.0.compare(&b.0).unwrap_or(Ordering::Equal));
        Ok(Value::list(keyed.into_iter().map(|(_, item)| item)))
    }
}

fn rounds(range: &Value, two_variables: bool) -> Result<Vec<Round>, EvalError> {
    match range {
        Value::List(items) if two_variables => {
            let numbered = items.iter().zip(0_i64..);
            Ok(numbered.map(|(item, index)| (Value::Int(index), Some(item.clone()))).collect())
        }
        Value::List(items) => Ok(items.iter().map(|item| (item.clone(), None)).collect()),
        Value::Map(map) => {
            let entry = |(key, value): &(Key, Value)| (key.to_value(), two_variables.then(|| value.clone()));
            Ok(map.entries().iter().map(entry).collect())
        }
        other => Err(EvalError::Runtime(format!("got '{}', expected iterable type", go_type(other)))),
    }
}

fn key_of(value: &Value) -> Result<Key, EvalError> {
    Key::from_value(value).ok_or_else(|| EvalError::runtime("unsupported key type"))
}

/// The Go type that cel-go's message shows.
fn go_type(value: &Value) -> String {
    match value {
        Value::Null => "types.Null".into(),
        Value::Bool(_) => "types.Bool".into(),
        Value::Int(_) => "types.Int".into(),
        Value::Uint(_) => "types.Uint".into(),
        Value::Double(_) => "types.Double".into(),
        Value::String(_) => "types.String".into(),
        Value::Bytes(_) => "types.Bytes".into(),
        Value::Timestamp(_) => "types.Timestamp".into(),
        Value::Duration(_) => "types.Duration".into(),
        Value::Optional(_) => "*types.Optional".into(),
        other => other.type_name().to_owned(),
    }
}
