//! `runAsUser`: which user ids containers may run as.
//!
//! * Policy field: `spec.runAsUser` with rule `MustRunAs` (ids in `ranges`), `MustRunAsNonRoot` or `RunAsAny`.
//! * Pod fields: `runAsUser` and `runAsNonRoot` of the container, else of the pod; only containers are judged.
//! * `MustRunAs` fills in the lowest id of the *first* range; `MustRunAsNonRoot` fills in `runAsNonRoot: true` where
//!   neither field is set. Both write to the container, never to the pod.
//!
//! `MustRunAs` does not look at `runAsNonRoot`; `MustRunAsNonRoot` ignores ranges. Source:
//! `pkg/security/podsecuritypolicy/user`.

use super::{Control, Denials, Parsed, Requirement, Unusable};
use crate::constraint::{Axis, Constraint, Fill, Items, Place, Setting, Test};
use crate::field_error::FieldError;
use crate::pod_view::{Container, Field, PodView};
use crate::psp::{IdRange, PodSecurityPolicy, print_ranges};
use crate::release::Release;

pub(super) static CONTROL: Control =
    Control { name: "runAsUser", owns: &[Field::RunAsUser, Field::RunAsNonRoot], parse };

fn parse(policy: &PodSecurityPolicy, _: &Release) -> Parsed {
    let strategy = &policy.spec.run_as_user;
    match (strategy.rule.as_str(), strategy.ranges()) {
        ("MustRunAs", []) => Err(Unusable("MustRunAs requires at least one range".to_owned())),
        ("MustRunAs", [first, ..]) => {
            Ok(Some(Box::new(MustRunAs { fill: first.min, ranges: strategy.ranges().to_vec() })))
        }
        ("MustRunAsNonRoot", _) => Ok(Some(Box::new(MustRunAsNonRoot))),
        ("RunAsAny", _) => Ok(None),
        (rule, _) => Err(Unusable(format!("Unrecognized RunAsUser strategy type {rule}"))),
    }
}

struct MustRunAs {
    fill: i64,
    ranges: Vec<IdRange>,
}

impl Requirement for MustRunAs {
    fn fills(&self) -> Vec<Fill> {
        vec![Fill::set(Field::RunAsUser, Setting::Int(self.fill))]
    }

    fn admit_container(&self, pod: &PodView<'_>, container: &Container<'_>, denials: &mut Denials) {
        let Some(user) = pod.effective_run_as_user(container) else {
            return;
        };
        if !self.ranges.iter().any(|range| range.contains(user)) {
            denials.add(|| {
                let detail = format!("must be in the ranges: {}", print_ranges(&self.ranges));
                FieldError::invalid(format!("{container}.securityContext.runAsUser"), user, detail)
            });
        }
    }

    fn constraint(&self) -> Constraint {
        let fill_passes = self.ranges.iter().any(|range| range.contains(self.fill));
        let in_ranges = Test::InRanges(self.ranges.clone());
        Constraint::each(Items::Containers, Constraint::defaulted(Field::RunAsUser, in_ranges, fill_passes))
    }

    fn boundary(&self) -> Vec<Axis> {
        vec![
            Axis::ids(Place::PodContext("runAsUser"), &self.ranges),
            Axis::ids(Place::ContainerContext("runAsUser"), &self.ranges),
        ]
    }
}

struct MustRunAsNonRoot;

impl Requirement for MustRunAsNonRoot {
    fn fills(&self) -> Vec<Fill> {
        let (at, unless_set) = (Field::RunAsNonRoot, Some(Field::RunAsUser));
        vec![Fill::SetIfAbsent { at, value: Setting::Bool(true), unless_set }]
    }

    fn admit_container(&self, pod: &PodView<'_>, container: &Container<'_>, denials: &mut Denials) {
        let context = || format!("{container}.securityContext");
        if pod.effective_run_as_non_root(container) == Some(false) {
            denials.add(|| FieldError::invalid(format!("{}.runAsNonRoot", context()), false, "must be true"));
        } else if pod.effective_run_as_user(container) == Some(0) {
            let detail = "running with the root UID is forbidden";
            denials.add(|| FieldError::invalid(format!("{}.runAsUser", context()), 0, detail));
        }
    }

