//! The kinds of objects that the plug-in looks at, and where their pods are.

use serde_json::Value;

/// A resource that the plug-in looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// `namespaces`
    Namespaces,
    /// `pods`
    Pods,
    /// `podtemplates`
    PodTemplates,
    /// `replicationcontrollers`
    ReplicationControllers,
    /// `replicasets.apps`, `deployments.apps`, `statefulsets.apps`, `daemonsets.apps`, `jobs.batch`: a template each, at
    /// the same place.
    Workloads,
    /// `cronjobs.batch`
    CronJobs,
}

impl Resource {
    /// The resource that an object belongs to, by its API group and kind; none if the plug-in does not look at it.
    pub fn of_object(object: &Value) -> Option<Self> {
        let field = |key| object.get(key).and_then(Value::as_str).unwrap_or_default();
        let group = field("apiVersion").rsplit_once('/').map_or("", |(group, _)| group);
        match (group, field("kind")) {
            ("", "Namespace") => Some(Self::Namespaces),
            ("", "Pod") => Some(Self::Pods),
            ("", "PodTemplate") => Some(Self::PodTemplates),
            ("", "ReplicationController") => Some(Self::ReplicationControllers),
            ("apps", "ReplicaSet" | "Deployment" | "StatefulSet" | "DaemonSet") | ("batch", "Job") => {
                Some(Self::Workloads)
            }
            ("batch", "CronJob") => Some(Self::CronJobs),
            _ => None,
        }
    }

    /// The pod or pod template (an object with `metadata` and `spec`) in an object of this resource. Only a replication
    /// controller may have none; elsewhere an absent template is an empty one.
    pub fn template(self, object: &Value) -> Option<&Value> {
        let at = |pointer| object.pointer(pointer).filter(|template| !template.is_null());
        match self {
            Self::Namespaces => None,
            Self::Pods => Some(object),
            Self::PodTemplates => Some(at("/template").unwrap_or(&Value::Null)),
            Self::ReplicationControllers => at("/spec/template"),
            Self::Workloads => Some(at("/spec/template").unwrap_or(&Value::Null)),
            Self::CronJobs => Some(at("/spec/jobTemplate/spec/template").unwrap_or(&Value::Null)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn group_and_kind_decide() {
        let of = |version: &str, kind: &str| Resource::of_object(&json!({"apiVersion": version, "kind": kind}));
        assert_eq!(of("v1", "Pod"), Some(Resource::Pods));
        assert_eq!(of("apps/v1", "Deployment"), Some(Resource::Workloads));
        assert_eq!(of("extensions/v1beta1", "Deployment"), None);
        assert_eq!(of("apps/v1", "Pod"), None);
        assert_eq!(of("v1", "PodTemplateSpec"), None);
    }

    #[test]
    fn only_a_replication_controller_may_lack_a_template() {
        let object = json!({"spec": {"template": null}});
        assert_eq!(Resource::ReplicationControllers.template(&object), None);
        assert_eq!(Resource::Workloads.template(&object), Some(&Value::Null));
        let cron = json!({"spec": {"jobTemplate": {"spec": {"template": {"spec": 1}}}}});
        assert_eq!(Resource::CronJobs.template(&cron), Some(&json!({"spec": 1})));
    }
}
