//! `spec.match` of constraints and mutators: which pods they look at.
//!
//! Every matcher that is given must hold. Source: gatekeeper 3.23, `pkg/mutation/match`.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use serde::Deserialize;
use serde_json::Value;

use crate::rbac::selector::selects;
use crate::symbolic::{Constant, How, Reads, Unit};

/// A `spec.match`, read once.
#[derive(Debug, Default)]
pub(super) struct Match {
    kinds: Option<Vec<Kinds>>,
    namespaces: Option<Vec<String>>,
    excluded_namespaces: Vec<String>,
    namespace_selector: Option<LabelSelector>,
    label_selector: Option<LabelSelector>,
    scope: Option<String>,
    name: Option<String>,
    source: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Kinds {
    api_groups: Vec<String>,
    kinds: Vec<String>,
}

/// What is matched: a pod and where it is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject<'a> {
    /// The request's namespace.
    pub(super) namespace: &'a str,
    /// The labels of that namespace, if it is known.
    pub(super) namespace_labels: Option<&'a BTreeMap<String, String>>,
    /// The pod.
    pub(super) pod: &'a Value,
}

/// Whether a matcher fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// The namespace is selected by its labels, and nothing is known of it: Gatekeeper refuses the request.
    UnknownNamespace,
}

impl Match {
    /// Reads a `spec.match`.
    ///
    /// # Errors
    /// The path below `spec.match` of what is not understood, and why.
    pub(super) fn read(spec: &Value) -> Result<Self, (String, String)> {
        let mut read = Self::default();
        for (key, value) in spec.as_object().into_iter().flatten() {
            read.set(key, value).map_err(|why| (format!(".{key}"), why))?;
        }
        Ok(read)
    }

    fn set(&mut self, key: &str, value: &Value) -> Result<(), String> {
        match key {
            "kinds" => self.kinds = Some(decode(value)?),
            "namespaces" => self.namespaces = Some(decode(value)?),
            "excludedNamespaces" => self.excluded_namespaces = decode(value)?,
            "namespaceSelector" => self.namespace_selector = Some(decode(value)?),
            "labelSelector" => self.label_selector = Some(decode(value)?),
            "scope" => self.scope = Some(decode(value)?),
            "name" => self.name = Some(decode(value)?),
            "source" => self.source = Some(decode(value)?),
            _ => return Err("Gatekeeper knows no such matcher".to_owned()),
        }
        Ok(())
    }

    /// Whether the pod is looked at.
    pub(super) fn fits(&self, subject: Subject<'_>) -> Fit {
        let kinds = |kinds: &Kinds| lists(&kinds.api_groups, "") && lists(&kinds.kinds, "Pod");
        let fits = self.kinds.as_ref().is_none_or(|list| list.is_empty() || list.iter().any(kinds))
            && self.scope.as_deref() != Some("Cluster")
            && self.source.as_deref() != Some("Generated")
            && self.namespaces.as_ref().is_none_or(|list| list.is_empty() || globs(list, subject.namespace))
            && !globs(&self.excluded_namespaces, subject.namespace)
            && self.fits_name(subject.pod)
            && self.label_selector.as_ref().is_none_or(|selector| selects(selector, &labels_of(subject.pod)));
        match (&self.namespace_selector, subject.namespace_labels) {
            _ if !fits => Fit::No,
            (None, _) => Fit::Yes,
            (Some(_), None) => Fit::UnknownNamespace,
            (Some(selector), Some(labels)) if selects(selector, labels) => Fit::Yes,
            (Some(_), Some(_)) => Fit::No,
        }
    }

    /// The namespaces that are named, also by the beginning or the end of their names.
    pub(super) fn namespaces(&self) -> impl Iterator<Item = &str> {
        let named = self.namespaces.iter().flatten().chain(&self.excluded_namespaces);
        named.map(|pattern| pattern.trim_matches('*'))
    }

