//! `runAsUser`, `runAsGroup`, `seLinux`, `supplementalGroups`, `fsGroup`: the rule must be one of the field's own, the
//! ranges must be ranges.
//!
//! Only `runAsGroup` demands or forbids ranges by its rule. Elsewhere a missing list is accepted although the policy is
//! then of no use, and `seLinux` may demand a context without naming one.

use crate::field_error::FieldError;
use crate::psp::{IdRange, IdStrategy, Spec};

pub(super) fn errors(spec: &Spec) -> Vec<FieldError> {
    const USER_RULES: [&str; 3] = ["MustRunAs", "MustRunAsNonRoot", "RunAsAny"];
    const GROUP_RULES: [&str; 3] = ["MayRunAs", "MustRunAs", "RunAsAny"];
    const SE_LINUX_RULES: [&str; 2] = ["MustRunAs", "RunAsAny"];
    let run_as_group = spec.run_as_group.as_ref();
    let mut errors = strategy_errors("spec.runAsUser", &spec.run_as_user, &USER_RULES);
    errors.extend(run_as_group.map(run_as_group_errors).unwrap_or_default());
    errors.extend(rule_error("spec.seLinux", &spec.se_linux.rule, &SE_LINUX_RULES));
    errors.extend(strategy_errors("spec.supplementalGroups", &spec.supplemental_groups, &GROUP_RULES));
    errors.extend(strategy_errors("spec.fsGroup", &spec.fs_group, &GROUP_RULES));
    errors
}

fn strategy_errors(field: &str, strategy: &IdStrategy, rules: &[&str]) -> Vec<FieldError> {
    let rule = rule_error(field, &strategy.rule, rules);
    rule.into_iter().chain(range_errors(field, strategy.ranges())).collect()
}

fn rule_error(field: &str, rule: &str, rules: &[&str]) -> Option<FieldError> {
    (!rules.contains(&rule)).then(|| FieldError::not_supported(format!("{field}.rule"), rule, rules))
}

fn run_as_group_errors(strategy: &IdStrategy) -> Vec<FieldError> {
    const FIELD: &str = "spec.runAsGroup";
    let ranges = strategy.ranges();
    let refused = |detail| FieldError::invalid(format!("{FIELD}.ranges"), print(strategy), detail);
    match strategy.rule.as_str() {
        "RunAsAny" if ranges.is_empty() => Vec::new(),
        "RunAsAny" => vec![refused("Ranges must be empty")],
        "MustRunAs" | "MayRunAs" if ranges.is_empty() => vec![refused("must provide at least one range")],
        "MustRunAs" | "MayRunAs" => range_errors(FIELD, ranges).collect(),
        // Here alone the rules are not in alphabetical order.
        rule => rule_error(FIELD, rule, &["MustRunAs", "RunAsAny", "MayRunAs"]).into_iter().collect(),
    }
}

fn range_errors(field: &str, ranges: &[IdRange]) -> impl Iterator<Item = FieldError> {
    let ranges = ranges.iter().enumerate();
    ranges.flat_map(move |(i, IdRange { min, max })| {
        let invalid =
            |end: &str, id: &i64, detail| FieldError::invalid(format!("{field}.ranges[{i}].{end}"), id, detail);
        let checks = [
            (*min < 0).then(|| invalid("min", min, "min cannot be negative")),
            (*max < 0).then(|| invalid("max", max, "max cannot be negative")),
            (min > max).then(|| invalid("min", min, "min cannot be greater than max")),
        ];
        checks.into_iter().flatten()
    })
}

/// Go's `%#v` of the ranges, which tells an absent list from an empty one.
fn print(strategy: &IdStrategy) -> String {
    let print = |range: &IdRange| format!("policy.IDRange{{Min:{}, Max:{}}}", range.min, range.max);
    match &strategy.ranges {
        None => "[]policy.IDRange(nil)".to_owned(),
        Some(ranges) => {
            let list: Vec<String> = ranges.iter().map(print).collect();
            format!("[]policy.IDRange{{{}}}", list.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::check;

    #[test]
    fn every_field_has_rules_of_its_own() {
        let nothing = json!({"rule": "x"});
        check(
            json!({"runAsUser": nothing, "runAsGroup": nothing, "seLinux": nothing, "supplementalGroups": nothing,
                   "fsGroup": {}}),
            &[
                "spec.runAsUser.rule: Unsupported value: \"x\": supported values: \"MustRunAs\", \"MustRunAsNonRoot\", \"RunAsAny\"",
                "spec.runAsGroup.rule: Unsupported value: \"x\": supported values: \"MustRunAs\", \"RunAsAny\", \"MayRunAs\"",
                "spec.seLinux.rule: Unsupported value: \"x\": supported values: \"MustRunAs\", \"RunAsAny\"",
                "spec.supplementalGroups.rule: Unsupported value: \"x\": supported values: \"MayRunAs\", \"MustRunAs\", \"RunAsAny\"",
                "spec.fsGroup.rule: Unsupported value: \"\": supported values: \"MayRunAs\", \"MustRunAs\", \"RunAsAny\"",
            ],
        );
    }

    #[test]
    fn policies_of_no_use_are_accepted() {
        let must = json!({"rule": "MustRunAs"});
        check(
            json!({"runAsUser": must, "seLinux": must, "supplementalGroups": must, "fsGroup": {"rule": "MayRunAs"}}),
            &[],
        );
    }

    #[test]
    fn every_fault_of_a_range_is_told() {
        let user = json!({"rule": "RunAsAny", "ranges": [{"min": 1, "max": 1}, {"min": -1, "max": -2}]});
        check(
            json!({"runAsUser": user}),
            &[
                "spec.runAsUser.ranges[1].min: Invalid value: -1: min cannot be negative",
                "spec.runAsUser.ranges[1].max: Invalid value: -2: max cannot be negative",
                "spec.runAsUser.ranges[1].min: Invalid value: -1: min cannot be greater than max",
            ],
        );
    }

    #[test]
    fn the_group_rule_says_whether_there_are_ranges() {
        let refused = |strategy, value: &str, detail: &str| {
            let error = format!("spec.runAsGroup.ranges: Invalid value: []policy.IDRange{value}: {detail}");
            check(json!({"runAsGroup": strategy}), &[&error]);
        };
        let missing = "must provide at least one range";
        refused(json!({"rule": "MustRunAs"}), "(nil)", missing);
        refused(json!({"rule": "MayRunAs", "ranges": []}), "{}", missing);
        let range = json!({"rule": "RunAsAny", "ranges": [{"min": 9}]});
        refused(range, "{policy.IDRange{Min:9, Max:0}}", "Ranges must be empty");
        check(json!({"runAsGroup": {"rule": "RunAsAny", "ranges": []}}), &[]);
    }
}