    fn constraint(&self) -> Constraint {
        let not_root = Test::not(Test::InRanges(vec![IdRange { min: 0, max: 0 }]));
        let both = Constraint::all([
            Constraint::Field(Field::RunAsNonRoot, Test::not(Test::Is(false))),
            Constraint::Field(Field::RunAsUser, not_root),
        ]);
        Constraint::each(Items::Containers, both)
    }

    fn boundary(&self) -> Vec<Axis> {
        let root = [IdRange { min: 0, max: 0 }];
        vec![
            Axis::ids(Place::PodContext("runAsUser"), &root),
            Axis::ids(Place::ContainerContext("runAsUser"), &root),
            Axis::bools(Place::PodContext("runAsNonRoot")),
            Axis::bools(Place::ContainerContext("runAsNonRoot")),
        ]
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::{check, filled, lowering_is_faithful};
    use super::*;

    fn must_run_as(ranges: Value) -> Value {
        json!({"runAsUser": {"rule": "MustRunAs", "ranges": ranges}})
    }

    #[test]
    fn the_first_range_is_filled_in_even_if_a_later_one_is_lower() {
        let policy = must_run_as(json!([{"min": 100, "max": 200}, {"min": 1, "max": 1}]));
        let pod = json!({"containers": [{}, {"securityContext": {"runAsUser": 1}}]});
        let expected =
            json!({"containers": [{"securityContext": {"runAsUser": 100}}, {"securityContext": {"runAsUser": 1}}]});
        assert_eq!(filled(&CONTROL, policy, pod), expected);
    }

    #[test]
    fn a_pod_level_value_is_inherited_and_not_overwritten() {
        let policy = must_run_as(json!([{"min": 100, "max": 200}]));
        let pod = json!({"securityContext": {"runAsUser": 150}, "containers": [{}]});
        assert_eq!(filled(&CONTROL, policy, pod.clone()), pod);
    }

    #[test]
    fn a_pod_level_value_is_overridden_by_the_container() {
        let pod = json!({"securityContext": {"runAsUser": 5}, "containers": [{"securityContext": {"runAsUser": 7}}]});
        check(
            &CONTROL,
            must_run_as(json!([{"min": 1, "max": 2}, {"min": 5, "max": 5}])),
            pod,
            &["spec.containers[0].securityContext.runAsUser: Invalid value: 7: must be in the ranges: [{1 2} {5 5}]"],
        );
    }

    #[test]
    fn a_false_run_as_non_root_is_refused_whatever_the_user() {
        let policy = json!({"runAsUser": {"rule": "MustRunAsNonRoot"}});
        let pod =
            json!({"securityContext": {"runAsNonRoot": false}, "containers": [{"securityContext": {"runAsUser": 5}}]});
        check(
            &CONTROL,
            policy,
            pod,
            &["spec.containers[0].securityContext.runAsNonRoot: Invalid value: false: must be true"],
        );
    }

    #[test]
    fn root_is_refused_by_must_run_as_non_root() {
        let policy = json!({"runAsUser": {"rule": "MustRunAsNonRoot"}});
        check(
            &CONTROL,
            policy,
            json!({"securityContext": {"runAsUser": 0}, "containers": [{}]}),
            &["spec.containers[0].securityContext.runAsUser: Invalid value: 0: running with the root UID is forbidden"],
        );
    }

    #[test]
    fn the_constraint_says_what_the_check_says() {
        lowering_is_faithful(
            &CONTROL,
            &[
                must_run_as(json!([{"min": 100, "max": 200}, {"min": 1, "max": 1}])),
                must_run_as(json!([{"min": 0, "max": 0}])),
                must_run_as(json!([{"min": 9, "max": 5}, {"min": 1, "max": 2}])),
                json!({"runAsUser": {"rule": "MustRunAsNonRoot"}}),
                json!({"runAsUser": {"rule": "RunAsAny"}}),
            ],
        );
    }
}