    /// What of the pod decides whether it is looked at; `None` if nothing does.
    ///
    /// # Errors
    /// What is not understood for all pods.
    pub(super) fn reads(&self) -> Result<Option<Reads>, String> {
        if self.name.is_some() {
            return Err("it matches pods by their names".to_owned());
        }
        let Some(selector) = &self.label_selector else { return Ok(None) };
        let mut reads = Reads::default();
        let mut read = |key: &str, values: &[String]| {
            let unit = Unit::Pod(["metadata", "labels", key].map(str::to_owned).to_vec());
            let constants = values.iter().map(|value| Constant {
                unit: unit.clone(),
                within: Vec::new(),
                value: value.as_str().into(),
                how: How::Equal,
            });
            reads.constants.extend(constants);
            reads.units.insert(unit);
        };
        for (key, value) in selector.match_labels.iter().flatten() {
            read(key, std::slice::from_ref(value));
        }
        for requirement in selector.match_expressions.iter().flatten() {
            read(&requirement.key, requirement.values.as_deref().unwrap_or_default());
        }
        Ok(Some(reads).filter(|reads| !reads.units.is_empty()))
    }

    fn fits_name(&self, pod: &Value) -> bool {
        let Some(pattern) = &self.name else { return true };
        let text = |key: &str| pod.pointer(key).and_then(Value::as_str).unwrap_or_default();
        let prefix_fits = pattern.ends_with('*') && glob(pattern, text("/metadata/generateName"));
        glob(pattern, text("/metadata/name")) || prefix_fits
    }
}

/// The labels of an object.
pub(super) fn labels_of(object: &Value) -> BTreeMap<String, String> {
    let labels = object.pointer("/metadata/labels").and_then(Value::as_object).into_iter().flatten();
    labels.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

fn decode<T: for<'a> Deserialize<'a>>(value: &Value) -> Result<T, String> {
    T::deserialize(value).map_err(|error| error.to_string())
}

fn lists(list: &[String], name: &str) -> bool {
    list.is_empty() || list.iter().any(|listed| listed == "*" || listed == name)
}

fn globs(patterns: &[String], name: &str) -> bool {
    patterns.iter().any(|pattern| glob(pattern, name))
}

/// A name, `prefix*`, `*suffix` or `*part*`.
fn glob(pattern: &str, name: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(rest), Some(_)) => name.contains(rest.strip_suffix('*').unwrap_or(rest)),
        (Some(suffix), None) => name.ends_with(suffix),
        (None, Some(prefix)) => name.starts_with(prefix),
        (None, None) => name == pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fit(spec: Value, namespace: &str, labels: Option<&BTreeMap<String, String>>) -> Fit {
        let pod = json!({"metadata": {"name": "web-0", "labels": {"app": "web"}}});
        let subject = Subject { namespace, namespace_labels: labels, pod: &pod };
        Match::read(&spec).unwrap().fits(subject)
    }

    #[test]
    fn every_matcher_must_hold() {
        assert_eq!(fit(json!({}), "a", None), Fit::Yes);
        assert_eq!(
            fit(json!({"kinds": [{"apiGroups": ["*"], "kinds": ["Pod"]}], "namespaces": ["b"]}), "a", None),
            Fit::No
        );
        assert_eq!(fit(json!({"kinds": [{"apiGroups": ["apps"], "kinds": ["*"]}]}), "a", None), Fit::No);
        assert_eq!(fit(json!({"labelSelector": {"matchLabels": {"app": "db"}}}), "a", None), Fit::No);
        assert_eq!(fit(json!({"name": "web-*", "excludedNamespaces": ["b"]}), "a", None), Fit::Yes);
    }

    #[test]
    fn a_star_stands_at_either_end() {
        for (pattern, name, expected) in [
            ("kube-*", "kube-system", true),
            ("*-system", "kube-system", true),
            ("*e-s*", "kube-system", true),
            ("kube", "kube-system", false),
            ("*", "", true),
        ] {
            assert_eq!(glob(pattern, name), expected, "{pattern}");
        }
    }

    #[test]
    fn an_unknown_namespace_is_refused_where_labels_count() {
        let selector = json!({"namespaceSelector": {"matchLabels": {"team": "a"}}});
        assert_eq!(fit(selector.clone(), "a", None), Fit::UnknownNamespace);
        assert_eq!(fit(selector, "a", Some(&BTreeMap::from([("team".to_owned(), "a".to_owned())]))), Fit::Yes);
    }

    #[test]
    fn an_unknown_matcher_is_named() {
        assert_eq!(Match::read(&json!({"users": ["a"]})).unwrap_err().0, ".users");
    }
}
