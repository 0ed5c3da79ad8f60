//! Capabilities: which ones containers may add, which are added for them, and which they must drop.
//!
//! * Policy fields: `spec.defaultAddCapabilities`, `spec.requiredDropCapabilities`, `spec.allowedCapabilities`; absent
//!   means none. `*` among the allowed ones lifts every limit, and still leaves the other two lists in force.
//! * Pod fields: `<container>.securityContext.capabilities.add` and `drop`.
//! * Fills in both lists of every container; see [`Fill::Capabilities`].
//!
//! Names are plain, case-sensitive strings: `CAP_NET_ADMIN` is not `NET_ADMIN`, and `ALL` is an ordinary name. A dropped
//! capability never harms, and a required drop is never missing, because it was filled in. A capability that is both
//! added by the pod and required to be dropped ends up in both lists, and is judged as an added one.
//! Source: `pkg/security/podsecuritypolicy/capabilities`.

use serde_json::{Value, json};

use super::{Control, Denials, Parsed, Requirement};
use crate::constraint::{Axis, Constraint, Fill, Items, Place, Test, edge_names};
use crate::field_error::{FieldError, go_quote};
use crate::pod_view::{Container, Field, PodView};
use crate::psp::PodSecurityPolicy;
use crate::release::Release;

pub(super) static CONTROL: Control = Control { name: "capabilities", owns: &[Field::AddedCapability], parse };

fn parse(policy: &PodSecurityPolicy, _: &Release) -> Parsed {
    let spec = &policy.spec;
    let (default_add, required_drop) = (&spec.default_add_capabilities, &spec.required_drop_capabilities);
    let is_wildcard = spec.allowed_capabilities.iter().any(|name| name == "*");
    if is_wildcard && default_add.is_empty() && required_drop.is_empty() {
        return Ok(None);
    }
    let addable = || default_add.iter().chain(&spec.allowed_capabilities).cloned().collect();
    Ok(Some(Box::new(CapabilityLists {
        default_add: default_add.clone(),
        required_drop: required_drop.clone(),
        addable: (!is_wildcard).then(addable),
    })))
}

struct CapabilityLists {
    default_add: Vec<String>,
    required_drop: Vec<String>,
    /// What a container may end up adding; `None` for anything.
    addable: Option<Vec<String>>,
}

impl Requirement for CapabilityLists {
    fn fills(&self) -> Vec<Fill> {
        if self.default_add.is_empty() && self.required_drop.is_empty() {
            return Vec::new();
        }
        vec![Fill::Capabilities { add: self.default_add.clone(), drop: self.required_drop.clone() }]
    }

    fn admit_container(&self, _: &PodView<'_>, container: &Container<'_>, denials: &mut Denials) {
        let (Some(addable), Some(own)) = (&self.addable, &container.capabilities) else {
            return;
        };
        for added in &own.add {
            if !addable.iter().any(|name| name == added) {
                denials.add(|| {
                    let field = format!("{container}.securityContext.capabilities.add");
                    FieldError::invalid(field, go_quote(added), "capability may not be added")
                });
            }
        }
    }

    fn constraint(&self) -> Constraint {
        let Some(addable) = &self.addable else {
            return Constraint::Always;
        };
        let one = Constraint::Field(Field::AddedCapability, Test::OneOf(addable.clone()));
        Constraint::each(Items::Containers, Constraint::each(Items::AddedCapabilities, one))
    }

    fn boundary(&self) -> Vec<Axis> {
        let special = ["ALL", "NET_ADMIN", "CAP_NET_ADMIN"].map(str::to_owned);
        let mentioned: Vec<&String> =
            self.addable.iter().flatten().chain(&self.default_add).chain(&self.required_drop).collect();
        let names = edge_names(mentioned.iter().copied().chain(&special));
        let lists = names
            .iter()
            .flat_map(|name| [json!({"add": [name]}), json!({"drop": [name]}), json!({"add": [name], "drop": [name]})]);
        let unsorted = || mentioned.iter().rev().chain(&mentioned);
        let all = json!({"add": unsorted().collect::<Vec<_>>(), "drop": unsorted().collect::<Vec<_>>()});
        let silent = [Value::Null, json!({}), json!({"add": [], "drop": []}), all];
        vec![Axis::new(Place::ContainerContext("capabilities"), silent.into_iter().chain(lists))]
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, filled, lowering_is_faithful};
    use super::*;

