//! The pods that workloads create, and who creates them.

use serde_json::{Map, Value, json};

/// Who sends a request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Creator {
    /// The user name.
    pub user: String,
    /// The groups, as the authenticator gives them.
    pub groups: Vec<String>,
}

/// A pod as a controller would send it.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkloadPod {
    /// The pod, before any defaulting.
    pub pod: Value,
    /// The controller; `None` for a PodTemplate, from which nothing creates pods by itself.
    pub creator: Option<Creator>,
}

/// Where the pod template stands in an object of this kind, as a JSON pointer; `None` for a kind without one.
pub fn template_path(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" | "Job" | "ReplicationController" => "/spec/template",
        "CronJob" => "/spec/jobTemplate/spec/template",
        "PodTemplate" => "/template",
        _ => return None,
    })
}

/// The pod that the controller of `workload` would create; `None` for a kind without a pod template.
///
/// A template that is absent makes an empty pod, as it would in a cluster that let it in.
pub fn pod_of(workload: &Value) -> Option<WorkloadPod> {
    let kind = workload.get("kind")?.as_str()?;
    let template = workload.pointer(template_path(kind)?).unwrap_or(&Value::Null);
    let name = workload.pointer("/metadata/name").or_else(|| workload.pointer("/metadata/generateName"));
    let name = name.and_then(Value::as_str).unwrap_or("");
    let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata(kind, name, workload, template),
        "spec": template.get("spec").filter(|spec| spec.is_object()).cloned().unwrap_or_else(|| json!({}))});
    if kind == "StatefulSet" {
        add_claims(&mut pod, workload, name);
    }
    Some(WorkloadPod { pod, creator: controller(kind).map(Creator::controller) })
}

impl Creator {
    /// The service account under which a controller of kube-controller-manager runs.
    pub fn controller(name: &str) -> Self {
        let groups = ["system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated"];
        Self { user: format!("system:serviceaccount:kube-system:{name}"), groups: groups.map(str::to_owned).to_vec() }
    }
}

fn controller(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "Deployment" | "ReplicaSet" => "replicaset-controller",
        "StatefulSet" => "statefulset-controller",
        "DaemonSet" => "daemon-set-controller",
        "Job" | "CronJob" => "job-controller",
        "ReplicationController" => "replication-controller",
        _ => return None,
    })
}

/// The template's labels and annotations, and a name: fixed for the first pod of a StatefulSet, else generated. (The
/// hash that a Deployment puts into the prefix is not known here.)
fn metadata(kind: &str, name: &str, workload: &Value, template: &Value) -> Map<String, Value> {
    let mut metadata = Map::new();
    match kind {
        "StatefulSet" => metadata.insert("name".to_owned(), format!("{name}-0").into()),
        _ => metadata.insert("generateName".to_owned(), format!("{}-", name.trim_end_matches('-')).into()),
    };
    if let Some(namespace) = workload.pointer("/metadata/namespace").filter(|it| it.is_string()) {
        metadata.insert("namespace".to_owned(), namespace.clone());
    }
    for field in ["labels", "annotations", "finalizers"] {
        let value = template.get("metadata").and_then(|it| it.get(field));
        metadata.extend(value.filter(|it| !it.is_null()).map(|value| (field.to_owned(), value.clone())));
    }
    metadata
}

/// A StatefulSet's pods get a volume for each claim template, before the template's own volumes, and instead of those of
/// the same name. Source: `pkg/controller/statefulset/stateful_set_utils.go` (`updateStorage`).
fn add_claims(pod: &mut Value, stateful_set: &Value, name: &str) {
    let claims = stateful_set.pointer("/spec/volumeClaimTemplates").and_then(Value::as_array);
    let claims: Vec<&str> = claims
        .into_iter()
        .flatten()
        .filter_map(|claim| claim.pointer("/metadata/name"))
        .filter_map(Value::as_str)
        .collect();
    if claims.is_empty() {
        return;
    }
    let Some(spec) = pod.get_mut("spec").and_then(Value::as_object_mut) else {
        return;
    };
    let claimed =
        |claim: &&str| json!({"name": claim, "persistentVolumeClaim": {"claimName": format!("{claim}-{name}-0")}});
    let mut volumes: Vec<Value> = claims.iter().map(claimed).collect();
    let own = spec.get("volumes").and_then(Value::as_array).into_iter().flatten();
    let replaced =
        |volume: &&Value| volume.get("name").and_then(Value::as_str).is_some_and(|name| claims.contains(&name));
    volumes.extend(own.filter(|volume| !replaced(volume)).cloned());
    spec.insert("volumes".to_owned(), Value::Array(volumes));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_template_and_controller() {
        let template = json!({"metadata": {"labels": {"a": "b"}, "name": "ignored"}, "spec": {"hostPID": true}});
        for (kind, workload, controller) in [
            ("Deployment", json!({"spec": {"template": template}}), Some("replicaset-controller")),
            ("ReplicaSet", json!({"spec": {"template": template}}), Some("replicaset-controller")),
            ("DaemonSet", json!({"spec": {"template": template}}), Some("daemon-set-controller")),
            ("Job", json!({"spec": {"template": template}}), Some("job-controller")),
            ("CronJob", json!({"spec": {"jobTemplate": {"spec": {"template": template}}}}), Some("job-controller")),
            ("ReplicationController", json!({"spec": {"template": template}}), Some("replication-controller")),
            ("PodTemplate", json!({"template": template}), None),
        ] {
            let mut workload = workload;
            workload["kind"] = kind.into();
            workload["metadata"] = json!({"name": "w", "namespace": "n"});
            let made = pod_of(&workload).unwrap();
            let expected = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "w-", "namespace": "n", "labels": {"a": "b"}},
                "spec": {"hostPID": true}});
            assert_eq!(made.pod, expected, "{kind}");
            let user = made.creator.map(|creator| creator.user);
            assert_eq!(user, controller.map(|name| format!("system:serviceaccount:kube-system:{name}")), "{kind}");
        }
        assert_eq!(pod_of(&json!({"kind": "Service"})), None);
    }

    #[test]
    fn stateful_sets_add_their_claims_first() {
        let set = json!({"kind": "StatefulSet", "metadata": {"name": "db"}, "spec": {
            "volumeClaimTemplates": [{"metadata": {"name": "data"}}],
            "template": {"spec": {"volumes": [{"name": "tmp", "emptyDir": {}}, {"name": "data", "hostPath": {"path": "/"}}]}}}});
        let pod = pod_of(&set).unwrap().pod;
        assert_eq!(pod["metadata"]["name"], "db-0");
        let expected = json!([{"name": "data", "persistentVolumeClaim": {"claimName": "data-db-0"}}, {"name": "tmp", "emptyDir": {}}]);
        assert_eq!(pod["spec"]["volumes"], expected);
    }

    #[test]
    fn a_missing_template_makes_an_empty_pod() {
        assert_eq!(pod_of(&json!({"kind": "Job", "spec": {"template": 3}})).unwrap().pod["spec"], json!({}));
    }
}
