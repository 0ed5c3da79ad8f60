//! Users, groups and SELinux contexts.

use super::{Looked, Oddity, listed};
use crate::psp::IdStrategy;

pub(super) const ODDITIES: &[Oddity] = &[
    Oddity { code: "run-as-user-root", find: root_in_range },
    Oddity { code: "ranges-ignored", find: ranges_ignored },
    Oddity { code: "se-linux-options-ignored", find: se_linux_options_ignored },
];

fn root_in_range(looked: &Looked<'_>) -> Option<String> {
    let strategy = &looked.policy.spec.run_as_user;
    let root = strategy.rule == "MustRunAs" && strategy.ranges().iter().any(|range| range.contains(0));
    let filled = strategy.ranges().first().is_some_and(|range| range.min == 0);
    let more = if filled { ", and 0 is what is filled in where a pod names no user" } else { "" };
    root.then(|| format!("the ranges of `runAsUser` hold 0: containers may run as root{more}"))
}

fn ranges_ignored(looked: &Looked<'_>) -> Option<String> {
    let spec = &looked.policy.spec;
    let ignored = |strategy: &IdStrategy| {
        matches!(strategy.rule.as_str(), "RunAsAny" | "MustRunAsNonRoot") && !strategy.ranges().is_empty()
    };
    let strategies = [
        ("runAsUser", Some(&spec.run_as_user)),
        ("runAsGroup", spec.run_as_group.as_ref()),
        ("supplementalGroups", Some(&spec.supplemental_groups)),
        ("fsGroup", Some(&spec.fs_group)),
    ];
    let fields = strategies.into_iter().filter(|(_, strategy)| strategy.is_some_and(ignored)).map(|(field, _)| field);
    let fields: Vec<&str> = fields.collect();
    let text = format!(
        "the ranges of {} have no effect under their rule: only `MustRunAs` and `MayRunAs` read ranges",
        listed(fields.iter().copied())
    );
    (!fields.is_empty()).then_some(text)
}

fn se_linux_options_ignored(looked: &Looked<'_>) -> Option<String> {
    let strategy = &looked.policy.spec.se_linux;
    let text = "`seLinuxOptions` have no effect under the rule `RunAsAny`: every context passes and none is filled in";
    (strategy.rule == "RunAsAny" && strategy.se_linux_options.is_some()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::codes;
    use super::*;

    fn found(spec: Value) -> Vec<&'static str> {
        codes(ODDITIES, spec)
    }

    #[test]
    fn ranges_may_let_root_in() {
        let with =
            |rule: &str, min: i64| found(json!({"runAsUser": {"rule": rule, "ranges": [{"min": min, "max": 9}]}}));
        assert_eq!(with("MustRunAs", 0), ["run-as-user-root"]);
        assert!(with("MustRunAs", 1).is_empty());
    }

    #[test]
    fn ranges_under_a_rule_that_reads_none_are_ignored() {
        let strategy = json!({"rule": "RunAsAny", "ranges": [{"min": 1, "max": 9}]});
        assert_eq!(found(json!({"fsGroup": strategy})), ["ranges-ignored"]);
        assert!(found(json!({"fsGroup": {"rule": "MayRunAs", "ranges": [{"min": 1, "max": 9}]}})).is_empty());
    }

    #[test]
    fn se_linux_options_need_their_rule() {
        let options = json!({"level": "s0"});
        let with = |rule: &str| found(json!({"seLinux": {"rule": rule, "seLinuxOptions": options}}));
        assert_eq!(with("RunAsAny"), ["se-linux-options-ignored"]);
        assert!(with("MustRunAs").is_empty());
    }
}