    fn container(capabilities: &Value) -> Value {
        json!({"containers": [{"securityContext": {"capabilities": capabilities}}]})
    }

    #[track_caller]
    fn fills(policy: Value, before: Value, after: Value) {
        assert_eq!(filled(&CONTROL, policy, container(&before)), container(&after));
    }

    #[test]
    fn names_are_compared_literally() {
        for name in ["CAP_NET_ADMIN", "net_admin", "SYS_ADMIN"] {
            check(
                &CONTROL,
                json!({"allowedCapabilities": ["NET_ADMIN", "ALL"]}),
                container(&json!({"add": [name, "NET_ADMIN", "ALL"]})),
                &[&format!(
                    "spec.containers[0].securityContext.capabilities.add: Invalid value: \"{name}\": capability may not be added"
                )],
            );
        }
    }

    #[test]
    fn a_wildcard_lifts_the_limit_and_still_adds() {
        let policy = json!({"allowedCapabilities": ["*"], "defaultAddCapabilities": ["CHOWN"]});
        check(&CONTROL, policy.clone(), container(&json!({"add": ["SYS_ADMIN"]})), &[]);
        fills(policy, json!({"add": ["SYS_ADMIN"]}), json!({"add": ["CHOWN", "SYS_ADMIN"]}));
    }

    #[test]
    fn dropping_all_does_not_satisfy_a_required_drop() {
        let policy = json!({"requiredDropCapabilities": ["KILL"]});
        fills(policy, json!({"drop": ["ALL"]}), json!({"drop": ["ALL", "KILL"]}));
    }

    #[test]
    fn adding_what_must_be_dropped_is_refused() {
        let policy = json!({"requiredDropCapabilities": ["KILL"]});
        let pod = json!({"add": ["KILL"]});
        fills(policy.clone(), pod.clone(), json!({"add": ["KILL"], "drop": ["KILL"]}));
        check(
            &CONTROL,
            policy,
            container(&pod),
            &[
                "spec.containers[0].securityContext.capabilities.add: Invalid value: \"KILL\": capability may not be added",
            ],
        );
    }

    #[test]
    fn a_dropped_default_is_not_added() {
        let policy = json!({"defaultAddCapabilities": ["CHOWN"]});
        fills(policy, json!({"drop": ["CHOWN"]}), json!({"drop": ["CHOWN"]}));
    }

    #[test]
    fn untouched_lists_keep_order_and_duplicates_and_touched_ones_do_not() {
        let lists = json!({"add": ["B", "A", "B"], "drop": ["Z", "Y", "Z"]});
        let policy = |drop| json!({"allowedCapabilities": ["A", "B"], "requiredDropCapabilities": [drop]});
        fills(policy("Y"), lists.clone(), lists.clone());
        fills(policy("X"), lists, json!({"add": ["A", "B"], "drop": ["X", "Y", "Z"]}));
    }

    #[test]
    fn duplicates_are_told_twice_unless_filling_removed_them() {
        let text =
            "spec.containers[0].securityContext.capabilities.add: Invalid value: \"B\": capability may not be added";
        let pod = container(&json!({"add": ["B", "B"]}));
        check(&CONTROL, json!({}), pod.clone(), &[text, text]);
        check(&CONTROL, json!({"requiredDropCapabilities": ["X"]}), pod, &[text]);
    }

    #[test]
    fn nothing_is_written_where_nothing_is_demanded() {
        let policy = json!({"allowedCapabilities": ["A"]});
        for lists in [json!({}), json!(null), json!({"add": []})] {
            fills(policy.clone(), lists.clone(), lists);
        }
    }

    #[test]
    fn the_constraint_says_what_the_check_says() {
        lowering_is_faithful(
            &CONTROL,
            &[
                json!({}),
                json!({"allowedCapabilities": ["NET_ADMIN", "ALL"]}),
                json!({"allowedCapabilities": ["A"], "defaultAddCapabilities": ["B"], "requiredDropCapabilities": ["C"]}),
                json!({"defaultAddCapabilities": ["A", "B"], "requiredDropCapabilities": ["B"]}),
                json!({"allowedCapabilities": ["*"], "requiredDropCapabilities": ["B"]}),
                json!({"allowedCapabilities": ["*"]}),
            ],
        );
    }
}
