//! `preconditions`: comparisons of what variables give with values.
//!
//! Source: `pkg/engine/variables/evaluate.go`, `operator/equal.go`. Kyverno compares texts as durations, quantities and globs;
//! only texts that are none of these are compared here.

use serde_json::Value as Json;

use super::query::{Problem, Query};
use super::substitute::{Template, Variables};

/// Some of `any`, if it is there, and all of `all`.
#[derive(Debug, Default)]
pub(super) struct Preconditions {
    any: Option<Vec<Condition>>,
    all: Vec<Condition>,
}

/// One comparison.
#[derive(Debug)]
pub(super) struct Condition {
    key: Template,
    equal: bool,
    value: Json,
}

impl Preconditions {
    /// Reads the field; where one is not understood, its place and why.
    pub(super) fn read(field: Option<&Json>, path: &str) -> Result<Self, (String, String)> {
        let list = |key: &str, conditions: &Json| {
            let conditions = conditions.as_array().map(Vec::as_slice).unwrap_or_default();
            let read =
                |(index, condition)| Condition::read(condition).map_err(|why| (format!("{path}{key}[{index}]"), why));
            conditions.iter().enumerate().map(read).collect::<Result<Vec<_>, _>>()
        };
        Ok(match field {
            None | Some(Json::Null) => Self::default(),
            Some(all @ Json::Array(_)) => Self { any: None, all: list("", all)? },
            Some(blocks) => Self {
                any: blocks.get("any").map(|any| list(".any", any)).transpose()?,
                all: blocks.get("all").map(|all| list(".all", all)).transpose()?.unwrap_or_default(),
            },
        })
    }

    /// Those of which one must hold, if there are any.
    pub(super) fn any(&self) -> Option<&[Condition]> {
        self.any.as_deref()
    }

    /// Those that must all hold.
    pub(super) fn all(&self) -> &[Condition] {
        &self.all
    }

    /// Whether they hold.
    pub(super) fn hold(&self, variables: &Variables) -> Result<bool, Problem> {
        if let Some(any) = &self.any {
            let mut some = false;
            for condition in any {
                if condition.holds(variables)? {
                    some = true;
                    break;
                }
            }
            if !some {
                return Ok(false);
            }
        }
        for condition in &self.all {
            if !condition.holds(variables)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Condition {
    fn read(condition: &Json) -> Result<Self, String> {
        let operator = condition.get("operator").and_then(Json::as_str).unwrap_or_default();
        let equal = match operator {
            "Equals" | "Equal" => true,
            "NotEquals" | "NotEqual" => false,
            other => return Err(format!("the operator `{other}` cannot be evaluated here")),
        };
        let value = condition.get("value").cloned().unwrap_or_default();
        if value.to_string().contains("{{") {
            return Err("a value with variables cannot be evaluated here".to_owned());
        }
        let key = match condition.get("key") {
            Some(Json::String(key)) => Template::read(key)?,
            _ => return Err("a key that is no text cannot be evaluated here".to_owned()),
        };
        Ok(Self { key, equal, value })
    }

    /// The expression that is compared, if it is one.
    pub(super) fn query(&self) -> Option<&Query> {
        self.key.lone()
    }

    /// The expressions in what is compared.
    pub(super) fn queries(&self) -> impl Iterator<Item = &Query> {
        self.key.queries()
    }

    /// With what it is compared.
    pub(super) fn value(&self) -> &Json {
        &self.value
    }

    /// What the expression must be, if that is a truth.
    pub(super) fn wanted_truth(&self) -> Option<bool> {
        self.value.as_bool().map(|value| value == self.equal)
    }

    /// Whether it holds.
    pub(super) fn holds(&self, variables: &Variables) -> Result<bool, Problem> {
        let key = match self.key.value(variables) {
            Err(Problem::NotFound(missing)) => {
                return Err(Problem::Unknown(format!("a condition about the missing key `{}`", missing.0)));
            }
            other => other?,
        };
        match (&key, &self.value) {
            (Json::Null, _) => Ok(false),
            (Json::Bool(key), Json::Bool(value)) => Ok((key == value) == self.equal),
            (Json::Bool(_), _) => Ok(!self.equal),
            (Json::String(key), Json::String(value)) if is_plain(key) && is_plain(value) => {
                Ok((key == value) == self.equal)
            }
            (Json::Array(_) | Json::Object(_), Json::Array(_) | Json::Object(_)) => {
                Ok((key == self.value) == self.equal)
            }
            _ => Err(Problem::Unknown(format!("the comparison of `{key}` with `{}`", self.value))),
        }
    }
}

/// Neither a duration nor a quantity nor a glob.
fn is_plain(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphabetic() || matches!(c, '-' | '_' | '/' | '.'))
}
