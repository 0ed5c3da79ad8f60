//! Optionals on their way through `a.?b.?c`, `optMap` and `orValue`: they are wrapped into values only where somebody keeps
//! them.

use super::Runtime;
use super::select::{field_of, no_such_key};
use crate::cel::ast::{Call, Kind, Macro, MacroKind, Node};
use crate::cel::cost;
use crate::cel::error::EvalError;
use crate::cel::library::{Function, Outcome};
use crate::cel::value::Value;
use std::sync::Arc;

/// The value of a node.
pub(super) enum Chained {
    /// Any value.
    Plain(Value),
    /// An optional value.
    Optional(Option<Value>),
}

impl Chained {
    /// The value as any other.
    pub(super) fn wrapped(self) -> Value {
        match self {
            Self::Plain(value) => value,
            Self::Optional(inner) => Value::Optional(inner.map(Arc::new)),
        }
    }

    /// The value with optionals laid open.
    fn opened(self) -> Self {
        match self {
            Self::Plain(Value::Optional(inner)) => Self::Optional(inner.map(Arc::unwrap_or_clone)),
            other => other,
        }
    }
}

impl Runtime<'_> {
    /// The value of a node, as [`Runtime::eval`] gives it.
    pub(super) fn chained(&mut self, node: &Node) -> Result<Chained, EvalError> {
        match &node.kind {
            Kind::Select { operand, field, optional } => {
                self.nested(node.at, |runtime| runtime.select(operand, field, *optional))
            }
            Kind::Macro(m) if matches!(m.kind, MacroKind::OptMap | MacroKind::OptFlatMap) => {
                self.nested(node.at, |runtime| runtime.optional_map(m))
            }
            _ => self.eval(node).map(Chained::Plain),
        }
    }

    /// `operand.field` or `operand.?field`.
    pub(super) fn select(&mut self, operand: &Node, field: &Arc<str>, optional: bool) -> Result<Chained, EvalError> {
        if let Some(outcome) = self.variable(operand, field) {
            return outcome.map(|value| if optional { Chained::Optional(Some(value)) } else { Chained::Plain(value) });
        }
        let operand = self.chained(operand)?;
        self.charge(cost::NODE)?;
        match operand {
            Chained::Optional(inner) => Ok(Chained::Optional(inner.and_then(|value| field_of(&value, field)))),
            Chained::Plain(Value::Optional(inner)) => {
                Ok(Chained::Optional(inner.and_then(|value| field_of(&value, field))))
            }
            Chained::Plain(value) if optional => Ok(Chained::Optional(field_of(&value, field))),
            Chained::Plain(value) => field_of(&value, field).map(Chained::Plain).ok_or_else(|| no_such_key(field)),
        }
    }

    /// `optMap` and `optFlatMap`.
    pub(super) fn optional_map(&mut self, m: &Macro) -> Result<Chained, EvalError> {
        let Chained::Optional(inner) = self.chained(&m.range)?.opened() else {
            return Err(EvalError::no_such_overload());
        };
        let Some(inner) = inner else { return Ok(Chained::Optional(None)) };
        let value = self.bound(m, (inner, None), &m.body)?;
        match (m.kind, value) {
            (MacroKind::OptMap, value) => Ok(Chained::Optional(Some(value))),
            (_, optional @ Value::Optional(_)) => Ok(Chained::Plain(optional)),
            _ => Err(EvalError::no_such_overload()),
        }
    }

    /// `optional.orValue(fallback)`
    pub(super) fn or_value(&mut self, call: &Call, function: &Function, args: [&Node; 2], at: usize) -> Outcome {
        let [optional, fallback] = args;
        let (optional, fallback) = (self.chained(optional)?.opened(), self.eval(fallback)?);
        match optional {
            Chained::Optional(inner) => self.charge(cost::NODE).map(|()| inner.unwrap_or(fallback)),
            Chained::Plain(value) => self.apply(call, function, &[value, fallback], at),
        }
    }

    /// `optional.hasValue()`
    pub(super) fn has_value(&mut self, call: &Call, function: &Function, optional: &Node, at: usize) -> Outcome {
        match self.chained(optional)?.opened() {
            Chained::Optional(inner) => self.charge(cost::NODE).map(|()| Value::Bool(inner.is_some())),
            Chained::Plain(value) => self.apply(call, function, &[value], at),
        }
    }
}
