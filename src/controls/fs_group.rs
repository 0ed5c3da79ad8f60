//! `fsGroup`: which group may own a pod's volumes.
//!
//! * Policy field: `spec.fsGroup` with rule `MustRunAs`, `MayRunAs` (ids in `ranges`) or `RunAsAny`.
//! * Pod field: `spec.securityContext.fsGroup`; `supplementalGroups` and `fsGroupChangePolicy` do not matter.
//! * `MustRunAs` fills in the lowest id of the *first* range; `MayRunAs` lets an absent group be.

use super::groups::GroupRule;
use super::{Control, Denials, Parsed, Requirement};
use crate::constraint::{Axis, Constraint, Fill, Place, Setting};
use crate::pod_view::{Field, PodView};
use crate::psp::PodSecurityPolicy;
use crate::release::Release;

pub(super) static CONTROL: Control = Control { name: "fsGroup", owns: &[Field::FsGroup], parse };

fn parse(policy: &PodSecurityPolicy, _: &Release) -> Parsed {
    let rule = GroupRule::parse(&policy.spec.fs_group, "FSGroup")?;
    Ok(rule.map(|rule| Box::new(FsGroup(rule)) as _))
}

struct FsGroup(GroupRule);

impl Requirement for FsGroup {
    fn fills(&self) -> Vec<Fill> {
        let fill = |id| Fill::set(Field::FsGroup, Setting::Int(id));
        self.0.fill.map(fill).into_iter().collect()
    }

    fn admit_pod(&self, pod: &PodView<'_>, denials: &mut Denials) {
        if let Some(group) = pod.fs_group
            && !self.0.allows(group)
        {
            denials.add(|| self.0.denial("spec.securityContext.fsGroup".to_owned(), &[group], group));
        }
    }

    fn constraint(&self) -> Constraint {
        Constraint::defaulted(Field::FsGroup, self.0.in_ranges(), self.0.admits_silence())
    }

    fn boundary(&self) -> Vec<Axis> {
        vec![Axis::ids(Place::PodContext("fsGroup"), &self.0.ranges)]
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::{check, filled, lowering_is_faithful, unusable};
    use super::*;

    fn policy(rule: &str) -> Value {
        json!({"fsGroup": {"rule": rule, "ranges": [{"min": 10, "max": 20}, {"min": 0, "max": 0}]}})
    }

    #[test]
    fn a_group_outside_is_refused() {
        for rule in ["MustRunAs", "MayRunAs"] {
            check(
                &CONTROL,
                policy(rule),
                json!({"securityContext": {"fsGroup": 7}}),
                &[
                    "spec.securityContext.fsGroup: Invalid value: []int64{7}: group 7 must be in the ranges: [{10 20} {0 0}]",
                ],
            );
        }
    }

    #[test]
    fn the_first_range_is_filled_in() {
        let expected = json!({"securityContext": {"fsGroup": 10}});
        assert_eq!(filled(&CONTROL, policy("MustRunAs"), json!({})), expected);
        assert_eq!(filled(&CONTROL, policy("MayRunAs"), json!({})), json!({}));
    }

    #[test]
    fn supplemental_groups_do_not_matter() {
        let pod = json!({"securityContext": {"supplementalGroups": [7], "fsGroup": 0}});
        check(&CONTROL, policy("MustRunAs"), pod, &[]);
    }

    #[test]
    fn missing_ranges_drop_the_policy() {
        let policy = json!({"fsGroup": {"rule": "MustRunAs"}});
        assert_eq!(unusable(&CONTROL, policy), "ranges must be supplied for MustRunAs");
        let policy = json!({"fsGroup": {"rule": "Any"}});
        assert_eq!(unusable(&CONTROL, policy), "Unrecognized FSGroup strategy type Any");
    }

    #[test]
    fn the_constraint_says_what_the_check_says() {
        let inverted =
            json!({"fsGroup": {"rule": "MustRunAs", "ranges": [{"min": 9, "max": 5}, {"min": 1, "max": 2}]}});
        lowering_is_faithful(&CONTROL, &[policy("MustRunAs"), policy("MayRunAs"), inverted]);
    }
}
