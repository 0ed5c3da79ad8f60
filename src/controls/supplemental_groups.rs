//! `supplementalGroups`: which further groups a pod's processes may have.
//!
//! * Policy field: `spec.supplementalGroups` with rule `MustRunAs`, `MayRunAs` (ids in `ranges`) or `RunAsAny`.
//! * Pod field: `spec.securityContext.supplementalGroups`; `fsGroup` does not count among them.
//! * `MustRunAs` fills an absent list with the lowest id of the *first* range. An explicit empty list is not absent: it
//!   is not filled, and then `MustRunAs` refuses it. `MayRunAs` takes both.

use serde_json::{Value, json};

use super::groups::{GroupRule, print_groups};
use super::{Control, Denials, Parsed, Requirement};
use crate::constraint::{Axis, Constraint, Fill, Items, Place, Setting, Test, edge_ids};
use crate::field_error::FieldError;
use crate::pod_view::{Field, PodView};
use crate::psp::PodSecurityPolicy;
use crate::release::Release;

pub(super) static CONTROL: Control =
    Control { name: "supplementalGroups", owns: &[Field::SupplementalGroups, Field::SupplementalGroup], parse };

const PATH: &str = "spec.securityContext.supplementalGroups";

fn parse(policy: &PodSecurityPolicy, _: &Release) -> Parsed {
    let rule = GroupRule::parse(&policy.spec.supplemental_groups, "SupplementalGroups")?;
    Ok(rule.map(|rule| Box::new(SupplementalGroups(rule)) as _))
}

struct SupplementalGroups(GroupRule);

impl SupplementalGroups {
    fn must_run_as(&self) -> bool {
        self.0.fill.is_some()
    }
}

impl Requirement for SupplementalGroups {
    fn fills(&self) -> Vec<Fill> {
        let fill = |id| Fill::set(Field::SupplementalGroups, Setting::Ints(vec![id]));
        self.0.fill.map(fill).into_iter().collect()
    }

    fn admit_pod(&self, pod: &PodView<'_>, denials: &mut Denials) {
        let Some(groups) = pod.supplemental_groups.as_deref() else {
            return;
        };
        if groups.is_empty() && self.must_run_as() {
            let detail = "unable to validate empty groups against required ranges";
            denials.add(|| FieldError::invalid(PATH, print_groups(groups), detail));
        }
        for group in groups.iter().filter(|group| !self.0.allows(**group)) {
            denials.add(|| self.0.denial(PATH.to_owned(), groups, *group));
        }
    }

    fn constraint(&self) -> Constraint {
        let list = |test| Constraint::Field(Field::SupplementalGroups, Test::not(test));
        let each = Constraint::Field(Field::SupplementalGroup, self.0.in_ranges());
        let not_empty = self.must_run_as().then(|| list(Test::Empty));
        let not_absent = (!self.0.admits_silence()).then(|| list(Test::Absent));
        let each = Constraint::each(Items::SupplementalGroups, each);
        Constraint::all(not_empty.into_iter().chain(not_absent).chain([each]))
    }

    fn boundary(&self) -> Vec<Axis> {
        let ids = edge_ids(&self.0.ranges);
        let first = self.0.ranges.first().map_or(0, |range| range.min);
        let lists = ids.iter().flat_map(|id| [json!([id]), json!([first, id])]);
        let values = [Value::Null, json!([])].into_iter().chain(lists);
        vec![Axis::new(Place::PodContext("supplementalGroups"), values)]
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, filled, lowering_is_faithful, unusable};
    use super::*;

    fn policy(rule: &str) -> Value {
        json!({"supplementalGroups": {"rule": rule, "ranges": [{"min": 1, "max": 2}, {"min": 5, "max": 5}]}})
    }

    fn groups(groups: &[i64]) -> Value {
        json!({"securityContext": {"supplementalGroups": groups}})
    }

    #[test]
    fn every_group_outside_is_told_with_the_whole_list() {
        check(
            &CONTROL,
            policy("MayRunAs"),
            groups(&[1, 7, 9]),
            &[
                "spec.securityContext.supplementalGroups: Invalid value: []int64{1, 7, 9}: group 7 must be in the ranges: [{1 2} {5 5}]",
                "spec.securityContext.supplementalGroups: Invalid value: []int64{1, 7, 9}: group 9 must be in the ranges: [{1 2} {5 5}]",
            ],
        );
    }

    #[test]
    fn an_empty_list_is_neither_filled_nor_admitted_by_must_run_as() {
        check(
            &CONTROL,
            policy("MustRunAs"),
            groups(&[]),
            &[
                "spec.securityContext.supplementalGroups: Invalid value: []int64{}: unable to validate empty groups against required ranges",
            ],
        );
        check(&CONTROL, policy("MayRunAs"), groups(&[]), &[]);
    }

    #[test]
    fn an_absent_list_is_filled_by_must_run_as_only() {
        assert_eq!(filled(&CONTROL, policy("MustRunAs"), json!({})), groups(&[1]));
        assert_eq!(filled(&CONTROL, policy("MayRunAs"), json!({})), json!({}));
    }

    #[test]
    fn the_fs_group_does_not_count() {
        let pod = json!({"securityContext": {"supplementalGroups": [5], "fsGroup": 7}});
        check(&CONTROL, policy("MustRunAs"), pod, &[]);
    }

    #[test]
    fn an_absent_rule_drops_the_policy() {
        let policy = json!({"supplementalGroups": {}});
        assert_eq!(unusable(&CONTROL, policy), "Unrecognized SupplementalGroups strategy type ");
    }

    #[test]
    fn the_constraint_says_what_the_check_says() {
        let ranges = json!([{"min": 9, "max": 5}, {"min": 1, "max": 2}]);
        let inverted = json!({"supplementalGroups": {"rule": "MustRunAs", "ranges": ranges}});
        lowering_is_faithful(&CONTROL, &[policy("MustRunAs"), policy("MayRunAs"), inverted]);
    }
}
