//! Constraints, read back: which requests they look at, with which parameters, and what a violation does.

use std::collections::BTreeSet;

use regorus::Value as RegoValue;
use serde_json::{Map, Value};

use super::matching::Match;
use super::text_at;
use crate::targets::Unsupported;

/// One constraint.
pub(super) struct Constraint {
    /// Its name.
    pub(super) name: String,
    /// What its violations do at admission.
    pub(super) action: Action,
    /// Which requests it looks at.
    pub(super) matches: Match,
    /// The whole object, with the defaults of its parameters.
    pub(super) document: Value,
}

/// What a violation does to an admission request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Action {
    /// It refuses the request.
    Deny,
    /// The client gets a warning.
    Warn,
    /// Nothing but the audit tells.
    DryRun,
    /// The webhook does not evaluate the constraint.
    Off,
}

impl Constraint {
    /// Reads a constraint of a template with this parameter schema.
    ///
    /// # Errors
    /// What in it cannot be evaluated here.
    pub(super) fn read(document: &Value, schema: &Value) -> Result<Self, Unsupported> {
        let kind = text_at(document, "/kind").unwrap_or_default().to_owned();
        let name = text_at(document, "/metadata/name").unwrap_or_default().to_owned();
        let unsupported = |path: &str, why: String| {
            let document = format!("{kind}/{name}");
            Unsupported { document, path: path.to_owned(), why }
        };
        let action = action(document).map_err(|why| unsupported("spec.enforcementAction", why))?;
        let matches = document.pointer("/spec/match").unwrap_or(&Value::Null);
        let matches = Match::read(matches).map_err(|(path, why)| unsupported(&format!("spec.match{path}"), why))?;
        let mut document = document.clone();
        let parameters = || Value::Object(Map::new());
        if let Some(spec) = document.as_object_mut().map(|fields| fields.entry("spec").or_insert_with(parameters))
            && let Some(spec) = spec.as_object_mut()
        {
            apply_defaults(spec.entry("parameters").or_insert_with(parameters), schema);
        }
        Ok(Self { action, matches, document, name })
    }

    /// The texts in the parameters' grants that count in a namespace, and the parts of service accounts' names; `None` if
    /// these are not the parameters of this project's template.
    pub(super) fn granted_in(&self, namespace: &str) -> Option<BTreeSet<String>> {
        let mut names = BTreeSet::new();
        for policy in self.document.pointer("/spec/parameters/policies")?.as_array()? {
            for grant in policy.get("grants")?.as_array()? {
                let namespaces = grant.get("namespaces").and_then(Value::as_array).filter(|list| !list.is_empty());
                if namespaces.is_none_or(|list| list.iter().any(|name| name == namespace)) {
                    texts(grant, &mut names);
                }
            }
        }
        add_parts_of_accounts(&mut names);
        Some(names)
    }

    /// The parameters, as Rego gets them.
    pub(super) fn rego_parameters(&self) -> RegoValue {
        self.document.pointer("/spec/parameters").cloned().map(RegoValue::from).unwrap_or_else(RegoValue::new_object)
    }
}

/// Adds the namespaces and the names of the service accounts whose full names are there.
pub(super) fn add_parts_of_accounts(names: &mut BTreeSet<String>) {
    let accounts = names.iter().filter_map(|name| name.strip_prefix("system:serviceaccount:"));
    let parts: Vec<String> = accounts.flat_map(|account| account.split(':')).map(str::to_owned).collect();
    names.extend(parts);
}

/// Adds the texts in a value.
fn texts(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::String(text) if !text.is_empty() => drop(into.insert(text.clone())),
        Value::Array(items) => items.iter().for_each(|item| texts(item, into)),
        Value::Object(fields) => fields.values().for_each(|field| texts(field, into)),
        _ => {}
    }
}

fn action(document: &Value) -> Result<Action, String> {
    const POINTS: [&str; 2] = ["validation.gatekeeper.sh", "*"];
    let listed = super::list_at(document, "/spec/scopedEnforcementActions");
    match text_at(document, "/spec/enforcementAction").unwrap_or("deny") {
        "scoped" => {
            let here = |scoped: &&Value| {
                let mut points = super::list_at(scoped, "/enforcementPoints").iter();
                points.any(|point| text_at(point, "/name").is_some_and(|name| POINTS.contains(&name)))
            };
            let actions = listed.iter().filter(here).map(|scoped| named(text_at(scoped, "/action").unwrap_or("deny")));
            actions.collect::<Result<Vec<_>, _>>().map(|actions| actions.into_iter().min().unwrap_or(Action::Off))
        }
        name => named(name),
    }
}

fn named(action: &str) -> Result<Action, String> {
    match action {
        "deny" => Ok(Action::Deny),
        "warn" => Ok(Action::Warn),
        "dryrun" => Ok(Action::DryRun),
        other => Err(format!("`{other}` is no enforcement action: write deny, warn, dryrun or scoped")),
    }
}

/// Fills in the defaults of a schema, as the API server does when it stores a constraint.
fn apply_defaults(value: &mut Value, schema: &Value) {
    match value {
        Value::Object(map) => {
            for (name, schema) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
                if !map.contains_key(name)
                    && let Some(default) = schema.get("default")
                {
                    map.insert(name.clone(), default.clone());
                }
                if let Some(value) = map.get_mut(name) {
                    apply_defaults(value, schema);
                }
            }
        }
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                items.iter_mut().for_each(|item| apply_defaults(item, schema));
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn action_of(spec: Value) -> Result<Action, String> {
        action(&json!({"spec": spec}))
    }

    #[test]
    fn a_constraint_denies_unless_it_says_otherwise() {
        assert_eq!(action_of(json!({})), Ok(Action::Deny));
        assert_eq!(action_of(json!({"enforcementAction": "warn"})), Ok(Action::Warn));
        assert!(action_of(json!({"enforcementAction": "Deny"})).is_err());
    }

    #[test]
    fn a_scoped_constraint_counts_at_its_points_only() {
        let scoped = |point: &str| {
            let actions = json!([{"action": "warn", "enforcementPoints": [{"name": point}]}]);
            action_of(json!({"enforcementAction": "scoped", "scopedEnforcementActions": actions}))
        };
        assert_eq!(scoped("validation.gatekeeper.sh"), Ok(Action::Warn));
        assert_eq!(scoped("*"), Ok(Action::Warn));
        assert_eq!(scoped("audit.gatekeeper.sh"), Ok(Action::Off));
    }

    #[test]
    fn defaults_reach_into_lists() {
        let schema = json!({"properties": {"list": {"items": {"properties": {"a": {"default": 1}}}}}});
        let mut value = json!({"list": [{}, {"a": 2}]});
        apply_defaults(&mut value, &schema);
        assert_eq!(value, json!({"list": [{"a": 1}, {"a": 2}]}));
    }
}
