//! What a policy fills in, in the words of the Pod API.

use serde::Serialize;
use serde_json::{Value, json};

use crate::constraint::{Fill, Setting};
use crate::pod_view::{APP_ARMOR_ANNOTATION, Field, POD_SECCOMP_ANNOTATION};
use crate::psp::SeLinuxOptions;

/// One value that is written where a pod is silent.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Filled {
    /// The path in the pod; `containers[*]` stands for init and ephemeral containers as well.
    pub field: String,
    /// The value; of capabilities, those that are added to the list.
    pub value: Value,
    /// A field that keeps the value from being written where it is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unless_set: Option<String>,
}

impl Filled {
    /// The field, the value, and what keeps it from being written.
    pub fn sentence(&self) -> String {
        let unless = self.unless_set.as_deref().and_then(|field| field.rsplit('.').next());
        let unless = unless.map(|field| format!(", unless {field} is set")).unwrap_or_default();
        format!("{}: {}{unless}", self.field, self.value)
    }
}

/// The values, in the order in which they are written. That every policy copies the pod's own seccomp field into its
/// annotation is left out: it says nothing about a policy.
pub fn filled(fills: &[Fill]) -> Vec<Filled> {
    fills.iter().flat_map(of).collect()
}

fn of(fill: &Fill) -> Vec<Filled> {
    match fill {
        Fill::SetIfAbsent { at, value, unless_set } => {
            vec![Filled { field: path(*at), value: json_of(value), unless_set: unless_set.map(path) }]
        }
        Fill::Capabilities { add, drop } => {
            let lists = [("add", add), ("drop", drop)].into_iter().filter(|(_, names)| !names.is_empty());
            let field = |list| container(&format!("securityContext.capabilities.{list}"));
            lists.map(|(list, names)| Filled { field: field(list), value: json!(names), unless_set: None }).collect()
        }
        Fill::CopySeccompToAnnotation => Vec::new(),
    }
}

/// Where a fact that policies fill in stands in a pod.
fn path(field: Field) -> String {
    let pod = |name: &str| format!("spec.{name}");
    match field {
        Field::FsGroup => pod("securityContext.fsGroup"),
        Field::SupplementalGroups => pod("securityContext.supplementalGroups"),
        Field::PodSeLinuxLevel => pod("securityContext.seLinuxOptions"),
        Field::RuntimeClassName => pod("runtimeClassName"),
        Field::PodSeccomp => format!("metadata.annotations[{POD_SECCOMP_ANNOTATION}]"),
        Field::AppArmor => format!("metadata.annotations[{APP_ARMOR_ANNOTATION}*]"),
        Field::RunAsUser => container("securityContext.runAsUser"),
        Field::RunAsGroup => container("securityContext.runAsGroup"),
        Field::RunAsNonRoot => container("securityContext.runAsNonRoot"),
        Field::ReadOnlyRootFilesystem => container("securityContext.readOnlyRootFilesystem"),
        Field::AllowPrivilegeEscalation => container("securityContext.allowPrivilegeEscalation"),
        // No policy fills in anything else.
        other => format!("{other:?}"),
    }
}

fn container(field: &str) -> String {
    format!("spec.containers[*].{field}")
}

fn json_of(setting: &Setting) -> Value {
    match setting {
        Setting::Bool(value) => json!(value),
        Setting::Int(id) => json!(id),
        Setting::Ints(ids) => json!(ids),
        Setting::Text(text) => json!(text),
        Setting::SeLinux(options) => se_linux(options),
    }
}

fn se_linux(options: &SeLinuxOptions) -> Value {
    let SeLinuxOptions { user, role, type_, level } = options;
    let parts = [("user", user), ("role", role), ("type", type_), ("level", level)];
    let set = parts.into_iter().filter(|(_, value)| !value.is_empty());
    Value::Object(set.map(|(key, value)| (key.to_owned(), json!(value))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(fill: &Fill) -> Vec<String> {
        of(fill).iter().map(|filled| format!("{} = {}", filled.field, filled.value)).collect()
    }

    #[test]
    fn values_go_where_the_api_has_them() {
        let user = Fill::set(Field::RunAsUser, Setting::Int(1));
        assert_eq!(texts(&user), ["spec.containers[*].securityContext.runAsUser = 1"]);
        let groups = Fill::set(Field::SupplementalGroups, Setting::Ints(vec![5]));
        assert_eq!(texts(&groups), ["spec.securityContext.supplementalGroups = [5]"]);
    }

    #[test]
    fn empty_capability_lists_are_not_filled_in() {
        let drop = Fill::Capabilities { add: vec![], drop: vec!["ALL".to_owned()] };
        assert_eq!(texts(&drop), [r#"spec.containers[*].securityContext.capabilities.drop = ["ALL"]"#]);
    }

    #[test]
    fn a_field_that_stands_in_for_the_value_is_told() {
        let unless_set = Some(Field::RunAsUser);
        let fill = Fill::SetIfAbsent { at: Field::RunAsNonRoot, value: Setting::Bool(true), unless_set };
        let filled = filled(&[fill, Fill::CopySeccompToAnnotation]);
        assert_eq!(filled.len(), 1);
        assert_eq!(filled[0].unless_set.as_deref(), Some("spec.containers[*].securityContext.runAsUser"));
    }

    #[test]
    fn absent_parts_of_an_se_linux_context_are_left_out() {
        let options = SeLinuxOptions { type_: "spc_t".to_owned(), ..SeLinuxOptions::default() };
        assert_eq!(se_linux(&options), json!({"type": "spc_t"}));
    }
}
