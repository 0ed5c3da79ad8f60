//! Where a policy object comes from, and what that means for its removal.

use serde_json::Value;

use super::{Looked, Oddity};

pub(super) const ODDITIES: &[Oddity] = &[
    Oddity { code: "policy-with-namespace", find: with_namespace },
    Oddity { code: "helm-hook", find: helm_hook },
    Oddity { code: "helm-release", find: helm_release },
];

fn text<'l>(looked: &'l Looked<'_>, map: &str, key: &str) -> Option<&'l str> {
    let map = looked.manifest.get("metadata")?.get(map)?;
    map.get(key).and_then(Value::as_str).filter(|text| !text.is_empty())
}

fn with_namespace(looked: &Looked<'_>) -> Option<String> {
    let namespace = looked.manifest.pointer("/metadata/namespace")?.as_str().filter(|name| !name.is_empty())?;
    Some(format!("`metadata.namespace` is `{namespace}` and means nothing: a policy belongs to the whole cluster"))
}

fn helm_hook(looked: &Looked<'_>) -> Option<String> {
    let hooks = text(looked, "annotations", "helm.sh/hook")?;
    Some(format!(
        "it is a Helm hook (`{hooks}`): it may exist only while Helm installs or upgrades, so a cluster may lack it"
    ))
}

fn helm_release(looked: &Looked<'_>) -> Option<String> {
    if text(looked, "annotations", "helm.sh/hook").is_some() {
        return None;
    }
    let release = text(looked, "annotations", "meta.helm.sh/release-name").map(|name| format!(" `{name}`"));
    let by_helm = text(looked, "labels", "app.kubernetes.io/managed-by") == Some("Helm");
    let tiller = matches!(text(looked, "labels", "heritage"), Some("Helm" | "Tiller"));
    let text = format!(
        "it belongs to a Helm release{}: remove it by upgrading the release before the cluster goes to 1.25, where Helm \
         fails on a release that still holds a PodSecurityPolicy",
        release.as_deref().unwrap_or_default()
    );
    (release.is_some() || by_helm || tiller).then_some(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::codes;
    use super::*;

    fn found(metadata: Value) -> Vec<&'static str> {
        codes(ODDITIES, json!({"metadata": metadata}))
    }

    #[test]
    fn a_namespace_on_a_policy_means_nothing() {
        assert_eq!(found(json!({"namespace": "x"})), ["policy-with-namespace"]);
        assert!(found(json!({"name": "x"})).is_empty());
    }

    #[test]
    fn helm_leaves_its_marks() {
        assert_eq!(
            found(json!({"annotations": {"helm.sh/hook": "pre-install"}, "labels": {"heritage": "Helm"}})),
            ["helm-hook"]
        );
        assert_eq!(found(json!({"annotations": {"meta.helm.sh/release-name": "x"}})), ["helm-release"]);
        assert_eq!(found(json!({"labels": {"app.kubernetes.io/managed-by": "Helm"}})), ["helm-release"]);
    }
}
