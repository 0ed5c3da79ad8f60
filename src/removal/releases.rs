//! Helm releases that hold PodSecurityPolicies: Kubernetes 1.25 does not know the kind, and the next `helm upgrade` fails on
//! the stored release.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::ObjectName;
use crate::input::{Inventory, Sourced};

const CHARTS: &str = include_str!("charts.txt");

/// A Helm release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HelmRelease {
    /// Its name.
    pub name: String,
    /// Its namespace, if an annotation tells it.
    pub namespace: Option<String>,
    /// The chart with its version, if a label tells it.
    pub chart: Option<String>,
    /// The policies that it holds.
    pub policies: Vec<ObjectName>,
    /// The values that make its policies, where the chart is known.
    pub values: Vec<&'static str>,
}

/// A release's name and namespace.
type Identity = (String, Option<String>);
/// Its policies and its chart.
type Held = (BTreeSet<ObjectName>, Option<String>);

/// The releases among the policies, by name.
pub(super) fn releases(inventory: &Inventory) -> Vec<HelmRelease> {
    let mut found: BTreeMap<Identity, Held> = BTreeMap::new();
    for Sourced { value: policy, .. } in &inventory.policies {
        if let Some(release) = release_of(policy) {
            let (policies, chart) = found.entry(release).or_default();
            policies.insert(ObjectName::of(policy));
            *chart = chart.take().or_else(|| chart_of(policy));
        }
    }
    let release = |((name, namespace), (policies, chart)): (Identity, Held)| HelmRelease {
        name,
        namespace,
        values: chart.as_deref().map(values_of).unwrap_or_default(),
        chart,
        policies: policies.into_iter().collect(),
    };
    found.into_iter().map(release).collect()
}

/// The release's name and namespace: Helm 3 writes them into annotations, charts write the name into labels.
fn release_of(object: &Value) -> Option<Identity> {
    let annotation = |key| text(object, "annotations", key);
    if let Some(name) = annotation("meta.helm.sh/release-name") {
        return Some((name, annotation("meta.helm.sh/release-namespace")));
    }
    let label = |key| text(object, "labels", key);
    let by_helm = label("app.kubernetes.io/managed-by").or_else(|| label("heritage"));
    by_helm.filter(|tool| tool == "Helm" || tool == "Tiller")?;
    Some((label("app.kubernetes.io/instance").or_else(|| label("release"))?, None))
}

fn chart_of(object: &Value) -> Option<String> {
    text(object, "labels", "helm.sh/chart").or_else(|| text(object, "labels", "chart"))
}

fn text(object: &Value, map: &str, key: &str) -> Option<String> {
    let text = object.get("metadata")?.get(map)?.get(key)?.as_str()?;
    Some(text.to_owned()).filter(|text| !text.is_empty())
}

/// The values of a chart, which labels name together with its version.
fn values_of(chart: &str) -> Vec<&'static str> {
    let is_version = |rest: &str| rest.is_empty() || rest.starts_with(|c: char| c.is_ascii_digit() || c == 'v');
    let is_it = |name: &str| {
        let rest = chart.strip_prefix(name);
        rest.is_some_and(|rest| rest.is_empty() || rest.strip_prefix('-').is_some_and(is_version))
    };
    let lines = CHARTS.lines().filter(|line| !line.starts_with('#'));
    let mut words = lines.map(|line| line.split(' '));
    let found = words.find_map(|mut words| words.next().is_some_and(is_it).then_some(words));
    found.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_chart_is_known_whatever_its_version() {
        assert_eq!(values_of("grafana-6.21.2"), ["rbac.pspEnabled"]);
        assert_eq!(values_of("prometheus-15.18.0").len(), 2);
        assert_eq!(values_of("gatekeeper"), ["psp.enabled"]);
        assert!(values_of("prometheus-operator-9.3.2").is_empty(), "another chart");
        assert!(values_of("grafana-agent-1.0").is_empty());
    }

    #[test]
    fn annotations_and_labels_name_the_release() {
        let annotated = json!({"metadata": {"annotations": {"meta.helm.sh/release-name": "a", "meta.helm.sh/release-namespace": "n"}}});
        assert_eq!(release_of(&annotated), Some(("a".to_owned(), Some("n".to_owned()))));
        let labelled = json!({"metadata": {"labels": {"heritage": "Tiller", "release": "b"}}});
        assert_eq!(release_of(&labelled), Some(("b".to_owned(), None)));
        let other = json!({"metadata": {"labels": {"app.kubernetes.io/managed-by": "argo", "release": "b"}}});
        assert_eq!(release_of(&other), None);
    }
}
