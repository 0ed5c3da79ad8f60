//! Fields, indexes and presence tests, on plain values and through optionals.

use super::Runtime;
use crate::cel::ast::{Kind, Node};
use crate::cel::cost;
use crate::cel::error::EvalError;
use crate::cel::library::Outcome;
use crate::cel::value::{Key, Value};
use std::sync::Arc;

impl Runtime<'_> {
    /// `has(operand.field)`; never fails on a missing field.
    pub(super) fn has(&mut self, operand: &Node, field: &Arc<str>) -> Outcome {
        if self.is_variables(operand) {
            return Ok(Value::Bool(self.scope.declares_variable(field)));
        }
        let present = match self.eval(operand)? {
            Value::Optional(inner) => inner.is_some_and(|value| field_of(&value, field).is_some()),
            value => field_of(&value, field).is_some(),
        };
        Ok(Value::Bool(present))
    }

    /// `operand[index]` or `operand[?index]`.
    pub(super) fn index(&mut self, operand: &Node, index: &Node, optional: bool) -> Outcome {
        let operand = self.eval(operand)?;
        let index = self.eval(index)?;
        self.charge(cost::NODE)?;
        let list = match &operand {
            Value::Optional(Some(inner)) => matches!(**inner, Value::List(_)),
            value => matches!(value, Value::List(_)),
        };
        if list {
            let at = list_index(&index)?;
            let out_of_bounds = || EvalError::Runtime(format!("index out of bounds: {at}"));
            return chain(operand, optional, &|value| element_of(value, at), out_of_bounds);
        }
        let missing = || no_such_key(&shown(&index));
        chain(operand, optional, &|value| entry_of(value, &index), missing)
    }

    /// `variables.name`, unless a macro's variable is called so.
    pub(super) fn variable(&mut self, operand: &Node, name: &str) -> Option<Outcome> {
        if !self.is_variables(operand) {
            return None;
        }
        let outcome = self.charge(2 * cost::NODE);
        Some(outcome.and_then(|()| self.scope.variable(name, self.depth())))
    }

    fn is_variables(&self, operand: &Node) -> bool {
        matches!(&operand.kind, Kind::Ident(name) if &**name == "variables") && !self.is_local("variables")
    }
}

/// Looks something up in a value; through an optional, or optionally, what is absent is `none` rather than an error.
fn chain(
    operand: Value,
    optional: bool,
    look_up: &dyn Fn(&Value) -> Option<Value>,
    missing: impl FnOnce() -> EvalError,
) -> Outcome {
    match operand {
        Value::Optional(inner) => Ok(wrap(inner.and_then(|value| look_up(&value)))),
        value if optional => Ok(wrap(look_up(&value))),
        value => look_up(&value).ok_or_else(missing),
    }
}

fn wrap(found: Option<Value>) -> Value {
    Value::Optional(found.map(Arc::new))
}

pub(super) fn field_of(value: &Value, field: &str) -> Option<Value> {
    match value {
        Value::Map(map) => map.get_str(field).cloned(),
        Value::Struct(s) => s.fields.iter().find(|(name, _)| **name == *field).map(|(_, value)| value.clone()),
        _ => None,
    }
}

fn entry_of(value: &Value, index: &Value) -> Option<Value> {
    match (value, index) {
        (Value::Map(map), Value::String(key)) => map.get_str(key).cloned(),
        (Value::Map(map), other) => map.get(&Key::from_value(other)?).cloned(),
        (other, Value::String(field)) => field_of(other, field),
        _ => None,
    }
}

fn element_of(value: &Value, at: i64) -> Option<Value> {
    match value {
        Value::List(items) => items.get(usize::try_from(at).ok()?).cloned(),
        _ => None,
    }
}

fn list_index(index: &Value) -> Result<i64, EvalError> {
    match index {
        Value::Int(i) => Ok(*i),
        Value::Uint(u) => i64::try_from(*u).map_err(|_| EvalError::Runtime(format!("index out of bounds: {u}"))),
        Value::Double(d) if d.fract() == 0.0 => Ok(*d as i64),
        other => Err(EvalError::Runtime(format!("unsupported index type '{}' in list", other.type_name()))),
    }
}

pub(super) fn no_such_key(key: &str) -> EvalError {
    EvalError::Runtime(format!("no such key: {key}"))
}

/// A key as Go's `%v` prints it.
fn shown(value: &Value) -> String {
    match value {
        Value::Bool(b) => b.to_string(),
        Value::Int(i) => i.to_string(),
        Value::Uint(u) => u.to_string(),
        Value::Double(d) => d.to_string(),
        Value::String(s) => s.to_string(),
        other => other.type_name().to_owned(),
    }
}
