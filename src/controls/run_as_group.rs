//! `runAsGroup`: which primary group ids containers may run as.
//!
//! * Policy field: `spec.runAsGroup` with rule `MustRunAs`, `MayRunAs` (ids in `ranges`) or `RunAsAny`; absent means
//!   `RunAsAny`.
//! * Pod field: `runAsGroup` of the container, else of the pod; only containers are judged.
//! * `MustRunAs` fills in the lowest id of the *first* range, on the container; `MayRunAs` lets an absent group be.
//!
//! Upstream names the container's `securityContext` in its message, not the field in it.

use super::groups::GroupRule;
use super::{Control, Denials, Parsed, Requirement};
use crate::constraint::{Axis, Constraint, Fill, Items, Place, Setting};
use crate::pod_view::{Container, Field, PodView};
use crate::psp::PodSecurityPolicy;
use crate::release::Release;

pub(super) static CONTROL: Control = Control { name: "runAsGroup", owns: &[Field::RunAsGroup], parse };

fn parse(policy: &PodSecurityPolicy, _: &Release) -> Parsed {
    let Some(strategy) = &policy.spec.run_as_group else {
        return Ok(None);
    };
    let rule = GroupRule::parse(strategy, "RunAsGroup")?;
    Ok(rule.map(|rule| Box::new(RunAsGroup(rule)) as _))
}

struct RunAsGroup(GroupRule);

impl Requirement for RunAsGroup {
    fn fills(&self) -> Vec<Fill> {
        let fill = |id| Fill::set(Field::RunAsGroup, Setting::Int(id));
        self.0.fill.map(fill).into_iter().collect()
    }

    fn admit_container(&self, pod: &PodView<'_>, container: &Container<'_>, denials: &mut Denials) {
        if let Some(group) = pod.effective_run_as_group(container)
            && !self.0.allows(group)
        {
            denials.add(|| self.0.denial(format!("{container}.securityContext"), &[group], group));
        }
    }

    fn constraint(&self) -> Constraint {
        let group = Constraint::defaulted(Field::RunAsGroup, self.0.in_ranges(), self.0.admits_silence());
        Constraint::each(Items::Containers, group)
    }

    fn boundary(&self) -> Vec<Axis> {
        vec![
            Axis::ids(Place::PodContext("runAsGroup"), &self.0.ranges),
            Axis::ids(Place::ContainerContext("runAsGroup"), &self.0.ranges),
        ]
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::{check, filled, lowering_is_faithful, unusable};
    use super::*;

    fn policy(rule: &str) -> Value {
        json!({"runAsGroup": {"rule": rule, "ranges": [{"min": 1, "max": 2}, {"min": 5, "max": 5}]}})
    }

    #[test]
    fn a_group_outside_is_told_of_the_security_context() {
        check(
            &CONTROL,
            policy("MayRunAs"),
            json!({"containers": [{"securityContext": {"runAsGroup": 7}}]}),
            &[
                "spec.containers[0].securityContext: Invalid value: []int64{7}: group 7 must be in the ranges: [{1 2} {5 5}]",
            ],
        );
    }

    #[test]
    fn a_group_of_the_pod_is_inherited_unless_overridden() {
        check(
            &CONTROL,
            policy("MustRunAs"),
            json!({"securityContext": {"runAsGroup": 7}, "containers": [{"securityContext": {"runAsGroup": 5}}]}),
            &[],
        );
    }

    #[test]
    fn must_run_as_fills_the_container_and_may_run_as_nothing() {
        let pod = json!({"containers": [{}]});
        let expected = json!({"containers": [{"securityContext": {"runAsGroup": 1}}]});
        assert_eq!(filled(&CONTROL, policy("MustRunAs"), pod.clone()), expected);
        assert_eq!(filled(&CONTROL, policy("MayRunAs"), pod.clone()), pod);
    }

    #[test]
    fn an_absent_strategy_leaves_the_group_free() {
        let pod = json!({"containers": [{"securityContext": {"runAsGroup": 7}}]});
        check(&CONTROL, json!({}), pod, &[]);
    }

    #[test]
    fn an_unknown_rule_drops_the_policy() {
        let policy = json!({"runAsGroup": {"rule": "MustRunAsNonRoot"}});
        assert_eq!(unusable(&CONTROL, policy), "Unrecognized RunAsGroup strategy type MustRunAsNonRoot");
        let policy = json!({"runAsGroup": {"rule": "MayRunAs", "ranges": []}});
        assert_eq!(unusable(&CONTROL, policy), "ranges must be supplied for MayRunAs");
    }

    #[test]
    fn the_constraint_says_what_the_check_says() {
        let inverted =
            json!({"runAsGroup": {"rule": "MustRunAs", "ranges": [{"min": 9, "max": 5}, {"min": 1, "max": 2}]}});
        lowering_is_faithful(&CONTROL, &[policy("MustRunAs"), policy("MayRunAs"), inverted]);
    }
}
