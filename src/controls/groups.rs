//! What `runAsGroup`, `supplementalGroups` and `fsGroup` share: ids in ranges, and one text for a group outside them.
//!
//! Source: `pkg/security/podsecuritypolicy/group`.

use super::Unusable;
use crate::constraint::Test;
use crate::field_error::FieldError;
use crate::psp::{IdRange, IdStrategy, print_ranges};

/// The rule `MustRunAs` or `MayRunAs`.
pub(super) struct GroupRule {
    /// What `MustRunAs` fills in: the lowest id of the *first* range. `MayRunAs` fills nothing in.
    pub(super) fill: Option<i64>,
    /// The allowed groups.
    pub(super) ranges: Vec<IdRange>,
}

impl GroupRule {
    /// Reads a strategy: `None` for `RunAsAny`. `control` is the control's name in upstream's message.
    pub(super) fn parse(strategy: &IdStrategy, control: &str) -> Result<Option<Self>, Unusable> {
        let fill = match (strategy.rule.as_str(), strategy.ranges()) {
            ("RunAsAny", _) => return Ok(None),
            ("MustRunAs", [first, ..]) => Some(first.min),
            ("MayRunAs", [_, ..]) => None,
            (rule @ ("MustRunAs" | "MayRunAs"), []) => {
                return Err(Unusable(format!("ranges must be supplied for {rule}")));
            }
            (rule, _) => return Err(Unusable(format!("Unrecognized {control} strategy type {rule}"))),
        };
        let ranges = strategy.ranges().to_vec();
        Ok(Some(Self { fill, ranges }))
    }

    /// Whether the group lies in one of the ranges.
    pub(super) fn allows(&self, group: i64) -> bool {
        self.ranges.iter().any(|range| range.contains(group))
    }

    /// Whether a pod that names no group passes. Nothing but an inverted first range, which the API refuses, prevents it.
    pub(super) fn admits_silence(&self) -> bool {
        self.fill.is_none_or(|group| self.allows(group))
    }

    /// The group lies in one of the ranges.
    pub(super) fn in_ranges(&self) -> Test {
        Test::InRanges(self.ranges.clone())
    }

    /// Denies `group`, one of `groups`.
    pub(super) fn denial(&self, field: String, groups: &[i64], group: i64) -> FieldError {
        let ranges = print_ranges(&self.ranges);
        let detail = format!("group {group} must be in the ranges: {ranges}");
        FieldError::invalid(field, print_groups(groups), detail)
    }
}

/// Groups as Go prints them in messages: `[]int64{1, 7}`.
pub(super) fn print_groups(groups: &[i64]) -> String {
    let list: Vec<String> = groups.iter().map(i64::to_string).collect();
    format!("[]int64{{{}}}", list.join(", "))
}
